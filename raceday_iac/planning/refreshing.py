"""Taking over into the state what others did to live resources, without changing anything live. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..diff import Cause, FieldChange
from ..diff.values import same
from ..kinds import KINDS
from ..model.address import Address
from ..model.resource import Live
from ..state.document import Entry, State
from .plan import Action, Change


def refresh_changes(state: State, real: Mapping[Address, Live]) -> list[Change]:
    """What the state says otherwise than live Appwrite does. Afterwards a plan compares the stack with what is real."""
    return [change for entry in state.entries.values() for change in _refresh(entry, real.get(entry.address))]


def _refresh(entry: Entry, real: Live | None) -> Iterator[Change]:
    if real is None or real.status == "deleting":
        yield Change(entry.address, Action.FORGET, "it is gone from the server", drifted=True)
        return
    # A secret's value never comes back: what state knows of it stays.
    kind = KINDS[entry.address.kind]
    fields = tuple(
        FieldChange(name, known, real.fields[name], known, Cause.DRIFT)
        for name, known in entry.fields.items()
        if name in real.fields and not same(known, real.fields[name], unordered=name in kind.unordered)
    )
    if fields or (real.remote_id and real.remote_id != entry.remote_id):
        yield Change(entry.address, Action.REFRESH, "it was changed on the server", fields, drifted=True)
