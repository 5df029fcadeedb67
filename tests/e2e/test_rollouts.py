"""New code is tried, what it replaced is kept for a while, and can be gone back to."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from raceday_iac.packaging.bundle import make_archive

from .conftest import OpenProject
from .here import look
from .project import Project
from .target import Target, needs
from .walk import Walk

STACK = """
    from raceday_iac.model.stack import Probe

    stack.function(
        P + "fn", name="Fn", runtime="python-3.12", specification="s-1vcpu-512mb", timeout=20,
        entrypoint="main.py", code="functions/fn", keep_deployments=2,
        probe=Probe(body={"try": "this"}, path="/probe", expect_status=200, timeout=20),
    )
"""
CODE = """
    def main(context):
        context.log("version %d is probed on", context.req.path, "with", context.req.body_json["try"])
        return context.res.json({"version": %d}, %d)
"""


@pytest.fixture(scope="module")
def walk(target: Target, open_project: OpenProject, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walk]:
    needs("only where functions are built and run for nothing", not target.is_live)
    with open_project(tmp_path_factory.mktemp("rollouts")) as project:
        yield _walked(Walk(project))


def _walked(walk: Walk) -> Walk:
    for version in (10, 11, 12):
        declare(walk.project, version)
        look(walk, f"deploy {version}", "apply", "--auto-approve")
        _remember(walk, f"deploy {version}")
    _fail(walk)
    _go_back(walk)
    _meddle(walk)
    return walk


def declare(project: Project, version: int, answer: int = 200) -> None:
    project.code("fn", main=CODE % (version, version, answer))
    project.declare(STACK)


def _deploy(walk: Walk, version: int, answer: int = 200) -> None:
    declare(walk.project, version, answer)
    walk.step(f"deploy {version}", "apply", "--auto-approve")
    _remember(walk, f"deploy {version}")


def _remember(walk: Walk, name: str) -> None:
    path = f"/functions/{walk.project.id('fn')}"
    walk.seen[name] = walk.project.api.get(path)["deploymentId"]
    walk.seen[f"{name}: all"] = set(walk.project.api.ids(f"{path}/deployments", "deployments"))


def _fail(walk: Walk) -> None:
    """An old deployment that cannot be deleted, and code that does not pass its probe."""
    project = walk.project
    declare(project, 13)
    project.proxy.forget()
    project.proxy.answer(403, "DELETE", "*/deployments/*", times=9)
    walk.outcome["deploy 13"] = project.iac("apply", "--auto-approve", code=None)
    _remember(walk, "deploy 13")
    _deploy(walk, 14, answer=418)
    look(walk, "plan after failed probe", "plan", "--json")
    walk.step("try again", "apply", "--auto-approve")
    look(walk, "list", "deployments", project.id("fn"), "--json")


def _go_back(walk: Walk) -> None:
    project, function = walk.project, walk.project.id("fn")
    look(walk, "unasked", "rollback", function)
    walk.step("rollback", "rollback", function, "--auto-approve")
    _remember(walk, "rollback")
    _save_sources(walk)
    # Somebody moves the function to another language: none of its deployments can run any more.
    project.api.put_function(function, runtime="node-22")
    look(walk, "rollback to another language", "rollback", function, "--auto-approve")
    project.api.put_function(function, runtime="python-3.12")
    look(walk, "drift after rollback", "drift")
    look(walk, "plan after rollback", "plan", "--json")
    look(walk, "rollback of nothing", "rollback", "nothing", "--auto-approve")
    look(walk, "rollback to nothing", "rollback", function, "--to", "nothing", "--auto-approve")
    project.api.delete(f"/functions/{function}/deployments/{walk.seen['deploy 11']}")
    look(walk, "rollback to what is gone", "rollback", function, "--auto-approve")
    project.stack_file.write_text("a broken stack", encoding="utf-8")
    walk.step(
        "rollback to a chosen one", "rollback", function, "--to", walk.seen["deploy 13"], "--auto-approve", "--json"
    )
    _remember(walk, "rollback to a chosen one")


def _save_sources(walk: Walk) -> None:
    function, kept = walk.project.id("fn"), walk.project.root / "kept"
    look(walk, "save", "deployments", function, "--download", str(kept / "active.tar.gz"), "--json")
    look(walk, "save again", "deployments", function, "--download", str(kept / "active.tar.gz"))
    older = walk.seen["deploy 13"]
    look(walk, "save another", "deployments", function, "--of", older, "--download", str(kept / "older.tar.gz"))
    look(walk, "save of nothing", "deployments", "nothing", "--download", str(kept / "nothing.tar.gz"))
    look(walk, "save nowhere", "deployments", function, "--of", older)


def _meddle(walk: Walk) -> None:
    """Somebody deploys by hand; and then the state is lost as well."""
    project = walk.project
    declare(project, 13)
    archive = make_archive({"main.py": b"def main(context):\n    return context.res.empty()\n"})
    path = f"/functions/{project.id('fn')}"
    by_hand = project.api.upload(project.id("fn"), archive, activate=True)["$id"]
    project.api.until(path, lambda function: function["deploymentId"] == by_hand)
    walk.seen["by hand"] = by_hand
    look(walk, "drift", "drift", "--json")
    project.lose_state()
    look(walk, "drift without state", "drift", "--json")
    look(walk, "drift once more", "drift", "--json")
    walk.step("heal", "apply", "--auto-approve")
    _remember(walk, "heal")
    look(walk, "list after healing", "deployments", project.id("fn"), "--json")


def read_archive(file: Path) -> dict[str, bytes]:
    """What is in it."""
    with tarfile.open(file) as archive:
        return {each.name: opened.read() for each in archive if (opened := archive.extractfile(each)) is not None}


def roles(document: Any) -> dict[str, str]:
    return {each["id"]: each["role"] for each in document["deployments"]}


def test_new_code_is_executed_once_it_is_active(walk: Walk) -> None:
    walk.must_end("deploy 10")
    writes = [(each.method, each.path.rpartition("/")[2]) for each in walk.writes("deploy 10")]
    assert writes[-3:] == [("POST", "deployments"), ("PATCH", "deployment"), ("POST", "executions")]


def test_as_many_previous_ones_as_declared_are_kept(walk: Walk) -> None:
    walk.must_end("deploy 12")
    assert walk.seen["deploy 12: all"] == {walk.seen[f"deploy {each}"] for each in (10, 11, 12)}


def test_an_old_deployment_that_cannot_be_deleted_is_reported_and_nothing_fails(walk: Walk) -> None:
    reported = walk.must_end("deploy 13").out
    assert f"the old deployment {walk.seen['deploy 10']} could not be deleted" in reported
    assert walk.seen["deploy 10"] in walk.seen["deploy 13: all"]


def test_code_that_fails_its_probe_gives_way_to_what_was_active(walk: Walk) -> None:
    reported = walk.must_end("deploy 14", 1).out
    assert walk.seen["deploy 14"] == walk.seen["deploy 13"]
    assert f"{walk.seen['deploy 13']}, is active again" in reported
    assert "completed with 418, but 200 was expected" in reported
    assert "version 14 is probed on /probe with this" in reported


def test_failed_code_is_still_to_be_deployed_and_noted(walk: Walk) -> None:
    plan = walk.json("plan after failed probe")
    assert [each["action"] for each in plan["changes"]] == ["deploy"]
    assert not plan["changes"][0]["drift"]
    assert any("was never put into use" in note for note in plan["notes"])


def test_code_that_failed_is_tried_again_without_another_upload(walk: Walk) -> None:
    assert "found the upload of an earlier run" in walk.must_end("try again", 1).out
    assert not [each for each in walk.writes("try again") if each.path.endswith("/deployments")]


def test_the_list_says_what_each_deployment_is(walk: Walk) -> None:
    walk.must_end("list")
    found = roles(walk.json("list"))
    assert found.pop(walk.seen["deploy 13"]) == "active"
    assert {found.pop(walk.seen[f"deploy {each}"]) for each in (10, 11, 12)} == {"previous"}
    assert list(found.values()) == ["orphan"]
    assert walk.json("list")["rollback"][0] == walk.seen["deploy 12"]


def test_a_rollback_asks_first(walk: Walk) -> None:
    assert "--auto-approve" in walk.must_end("unasked", 5).err
    assert walk.writes("unasked") == []


def test_a_rollback_activates_the_previous_deployment_and_builds_nothing(walk: Walk) -> None:
    said = walk.must_end("rollback").out
    assert "That deployment is active." in said
    assert "matches the configuration" not in said
    assert walk.seen["rollback"] == walk.seen["deploy 12"]
    (write,) = walk.writes("rollback")
    assert (write.method, write.path.rpartition("/")[2]) == ("PATCH", "deployment")


def test_after_a_rollback_the_newer_code_is_a_change_and_no_drift(walk: Walk) -> None:
    walk.must_end("drift after rollback", 2)
    (change,) = walk.json("plan after rollback")["changes"]
    assert (change["action"], change["drift"]) == ("deploy", False)
    assert {each["cause"] for each in change["fields"]} == {"config"}


def test_the_source_of_a_deployment_is_saved_as_it_was_uploaded_for_its_owner_alone(walk: Walk) -> None:
    walk.must_end("save")
    kept = walk.project.root / "kept"
    assert walk.json("save")["download"]["deployment"] == walk.seen["rollback"]
    assert b"version 12" in read_archive(kept / "active.tar.gz")["main.py"]
    assert (kept / "active.tar.gz").stat().st_mode & 0o777 == 0o600
    walk.must_end("save another")
    assert b"version 13" in read_archive(kept / "older.tar.gz")["main.py"]


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ("save again", "active.tar.gz exists already. Nothing was written."),
        ("save of nothing", "There is no function 'nothing' in this project."),
        ("save nowhere", "--of has no effect without --download."),
    ],
)
def test_a_source_that_cannot_be_saved_is_said(walk: Walk, step: str, words: str) -> None:
    assert words in walk.must_end(step, 1).err


def test_saving_sources_writes_nothing_on_the_server(walk: Walk) -> None:
    assert not [write for step in ("save", "save another", "save again") for write in walk.writes(step)]


def test_a_rollback_to_code_of_another_language_is_refused(walk: Walk) -> None:
    reported = walk.must_end("rollback to another language", 5).err
    assert "has the entrypoint main.py, but the function now has the runtime node-22" in reported
    assert "set runtime, entrypoint and code in the stack as they were, then apply" in reported
    assert walk.writes("rollback to another language") == []


@pytest.mark.parametrize(
    ("step", "code", "words"),
    [
        ("rollback of nothing", 1, "not in the state"),
        ("rollback to nothing", 5, "has no deployment nothing"),
        ("rollback to what is gone", 5, "which was active before"),
    ],
)
def test_a_rollback_to_what_is_not_there_is_refused(walk: Walk, step: str, code: int, words: str) -> None:
    assert words in walk.must_end(step, code).err
    assert walk.writes(step) == []


def test_a_rollback_goes_to_the_deployment_that_is_named_although_the_stack_is_broken(walk: Walk) -> None:
    walk.must_end("rollback to a chosen one")
    applied = walk.outcome["rollback to a chosen one"].documents[-1]["applied"]
    assert applied["done"] == [f"activate:deployment.{walk.project.id('fn')}"]
    assert walk.seen["rollback to a chosen one"] == walk.seen["deploy 13"]


@pytest.mark.parametrize(("step", "code"), [("drift", 3), ("drift without state", 4)])
def test_a_deployment_made_by_hand_is_drift_also_without_a_state(walk: Walk, step: str, code: int) -> None:
    walk.must_end(step, code)
    (change,) = [each for each in walk.json(step)["drift"] if each["address"].startswith("deployment.")]
    (digest,) = change["fields"]
    assert len(digest["before"]) == len(digest["after"]) == 64
    assert digest["before"] != digest["after"]


def test_without_a_state_each_archive_is_downloaded_once(walk: Walk) -> None:
    downloads = {
        step: [each for each in walk.requests[step] if each.path.endswith("/download")]
        for step in ("drift without state", "drift once more")
    }
    assert downloads["drift without state"]
    assert downloads["drift once more"] == []


def test_what_was_made_by_hand_can_be_gone_back_to_and_is_never_deleted(walk: Walk) -> None:
    walk.must_end("heal")
    assert walk.seen["heal"] == walk.seen["deploy 13"]
    assert roles(walk.json("list after healing"))[walk.seen["by hand"]] == "previous"
    assert walk.json("list after healing")["rollback"][0] == walk.seen["by hand"]
