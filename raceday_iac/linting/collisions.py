"""Rules on several functions: one is started by others too often, or two write the same collections at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations

from .expansion import Expansion
from .facts import FunctionFacts
from .findings import Finding, Severity
from .presence import Presence, callers_of
from .schedules import lock_answer
from .usage import Usage


def called_too_often(
    function: FunctionFacts,
    functions: tuple[FunctionFacts, ...],
    runs: Mapping[str, Expansion],
    used: Mapping[str, Usage],
) -> Iterator[Finding]:
    """SCH002: a caller's runs follow each other faster than this function ends."""
    for caller in callers_of(function, functions, used):
        gap = runs[caller.id].shortest_gap if caller.id in runs else None
        if gap is None or gap[0].total_seconds() >= function.timeout:
            continue
        may = "" if used[caller.id].is_known else "may, by its scopes, "
        yield Finding(
            "SCH002",
            Severity.ERROR if used[caller.id].is_known else Severity.WARNING,
            function.address,
            f"{caller.id} {may}{'start' if may else 'starts'} it every {gap[0].total_seconds():.0f} s, "
            f"but a run may take {function.timeout} s",
            f"take a lock in {function.id}, or let {caller.id} look whether a run is under way",
            function.location,
            gap[1],
            answered=lock_answer(function, "a second run ends at once"),
        )


def collisions(
    functions: tuple[FunctionFacts, ...], present: Mapping[str, Presence], used: Mapping[str, Usage]
) -> Iterator[Finding]:
    """SCH003: one finding per function, naming the less busy ones that it meets."""
    active = sorted((each for each in functions if each.id in present), key=lambda each: -present[each.id].minutes)
    met: dict[str, list[tuple[int, int, int, FunctionFacts, frozenset[str]]]] = {}
    for one, other in combinations(active, 2):
        shared = used[one.id].writes & used[other.id].writes
        days = _meetings(present[one.id], present[other.id]) if shared else {}
        if days:
            first = min(days)
            met.setdefault(one.id, []).append((first, days[first], len(days), other, shared))
    for function in active:
        if function.id in met:
            yield _collision(function, sorted(met[function.id], key=lambda each: each[:2]), present)


def _meetings(one: Presence, other: Presence) -> dict[int, int]:
    """Days on which both may work at once, with the first minute."""
    common = (ours & theirs for ours, theirs in zip(one.days, other.days, strict=True))
    return {day: (bits & -bits).bit_length() - 1 for day, bits in enumerate(common) if bits}


def _collision(
    function: FunctionFacts,
    others: list[tuple[int, int, int, FunctionFacts, frozenset[str]]],
    present: Mapping[str, Presence],
) -> Finding:
    day, minute = others[0][:2]
    alike: dict[str, list[str]] = {}
    for _, _, days, other, shared in others:
        alike.setdefault(f"on {days} days a year ({_collections(shared)})", []).append(other.id)
    partners = "; ".join(f"{', '.join(names)} {how}" for how, names in alike.items())
    locked = [each for each in (function, *(each[3] for each in others)) if each.lock]
    answer = ""
    if len(locked) == len(others) + 1:
        answer = (
            f"locks {', '.join(each.lock.lock_id for each in locked if each.lock)}: at most one run of each works, and "
            "ends before its lock expires. They do not keep each other out: each must write only what is its own"
        )
    return Finding(
        "SCH003",
        Severity.WARNING,
        function.address,
        f"may be at work together with {partners}",
        "take a lock in each of them and write only fields of one's own, or move the schedules apart",
        function.location,
        present[function.id].sources[0][0].moment(day, minute),
        answered=answer,
    )


def _collections(shared: frozenset[str]) -> str:
    if "*" in shared:
        return "which collections they write is not known"
    return f"both write {', '.join(sorted(shared))}"
