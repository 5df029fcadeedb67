"""A field's difference in words: what people read in plans, and what acceptances are compared with."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from ..kinds.base import thaw
from .difference import Cause, FieldChange
from .values import Op, Part, Path, parts
from .variable import HIDDEN


@dataclass(frozen=True)
class PartWords:
    """A part of a value in words. `place` is where (`jobs[1].cron`), nothing for a member of a set; `before` or `after`
    is None where there is nothing; `note` stands for both of them where something only moves."""

    place: str
    before: str | None = None
    after: str | None = None
    note: str = ""

    @property
    def text(self) -> str:
        """`jobs[1].cron: 1 → 2`, `+scope`, `-old: 3`."""
        if self.note:
            return f"{self.place}: {self.note}"
        if self.before is not None and self.after is not None:
            return f"{self.place}: {self.before} → {self.after}"
        sign, value = ("+", self.after) if self.before is None else ("-", self.before)
        return f"{sign}{self.place}: {value}" if self.place else f"{sign}{value}"


@dataclass(frozen=True)
class FieldWords:
    """A field in words: the parts of it that differ, or both values where it is to be read as a whole."""

    name: str
    before: str = ""
    after: str = ""
    parts: tuple[PartWords, ...] = ()
    #: What was last applied, where somebody else has changed it since and the stack too.
    known: str = ""

    @property
    def ending(self) -> str:
        return f"   (we last applied {self.known})" if self.known else ""

    @property
    def text(self) -> str:
        """All of it in one line."""
        # Places need a comma between them; members of a set are read without.
        between = ", " if any(each.place for each in self.parts) else " "
        values = between.join(each.text for each in self.parts) or f"{self.before} → {self.after}"
        return f"{self.name}: {values}{self.ending}"


def field_words(field: FieldChange) -> FieldWords:
    """The words for a field."""
    known = value_text(field.known) if field.cause is Cause.CONFLICT else ""
    found = tuple(map(_part_words, field_parts(field)))
    if found:
        return FieldWords(field.name, parts=found, known=known)
    return FieldWords(field.name, value_text(field.before), value_text(field.after), known=known)


def field_parts(field: FieldChange) -> tuple[Part, ...]:
    """What differs inside a field's value."""
    return parts(field.before, field.after, unordered=field.is_set)


def field_text(field: FieldChange) -> str:
    """`timeout: 840 → 150`; of lists, sets and settings what comes, goes and changes in them."""
    return field_words(field).text


def value_text(value: Any) -> str:
    """A value as JSON, on one line; a secret as stars."""
    if value == HIDDEN:
        return HIDDEN
    return json.dumps(thaw(value), ensure_ascii=False)


def _part_words(part: Part) -> PartWords:
    place = _place_text(part.path)
    if part.op is Op.MOVED:
        return PartWords(place, note=f"{value_text(part.before)} moves to {_place_text(part.to)}")
    before = None if part.op is Op.ADDED else value_text(part.before)
    return PartWords(place, before, None if part.op is Op.REMOVED else value_text(part.after))


def _place_text(path: Path) -> str:
    return "".join(map(_step_text, path)).removeprefix(".")


def _step_text(step: str | int) -> str:
    if isinstance(step, str) and re.fullmatch(r"[\w$-]+", step):
        return f".{step}"
    return f"[{json.dumps(step, ensure_ascii=False)}]"
