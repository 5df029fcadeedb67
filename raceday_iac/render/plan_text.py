"""A plan as text for people, and as Markdown for comments on pull requests.

In Markdown, what would go away comes first, so that it is never cut first.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..counting import counted, spaced
from ..diff import FieldChange, PartWords, field_words, value_text
from ..errors import BrokenSchemaError, RefusedError, StateError
from ..kinds import KINDS, kind_of
from ..model.address import Address, owner_of
from ..model.evidence import Answer, counted_words
from ..planning import Action, Change, Plan
from ..planning.changes import DECLARED, OBVIOUS
from ..planning.migrations import counts_words, ran, runs
from ..planning.saved import SavedPlan, restored
from .created import aligned, folded_kinds, has_values, is_member, members_table, values_of
from .lines import LIMIT, Line, Sheet, code, plain
from .migration_text import FIRST_CHANGES, rehearsed_words

if TYPE_CHECKING:
    from ..applying import Applied
    from ..applying.migrating import Example, Rehearsal
    from ..backup.manifest import Forecast


#: Longer than this, the parts of a value stand below each other.
_WIDE = 110

_STYLES = {
    Action.CREATE: "green",
    Action.UPDATE: "yellow",
    Action.REPLACE: "magenta",
    Action.MOVE: "yellow",
    Action.CONVERT: "yellow",
    Action.DELETE: "red",
    Action.DEPLOY: "cyan",
    Action.ACTIVATE: "cyan",
    Action.SCHEDULE: "cyan",
    Action.MIGRATE: "magenta",
    Action.UNDO: "magenta",
    Action.ADOPT: "blue",
    Action.REFRESH: "blue",
    Action.FORGET: "dim",
}


def plan_lines(plan: Plan, where: str, *, verbose: bool = False) -> Iterator[Line]:
    """The whole plan, below a title that says `where` it is for, if that is to be said. Without `verbose`, what is
    created or adopted inside a collection is folded into one line."""
    if where:
        yield Line(f"Plan for environment {plan.environment} ({where})", "bold")
        yield Line()
    if plan.is_empty:
        yield Line(nothing_to_do(plan), "green")
    else:
        folded = frozenset() if verbose else folded_kinds(plan.changes)
        for shown in fold(plan.changes, verbose=verbose):
            yield from _shown_lines(shown, folded)
        yield Line()
        yield from summary_lines(plan)
    if plan.left_out:
        yield Line()
        yield Line(f"Left out ({len(plan.left_out)}): not part of this plan", "dim")
        yield from (Line(f"    {change.action} {change.address}", "dim") for change in plan.left_out)
    for note in plan.notes:
        yield Line()
        yield Line(f"Note: {note}", "cyan")
    if plan.unmanaged:
        yield Line()
        yield Line(UNMANAGED, "dim")
        yield from (Line(f"    {address}", "dim") for address in plan.unmanaged)
    yield from refusal_lines(plan)


def refusal_lines(plan: Plan) -> Iterator[Line]:
    """What guards say no to."""
    if not plan.refusals:
        return
    yield Line()
    yield Line(f"Refused ({len(plan.refusals)}): nothing will be applied until this is resolved", "bold red")
    for refusal in plan.refusals:
        yield Line(f"  ✗ {refusal.message}", "red")
        if refusal.hint:
            yield Line(f"    → {refusal.hint}")


def summary_lines(plan: Plan) -> Iterator[Line]:
    """Counts by action, then by kind."""
    yield Line(f"Plan: {summary(plan)}.", "bold")
    by_kind = counts_by_kind(plan)
    width = max(map(len, by_kind), default=0)
    for kind, counts in by_kind.items():
        parts = ", ".join(f"{counts[action]} {action}" for action in SIGNS if counts[action])
        yield Line(f"    {kind:<{width}}  {parts}")


def _shown_lines(shown: Shown, folded: Collection[str]) -> Iterator[Line]:
    sign, style, change = SIGNS[shown.action], _STYLES[shown.action], shown.change
    table = [Line(f"        {each}") for each in aligned(members_table(shown.reported(folded)))]
    if change is None:
        yield Line(f"  {sign} in {shown.address}: {shown.inside}", style)
        yield from table
        return
    inside = f" with {shown.inside}" if shown.inside else ""
    drift = " (drift)" if change.drifted else ""
    reason = f": {shown.reason}{drift}" if shown.reason else ""
    yield Line(f"  {sign} {change.action} {change.address}{shown.company}{inside}{reason}", style)
    for field in change.fields:
        yield from field_lines(field)
    yield from creation_lines(change, folded)
    yield from table


def creation_lines(change: Change, folded: Collection[str] = ()) -> Iterator[Line]:
    """What a creation sets, a field on each line; of what lies in a collection, all on one."""
    if not has_values(change):
        return
    if is_member(change):
        yield from (Line(f"        {' '.join(filter(None, row[1:]))}") for row in members_table([change]))
        return
    yield from (Line(f"        {name}: {value}") for name, value in values_of(change, folded))


def field_lines(field: FieldChange, style: str = "", direction: str = "") -> Iterator[Line]:
    """A field in one line; many parts, or long ones, in a line each."""
    words, said = field_words(field), f"   ({direction})" if direction else ""
    if len(words.parts) < 2 or len(words.text) <= _WIDE:
        yield Line(f"        {words.text}{said}", style)
        return
    yield Line(f"        {words.name}:{words.ending}{said}", style)
    yield from (Line(f"            {part.text}", style) for part in words.parts)


# What came of an apply, for people and machines.


#: What can be said after a whole plan.
_SHOWN = 10
AS_DECLARED = "Appwrite matches the configuration."


def applied_lines(
    applied: Applied, left: Sequence[str], seconds: float, claim: str = AS_DECLARED, command: str = "apply"
) -> Iterator[Line]:
    """Done, failed and skipped, and what to do next. `claim` is said when nothing failed and nothing is `left`;
    `command` is the one that finishes what was not."""
    yield Line()
    if applied.complete and not left:
        yield Line(f"Applied: {counted(len(applied.done), 'change')} in {seconds:.1f} s. {claim}", "bold green")
        yield from _done_lines(applied)
        return
    yield Line(f"Not complete: {_numbers(applied)} ({seconds:.1f} s).", "bold red")
    for change, error in applied.failed:
        yield Line(f"  ✗ {change.action} {change.address}: {error.message}", "red")
        if error.hint:
            yield Line(f"    → {error.hint}")
    for error in applied.unsettled:
        yield Line(f"  ✗ {error.message}", "red")
        if error.hint:
            yield Line(f"    → {error.hint}")
    yield from _not_started(applied)
    if left:
        yield Line(f"  Applied, but still different when read again: {', '.join(left)}", "red")
    if any(isinstance(error, StateError) for error in (*(error for _, error in applied.failed), *applied.unsettled)):
        yield Line("  Not everything done could be saved in the state. Run apply again: it adopts that, and finishes.")
        return
    yield Line(f"  Everything done is in the state (serial {applied.state.serial}). {_what_next(applied, command)}")


def _done_lines(applied: Applied) -> Iterator[Line]:
    """What was done, by action, and what one may try then."""
    counts = Counter(change.action for change in applied.done)
    if len(counts) > 1:
        yield Line(f"  {', '.join(f'{counts[action]} {word}' for action, word in _DONE.items() if counts[action])}")
    for change in runs(applied.done):
        record = applied.state.migrations.get(change.address)
        if record is not None:
            yield Line(f"  {change.address}: {counts_words(record.counts)}")
    made = {change.address for change in applied.done if change.action is Action.CREATE}
    for change in applied.done:
        owner = owner_of(change.address) if change.action is Action.DEPLOY else None
        if owner in made and kind_of(owner).has_runs:
            yield Line(f"  Try it: raceday-iac run {owner.path}")
            return


def _what_next(applied: Applied, command: str) -> str:
    errors = (*(error for _, error in applied.failed), *applied.unsettled)
    if errors and all(isinstance(error, BrokenSchemaError) for error in errors):
        return "Another apply does not repair that."
    is_stopped = len(applied.stopped) == len(applied.failed) and not applied.interrupted and not applied.unsettled
    return "The stopped steps changed nothing." if is_stopped else f"Run {command} again to finish."


def _numbers(applied: Applied) -> str:
    stopped = len(applied.stopped)
    reported = f", {stopped} stopped" if stopped else ""
    failed = len(applied.failed) - stopped
    left = f", {len(applied.left)} left in the middle" if applied.left else ""
    skipped = len(applied.skipped) - len(applied.left)
    return f"{len(applied.done)} done, {failed} failed{reported}{left}, {skipped} not started"


def _not_started(applied: Applied) -> Iterator[Line]:
    """What was not begun, by what it was not begun for."""
    groups: dict[str, list[str]] = {}
    for change in applied.left:
        counts = counts_words(applied.state.migrations[change.address].counts)
        yield Line(f"  Left in the middle: {change.key}: {counts}. The next run continues from there.", "yellow")
    for change in (each for each in applied.skipped if each not in applied.left):
        cause = applied.blocked_by(change)
        groups.setdefault("" if cause is None else f", because it comes after {cause.key}", []).append(change.key)
    for why, keys in groups.items():
        more = f" and {len(keys) - _SHOWN} more" if len(keys) > _SHOWN else ""
        yield Line(f"  Not started{why}: {', '.join(keys[:_SHOWN])}{more}", "yellow")


def applied_document(applied: Applied, left: Sequence[str], seconds: float) -> dict[str, Any]:
    return {
        "complete": applied.complete and not left,
        "interrupted": applied.interrupted,
        "seconds": round(seconds, 3),
        "serial": applied.state.serial,
        "done": [change.key for change in applied.done],
        "failed": [
            {
                "change": change.key,
                "reasonCode": str(change.why),
                "message": error.message,
                "hint": error.hint,
                "stopped": isinstance(error, RefusedError),
            }
            for change, error in applied.failed
        ]
        + [
            {"change": "", "reasonCode": "", "message": error.message, "hint": error.hint, "stopped": False}
            for error in applied.unsettled
        ],
        "skipped": [change.key for change in applied.skipped],
        "stillDifferent": list(left),
        "migrations": ran(applied.changes, applied.state),
    }


# What all forms of a plan have in common: signs, words, counts, and what is folded into its collection.


#: Each action's sign and its words in a summary, in the order in which they are counted.
SIGNS: Mapping[Action, str] = {
    Action.CREATE: "+",
    Action.UPDATE: "~",
    Action.REPLACE: "±",
    Action.MOVE: "→",
    Action.CONVERT: "⇒",
    Action.DELETE: "-",
    Action.DEPLOY: "↑",
    Action.ACTIVATE: "↺",
    Action.SCHEDULE: "⏲",
    Action.MIGRATE: "»",
    Action.UNDO: "«",
    Action.ADOPT: "=",
    Action.REFRESH: "≈",
    Action.FORGET: "·",
}
_WORDS = {
    Action.CREATE: "to create",
    Action.UPDATE: "to update",
    Action.REPLACE: "to replace",
    Action.MOVE: "to rename",
    Action.CONVERT: "to convert",
    Action.DELETE: "to delete",
    Action.DEPLOY: "to deploy",
    Action.ACTIVATE: "to activate",
    Action.SCHEDULE: "to schedule",
    Action.MIGRATE: "to migrate",
    Action.UNDO: "to undo",
    Action.ADOPT: "to adopt",
    Action.REFRESH: "to refresh in the state",
    Action.FORGET: "to forget",
}
_DONE = {
    Action.CREATE: "created",
    Action.UPDATE: "updated",
    Action.REPLACE: "replaced",
    Action.MOVE: "renamed",
    Action.CONVERT: "converted",
    Action.DELETE: "deleted",
    Action.DEPLOY: "deployed",
    Action.ACTIVATE: "activated",
    Action.SCHEDULE: "scheduled",
    Action.MIGRATE: "migrated",
    Action.UNDO: "undone",
    Action.ADOPT: "adopted",
    Action.REFRESH: "refreshed in the state",
    Action.FORGET: "forgotten",
}
#: The title over what a plan neither makes nor takes away.
UNMANAGED = "Unmanaged: live, but neither declared nor managed; left alone"
#: What lies in a collection, and is folded into its line.
_MEMBERS = {name: kind.plural for name, kind in KINDS.items() if kind.listed}


@dataclass(frozen=True)
class Shown:
    """One line of a plan: a change, with what is folded into it; or (without one) what is folded into a collection
    that is not in the plan itself."""

    address: Address
    action: Action
    change: Change | None = None
    members: Mapping[str, int] | None = None
    #: Those of them that are created.
    created: tuple[Change, ...] = ()

    def reported(self, folded: Collection[str]) -> list[Change]:
        """What of them a table says: those of kinds of which there are not too many."""
        return [each for each in self.created if each.address.kind not in folded]

    @property
    def reason(self) -> str:
        """Why; nothing for what the stack simply declares, because that says nothing new about a creation."""
        return "" if self.change is None or self.change.reason in OBVIOUS else self.change.reason

    @property
    def company(self) -> str:
        """` (with collection.d/c)` of what is deleted with something else; else nothing."""
        return f" (with {self.change.goes_with})" if self.change is not None and self.change.goes_with else ""

    @property
    def inside(self) -> str:
        """`2 attributes, 1 index`; nothing when nothing is folded."""
        members = self.members or {}
        return ", ".join(
            f"{members[kind]} {plural if members[kind] != 1 else kind}"
            for kind, plural in _MEMBERS.items()
            if members.get(kind)
        )


def fold(changes: Iterable[Change], *, verbose: bool = False) -> list[Shown]:
    """The lines of a plan. Without `verbose`, what is created or adopted inside a collection, or goes with one that is
    deleted too, is folded into one."""
    changes = list(changes)
    deleted = {change.address for change in changes if change.action is Action.DELETE}
    folded: dict[tuple[Action, Address], list[Change]] = defaultdict(list)
    kept: list[Change] = []
    for change in changes:
        if verbose or not kind_of(change.address).listed or not _is_plain(change, deleted):
            kept.append(change)
        else:
            folded[change.action, owner_of(change.address)].append(change)
    shown = [
        _with_members(each.address, each.action, each, folded.pop((each.action, each.address), [])) for each in kept
    ]
    # Members of collections that are not themselves in the plan get a line of their own.
    return shown + [_with_members(at, action, None, inside) for (action, at), inside in folded.items()]


def _with_members(at: Address, action: Action, change: Change | None, inside: Sequence[Change]) -> Shown:
    created = tuple(each for each in inside if has_values(each))
    return Shown(at, action, change, Counter(each.address.kind for each in inside), created)


def _is_plain(change: Change, deleted: Collection[Address]) -> bool:
    """Whether a line of its own would say nothing new. What is created because something else needs it says so, and
    what nobody declares and goes all the same is named."""
    if change.goes_with is not None:
        collection = owner_of(change.address)
        return collection in deleted and change.managed
    is_declared = change.action is Action.CREATE and change.reason == DECLARED
    return (change.action is Action.ADOPT or is_declared) and not change.drifted


def summary(plan: Plan) -> str:
    """`3 to create, 2 to update`."""
    counts = Counter(change.action for change in plan.changes)
    return ", ".join(f"{counts[action]} {word}" for action, word in _WORDS.items() if counts[action])


def counts_by_kind(plan: Plan) -> dict[str, Counter[Action]]:
    """How much of each kind is done what to, in the order of the kinds."""
    counts: dict[str, Counter[Action]] = defaultdict(Counter)
    for change in plan.changes:
        counts[change.address.kind][change.action] += 1
    return {kind: counts[kind] for kind in sorted(counts, key=lambda name: kind_of(Address(name, "")).stage)}


def nothing_to_do(plan: Plan) -> str:
    """What is said of an empty plan, no more than is true."""
    if plan.plan_options.refresh_only:
        return "No changes. The state matches Appwrite."
    if plan.plan_options.destroy:
        return "Nothing to destroy: no managed resource exists."
    if plan.left_out:
        return "No changes in the selected part of the plan."
    return "No changes. Appwrite matches the configuration."


# A saved plan as text.


@dataclass(frozen=True)
class ForecastWords:
    """What will be kept before it is lost, in words: `entries` below a `headline`, and what comes `later`. Each may be
    empty."""

    headline: str
    entries: tuple[str, ...]
    later: str


def forecast_words(kept: Forecast) -> ForecastWords:
    """What will be kept before it is lost, and where."""
    entries = [f"{address}: {_counted_things(answer, noun)}" for address, (answer, noun) in kept.amounts.items()]
    if kept.settings:
        entries.append(f"the settings of {counted(kept.settings, 'resource')}, without secrets")
    names = ", ".join(map(str, kept.migrations))
    later = f"Values that {names} overwrites are written to a backup in {kept.where}, page by page." if names else ""
    headline = f"Before the first change, this is written to a backup in {kept.where}:" if entries else ""
    return ForecastWords(headline, tuple(entries), later)


def forecast_lines(kept: Forecast) -> Iterator[Line]:
    """The same on a terminal."""
    words = forecast_words(kept)
    yield Line()
    yield from (Line(each) for each in (words.headline, *(f"  {each}" for each in words.entries), words.later) if each)


def _counted_things(answer: Answer, noun: str) -> str:
    if answer.count is None:
        return "everything in it (not counted)"
    least = "at least " if answer.at_least else ""
    return f"{least}{spaced(answer.count)} {noun}{'' if answer.count == 1 else 's'}"


def forecast_document(kept: Forecast) -> dict[str, Any]:
    """The same. A `count` is null where nothing was counted."""
    amounts = kept.amounts.items()
    return {
        "where": kept.where,
        "keeps": [
            {"address": str(at), "count": answer.count, "atLeast": answer.at_least, "what": noun}
            for at, (answer, noun) in amounts
        ],
        "settings": kept.settings,
        "migrations": list(map(str, kept.migrations)),
    }


def saved_lines(saved: SavedPlan) -> Iterator[Line]:
    """What a plan file holds: what it was made from, and each change with its fields."""
    content = saved.content
    yield Line(f"Saved plan {saved.id[:12]} for environment {saved.environment}", "bold")
    version = f", Appwrite {content['serverVersion']}" if content["serverVersion"] else ""
    yield Line(f"project {content['project']} at {content['endpoint']}{version}", "dim")
    state = content["state"]
    made_from = f"state {state['lineage']}, serial {state['serial']}" if state["lineage"] else "no state yet"
    yield Line(f"made from {made_from}", "dim")
    if saved.commit:
        yield Line(f"made from the stack of commit {saved.commit[:12]}", "dim")
    for name, value in sorted(content["wishes"].items()):
        yield Line(f"{name}: {json.dumps(value, ensure_ascii=False)}", "dim")
    yield Line()
    reported = {(str(each.address), str(each.action)): each for each in restored(saved).changes}
    folded = folded_kinds(reported.values())
    for change in saved.changes:
        drift = " (drift)" if change["drift"] else ""
        company = f" (with {change['with']})" if "with" in change else ""
        yield Line(f"  {change['action']} {change['address']}{company}: {change['reason']}{drift}")
        for field in change["fields"]:
            before, after = (json.dumps(field[side], ensure_ascii=False) for side in ("before", "after"))
            yield Line(f"        {field['name']}: {before} → {after}")
        yield from creation_lines(reported[change["address"], change["action"]], folded)
    if not saved.changes:
        yield Line("  nothing to do", "green")
    counted_before = counted_words(saved.evidence)
    if counted_before:
        yield Line()
        yield Line("Counted when the plan was made; apply counts again, and stops steps that would lose more:", "dim")
        yield from (Line(f"    {each}", "dim") for each in counted_before)
    if content["leftOut"]:
        yield Line()
        yield Line(f"Left out ({len(content['leftOut'])}):", "dim")
        yield from (Line(f"    {key.replace(':', ' ', 1)}", "dim") for key in content["leftOut"])
    yield Line()
    yield Line(
        f"Plan: {counted(len(saved.changes), 'change')}, on {counted(len(content['live']), 'resource')}.", "bold"
    )


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
    Action.MIGRATE: "🟪",
    Action.UNDO: "🟪",
    Action.ADOPT: "⬜",
    Action.REFRESH: "⬜",
    Action.FORGET: "⬜",
}
_HEAD = ("| | resource | what changes |", "|---|---|---|")
#: Fields of one change that are shown.
_FIELDS = 12


def plan_markdown(
    plan: Plan,
    where: str,
    *,
    kept: Forecast | None = None,
    rehearsed: Sequence[Rehearsal] | None = None,
    limit: int = LIMIT,
) -> str:
    """The whole plan within `limit` bytes, with what is kept in a backup before, and what its migrations would do."""
    sheet = Sheet(limit)
    title = nothing_to_do(plan) if plan.is_empty else summary(plan)
    sheet.say(f"## Plan for {code(plan.environment)}: {plain(title.rstrip('.'))}", "", plain(where), "")
    _refusals(sheet, plan)
    shown, folded = fold(plan.changes), folded_kinds(plan.changes)
    gone = [each for each in shown if _destroys(each)]
    _table(sheet, "changes that delete or replace", "Deletions and replacements", gone, folded)
    rest = [each for each in shown if not _destroys(each)]
    _table(sheet, "changes", "Other changes" if len(rest) < len(shown) else "", rest, folded)
    _backup(sheet, kept)
    for each in rehearsed or ():
        _rehearsal(sheet, each)
    notes = (f"- {plain(note)}" for note in plan.notes)
    sheet.entries("notes", ("**Notes**", ""), notes, ("",))
    _kinds(sheet, plan)
    left_out = [f"- {change.action} {code(str(change.address), in_cell=False)}" for change in plan.left_out]
    _folded_away(sheet, "left out", "Left out: not part of this plan", left_out)
    unmanaged = [f"- {code(str(address), in_cell=False)}" for address in plan.unmanaged]
    _folded_away(sheet, "unmanaged", UNMANAGED, unmanaged)
    return sheet.text("`raceday-iac plan` and its HTML report show everything.")


def _destroys(shown: Shown) -> bool:
    return shown.action in (Action.DELETE, Action.REPLACE)


def _refusals(sheet: Sheet, plan: Plan) -> None:
    if plan.refusals:
        head = (
            "> [!CAUTION]",
            f"> **Refused ({len(plan.refusals)}): nothing will be applied until this is resolved.**",
        )
        entries = (
            f"> - {plain(each.message)}{f'<br>→ {plain(each.hint)}' if each.hint else ''}" for each in plan.refusals
        )
        sheet.entries("refusals", head, entries, ("",))


def _table(sheet: Sheet, what: str, title: str, rows: Iterable[Shown], folded: Collection[str]) -> None:
    head = (f"**{title}**", "", *_HEAD) if title else _HEAD
    sheet.entries(what, head, (_row(each, folded) for each in rows), ("",))


def _row(shown: Shown, folded: Collection[str]) -> str:
    place = f"{'in ' if shown.change is None else ''}{code(str(shown.address))}"
    if shown.change is not None and shown.change.goes_with is not None:
        place += f"<br>with {code(str(shown.change.goes_with))}"
    return f"| {MARKS[shown.action]}&nbsp;{shown.action} | {place} | {'<br>'.join(_cell(shown, folded))} |"


def _cell(shown: Shown, folded: Collection[str]) -> Iterator[str]:
    """What is folded in, the fields, and why."""
    if shown.inside:
        yield shown.inside
    if shown.change is not None:
        yield from (f"{code(name)}: {code(value)}" for name, value in values_of(shown.change, folded))
    for name, *rest in members_table(shown.reported(folded)):
        yield f"{code(name)} {code(' '.join(filter(None, rest)))}"
    if shown.change is None:
        return
    yield from field_cells(shown.change.fields)
    if shown.reason:
        drift = "⚠️ " if shown.change.drifted else ""
        yield f"{drift}<sub>{plain(shown.reason)}</sub>"


def _backup(sheet: Sheet, kept: Forecast | None) -> None:
    if kept is None:
        return
    words = forecast_words(kept)
    sheet.entries("what is kept", (plain(words.headline), ""), (f"- {plain(each)}" for each in words.entries), ("",))
    if words.later:
        sheet.say(plain(words.later), "")


def _rehearsal(sheet: Sheet, rehearsal: Rehearsal) -> None:
    """What a migration would do: in numbers, the first changes, and what it failed at."""
    sheet.say(f"**Rehearsed {code(str(rehearsal.address), in_cell=False)}:** {plain(rehearsed_words(rehearsal))}", "")
    if rehearsal.problem is not None:
        sheet.say("> [!CAUTION]", f"> {plain(rehearsal.problem.message)}<br>→ {plain(rehearsal.problem.hint)}", "")
    rows = (
        f"| {each.action} | {code(each.id)} in {code(str(each.collection))} | "
        f"{'<br>'.join(f'{code(name)}: {_example_value(each, name)}' for name in each.after)} |"
        for each in rehearsal.examples
    )
    head = (f"<details><summary>{FIRST_CHANGES}</summary>", "", "| | document | values |", "|---|---|---|")
    sheet.entries("rehearsed changes", head, rows, ("", "</details>", ""))


def _example_value(example: Example, name: str) -> str:
    before = f"{code(value_text(example.before.get(name)))} → " if example.action == "update" else ""
    return f"{before}{code(value_text(example.after[name]))}"


def field_cells(fields: Iterable[FieldChange]) -> Iterator[str]:
    """One part of a cell for each field; of very many, the first."""
    fields = list(fields)
    yield from map(_field, fields[:_FIELDS])
    if len(fields) > _FIELDS:
        yield f"and {len(fields) - _FIELDS} more fields"


def _field(field: FieldChange) -> str:
    words = field_words(field)
    values = " ".join(_some([_part(each) for each in words.parts])) or f"{code(words.before)} → {code(words.after)}"
    known = f" (last applied {code(words.known)})" if words.known else ""
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
