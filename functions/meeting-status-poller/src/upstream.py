"""What NZ TAB says now about the meetings of the day: one request, and never those of another day."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from .vendor.errors import Fatal, Retryable, Skip, shown
from .vendor.nztab import NzTab
from .vendor.running import Run


class Told(NamedTuple):
    """The meetings that we know, by id. `trouble` says why it may not be all of them."""

    meetings: dict[str, Mapping[str, Any]]
    generated: Any = None
    trouble: str = ""


def read_meetings(run: Run, known: Collection[str]) -> Told:
    """Of the list of meetings those with a known id. Foreign ones, doubles and those of another day are left out."""
    found: dict[str, Mapping[str, Any]] = {}
    with NzTab(run) as nztab:
        try:
            for meeting in nztab.meetings(run.day):
                key = meeting.get("meeting")
                if not isinstance(key, str) or key not in known:
                    continue
                if not shown(meeting.get("date")).startswith(run.day.isoformat()):
                    run.counts.add("skipped:other_day")
                elif key in found:
                    run.counts.add("skipped:duplicate_meeting")
                else:
                    found[key] = meeting
        except Fatal as reason:
            if not found:
                raise
            return Told(found, nztab.generated, str(reason))
        except (Retryable, Skip) as reason:
            return Told(found, nztab.generated, str(reason))
        return Told(found, nztab.generated)
