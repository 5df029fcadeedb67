"""A plan as Markdown, for comments on pull requests. What would go away comes first, so that it is never cut first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..diff import FieldChange, PartWords, field_words
from ..planning import Action, Plan
from .markdown import LIMIT, Sheet, code, plain
from .plan_text import SIGNS, UNMANAGED, Shown, counts_by_kind, fold, nothing_to_do, summary

MARKS = {
    Action.CREATE: "🟩",
    Action.UPDATE: "🟨",
    Action.REPLACE: "🟥",
    Action.MOVE: "🟨",
    Action.CONVERT: "🟧",
    Action.DELETE: "🟥",
    Action.DEPLOY: "🟦",
    Action.ACTIVATE: "🟦",
    Action.SCHEDULE: "🟦",
    Action.ADOPT: "⬜",
    Action.REFRESH: "⬜",
    Action.FORGET: "⬜",
}
_HEAD = ("| | resource | what changes |", "|---|---|---|")
#: Fields of one change that are shown.
_FIELDS = 12


def plan_markdown(plan: Plan, where: str, *, limit: int = LIMIT) -> str:
    """The whole plan within `limit` bytes."""
    sheet = Sheet(limit)
    title = nothing_to_do(plan) if plan.is_empty else summary(plan)
    sheet.say(f"## Plan for {code(plan.environment)}: {plain(title.rstrip('.'))}", "", plain(where), "")
    _refusals(sheet, plan)
    shown = fold(plan.changes)
    _table(sheet, "changes that delete or replace", "What goes away", [each for each in shown if _destroys(each)])
    rest = [each for each in shown if not _destroys(each)]
    _table(sheet, "changes", "What comes or changes" if len(rest) < len(shown) else "", rest)
    notes = (f"- {plain(note)}" for note in plan.notes)
    sheet.entries("notes", ("**Notes**", ""), notes, ("",))
    _kinds(sheet, plan)
    left_out = [f"- {change.action} {code(str(change.address), in_cell=False)}" for change in plan.left_out]
    _folded_away(sheet, "left out", "Left out: not asked for in this plan", left_out)
    unmanaged = [f"- {code(str(address), in_cell=False)}" for address in plan.unmanaged]
    _folded_away(sheet, "unmanaged", UNMANAGED, unmanaged)
    return sheet.text("`raceday-iac plan` and its HTML report show everything.")


def _destroys(shown: Shown) -> bool:
    return shown.action in (Action.DELETE, Action.REPLACE)


def _refusals(sheet: Sheet, plan: Plan) -> None:
    if plan.refusals:
        head = ("> [!CAUTION]", f"> **Refused ({len(plan.refusals)}): nothing will be applied while this stands.**")
        entries = (
            f"> - {plain(each.message)}{f'<br>→ {plain(each.hint)}' if each.hint else ''}" for each in plan.refusals
        )
        sheet.entries("refusals", head, entries, ("",))


def _table(sheet: Sheet, what: str, title: str, rows: Iterable[Shown]) -> None:
    head = (f"**{title}**", "", *_HEAD) if title else _HEAD
    sheet.entries(what, head, map(_row, rows), ("",))


def _row(shown: Shown) -> str:
    place = f"{'in ' if shown.change is None else ''}{code(str(shown.address))}"
    if shown.change is not None and shown.change.goes_with is not None:
        place += f"<br>with {code(str(shown.change.goes_with))}"
    return f"| {MARKS[shown.action]}&nbsp;{shown.action} | {place} | {'<br>'.join(_cell(shown))} |"


def _cell(shown: Shown) -> Iterator[str]:
    """What is folded in, the fields, and why."""
    if shown.inside:
        yield shown.inside
    if shown.change is None:
        return
    yield from field_cells(shown.change.fields)
    if shown.reason:
        drift = "⚠️ " if shown.change.drifted else ""
        yield f"{drift}<sub>{plain(shown.reason)}</sub>"


def field_cells(fields: Iterable[FieldChange]) -> Iterator[str]:
    """One part of a cell for each field; of very many, the first."""
    fields = list(fields)
    yield from map(_field, fields[:_FIELDS])
    if len(fields) > _FIELDS:
        yield f"and {len(fields) - _FIELDS} more fields"


def _field(field: FieldChange) -> str:
    words = field_words(field)
    values = " ".join(_some([_part(each) for each in words.parts])) or f"{code(words.before)} → {code(words.after)}"
    known = f" (we last applied {code(words.known)})" if words.known else ""
    return f"{code(words.name)}: {values}{known}"


def _part(part: PartWords) -> str:
    if part.before is not None and part.after is not None:
        return f"<br>{code(part.place)}: {code(part.before)} → {code(part.after)}"
    return f"<br>{code(part.text)}" if part.place else code(part.text)


def _some(parts: list[str]) -> list[str]:
    return parts if len(parts) <= _FIELDS else [*parts[:_FIELDS], f"and {len(parts) - _FIELDS} more"]


def _kinds(sheet: Sheet, plan: Plan) -> None:
    counts = counts_by_kind(plan)
    actions = [action for action in SIGNS if any(each[action] for each in counts.values())]
    if not counts:
        return
    rows = (f"| {kind} | {' | '.join(str(found[each] or '') for each in actions)} |" for kind, found in counts.items())
    head = ("| kind | " + " | ".join(map(str, actions)) + " |", "|---|" + "--:|" * len(actions))
    opening = ("<details><summary>Counts by kind</summary>", "", *head)
    sheet.entries("kinds", opening, rows, ("", "</details>", ""))


def _folded_away(sheet: Sheet, what: str, title: str, entries: list[str]) -> None:
    opening = (f"<details><summary>{title} ({len(entries)})</summary>", "")
    sheet.entries(what, opening, entries, ("", "</details>", ""))
