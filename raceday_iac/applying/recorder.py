"""Keeps state and journal in step with what was done, from many threads.

Each change is in the saved state before the next one that depends on it starts. Threads that finish together share
one save.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from datetime import UTC, datetime

from ..kinds import holds_others, kind_of
from ..model.address import Address, owner_of, owners
from ..planning import Change
from ..planning.lifecycle import renamed_in_state
from ..state.document import Entry, MigrationRecord, State
from ..state.store import StateStore


class Recorder:
    """The state of a running apply."""

    def __init__(
        self, store: StateStore, state: State, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._store = store
        self._state = state
        self._now = now
        self._version = 0
        self._saved = 0
        self._changing = threading.Lock()
        self._saving = threading.Lock()
        self._journaling = threading.Lock()
        self._intended: set[str] = set()

    @property
    def state(self) -> State:
        return self._state

    def put(self, entry: Entry) -> None:
        """Own a resource, with the values just applied, and save. A deployment is accepted by that."""
        if kind_of(entry.address).is_code:
            self._commit(lambda state: _accepted(state, entry))
        else:
            self._commit(lambda state: state.with_entry(entry))

    def put_all(self, entries: Iterable[Entry]) -> None:
        """Own several at once, with one save, unless all of them are saved already. None of them is a deployment."""
        found = {each.address: each for each in entries}
        if found.items() <= self._state.entries.items():
            self._save(self._version)
        else:
            self._commit(lambda state: replace(state, entries={**state.entries, **found}))

    def begin_upload(self, owner: Entry, deployment: str) -> None:
        """Remember a deployment that is begun, and save. `owner` is the entry of its owner where there is none yet."""
        if deployment not in self._state.uploads_of(owner.address):
            self._commit(lambda state: state.with_upload(owner, deployment))

    def forget_uploads(self, owner: Address, gone: Collection[str]) -> None:
        """Deployments that were begun are no longer there."""
        if set(gone) & set(self._state.uploads_of(owner)):
            self._commit(lambda state: state.without_uploads(owner, gone))

    def drop(self, address: Address) -> None:
        """Forget a resource and all that lay in it, and save."""

        def without(state: State) -> State:
            kept = dict(state.entries)
            gone = [address]
            if holds_others(address):
                gone += [each for each in kept if _may_lie_in(each, address) and address in owners(each)]
            for each in gone:
                kept.pop(each, None)
            return replace(state, entries=kept).with_migration(address, None)

        self._commit(without)

    def note_migration(self, address: Address, record: MigrationRecord | None) -> None:
        """How far a migration came, or that nothing is known of it any more; and save."""
        self._commit(lambda state: state.with_migration(address, record))

    def rename(self, old: Address, entry: Entry) -> None:
        """What was called `old` is `entry` from now on, also for the indexes over it; and save, once."""
        self._commit(lambda state: renamed_in_state(state, old, entry))

    def intend(self, change: Change) -> None:
        """Write ahead what is about to be sent."""
        self._intended.add(change.key)
        self._journal("intent", change, "")

    def conclude(self, change: Change, outcome: str) -> None:
        """Write what came of it, where anything was to be sent."""
        if change.key in self._intended:
            self._journal(outcome, change, "")

    def _commit(self, mutate: Callable[[State], State]) -> None:
        with self._changing:
            self._state = mutate(self._state)
            self._version += 1
            mine = self._version
        self._save(mine)

    def _save(self, mine: int) -> None:
        """See that what was changed up to then is saved."""
        with self._saving:
            if self._saved >= mine:
                return
            with self._changing:
                self._state = replace(self._state, serial=self._state.serial + 1)
                state, version = self._state, self._version
            self._store.write(state)
            self._saved = version

    def _journal(self, what: str, change: Change, note: str) -> None:
        line = json.dumps({"at": self._now().isoformat(), "what": what, "change": change.key, "note": note})
        with self._journaling:
            self._store.append_journal(line)


def _may_lie_in(each: Address, address: Address) -> bool:
    """Known by the beginning of its path, which costs little; there may be thousands to ask."""
    return each.path.startswith(address.path)


def _accepted(state: State, entry: Entry) -> State:
    return state.with_entry(entry).without_uploads(owner_of(entry.address), (entry.remote_id,))
