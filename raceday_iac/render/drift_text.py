"""A drift verdict for people and machines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ..drift import Item, Standing, Verdict
from ..linting.findings import Acceptance
from ..planning import Plan
from ..planning.saved import change_document, field_document
from .lines import LIMIT, Line, Sheet, code, plain
from .plan_text import field_cells, field_lines
from .theme import STANDING_TONES, ChangeRow, change_row, page

_SHOWN = 20
WAYS_OUT = "To revert it: raceday-iac apply. To keep it: change the stack until plan shows no changes."
STILL_APPLIED = "the check stays quiet, but apply would still revert them"


def drift_lines(verdict: Verdict, plan: Plan, where: str, *, verbose: bool) -> Iterator[Line]:
    """What drifted with both values, then what is pending, unmanaged and accepted."""
    yield Line(f"Drift check of environment {plan.environment} ({where})", "bold")
    yield Line()
    changed, conflicts = verdict.of(Standing.CHANGED), verdict.of(Standing.CONFLICT)
    if not (changed or conflicts):
        yield Line(nothing_drifted(verdict), "green")
    if changed:
        yield Line(f"Drift: {len(changed)} changed outside of raceday-iac", "bold yellow")
        for item in changed:
            yield from _item_lines(item, "~", "yellow")
    if conflicts:
        yield from _gap(changed)
        yield Line(
            f"Conflict: {len(conflicts)} changed on the server and in the stack, to different values", "bold red"
        )
        for item in conflicts:
            yield from _item_lines(item, "!", "red")
    yield from _pending_lines(verdict.of(Standing.PENDING))
    yield from _unmanaged_lines(verdict.of(Standing.UNMANAGED), verbose=verbose)
    yield from _accepted_lines(verdict.accepted)
    for notice in verdict.notices:
        yield Line()
        yield Line(f"Note: {notice}", "cyan")
    if changed or conflicts:
        yield Line()
        yield Line(WAYS_OUT)


def nothing_drifted(verdict: Verdict) -> str:
    """The good news, as far as it goes."""
    if any(each.standing is not Standing.UNMANAGED for each in verdict.accepted):
        return "No drift except accepted changes."
    return "No drift: nobody changed what the stack manages."


def _gap(before: object) -> Iterator[Line]:
    if before:
        yield Line()


def _item_lines(item: Item, sign: str, style: str) -> Iterator[Line]:
    yield Line(f"  {sign} {item.address}: {item.reason}", style)
    for field in item.fields:
        yield from field_lines(field, direction="on the server → in the stack")
    if item.ended is not None:
        yield Line(f"        {ended_text(item.ended)}", "magenta")


def ended_text(acceptance: Acceptance) -> str:
    """What is said of an acceptance that does not count any more."""
    return f"was accepted until {acceptance.until} ({acceptance.reason}); that is over"


def _pending_lines(items: tuple[Item, ...]) -> Iterator[Line]:
    if not items:
        return
    yield Line()
    yield Line(f"Not applied yet: {len(items)}", "bold")
    for item in items[:_SHOWN]:
        action = item.change.action if item.change else ""
        yield Line(f"  {action} {item.address}: {item.reason}")
    if len(items) > _SHOWN:
        yield Line(f"  and {len(items) - _SHOWN} more; see raceday-iac plan")


def _unmanaged_lines(items: tuple[Item, ...], *, verbose: bool) -> Iterator[Line]:
    ended = [item for item in items if item.ended is not None]
    if items and (verbose or ended):
        yield Line()
        yield Line("Unmanaged: live, but neither declared nor managed", "dim")
    for item in items if verbose else ended:
        yield Line(f"    {item.address}", "dim")
        if item.ended is not None:
            yield Line(f"        {ended_text(item.ended)}", "magenta")


def _accepted_lines(items: tuple[Item, ...]) -> Iterator[Line]:
    if not items:
        return
    yield Line()
    yield Line(f"Accepted: {len(items)}; {STILL_APPLIED}", "blue")
    for item in items:
        if item.accepted is not None:
            yield Line(f"  ✓ {item.address}: until {item.accepted.until}, {item.accepted.reason}", "blue")
        yield from (line for field in item.fields for line in field_lines(field, "dim"))


def drift_document(verdict: Verdict, plan: Plan) -> dict[str, Any]:
    return {
        "environment": plan.environment,
        "drift": [change_document(change) for change in verdict.drifted],
        "pending": [change_document(change) for change in verdict.pending],
        "unmanaged": [str(address) for address in plan.unmanaged],
        "verdicts": [_item_document(item) for item in verdict.items],
        "notices": list(verdict.notices),
        "exitCode": verdict.exit_code,
    }


def _item_document(item: Item) -> dict[str, Any]:
    return {
        "address": str(item.address),
        "verdict": "accepted" if item.accepted else str(item.standing),
        "standing": str(item.standing),
        "reason": item.reason,
        "reasonCode": str(item.why),
        "fields": [field_document(field) for field in item.fields],
        "accepted": _acceptance_document(item.accepted),
        "acceptanceEnded": _acceptance_document(item.ended),
    }


def _acceptance_document(acceptance: Acceptance | None) -> dict[str, Any] | None:
    if acceptance is None:
        return None
    place = acceptance.location
    return {"reason": acceptance.reason, "until": str(acceptance.until), "file": place.file, "line": place.line}


# A drift verdict as Markdown, for issues and job summaries.


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
        sheet.entries(what, head, map(_markdown_row, items), ("",))
    if verdict.drifted:
        sheet.say("To revert it: `raceday-iac apply`. To keep it: change the stack.", "")
    accepted = [_accepted_row(each) for each in verdict.accepted]
    title = f"**✔️ Accepted: {len(accepted)}** ({plain(STILL_APPLIED)})"
    sheet.entries("accepted", (title, "", "| resource | what | until | why |", "|---|---|---|---|"), accepted, ("",))
    sheet.entries("notices", ("**Notes**", ""), (f"- {plain(each)}" for each in verdict.notices), ("",))
    unmanaged = [f"- {code(str(each.address), in_cell=False)}{_ended(each)}" for each in verdict.of(Standing.UNMANAGED)]
    opening = (f"<details><summary>Unmanaged: live, but neither declared nor managed ({len(unmanaged)})</summary>", "")
    sheet.entries("unmanaged", opening, unmanaged, ("", "</details>", ""))
    return sheet.text("`raceday-iac drift` and its HTML report show everything.")


def headline(verdict: Verdict) -> str:
    """The verdict in a few words."""
    counted = (
        (len(verdict.of(Standing.CONFLICT)), "in conflict"),
        (len(verdict.of(Standing.CHANGED)), "changed on the server"),
        (len(verdict.of(Standing.PENDING)), "not applied yet"),
    )
    return ", ".join(f"{number} {what}" for number, what in counted if number) or "matches the configuration"


def _markdown_row(item: Item) -> str:
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


# A drift verdict as one HTML page, the worst first.


_TITLES = {
    Standing.CONFLICT: ("Changed on the server and in the stack, to different values", "conflict"),
    Standing.CHANGED: ("Somebody changed the server", "changed"),
    Standing.PENDING: ("In the stack, but not applied yet", "not applied"),
}
_TILES = {**{standing: word for standing, (_, word) in _TITLES.items()}, Standing.UNMANAGED: "unmanaged"}


def drift_page(verdict: Verdict, plan: Plan, where: str) -> str:
    """The whole page."""
    unmanaged = verdict.of(Standing.UNMANAGED)
    number = len(verdict.drifted)
    return page(
        "drift.html",
        title=f"Drift check of {plan.environment}",
        where=where,
        drifted=f"{number} changed outside of raceday-iac" if number else "",
        ways_out=WAYS_OUT,
        no_drift=nothing_drifted(verdict),
        tiles=list(_tiles(verdict)),
        boxes=list(_boxes(verdict)),
        notices=verdict.notices,
        ended=[_page_row(item, "unmanaged") for item in unmanaged if item.ended is not None],
        unmanaged=[str(item.address) for item in unmanaged if item.ended is None],
    )


def _tiles(verdict: Verdict) -> Iterator[tuple[int, str, str]]:
    """Number, word and tone."""
    for standing, word in _TILES.items():
        yield len(verdict.of(standing)), word, STANDING_TONES[standing]
    yield len(verdict.accepted), "accepted", "state"


def _boxes(verdict: Verdict) -> Iterator[tuple[str, str, str, list[ChangeRow]]]:
    """Heading, note, tone and rows."""
    for standing, (heading, tag) in _TITLES.items():
        yield heading, "", STANDING_TONES[standing], [_page_row(item, tag) for item in verdict.of(standing)]
    note = f"Until its last day {STILL_APPLIED}."
    yield "Accepted", note, "state", [_page_row(item, "accepted") for item in verdict.accepted]


def _page_row(item: Item, tag: str) -> ChangeRow:
    tone = "state" if item.accepted is not None else STANDING_TONES[item.standing]
    return change_row(tag, tone, str(item.address), item.fields, _why(item))


def _why(item: Item) -> Iterator[str]:
    yield item.reason
    if item.accepted is not None:
        yield f"Accepted until {item.accepted.until}: {item.accepted.reason} ({item.accepted.location})"
    if item.ended is not None:
        yield ended_text(item.ended)
