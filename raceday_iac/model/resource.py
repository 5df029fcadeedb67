"""Values that describe a resource: as wanted, as last applied, and as it really is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from .address import Address
from .problem import Location

#: Field values in canonical form: JSON values, tuples instead of lists, and `Secret`.
Fields = Mapping[str, Any]


def frozen(fields: Mapping[str, Any]) -> Fields:
    """A read-only copy."""
    return MappingProxyType(dict(fields))


@dataclass(frozen=True)
class Resource:
    """What the stack wants. `depends_on` names resources that must exist (and be available) before this one."""

    address: Address
    fields: Fields
    depends_on: tuple[Address, ...] = ()
    location: Location = field(default_factory=Location, compare=False)


@dataclass(frozen=True)
class Live:
    """What really is on the server.

    `remote_id` is the server's id where it differs from the address (variables, deployments).
    `carried` holds raw fields that we do not manage but must send back, because an update replaces everything.
    `status` is Appwrite's status of attributes, indexes and deployments (`available` when the kind has none).
    """

    address: Address
    fields: Fields
    remote_id: str = ""
    carried: Fields = field(default_factory=lambda: frozen({}))
    status: str = "available"
    error: str = ""
    #: When the server last changed it, where that is told.
    updated_at: str = field(default="", compare=False)


@dataclass(frozen=True)
class Tombstone:
    """A resource that must not exist, and why."""

    address: Address
    reason: str
    location: Location = field(default_factory=Location, compare=False)
