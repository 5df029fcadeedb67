"""Three-way comparison: what the stack wants, what we last applied, what is really there. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..kinds import KINDS, Kind
from ..kinds.deployment import REPLACED, UNFINISHED
from ..model.address import Address
from ..model.desired import Desired
from ..model.resource import Fields, Live, Resource
from ..state.document import Entry, State
from .difference import Cause, Difference, FieldChange, Presence
from .values import same
from .variable import compare_variable

_UNSEEN = object()


def compare(desired: Desired, state: State, real: Mapping[Address, Live]) -> list[Difference]:
    """How every declared resource stands, in declaration order."""
    return [
        compare_resource(resource, state.entries.get(address), real.get(address), state.salt)
        for address, resource in desired.resources.items()
    ]


def compare_resource(wanted: Resource, known: Entry | None, real: Live | None, salt: str) -> Difference:
    """How one declared resource stands. Something that is being deleted counts as gone."""
    if real is None or real.status == "deleting":
        return Difference(wanted.address, Presence.MISSING if known is None else Presence.LOST, owned=known is not None)
    kind = KINDS[wanted.address.kind]
    known_fields = _last_applied(wanted, known, real)
    if kind.name == "variable":
        changes = compare_variable(wanted.fields, real.fields, known_fields, salt)
        in_place = not any(change.name == "secret" and change.before for change in changes)
    else:
        changes = compare_fields(kind, wanted.fields, real.fields, known_fields)
        in_place = all(change.name in kind.in_place for change in changes)
    return Difference(
        wanted.address,
        Presence.PRESENT,
        tuple(changes),
        in_place=in_place and real.status not in ("failed", "stuck"),
        owned=known is not None,
        status=real.status,
        error=real.error,
    )


def _last_applied(wanted: Resource, known: Entry | None, real: Live) -> Fields | None:
    """What we last made of it. Of a deployment that can be known without the state."""
    if real.status == UNFINISHED:
        return real.fields
    if known is None:
        return wanted.fields if real.status == REPLACED else None
    return known.fields


def compare_fields(kind: Kind, wanted: Fields, real: Fields, known: Fields | None) -> list[FieldChange]:
    """Fields whose real value is not the wanted one, with the reason. Fields we do not declare are left alone."""
    changes = []
    for name, value in wanted.items():
        unordered = name in kind.unordered
        actual = real.get(name)
        if same(value, actual, unordered=unordered):
            continue
        before = _UNSEEN if known is None else known.get(name, _UNSEEN)
        cause = _cause(value, actual, before, unordered=unordered)
        changes.append(FieldChange(name, actual, value, None if before is _UNSEEN else before, cause, unordered))
    return changes


def _cause(wanted: Any, real: Any, known: Any, *, unordered: bool) -> Cause:
    if known is _UNSEEN:
        return Cause.UNKNOWN
    if same(known, real, unordered=unordered):
        return Cause.CONFIG
    return Cause.DRIFT if same(known, wanted, unordered=unordered) else Cause.CONFLICT
