"""Log lines: JSON, complete, without secrets."""

from __future__ import annotations

import json
from typing import Any

import pytest
from _shared.logs import Log, redacted


def logged(**fields: Any) -> dict[str, Any]:
    lines: list[str] = []
    log = Log(lines.append, lines.append, function="f", execution="e", clock=lambda: 1.0, memory=lambda: 12.5)
    log.event("thing.done", **fields)
    return json.loads(lines[0])


def test_an_event_says_who_when_and_how_much_memory() -> None:
    assert logged(count=3) == {
        "level": "info",
        "event": "thing.done",
        "function": "f",
        "execution": "e",
        "elapsedMs": 0.0,
        "memoryMb": 12.5,
        "count": 3,
    }


def test_a_line_that_the_runtime_would_cut_stays_json() -> None:
    assert logged(text="x" * 9000)["leftOut"] == ["text"]


@pytest.mark.parametrize(
    "value",
    [
        {"x-appwrite-key": "abc"},
        {"apiKey": "abc"},
        {"nested": [{"secret": "abc"}]},
        {"message": "refused dynamic_eyJhbGciOi.abc for this route"},
        {"message": "standard_0123456789abcdef"},
    ],
)
def test_secrets_are_not_logged(value: Any) -> None:
    text = json.dumps(redacted(value))

    assert "***" in text
    assert "abc" not in text.replace("***", "")


def test_names_of_attributes_are_not_taken_for_secrets() -> None:
    assert redacted({"key": "startTime", "keys": ["a"]}) == {"key": "startTime", "keys": ["a"]}
