"""A plan made again from its file, to be looked at. It cannot be applied: what is live is known only by fingerprint."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..diff import Cause, FieldChange
from ..errors import IacError
from ..kinds import KINDS, Kind
from ..model.address import Address
from ..model.evidence import counted_words
from .plan import Action, Change, Plan
from .saved import SavedPlan


def restored(saved: SavedPlan) -> Plan:
    """The plan as far as it was saved: changes, what was counted and what was left out, but not what is unmanaged.
    Raises IacError where a change lacks something."""
    content = saved.content
    try:
        changes = tuple(_change(each) for each in saved.changes)
        left_out = tuple(_left_out(key) for key in content["leftOut"])
    except (KeyError, TypeError, ValueError):
        raise IacError(f"The plan {saved.id[:12]} lacks a part of a change, so it cannot be drawn.") from None
    state = content["state"]
    return Plan(
        environment=saved.environment,
        lineage=state["lineage"],
        serial=state["serial"],
        changes=changes,
        server_version=content["serverVersion"],
        wishes=saved.wishes,
        evidence=saved.evidence,
        notes=tuple(f"counted when it was made: {each}" for each in counted_words(saved.evidence)),
        left_out=left_out,
    )


def _change(document: Mapping[str, Any]) -> Change:
    was, goes_with, address = document.get("was"), document.get("with"), Address.parse(document["address"])
    return Change(
        address,
        Action(document["action"]),
        document["reason"],
        tuple(_field(each, KINDS[address.kind]) for each in document["fields"]),
        requires=tuple(document["requires"]),
        drifted=document["drift"],
        origin=Address.parse(was) if was else None,
        goes_with=Address.parse(goes_with) if goes_with else None,
        managed=document.get("managed", True),
    )


def _field(document: Mapping[str, Any], kind: Kind) -> FieldChange:
    before, after, known = (_canonical(document[name]) for name in ("before", "after", "lastApplied"))
    name = document["name"]
    return FieldChange(name, before, after, known, Cause(document["cause"]), name in kind.unordered)


def _canonical(value: Any) -> Any:
    """The reverse of `thaw`: lists become tuples, as everywhere inside."""
    if isinstance(value, list):
        return tuple(map(_canonical, value))
    if isinstance(value, dict):
        return {key: _canonical(each) for key, each in value.items()}
    return value


def _left_out(key: str) -> Change:
    action, _, address = key.partition(":")
    return Change(Address.parse(address), Action(action), "")
