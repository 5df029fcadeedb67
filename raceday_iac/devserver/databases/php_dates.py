"""Dates as PHP reads them and as Appwrite stores them.

PHP's parser knows far more forms; here are the ones that clients send: ISO 8601 in its variants, RFC 2822, `@seconds`
and the relative words that 1.8.1 was seen to accept.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache

RULE = "Value must be valid date between 1000-01-01 00:00:00 and 9999-12-31 23:59:59."

_DAYS = (
    r"(?P<year>\d{4})(?P<mark>[-/])(?P<month>[01]?\d)(?P=mark)(?P<day>[0-3]?\d)",
    r"(?P<year>\d{4})(?P<month>[01]\d)(?P<day>[0-3]\d)",
)
_TIMES = (
    r"(?P<hour>[0-2]?\d)(?::(?P<minute>[0-5]?\d)(?::(?P<second>[0-5]\d|60|\d(?![\d.]))(?:\.(?P<fraction>\d*))?)?)?",
    r"(?P<hour>[0-2]\d)(?P<minute>[0-5]\d)(?:(?P<second>[0-5]\d|60)(?:\.(?P<fraction>\d*))?)?",
)
_ZONE = r"(?:Z|UTC|GMT|(?P<zone>[+-]\d{1,2}(?:\d{2}|:\d{1,2}(?::\d{2})?)?))"
_FORMS = [
    re.compile(rf"{day}(?:(?:T|\s+){time})?\s*{_ZONE}?", re.IGNORECASE | re.ASCII) for day in _DAYS for time in _TIMES
]
#: What Python reads as PHP does.
_COMMON = re.compile(
    r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:?\d{2})?)?|\d{4}-?W\d{2}.*"
)
_RELATIVE = re.compile(r"([+-]?\s*\d+)\s*(second|sec|minute|min|hour|day|week|fortnight)s?(\s+ago)?", re.IGNORECASE)
_YEAR = re.compile(r"(?<!\d)(\d{4})(?!\d)")
_FIRST, _LAST = datetime(1000, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
#: The widest zone that PHP understands.
_FARTHEST = timedelta(hours=24, minutes=59)
_REFERENCE = datetime(2000, 1, 1, tzinfo=UTC)
_WORDS = {"yesterday": -1, "today": 0, "midnight": 0, "tomorrow": 1}
_UNITS = {
    "second": timedelta(seconds=1),
    "sec": timedelta(seconds=1),
    "minute": timedelta(minutes=1),
    "min": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(weeks=1),
    "fortnight": timedelta(weeks=2),
}


def parse(text: str, now: datetime) -> datetime | None:
    """The instant a text means, in UTC; None when PHP would not understand it."""
    text = text.strip()
    try:
        instant = _parse_common(text)
    except OverflowError:
        return None
    return _parse_slowly(text, now) if instant is None else instant


@lru_cache(maxsize=4096)
def _parse_common(text: str) -> datetime | None:
    """The common forms; everything else is slower. Remembered, because one instant is often written many times."""
    if not _COMMON.fullmatch(text):
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        return None
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)


def _parse_slowly(text: str, now: datetime) -> datetime | None:
    try:
        for form in _FORMS:
            found = form.fullmatch(text)
            if found is not None:
                return _from_parts(found)
        if re.fullmatch(r"@-?\d+(\.\d+)?", text):
            return datetime.fromtimestamp(float(text[1:]), UTC)
        return _from_words(text.lower(), now) or _from_mail_date(text)
    except (ValueError, OverflowError):
        return None


def _from_parts(found: re.Match[str]) -> datetime | None:
    """PHP reads 24:01 as the next day, 30 February as 2 March, and day 0 as the last of the month before."""
    month, day, hour = int(found["month"]), int(found["day"]), int(found["hour"] or 0)
    offset = _offset(found["zone"])
    if month > 12 or day > 31 or hour > 24 or offset is None:
        return None
    year, month = divmod(int(found["year"]) * 12 + month - 1, 12)
    return (
        datetime(year, month + 1, 1, tzinfo=UTC)
        - offset
        + timedelta(
            days=day - 1,
            hours=hour,
            minutes=int(found["minute"] or 0),
            seconds=int(found["second"] or 0),
            microseconds=int((found["fraction"] or "").ljust(6, "0")[:6]),
        )
    )


def _offset(text: str | None) -> timedelta | None:
    """How far a zone is ahead of UTC; None for one that cannot be."""
    if text is None:
        return timedelta()
    hours, minutes, *_ = *text[1:].split(":"), "0"
    if len(hours) > 2:
        hours, minutes = hours[:-2], hours[-2:]
    offset = timedelta(hours=int(hours), minutes=int(minutes))
    if offset > _FARTHEST:
        return None
    return -offset if text[0] == "-" else offset


def _from_words(text: str, now: datetime) -> datetime | None:
    if text == "now":
        return now
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if text == "noon":
        return midnight + timedelta(hours=12)
    if text in _WORDS:
        return midnight + timedelta(days=_WORDS[text])
    found = _RELATIVE.fullmatch(text)
    if found is None:
        return None
    amount = int(found[1].replace(" ", ""))
    return now + _UNITS[found[2].lower()] * (-amount if found[3] else amount)


def _from_mail_date(text: str) -> datetime | None:
    try:
        instant = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).astimezone(UTC)


def is_valid(value: object) -> bool:
    """The datetime validator: a text that names a year between 1000 and 9999 and is a date."""
    return isinstance(value, str) and _is_valid_text(value)


@lru_cache(maxsize=4096)
def _is_valid_text(value: str) -> bool:
    # Relative words name no year and are refused below, so that any reference day will do.
    instant = parse(value, _REFERENCE)
    year = _YEAR.search(value)
    return instant is not None and year is not None and int(year[1]) >= 1000 and _FIRST <= instant <= _LAST


def normalised(text: str, now: datetime) -> str:
    """As stored and answered: UTC with milliseconds. What is no date stays as it is, for validation to refuse."""
    instant = parse(text, now)
    if instant is None or instant.year < 1000:
        return text
    return stamp(instant)


@lru_cache(maxsize=4096)
def stamp(instant: datetime) -> str:
    """Cut, not rounded, to milliseconds."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds")
