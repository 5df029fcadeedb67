"""What a race day leaves behind, whoever lived it: one value per execution. The real functions on the embedded server
and the legacy model produce the same values, so that both are counted by the same rules."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum


class Outcome(StrEnum):
    """How a run ended."""

    COMPLETED = "completed"
    #: Another run held the lock: it ended at once and worked on nothing.
    REFUSED = "refused"
    FAILED = "failed"
    #: Cut off by the function's timeout.
    KILLED = "killed"


@dataclass(frozen=True)
class Occupation:
    """A run's hold on one race or meeting: from its upstream fetch (or first write) until its last write for it."""

    subject: str
    #: Seconds since 1970, UTC; `end` is not part of it.
    begin: float
    end: float


@dataclass(frozen=True)
class Run:
    """One execution of one function."""

    function: str
    #: Seconds since 1970, UTC.
    start: float
    end: float
    races: tuple[Occupation, ...] = ()
    appwrite_requests: int = 0
    #: Races fetched from upstream, each time counted.
    polls: int = 0
    outcome: Outcome = Outcome.COMPLETED
    subjects: frozenset[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.end < self.start:
            raise ValueError(f"a run of {self.function} ends before it starts")
        object.__setattr__(self, "subjects", frozenset(each.subject for each in self.races))

    @property
    def seconds(self) -> float:
        return self.end - self.start

    @property
    def worked(self) -> bool:
        """Whether it did more than find out that another run works."""
        return self.outcome is not Outcome.REFUSED


def appwrite_requests_by_function(runs: Iterable[Run]) -> dict[str, int]:
    """Appwrite requests of a day, by function, names in order."""
    totals: dict[str, int] = {}
    for run in runs:
        totals[run.function] = totals.get(run.function, 0) + run.appwrite_requests
    return dict(sorted(totals.items()))
