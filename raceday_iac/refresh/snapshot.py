"""Read what is really there, as far as the stack and the state concern it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ..kinds.deployment import REPLACED, UNFINISHED
from ..model.address import Address, deployment_address
from ..model.desired import Desired
from ..model.resource import Live, frozen
from ..provider import Reader, Snapshot
from ..state.document import State
from .archives import Archives
from .deployments import READY

#: Newest deployments in which the stack's own code is looked for when there is no state.
_LOOK_BACK = 5


def refresh(reader: Reader, desired: Desired, state: State, archives: Archives | None = None) -> Snapshot:
    """Everything live that the stack declares, the state owns, or that lies beside it. `archives` remembers what was
    read of deployments before."""
    snapshot = reader.snapshot(_databases(desired, state))
    code = _Code(reader, archives or Archives(reader), snapshot.resources, desired, state)
    return replace(snapshot, resources={**snapshot.resources, **code.resources()})


def _databases(desired: Desired, state: State) -> tuple[str, ...]:
    """Databases whose inside matters; others are only named."""
    named = [
        address.parts[0]
        for address in (*desired.resources, *desired.tombstones, *state.entries)
        if _lies_in_database(address)
    ]
    return tuple(dict.fromkeys(named))


def _lies_in_database(address: Address) -> bool:
    return address.kind in ("database", "collection", "attribute", "relationship", "index")


@dataclass(frozen=True)
class _Code:
    """Active deployments of managed code, with the digest of what they run.

    A deployment never changes, so a digest that the state knows for this id is still right. Only an unknown id costs a
    download: after a lost state, or when somebody else deployed.
    """

    reader: Reader
    archives: Archives
    live: Mapping[Address, Live]
    desired: Desired
    state: State

    def resources(self) -> dict[Address, Live]:
        active = {name: self.live[at] for name in self.desired.code if (at := deployment_address(name)) in self.live}
        self.archives.prefetch(
            (name, live.remote_id) for name, live in active.items() if self._remembered(live) is None
        )
        return {live.address: self._judged(name, live) for name, live in active.items()}

    def _remembered(self, live: Live) -> str | None:
        known = self.state.entries.get(live.address)
        if known is None or known.remote_id != live.remote_id or "digest" not in known.fields:
            return None
        return str(known.fields["digest"])

    def _judged(self, function: str, live: Live) -> Live:
        digest = self._remembered(live)
        if digest is None:
            digest = self.archives.origin(function, live.remote_id).digest
        status = live.status
        if live.remote_id in self.state.uploads_of(function):
            status = UNFINISHED
        elif live.address not in self.state.entries and self._was_replaced(function, live, digest):
            status = REPLACED
        return replace(live, fields=frozen({"digest": digest}), status=status)

    def _was_replaced(self, function: str, live: Live, digest: str) -> bool:
        """Whether the very code of the stack was deployed before, and now something else is active. Without a state
        that is the only sign that somebody else changed it."""
        declared = self.desired.resources.get(live.address)
        if declared is None or declared.fields["digest"] == digest:
            return False
        others = [
            each.id
            for each in self.reader.deployments(function, _LOOK_BACK)
            if each.id != live.remote_id and each.status == READY
        ]
        self.archives.prefetch((function, each) for each in others)
        return any(self.archives.origin(function, each).digest == declared.fields["digest"] for each in others)
