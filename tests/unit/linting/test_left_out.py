"""What lint says of files that lie in a code folder and are not deployed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from raceday_iac.linting.facts import FunctionFacts
from raceday_iac.linting.findings import Finding, Severity
from raceday_iac.linting.policies import broken_left_out, others_left_out, secrets_left_out
from raceday_iac.model.resource import LeftOut, WhyLeftOut

from .made import function

SECRET = LeftOut(".env", WhyLeftOut.SECRET)
IGNORED_SECRET = LeftOut(".env", WhyLeftOut.SECRET, "by .gitignore line 1", is_ignored=True)


def left_out(function: FunctionFacts) -> list[Finding]:
    return [found for rule in (secrets_left_out, broken_left_out, others_left_out) for found in rule(function)]


def findings(*entries: LeftOut) -> dict[str, Severity]:
    return {each.code: each.severity for each in left_out(replace(function(), left_out=entries))}


@pytest.mark.parametrize(
    ("entry", "code", "severity"),
    [
        (SECRET, "BND001", Severity.WARNING),
        (IGNORED_SECRET, "BND001", Severity.INFO),
        (LeftOut("x", WhyLeftOut.BROKEN, "it leads to y"), "BND002", Severity.WARNING),
        (LeftOut("x", WhyLeftOut.SPECIAL), "BND002", Severity.WARNING),
        (LeftOut("venv/", WhyLeftOut.ENVIRONMENT), "BND003", Severity.INFO),
        (LeftOut("a.log", WhyLeftOut.IGNORED, "by ignore=", is_ignored=True), "BND003", Severity.INFO),
    ],
)
def test_each_reason_has_its_code_and_weight(entry: LeftOut, code: str, severity: Severity) -> None:
    assert findings(entry) == {code: severity}


def test_a_secret_that_git_would_take_counts_beside_one_that_it_ignores() -> None:
    assert findings(IGNORED_SECRET, replace(SECRET, path="prod.env")) == {"BND001": Severity.WARNING}


def test_each_is_named_with_what_leaves_it_out() -> None:
    (found,) = left_out(replace(function(), left_out=(IGNORED_SECRET,)))
    assert found.message == "not in its bundle: .env (looks like a secret, by .gitignore line 1)"


def test_nothing_left_out_is_no_finding() -> None:
    assert findings() == {}
