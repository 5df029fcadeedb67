"""A comparison of two environments for people and machines: text, JSON, Markdown, a page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from ..comparison import Comparison, Side, SideDifference, inner_differences
from ..kinds import KINDS
from ..model.address import Address
from ..planning.saved import field_document
from .lines import LIMIT, Line, Sheet, code, plain
from .plan_text import field_cells, field_lines
from .theme import ChangeRow, change_row, page

_DRIFTED, _PENDING, _ACCEPTED, _DECLARED = "Drifted", "Not applied yet", "Drift that is accepted", "As declared"
_STYLES = {_DRIFTED: "yellow", _PENDING: "cyan", _ACCEPTED: "", _DECLARED: ""}
_TONES = {_DRIFTED: "update", _PENDING: "deploy", _ACCEPTED: "calm", _DECLARED: "calm"}
UNMANAGED = "Unmanaged: live, but neither declared nor managed"
NOT_COMPARED = "Not compared"


def _groups(comparison: Comparison) -> Iterator[tuple[str, tuple[SideDifference, ...]]]:
    """By why they differ, what nobody wanted first."""
    yield _DRIFTED, comparison.drifted
    yield _PENDING, comparison.pending
    if comparison.accepted:
        yield _ACCEPTED, comparison.accepted
    yield _DECLARED, comparison.declared


def headline(comparison: Comparison) -> str:
    """What came of it, in a few words."""
    counted = (
        (len(comparison.drifted), "drifted"),
        (len(comparison.pending), "not applied"),
        (len(comparison.accepted), "accepted"),
        (len(comparison.declared), "as declared"),
    )
    found = ", ".join(f"{number} {what}" for number, what in counted if number)
    return found or "the same"


def nothing_wrong(comparison: Comparison) -> str:
    """The good news, as far as it goes; empty where there is none."""
    names = f"{comparison.first.name} and {comparison.second.name}"
    if comparison.drifted or comparison.pending:
        return ""
    reasons = (("as declared", comparison.declared), ("in accepted drift", comparison.accepted))
    found = [what for what, items in reasons if items]
    return f"{names} differ only {' or '.join(found)}." if found else f"{names} are the same."


def direction(comparison: Comparison) -> str:
    return f"{comparison.first.name} → {comparison.second.name}"


def comparison_lines(comparison: Comparison, *, verbose: bool) -> Iterator[Line]:
    """Every difference with both values and why, what nobody wanted first."""
    yield Line(f"Comparison of {comparison.first.name} with {comparison.second.name}", "bold")
    width = max(len(comparison.first.name), len(comparison.second.name))
    for side in (comparison.first, comparison.second):
        if side.where:
            yield Line(f"  {side.name:<{width}}  {side.where}", "dim")
    if good := nothing_wrong(comparison):
        yield Line()
        yield Line(good, "green")
    for title, items in _groups(comparison):
        if items:
            yield Line()
            yield Line(f"{title}: {len(items)}", f"bold {_STYLES[title]}".strip())
            yield from _item_lines(comparison, items, _STYLES[title], verbose=verbose)
    if comparison.unmanaged:
        yield Line()
        yield Line(f"{UNMANAGED}: {len(comparison.unmanaged)}" + ("" if verbose else " (--verbose names them)"), "dim")
        for item in comparison.unmanaged if verbose else ():
            yield Line(f"    {item.address} ({comparison.why(item)})", "dim")
    if comparison.uncompared:
        yield Line()
        yield Line(NOT_COMPARED, "cyan")
        yield from (Line(f"    {each}", "cyan") for each in comparison.uncompared)
    for note in comparison.notes:
        yield Line()
        yield Line(f"Note: {note}", "cyan")


def _item_lines(
    comparison: Comparison, items: Sequence[SideDifference], style: str, *, verbose: bool
) -> Iterator[Line]:
    for item, inside in _folded(items, verbose=verbose):
        sign = "~" if not item.only else "<" if item.only == comparison.first.name else ">"
        yield Line(f"  {sign} {_title(item, inside)}: {comparison.why(item)}", style)
        for each in item.fields:
            yield from field_lines(each, direction=direction(comparison))


def _title(item: SideDifference, inside: Sequence[SideDifference]) -> str:
    if not item.only:
        return str(item.address)
    company = f" with {_counts(inside)}" if inside else ""
    return f"{item.address}{company} is only in {item.only}"


def _folded(
    items: Sequence[SideDifference], *, verbose: bool = False
) -> Iterator[tuple[SideDifference, Sequence[SideDifference]]]:
    """Each with what lies in it and is as it is, which needs no line of its own."""
    inner: dict[Address, list[SideDifference]] = {} if verbose else inner_differences(items)
    folded = {each.address for inside in inner.values() for each in inside}
    for item in items:
        if item.address not in folded or not item.only:
            yield item, inner.get(item.address, ())


def _counts(inside: Sequence[SideDifference]) -> str:
    counts = Counter(each.address.kind for each in inside)
    return ", ".join(
        f"{counts[name]} {name if counts[name] == 1 else kind.plural or name}"
        for name, kind in KINDS.items()
        if counts[name]
    )


def comparison_document(comparison: Comparison) -> dict[str, Any]:
    return {
        "first": _side_document(comparison.first),
        "second": _side_document(comparison.second),
        "same": all(each.is_unmanaged for each in comparison.items),
        "differences": [_item_document(comparison, each) for each in comparison.items if not each.is_unmanaged],
        "unmanaged": [{"address": str(each.address), "only": each.only} for each in comparison.unmanaged],
        "notCompared": list(comparison.uncompared),
        "notes": list(comparison.notes),
        "exitCode": comparison.exit_code,
    }


def _side_document(side: Side) -> dict[str, Any]:
    return {"name": side.name, "where": side.where}


def _item_document(comparison: Comparison, item: SideDifference) -> dict[str, Any]:
    return {
        "address": str(item.address),
        "only": item.only or None,
        "why": comparison.why(item),
        "first": str(item.first),
        "second": str(item.second),
        "fields": [_field_document(field_document(each)) for each in item.fields],
    }


def _field_document(document: dict[str, Any]) -> dict[str, Any]:
    found = {"name": document["name"], "first": document["before"], "second": document["after"]}
    return {**found, "parts": document["parts"]} if "parts" in document else found


def comparison_markdown(comparison: Comparison, *, limit: int = LIMIT) -> str:
    """All of it within `limit` bytes, what nobody wanted first."""
    sheet = Sheet(limit)
    names = f"{code(comparison.first.name, in_cell=False)} with {code(comparison.second.name, in_cell=False)}"
    sheet.say(f"## Comparison of {names}: {headline(comparison)}", "")
    for side in (comparison.first, comparison.second):
        if side.where:
            sheet.say(f"{code(side.name, in_cell=False)}: {plain(side.where)}", "")
    if good := nothing_wrong(comparison):
        sheet.say(f"✅ {plain(good)}", "")
    signs = {_DRIFTED: "⚠️", _PENDING: "⏳", _ACCEPTED: "✔️", _DECLARED: "✔️"}
    for title, items in _groups(comparison):
        head = f"| resource | {plain(direction(comparison))} | why |"
        rows = [_row(comparison, item, inside) for item, inside in _folded(items)]
        sheet.entries(
            title.lower(), (f"**{signs[title]} {title}: {len(items)}**", "", head, "|---|---|---|"), rows, ("",)
        )
    unmanaged = [f"- {code(str(each.address), in_cell=False)}" for each in comparison.unmanaged]
    opening = (f"<details><summary>{UNMANAGED} ({len(unmanaged)})</summary>", "")
    sheet.entries("unmanaged", opening, unmanaged, ("", "</details>", ""))
    left = [f"- {plain(each)}" for each in comparison.uncompared]
    sheet.entries("not compared", (f"**{NOT_COMPARED}**", ""), left, ("",))
    sheet.entries("notes", ("**Notes**", ""), [f"- {plain(each)}" for each in comparison.notes], ("",))
    return sheet.text("`raceday-iac compare` and its HTML report show everything.")


def _row(comparison: Comparison, item: SideDifference, inside: Sequence[SideDifference]) -> str:
    what = "<br>".join(field_cells(item.fields)) if item.fields else plain(f"only in {item.only}")
    if inside:
        what += plain(f", with {_counts(inside)}")
    return f"| {code(str(item.address))} | {what} | {plain(comparison.why(item))} |"


def comparison_page(comparison: Comparison) -> str:
    """The whole page."""
    count = len(comparison.drifted)
    return page(
        "comparison.html",
        title=f"Comparison of {comparison.first.name} with {comparison.second.name}",
        sides=[(each.name, each.where) for each in (comparison.first, comparison.second)],
        direction=direction(comparison),
        drifted=f"{count} drifted" if count else "",
        good=nothing_wrong(comparison),
        tiles=[
            *((len(items), title.lower(), _TONES[title]) for title, items in _groups(comparison)),
            (len(comparison.unmanaged), "unmanaged", "calm"),
        ],
        boxes=[
            (
                f"{title} ({len(items)})",
                _TONES[title],
                [_page_row(comparison, *each, _TONES[title]) for each in _folded(items)],
            )
            for title, items in _groups(comparison)
        ],
        uncompared=comparison.uncompared,
        notices=comparison.notes,
        unmanaged=[str(item.address) for item in comparison.unmanaged],
    )


def _page_row(comparison: Comparison, item: SideDifference, inside: Sequence[SideDifference], tone: str) -> ChangeRow:
    tag = f"only {item.only}" if item.only else "differs"
    why = [comparison.why(item), *([f"with {_counts(inside)}"] if inside else [])]
    return change_row(tag, tone, str(item.address), item.fields, why)
