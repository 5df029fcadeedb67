"""The kinds of resources: one module each. A new kind is a new module and a line in this table."""

from __future__ import annotations

from . import attribute, collection, database, deployment, function, index, relationship, variable
from .base import Call, Kind

KINDS: dict[str, Kind] = {
    module.KIND.name: module.KIND
    for module in (database, collection, attribute, relationship, index, function, variable, deployment)
}

__all__ = ["KINDS", "Call", "Kind"]
