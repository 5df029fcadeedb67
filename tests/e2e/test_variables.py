"""A function's variables: matched by key, compared, and never shown when they are secret."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from .conftest import OpenProject
from .project import Project, actions
from .walk import Walk

pytestmark = pytest.mark.live

STACK = """
    stack.function(
        P + "fn", name="Fn", runtime="node-22", specification="s-1vcpu-512mb", timeout=20, entrypoint="main.js",
        variables={{"PLAIN": "{plain}", "TOKEN": FromEnvironment("E2E_TOKEN"){more}}},
    )
"""


def declare(project: Project, plain: str = "one", more: str = ', "GO/ES": "soon"') -> None:
    project.declare(STACK.format(plain=plain, more=more))


def live(project: Project) -> dict[str, Any]:
    return {each["key"]: each for each in project.api.get(f"/functions/{project.id('fn')}")["vars"]}


@pytest.fixture(scope="module")
def walk(open_project: OpenProject, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walk]:
    with open_project(tmp_path_factory.mktemp("variables")) as project:
        yield _walked(Walk(project))


def _walked(walk: Walk) -> Walk:
    project = walk.project
    project.secret("E2E_TOKEN", f"first-secret-{project.prefix}")
    declare(project)
    walk.step("plan", "plan", "--json", "--log-level", "debug")
    walk.step("apply", "apply", "--auto-approve", "--json", "--log-level", "debug")
    walk.seen["kept"] = project.kept_texts()
    walk.seen["created"] = live(project)
    walk.step("state show", "state", "show", f"variable.{project.id('fn')}/TOKEN")
    walk.step("empty plan", "plan", "--detailed-exitcode")
    _meddle(project)
    walk.step("drift", "drift")
    project.secret("E2E_TOKEN", f"second-secret-{project.prefix}")
    walk.step("plan of a new secret", "plan", "--json")
    walk.step("rotation", "apply", "--auto-approve")
    walk.step("plan after rotation", "plan", "--detailed-exitcode")
    declare(project, plain="two", more="")
    walk.step("plan of changes", "plan", "--json")
    walk.step("changes", "apply", "--auto-approve")
    walk.seen["changed"] = live(project)
    project.lose_state()
    walk.step("plan without state", "plan", "--json")
    walk.step("apply without state", "apply", "--auto-approve")
    walk.step("plan at the end", "plan", "--detailed-exitcode")
    return walk


def _meddle(project: Project) -> None:
    plain = live(project)["PLAIN"]
    path = f"/functions/{project.id('fn')}/variables"
    project.api.put(f"{path}/{plain['$id']}", {"key": "PLAIN", "value": "by hand"})
    project.api.post(path, {"key": "FOREIGN", "value": "theirs", "secret": False})


def address(walk: Walk, key: str) -> str:
    return f"variable.{walk.project.id('fn')}/{key}"


@pytest.mark.shows("plan", "apply", kinds=["function", "variable"])
def test_plain_and_secret_variables_are_created_as_declared(walk: Walk) -> None:
    walk.must_end("apply")
    created = walk.seen["created"]
    assert (created["PLAIN"]["value"], created["PLAIN"]["secret"]) == ("one", False)
    assert (created["TOKEN"]["value"], created["TOKEN"]["secret"]) == ("", True)
    walk.must_end("empty plan")


def test_a_secret_is_in_no_output_and_in_no_file(walk: Walk) -> None:
    # Every run of the walk was searched for it as well, also those that logged all they could.
    assert walk.project.secrets[1] not in walk.seen["kept"]
    walk.project.must_keep_no_secret()


def test_the_state_knows_a_secret_by_its_fingerprint_only(walk: Walk) -> None:
    shown = walk.must_end("state show").out
    assert "fingerprint" in shown
    assert "value" not in shown


@pytest.mark.shows("drift", kinds=["variable"])
def test_a_variable_changed_by_hand_is_drift_with_both_values(walk: Walk) -> None:
    reported = walk.must_end("drift", 3).out
    assert address(walk, "PLAIN") in reported
    assert 'value: "by hand" → "one"' in reported


def test_a_new_secret_is_noticed_although_the_old_one_cannot_be_read(walk: Walk) -> None:
    changes = {each["address"]: each for each in walk.json("plan of a new secret")["changes"]}
    rotated = changes[address(walk, "TOKEN")]
    assert rotated["action"] == "update"
    assert [(each["before"], each["after"]) for each in rotated["fields"]] == [("***", "***")]
    walk.must_end("rotation")
    walk.must_end("plan after rotation")


def test_a_dropped_variable_is_deleted_last_and_a_foreign_one_stays(walk: Walk) -> None:
    planned = walk.json("plan of changes")
    assert actions(planned) == {address(walk, "PLAIN"): "update", address(walk, "GO/ES"): "delete"}
    assert address(walk, "FOREIGN") in planned["unmanaged"]
    walk.must_end("changes")
    assert [each.method for each in walk.writes("changes")] == ["PUT", "DELETE"]
    assert set(walk.seen["changed"]) == {"PLAIN", "TOKEN", "FOREIGN"}


def test_without_the_state_a_secret_is_set_again_because_nobody_can_say(walk: Walk) -> None:
    planned = actions(walk.json("plan without state"))
    assert planned.pop(address(walk, "TOKEN")) == "update"
    assert set(planned.values()) == {"adopt"}
    walk.must_end("apply without state")
    walk.must_end("plan at the end")
