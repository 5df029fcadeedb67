"""What is done within a turn: waiting for the end, the proof, making a new collection again, reporting what is
broken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from raceday_iac.applying import Applied, Event, EventKind, apply_plan
from raceday_iac.applying.schema import SchemaWork
from raceday_iac.errors import (
    AccessError,
    BrokenSchemaError,
    ServerFaultError,
)
from raceday_iac.model.address import Address
from raceday_iac.model.evidence import Answer
from raceday_iac.model.resource import Fields, Live, frozen
from raceday_iac.model.stack import Stack
from raceday_iac.planning import build_plan
from raceday_iac.state.backends.local import LocalState

from ..declaring import address, database, resolved
from ..fake_appwrite import FakeAppwrite

A, B = address("attribute.d/c/a"), address("attribute.d/c/b")
PLACE = address("collection.d/c")


def stack(*keys: str, related: bool = False, two_way: bool = False) -> Stack:
    found = Stack("test")
    base = database(found)
    if related:
        base.collection("other", name="O").integer("z")
    owner = base.collection("c", name="C")
    for key in keys:
        owner.integer(key)
    if related:
        owner.relationship("r", "other", type="manyToOne", two_way_key="back", two_way=two_way)
    return found


class Project:
    """A server and a state."""

    def __init__(self, folder: Path, server: FakeAppwrite | None = None) -> None:
        self.server = server or FakeAppwrite()
        self.store = LocalState(folder / "state")
        self.store.folder.mkdir()
        self.events: list[Event] = []

    def apply(self, wanted: Stack) -> Applied:
        desired, state = resolved(wanted), self.store.read()
        plan = build_plan("test", desired, state, self.server.snapshot(()), lambda _each: Answer(0))
        self.server.log.clear()
        self.server.proven.clear()
        return apply_plan(plan, desired, {}, self.server, self.store, state, self.events.append, parallelism=1)

    @property
    def warnings(self) -> list[str]:
        return [each.note for each in self.events if each.kind is EventKind.WARNED]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_every_collection_that_was_written_is_proven(project: Project) -> None:
    project.apply(stack("a", related=True))
    assert set(map(str, project.server.proven)) == {"collection.d/c", "collection.d/other"}
    project.apply(stack("a", "b", related=True))
    assert list(map(str, project.server.proven)) == ["collection.d/c"]


def test_nothing_is_proven_where_nothing_is_written(project: Project) -> None:
    project.apply(stack("a"))
    assert project.apply(stack("a")).done == ()
    assert project.server.proven == []


def test_a_listed_attribute_that_documents_do_not_know_is_an_error_that_says_how_to_heal_it(project: Project) -> None:
    project.apply(stack("a"))
    project.server.lost = {"a"}
    (error,) = project.apply(stack("a", "b")).unsettled
    assert isinstance(error, BrokenSchemaError)
    assert "collection.d/c is broken: Appwrite lists a as available, but refuses documents" in error.message
    assert "raceday-iac apply --replace collection.d/c" in error.hint
    assert "run apply again" not in error.hint


@pytest.mark.parametrize(("two_way", "lost"), [(False, "r"), (True, "r"), (True, "back")])
def test_both_sides_of_a_relationship_are_proven(project: Project, two_way: bool, lost: str) -> None:
    project.server.lost = {lost}
    errors = project.apply(stack("a", related=True, two_way=two_way)).unsettled
    broken = "collection.d/other" if lost == "back" else "collection.d/c"
    assert [each.message.partition(" ")[0] for each in errors] == [broken]


def test_the_far_side_of_a_one_way_relationship_is_nothing_to_be_proven(project: Project) -> None:
    project.server.lost = {"back"}
    assert project.apply(stack("a", related=True)).complete


class Forgetful(FakeAppwrite):
    """Loses an attribute of those that are created together, `times` times."""

    def __init__(self, times: int = 1) -> None:
        super().__init__()
        self.times = times

    def create(self, at: Address, fields: Fields) -> Live:
        found = super().create(at, fields)
        if at == B and self.times:
            self.times -= 1
            self.lost.add("b")
        elif at == B:
            self.lost.discard("b")
        return found


def test_a_collection_of_this_run_that_lost_something_is_made_again_one_by_one(tmp_path: Path) -> None:
    project = Project(tmp_path, Forgetful())
    applied = project.apply(stack("a", "b"))
    assert applied.complete
    assert project.server.log[-4:] == [f"delete {PLACE}", f"create {PLACE}", f"create {A}", f"create {B}"]
    assert "collection.d/c was created again, one attribute at a time: documents did not accept b" in project.warnings
    assert project.apply(stack("a", "b")).done == ()


def test_one_that_loses_it_again_is_reported_and_not_made_for_ever(tmp_path: Path) -> None:
    project = Project(tmp_path, Forgetful(times=5))
    (error,) = project.apply(stack("a", "b")).unsettled
    assert isinstance(error, BrokenSchemaError)
    assert project.server.log.count(f"create {PLACE}") == 2


def test_one_that_has_documents_meanwhile_is_never_made_again(tmp_path: Path) -> None:
    project = Project(tmp_path, Forgetful())
    project.server.documents = 1
    (error,) = project.apply(stack("a", "b")).unsettled
    assert isinstance(error, BrokenSchemaError)
    assert f"delete {PLACE}" not in project.server.log


def test_one_that_somebody_else_has_added_to_is_never_made_again(tmp_path: Path) -> None:
    class Busy(Forgetful):
        def unknown_attributes(self, *names: Any) -> Sequence[str]:
            self.resources[address("attribute.d/c/theirs")] = Live(address("attribute.d/c/theirs"), {})
            return super().unknown_attributes(*names)

    project = Project(tmp_path, Busy())
    assert not project.apply(stack("a", "b")).complete
    assert f"delete {PLACE}" not in project.server.log


def test_a_key_that_may_not_read_documents_is_a_warning(project: Project) -> None:
    def denied(*_names: Any) -> Sequence[str]:
        raise AccessError("missing scope (documents.read)", code=401)

    project.server.unknown_attributes = denied  # type: ignore[method-assign]
    assert project.apply(stack("a")).complete
    (warning,) = project.warnings
    assert warning == "whether documents can use collection.d/c could not be checked: missing scope (documents.read)"


def test_creations_in_a_collection_that_exists_follow_each_other(project: Project) -> None:
    project.apply(stack("a"))
    seen: list[list[str]] = []

    def created(at: Address, fields: Fields) -> Live:
        seen.append([str(each) for each, live in project.server.resources.items() if live.status == "processing"])
        return FakeAppwrite.create(project.server, at, fields)

    project.server.create = created  # type: ignore[method-assign]
    assert project.apply(stack("a", "b", "e", "f")).complete
    assert seen == [[], [], []]


@pytest.mark.parametrize(
    "error", ["Index already exists", "Attribute already exists in schema", "Attribute already exists in metadata"]
)
def test_what_can_only_fail_again_is_reported_as_that(tmp_path: Path, error: str) -> None:
    class Failing(FakeAppwrite):
        def members(self, *place: Any) -> Any:
            return {at: replace(live, status="failed", error=error) for at, live in super().members(*place).items()}

    (found,) = Project(tmp_path, Failing()).apply(stack("a")).unsettled
    assert isinstance(found, BrokenSchemaError)
    assert "give it another key in the stack" in found.hint
    assert "--replace collection.d/c" in found.hint


@pytest.mark.parametrize("error", ["", "Document already exists", "Failed to create attribute/column"])
def test_what_may_succeed_the_next_time_is_to_be_tried_again(tmp_path: Path, error: str) -> None:
    class Failing(FakeAppwrite):
        def members(self, *place: Any) -> Any:
            return {at: replace(live, status="failed", error=error) for at, live in super().members(*place).items()}

    (found,) = Project(tmp_path, Failing()).apply(stack("a")).unsettled
    assert not isinstance(found, BrokenSchemaError)
    assert "run apply again" in found.hint


def test_a_fault_on_an_update_of_what_documents_do_not_know_is_explained(tmp_path: Path) -> None:
    class Ill(FakeAppwrite):
        def update(self, at: Address, fields: Fields, live: Live) -> Live:
            raise ServerFaultError("Server Error", code=500)

    project = Project(tmp_path, Ill())
    project.apply(stack("a"))
    after = Stack("test")
    database(after).collection("c", name="C").integer("a", default=5)
    ((_, fault),) = project.apply(after).failed
    assert not isinstance(fault, BrokenSchemaError)
    project.server.lost = {"a"}
    ((_, broken),) = project.apply(after).failed
    assert isinstance(broken, BrokenSchemaError)


def test_what_was_under_way_before_is_waited_for_before_anything_is_written(project: Project) -> None:
    project.apply(stack("a"))
    project.server.resources[A] = replace(project.server.resources[A], status="processing")
    theirs = address("attribute.d/c/theirs")
    project.server.resources[theirs] = replace(project.server.resources[A], address=theirs, status="deleting")
    seen: list[set[str]] = []

    def created(at: Address, fields: Fields) -> Live:
        seen.append({live.status for live in project.server.resources.values()})
        return FakeAppwrite.create(project.server, at, fields)

    project.server.create = created  # type: ignore[method-assign]
    assert project.apply(stack("a", "b")).complete
    assert seen == [{"available"}]


def test_the_relationships_of_a_collection_that_goes_go_before_it(project: Project) -> None:
    project.apply(stack("a", related=True))
    without = Stack("test")
    database(without).collection("other", name="O").integer("z")
    project.apply(without)
    gone = [each for each in project.server.log if each.startswith("delete")]
    assert gone == ["delete relationship.d/c/r", "delete collection.d/c"]


@pytest.mark.parametrize(("took", "pause"), [(0.0, 0.05), (0.04, 0.03), (0.2, 0.0)])
def test_on_a_long_way_the_first_look_is_sent_sooner(took: float, pause: float) -> None:
    """It takes as long to arrive as the answer to the creation did."""
    server = FakeAppwrite()
    server.resources[A] = Live(A, frozen({}))
    work = SchemaWork(server, resolved(stack("a")), set(), warn=lambda _text: None)
    work.created(A, took)
    assert list(work.finish(A)) == [pytest.approx(pause)]
    assert work.there == {A}
