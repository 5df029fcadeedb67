"""Numbers as PHP writes them."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

#: Beyond this, PHP's JSON shows a whole float in exponent form.
LARGEST_PLAIN_FLOAT = 1e15

MAX_INTEGER = 2_147_483_647
MAX_BIG_INTEGER = 9_223_372_036_854_775_807
MIN_BIG_INTEGER = -9_223_372_036_854_775_808
MAX_DOUBLE = 1.7976931348623157e308


def grouped(value: float) -> str:
    """`1001.5` → `1,002`: number_format() without decimals, as used in messages about ranges."""
    if isinstance(value, int):
        return f"{value:,}"
    return f"{Decimal(value).quantize(Decimal(1), rounding=ROUND_HALF_UP):,}" if abs(value) < 1e27 else f"{value:,.0f}"


def shown(value: Any) -> Any:
    """A value in a JSON answer: of a whole float, PHP leaves `.0` out."""
    if isinstance(value, float) and value.is_integer() and abs(value) < LARGEST_PLAIN_FLOAT:
        return int(value)
    return value
