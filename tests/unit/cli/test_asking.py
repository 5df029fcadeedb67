"""What a person answers, and what a rule says of itself."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from raceday_iac.cli.main import execute
from raceday_iac.cli.workspace import says_yes
from raceday_iac.errors import EXIT_ERROR, EXIT_OK
from raceday_iac.linting.linter import known_rules


@pytest.mark.parametrize(
    ("answers", "is_yes", "times"),
    [
        ("yes\n", True, 1),
        ("YES\n", True, 1),
        ("y\nyes\n", True, 2),
        ("y\ny\n", False, 2),
        ("ok\nno\n", False, 2),
        ("no\nyes\n", False, 1),
        ("\nyes\n", False, 1),
        ("", False, 1),
    ],
)
def test_only_yes_is_yes_and_y_is_explained(
    answers: str, is_yes: bool, times: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(answers))
    assert says_yes("Really?") == is_yes
    said = capsys.readouterr().out
    assert said.startswith("Really? Only 'yes' will be accepted: ")
    assert ("type yes in full" in said) == (times == 2)


@pytest.mark.parametrize("rule", list(known_rules()), ids=lambda rule: rule.code)
def test_every_rule_explains_itself(
    rule: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    code = rule.code  # type: ignore[attr-defined]
    assert execute(["lint", "--explain", code.lower(), "--json"]) == EXIT_OK
    found = json.loads(capsys.readouterr().out)["rule"]
    assert found["code"] == code
    assert all(found[name].strip() for name in ("title", "why", "fix", "severity"))


def test_a_rule_that_there_is_not_is_reported_with_the_nearest_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert execute(["lint", "--explain", "POL01l"]) == EXIT_ERROR
    assert "There is no rule POL01l (did you mean 'POL01" in capsys.readouterr().err
    assert execute(["lint", "--explain", "POL011"]) == EXIT_OK
    assert "a scheduled function without a lock" in capsys.readouterr().out
