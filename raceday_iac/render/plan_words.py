"""What all forms of a plan have in common: signs, words, counts, and what is folded into its collection."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from ..kinds import KINDS
from ..model.address import Address, collection_address
from ..planning import Action, Change, Plan
from ..planning.changes import DECLARED

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
    Action.ADOPT: "to adopt",
    Action.REFRESH: "to refresh in the state",
    Action.FORGET: "to forget",
}
#: The title over what a plan neither makes nor takes away.
UNMANAGED = "Unmanaged: live, but neither declared nor ours; left alone"
_MEMBERS = {"attribute": "attributes", "relationship": "relationships", "index": "indexes"}


@dataclass(frozen=True)
class Shown:
    """One line of a plan: a change, with what is folded into it; or (without one) what is folded into a collection
    that is not in the plan itself."""

    address: Address
    action: Action
    change: Change | None = None
    members: Mapping[str, int] | None = None

    @property
    def reason(self) -> str:
        """Why; nothing for what the stack simply declares, for that says nothing new about a creation."""
        return "" if self.change is None or self.change.reason == DECLARED else self.change.reason

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
    folded: dict[tuple[Action, Address], Counter[str]] = defaultdict(Counter)
    kept: list[Change] = []
    for change in changes:
        if verbose or change.address.kind not in _MEMBERS or not _is_plain(change, deleted):
            kept.append(change)
        else:
            folded[change.action, collection_address(*change.address.parts[:2])][change.address.kind] += 1
    shown = [Shown(each.address, each.action, each, folded.pop((each.action, each.address), None)) for each in kept]
    # Members of collections that are not themselves in the plan get a line of their own.
    return shown + [Shown(at, action, None, counts) for (action, at), counts in folded.items()]


def _is_plain(change: Change, deleted: Collection[Address]) -> bool:
    """Whether a line of its own would say nothing new. What is created because something else needs it says so, and
    what nobody declares and goes all the same is named."""
    if change.goes_with is not None:
        collection = collection_address(*change.address.parts[:2])
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
    return {kind: counts[kind] for kind in sorted(counts, key=lambda name: KINDS[name].stage)}


def nothing_to_do(plan: Plan) -> str:
    """What is said of an empty plan, no more than is true."""
    if plan.wishes.refresh_only:
        return "Nothing to do: the state is as Appwrite is."
    if plan.left_out:
        return "Nothing to do in the part of the plan that was asked for."
    return "Nothing to do: Appwrite is as the stack says."
