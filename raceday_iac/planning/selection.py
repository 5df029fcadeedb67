"""Only a part of a plan: what was targeted and what that needs, or all but what was excluded and what needs that. Pure.

What is *needed* is less than what comes first: new code waits for the whole schema, but does not need all of it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from ..kinds import holds_others
from ..model.address import owners
from .plan import Action, Change, PlanOptions, lies_in

_REMOVAL = "removal:"
#: What a removal waits for, as in `applying.steps`.
_FIRST = (Action.DELETE, Action.MOVE)


@dataclass(frozen=True)
class Selection:
    """The changes that stay and those that do not, both in order."""

    kept: tuple[Change, ...]
    left_out: tuple[Change, ...] = ()


def select(changes: Sequence[Change], plan_options: PlanOptions) -> Selection:
    """Apply targets and exclusions. A change that is kept only because another needs it says so in its reason."""
    if not plan_options.is_partial:
        return Selection(tuple(changes))
    by_key = {change.key: change for change in changes}
    needs = {change.key: _needs(change, changes) for change in changes}
    dropped = _dependents((change.key for change in changes if _is_excluded(change, plan_options)), needs)
    wanted = [
        change.key
        for change in changes
        if change.key not in dropped and (not plan_options.targets or _is_targeted(change, plan_options))
    ]
    needed_by = _needed(wanted, by_key, needs)
    kept = [
        replace(_explained(change, needed_by[change.key]), requires=tuple(_bridged(change, needed_by, by_key)))
        for change in changes
        if change.key in needed_by
    ]
    return Selection(tuple(kept), tuple(change for change in changes if change.key not in needed_by))


def _is_targeted(change: Change, plan_options: PlanOptions) -> bool:
    """What is deleted with something is wanted as soon as that is, wherever it lies."""
    places = (change.address, change.goes_with or change.address)
    return any(lies_in(each, plan_options.targets) for each in places)


def _is_excluded(change: Change, plan_options: PlanOptions) -> bool:
    """What is excluded must also not go with something that it lies in."""
    goes = change.action in (Action.DELETE, Action.FORGET)
    return plan_options.keep(change.address) if goes else lies_in(change.address, plan_options.excluded)


def _needs(change: Change, changes: Iterable[Change]) -> tuple[str, ...]:
    """What a change makes no sense without. A collection that is made anew is so with all that lies in it."""
    if change.action is not Action.REPLACE or not holds_others(change.address):
        return change.needs
    inside = [each.key for each in changes if each.action is Action.CREATE and change.address in owners(each.address)]
    return (*change.needs, *inside)


def _needed(wanted: Iterable[str], by_key: Mapping[str, Change], needs: Mapping[str, Iterable[str]]) -> dict[str, str]:
    """Everything wanted and all that it needs, each with the key of what needs it (empty: it was wanted itself)."""
    found = dict.fromkeys(wanted, "")
    todo = list(found)
    while todo:
        key = todo.pop()
        for need in map(_base, needs[key]):
            if need in by_key and need not in found:
                found[need] = key
                todo.append(need)
    return found


def _dependents(dropped: Iterable[str], needs: Mapping[str, Iterable[str]]) -> set[str]:
    """What was dropped, and whatever needs it."""
    needing: dict[str, list[str]] = {}
    for key, needed in needs.items():
        for need in map(_base, needed):
            needing.setdefault(need, []).append(key)
    found: set[str] = set()
    todo = list(dropped)
    while todo:
        key = todo.pop()
        if key not in found:
            found.add(key)
            todo += needing.get(key, ())
    return found


def _explained(change: Change, needed_by: str) -> Change:
    if not needed_by:
        return change
    return replace(change, reason=f"{change.reason} (needed by {needed_by.partition(':')[2]})")


def _bridged(change: Change, kept: Collection[str], by_key: Mapping[str, Change]) -> Iterator[str]:
    """What must be done before. What comes before something left out still does: relationships of one collection
    follow each other also where one in the middle is left out."""
    seen = {change.key}
    todo = list(reversed(change.requires))
    while todo:
        key = todo.pop()
        if key in seen:
            continue
        seen.add(key)
        if _base(key) in kept:
            yield key
        elif _base(key) in by_key:
            todo += reversed(list(_before(key, by_key)))


def _before(key: str, by_key: Mapping[str, Change]) -> Iterator[str]:
    """What a moment of a change comes after. A removal only waits for others of its kind; the rest is what its
    successor waits for, which may be waiting for the removal itself."""
    for each in by_key[_base(key)].requires:
        goes = each.startswith(_REMOVAL) or (each in by_key and by_key[each].action in _FIRST)
        if goes or not key.startswith(_REMOVAL):
            yield each


def _base(key: str) -> str:
    """The change of a moment in it: `removal:replace:…` is a part of `replace:…`."""
    return key.removeprefix(_REMOVAL)
