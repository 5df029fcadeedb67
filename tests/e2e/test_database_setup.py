"""The function `database-setup`, deployed by the tool, agrees with the tool about one and the same schema."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from .conftest import OpenProject
from .raceday import declare_raceday
from .target import Target, needs
from .walk import Walk

pytestmark = [pytest.mark.live, pytest.mark.usefixtures("_runs_functions")]


@pytest.fixture(scope="module")
def walk(
    can_build: bool, target: Target, open_project: OpenProject, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Walk]:
    needs("this server does not run functions", can_build and target.executes)
    with open_project(tmp_path_factory.mktemp("setup")) as project:
        yield _walked(Walk(project))


def _walked(walk: Walk) -> Walk:
    project = walk.project
    function, database = project.id("database-setup"), f"/databases/{project.id('raceday-db')}"
    declare_raceday(project, functions=("database-setup",))
    walk.step("apply", "apply", "--auto-approve")
    walk.step("after apply", "run", function, "--json")
    walk.step("plan after apply", "plan", "--detailed-exitcode")
    project.api.delete(database)
    project.api.until_gone(database)
    walk.step("from empty", "run", function, "--json")
    walk.step("second run", "run", function, "--json")
    walk.step("health", "run", function, "--json", "--body", json.dumps({"action": "health"}))
    walk.step("plan at the end", "plan", "--detailed-exitcode")
    return walk


def report(walk: Walk, name: str) -> Any:
    """What the function answered."""
    walk.must_end(name)
    return json.loads(walk.json(name)["execution"]["responseBody"])


def test_it_is_healthy_after_an_apply_and_finds_nothing_to_do(walk: Walk) -> None:
    walk.must_end("apply")
    reported = report(walk, "after apply")
    assert (reported["healthy"], reported["created"], reported["updated"]) == (True, 0, 0)


def test_what_it_writes_for_itself_is_no_drift(walk: Walk) -> None:
    walk.must_end("plan after apply")


def test_it_makes_everything_from_nothing(walk: Walk) -> None:
    reported = report(walk, "from empty")
    assert reported["healthy"]
    assert reported["created"] == len(
        [each for each in walk.project.state() if f".{walk.project.id('raceday-db')}" in each]
    )


def test_its_second_run_changes_nothing(walk: Walk) -> None:
    reported = report(walk, "second run")
    assert (reported["healthy"], reported["created"], reported["updated"]) == (True, 0, 0)


def test_it_reports_its_health(walk: Walk) -> None:
    assert report(walk, "health")["healthy"]


def test_the_tool_finds_nothing_to_do_after_it(walk: Walk) -> None:
    walk.must_end("plan at the end")
