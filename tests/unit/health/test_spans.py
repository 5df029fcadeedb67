from __future__ import annotations

from datetime import timedelta

import pytest

from raceday_iac.counting import format_duration
from raceday_iac.health.watched import read_span


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("5m", 300), ("24h", 86_400), ("7d", 604_800), ("1.5h", 5400)]
)
def test_lengths_of_time_are_read(text: str, seconds: float) -> None:
    assert read_span(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "5", "m", "5 weeks", "-5m", "5m5s"])
def test_what_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a length of time"):
        read_span(text)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (2.13, "2.1 s"),
        (59.6, "60 s"),
        (119, "119 s"),
        (150, "2 min 30 s"),
        (840, "14 min"),
        (7200, "2 h"),
        (90_000, "25 h"),
        (180_000, "2 d 2 h"),
    ],
)
def test_lengths_of_time_are_said(seconds: float, said: str) -> None:
    assert format_duration(seconds) == said
