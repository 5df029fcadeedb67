"""A plan as text for people."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

from ..diff.wording import field_text
from ..kinds import KINDS
from ..model.address import Address, collection_address
from ..planning import Action, Change, Plan
from ..planning.changes import DECLARED
from .lines import Line

_SIGNS = {
    Action.CREATE: ("+", "green"),
    Action.UPDATE: ("~", "yellow"),
    Action.REPLACE: ("±", "magenta"),
    Action.MOVE: ("→", "yellow"),
    Action.CONVERT: ("⇒", "yellow"),
    Action.DELETE: ("-", "red"),
    Action.DEPLOY: ("↑", "cyan"),
    Action.ACTIVATE: ("↺", "cyan"),
    Action.SCHEDULE: ("⏲", "cyan"),
    Action.ADOPT: ("=", "blue"),
    Action.REFRESH: ("≈", "blue"),
    Action.FORGET: ("·", "dim"),
}
_MEMBERS = ("attribute", "relationship", "index")
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
    Action.ADOPT: "to adopt",
    Action.REFRESH: "to refresh in the state",
    Action.FORGET: "to forget",
}


def plan_lines(plan: Plan, where: str, *, verbose: bool = False) -> Iterator[Line]:
    """The whole plan. Without `verbose`, what is created or adopted inside a collection is folded into one line."""
    yield Line(f"Plan for environment {plan.environment} ({where})", "bold")
    yield Line()
    if plan.is_empty:
        yield Line(_nothing_to_do(plan), "green")
    else:
        yield from _change_lines(plan.changes, verbose=verbose)
        yield Line()
        yield from summary_lines(plan)
    if plan.left_out:
        yield Line()
        yield Line(f"Left out ({len(plan.left_out)}): not asked for in this plan", "dim")
        yield from (Line(f"    {change.action} {change.address}", "dim") for change in plan.left_out)
    for note in plan.notes:
        yield Line()
        yield Line(f"Note: {note}", "cyan")
    if plan.unmanaged:
        yield Line()
        yield Line("Unmanaged: live, but neither declared nor ours; never touched", "dim")
        yield from (Line(f"    {address}", "dim") for address in plan.unmanaged)
    yield from refusal_lines(plan)


def _nothing_to_do(plan: Plan) -> str:
    if plan.wishes.refresh_only:
        return "Nothing to do: the state is as Appwrite is."
    if plan.left_out:
        return "Nothing to do in the part of the plan that was asked for."
    return "Nothing to do: Appwrite is as the stack says."


def refusal_lines(plan: Plan) -> Iterator[Line]:
    """What guards say no to."""
    if not plan.refusals:
        return
    yield Line()
    yield Line(f"Refused ({len(plan.refusals)}): nothing will be applied while this stands", "bold red")
    for refusal in plan.refusals:
        yield Line(f"  ✗ {refusal.message}", "red")
        if refusal.hint:
            yield Line(f"    → {refusal.hint}")


def summary_lines(plan: Plan) -> Iterator[Line]:
    """Counts by action, then by kind."""
    counts = Counter(change.action for change in plan.changes)
    said = ", ".join(f"{counts[action]} {word}" for action, word in _WORDS.items() if counts[action])
    yield Line(f"Plan: {said}.", "bold")
    by_kind: dict[str, Counter[Action]] = defaultdict(Counter)
    for change in plan.changes:
        by_kind[change.address.kind][change.action] += 1
    for kind in sorted(by_kind, key=lambda name: KINDS[name].stage):
        parts = ", ".join(f"{by_kind[kind][action]} {action}" for action in _WORDS if by_kind[kind][action])
        yield Line(f"    {kind:<13} {parts}")


def _change_lines(changes: Iterable[Change], *, verbose: bool) -> Iterator[Line]:
    folded: dict[tuple[Action, Address], Counter[str]] = defaultdict(Counter)
    shown: list[Change] = []
    for change in changes:
        # What is created because something else needs it says so.
        is_plain = change.action is Action.ADOPT or (change.action is Action.CREATE and change.reason == DECLARED)
        foldable = change.address.kind in _MEMBERS and is_plain
        if verbose or not foldable or change.drifted:
            shown.append(change)
        else:
            folded[change.action, collection_address(*change.address.parts[:2])][change.address.kind] += 1
    named = {(change.action, change.address) for change in shown}
    for change in shown:
        yield from _one_change(change, folded.get((change.action, change.address)))
    # Members of collections that are not themselves in the plan get a line of their own.
    for (action, collection), counts in folded.items():
        if (action, collection) not in named:
            sign, style = _SIGNS[action]
            yield Line(f"  {sign} in {collection}: {_counted(counts)}", style)


def _one_change(change: Change, members: Counter[str] | None) -> Iterator[Line]:
    sign, style = _SIGNS[change.action]
    inside = f" with {_counted(members)}" if members else ""
    drift = " (drift)" if change.drifted else ""
    # That the stack declares it says nothing new about a creation.
    reason = "" if change.reason == DECLARED else f": {change.reason}{drift}"
    yield Line(f"  {sign} {change.action} {change.address}{inside}{reason}", style)
    for field in change.fields:
        yield Line(f"        {field_text(field)}")


def _counted(members: Counter[str]) -> str:
    words = {"attribute": "attributes", "relationship": "relationships", "index": "indexes"}
    return ", ".join(
        f"{members[kind]} {words[kind] if members[kind] != 1 else kind}" for kind in words if members[kind]
    )
