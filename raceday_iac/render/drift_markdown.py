"""A drift verdict as Markdown, for issues and job summaries."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..drift import Item, Standing, Verdict
from ..planning import Plan
from .drift_text import STILL_APPLIED, ended_text, nothing_drifted
from .markdown import LIMIT, Sheet, code, plain
from .plan_markdown import field_cells

_HEAD = ("| resource | on the server → in the stack |", "|---|---|")


def drift_markdown(verdict: Verdict, plan: Plan, where: str, *, limit: int = LIMIT) -> str:
    """The whole verdict within `limit` bytes, the worst first."""
    sheet = Sheet(limit)
    sheet.say(f"## Drift check of {code(plan.environment)}: {headline(verdict)}", "", plain(where), "")
    if not verdict.drifted:
        sheet.say(f"✅ {plain(nothing_drifted(verdict))}", "")
    for title, what, items in (
        ("💥 Changed on the server and in the stack", "conflicts", verdict.of(Standing.CONFLICT)),
        ("⚠️ Somebody changed the server", "changed on the server", verdict.of(Standing.CHANGED)),
        ("⏳ In the stack, but not applied yet", "not applied", verdict.of(Standing.PENDING)),
    ):
        head = (f"**{title}: {len(items)}**", "", *_HEAD)
        sheet.entries(what, head, map(_row, items), ("",))
    if verdict.drifted:
        sheet.say("To put it back: `raceday-iac apply`. To keep it: change the stack.", "")
    accepted = [_accepted_row(each) for each in verdict.accepted]
    title = f"**✔️ Accepted: {len(accepted)}** ({plain(STILL_APPLIED)})"
    sheet.entries("accepted", (title, "", "| resource | what | until | why |", "|---|---|---|---|"), accepted, ("",))
    sheet.entries("notices", ("**Notes**", ""), (f"- {plain(each)}" for each in verdict.notices), ("",))
    unmanaged = [f"- {code(str(each.address), in_cell=False)}{_ended(each)}" for each in verdict.of(Standing.UNMANAGED)]
    opening = (f"<details><summary>Unmanaged: live, but neither declared nor ours ({len(unmanaged)})</summary>", "")
    sheet.entries("unmanaged", opening, unmanaged, ("", "</details>", ""))
    return sheet.text("`raceday-iac drift` and its HTML report show everything.")


def headline(verdict: Verdict) -> str:
    """The verdict in a few words."""
    counted = (
        (len(verdict.of(Standing.CONFLICT)), "in conflict"),
        (len(verdict.of(Standing.CHANGED)), "changed on the server"),
        (len(verdict.of(Standing.PENDING)), "not applied yet"),
    )
    return ", ".join(f"{number} {what}" for number, what in counted if number) or "as the stack says"


def _row(item: Item) -> str:
    return f"| {code(str(item.address))} | {'<br>'.join(_cell(item))} |"


def _cell(item: Item) -> Iterator[str]:
    yield from field_cells(item.fields)
    if not item.fields or item.standing is Standing.PENDING:
        yield f"<sub>{plain(item.reason)}</sub>"
    if item.ended is not None:
        yield f"<sub>{plain(ended_text(item.ended))}</sub>"


def _ended(item: Item) -> str:
    return f" <sub>{plain(ended_text(item.ended))}</sub>" if item.ended is not None else ""


def _accepted_row(item: Item) -> str:
    if item.accepted is None:
        return ""
    what = "<br>".join(_or(field_cells(item.fields), plain(item.reason)))
    return f"| {code(str(item.address))} | {what} | {item.accepted.until} | {plain(item.accepted.reason)} |"


def _or(parts: Iterable[str], otherwise: str) -> list[str]:
    return list(parts) or [otherwise]
