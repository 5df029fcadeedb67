"""A kind that nothing else knows of: what its `Kind` says is enough to read, plan and show it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import Field

from raceday_iac.importing.appwrite_json import appwrite_json, read_appwrite_json
from raceday_iac.importing.names import Project
from raceday_iac.importing.source import write_source
from raceday_iac.kinds import KINDS
from raceday_iac.kinds.base import Call, Kind, Listing, Shape
from raceday_iac.kinds.fields import IDENTITY, Declaring, Writing
from raceday_iac.model.address import Address
from raceday_iac.model.declarations import Declared, Id, Name
from raceday_iac.model.resource import Desired, Fields, Live, Resource, frozen
from raceday_iac.model.stack import Stack, declares
from raceday_iac.planning import Plan
from raceday_iac.planning.order import in_order
from raceday_iac.provider.appwrite import AppwriteReader
from raceday_iac.provider.protocol import Snapshot
from raceday_iac.refresh.snapshot import refresh
from raceday_iac.render.plan_page import stack_svg
from raceday_iac.state.document import Entry, State, new_state

from ..applied import actions, plan
from ..importing.found import loaded
from ..provider.answering import Answering, Slept, answering, error, transport
from ..provider.test_reading import NOTHING, Routes, listed

SHAPE = Shape({"$id": str, "name": str})
AT = Address("bucket", "cards")
ROUTE = "/storage/buckets"


class Requests:
    def create(self, address: Address, fields: Fields) -> Call:
        return Call("post", ROUTE, {"bucketId": address.path, **fields}, SHAPE)

    def update(self, address: Address, fields: Fields, live: Live) -> Call:
        return Call("put", f"{ROUTE}/{address.path}", dict(fields), SHAPE)

    def delete(self, address: Address, live: Live) -> Call:
        return Call("delete", f"{ROUTE}/{address.path}")

    def read(self, address: Address) -> Call:
        return Call("get", f"{ROUTE}/{address.path}", answer=SHAPE)


def parse(_owner: tuple[str, ...], raw: Mapping[str, Any]) -> Live:
    return Live(Address("bucket", raw["$id"]), frozen({"name": raw["name"]}), raw["$id"])


CARDS = {"$id": "cards", "name": "Cards"}


class BucketDeclaration(Declared):
    """A bucket."""

    id: Annotated[Id, IDENTITY] = Field(init=False)
    name: Name


class BucketDeclaring(Declaring):
    file_lists = ("buckets",)


BUCKET = Kind(
    name="bucket",
    stage=45,
    requests=Requests(),
    parse=parse,
    in_place=frozenset({"name"}),
    listing=Listing(ROUTE, "buckets", SHAPE),
    declaring=BucketDeclaring("bucket", BucketDeclaration, "`stack.bucket(…)`"),
)


@pytest.fixture(autouse=True)
def with_buckets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(KINDS, "bucket", BUCKET)
    method = declares("bucket", BucketDeclaration)
    method.__set_name__(Stack, "bucket")
    monkeypatch.setattr(Stack, "bucket", method, raising=False)


def desired(name: str = "Cards") -> Desired:
    return Desired("test", {AT: Resource(AT, frozen({"name": name}))})


def state() -> State:
    return new_state().with_entry(Entry(AT, frozen({"name": "Cards"}), "cards"))


def live(name: str = "Cards") -> dict[Address, Live]:
    return {AT: Live(AT, frozen({"name": name}), "cards")}


def read(wanted: Desired, known: State) -> tuple[Snapshot, list[str]]:
    with answering() as server:
        routes = Routes(server, {**NOTHING, ROUTE: listed("buckets", {"$id": "cards", "name": "Cards"})})
        found = refresh(reader(server), wanted, known)
        return found, [each.path.removeprefix("/v1") for each in routes.asked]


def reader(server: Answering) -> AppwriteReader:
    return AppwriteReader(transport(server, Slept(), attempts=1))


@pytest.mark.parametrize(("wanted", "known"), [(desired(), new_state()), (Desired("test", {}), state())])
def test_all_of_it_are_read_where_one_is_declared_or_ours(wanted: Desired, known: State) -> None:
    found, asked = read(wanted, known)
    assert found.resources == live()
    assert asked.count(ROUTE) == 1


def test_it_costs_no_request_where_nothing_of_it_is_declared_or_ours() -> None:
    found, asked = read(Desired("test", {}), new_state())
    assert found.resources == {}
    assert ROUTE not in asked


def test_appwrites_word_for_its_absence_says_that_it_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(KINDS, "bucket", replace(BUCKET, absent="storage_bucket_not_found"))
    with answering() as server:
        Routes(server, {f"{ROUTE}/cards": error(404, "storage_bucket_not_found")})
        assert reader(server).find(AT) is None


@pytest.mark.parametrize(
    ("of", "action"),
    [
        (lambda: plan(desired()), "create"),
        (lambda: plan(desired("New"), state(), live()), "update"),
        (lambda: plan(Desired("test", {}), state(), live()), "delete"),
        (lambda: plan(desired(), None, live()), "adopt"),
    ],
)
def test_it_is_planned(of: Any, action: str) -> None:
    assert actions(of()) == {"bucket.cards": action}


def test_what_an_update_cannot_change_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(KINDS, "bucket", replace(BUCKET, in_place=frozenset()))
    found: Plan = plan(desired("New"), state(), live())
    assert actions(found) == {"bucket.cards": "replace"}
    assert in_order(desired("New"), found.changes, live()) == list(found.changes)


def test_it_has_a_card_in_the_picture_of_the_stack() -> None:
    assert "1 bucket;" in stack_svg({AT: ()}, everything=False)


def test_a_whole_project_is_imported_with_it() -> None:
    with answering() as server:
        Routes(server, {**NOTHING, ROUTE: listed("buckets", CARDS)})
        found = reader(server).everything()
    assert found.resources == live()
    assert "bucket" not in found.unread
    assert 'stack.bucket("cards", name="Cards")' in write_source(Project(found.resources), "x").text


@pytest.mark.parametrize(
    "answer", [error(401, "general_unauthorized_scope", "missing scope"), error(404, "general_route_not_found")]
)
def test_a_whole_project_is_imported_without_it_where_the_key_or_the_server_has_none(answer: Any) -> None:
    with answering() as server:
        Routes(server, {**NOTHING, ROUTE: answer})
        found = reader(server).everything()
    assert found.resources == {}
    assert "bucket" in found.unread


def test_a_file_of_the_command_line_says_it_and_is_given_it(tmp_path: Path) -> None:
    document = {"projectId": "p", "buckets": [{**CARDS, "colour": "red"}, {"$id": "b", "name": 5}, {"name": "c"}]}
    project = read_appwrite_json(document, "appwrite.json")
    assert [str(each) for each in project.remarks] == [
        "bucket.cards: not imported, because there is no such setting: colour",
        "buckets[2]: left out: it has no $id (it has name)",
    ]
    source = write_source(project, "x")
    assert 'stack.bucket("cards", name="Cards")' in source.text
    written = appwrite_json(loaded(source, tmp_path), "p", Writing(tmp_path))
    assert written["buckets"] == [CARDS, {"$id": "b", "name": "5"}]
