"""A cron expression as a whole: whether Appwrite takes it, when it runs, and what people should write instead."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property, lru_cache

from .fields import (
    FIELDS,
    HOUR,
    MINUTE,
    MONTH,
    MONTH_DAY,
    NUMERIC,
    WEEKDAY,
    DayTest,
    Field,
    Impossible,
    NoNextRun,
    Unworkable,
    accepts,
    day_of,
    day_tests,
    failing,
    integer,
    is_step,
    onward,
    verdicts,
)

DAY = 1440
#: The library gives up after so many steps, each to another month, day, hour or minute.
ATTEMPTS = 1000
ALIASES: Mapping[str, str] = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_LAST_DAY = date.max.toordinal()
_BLANK = re.compile(r"[ \t\n\v\f\r]+")

TWO_QUESTION_MARKS = "'?' can stand for the day of month or the day of week, not for both; write '*'"
UNSOUND = "Appwrite's library fails at a part of it, depending on the minute"
_START_AND_STEP = re.compile(r"([0-9]+)/(.*)")
_WITHOUT_WEEKDAY = re.compile(r"[^0-9+A-Za-z]")
_MOST_TIMES = 4


class CronError(ValueError):
    """An expression that Appwrite refuses. The text says what is wrong and what to write instead."""


def cron_problem(expression: str) -> str:
    """What is wrong with a cron expression and what to write instead, or an empty text."""
    try:
        parse(expression)
    except CronError as error:
        return str(error)
    return ""


@lru_cache(maxsize=1024)
def parse(expression: str) -> Cron:
    """Read an expression. Raises CronError when Appwrite refuses it."""
    known = ALIASES.get(expression.lower() if expression.isascii() else expression, expression)
    parts = [part for part in _BLANK.split(known) if part]
    if len(parts) != len(FIELDS):
        raise _refusal(expression, wrong_number(expression, len(parts), ALIASES))
    if parts[2] == parts[4] == "?":
        raise _refusal(expression, TWO_QUESTION_MARKS)
    for field, part in zip(FIELDS, parts, strict=True):
        if not accepts(field, part):
            raise _refusal(expression, complaint(field, part))
    return Cron(expression, *parts)


def next_run(expression: str, after: datetime) -> datetime | None:
    """The library's next run after the minute of an instant; None where there is none. Raises CronError."""
    try:
        return parse(expression).next_run(after)
    except NoNextRun:
        return None


def _refusal(expression: str, problem: str) -> CronError:
    shown = expression if len(expression) <= 80 else expression[:79] + "…"
    return CronError(f"{shown!r}: {problem}")


@dataclass(frozen=True)
class Cron:
    """A valid expression. Instants must have a zone."""

    expression: str
    minute: str
    hour: str
    month_day: str
    month: str
    weekday: str

    def next_run(self, after: datetime) -> datetime:
        """The library's answer: the next run after the minute of an instant. Raises NoNextRun."""
        return _instant(self._next(_minute_of(after)))

    def runs_on(self, day: date) -> tuple[int, ...]:
        """The minutes of a UTC day at which the scheduler starts a run. Most days have the very same tuple."""
        start = day.toordinal()
        found = [path for path in self._paths if path.counts and path.fits(start)]
        if not found:
            return ()
        from_midnight = any(path.comes_at_midnight(start) for path in found)
        minutes = self._clock.starts_from_midnight if from_midnight else self._clock.starts
        if self._is_sound or len(self._paths) == 1:
            return minutes
        # One path may be fine while the other fails at the same instant, and with it the whole answer.
        return tuple(minute for minute in minutes if self._comes_at(start * DAY + minute))

    def runs_between(self, begin: datetime, end: datetime) -> Iterator[datetime]:
        """The runs that the scheduler starts from an instant on, before another."""
        day, last = begin.astimezone(UTC).date(), end.astimezone(UTC).date()
        while day <= last:
            midnight = datetime.combine(day, time(), UTC)
            runs = (midnight + timedelta(minutes=minute) for minute in self.runs_on(day))
            yield from (run for run in runs if begin <= run < end)
            day += timedelta(days=1)

    def why_never(self, after: datetime) -> str:
        """Why there is no run after an instant, and what to write instead; empty where there is one."""
        try:
            self.next_run(after)
        except NoNextRun:
            found = dict.fromkeys(self._dead_ends())
            return "; ".join(found) or "there is no such date"
        return ""

    def surprises(self) -> Iterator[str]:
        """Where what is written and what Appwrite makes of it differ, and what to write instead."""
        yield from dict.fromkeys((*self._dead_ends(), *odd_days(self.month_day, self.weekday)))
        skipped = self._clock.skipped
        if skipped:
            yield skipped_minutes(skipped)
        if not self._is_sound:
            yield UNSOUND

    def _dead_ends(self) -> Iterator[str]:
        parts = (self.minute, self.hour, self.month_day, self.month, self.weekday)
        for field, part in zip(FIELDS, parts, strict=True):
            yield from dead_ends(field, part)

    def _next(self, start: int) -> int:
        if len(self._paths) == 1:
            return self._paths[0].next(start)
        found = []
        for path in self._paths:
            try:
                at = path.next(start)
            except Impossible:
                continue
            if path.counts:
                found.append(at)
        if not found:
            raise Unworkable("neither the day of month nor the day of week ever comes")
        return min(found)

    def _comes_at(self, minute: int) -> bool:
        try:
            return self._next(minute - 1) == minute
        except NoNextRun:
            return False

    @cached_property
    def _clock(self) -> _Clock:
        return _Clock(self.hour, self.minute)

    @cached_property
    def _is_sound(self) -> bool:
        """Whether the library can work out every part of it."""
        return self._clock.is_sound and all(path.is_sound for path in self._paths)

    @cached_property
    def _paths(self) -> tuple[_Path, ...]:
        """Where both days are restricted, the library looks for either and takes the earlier."""
        months = verdicts(MONTH, self.month)
        texts = [(MONTH_DAY, self.month_day), (WEEKDAY, self.weekday)]
        restricted = [(day_tests(field, text), text != "?") for field, text in texts if text != "*"]
        if len(restricted) == 2:
            return tuple(_Path(months, tests, self._clock, counts=counts) for tests, counts in restricted)
        return (_Path(months, restricted[0][0] if restricted else (), self._clock),)


class _Path:
    """The library's way to the next run: from an instant to the next one that may fit, by month, day, hour, minute.

    Without tests every day of a month fits. Minutes count from the calendar's day 0.
    """

    def __init__(
        self, months: Mapping[int, bool | None], tests: tuple[DayTest, ...], clock: _Clock, *, counts: bool = True
    ) -> None:
        self._months = months
        self._tests = tests
        self._clock = clock
        self._is_daily = not tests and all(months.values())
        self._days: dict[int, int | type[NoNextRun]] = {}
        #: Not where it is `?`: then only its failures matter.
        self.counts = counts

    def next(self, start: int) -> int:
        """The first minute after `start` that fits. Raises NoNextRun."""
        day, minute = divmod(start, DAY)
        origin = (day, minute)
        for _ in range(ATTEMPTS):
            at = self._from_day(day)
            if at != day:
                day, minute = at, 0
                continue
            to = self._clock.arrival[minute]
            if to == minute:
                if (day, minute) != origin:
                    return day * DAY + minute
                to = self._clock.departure[minute]
            if to is None:
                raise Unworkable("the hours or minutes cannot be worked out")
            day, minute = day + to // DAY, to % DAY
        raise Impossible(f"nothing fits within {ATTEMPTS} steps")

    @property
    def is_sound(self) -> bool:
        return None not in self._months.values() and failing not in self._tests

    def fits(self, day: int) -> bool:
        return self._leads_to(day) == day

    def comes_at_midnight(self, day: int) -> bool:
        """Whether the minute before leads to the midnight with which a day begins. The day itself fits."""
        before = self._leads_to(day - 1)
        arrives = self._clock.leads_to(DAY - 1) == DAY if before == day - 1 else before == day
        return arrives and self._clock.arrival[0] == 0

    def _leads_to(self, day: int) -> int | None:
        try:
            return self._from_day(day)
        except NoNextRun:
            return None

    def _from_day(self, day: int) -> int:
        """The day itself where it fits, else the day to look at next. Raises NoNextRun."""
        if self._is_daily and day <= _LAST_DAY:
            return day
        found = self._days.get(day)
        if found is None:
            try:
                found = self._look_at(day)
            except NoNextRun as failure:
                found = type(failure)
            self._days[day] = found
        if isinstance(found, type):
            raise found("the day cannot be worked out")
        return found

    def _look_at(self, ordinal: int) -> int:
        try:
            day = day_of(ordinal)
        except ValueError:
            raise Impossible("the calendar ends") from None
        in_month = self._months[day.month]
        if in_month is None:
            raise Unworkable("the month cannot be worked out")
        if not in_month:
            return ordinal + day.last - day.day + 1
        return ordinal if not self._tests or any(test(day) for test in self._tests) else ordinal + 1


class _Clock:
    """The hours and minutes of an expression. Minutes are of the day; beyond 1 439 they are of the next."""

    def __init__(self, hour: str, minute: str) -> None:
        hours, minutes = verdicts(HOUR, hour), verdicts(MINUTE, minute)
        to_hour, to_minute = onward(HOUR, hour), onward(MINUTE, minute)
        within = [at if minutes[at] else to_minute[at] if minutes[at] is False else None for at in MINUTE.values]
        beyond = [at + 1 for at in MINUTE.values] if minute == "*" else to_minute
        #: Where the library goes from a minute of a day that fits: nowhere when it fits too. None: it fails.
        self.arrival: list[int | None] = []
        #: Where it goes on from a run.
        self.departure: list[int | None] = []
        for at in HOUR.values:
            away = to_hour[at] if hours[at] is False else None
            elsewhere = None if away is None else away * 60
            self.arrival += _shifted(within, at) if hours[at] else [elsewhere] * 60
            self.departure += _shifted(beyond, at)

    @cached_property
    def starts(self) -> tuple[int, ...]:
        """The minutes at which a run is started on a day that fits, but for midnight, which depends on the day."""
        return tuple(at for at in range(1, DAY) if self.arrival[at] == at == self.leads_to(at - 1))

    @cached_property
    def starts_from_midnight(self) -> tuple[int, ...]:
        return (0, *self.starts)

    @cached_property
    def is_sound(self) -> bool:
        return None not in self.arrival and None not in self.departure

    @property
    def skipped(self) -> list[int]:
        """The minutes that the fields name, and at which nothing is started on a day that fits, as the one before."""
        started = {*self.starts, *([0] if self.leads_to(DAY - 1) == DAY else [])}
        return [at for at in range(DAY) if self.arrival[at] == at and at not in started]

    def leads_to(self, at: int) -> int | None:
        """The first step from a minute, on a day that fits."""
        to = self.arrival[at]
        return self.departure[at] if to == at else to


def _shifted(minutes: Sequence[int | None], hour: int) -> list[int | None]:
    return [None if minute is None else hour * 60 + minute for minute in minutes]


def _minute_of(instant: datetime) -> int:
    utc = instant.astimezone(UTC)
    return utc.toordinal() * DAY + utc.hour * 60 + utc.minute


def _instant(minute: int) -> datetime:
    return datetime.combine(date.fromordinal(minute // DAY), time(), UTC) + timedelta(minutes=minute % DAY)


def wrong_number(expression: str, number: int, aliases: Iterable[str]) -> str:
    """An expression without its five fields."""
    text = f"it has {number} field{'' if number == 1 else 's'}; a cron has 5 (minute hour day month weekday)"
    if expression.startswith("@"):
        return f"{text}, or is one of {', '.join(aliases)}"
    return f"{text}, no seconds and no year" if number > len(FIELDS) else text


def complaint(field: Field, part: str) -> str:
    """A field with something that is not taken."""
    items = part.split(",")
    wrong = next((item for item in items if not accepts(field, item)), part)
    instead = "; L and W cannot be in a list" if wrong == part and len(items) > 1 else _instead(field, wrong)
    return f"{wrong!r} is not a valid {field.label} ({field.low}-{field.high}){instead}"


def _instead(field: Field, item: str) -> str:
    """What to write instead, where that can be guessed."""
    start = _START_AND_STEP.fullmatch(item)
    if start and accepts(field, start[1]) and is_step(start[2]):
        first, last = int(start[1]), 6 if field is WEEKDAY else field.high
        return f"; a step needs a range: write '{first if first <= last else 0}-{last}/{start[2]}' or '*/{start[2]}'"
    _, slash, step = item.partition("/")
    if slash and not is_step(step):
        return f"; the step {step!r} must be a whole number from 1, without leading zeros"
    if not item.isascii():
        return "; write the digits 0 to 9"
    return _instead_of_letters(field, item)


def _instead_of_letters(field: Field, item: str) -> str:
    if not item:
        return "; there is a comma too many"
    if item == "?":
        return "; write '*'"
    if field is WEEKDAY and "#" in item:
        return "; write for example '1#2' for the second Monday of the month, with 1 to 5 after the '#'"
    if field is WEEKDAY and item.upper() == "L":
        return "; write for example '5L' for the last Friday of the month"
    if item != item.upper() and accepts(field, item.upper()):
        return f"; write {item.upper()!r}"
    if item.isalpha() and field.names:
        import difflib  # noqa: PLC0415 - only needed for a mistake

        near = difflib.get_close_matches(item.upper(), field.names, 1, 0.3)
        return f"; names are {', '.join(field.names)}" + (f" (did you mean {near[0]!r}?)" if near else "")
    return ""


def dead_ends(field: Field, part: str) -> Iterator[str]:
    """Items that are valid and stand for nothing."""
    for item in part.split(","):
        span, slash, _ = item.partition("/")
        low, dash, high = span.partition("-")
        if slash and {low.upper(), high.upper()} & field.names.keys():
            yield f"{item!r}: a name with a step counts as 0; write numbers"
        elif field is MONTH_DAY and "W" not in item and ("L/" in item or item.startswith("L-")):
            yield f"{item!r} matches no day; 'L' alone is the last day of the month"
        elif field is WEEKDAY and ("#" in item or "L" in item):
            if _WITHOUT_WEEKDAY.match(item):
                yield f"{item!r} matches no day; name one, as in '1#2' (the second Monday) or '5L' (the last Friday)"
        elif low.upper() == high.upper() == "SUN":
            yield f"{item!r} matches no day; write 'SUN'"
        elif dash and "W" not in item and _is_backward(field, low, high):
            instead = "two ranges, each with its step" if slash else repr(_unwrapped(field, low, high))
            yield f"{item!r} is empty, because ranges do not wrap; write {instead}"


def _is_backward(field: Field, low: str, high: str) -> bool:
    ends = field.named(low), field.named(high)
    if not all(map(NUMERIC.fullmatch, ends)):
        return False
    first, last = map(integer, ends)
    if field is WEEKDAY:
        # The digits stand for Sunday at either end; SUN is always 7.
        first, last = 0 if low == "7" else first, 7 if high == "0" else last
    return first > last


def _unwrapped(field: Field, low: str, high: str) -> str:
    """Both parts of a range that goes on from the beginning, in ascending order."""
    first, last = integer(field.named(low)), integer(field.named(high))
    if field is WEEKDAY:
        return f"0-{last}" if first == 7 else f"{_range(0, last)},{_range(first, 6)}"
    return f"{_range(field.low, last)},{_range(first, field.high)}"


def _range(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}-{last}"


def odd_days(month_day: str, weekday: str) -> Iterator[str]:
    """Days that mean something else to Appwrite than to their reader."""
    for item in month_day.split(","):
        if re.fullmatch(r"[^0-9]+W+", item):
            yield f"{item!r} is not the last working day: Appwrite takes the day on which the month before ended"
    for item in weekday.split(","):
        low, _, high = item.partition("-")
        if high.upper() == "SUN" and low.upper() not in ("SUN", "0", "7") and "7" not in item:
            yield f"{item!r} leaves Sunday out; write '{WEEKDAY.named(low)}-7'"


def skipped_minutes(minutes: Sequence[int]) -> str:
    """Minutes of the day that an expression names and at which nothing is started."""
    times = ", ".join(f"{at // 60:02}:{at % 60:02}" for at in minutes[:_MOST_TIMES])
    more = f" and {len(minutes) - _MOST_TIMES} more times a day" if len(minutes) > _MOST_TIMES else ""
    return (
        f"it names {times}{more}, and Appwrite's scheduler starts nothing then; write hours and minutes in ascending "
        "order, without steps that overlap"
    )
