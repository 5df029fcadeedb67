"""The main job: a project that grew by hand becomes what the stack says, drifts, is healed, and is taken apart."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from .conftest import OpenProject
from .mixed import INLINE
from .project import Project, actions
from .raceday import FEW, POLLERS, create_legacy, declare_raceday, legacy_functions
from .target import Target, needs
from .walk import Walk

pytestmark = pytest.mark.live

DRIFTED = "enhanced-race-poller"


@pytest.fixture(scope="module")
def walk(target: Target, open_project: OpenProject, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walk]:
    names = None if not target.is_live else {*FEW, POLLERS[0]}
    with open_project(tmp_path_factory.mktemp("legacy")) as project:
        functions = legacy_functions(names)
        create_legacy(project.api, project.prefix, functions)
        _create_bystanders(project)
        # Code has tests of its own; a live run leaves it out here.
        declare_raceday(project, FEW if target.is_live else None, keep_code=target.is_live)
        walk = Walk(project)
        walk.seen["legacy"] = [each["$id"] for each in functions]
        yield _walked(walk)


def _create_bystanders(project: Project) -> None:
    project.api.post("/functions", {"functionId": project.id("bystander"), "name": "Bystander", "runtime": "node-22"})
    project.api.post("/databases", {"databaseId": project.id("bystander"), "name": "Bystander"})
    path = f"/databases/{project.id('bystander')}/collections"
    project.api.post(path, {"collectionId": "things", "name": "Things"})


def _bystanders(project: Project) -> Any:
    paths = ("/functions/{}", "/databases/{}", "/databases/{}/collections")
    return [project.api.get(path.format(project.id("bystander"))) for path in paths]


def _walked(walk: Walk) -> Walk:
    project, api = walk.project, walk.project.api
    walk.seen["bystanders"] = _bystanders(project)
    walk.step("first plan", "plan", "--json", "--detailed-exitcode")
    walk.step("apply", "apply", "--auto-approve")
    walk.step("empty plan", "plan", "--detailed-exitcode")
    walk.seen["functions"] = api.ids("/functions", "functions")
    _meddle(project)
    walk.step("drift", "drift")
    walk.step("drift as json", "drift", "--json")
    walk.step("healing", "apply", "--auto-approve")
    walk.step("no drift", "drift")
    project.lose_state()
    walk.step("plan without state", "plan", "--json")
    walk.step("adoption", "apply", "--auto-approve")
    walk.step("plan after adoption", "plan", "--detailed-exitcode")
    walk.step("destroy", "destroy", project.id(DRIFTED), "--auto-approve")
    walk.seen["left"] = api.ids("/functions", "functions")
    walk.step("state list", "state", "list")
    walk.step("plan after destroy", "plan", "--json")
    walk.seen["bystanders at the end"] = _bystanders(project)
    return walk


def _meddle(project: Project) -> None:
    project.api.put_function(project.id(DRIFTED), timeout=600)
    attributes = f"/databases/{project.id('raceday-db')}/collections/race-pools/attributes"
    project.api.patch(f"{attributes}/string/currency", {"required": False, "default": "NZ$"})


def test_the_plan_deletes_the_pollers_last_and_creates_and_updates_the_rest(walk: Walk) -> None:
    functions = [each for each in walk.json("first plan")["changes"] if each["address"].startswith("function.")]
    prefix = f"function.{walk.project.prefix}"
    deleted = [each["address"] for each in functions if each["action"] == "delete"]
    assert sorted(deleted) == sorted(prefix + each for each in POLLERS if each in walk.seen["legacy"])
    assert [each["address"] for each in functions if each["action"] == "create"] == [f"{prefix}database-setup"]
    updated = [each["address"] for each in functions if each["action"] == "update"]
    assert sorted(updated) == sorted(prefix + each for each in walk.seen["legacy"] if each not in POLLERS)
    order = [each["action"] for each in walk.json("first plan")["changes"]]
    assert order[-len(deleted) :] == ["delete"] * len(deleted)


def test_the_plan_holds_the_whole_schema(walk: Walk) -> None:
    planned = [each for each in walk.json("first plan")["changes"] if each["action"] == "create"]
    kinds = [each["address"].partition(".")[0] for each in planned]
    assert (kinds.count("database"), kinds.count("collection")) == (1, 11)
    walk.must_end("first plan", 2)


def test_the_plan_names_what_is_unmanaged(walk: Walk) -> None:
    unmanaged = walk.json("first plan")["unmanaged"]
    assert f"function.{walk.project.id('bystander')}" in unmanaged
    assert f"database.{walk.project.id('bystander')}" in unmanaged


def test_planning_writes_nothing(walk: Walk) -> None:
    for step in ("first plan", "empty plan", "drift", "plan without state"):
        assert walk.writes(step) == [], step


def test_apply_carries_the_plan_out_and_nothing_is_left_to_do(walk: Walk) -> None:
    walk.must_end("apply")
    walk.must_end("empty plan")
    there = walk.seen["functions"]
    assert not [each for each in POLLERS if walk.project.id(each) in there]
    assert walk.project.id("database-setup") in there


def test_pollers_are_deleted_after_everything_else_was_written(walk: Walk) -> None:
    writes = walk.writes("apply")
    first = next(number for number, each in enumerate(writes) if each.method == "DELETE")
    assert {each.method for each in writes[first:]} == {"DELETE"}


def test_a_plan_without_changes_costs_at_most_eight_requests(walk: Walk) -> None:
    assert len(walk.requests["empty plan"]) <= 8, walk.requests["empty plan"]


def test_waits_and_proofs_of_the_schema_are_not_many_more_than_its_writes(walk: Walk) -> None:
    """One write at a time in each collection, its end awaited: on a server that takes its time, with a second look."""
    needs("here each attribute is created by a request", walk.project.api.version < INLINE)
    schema = [each.method for each in walk.requests["apply"] if "/collections/" in each.path]
    looks = schema.count("GET")
    assert 0 < looks <= 2 * (len(schema) - looks)


def test_the_absent_pollers_are_not_mentioned_when_they_are_gone(walk: Walk) -> None:
    assert not [each for each in POLLERS if each in walk.outcome["empty plan"].text]


@pytest.mark.shows("drift", kinds=["function", "attribute"])
def test_drift_names_what_was_changed_by_hand_with_both_values(walk: Walk) -> None:
    ended = walk.must_end("drift", 3)
    assert f"function.{walk.project.id(DRIFTED)}" in ended.out
    assert "timeout: 600 → 150" in ended.out
    assert f"attribute.{walk.project.id('raceday-db')}/race-pools/currency" in ended.out
    assert 'default: "NZ$" → "$"' in ended.out


def test_drift_as_json_holds_the_same(walk: Walk) -> None:
    found = {each["address"]: each["fields"] for each in walk.json("drift as json")["drift"]}
    (timeout,) = found[f"function.{walk.project.id(DRIFTED)}"]
    assert (timeout["name"], timeout["before"], timeout["after"], timeout["cause"]) == ("timeout", 600, 150, "drift")
    assert len(found) == 2


def test_apply_heals_drift_with_one_write_for_each(walk: Walk) -> None:
    walk.must_end("healing")
    assert len(walk.writes("healing")) == 2
    walk.must_end("no drift")


def test_after_loss_of_the_state_everything_is_adopted_without_a_write(walk: Walk) -> None:
    assert set(actions(walk.json("plan without state")).values()) == {"adopt"}
    walk.must_end("adoption")
    assert walk.writes("adoption") == []
    walk.must_end("plan after adoption")


def test_destroy_takes_one_function_and_leaves_the_others(walk: Walk) -> None:
    walk.must_end("destroy")
    assert set(walk.seen["functions"]) - set(walk.seen["left"]) == {walk.project.id(DRIFTED)}
    assert walk.project.id(DRIFTED) not in walk.outcome["state list"].out


def test_what_was_destroyed_but_is_still_declared_is_created_again(walk: Walk) -> None:
    planned = actions(walk.json("plan after destroy"))
    assert planned[f"function.{walk.project.id(DRIFTED)}"] == "create"
    assert set(planned.values()) <= {"create", "deploy"}


def test_what_is_unmanaged_was_never_touched(walk: Walk) -> None:
    assert walk.seen["bystanders at the end"] == walk.seen["bystanders"]
