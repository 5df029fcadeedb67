"""Read what is really there, as far as the stack and the state concern it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ..errors import NotFoundError
from ..model.address import Address, deployment_address
from ..model.desired import Desired
from ..model.resource import Live, frozen
from ..packaging.archive import digest_of_archive
from ..provider import Reader, Snapshot
from ..state.document import State


def refresh(reader: Reader, desired: Desired, state: State) -> Snapshot:
    """Everything live that the stack declares, the state owns, or that lies beside it."""
    databases = _databases(desired, state)
    snapshot = reader.snapshot(databases)
    resources = dict(snapshot.resources)
    for address, live in _with_digests(reader, resources, desired, state).items():
        resources[address] = live
    return Snapshot(resources, snapshot.facts)


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


def _with_digests(
    reader: Reader, resources: Mapping[Address, Live], desired: Desired, state: State
) -> dict[Address, Live]:
    """Active deployments of managed code, with the digest of what they run.

    A deployment never changes, so a digest that the state knows for this id is still right. Only an unknown id costs a
    download: after a lost state, or when somebody else deployed.
    """
    found = {}
    for function in desired.code:
        address = deployment_address(function)
        live = resources.get(address)
        if live is None:
            continue
        known = state.entries.get(address)
        if known is not None and known.remote_id == live.remote_id and "digest" in known.fields:
            digest = str(known.fields["digest"])
        else:
            digest = _read_digest(reader, function, live.remote_id)
        found[address] = replace(live, fields=frozen({"digest": digest}))
    return found


def _read_digest(reader: Reader, function: str, deployment: str) -> str:
    try:
        return digest_of_archive(reader.source_of(function, deployment))
    except NotFoundError:
        return ""
