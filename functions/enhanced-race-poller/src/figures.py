"""Numbers out of answers that may hold anything."""

from __future__ import annotations

import math
from typing import Any

#: No pool of a race comes near it; beyond it cents would not fit the database.
MOST_DOLLARS = 1e12


def number(value: Any) -> float | None:
    """A finite number, also when it came as text; None for everything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def percentage(value: Any) -> float | None:
    """A share between 0 and 100."""
    found = number(value)
    return found if found is not None and 0 <= found <= 100 else None


def dollars(value: Any) -> float | None:
    """An amount of money that is possible."""
    found = number(value)
    return found if found is not None and 0 <= found <= MOST_DOLLARS else None


def nearest(value: float) -> int:
    """The nearest whole number, halves upwards."""
    return math.floor(value + 0.5)


def cents(amount: float) -> int:
    """Whole cents of an amount in dollars."""
    return nearest(amount * 100)
