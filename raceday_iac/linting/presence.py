"""When a function may be at work: after its own schedule, and while (or after) those work that start it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from .expansion import YEAR, Expansion
from .facts import FunctionFacts
from .usage import Usage


@dataclass(frozen=True)
class Presence:
    """Schedules, each with the seconds after a start in which the function may be at work."""

    sources: tuple[tuple[Expansion, int], ...]

    @cached_property
    def days(self) -> tuple[int, ...]:
        """The minutes of each day of the year in which it may be at work, as bits."""
        return tuple(self._on(day) for day in range(YEAR))

    @property
    def minutes(self) -> int:
        """How much of a week it takes, to tell the busier of two."""
        return sum(bits.bit_count() for bits in self.days[:7])

    def _on(self, day: int) -> int:
        bits = 0
        for runs, seconds in self.sources:
            bits |= runs.occupied(day, seconds)
        return bits


def presences(
    functions: tuple[FunctionFacts, ...], runs: Mapping[str, Expansion], used: Mapping[str, Usage]
) -> dict[str, Presence]:
    """By function id, for all that are started by a schedule, if only through another function."""
    found = {}
    for function in functions:
        sources = [(runs[function.id], function.longest_run)] if function.id in runs else []
        for caller in callers_of(function, functions, used):
            if caller.id in runs:
                sources.append((runs[caller.id], caller.longest_run + function.longest_run))
        if sources:
            found[function.id] = Presence(tuple(sources))
    return found


def callers_of(
    function: FunctionFacts, functions: tuple[FunctionFacts, ...], used: Mapping[str, Usage]
) -> list[FunctionFacts]:
    """The functions that start it."""
    return [each for each in functions if function.id in used[each.id].calls]
