"""A plan as JSON values: what is shown to machines, and what is saved to be applied later. Secrets appear as ***."""

from __future__ import annotations

from typing import Any

from ..diff import FieldChange
from ..diff.values import Part
from ..diff.wording import field_parts
from ..kinds.base import thaw
from ..model.evidence import evidence_to_json
from .plan import Action, Change, Plan


def plan_document(plan: Plan) -> dict[str, Any]:
    """The plan as `plan --json` shows it."""
    return {
        "environment": plan.environment,
        "serverVersion": plan.server_version,
        "state": {"lineage": plan.lineage, "serial": plan.serial},
        "empty": plan.is_empty,
        "counts": {str(action): plan.count(action) for action in Action if plan.count(action)},
        "changes": [change_document(change) for change in plan.changes],
        "evidence": evidence_to_json(plan.evidence),
        "leftOut": [change.key for change in plan.left_out],
        "notes": list(plan.notes),
        "unmanaged": [str(address) for address in plan.unmanaged],
        "refusals": [
            {"address": str(each.address), "message": each.message, "hint": each.hint} for each in plan.refusals
        ],
    }


def change_document(change: Change, *, with_parts: bool = True) -> dict[str, Any]:
    """A change as it is shown; without the parts of values that differ it is saved, for they follow from the rest."""
    return {
        "address": str(change.address),
        "action": str(change.action),
        "reason": change.reason,
        "drift": change.drifted,
        **({"was": str(change.origin)} if change.origin else {}),
        **({"with": str(change.goes_with)} if change.goes_with else {}),
        **({} if change.managed else {"managed": False}),
        "fields": [field_document(field, with_parts=with_parts) for field in change.fields],
        "requires": list(change.requires),
    }


def field_document(field: FieldChange, *, with_parts: bool = True) -> dict[str, Any]:
    parts = field_parts(field) if with_parts else ()
    return {
        "name": field.name,
        "before": thaw(field.before),
        "after": thaw(field.after),
        "lastApplied": thaw(field.known),
        "cause": str(field.cause),
        **({"parts": [_part_document(part) for part in parts]} if parts else {}),
    }


def _part_document(part: Part) -> dict[str, Any]:
    """`path` holds keys and positions; it is empty for a member of a set."""
    document: dict[str, Any] = {"op": str(part.op), "path": list(part.path)}
    if part.to:
        return {**document, "to": list(part.to), "value": part.before}
    values = {"before": part.before, "after": part.after}
    missing = {"added": "before", "removed": "after"}.get(str(part.op))
    return {**document, **{name: thaw(value) for name, value in values.items() if name != missing}}
