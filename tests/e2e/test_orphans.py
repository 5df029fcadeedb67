"""What is left of builds that failed, of uploads that stopped half-way, and of runs that were killed."""

from __future__ import annotations

import json
import random
import signal
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from .conftest import OpenProject
from .here import look, run_here
from .project import ENVIRONMENT, Project
from .target import Target, needs
from .walk import Walk

STACK = """
    stack.function(
        P + "fn", name="Fn", runtime="python-3.12", specification="s-1vcpu-512mb", timeout=20,
        entrypoint="main.py", code="functions/fn", commands={commands!r},
    )
"""
CODE = "def main(context):\n    return context.res.text('{}')\n"
#: More than one piece of an upload.
LARGE = 5 * 1024 * 1024 + 1


def declare(project: Project, version: int, commands: str = "") -> None:
    project.code("fn", main=CODE.format(version))
    project.declare(STACK.format(commands=commands))


def be_patient_for(project: Project, seconds: float) -> None:
    """A build may be without a sign of life for so long."""
    file = project.root / "stacks" / "environments" / f"{ENVIRONMENT}.yaml"
    file.write_text(f"{file.read_text(encoding='utf-8')}build_patience: {seconds}\n", encoding="utf-8")


def roles(project: Project, *words: str) -> dict[str, str]:
    """Deployment id → role."""
    listed = run_here(project, "deployments", project.id("fn"), "--json", *words)
    assert listed.code == 0, listed
    return {each["id"]: each["role"] for each in listed.json["deployments"]}


def active(project: Project) -> str:
    return str(project.api.get(f"/functions/{project.id('fn')}")["deploymentId"])


def statuses(project: Project) -> dict[str, str]:
    path = f"/functions/{project.id('fn')}/deployments"
    return {each["$id"]: each["status"] for each in project.api.all(path, "deployments")}


@pytest.fixture(scope="module")
def walk(target: Target, open_project: OpenProject, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walk]:
    needs("only the embedded server does wrong on demand", not target.is_live)
    with open_project(tmp_path_factory.mktemp("orphans")) as project:
        yield _walked(Walk(project), target.server.server.faults)


def _walked(walk: Walk, faults: Any) -> Walk:
    project = walk.project
    be_patient_for(project, 0.5)
    declare(project, 10)
    look(walk, "first", "apply", "--auto-approve")
    walk.seen["first"] = active(project)
    declare(project, 11, commands="echo asked to fail; exit 3")
    look(walk, "failed", "apply", "--auto-approve")
    declare(project, 12)
    faults.build_delay = 3600
    walk.step("stuck", "apply", "--auto-approve")
    walk.seen["after stuck"] = active(project)
    _cut(walk)
    walk.seen["foreign"] = _piece_of_somebody(project)
    faults.build_delay = 0
    look(walk, "plan", "plan", "--json")
    look(walk, "young", "deployments", project.id("fn"), "--json")
    look(walk, "old", "deployments", project.id("fn"), "--json", "--older-than", "0")
    look(walk, "unasked", "deployments", project.id("fn"), "--clean", "--older-than", "0")
    look(walk, "unasked by a machine", "deployments", project.id("fn"), "--clean", "--older-than", "0", "--json")
    walk.step("clean", "deployments", project.id("fn"), "--clean", "--older-than", "0", "--auto-approve")
    walk.seen["after cleaning"] = statuses(project)
    look(walk, "nothing to clean", "deployments", project.id("fn"), "--clean", "--json", "--auto-approve")
    look(walk, "last", "apply", "--auto-approve")
    look(walk, "last plan", "plan", "--json")
    return walk


def _cut(walk: Walk) -> None:
    """An upload in pieces, whose second one never arrives."""
    project = walk.project
    noise = random.Random(1).randbytes(LARGE)
    (project.root / "functions" / "fn" / "noise.bin").write_bytes(noise)
    project.proxy.forget()
    project.proxy.answer(503, "POST", "*/deployments", skip=1, times=9)
    walk.outcome["cut"] = project.iac("apply", "--auto-approve", code=None)
    (project.root / "functions" / "fn" / "noise.bin").unlink()


def _piece_of_somebody(project: Project) -> str:
    """The first piece of an upload that is not ours."""
    answer = requests.post(
        f"{project.site.endpoint}/functions/{project.id('fn')}/deployments",
        data={"activate": "false"},
        files={"code": ("code.tar.gz", b"x" * 10, "application/gzip")},
        headers={
            "X-Appwrite-Project": project.site.project,
            "X-Appwrite-Key": project.site.key,
            "content-range": "bytes 0-9/20",
        },
        timeout=60,
    )
    return str(answer.json()["$id"])


def test_a_build_without_a_sign_of_life_is_given_up_and_changes_nothing(walk: Walk) -> None:
    reported = walk.must_end("stuck", 1).out
    assert "has not moved for" in reported
    assert "(status building)" in reported
    assert "The previous deployment is still active" in reported
    assert f"raceday-iac logs {walk.project.id('fn')} --build" in reported
    assert walk.seen["after stuck"] == walk.seen["first"]


def test_an_upload_that_is_cut_is_remembered(walk: Walk) -> None:
    walk.must_end("cut", 1)
    (cut,) = [each["id"] for each in walk.json("old")["deployments"] if "waiting" in each["why"]]
    assert walk.json("old")["deployments"][1]["id"] == cut


def test_a_plan_notes_what_is_left_over(walk: Walk) -> None:
    (note,) = walk.json("plan")["notes"]
    assert "3 deployments of earlier runs were never put into use" in note
    assert f"raceday-iac deployments {walk.project.id('fn')}" in note


def found(walk: Walk, step: str) -> list[tuple[str, str]]:
    """Role and status, newest first."""
    return [(each["role"], each["status"]) for each in walk.json(step)["deployments"]]


def test_what_is_unfinished_is_no_orphan_for_an_hour(walk: Walk) -> None:
    assert found(walk, "young") == [
        ("foreign", "waiting"),
        ("unfinished", "waiting"),
        ("unfinished", "building"),
        ("orphan", "failed"),
        ("active", "ready"),
    ]


def test_what_is_unfinished_for_longer_is_an_orphan_unless_it_is_somebody_elses(walk: Walk) -> None:
    assert found(walk, "old") == [
        ("foreign", "waiting"),
        ("orphan", "waiting"),
        ("orphan", "building"),
        ("orphan", "failed"),
        ("active", "ready"),
    ]


def test_orphans_are_deleted_only_when_somebody_says_so(walk: Walk) -> None:
    walk.must_end("unasked", 5)
    assert walk.writes("unasked") == []
    walk.must_end("unasked by a machine", 5)
    assert walk.writes("unasked by a machine") == []
    # One document, and no other beside it.
    assert "--clean" not in walk.json("unasked by a machine")["error"]["hint"]


def test_cleaning_deletes_all_orphans_and_nothing_else(walk: Walk) -> None:
    assert "Deleted 3 of 3 orphans." in walk.must_end("clean").out
    assert walk.seen["after cleaning"] == {walk.seen["first"]: "ready", walk.seen["foreign"]: "waiting"}


def test_cleaning_is_written_into_the_audit_log(walk: Walk) -> None:
    lines = (walk.project.state_folder / "audit.jsonl").read_text(encoding="utf-8").splitlines()
    (record,) = [each for each in map(json.loads, lines) if each.get("event") == "clean"]
    assert len(record["deleted"]) == 3
    assert record["address"] == f"deployment.{walk.project.id('fn')}"


def test_where_nothing_is_left_over_nothing_is_cleaned(walk: Walk) -> None:
    walk.must_end("nothing to clean")
    assert walk.json("nothing to clean")["deleted"] == []
    assert walk.writes("nothing to clean") == []


def test_after_cleaning_code_is_deployed_as_ever(walk: Walk) -> None:
    walk.must_end("last")
    assert walk.json("last plan")["changes"] == []
    assert [each for each in walk.json("last plan")["notes"] if "never put into use" in each] == []


@pytest.mark.parametrize(
    ("method", "path", "when"),
    [("POST", "*/deployments", "after"), ("PATCH", "*/deployment", "after")],
    ids=["between upload and activation", "between activation and saving"],
)
@pytest.mark.usefixtures("_builds_functions")
def test_a_run_that_is_killed_leaves_no_orphan(project: Project, method: str, path: str, when: str) -> None:
    declare(project, 10)
    project.apply()
    first = active(project)
    declare(project, 11)
    run = project.start("apply", "--auto-approve")
    project.proxy.call(lambda: run.signal(signal.SIGKILL), method, path, when=when)
    assert run.end().code == -signal.SIGKILL
    project.proxy.forget()
    assert not [each for each in run_here(project, "plan", "--json").json["changes"] if each["drift"]]
    project.apply()
    assert project.proxy.count("POST", "*/deployments") == 0
    project.must_be_clean()
    assert roles(project) == {first: "previous", active(project): "active"}
    assert f"deployments {project.id('fn')}" not in run_here(project, "plan").out
