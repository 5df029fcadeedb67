"""Renames, protections and ignored fields: what the stack says about the life of resources, put into a plan. Pure.

A rename is played through first: the plan is made as if the live resource (and what the state knows of it) had its new
name already, and one change really gives it that name before anything else happens to it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from ..diff import Difference
from ..kinds import in_words_of, kind_of, outermost
from ..kinds.base import thaw
from ..kinds.conversion import temporary
from ..kinds.fields import unfitted
from ..model.address import Address, owner_of, owners
from ..model.evidence import Question
from ..model.resource import Desired, Fields, Live, frozen
from ..model.server import ServerFacts
from ..provider import Snapshot
from ..state.document import Entry, State
from .plan import Action, Change, Reason, Refusal


@dataclass(frozen=True)
class RenameOverlay:
    """Live resources and state under their new names, and the changes that give them those. `notes` are of renames
    that cannot be done."""

    real: Mapping[Address, Live]
    state: State
    changes: tuple[Change, ...] = ()
    notes: tuple[str, ...] = ()

    def as_live(self, question: Question) -> Question:
        """The same question with the names that the attributes have on the server until they are renamed."""
        before = {
            change.address.name: change.origin.name
            for change in self.changes
            if change.origin is not None and owner_of(change.address) == question.place
        }
        return replace(question, attributes=tuple(before.get(each, each) for each in question.attributes))


def play_renames(desired: Desired, state: State, snapshot: Snapshot) -> RenameOverlay:
    """The renames that are still to be done: not those whose old name is gone, or that the state knows as done.

    In a chain (`b` becomes `c`, `a` becomes `b`) a name is given only when it has become free.
    """
    found, moved = RenameOverlay(snapshot.resources, state), desired.lifecycle.moved
    todo = {new: old for new, old in moved.items() if not _was_done(new, moved, state)}
    while ready := [new for new, old in todo.items() if _can_move(old, found.real) and not _holders(new, old, found)]:
        found = _renamed(found, todo.pop(ready[0]), ready[0])
    return replace(found, notes=tuple(_blocked(moved, found)))


def _was_done(new: Address, moved: Mapping[Address, Address], state: State) -> bool:
    """Whether the state knows it by its new name: what is called by the old one now is something else.

    In a chain the state may know something else by that name, which is to move on."""
    moves_on = any(old == new and later not in state.entries for later, old in moved.items())
    return new in state.entries and not moves_on


def _blocked(moved: Mapping[Address, Address], found: RenameOverlay) -> Iterator[str]:
    for new, old in moved.items():
        # In a chain the old name is that of the next one by now.
        holders = _holders(new, old, found)
        if _can_move(old, found.real) and old not in moved and holders:
            yield (
                f"{old} is not renamed to {new}: {holders[0]} exists already. "
                f"Delete one of the two, or remove stack.moved({str(old)!r}, …) from the stack"
            )


def _can_move(old: Address, real: Mapping[Address, Live]) -> bool:
    """Appwrite renames only what is available."""
    return old in real and real[old].status == "available"


def _holders(new: Address, old: Address, found: RenameOverlay) -> list[Address]:
    """What has the new name. Attributes and relationships share their keys, and those are compared without case."""
    if not kind_of(new).is_column:
        return [new] if new in found.real else []
    return [
        each for each in found.real if kind_of(each).is_column and each != old and each.path.lower() == new.path.lower()
    ]


def _renamed(before: RenameOverlay, old: Address, new: Address) -> RenameOverlay:
    real = {address: live for address, live in before.real.items() if address != old}
    real[new] = replace(before.real[old], address=new, remote_id=_remote_id(before.real[old], new))
    for address, live in before.real.items():
        if _is_over(address, live.fields, old):
            real[address] = replace(live, fields=kind_of(address).over_renamed(live.fields, old.name, new.name))
    state = before.state
    if old in state.entries:
        state = renamed_in_state(state, old, replace(state.entries[old], address=new, remote_id=real[new].remote_id))
    change = Change(new, Action.MOVE, f"renamed from {old}", origin=old, why=Reason.RENAMED)
    return replace(before, real=real, state=state, changes=(*before.changes, change))


def renamed_in_state(state: State, old: Address, entry: Entry) -> State:
    """The state in which `entry` takes the place of `old`; also where indexes name it."""
    found = state.without(old).with_entry(entry)
    for address, index in state.entries.items():
        if _is_over(address, index.fields, old):
            fields = kind_of(address).over_renamed(index.fields, old.name, entry.address.name)
            found = found.with_entry(replace(index, fields=fields))
    return found


def _is_over(address: Address, fields: Fields, column: Address) -> bool:
    """Whether it is an index over that column."""
    is_beside = kind_of(column).is_column and owners(address) == owners(column)
    return is_beside and column.name in kind_of(address).over(fields)


def _remote_id(live: Live, new: Address) -> str:
    """Attributes and relationships are known by their key, variables by an id that stays."""
    return live.remote_id if kind_of(new).has_own_id else new.name


def known_on_server(state: State, server: ServerFacts) -> State:
    """The same of what the state knows, which may have been applied before the server was upgraded."""
    said = {
        address: replace(entry, fields=fields)
        for address, entry in state.entries.items()
        if kind_of(address).ages and (fields := in_words_of(server, address, entry.fields)) is not entry.fields
    }
    return replace(state, entries={**state.entries, **said}) if said else state


def without_closed(desired: Desired, state: State, unread: Collection[str]) -> tuple[Desired, State]:
    """Both without kinds that cannot be read on this server: nothing is planned for them, and nothing is forgotten."""
    if not unread:
        return desired, state
    wanted = {address: each for address, each in desired.resources.items() if outermost(address).kind not in unread}
    buried = {address: each for address, each in desired.tombstones.items() if outermost(address).kind not in unread}
    known = {address: each for address, each in state.entries.items() if outermost(address).kind not in unread}
    return replace(desired, resources=wanted, tombstones=buried), replace(state, entries=known)


def unheard(desired: Desired, server: ServerFacts) -> Iterator[str]:
    """Notes on fields that this server does not have, while it has the rest of the resource."""
    for address, wanted in desired.resources.items():
        if kind_of(address).ages:
            for message in unfitted(kind_of(address).model_of(wanted.fields), wanted.fields, server):
                yield f"{address}: {message}"


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


def without_ignored(differences: Iterable[Difference], desired: Desired) -> list[Difference]:
    """The same without what is left to others. Of a secret there is no live value that could take the wanted one's
    place, so it is the difference that goes."""
    ignored = desired.lifecycle.ignored
    return [
        replace(each, fields=tuple(field for field in each.fields if field.name not in ignored[each.address]))
        if each.address in ignored
        else each
        for each in differences
    ]


def protection_refusals(changes: Iterable[Change], desired: Desired, real: Mapping[Address, Live]) -> Iterator[Refusal]:
    """A no for everything that would destroy something protected, or something that is to be kept though no longer
    managed. Nothing but taking that out of the stack allows it."""
    rules = desired.lifecycle
    if not (rules.protected or rules.forgotten):
        return
    for change in changes:
        if not change.destroys:
            continue
        guarded = rules.protects(change.address, real)
        kept = next((each for each in rules.forgotten if each in real and change.address in owners(each)), None)
        if guarded is not None:
            yield Refusal(
                change.address,
                f"{change.action} of {change.address} is refused: {guarded} is protected ({rules.protected[guarded]})",
                f"remove stack.protect({str(guarded)!r}, …) from the stack first",
            )
        if kept is not None:
            yield Refusal(
                change.address,
                f"{change.action} of {change.address} is refused: it contains {kept}, which is to be kept "
                f"({rules.forgotten[kept]})",
                f"forget {change.address} as well, or remove stack.forget({str(kept)!r}, …) from the stack first",
            )


def possible_renames(changes: Iterable[Change], desired: Desired, real: Mapping[Address, Live]) -> Iterator[str]:
    """Attributes that go while one just like them comes. Whether that is a rename only the user knows."""
    listed = list(changes)
    going = [each.address for each in listed if each.deletes and each.address in real]
    for change in listed:
        if change.action is not Action.CREATE or not kind_of(change.address).is_column:
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
                f"{alike[0]} is deleted, and {change.address} is created with the same settings. If this is a rename, "
                f'declare it, and the values stay: stack.moved("{alike[0]}", "{change.address}")'
            )


def left_conversions(desired: Desired, state: State, real: Mapping[Address, Live]) -> Iterator[str]:
    """Copies that a conversion left, of which the stack does not speak any more. They may hold the only values."""
    for wanted in desired.resources.values():
        if not kind_of(wanted.address).holds_values:
            continue
        copy = temporary(wanted.address)
        is_ours = copy in desired.resources or copy in state.entries or wanted.address in desired.lifecycle.converted
        if copy in real and not is_ours:
            yield (
                f"{copy} is live, and looks like the copy of an interrupted conversion of {wanted.address}. "
                f'If it is, declare stack.convert("{wanted.address}") again: the next apply finishes it '
                "and keeps its values"
            )
