"""Lengths of time as people write them: `90s`, `5m`, `24h`, `7d`."""

from __future__ import annotations

import re
from datetime import timedelta

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_FORM = re.compile(r"(\d+(?:\.\d+)?)\s*([smhd])")


def read_span(text: str) -> timedelta:
    """Raises ValueError for what is no length of time."""
    match = _FORM.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a length of time; write 90s, 5m, 24h or 7d")
    return timedelta(seconds=float(match[1]) * _UNITS[match[2]])


def said_span(span: timedelta | float) -> str:
    """A length of time in at most two units: `2.1 s`, `2 min 30 s`, `14 min`, `3 h 20 min`, `2 d 4 h`."""
    seconds = span.total_seconds() if isinstance(span, timedelta) else span
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 600:
        minutes, rest = divmod(round(seconds), 60)
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    minutes = round(seconds / 60)
    if minutes < 120:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if hours else f"{days} d"
