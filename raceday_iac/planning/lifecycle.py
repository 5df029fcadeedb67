"""Renames, protections and ignored fields: what the stack says about the life of resources, put into a plan. Pure.

A rename is played through first: the plan is made as if the live resource (and what the state knows of it) had its new
name already, and one change really gives it that name before anything else happens to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from ..kinds.base import thaw
from ..model.address import Address
from ..model.desired import Desired
from ..model.resource import Live, frozen
from ..provider import Snapshot
from ..state.document import State
from .plan import Action, Change, Refusal


@dataclass(frozen=True)
class Renamed:
    """Live resources and state under their new names, and the changes that give them those."""

    real: Mapping[Address, Live]
    state: State
    changes: tuple[Change, ...] = ()


def play_renames(desired: Desired, state: State, snapshot: Snapshot) -> Renamed:
    """Renames that are still to be done. One whose old name is gone, or whose new one is taken, is none.

    In a chain (`b` becomes `c`, `a` becomes `b`) a name is given only when it has become free.
    """
    found = Renamed(snapshot.resources, state)
    todo = dict(desired.lifecycle.moved)
    while ready := [new for new, old in todo.items() if old in found.real and new not in found.real]:
        found = _renamed(found, todo.pop(ready[0]), ready[0])
    return found


def _renamed(before: Renamed, old: Address, new: Address) -> Renamed:
    real = {address: live for address, live in before.real.items() if address != old}
    real[new] = replace(before.real[old], address=new, remote_id=_remote_id(before.real[old], new))
    for address, live in before.real.items():
        if address.kind == "index" and address.parts[:2] == old.parts[:2] and old.kind != "variable":
            # The server puts the new name into the indexes too.
            keys = tuple(new.name if key == old.name else key for key in live.fields["attributes"])
            real[address] = replace(live, fields=frozen({**live.fields, "attributes": keys}))
    state = before.state
    if old in state.entries:
        entry = state.entries[old]
        state = state.without(old).with_entry(replace(entry, address=new, remote_id=real[new].remote_id))
    change = Change(new, Action.MOVE, f"it was {old}", origin=old)
    return Renamed(real, state, (*before.changes, change))


def _remote_id(live: Live, new: Address) -> str:
    """Attributes and relationships are known by their key, variables by an id that stays."""
    return live.remote_id if new.kind == "variable" else new.name


def with_ignored(desired: Desired, real: Mapping[Address, Live]) -> Desired:
    """The wanted side, in which ignored fields of what is live are as they are there."""
    changed = {}
    for address, names in desired.lifecycle.ignored.items():
        wanted, live = desired.resources.get(address), real.get(address)
        if wanted is None or live is None:
            continue
        kept = {name: live.fields[name] for name in names if name in live.fields}
        changed[address] = replace(wanted, fields=frozen({**wanted.fields, **kept}))
    return desired.with_resources(changed) if changed else desired


def protection_refusals(changes: Iterable[Change], desired: Desired, real: Mapping[Address, Live]) -> Iterator[Refusal]:
    """A no for everything that would destroy something protected. Nothing but taking the protection away allows it."""
    if not desired.lifecycle.protected:
        return
    for change in changes:
        if not change.destroys:
            continue
        guarded = desired.lifecycle.protects(change.address, real)
        if guarded is not None:
            yield Refusal(
                change.address,
                f"{change.action} of {change.address} is refused: {guarded} is protected "
                f"({desired.lifecycle.protected[guarded]})",
                f"take stack.protect({str(guarded)!r}, …) out of the stack first",
            )


def possible_renames(changes: Iterable[Change], desired: Desired, real: Mapping[Address, Live]) -> Iterator[str]:
    """Attributes that go while one just like them comes. Whether that is a rename only the user knows."""
    listed = list(changes)
    going = [each.address for each in listed if each.action is Action.DELETE and each.address in real]
    for change in listed:
        if change.action is not Action.CREATE or change.address.kind not in ("attribute", "relationship"):
            continue
        wanted = desired.resources[change.address].fields
        alike = [
            old
            for old in going
            if old.kind == change.address.kind
            and old.parts[:2] == change.address.parts[:2]
            and thaw(real[old].fields) == thaw(wanted)
        ]
        if len(alike) == 1:
            yield (
                f"{alike[0]} goes and {change.address}, which is just like it, comes. If that is a new name for it, "
                f'say so, and its values stay: stack.moved("{alike[0]}", "{change.address}")'
            )
