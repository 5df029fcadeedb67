"""The values that describe a difference between wanted, last applied and real."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from ..model.address import Address


class Cause(StrEnum):
    """Why a field differs. `config`: the stack changed. `drift`: the server changed. `conflict`: both did.
    `unknown`: state has never seen this resource, so nobody can tell."""

    CONFIG = "config"
    DRIFT = "drift"
    CONFLICT = "conflict"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class FieldChange:
    """One field: `before` is real, `after` wanted, `known` what we last applied. Secrets appear as ***. `is_set`: its
    order means nothing to Appwrite."""

    name: str
    before: Any
    after: Any
    known: Any
    cause: Cause
    is_set: bool = False


class Presence(StrEnum):
    """How a declared resource stands."""

    MISSING = "missing"  # neither live nor owned
    LOST = "lost"  # owned, but no longer live
    PRESENT = "present"


@dataclass(frozen=True)
class Difference:
    """How one declared resource differs. `in_place` tells whether an update can mend it."""

    address: Address
    presence: Presence
    fields: tuple[FieldChange, ...] = ()
    in_place: bool = True
    owned: bool = True
    status: str = "available"
    error: str = ""

    @property
    def is_clean(self) -> bool:
        """Present, as wanted and usable."""
        return self.presence is Presence.PRESENT and not self.fields and self.status not in ("failed", "stuck")

    @property
    def has_drifted(self) -> bool:
        """Whether somebody else changed or removed it since we last applied."""
        drifted = any(change.cause in (Cause.DRIFT, Cause.CONFLICT) for change in self.fields)
        return self.presence is Presence.LOST or drifted
