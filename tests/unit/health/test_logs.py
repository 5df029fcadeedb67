"""How an execution ended, by its log."""

from __future__ import annotations

import pytest

from raceday_iac.health.runs import Ending, ending_of, events_of

from .made import NOW, execution, summary


def test_the_summary_shows_the_outcome() -> None:
    logs = "some text\n" + summary("stopped", reason="quiet window") + "\n{broken"
    assert ending_of(execution(NOW, logs=logs)) == Ending("stopped", "", "quiet window")


def test_a_failure_has_the_category_of_its_summary() -> None:
    failed = execution(NOW, "failed", errors=summary("failed", category="retryable", message="no answer"))
    assert ending_of(failed) == Ending("failed", "retryable", "no answer")


def test_an_outcome_is_the_category_where_there_is_no_other() -> None:
    assert ending_of(execution(NOW, "failed", errors=summary("lock_lost"))).category == "lock_lost"


def test_a_refused_start_is_a_duplicate() -> None:
    assert ending_of(execution(NOW, logs='{"event": "lock.refused"}')) == Ending("duplicate")


def test_a_lock_that_cannot_be_used_is_a_category() -> None:
    errors = '{"event": "lock.unusable", "error": "LockDenied", "reason": "missing scope"}'
    assert ending_of(execution(NOW, "failed", errors=errors)) == Ending("failed", "lock", "LockDenied: missing scope")


@pytest.mark.parametrize(
    ("errors", "code", "category"),
    [
        ("Execution timed out.\n", 500, "timeout"),
        ("The server was stopped during the execution.", 0, "interrupted"),
        ("The runtime ended in the middle of the run, with exit code 9.\\nError Code: 500", 500, "died"),
        ("Traceback…\nValueError: x", 500, "status 500"),
        ("", 0, "unknown"),
    ],
)
def test_what_only_the_server_says_is_a_category_too(errors: str, code: int, category: str) -> None:
    assert ending_of(execution(NOW, "failed", errors=errors, code=code)).category == category


@pytest.mark.parametrize(("depth", "counted"), [(199, {"race.a": 2}), (200, {"race.a": 1}), (5000, {"race.a": 1})])
def test_a_line_that_is_too_deep_is_left_out(depth: int, counted: dict[str, int]) -> None:
    lines = '{"event": "race.a"}\n{"event": "race.a", "x": ' + "[" * depth + "]" * depth + "}"
    assert events_of(execution(NOW, logs=lines)) == counted


def test_a_run_that_says_nothing_went_as_its_status_says() -> None:
    assert ending_of(execution(NOW)) == Ending()
