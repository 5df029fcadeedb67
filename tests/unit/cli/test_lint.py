"""`lint` and `schedule` as they are typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from raceday_iac.cli.main import execute
from raceday_iac.errors import EXIT_ERROR, EXIT_OK

FUNCTION = """
from raceday_iac.model.stack import Lock, Stack
stack = Stack("x", lock_store=("d", "locks"))
stack.function("f", name="F", runtime="python-3.12", specification="s-1vcpu-1gb", timeout={timeout},
    entrypoint="src/main.py", schedule="*/1 * * * *", {more})
"""


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    (tmp_path / "stacks" / "environments").mkdir(parents=True)
    (tmp_path / "stacks" / "environments" / "local.yaml").write_text("endpoint: embedded\nproject: p\n")
    return tmp_path / "stacks" / "x.py"


def found(capsys: pytest.CaptureFixture[str]) -> list[tuple[str, str]]:
    document = json.loads(capsys.readouterr().out)
    assert document["format"] == 1
    return [(each["code"], each["severity"]) for each in document["findings"]]


def test_an_error_ends_with_one_and_a_warning_with_zero(stack: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stack.write_text(FUNCTION.format(timeout=120, more=""))
    assert execute(["lint", "--stack", str(stack), "--json"]) == EXIT_ERROR
    assert ("SCH001", "error") in found(capsys)
    stack.write_text(FUNCTION.format(timeout=15, more="").replace("*/1 *", "0 0"))
    assert execute(["lint", "--stack", str(stack), "--json"]) == EXIT_OK
    assert ("POL011", "warning") in found(capsys)


def test_a_stack_that_is_refused_is_looked_at_all_the_same(stack: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lock = 'lock=Lock("l", stale_after=300, heartbeat=400, expiry=200)'
    stack.write_text(FUNCTION.format(timeout=100, more=lock))
    assert execute(["lint", "--stack", str(stack), "--json"]) == EXIT_ERROR
    errors = {code for code, severity in found(capsys) if severity == "error"}
    assert errors >= {"STK001", "SCH007", "SCH008", "SCH009"}


def test_acceptances_are_read_from_beside_the_stack(stack: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stack.write_text(FUNCTION.format(timeout=15, more=""))
    entry = "accepted:\n- {code: POL011, subject: function.f, reason: r, until: 2999-01-01}\n"
    (stack.parent / "policies.yaml").write_text(entry)
    assert execute(["lint", "--stack", str(stack), "--json"]) == EXIT_OK
    assert ("POL011", "info") in found(capsys)
    (stack.parent / "policies.yaml").write_text("accepted: 3\n")
    assert execute(["lint", "--stack", str(stack)]) == EXIT_ERROR
    assert "policies.yaml:1" in capsys.readouterr().err


def test_the_legacy_file_needs_no_stack(project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = project / "tests" / "data" / "raceday" / "appwrite.json"
    arguments = ["lint", "--from-appwrite-json", str(file), "--stack", str(tmp_path / "none.py")]
    assert execute(arguments) == EXIT_ERROR
    assert "function.race-data-poller" in capsys.readouterr().out


def test_schedule_draws_a_day_to_files(stack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stack.write_text(FUNCTION.format(timeout=15, more=""))
    svg, html = tmp_path / "out" / "day.svg", tmp_path / "out" / "day.html"
    arguments = ["schedule", "f", "--stack", str(stack), "--from", "2025-07-17", "-n", "1"]
    assert execute([*arguments, "--svg", str(svg), "--html", str(html)]) == EXIT_OK
    assert "Thu 2025-07-17 00:01 UTC" in capsys.readouterr().out
    stack.write_text(stack.read_text().replace("Stack(", "Stack(timezone='Pacific/Auckland', name=", 1))
    assert execute(arguments) == EXIT_OK
    assert "Thu 2025-07-17 00:01 NZST (07-16 12:01 UTC)" in capsys.readouterr().out
    assert svg.read_text().startswith("<svg")
    assert html.read_text().startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["lint", "--from", "soon"], "is not a date"),
        (["lint", "--from-appwrite-json", "none.json"], "cannot be read"),
        (["schedule", "g"], "There is no function g"),
    ],
)
def test_what_makes_no_sense_is_one_sentence(
    stack: Path, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    stack.write_text(FUNCTION.format(timeout=15, more=""))
    assert execute([*arguments, "--stack", str(stack)]) == EXIT_ERROR
    assert said in capsys.readouterr().err
