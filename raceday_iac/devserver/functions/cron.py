"""Cron expressions as Appwrite takes them: five fields or a macro, in UTC, to the minute."""

from __future__ import annotations

from copy import copy
from datetime import UTC, datetime
from functools import lru_cache

from croniter import CroniterError, croniter

MACROS = frozenset({"@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"})


def is_cron(expression: str) -> bool:
    """Whether the expression can be a schedule. Seconds and croniter's own extensions are not accepted."""
    if expression.startswith("@"):
        return expression in MACROS
    fields = expression.split()
    if len(fields) != 5 or any(letter in expression.upper() for letter in ("H(", "R(")):
        return False
    try:
        return bool(croniter.is_valid(" ".join(fields)))
    except (CroniterError, ValueError, KeyError, AttributeError):
        return False


def next_run(expression: str, after: datetime) -> datetime | None:
    """The first occurrence after a moment, or None when there is none within croniter's horizon (31 February)."""
    try:
        found: datetime = copy(_parsed(expression)).get_next(datetime, start_time=after.astimezone(UTC))
    except CroniterError:
        return None
    return found


@lru_cache(maxsize=256)
def _parsed(expression: str) -> croniter:
    """Reading an expression takes far longer than using it, and schedules are asked for every minute."""
    return croniter(expression)
