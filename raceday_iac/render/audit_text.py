"""Whether the audit log holds, for people and machines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..audit import Inspection
from ..counting import counted
from .lines import Line

#: Broken lines that are named one by one.
_SHOWN = 10


def inspection_lines(inspection: Inspection, file: Path) -> Iterator[Line]:
    """The verdict, where it breaks first, and runs that have no end."""
    records = inspection.records
    if not records and inspection.is_sound:
        yield Line(f"There is no audit log yet ({file}).")
        return
    if inspection.is_sound:
        yield Line(
            f"The audit log is unbroken: {counted(len(records), 'record')}, the last of {records[-1].get('at')}.",
            "bold green",
        )
        # A cut at the end shows only to those who know where it ended.
        yield Line(f"  Its last hash is {inspection.head}")
    else:
        yield Line(f"The audit log {file} is broken. First at {inspection.breaks[0]}", "bold red")
        yield from (Line(f"  then at {each}", "red") for each in inspection.breaks[1:_SHOWN])
        if len(inspection.breaks) > _SHOWN:
            yield Line(f"  and {len(inspection.breaks) - _SHOWN} more", "red")
    for each in inspection.unended:
        yield Line(f"  {_run(each)} has no end: it was killed, or is still running", "yellow")


def inspection_document(inspection: Inspection, file: Path) -> dict[str, Any]:
    return {
        "file": str(file),
        "sound": inspection.is_sound,
        "records": len(inspection.records),
        "breaks": [{"line": each.line, "message": each.message} for each in inspection.breaks],
        "head": inspection.head,
        "unended": [each.get("number") for each in inspection.unended],
    }


def _run(record: Mapping[str, Any]) -> str:
    who = f"{record.get('who')}@{record.get('host')}"
    return f"record {record.get('number')}, {record.get('command')} by {who} at {record.get('at')},"
