"""From a plan's changes to steps that can run: who waits for whom, down to Appwrite's asynchronous work. Pure.

A change becomes one `act` step. Where Appwrite answers before it is done, whoever needs the result waits for a
`settle` step, which watches one collection for everything pending in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass

from ..kinds import KINDS
from ..model.address import Address, collection_address
from ..model.desired import Desired
from ..model.resource import Live
from ..planning import Action, Change
from ..planning.order import removal_of

#: What must be done before something of the same place can be removed.
_FIRST = (Action.DELETE, Action.MOVE)


@dataclass(frozen=True)
class Step:
    """One unit of work. `change` is None for a settle step; `watched` are the addresses it waits for.
    `removes` marks the first half of a replacement. Of what it `requires`, it makes no sense without what it `needs`;
    the rest only comes first."""

    key: str
    requires: frozenset[str]
    change: Change | None = None
    watched: tuple[Address, ...] = ()
    removes: bool = False
    needs: frozenset[str] = frozenset()


def make_steps(changes: Sequence[Change], desired: Desired, real: Mapping[Address, Live]) -> list[Step]:
    """The steps, in the order in which ready ones are preferred."""
    by_key = {change.key: change for change in changes}
    settling = _settle_steps(changes, desired, real)
    watcher = {address: step.key for step in settling for address in step.watched}
    gone_keys = {removal_of(change) for change in changes if change.action is Action.REPLACE}
    steps = []
    for change in changes:
        before = [by_key[key] for key in change.requires if key in by_key]
        needed = {_settled_key(each, watcher) for each in before} | _pending_before(change, desired, watcher)
        removals = gone_keys & set(change.requires)
        vital = {each.key for each in before if _is_vital(each, change)} | removals & set(change.needs)
        if change.action is Action.REPLACE:
            gone = removal_of(change)
            # Old indexes and old holders of the key go first; what it depends on is its successor's affair.
            earlier = {key for key in change.requires if key in by_key and by_key[key].action in _FIRST}
            steps.append(_step(gone, removals | earlier, vital, change, removes=True))
            removals = {gone}
            vital |= removals
        steps.append(_step(change.key, needed | removals | vital, vital, change))
    return [*steps, *settling]


def _step(key: str, requires: Set[str], vital: Set[str], change: Change, *, removes: bool = False) -> Step:
    return Step(key, frozenset(requires), change, removes=removes, needs=frozenset(vital & requires))


def _is_vital(before: Change, change: Change) -> bool:
    """Whether a change must not be made when one before it was stopped. New code waits for the whole schema that it
    may read; and what goes last may be what code that was not deployed still uses."""
    if change.action is Action.DEPLOY or (change.destroys and before.action is Action.DEPLOY):
        return True
    return before.key in change.needs


def settle_key(kind: str, collection: Address) -> str:
    return f"settle:{kind}:{collection.path}"


def _settled_key(change: Change, watcher: Mapping[Address, str]) -> str:
    """What to wait for so that a change is not only sent but done."""
    return watcher.get(change.address, change.key)


def _pending_before(change: Change, desired: Desired, watcher: Mapping[Address, str]) -> set[str]:
    """An index waits for its attributes, also for those that an interrupted run left `processing`; a relationship
    waits for the plain attributes of its collection, so that it never competes with them."""
    if change.address not in desired.resources or change.action is Action.DELETE:
        return set()
    needed = {watcher[each] for each in desired.resources[change.address].depends_on if each in watcher}
    if change.address.kind == "relationship":
        own = settle_key("attribute", collection_address(*change.address.parts[:2]))
        needed |= {own} & set(watcher.values())
    return needed


def _settle_steps(changes: Iterable[Change], desired: Desired, real: Mapping[Address, Live]) -> list[Step]:
    sent: dict[str, list[Change]] = {}
    for change in changes:
        if KINDS[change.address.kind].settles and change.action in (Action.CREATE, Action.REPLACE):
            sent.setdefault(_group(change.address), []).append(change)
    left = [
        address
        for address, live in real.items()
        if live.status == "processing" and KINDS[address.kind].settles and address in desired.resources
    ]
    groups = dict.fromkeys([*sent, *map(_group, left)])
    return [_settle_step(key, sent.get(key, []), [each for each in left if _group(each) == key]) for key in groups]


def _group(address: Address) -> str:
    """Attributes and indexes of a collection settle together, relationships one by one."""
    if address.kind == "relationship":
        return f"settle:relationship:{address.path}"
    return settle_key(address.kind, collection_address(*address.parts[:2]))


def _settle_step(key: str, changes: Sequence[Change], left: Sequence[Address]) -> Step:
    watched = dict.fromkeys([*(change.address for change in changes), *left])
    return Step(key, frozenset(change.key for change in changes), None, tuple(watched))
