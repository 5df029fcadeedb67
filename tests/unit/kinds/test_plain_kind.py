"""A kind that nothing else knows of: what its `Kind` says is enough to read, plan and show it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from raceday_iac.kinds import KINDS
from raceday_iac.kinds.base import Call, Kind, Listing, Shape
from raceday_iac.model.address import Address
from raceday_iac.model.resource import Desired, Fields, Live, Resource, frozen
from raceday_iac.planning import Plan
from raceday_iac.planning.order import in_order
from raceday_iac.provider.appwrite import AppwriteReader
from raceday_iac.provider.protocol import Snapshot
from raceday_iac.refresh.snapshot import refresh
from raceday_iac.render.plan_page import stack_svg
from raceday_iac.state.document import Entry, State, new_state

from ..applied import actions, plan
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


BUCKET = Kind(
    name="bucket",
    stage=45,
    requests=Requests(),
    parse=parse,
    in_place=frozenset({"name"}),
    listing=Listing(ROUTE, "buckets", SHAPE),
)


@pytest.fixture(autouse=True)
def with_buckets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(KINDS, "bucket", BUCKET)


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


def test_what_an_update_cannot_change_is_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(KINDS, "bucket", replace(BUCKET, in_place=frozenset()))
    found: Plan = plan(desired("New"), state(), live())
    assert actions(found) == {"bucket.cards": "replace"}
    assert in_order(desired("New"), found.changes, live()) == list(found.changes)


def test_it_has_a_card_in_the_picture_of_the_stack() -> None:
    assert "1 bucket;" in stack_svg({AT: ()}, everything=False)
