"""A field's difference in words: what people read in plans, and what acceptances are compared with."""

from __future__ import annotations

import json
from typing import Any

from ..kinds.base import thaw
from .difference import Cause, FieldChange
from .values import added_and_removed
from .variable import HIDDEN


def field_text(field: FieldChange) -> str:
    """`timeout: 840 → 150`; sets as what comes and goes; what somebody else changed is said to be so."""
    if isinstance(field.before, tuple) and isinstance(field.after, tuple):
        added, removed = added_and_removed(field.before, field.after)
        parts = [*(f"+{value_text(item)}" for item in added), *(f"-{value_text(item)}" for item in removed)]
        text = f"{field.name}: {' '.join(parts) if parts else 'the order changes'}"
    else:
        text = f"{field.name}: {value_text(field.before)} → {value_text(field.after)}"
    if field.cause is Cause.CONFLICT:
        text += f"   (we last applied {value_text(field.known)})"
    return text


def value_text(value: Any) -> str:
    if value == HIDDEN:
        return HIDDEN
    return json.dumps(thaw(value), ensure_ascii=False)
