"""The chain of records: how one is sealed to the one before, and how a text of them is checked. Pure.

A line is a JSON object. `hash` is the SHA-256 of all its other fields in canonical form; one of these is `previous`,
the hash of the line before. So a line that is changed, removed, put in or moved shows. What does not show is a cut at
the end: whoever wants to rule that out notes the last hash elsewhere.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

FORMAT = 1
#: What the first line has for a line before it.
GENESIS = ""


@dataclass(frozen=True)
class Break:
    """A place where the chain does not hold. `line` counts from 1."""

    line: int
    message: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.message}"


@dataclass(frozen=True)
class Inspection:
    """What a log says of itself. `head` is the hash that the next record continues from, `number` the last one's."""

    records: tuple[Mapping[str, Any], ...] = ()
    breaks: tuple[Break, ...] = ()
    head: str = GENESIS
    number: int = 0

    @property
    def is_sound(self) -> bool:
        return not self.breaks

    @property
    def unended(self) -> tuple[Mapping[str, Any], ...]:
        """Beginnings of runs that have no end: they were killed, or go on right now."""
        ended = {str(each.get("begun")) for each in self.records if each.get("event") == "end"}
        return tuple(
            each for each in self.records if each.get("event") == "begin" and str(each.get("number")) not in ended
        )


def seal(content: Mapping[str, Any], after: Inspection) -> str:
    """The line, without its end, that adds a record to an inspected log."""
    record = {"format": FORMAT, "number": after.number + 1, **content, "previous": after.head}
    return json.dumps({**record, "hash": _hash(record)})


def inspect(text: bytes) -> Inspection:
    """Check every line. A damaged one is one break; what follows it is checked on its own."""
    records: list[Mapping[str, Any]] = []
    breaks: list[Break] = []
    head, number = GENESIS, 0
    for place, line in enumerate(text.split(b"\n"), 1):
        if not line.strip():
            continue
        record = _record(line)
        if record is None:
            breaks.append(Break(place, "it is not a record (cut off, or overwritten)"))
            # What comes after a line that cannot be read continues from that line as it stands.
            head, number = hashlib.sha256(line).hexdigest(), number + 1
            continue
        message = _objection(record, head, number)
        if message:
            breaks.append(Break(place, message))
        records.append(record)
        head, number = record["hash"], record["number"]
    return Inspection(tuple(records), tuple(breaks), head, number)


def _objection(record: Mapping[str, Any], head: str, number: int) -> str:
    if _hash({name: value for name, value in record.items() if name != "hash"}) != record["hash"]:
        return "its content is not what was written (its hash does not match)"
    if record["previous"] != head or record["number"] != number + 1:
        before = "the beginning of the log" if number == 0 else "the line before it"
        return f"it does not follow {before} (a line was removed, changed or put in)"
    return ""


def _record(line: bytes) -> Mapping[str, Any] | None:
    try:
        content = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(content, dict):
        return None
    types = {"hash": str, "previous": str, "number": int}
    return content if all(isinstance(content.get(name), kind) for name, kind in types.items()) else None


def _hash(record: Mapping[str, Any]) -> str:
    canonical = json.dumps(record, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
