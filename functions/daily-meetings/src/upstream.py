"""The meetings of the day as NZ TAB lists them: those that we import, each once, with patience."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, NamedTuple

from .vendor.errors import Fatal, Retryable, Skip, shown
from .vendor.mapping import identity
from .vendor.nztab import NzTab
from .vendor.running import Run

#: An outage at seven in the morning must not cost the whole day: the list is asked for again for some minutes.
TRIES = 6
LONGEST_PAUSE = 120.0
#: No attempt begins when less is left, in seconds: it may take that long, and what was read before has to be written.
LONGEST_ATTEMPT = 240.0


class Choice(NamedTuple):
    """Which meetings are imported, by the words of the API."""

    countries: frozenset[str]
    categories: frozenset[str]

    def takes(self, meeting: Mapping[str, Any]) -> bool:
        return _is_one_of(meeting.get("country"), self.countries) and _is_one_of(
            meeting.get("category"), self.categories
        )


def choice(environ: Mapping[str, str] = os.environ) -> Choice:
    """The setting of the operator; without one Australia and New Zealand, thoroughbreds and harness."""
    return Choice(
        _words(environ.get("RACEDAY_COUNTRIES") or "AUS,NZ"), _words(environ.get("RACEDAY_CATEGORIES") or "T,H")
    )


class Listed(NamedTuple):
    """What could be read. With `trouble` the rest of the list could not."""

    meetings: dict[str, dict[str, Any]]
    trouble: Exception | None


def read_meetings(run: Run) -> Listed:
    """The meetings to import by id. What was read before an error is kept."""
    wanted = choice()
    found: dict[str, dict[str, Any]] = {}
    trouble: Exception | None = None
    with NzTab(run) as nztab:
        for attempt in range(1, TRIES + 1):
            run.going_on()
            try:
                _read(run, nztab, wanted, found)
            except Retryable as reason:
                trouble = reason
                run.log.event("meetings.not_read", attempt=attempt, reason=str(reason))
                pause = max(nztab.paused_for(), min(LONGEST_PAUSE, 15.0 * 2 ** (attempt - 1)))
                if attempt == TRIES or (found and run.remaining() < pause + LONGEST_ATTEMPT):
                    break
                run.sleep(pause)
            except (Skip, Fatal) as reason:
                return Listed(found, reason)
            else:
                return Listed(found, None)
    return Listed(found, trouble)


def _read(run: Run, nztab: NzTab, wanted: Choice, found: dict[str, dict[str, Any]]) -> None:
    """Read the whole list into `found`. What was left out is counted only when all of it was read."""
    others, seen = 0, set[str]()
    for meeting in nztab.meetings(run.day):
        if not _is_usable(run, meeting):
            continue
        key = identity(meeting["meeting"])
        if not wanted.takes(meeting):
            others += 1
        elif key in seen:
            run.counts.add("skipped:duplicate_meeting")
        else:
            seen.add(key)
            found[key] = meeting
    run.counts.add("meetings.others", others)


def _is_usable(run: Run, meeting: Mapping[str, Any]) -> bool:
    try:
        identity(meeting.get("meeting"))
        # The date is a label of the NZ day. A list of another day would be mixed into this one's card.
        label = meeting.get("date")
        if isinstance(label, str) and label and label[:10] != run.day.isoformat():
            raise Skip(f"of another day: {label[:30]}")
    except Skip as reason:
        run.counts.add("skipped:meeting")
        run.log.event("meeting.skipped", meeting=shown(meeting.get("meeting")), reason=str(reason))
        return False
    return True


def _is_one_of(value: Any, words: frozenset[str]) -> bool:
    """Whatever the value is: a list cannot even be looked for."""
    return isinstance(value, str) and value in words


def _words(text: str) -> frozenset[str]:
    return frozenset(word.strip().upper() for word in text.split(",") if word.strip())
