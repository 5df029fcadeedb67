"""Appwrite's cron library is the authority: its recorded answers (dragonmantank/cron-expression 3.4.0).

`cron.json` has mostly plain expressions, each asked at three instants for five runs, one from the other.
`cron-odd.json` was recorded from the same source, with PHP 8.2: lists out of order, letters of days in all places, and
other texts that are valid by accident. Where an answer is the name of an error, the library raised that one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from raceday_iac.cron import Impossible, NoNextRun, Unworkable, cron_problem, parse

FOLDER = Path(__file__).parents[2] / "data" / "appwrite"
RECORDED: list[dict[str, Any]] = json.loads((FOLDER / "cron.json").read_text(encoding="utf-8"))
ODD: list[dict[str, Any]] = json.loads((FOLDER / "cron-odd.json").read_text(encoding="utf-8"))


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def answers(expression: str, after: str) -> Iterator[str]:
    """One run after the other as the library wrote them; an error is the last."""
    at = instant(after)
    while True:
        try:
            at = parse(expression).next_run(at)
        except NoNextRun as failure:
            yield "RuntimeException" if isinstance(failure, Impossible) else "another error"
            return
        yield at.strftime("%Y-%m-%d %H:%M")


def said(answer: str) -> str:
    return answer if answer[0].isdigit() or answer == "RuntimeException" else "another error"


def test_the_recorded_answers_are_many_and_of_all_sorts() -> None:
    assert len(RECORDED) == 1040
    assert sum(each["valid"] for each in RECORDED) == 862
    assert {each.get("error") for each in RECORDED} == {None, "RuntimeException", "TypeError", "OutOfRangeException"}


@pytest.mark.parametrize("recorded", [RECORDED, ODD], ids=["plain", "odd"])
def test_what_is_valid_is_what_the_library_calls_valid(recorded: list[dict[str, Any]]) -> None:
    ours = {each["expression"]: cron_problem(each["expression"]) == "" for each in recorded}
    assert ours == {each["expression"]: each["valid"] for each in recorded}


@pytest.mark.parametrize("recorded", [RECORDED, ODD], ids=["plain", "odd"])
def test_the_next_runs_are_those_of_the_library(recorded: list[dict[str, Any]]) -> None:
    asked = [(each["expression"], after, runs) for each in recorded for after, runs in each["runs"].items()]
    differing = [
        (expression, after, runs, ours)
        for expression, after, runs in asked
        if (ours := list(islice(answers(expression, after), len(runs)))) != [said(run) for run in runs]
    ]
    assert differing == []
    assert len(asked) > 600


def test_what_the_library_finds_no_run_for_has_none_at_any_instant_asked() -> None:
    failing = [each for each in RECORDED if "error" in each]
    instants = next(list(each["runs"]) for each in RECORDED if each["runs"])
    assert len(failing) == 84
    for each in failing:
        expected = Impossible if each["error"] == "RuntimeException" else Unworkable
        for after in instants:
            with pytest.raises(expected):
                parse(each["expression"]).next_run(instant(after))
