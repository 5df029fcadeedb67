"""Rules on one function's schedule: overlaps with itself, schedules that never fire, or not as one reads them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from itertools import combinations

from .expansion import DAY, Concurrency, Expansion, callers_of, presences
from .facts import FunctionFacts
from .findings import Severity
from .rules import Context, RuleSet, Violation, scheduled, used_scheduled, violation
from .usage import Usage

RULES = RuleSet()


@RULES.rule("SCH001", Severity.ERROR, "a function starts again before its run has to end", each=scheduled)
def self_overlap(function: FunctionFacts, runs: Expansion) -> Iterator[Violation]:
    """The interval is below the timeout: two runs work on the same things.

    Fix: take a lock before anything else, or end within the interval, or start less often.
    """
    gap = runs.shortest_gap
    if gap is None or gap[0].total_seconds() >= function.timeout:
        return
    seconds = int(gap[0].total_seconds())
    most = -(-function.timeout // seconds)
    yield violation(
        function,
        f"starts every {seconds} s ({function.schedule}), but a run may take {function.timeout} s: "
        f"up to {most} runs at once",
        f"take a lock before anything else, or end within {seconds} s, or start less often",
        first=gap[1],
        times=runs.total,
        answered=lock_answer(function, "a second run ends at once"),
    )


@RULES.rule("SCH012", Severity.ERROR, "a schedule that never fires", each=scheduled)
def never_fires(function: FunctionFacts, runs: Expansion) -> Iterator[Violation]:
    """Such as 31 February, or `22-2`: a range does not wrap. Appwrite 1.8 accepts it, and its scheduler fails at it;
    1.9 refuses it. A warning if it only does not fire within the year.

    Fix: write a schedule that fires, or none.
    """
    if not runs.is_empty:
        return
    begin = datetime.combine(runs.begin, time(), UTC)
    never = runs.cron.why_never(begin)
    if never:
        message = f"its schedule {function.schedule!r} is valid and never fires: {never}"
        advice = (
            "write a schedule that fires, or none; Appwrite 1.9 refuses this one, and the scheduler of 1.8 fails at it"
        )
        yield violation(function, message, advice)
        return
    message = f"its schedule {function.schedule!r} does not fire in the {runs.days} days from {runs.begin}"
    first = runs.cron.next_run(begin)
    yield violation(function, message, "make sure that this is intended", Severity.WARNING, first=first)


@RULES.rule("SCH013", Severity.WARNING, "a schedule that fires at other times than it seems", each=scheduled)
def fires_otherwise(function: FunctionFacts, runs: Expansion) -> Iterator[Violation]:
    """Such as `0 20,8 * * *`, which never starts at 08:00. See [crons](../stack.md#schedules).

    Fix: write the intended times, and check them with `raceday-iac schedule`.
    """
    surprises = [] if runs.is_empty else list(runs.cron.surprises())
    if surprises:
        yield violation(
            function,
            f"its schedule {function.schedule!r} does not fire as it seems: {'; '.join(surprises)}",
            "write the intended times, and check them with raceday-iac schedule",
        )


def lock_answer(function: FunctionFacts, effect: str) -> str:
    """What a function's lock answers to two runs at once; nothing without one."""
    if function.lock is None:
        return ""
    return f"lock {function.lock.lock_id}: {effect}"


def _called(
    context: Context,
) -> Iterator[tuple[FunctionFacts, tuple[FunctionFacts, ...], Mapping[str, Expansion], Mapping[str, Usage]]]:
    return ((each, context.enabled, context.runs, context.used) for each in context.enabled)


# Rules on several functions: one is started by others too often, or two write the same collections at once.


@RULES.rule("SCH002", Severity.ERROR, "a function is started by others before its run has to end", each=_called)
def called_too_often(
    function: FunctionFacts,
    functions: tuple[FunctionFacts, ...],
    runs: Mapping[str, Expansion],
    used: Mapping[str, Usage],
) -> Iterator[Violation]:
    """Like SCH001, through another function. Warning where the code of the caller is not known.

    Fix: take a lock in the function that is started, or let the caller check whether a run is under way.
    """
    for caller in callers_of(function, functions, used):
        gap = runs[caller.id].shortest_gap if caller.id in runs else None
        if gap is None or gap[0].total_seconds() >= function.timeout:
            continue
        may = "" if used[caller.id].is_known else "may, by its scopes, "
        yield violation(
            function,
            f"{caller.id} {may}{'start' if may else 'starts'} it every {gap[0].total_seconds():.0f} s, "
            f"but a run may take {function.timeout} s",
            f"take a lock in {function.id}, or let {caller.id} check whether a run is under way",
            None if used[caller.id].is_known else Severity.WARNING,
            first=gap[1],
            answered=lock_answer(function, "a second run ends at once"),
        )


def _together(
    context: Context,
) -> Iterator[tuple[tuple[FunctionFacts, ...], Mapping[str, Concurrency], Mapping[str, Usage]]]:
    yield context.enabled, presences(context.enabled, context.runs, context.used), context.used


@RULES.rule("SCH003", Severity.WARNING, "two functions write the same collections at the same time", each=_together)
def collisions(
    functions: tuple[FunctionFacts, ...], present: Mapping[str, Concurrency], used: Mapping[str, Usage]
) -> Iterator[Violation]:
    """One may overwrite what the other has just written. One finding per function names the less busy
    ones that it meets.

    Fix: take a lock in each of them and write only separate fields, or move the schedules apart.
    """
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


def _meetings(one: Concurrency, other: Concurrency) -> dict[int, int]:
    """Days on which both may work at once, with the first minute."""
    common = (ours & theirs for ours, theirs in zip(one.days, other.days, strict=True))
    return {day: (bits & -bits).bit_length() - 1 for day, bits in enumerate(common) if bits}


def _collision(
    function: FunctionFacts,
    others: list[tuple[int, int, int, FunctionFacts, frozenset[str]]],
    present: Mapping[str, Concurrency],
) -> Violation:
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
            "ends before its lock expires. They do not exclude each other: each function must write only its own fields"
        )
    return violation(
        function,
        f"may be at work together with {partners}",
        "take a lock in each of them and write only separate fields, or move the schedules apart",
        first=present[function.id].sources[0][0].instant(day, minute),
        answered=answer,
    )


def _collections(shared: frozenset[str]) -> str:
    if "*" in shared:
        return "which collections they write is not known"
    return f"both write {', '.join(sorted(shared))}"


# Rules about schedules (UTC) on New Zealand's clock: its date, its changes, its quiet window.


#: Runs that follow each other within this belong to one stretch of work.
_STRETCH = timedelta(hours=1)
_MOST_SAID = 4


@RULES.rule("SCH004", Severity.ERROR, "runs cross local midnight, or begin after it", each=scheduled)
def day_crossings(function: FunctionFacts, runs: Expansion) -> Iterator[Violation]:
    """The date of "today" changes within a run, or between two runs of one series. Warning where no run is under way
    and it happens every night, not only in summer. Checked if the stack declares a time zone.

    Fix: fix the local date when a run begins, and hold a lock, so that runs of two days cannot mix.
    """
    local_time = runs.local_time
    if local_time.is_utc:
        return
    length = timedelta(seconds=function.longest_run)
    inside = between = 0
    first: datetime | None = None
    for midnight in (local_time.at(day, time()) for day in _days(runs)):
        before, after = _around(runs, midnight)
        crosses = before is not None and before + length > midnight
        parts = before is not None and after is not None and after - before <= _STRETCH
        inside, between = inside + crosses, between + parts
        if (crosses or parts) and first is None:
            first = before if crosses else after
    if first is None:
        return
    reported = [f"on {inside} days a year a run is under way when the date changes"] if inside else []
    reported += (
        [f"on {between} days its runs go on after the change, for another day than those before"] if between else []
    )
    if {0, runs.minutes[-1] // 60} >= {0, 23} and runs.minutes[0] < 60 and runs.cron.hour != "*":
        reported.append(f"the change of the UTC date, at {_utc_midnight(runs)}, is within the schedule too")
    # Runs that go over midnight in summer only were not meant to; those of every night at least do it knowingly.
    is_surprise = inside or between < runs.days - 1
    yield violation(
        function,
        "; ".join(reported),
        "fix the local date when a run begins and hold a lock, so that runs of two days cannot mix",
        None if is_surprise else Severity.WARNING,
        first=first,
        times=max(inside, between),
        answered=lock_answer(
            function, "runs of two days never work at once, and it records the day that its run works for"
        ),
    )


@RULES.rule("SCH006", Severity.WARNING, "runs in the quiet hours", each=used_scheduled)
def quiet_runs(function: FunctionFacts, runs: Expansion, usage: Usage) -> Iterator[Violation]:
    """The stack's `quiet_hours` say that nothing should run then. Answered by code that checks them, if an
    extension can recognise that.

    Fix: end them at once in the code, or leave those hours out of the schedule.
    """
    total = days = 0
    first: datetime | None = None
    for begin, end in runs.local_time.quiet_spans(_days(runs)):
        count, found = _between(runs, begin, end)
        first = first or found
        total, days = total + count, days + (count > 0)
    if first is None:
        return
    hours = runs.local_time.quiet_text.replace(" to ", " and ")
    answered = "its code, which ends a run in the quiet hours at once" if usage.minds_quiet else ""
    yield violation(
        function,
        f"{total:,} runs a year, on {days} days, begin between {hours} in {runs.local_time.timezone}",
        "end them at once in the code, or leave those hours out of the schedule",
        first=first,
        times=total,
        answered=answered,
    )


@RULES.rule("SCH005", Severity.INFO, "runs fall into the hour in which the local clock changes", each=scheduled)
def clock_change_runs(function: FunctionFacts, runs: Expansion) -> Iterator[Violation]:
    """An hour on the clock happens twice, or not at all. No run is lost: schedules are UTC.

    Fix: work with instants, never with the time on the clock.
    """
    local_time = runs.local_time
    met = [
        change
        for change in local_time.clock_changes(runs.begin, runs.days)
        if _between(runs, change - timedelta(hours=1), change + timedelta(hours=1))[0]
    ]
    if not met:
        return
    reported = [f"{local_time.day_of(change)}: {local_time.change_text(change)}" for change in met]
    yield violation(
        function,
        f"runs while the clock changes ({'; '.join(reported)}). Schedules are UTC: no run is lost or repeated",
        "work with instants, never with the time on the clock",
        first=met[0],
        times=len(met),
    )


@RULES.rule("SCH011", Severity.INFO, "the time on the local clock shifts over the year", each=scheduled)
def drift(function: FunctionFacts, runs: Expansion) -> Iterator[Violation]:
    """A UTC schedule is an hour later on the clock in summer.

    Fix: make sure that both times are right; a cron cannot follow a clock that changes.
    """
    hours = sorted({minute // 60 for minute in runs.minutes})
    local_time = runs.local_time
    changes = local_time.clock_changes(runs.begin, runs.days)
    if len(hours) == 24 or runs.is_empty or not changes:
        return
    noon = datetime.combine(runs.begin, time(12), UTC)
    reported = {}
    instants = (noon, *(change + timedelta(days=1) for change in changes))
    for instant in sorted(instants, key=local_time.offset):
        reported[local_time.name_at(instant)] = _clock_times(runs, local_time.offset(instant))
    said = ", ".join(f"{times} in {name}" for name, times in reported.items())
    yield violation(
        function,
        f"{function.schedule} UTC is {said}",
        f"make sure that both are right; a cron cannot follow the clock of {local_time.timezone}",
        first=changes[0],
        times=len(changes),
    )


def _clock_times(runs: Expansion, distance: timedelta) -> str:
    """First and last run of a stretch on the clock, or each of a few."""
    shift = int(distance.total_seconds()) // 60
    local = [f"{(minute + shift) // 60 % 24:02}:{(minute + shift) % 60:02}" for minute in runs.minutes]
    if len(local) <= _MOST_SAID:
        return ", ".join(local)
    gaps = [(b - a, number) for number, (a, b) in enumerate(zip(runs.minutes, runs.minutes[1:], strict=False))]
    gaps.append((1440 - runs.minutes[-1] + runs.minutes[0], len(local) - 1))
    widest = max(gaps)[1]
    return f"{local[(widest + 1) % len(local)]} to {local[widest]}"


def _days(runs: Expansion) -> Iterator[date]:
    """The local dates of the year, but for those that are not wholly in it."""
    return (runs.day(number + 1) for number in range(runs.days - 1))


def _utc_midnight(runs: Expansion) -> str:
    """When the UTC date changes on the local clock: `01:00 or 02:00 in Europe/Vienna`."""
    local_time = runs.local_time
    changes = local_time.clock_changes(runs.begin, runs.days)
    days = (runs.begin, *(change.date() + timedelta(days=2) for change in changes))
    midnights = (datetime.combine(day, time(), UTC).astimezone(local_time.zone) for day in days)
    return f"{' or '.join(sorted({f'{each:%H:%M}' for each in midnights}))} in {local_time.timezone}"


def _around(runs: Expansion, instant: datetime) -> tuple[datetime | None, datetime | None]:
    """The last run before an instant and the first at or after it, as far as the UTC days beside its own."""
    number, minute = (instant.date() - runs.begin).days, instant.hour * 60 + instant.minute
    minutes = runs.on(number)
    place = bisect_left(minutes, minute)
    earlier = minutes[:place] or [each - DAY for each in runs.on(number - 1)[-1:]]
    later = minutes[place:] or [each + DAY for each in runs.on(number + 1)[:1]]
    before = runs.instant(number, earlier[-1]) if earlier else None
    return before, runs.instant(number, later[0]) if later else None


def _between(runs: Expansion, begin: datetime, end: datetime) -> tuple[int, datetime | None]:
    """How many runs are in [begin, end), less than a day, and the first of them."""
    count, first = 0, None
    for number in range((begin.date() - runs.begin).days, (end.date() - runs.begin).days + 1):
        minutes, start = runs.on(number), runs.instant(number, 0)
        low, high = (bisect_left(minutes, (edge - start).total_seconds() / 60) for edge in (begin, end))
        if high > low:
            first = first or runs.instant(number, minutes[low])
            count += high - low
    return count, first
