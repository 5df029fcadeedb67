"""A simulated day written down, to be played again: who ran when, and how each race was played, polled and stored.

The file is JSON; instants are seconds since 1970, to the millisecond. Runs are lists, because there are thousands of
them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from .checks import DayResult
from .ledger import Occupation, Outcome, Run
from .report import DayReport, Invariant, compare_runs

FORMAT_VERSION = 1
#: Seconds that a day may have.
_LONGEST = 2 * 86_400

Statuses = tuple[tuple[float, str], ...]


@dataclass(frozen=True)
class PlayedRace:
    """One race of the card. `upstream` and `stored` are its statuses there and in the database, each from an instant
    on; `polls` is when the poller asked for it. All in order."""

    identity: str
    number: int
    name: str
    meeting: str
    start: float
    upstream: Statuses
    stored: Statuses
    polls: tuple[float, ...]

    def upstream_at(self, instant: float) -> str:
        """What upstream says of it. Before its first change a race is open."""
        return _at(self.upstream, instant) or "Open"

    def document_at(self, instant: float) -> dict[str, Any] | None:
        """The stored race, as far as its next poll depends on it. None before it was imported."""
        status = _at(self.stored, instant)
        if not status:
            return None
        polled = self.polls[bisect_right(self.polls, instant) - 1] if self.polls and self.polls[0] <= instant else None
        since = _text(next(at for at, each in self.stored if each == status))
        return {
            "$id": self.identity,
            "status": status,
            "startTime": _text(self.start),
            "last_poll_time": None if polled is None else _text(polled),
            "finalizedAt": since if status in ("Final", "Finalized") else None,
            "abandonedAt": since if status == "Abandoned" else None,
        }


@dataclass(frozen=True)
class Recording:
    """A day as it can be played again. The report has what the picture is drawn from and which invariants held; what
    else was measured is in the report of the simulation alone."""

    report: DayReport
    card: tuple[PlayedRace, ...]

    def under_way(self, instant: float) -> list[Run]:
        """The runs that are at work, the oldest first."""
        return [each for each in self.report.runs if each.start <= instant < each.end]

    def begun(self, instant: float) -> Sequence[Run]:
        """The runs that began until then."""
        return self.report.runs[: bisect_right(self.report.runs, instant, key=lambda run: run.start)]


def record(lived: DayResult, report: DayReport) -> dict[str, Any]:
    """A day that was lived through, as JSON."""
    return {
        "formatVersion": FORMAT_VERSION,
        "day": report.day,
        "seed": report.seed,
        "races": report.races,
        "options": dict(report.options),
        "begin": report.begin,
        "end": report.end,
        "invariants": [each.to_json() for each in report.invariants],
        "card": [
            {
                "id": race.id,
                "number": race.number,
                "name": race.name,
                "meeting": race.meeting.name,
                "start": race.start.timestamp(),
                "upstream": [[_short(at.timestamp()), status] for at, status in race.timeline.changes],
                "stored": [[_short(at), status] for at, status in lived.statuses_of(race.id)],
                "polls": [_short(each) for each in lived.polls_of(race.id)],
            }
            for race in lived.day.imported
        ],
        "runs": _runs(report.runs),
        "legacyRuns": _runs(report.legacy_runs),
    }


def read_recording(content: Mapping[str, Any]) -> Recording:
    """The same back from JSON. Raises ValueError for what is no recording of ours."""
    if content.get("formatVersion") != FORMAT_VERSION:
        raise ValueError("it is not a recording of a day, or it has another version")
    try:
        card = tuple(_race(each) for each in content["card"])
        runs, legacy = ([_run(each) for each in content[name]] for name in ("runs", "legacyRuns"))
        report = DayReport(
            day=str(content["day"]),
            seed=int(content["seed"]),
            races=int(content["races"]),
            begin=float(content["begin"]),
            end=float(content["end"]),
            options=dict(content["options"]),
            invariants=tuple(
                Invariant(str(each["name"]), int(each["checked"]), int(each["violations"]), tuple(each["examples"]))
                for each in content["invariants"]
            ),
            race_starts=tuple(each.start for each in card),
            **compare_runs(sorted(runs, key=lambda run: (run.start, run.function)), legacy),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"it lacks something of a recording: {error}") from None
    if not 0 < report.end - report.begin <= _LONGEST:
        raise ValueError("its day ends before it begins, or is longer than two")
    return Recording(report, card)


def _race(content: Mapping[str, Any]) -> PlayedRace:
    upstream, stored = (
        tuple((float(at), str(status)) for at, status in content[name]) for name in ("upstream", "stored")
    )
    return PlayedRace(
        str(content["id"]),
        int(content["number"]),
        str(content["name"]),
        str(content["meeting"]),
        float(content["start"]),
        upstream,
        stored,
        tuple(map(float, content["polls"])),
    )


def _runs(runs: Iterable[Run]) -> list[list[Any]]:
    return [
        [
            run.function,
            _short(run.start),
            _short(run.end),
            [[each.subject, _short(each.begin), _short(each.end)] for each in run.races],
            run.appwrite_requests,
            run.polls,
            str(run.outcome),
        ]
        for run in runs
    ]


def _run(content: Sequence[Any]) -> Run:
    function, start, end, races, requests, polls, outcome = content
    held = tuple(Occupation(str(subject), float(begin), float(until)) for subject, begin, until in races)
    return Run(str(function), float(start), float(end), held, int(requests), int(polls), Outcome(outcome))


def _at(statuses: Statuses, instant: float) -> str:
    """The status that holds at an instant; empty before the first."""
    number = bisect_right(statuses, instant, key=lambda each: each[0])
    return statuses[number - 1][1] if number else ""


def _text(instant: float) -> str:
    return datetime.fromtimestamp(instant, UTC).isoformat(timespec="milliseconds")


def _short(instant: float) -> float:
    return round(instant, 3)
