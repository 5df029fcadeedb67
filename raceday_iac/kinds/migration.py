"""Migrations of data, as far as a plan speaks of them like of a resource.

A migration is nothing that Appwrite has: it is never read, compared or created. So it is in no list of kinds, and only
`kind_of` knows it, because a change of a plan may be one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..model.address import Address
from ..model.resource import Fields, Live
from .base import Call, Kind


def migration_address(name: str) -> Address:
    return Address("migration", name)


class _NoRequests:
    """Appwrite has no route for one."""

    def create(self, address: Address, fields: Fields) -> Call:  # noqa: ARG002
        raise self._unknown(address)

    def update(self, address: Address, fields: Fields, live: Live) -> Call:  # noqa: ARG002
        raise self._unknown(address)

    def delete(self, address: Address, live: Live) -> Call:  # noqa: ARG002
        raise self._unknown(address)

    def read(self, address: Address) -> Call:
        raise self._unknown(address)

    def _unknown(self, address: Address) -> LookupError:
        return LookupError(f"{address} is nothing that Appwrite has")


def _parse(_owner: tuple[str, ...], raw: Mapping[str, Any]) -> Live:
    raise LookupError(f"an answer is about a migration: {raw}")


#: After documents of the stack, which it may need.
KIND = Kind(name="migration", stage=46, requests=_NoRequests(), parse=_parse, tone="convert", is_replaceable=False)
