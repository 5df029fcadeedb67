"""Changes of a state by hand: rename, forget, replace. Pure; nothing here touches a server."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

from ..errors import RefusedError, StateError
from ..model.address import Address, owners
from .document import Entry, State
from .store import Version


def moved(state: State, source: Address, destination: Address) -> tuple[State, dict[Address, Address]]:
    """The state with a resource, and all that lies in it, under another address; and what became what.

    Raises StateError when that is not possible.
    """
    _must_be_alike(source, destination)
    if source in state.migrations:
        return _migration_moved(state, source, destination), {source: destination}
    if source not in state.entries:
        raise _not_owned(source)
    renamed = {each: _renamed(each, source, destination) for each in with_members(state, [source])}
    taken = [each for each in renamed.values() if each in state.entries and each not in renamed]
    if taken:
        first = min(taken, key=lambda each: (each != destination, each))
        raise StateError(f"{first} is in the state already.", unchanged=True)
    entries: dict[Address, Entry] = {}
    for address, entry in state.entries.items():
        name = renamed.get(address, address)
        # Where the server's id is the name, it is renamed as well.
        own = address == source and entry.remote_id == source.name
        entries[name] = replace(entry, address=name, remote_id=destination.name if own else entry.remote_id)
    return replace(state, serial=state.serial + 1, entries=entries), renamed


def _migration_moved(state: State, source: Address, destination: Address) -> State:
    """What ran under one name ran under another."""
    if destination in state.migrations:
        raise StateError(f"{destination} is in the state already.", unchanged=True)
    names = {at: destination if at == source else at for at in state.migrations}
    migrations = {names[at]: record for at, record in state.migrations.items()}
    return replace(state, serial=state.serial + 1, migrations=migrations)


def forgotten(state: State, unwanted: Iterable[Address]) -> tuple[State, list[Address]]:
    """The state without some resources and all that lies in them; and which those were. Raises StateError for one that
    is not in it."""
    wanted = list(unwanted)
    for each in wanted:
        if each in state.migrations:
            hint = f"for it to count as not run: raceday-iac migration mark {each.name} --not-run"
            raise StateError(f"{each} is no resource, but a migration that ran.", hint=hint, unchanged=True)
        if each not in state.entries:
            raise _not_owned(each)
    gone = with_members(state, wanted)
    kept = {address: entry for address, entry in state.entries.items() if address not in gone}
    return replace(state, serial=state.serial + 1, entries=kept), sorted(gone)


def pushed(current: Version | None, given: State, *, force: bool) -> State:
    """The state to save when `given` is to take the place of the current one. Raises RefusedError when it is another
    state, or an older one, unless forced."""
    if current is None:
        return replace(given, serial=max(1, given.serial))
    if not force and given.lineage != current.lineage:
        raise RefusedError(
            f"The lineage differs: this one is {given.lineage}, the stored one {current.lineage}. They describe "
            "different things, or one was started again.",
            hint="to let it take the other's place anyway: --force",
            unchanged=True,
        )
    if not force and given.serial < current.serial:
        raise RefusedError(
            f"It has serial {given.serial}, and the stored one has {current.serial}: it is older.",
            hint="pull the newest one and change that, or say --force",
            unchanged=True,
        )
    return replace(given, serial=max(given.serial, current.serial + 1))


def with_members(state: State, chosen: Collection[Address]) -> set[Address]:
    """The chosen addresses and those of everything in the state that lies in them."""
    return {each for each in state.entries if each in chosen or any(owner in chosen for owner in owners(each))}


def _renamed(address: Address, source: Address, destination: Address) -> Address:
    if address == source:
        return destination
    return Address(address.kind, destination.path + address.path.removeprefix(source.path))


def _must_be_alike(source: Address, destination: Address) -> None:
    if source.kind != destination.kind:
        raise StateError(f"A {source.kind} cannot become a {destination.kind}.", unchanged=True)
    if len(source.parts) != len(destination.parts):
        raise StateError(
            f"{destination} has {len(destination.parts)} parts, and {source} has {len(source.parts)}.", unchanged=True
        )


def _not_owned(address: Address) -> StateError:
    return StateError(f"{address} is not in the state.", hint="see what is: raceday-iac state list", unchanged=True)
