"""A drift verdict as one HTML page, the worst first."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from ..drift import Item, Standing, Verdict
from ..planning import Plan
from .drift_text import STILL_APPLIED, WAYS_OUT, ended_text, nothing_drifted
from .page_parts import addresses, banner, change_row, listed, page, tile
from .tones import STANDING_TONES

_TITLES = {
    Standing.CONFLICT: ("Changed on the server and in the stack, each another way", "conflict"),
    Standing.CHANGED: ("Somebody changed the server", "changed"),
    Standing.PENDING: ("In the stack, but not applied yet", "not applied"),
}
_TILES = {**{standing: word for standing, (_, word) in _TITLES.items()}, Standing.UNMANAGED: "unmanaged"}


def drift_page(verdict: Verdict, plan: Plan, where: str) -> str:
    """The whole page."""
    title = f"Drift check of {plan.environment}"
    return page(title, _body(verdict, title, where))


def _body(verdict: Verdict, title: str, where: str) -> Iterator[str]:
    yield f"<h1>{escape(title)}</h1><p class=faint>{escape(where)}</p>"
    if verdict.drifted:
        yield banner("destroy", f"{len(verdict.drifted)} changed behind the stack's back", (escape(WAYS_OUT),))
    else:
        yield banner("create", nothing_drifted(verdict))
    yield f'<div class="tiles">{"".join(_tiles(verdict))}</div>'
    for standing, (heading, tag) in _TITLES.items():
        items = verdict.of(standing)
        if items:
            rows = "".join(_row(item, tag) for item in items)
            yield f"<h2>{escape(heading)}</h2><div class='box t-{STANDING_TONES[standing]}'>{rows}</div>"
    if verdict.accepted:
        rows = "".join(_row(item, "accepted") for item in verdict.accepted)
        yield f"<h2>Accepted</h2><p class=faint>Until its last day {escape(STILL_APPLIED)}.</p>"
        yield f"<div class='box t-state'>{rows}</div>"
    yield from listed("Notes", verdict.notices)
    unmanaged = verdict.of(Standing.UNMANAGED)
    ended = [item for item in unmanaged if item.ended is not None]
    if ended:
        rows = "".join(_row(item, "unmanaged") for item in ended)
        yield f"<h2>Unmanaged, and no longer accepted</h2><div class='box t-calm'>{rows}</div>"
    others = (str(item.address) for item in unmanaged if item.ended is None)
    yield from addresses("Unmanaged: live, but neither declared nor ours", others)


def _tiles(verdict: Verdict) -> Iterator[str]:
    for standing, word in _TILES.items():
        yield tile(len(verdict.of(standing)), word, STANDING_TONES[standing])
    yield tile(len(verdict.accepted), "accepted", "state")


def _row(item: Item, tag: str) -> str:
    tone = "state" if item.accepted is not None else STANDING_TONES[item.standing]
    return change_row(tag, tone, str(item.address), item.fields, _why(item))


def _why(item: Item) -> Iterator[str]:
    yield item.reason
    if item.accepted is not None:
        yield f"Accepted until {item.accepted.until}: {item.accepted.reason} ({item.accepted.location})"
    if item.ended is not None:
        yield ended_text(item.ended)
