"""A plan as JSON values: what is shown to machines, and what is saved to be applied later. Secrets appear as ***."""

from __future__ import annotations

from typing import Any

from ..diff import FieldChange
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


def change_document(change: Change) -> dict[str, Any]:
    return {
        "address": str(change.address),
        "action": str(change.action),
        "reason": change.reason,
        "drift": change.drifted,
        **({"was": str(change.origin)} if change.origin else {}),
        **({"with": str(change.goes_with)} if change.goes_with else {}),
        **({} if change.managed else {"managed": False}),
        "fields": [field_document(field) for field in change.fields],
        "requires": list(change.requires),
    }


def field_document(field: FieldChange) -> dict[str, Any]:
    return {
        "name": field.name,
        "before": thaw(field.before),
        "after": thaw(field.after),
        "lastApplied": thaw(field.known),
        "cause": str(field.cause),
    }
