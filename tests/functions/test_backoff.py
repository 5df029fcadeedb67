"""Waiting times."""

from __future__ import annotations

import pytest
from _shared.backoff import LONGEST_WISH, Backoff, wished_wait


@pytest.mark.parametrize(("attempt", "longest"), [(1, 0.1), (2, 0.2), (4, 0.8), (7, 5.0), (1000, 5.0)])
def test_the_longest_wait_doubles_up_to_the_cap(attempt: int, longest: float) -> None:
    assert Backoff(base=0.1, cap=5.0).wait(attempt, draw=lambda: 1.0) == pytest.approx(longest)


def test_the_jitter_is_full() -> None:
    assert Backoff().wait(5, draw=lambda: 0.0) == 0.0


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("3", 3.0),
        ("0", 0.0),
        ("9999", LONGEST_WISH),
        ("Tue, 24 Nov 2026 20:24:31 GMT", 5.0),
        ("Tue, 24 Nov 2026 20:00:00 GMT", 0.0),
        ("soon", None),
        ("", None),
    ],
)
def test_the_wish_of_the_server_is_understood(header: str, seconds: float | None) -> None:
    assert wished_wait({"retry-after": header}, now=1795551866.0) == seconds


def test_without_the_header_there_is_no_wish() -> None:
    assert wished_wait({}, now=0) is None
