"""Code: built aside, switched, kept, run, and left alone while nothing changes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .conftest import OpenProject
from .project import Project, actions
from .target import Target, needs
from .walk import Walk

pytestmark = [pytest.mark.live, pytest.mark.usefixtures("_builds_functions")]

STACK = """
    stack.function(
        P + "fn", name="Fn", runtime="python-3.12", specification="s-1vcpu-512mb", timeout=20,
        schedule="0 3 1 1 *", entrypoint="main.py", code="functions/fn", commands={commands!r},
        variables={{"PLAIN": "one"}},
    )
"""
#: Two digits: `version` says which code runs.
CODE = """
    import os
    def main(context):
        context.log("version %d runs")
        if context.req.body_text == "fail":
            raise RuntimeError("asked to fail")
        return context.res.json({"version": %d, "plain": os.environ["PLAIN"]})
"""


def declare(project: Project, version: int, commands: str = "") -> None:
    project.code("fn", main=CODE % (version, version))
    project.declare(STACK.format(commands=commands))


@pytest.fixture(scope="module")
def walk(
    can_build: bool, target: Target, open_project: OpenProject, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Walk]:
    needs("this server does not build functions", can_build)
    with open_project(tmp_path_factory.mktemp("deployments")) as project:
        yield _walked(Walk(project), runs=target.executes)


def _walked(walk: Walk, *, runs: bool) -> Walk:
    project = walk.project
    declare(project, 10)
    walk.step("first", "apply", "--auto-approve")
    _look(walk, "first")
    walk.step("empty plan", "plan", "--detailed-exitcode")
    if runs:
        _run(walk)
    project.lose_state()
    walk.step("without state", "apply", "--auto-approve")
    _look(walk, "without state")
    if runs:
        _break(walk)
    declare(project, 12)
    walk.step("second", "apply", "--auto-approve")
    _look(walk, "second")
    walk.step("plan after second", "plan", "--detailed-exitcode")
    _activate(walk, "first")
    walk.step("drift", "drift")
    project.lose_state()
    walk.step("plan without state", "plan", "--json")
    walk.step("switch back", "apply", "--auto-approve")
    _look(walk, "switch back")
    return walk


def _look(walk: Walk, name: str) -> None:
    path = f"/functions/{walk.project.id('fn')}"
    function = walk.project.api.get(path)
    walk.seen[name] = function["deploymentId"]
    walk.seen[f"{name}: schedule"] = function["schedule"]
    walk.seen[f"{name}: all"] = {
        each["$id"]: each["status"] for each in walk.project.api.all(f"{path}/deployments", "deployments")
    }


def _run(walk: Walk) -> None:
    function = walk.project.id("fn")
    walk.step("run", "run", function)
    walk.step("run as json", "run", function, "--json")
    walk.step("failing run", "run", function, "--body", "fail")
    walk.step("logs", "logs", function, "-n", "1")
    execution = walk.json("run as json")["execution"]["id"] if walk.outcome["run as json"].code == 0 else "none"
    walk.step("logs of one", "logs", function, "--execution", execution, "--json")


def _break(walk: Walk) -> None:
    """A build that fails; its log is long, so that the end can be reported from the whole."""
    declare(walk.project, 11, commands="for n in $(seq 40); do echo line-$n-; done; exit 3")
    walk.step("broken", "apply", "--auto-approve")
    _look(walk, "broken")
    walk.step("log of the broken build", "logs", walk.project.id("fn"), "--build", "latest")


def _activate(walk: Walk, name: str) -> None:
    path = f"/functions/{walk.project.id('fn')}/deployment"
    walk.project.api.patch(path, {"deploymentId": walk.seen[name]})


def deployment(walk: Walk) -> str:
    return f"deployment.{walk.project.id('fn')}"


@pytest.mark.shows("plan", "apply", kinds=["function", "deployment"])
def test_code_is_uploaded_aside_built_and_then_switched(walk: Walk) -> None:
    walk.must_end("first")
    assert walk.seen["first"] in walk.seen["first: all"]
    writes = [(each.method, each.path.rpartition("/")[2]) for each in walk.writes("first")]
    assert writes.index(("POST", "deployments")) < writes.index(("PATCH", "deployment"))
    walk.must_end("empty plan")


def test_the_schedule_is_armed_only_after_the_code_is_active(walk: Walk) -> None:
    assert walk.seen["first: schedule"] == "0 3 1 1 *"
    assert [each.method for each in walk.writes("first")][-2:] == ["PATCH", "PUT"]


def test_unchanged_code_is_not_deployed_again_not_even_without_the_state(walk: Walk) -> None:
    walk.must_end("without state")
    assert walk.writes("without state") == []
    assert walk.seen["without state"] == walk.seen["first"]


@pytest.mark.usefixtures("_runs_functions")
def test_a_build_that_fails_leaves_the_old_code_active_and_shows_the_end_of_its_log(walk: Walk) -> None:
    reported = walk.must_end("broken", 1).out
    assert walk.seen["broken"] == walk.seen["first"]
    assert "The previous deployment is still active" in reported
    assert "line-40-" in reported
    assert "line-2-" not in reported


@pytest.mark.usefixtures("_runs_functions")
def test_the_whole_log_of_a_build_can_be_read_afterwards(walk: Walk) -> None:
    reported = walk.must_end("log of the broken build").out
    assert "failed" in reported
    assert "line-1-" in reported
    assert "line-40-" in reported


def test_new_code_takes_over_and_what_it_replaced_is_kept(walk: Walk) -> None:
    walk.must_end("second")
    assert walk.seen["second"] != walk.seen["first"]
    assert walk.seen["second: all"][walk.seen["first"]] == "ready"
    walk.must_end("plan after second")


@pytest.mark.shows("drift", kinds=["deployment"])
def test_another_active_deployment_is_drift(walk: Walk) -> None:
    assert deployment(walk) in walk.must_end("drift", 3).out


def test_without_the_state_code_is_checked_by_the_archive_that_is_live(walk: Walk) -> None:
    planned = actions(walk.json("plan without state"))
    assert planned.pop(deployment(walk)) == "deploy"
    assert set(planned.values()) == {"adopt"}


def test_code_that_was_uploaded_before_is_activated_without_a_second_upload(walk: Walk) -> None:
    walk.must_end("switch back")
    assert walk.seen["switch back"] == walk.seen["second"]
    assert [(each.method, each.path.rpartition("/")[2]) for each in walk.writes("switch back")] == [
        ("PATCH", "deployment")
    ]
    assert walk.seen["switch back: all"] == walk.seen["second: all"]


@pytest.mark.usefixtures("_runs_functions")
def test_a_run_shows_the_answer_and_the_logs(walk: Walk) -> None:
    reported = walk.must_end("run").out
    assert '"version": 10' in reported
    assert '"plain": "one"' in reported
    assert "version 10 runs" in reported


@pytest.mark.usefixtures("_runs_functions")
def test_a_run_as_json_holds_the_answer(walk: Walk) -> None:
    walk.must_end("run as json")
    execution = walk.json("run as json")["execution"]
    assert execution["responseStatusCode"] == 200
    assert '"version":10' in execution["responseBody"].replace(" ", "")


@pytest.mark.usefixtures("_runs_functions")
def test_a_run_that_fails_exits_1_and_shows_why(walk: Walk) -> None:
    assert "asked to fail" in walk.must_end("failing run", 1).text


@pytest.mark.usefixtures("_runs_functions")
def test_logs_show_the_newest_execution_or_the_one_that_is_named(walk: Walk) -> None:
    assert "asked to fail" in walk.must_end("logs").out
    walk.must_end("logs of one")
    (named,) = walk.json("logs of one")["executions"]
    assert named["id"] == walk.json("run as json")["execution"]["id"]
    assert "version 10 runs" in named["logs"]
