"""The five fields of a cron expression: what each takes, which values it stands for, and where it leads.

Numbers are PHP's: `+5`, `05` and `5e0` are 5. Where the library would fail at a text that it has called valid, this
says `None` or raises `Unworkable`; it never guesses.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from itertools import pairwise
from math import inf
from typing import NamedTuple

NUMERIC = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
#: What PHP's trim() takes off and does not separate fields.
_TRIMMED = "\0"
_WHOLE = re.compile(r"[+-]?(?:0|[1-9][0-9]*)")


class NoNextRun(Exception):
    """The library finds no next run."""


class Impossible(NoNextRun):
    """Nothing fits within its attempts. The library's RuntimeException, for which Appwrite 1.9 answers 400."""


class Unworkable(NoNextRun):
    """The library fails with another error, for which Appwrite 1.9 answers 500."""


@dataclass(frozen=True)
class Field:
    """Values are `low` to `high`; names, in capitals, stand for some of them."""

    label: str
    low: int
    high: int
    names: Mapping[str, int]

    @property
    def values(self) -> range:
        return range(self.low, self.high + 1)

    def named(self, text: str) -> str:
        """A name as its number, anything else as it is. Names are ASCII, of either case."""
        upper = text.upper() if text.isascii() else text
        return str(self.names[upper]) if upper in self.names else text

    def wrapped(self, step: str) -> int:
        """The one value that a step beyond the last value leaves."""
        return self.values[integer(step) % len(self.values)]


_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_WEEKDAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
MINUTE = Field("minute", 0, 59, {})
HOUR = Field("hour", 0, 23, {})
MONTH_DAY = Field("day of month", 1, 31, {})
MONTH = Field("month", 1, 12, {name: number for number, name in enumerate(_MONTHS, 1)})
WEEKDAY = Field("day of week", 0, 7, {name: number for number, name in enumerate(_WEEKDAYS, 1)})
FIELDS = (MINUTE, HOUR, MONTH_DAY, MONTH, WEEKDAY)


# What a field takes.


def accepts(field: Field, text: str) -> bool:
    """Whether the field takes the text. `L`, `W`, `#` and `?` belong to days."""
    if field is MONTH_DAY:
        return _accepts_month_day(text)
    return _accepts_weekday(text) if field is WEEKDAY else _accepts_plain(field, text)


def _accepts_month_day(text: str) -> bool:
    while not ("," in text and ("W" in text or "L" in text)):
        if _accepts_plain(MONTH_DAY, text) or text in ("?", "L"):
            return True
        if not text.endswith("W"):
            return False
        text = text[:-1]
    return False


def _accepts_weekday(text: str) -> bool:
    while True:
        if _accepts_plain(WEEKDAY, text) or text == "?":
            return True
        weekday, hash_, rest = text.partition("#")
        if hash_ and _is_nth(rest.partition("#")[0]) and _accepts_plain(WEEKDAY, weekday):
            return True
        if not text.endswith("L"):
            return False
        text = text[:-1]


def _accepts_plain(field: Field, text: str) -> bool:
    text = field.named(text)
    if text == "*":
        return True
    if "," in text:
        return all(accepts(field, item) for item in text.split(","))
    if "/" in text:
        # Anything may follow a second slash: the library does not look at it here.
        span, step = text.split("/")[:2]
        return not NUMERIC.fullmatch(span) and accepts(field, span) and is_step(step)
    if "-" in text:
        ends = [field.named(end) for end in text.split("-")]
        return len(ends) == 2 and "*" not in ends and all(accepts(field, end) for end in ends)
    return bool(NUMERIC.fullmatch(text)) and "." not in text and field.low <= float(text) <= field.high


def is_step(text: str) -> bool:
    """A whole number but zero, without leading zeros, of 64 bits."""
    return bool(_WHOLE.fullmatch(text)) and len(text) <= 20 and int(text) != 0 and -(2**63) <= int(text) < 2**63


def _is_nth(text: str) -> bool:
    """Which of a month's weekdays: 1 to 5. What follows a point is cut off."""
    return bool(NUMERIC.fullmatch(text)) and 1 <= float(text) < 6


# Which values it stands for.


def verdicts(field: Field, text: str) -> dict[int, bool | None]:
    """Whether each value fits. None: the library fails at it. Of a list it looks at no more than it needs."""
    items = [_values(field, field.named(item)) for item in _items(text)]
    return {value: _verdict(value, items) for value in field.values}


def _items(text: str) -> list[str]:
    """The items of a list without what PHP's trim() takes off."""
    return [item.strip(_TRIMMED) for item in text.split(",")] if "," in text else [text]


def _verdict(value: int, items: Sequence[frozenset[int] | None]) -> bool | None:
    for item in items:
        if item is None or value in item:
            return None if item is None else True
    return False


def _values(field: Field, text: str) -> frozenset[int] | None:
    """The values of an item without the letters of days; None when the library fails at it."""
    if "/" in text:
        return _stepped(field, *(part.strip(_TRIMMED) for part in text.split("/", 1)))
    if "-" in text:
        first, last = (field.named(end.strip(_TRIMMED)) for end in text.split("-", 1))
        return frozenset(value for value in field.values if compare(value, first) >= 0 >= compare(value, last))
    return frozenset(field.values) if text == "*" else frozenset({integer(text)})


def _stepped(field: Field, span: str, step: str) -> frozenset[int] | None:
    """Names count as 0 here. A negative step (from PHP 8.3 on) or one wider than the span is an error."""
    if step == "0":
        return frozenset()
    low, dash, high = (f"{field.low}-{field.high}" if span == "*" else span).partition("-")
    first, last, width = integer(low), integer(high if dash else low), integer(step)
    if not field.low <= first <= last <= field.high:
        return None
    if compare(field.high, step) < 0:
        return frozenset({field.wrapped(step)}) if NUMERIC.match(step) else None
    if compare(last - first, step) < 0 or (first == last and width):
        return frozenset({first})
    return frozenset(range(first, last + 1, width)) if 0 < width <= last - first else None


def integer(text: str) -> int:
    """The number that a text begins with, or 0, as PHP reads it: of 64 bits, beyond which it stays at the end."""
    found = NUMERIC.match(text)
    if not found:
        return 0
    if is_step(found[0]):
        return int(found[0])
    number = float(found[0])
    return int(number) if abs(number) < 2**63 else (2**63 - 1 if number > 0 else -(2**63))


def compare(value: int, text: str) -> int:
    """Below 0, 0 or above, as PHP compares: with a number by value, with all else as text."""
    if NUMERIC.fullmatch(text):
        return (value > float(text)) - (value < float(text))
    return (str(value) > text) - (str(value) < text)


# Where hours and minutes lead.


def onward(field: Field, text: str) -> list[int | None]:
    """For each value the one that the library goes to from there; those of the next hour or day are that much higher.

    None when it never ends. The library goes along the list as it stands (minutes as PHP's sort() leaves them), and
    takes the end of the first stretch of it that the value lies in, else the beginning.
    """
    stops = _stops(field, text)
    if stops is None:
        return [None for _ in field.values]
    following = [_stop_after(stops, value) for value in field.values]
    return [to if to > value else to + len(following) for value, to in zip(field.values, following, strict=True)]


def _stop_after(stops: Sequence[float], value: int) -> int:
    following = next((end for start, end in pairwise(stops) if start <= value < end), stops[0] if stops else 0)
    return 0 if following == -inf else int(following)


def _stops(field: Field, text: str) -> list[float] | None:
    items = text.split(",")
    found: list[float] = []
    for item in php_sorted(items) if field is MINUTE else items:
        stops = _item_stops(field, item)
        if stops is None:
            return None
        found += stops
    return found


def _item_stops(field: Field, item: str) -> list[float] | None:
    """`*` among others is before all numbers, and stands for 0."""
    if "/" not in item and "-" not in item:
        return [-inf if item == "*" else float(item)]
    span, slash, step = item.partition("/")
    low, dash, high = span.partition("-")
    first = field.low if low == "*" else integer(low)
    last = integer(high) if dash else field.high
    if not slash:
        return [float(value) for value in range(first, last + 1)]
    if compare(field.high, step) <= 0:
        return [field.wrapped(step)]
    width = integer(step)
    if width < 0:
        return None if first <= last else []
    return [float(value) for value in range(first, last + 1, width)]


# PHP's sort().

_Ranked = tuple[int, str]


def php_sorted(items: Sequence[str]) -> list[str]:
    """Two numbers are compared by value, all else as text; what is equal keeps its place.

    That is no order (9 < 10 < "2-5" < "9"), so what comes out depends on which items are compared. These are the
    comparisons of zend_sort: of at most 16 items, insertion; of more, division around the middle one of three.
    """
    found = list(enumerate(items))
    _sort_between(found, 0, len(found))
    return [text for _, text in found]


def _is_after(one: _Ranked, other: _Ranked) -> bool:
    if NUMERIC.fullmatch(one[1]) and NUMERIC.fullmatch(other[1]):
        return (float(one[1]), one[0]) > (float(other[1]), other[0])
    return (one[1], one[0]) > (other[1], other[0])


def _sort_between(found: list[_Ranked], low: int, high: int) -> None:
    while high - low > 16:
        middle, pivot, left, right = (low + high) // 2, low + 1, low + 2, high - 1
        _sort_three(found, low, middle, right)
        _swap(found, pivot, middle)
        while left != right:
            if _is_after(found[pivot], found[left]):
                left += 1
                continue
            right -= 1
            while right != left and _is_after(found[right], found[pivot]):
                right -= 1
            if right != left:
                _swap(found, left, right)
                left += 1
        _swap(found, pivot, left - 1)
        _sort_between(found, low, left - 1)
        low = left
    _insert_between(found, low, high)


def _insert_between(found: list[_Ranked], low: int, high: int) -> None:
    begin = low + 1
    if 3 <= high - low <= 5:
        _sort_three(found, low, low + 1, low + 2)
        begin = low + 3
    for number in range(begin, high):
        if _is_after(found[number - 1], found[number]):
            place = _place_back(found, low, number, 1 if number - low < 6 else 2)
            found.insert(place, found.pop(number))


def _place_back(found: list[_Ranked], low: int, number: int, stride: int) -> int:
    """Where the item belongs, looking back in strides; it is known to be before its neighbour."""
    place = number - 1
    while place > low:
        place = max(place - stride, low)
        if not _is_after(found[place], found[number]):
            place += 1
            return place + (stride == 2 and place < number - 1 and not _is_after(found[place], found[number]))
    return place


def _sort_three(found: list[_Ranked], first: int, second: int, third: int) -> None:
    if not _is_after(found[first], found[second]):
        if _is_after(found[second], found[third]):
            _swap(found, second, third)
            if _is_after(found[first], found[second]):
                _swap(found, first, second)
    elif not _is_after(found[third], found[second]):
        _swap(found, first, third)
    else:
        _swap(found, first, second)
        if _is_after(found[second], found[third]):
            _swap(found, second, third)


def _swap(found: list[_Ranked], one: int, other: int) -> None:
    found[one], found[other] = found[other], found[one]


# Which days it stands for.


class Day(NamedTuple):
    """A date. `weekday` is 1 to 7, Monday to Sunday; `last` is the last day of the month."""

    year: int
    month: int
    day: int
    last: int
    weekday: int


DayTest = Callable[[Day], bool]


def day_of(ordinal: int) -> Day:
    """Raises ValueError beyond the calendar."""
    at = date.fromordinal(ordinal)
    return Day(at.year, at.month, at.day, last_day(at.year, at.month), at.isoweekday())


@lru_cache(maxsize=4096)
def last_day(year: int, month: int) -> int:
    return monthrange(year, month)[1]


def day_tests(field: Field, text: str) -> tuple[DayTest, ...]:
    """A test for each item of the day of month or of week. A test raises NoNextRun where the library fails."""
    test = _month_day_test if field is MONTH_DAY else _weekday_test
    return tuple(test(item) for item in _items(text))


def failing(_: Day) -> bool:
    """The test of an item that the library always fails at."""
    raise Unworkable("the day cannot be worked out")


def _month_day_test(text: str) -> DayTest:
    if text == "?":
        return lambda _: True
    if text == "L":
        return lambda day: day.day == day.last
    if text.find("W") > 0:
        target = integer(text.partition("W")[0])
        return lambda day: day.day == _nearest_working_day(day.year, day.month, target)
    return _value_test(_values(MONTH_DAY, text), lambda day: day.day)


def _nearest_working_day(year: int, month: int, target: int) -> int:
    """The day of month of the working day nearest to the target, which may lie in another month: `LW` is day 0."""
    first = date(year, month, 1)
    found = first + timedelta(days=target - 1)
    if found.isoweekday() < 6:
        return found.day
    last = last_day(found.year, found.month)
    for shift in (-1, 1, -2, 2):
        near = first + timedelta(days=target + shift - 1)
        if 0 < target + shift <= last and near.isoweekday() < 6 and near.month == month:
            return near.day
    raise Impossible("no working day is near")


def _weekday_test(text: str) -> DayTest:
    text = WEEKDAY.named(text)
    if text == "?":
        return lambda _: True
    if text.find("L") > 0:
        return _last_weekday_test(WEEKDAY.named(text.partition("L")[0]))
    if text.find("#") > 0:
        return _nth_weekday_test(*text.split("#")[:2])
    if "-" in text:
        # 7 at the start and 0 at the end are Sunday on that side; SUN is 7 on both, and stays so.
        first, last, *rest = text.split("-")
        first, last = ("0", last) if first == "7" else (first, "7" if last == "0" else last)
        text = "-".join((first, last, *rest))
    return _value_test(_values(WEEKDAY, text), _from_monday if "7" in text else _from_sunday)


def _from_monday(day: Day) -> int:
    return day.weekday


def _from_sunday(day: Day) -> int:
    return day.weekday % 7


def _value_test(values: frozenset[int] | None, value: Callable[[Day], int]) -> DayTest:
    return failing if values is None else lambda day: value(day) in values


def _last_weekday_test(weekday: str) -> DayTest:
    if not NUMERIC.match(weekday):
        return failing
    number = integer(weekday)
    number = number % 7 if number >= 0 else -(-number % 7)
    return lambda day: day.weekday % 7 == number and day.last - day.day < 7


def _nth_weekday_test(weekday: str, nth: str) -> DayTest:
    number = 7 if weekday == "0" else integer(WEEKDAY.named(weekday))
    if not _is_nth(nth) or not 0 <= number <= 7:
        return failing
    return lambda day: day.weekday == number and (day.day - 1) // 7 + 1 == int(float(nth))
