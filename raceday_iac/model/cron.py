"""Cron expressions as Appwrite takes them: five fields or a macro, in UTC."""

from __future__ import annotations

_MACROS = frozenset({"@yearly", "@annually", "@monthly", "@weekly", "@daily", "@hourly"})
_FIELDS = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of month", 1, 31, ()),
    ("month", 1, 12, ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")),
    ("day of week", 0, 7, ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")),
)


def cron_problem(expression: str) -> str:
    """What is wrong with a cron expression, or an empty text."""
    if expression in _MACROS:
        return ""
    fields = expression.split()
    if len(fields) != len(_FIELDS):
        return f"schedule {expression!r} has {len(fields)} fields; a cron has 5 (minute hour day month weekday)"
    for text, (name, low, high, names) in zip(fields, _FIELDS, strict=True):
        for part in text.split(","):
            if not _part_fits(part, low, high, names):
                return f"schedule {expression!r}: {part!r} is not a valid {name} ({low}-{high})"
    return ""


def _part_fits(part: str, low: int, high: int, names: tuple[str, ...]) -> bool:
    span, slash, step = part.partition("/")
    if slash and not (step.isdigit() and int(step) > 0):
        return False
    if span in ("*", "?"):
        return True
    if span.upper() in ("L", "LW") or "#" in span or span.upper().endswith(("W", "L")):
        return low in (0, 1) and high in (7, 31)
    first, dash, last = span.partition("-")
    ends = [_number(end, low, names) for end in ((first, last) if dash else (first,))]
    return all(end is not None and low <= end <= high for end in ends) and (
        not dash or (ends[0] or 0) <= (ends[-1] or 0)
    )


def _number(text: str, low: int, names: tuple[str, ...]) -> int | None:
    if text.isdigit():
        return int(text)
    upper = text.upper()
    return names.index(upper) + low if upper in names else None
