"""Differences of variables. A secret's value never comes back, so its fingerprint in state stands for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..model.resource import Fields
from ..model.secret import Secret
from .difference import Cause, FieldChange

HIDDEN = "***"


def stored_fields(fields: Fields, salt: str) -> dict[str, Any]:
    """What state keeps of an applied variable: the value, or a secret's fingerprint."""
    value = fields["value"]
    if isinstance(value, Secret):
        return {"secret": True, "fingerprint": value.fingerprint(salt)}
    return {"secret": False, "value": value}


def compare_variable(wanted: Fields, real: Fields, known: Mapping[str, Any] | None, salt: str) -> list[FieldChange]:
    """Field changes; a plain value behind a secret, or a new secret value, shows as ***."""
    value = wanted["value"]
    changes = []
    if bool(real["secret"]) != isinstance(value, Secret):
        before_known = None if known is None else known.get("secret")
        cause = _cause(isinstance(value, Secret), real["secret"], before_known)
        changes.append(FieldChange("secret", real["secret"], isinstance(value, Secret), before_known, cause))
    if isinstance(value, Secret):
        fingerprint = None if known is None else known.get("fingerprint")
        if fingerprint is None:
            changes.append(FieldChange("value", HIDDEN, HIDDEN, HIDDEN, Cause.UNKNOWN))
            return changes
        applied = fingerprint == value.fingerprint(salt)
        if not real["secret"] or not applied:
            # The value we applied is still the wanted one: then somebody else has put another in its place.
            cause = Cause.DRIFT if applied else Cause.CONFIG
            changes.append(FieldChange("value", HIDDEN, HIDDEN, HIDDEN, cause))
    elif not real["secret"] and real["value"] != value:
        before_known = None if known is None else known.get("value")
        changes.append(
            FieldChange("value", real["value"], value, before_known, _cause(value, real["value"], before_known))
        )
    elif real["secret"]:
        changes.append(FieldChange("value", HIDDEN, value, None, Cause.UNKNOWN))
    return changes


def _cause(wanted: Any, real: Any, known: Any) -> Cause:
    if known is None:
        return Cause.UNKNOWN
    if known == real:
        return Cause.CONFIG
    return Cause.DRIFT if known == wanted else Cause.CONFLICT
