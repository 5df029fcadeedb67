"""What people are told of a cron expression: why it is refused or never runs, and what to write instead."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from .fields import FIELDS, MONTH_DAY, NUMERIC, WEEKDAY, Field, accepts, integer, is_step

TWO_QUESTION_MARKS = "'?' can stand for the day of month or the day of week, not for both; write '*'"
UNSOUND = "Appwrite's library fails at a part of it, depending on the minute"
_START_AND_STEP = re.compile(r"([0-9]+)/(.*)")
_WITHOUT_WEEKDAY = re.compile(r"[^0-9+A-Za-z]")
_MOST_TIMES = 4


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
            yield f"{item!r} stands for no day; 'L' alone is the last day of the month"
        elif field is WEEKDAY and ("#" in item or "L" in item):
            if _WITHOUT_WEEKDAY.match(item):
                yield f"{item!r} stands for no day; name one, as in '1#2' (the second Monday) or '5L' (the last Friday)"
        elif low.upper() == high.upper() == "SUN":
            yield f"{item!r} stands for no day; write 'SUN'"
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


def skipped(minutes: Sequence[int]) -> str:
    """Minutes of the day that an expression names and at which nothing is started."""
    times = ", ".join(f"{at // 60:02}:{at % 60:02}" for at in minutes[:_MOST_TIMES])
    more = f" and {len(minutes) - _MOST_TIMES} more times a day" if len(minutes) > _MOST_TIMES else ""
    return (
        f"it names {times}{more}, and Appwrite's scheduler starts nothing then; write hours and minutes in ascending "
        "order, without steps that overlap"
    )
