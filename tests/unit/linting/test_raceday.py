"""What lint says of the legacy configuration and of the stack that replaces it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from raceday_iac.cli.lint import configuration_of
from raceday_iac.cli.options import Options
from raceday_iac.cli.workspace import acceptances_of
from raceday_iac.linting.facts import read_configuration
from raceday_iac.linting.findings import Report, Severity
from raceday_iac.linting.linter import lint

from .made import BEGIN, NZ_TIME, ROOT


@pytest.fixture(scope="module")
def legacy() -> Report:
    document = json.loads((ROOT / "tests" / "data" / "raceday" / "appwrite.json").read_text(encoding="utf-8"))
    return lint(replace(read_configuration(document, "appwrite.json"), local_time=NZ_TIME), BEGIN)


@pytest.fixture(scope="module")
def raceday(project: Path) -> Report:
    options = Options(stack=project / "stacks" / "raceday.py")
    return lint(configuration_of(options, None), BEGIN, None, acceptances_of(options), date(2026, 12, 1))


@pytest.mark.parametrize(
    ("code", "function", "said"),
    [
        ("SCH001", "master-race-scheduler", "every 60 s (*/1 * * * *), but a run may take 120 s"),
        ("SCH004", "meeting-status-poller", "change of the UTC date, at 12:00 or 13:00 in Pacific/Auckland, is"),
        ("SCH001", "race-data-poller", "every 600 s (*/10 * * * *), but a run may take 840 s"),
    ],
)
def test_the_three_known_problems_of_the_legacy_schedules_are_errors(
    legacy: Report, code: str, function: str, said: str
) -> None:
    (finding,) = [each for each in legacy.findings if (each.code, each.subject) == (code, f"function.{function}")]
    assert finding.effective is Severity.ERROR
    assert said in finding.message
    assert finding.first is not None


def test_every_legacy_function_can_be_started_by_anybody_and_the_scheduled_ones_have_no_lock(legacy: Report) -> None:
    found = [sum(each.code == code for each in legacy.findings) for code in ("POL003", "POL011")]
    assert found == [9, 6]


def test_the_stack_has_no_error_and_no_schedule_problem_that_is_not_answered(raceday: Report) -> None:
    assert raceday.count(Severity.ERROR) == 0
    schedules = [each for each in raceday.findings if each.code.startswith("SCH")]
    assert {each.effective for each in schedules} == {Severity.INFO}
    assert {each.code for each in schedules if each.answered} == {"SCH001", "SCH002", "SCH003", "SCH004", "SCH006"}


def test_scheduler_and_initial_data_start_the_poller(raceday: Report) -> None:
    assert raceday.calls == {
        "daily-initial-data": ("enhanced-race-poller",),
        "master-race-scheduler": ("enhanced-race-poller",),
    }


def test_every_function_has_the_scopes_that_its_code_needs_and_no_others(raceday: Report) -> None:
    assert not [each for each in raceday.findings if each.code == "POL002"]
    assert not [each for each in raceday.findings if each.code == "POL001" and not each.accepted]


def test_what_was_not_looked_at_is_said(raceday: Report, legacy: Report) -> None:
    assert [each.split(":")[0] for each in raceday.skipped] == ["specifications and runtimes that the server offers"]
    assert any("it is not managed here" in each for each in legacy.skipped)
