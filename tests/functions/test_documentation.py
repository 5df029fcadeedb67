"""docs/functions.md says what the stack and the code say: its tables cannot rot."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from _shared import due

from raceday_iac.loading.stack_file import load_stack

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "functions.md").read_text(encoding="utf-8")
FUNCTIONS = [each for each in load_stack(ROOT / "stacks" / "raceday.py").declarations if each.kind == "function"]


def table(*headings: str) -> list[list[str]]:
    """The rows of the table with these headings, cell by cell."""
    _, found, rest = PAGE.partition(f"| {' | '.join(headings)} |\n")
    assert found, f"there is no table of {headings}"
    lines = rest.split("\n\n")[0].splitlines()[1:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_the_numbers_of_the_locks_are_those_of_the_stack() -> None:
    rows = {row[0].strip("`"): row[1:] for row in table("function", "stale after", "heartbeat", "expiry", "timeout")}

    declared = {}
    for each in FUNCTIONS:
        lock = each.arguments["lock"]
        numbers = (lock.stale_after, lock.heartbeat, lock.expiry, each.arguments["timeout"])
        declared[each.arguments["id"]] = [f"{number:g} s" for number in numbers]
    assert rows == declared


def test_all_functions_are_described() -> None:
    named = {row[0].strip("`") for row in table("function", "when (UTC)", "what it does")}

    assert named == {each.arguments["id"] for each in FUNCTIONS}


def test_the_intervals_are_those_that_the_functions_poll_by() -> None:
    units = {"s": 1.0, "min": 60.0}
    rows = {row[0].strip("`"): row[2].split(",")[0].split() for row in table("row", "while", "every")}

    assert {name: float(number) * units[unit] for name, (number, unit) in rows.items()} == due.INTERVALS


def test_every_event_of_the_log_is_explained_and_no_other() -> None:
    explained = {name for row in table("event", "says") for name in re.findall(r"`([a-z]+\.[a-z_]+)`", row[0])}

    assert explained == set(events_logged())


def events_logged() -> Iterator[str]:
    """Names of events: what `event`, `problem` and their like are called with, or choose between."""
    for path in (ROOT / "functions").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and _name_of(node.func) in {"event", "problem", "note", "write", "_unusable"}:
                yield from _texts(node)


def _name_of(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _texts(call: ast.Call) -> Iterator[str]:
    for argument in call.args:
        text = argument.value if isinstance(argument, ast.Constant) else None
        if isinstance(text, str) and re.fullmatch(r"[a-z]+\.[a-z_]+", text):
            yield text


def test_every_outcome_is_explained() -> None:
    named = {row[0].strip("`") for row in table("outcome", "status", "means")}
    source = (ROOT / "functions" / "_shared" / "running.py").read_text(encoding="utf-8")

    assert named == {*re.findall(r'_outcome\(run, [\w.]+, "(\w+)"', source), "duplicate"}


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda each: each.arguments["id"])
def test_no_lock_outlives_its_function(function: object) -> None:
    """What the page promises of the numbers: a run ends before anybody may take its lock."""
    lock, timeout = function.arguments["lock"], function.arguments["timeout"]  # type: ignore[attr-defined]

    assert lock.heartbeat < lock.stale_after <= lock.expiry < timeout
