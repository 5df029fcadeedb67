"""A field's difference in words: what people read in plans, and what acceptances are compared with."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from ..kinds.base import thaw
from .difference import Cause, FieldChange
from .values import added_and_removed
from .variable import HIDDEN


@dataclass(frozen=True)
class FieldWords:
    """A field in words. Of a set, what comes and what goes; of anything else, both values."""

    name: str
    before: str = ""
    after: str = ""
    is_set: bool = False
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    #: What was last applied, where somebody else has changed it since and the stack too.
    known: str = ""


def field_words(field: FieldChange) -> FieldWords:
    """The words for a field."""
    known = value_text(field.known) if field.cause is Cause.CONFLICT else ""
    if isinstance(field.before, tuple) and isinstance(field.after, tuple):
        added, removed = added_and_removed(field.before, field.after)
        return FieldWords(
            field.name,
            is_set=True,
            added=tuple(map(value_text, added)),
            removed=tuple(map(value_text, removed)),
            known=known,
        )
    return FieldWords(field.name, value_text(field.before), value_text(field.after), known=known)


def field_text(field: FieldChange) -> str:
    """`timeout: 840 → 150`; sets as what comes and goes; what somebody else changed is said to be so."""
    words = field_words(field)
    if words.is_set:
        parts = [*(f"+{item}" for item in words.added), *(f"-{item}" for item in words.removed)]
        text = f"{words.name}: {' '.join(parts) if parts else REORDERED}"
    else:
        text = f"{words.name}: {words.before} → {words.after}"
    return f"{text}   (we last applied {words.known})" if words.known else text


#: What is said of a set whose members stay.
REORDERED = "the order changes"


def value_text(value: Any) -> str:
    """A value as JSON, on one line; a secret as stars."""
    if value == HIDDEN:
        return HIDDEN
    return json.dumps(thaw(value), ensure_ascii=False)
