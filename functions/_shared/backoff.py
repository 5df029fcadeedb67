"""Waiting times between attempts: exponential with full jitter, and the server's own wish when it states one."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from .connection import parse_date
from .typed import NamedTuple

#: Answers after which the same request may succeed: timeouts, throttling and trouble inside the server.
RETRYABLE = frozenset({0, 408, 429, 500, 502, 503, 504})
#: A longer wish of the server is cut to this, so that a run never sleeps past its lock.
LONGEST_WISH = 30.0


def chance() -> float:
    """A number from 0 to 1. Loaded when it is needed: the first try for a lock needs none."""
    from random import random  # noqa: PLC0415

    return random()


class Backoff(NamedTuple):
    """`base` seconds doubled per attempt up to `cap`; the real wait is anything between zero and that."""

    base: float = 0.1
    cap: float = 5.0
    attempts: int = 5

    def wait(self, attempt: int, draw: Callable[[], float] = chance) -> float:
        """Seconds before the attempt after number `attempt` (counted from 1)."""
        return draw() * min(self.cap, self.base * 2.0 ** min(attempt - 1, 30))


def wished_wait(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds that the server asks us to wait, from `Retry-After` (seconds or a date); None without a wish.

    Header names are expected in lower case; `now` is seconds since 1970.
    """
    text = headers.get("retry-after", "").strip()
    if not text:
        return None
    if text.isdecimal():
        return min(float(text), LONGEST_WISH)
    instant = parse_date(text)
    return None if instant is None else min(max(0.0, instant - now), LONGEST_WISH)
