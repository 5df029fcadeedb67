"""What lint says of files in a code folder: those that are not deployed, and those that Python cannot read."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest

from raceday_iac.linting.facts import FunctionFacts
from raceday_iac.linting.findings import Finding, Severity
from raceday_iac.linting.policies import broken_left_out, others_left_out, secrets_left_out, syntax_error
from raceday_iac.model.resource import LeftOut, WhyLeftOut

from .made import function

READER = f"{sys.version_info[0]}.{sys.version_info[1]}"
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


@pytest.mark.parametrize(
    ("runtime", "content", "reasons"),
    [
        ("python-3.9", b"x = (\n", ["line 1: '(' was never closed"]),
        ("python-ml-3.11", b"x = \0", ["source code string cannot contain null bytes"]),
        ("python-3.9", b"x = ()\n", []),
        ("node-22", b"x = (\n", []),
        # It may understand more.
        ("python-3.99", b"x = (\n", [f"line 1: '(' was never closed (read by Python {READER}, not by python-3.99)"]),
    ],
)
def test_a_file_that_python_cannot_read_is_named_with_the_line(
    runtime: str, content: bytes, reasons: list[str]
) -> None:
    files = {"main.py": b"", "later.py": content, "data.txt": b"("}
    found = list(syntax_error(replace(function(), runtime=runtime, files=files)))
    assert [each.message for each in found] == [f"later.py has a syntax error: {reason}" for reason in reasons]
    assert {each.severity for each in found} <= {Severity.WARNING}


def test_nothing_left_out_is_no_finding() -> None:
    assert findings() == {}
