"""Numbers of things, in words for people."""

from __future__ import annotations

from datetime import timedelta


def counted(number: int, noun: str) -> str:
    """`1 change`, `2 changes`, `3 indexes`."""
    return f"{number} {noun if number == 1 else plural(noun)}"


def plural(noun: str) -> str:
    """The plural of a noun that this tool uses."""
    return f"{noun}es" if noun.endswith(("x", "ss")) else f"{noun}s"


def spaced(number: int) -> str:
    """`1 204 332`: its digits in threes."""
    return f"{number:,}".replace(",", " ")


def format_duration(span: timedelta | float) -> str:
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
