"""What a plan has to keep before it is carried out, and what is kept of a document."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from raceday_iac.backup.manifest import Form, Left, Section, everything_in, is_known_nowhere, resources_of, sections_of
from raceday_iac.backup.restoring import goal_of
from raceday_iac.model.address import Address, collection_address
from raceday_iac.model.evidence import Answer
from raceday_iac.model.resource import Live, frozen
from raceday_iac.model.secret import Secret
from raceday_iac.model.stack import Stack
from raceday_iac.planning import Action, Change, Plan, Reason, build_plan
from raceday_iac.planning.plan import PlanOptions
from raceday_iac.provider import Snapshot

from ..applied import FACTS, live_as, state_of
from ..declaring import resolved

Declare = Callable[[Stack], Any]


def shop(*changes: Declare) -> Stack:
    """Orders with a text, and notes that lead to them."""
    stack = Stack("test")
    base = stack.database("d", name="D")
    orders = base.collection("orders", name="Orders")
    base.collection("rooms", name="Rooms")
    notes = base.collection("notes", name="Notes")
    for change in changes or (text(), number, room, about):
        change({"orders": orders, "notes": notes, "stack": stack})  # type: ignore[arg-type]
    return stack


def text(size: int = 50, key: str = "text") -> Declare:
    return lambda at: at["orders"].string(key, size)  # type: ignore[index]


def number(at: Any) -> None:
    at["orders"].integer("number")


def room(at: Any) -> None:
    at["orders"].relationship("room", "rooms", type="manyToOne")


def about(at: Any) -> None:
    at["notes"].relationship("about", "orders", type="manyToOne")


def without_orders() -> Stack:
    stack = Stack("test")
    base = stack.database("d", name="D")
    base.collection("rooms", name="Rooms")
    base.collection("notes", name="Notes")
    return stack


def converted(at: Any) -> None:
    at["orders"].string("number", 20)
    at["stack"].convert("attribute.d/orders/number")


def moved(at: Any) -> None:
    at["orders"].string("title", 20)
    at["stack"].moved("attribute.d/orders/text", "attribute.d/orders/title")


def planned(after: Stack, found: Answer = Answer(3)) -> tuple[Plan, list[Section]]:  # noqa: B008
    old, wanted = resolved(shop()), resolved(after)
    options = PlanOptions(dict.fromkeys([*old.resources, *wanted.resources]))
    plan = build_plan("test", wanted, state_of(old), Snapshot(live_as(old), FACTS), lambda _: found, options)
    return plan, sections_of(plan, wanted)


#: What is left of the stack, and what has to be kept: address, form, columns, links, what is left of a value.
CASES: dict[str, tuple[Stack, list[tuple[Any, ...]]]] = {
    "nothing": (shop(), []),
    "a collection": (
        without_orders(),
        [
            ("relationship.d/notes/about", Form.VALUES, [], ["about"], Left()),
            ("collection.d/orders", Form.DOCUMENTS, ["number", "text"], ["room"], Left()),
        ],
    ),
    "a database": (
        Stack("test"),
        [
            ("collection.d/notes", Form.DOCUMENTS, [], ["about"], Left()),
            ("collection.d/orders", Form.DOCUMENTS, ["number", "text"], ["room"], Left()),
            ("collection.d/rooms", Form.DOCUMENTS, [], [], Left()),
        ],
    ),
    "an attribute": (shop(number, room, about), [("attribute.d/orders/text", Form.VALUES, ["text"], [], Left())]),
    "a relationship": (
        shop(text(), number, about),
        [("relationship.d/orders/room", Form.VALUES, [], ["room"], Left())],
    ),
    "a shorter text": (
        shop(text(20), number, room, about),
        [("attribute.d/orders/text", Form.VALUES, ["text"], [], Left(size=20))],
    ),
    "a longer text": (shop(text(90), number, room, about), []),
    "a shorter text of another name": (
        shop(moved, number, room, about),
        [("attribute.d/orders/title", Form.VALUES, ["title"], [], Left(size=20))],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_a_plan_would_lose_has_a_section(name: str) -> None:
    after, expected = CASES[name]
    found = [
        (str(each.address), each.form, sorted(each.columns), sorted(each.links), each.left)
        for each in planned(after)[1]
    ]
    assert sorted(found, key=str) == sorted(expected, key=str)


def test_what_nobody_has_anything_of_is_not_kept() -> None:
    assert planned(without_orders(), Answer(0))[1] == []


def test_of_a_collection_with_itself_documents_have_the_far_side_alone() -> None:
    at = Address.parse("relationship.d/c/of")
    fields = {"relatedCollection": "c", "relationType": "manyToOne", "twoWay": True, "twoWayKey": "has"}
    real = {each: Live(each, frozen(content)) for each, content in ((PLACE, {}), (at, fields))}
    for address in (PLACE, at):
        (section,) = everything_in(address, real)
        assert section.links == {"has": PLACE}
        assert goal_of(section, real).links == {"has": ("has", True)}


@pytest.mark.parametrize("name", ["function.f", "variable.f/K", "deployment.f", "site.s", "webhook.w", "index.d/c/i"])
def test_what_holds_no_data_has_no_section(name: str) -> None:
    at = Address.parse(name)
    assert list(everything_in(at, {at: Live(at, frozen({}), "x")})) == []


def test_the_values_of_a_conversion_are_kept_however_well_they_convert() -> None:
    (section,) = planned(shop(text(), converted, room, about), Answer(0))[1]
    assert section.left.of(7) == "7"
    assert section.record_of({"$id": "a", "number": 7}) == {"id": "a", "data": {"number": 7}}


def test_before_a_rename_the_old_name_is_read_and_the_new_one_kept() -> None:
    (section,) = planned(shop(moved, number, room, about))[1]
    assert section.reads[0] == "text"
    found = section.record_of({"$id": "a", "text": "x" * 21, "$updatedAt": "then"})
    assert found == {"id": "a", "data": {"title": "x" * 21}, "updatedAt": "then"}


PLACE = collection_address("d", "c")


@pytest.mark.parametrize(
    ("left", "value", "is_kept"),
    [
        (Left(size=3), "abc", False),
        (Left(size=3), "abcd", True),
        (Left(size=3), ["ab", "abcd"], True),
        (Left(), None, False),
        (Left(), [], False),
        (Left(), 0, True),
        (Left(), "", True),
        (Left(), False, True),
    ],
)
def test_only_values_that_are_lost_are_kept(left: Left, value: Any, is_kept: bool) -> None:
    section = Section(PLACE.child("attribute", "a"), Form.VALUES, PLACE, {"a": {}}, left=left)
    found = section.record_of({"$id": "x", "a": value})
    assert found == ({"id": "x", "data": {"a": value}} if is_kept else None)


def test_of_a_whole_document_all_is_kept_that_can_be_written_back() -> None:
    section = Section(PLACE, Form.DOCUMENTS, PLACE, {"a": {}}, {"one": PLACE, "many": PLACE})
    document = {"$id": "x", "$createdAt": "c", "$updatedAt": "u", "$permissions": ["p"], "$sequence": 7, "a": None}
    document |= {"one": {"$id": "1", "more": 2}, "many": [{"$id": "2"}, {"$id": "3"}], "mirror": [{"$id": "4"}]}
    assert section.record_of(document) == {
        "id": "x",
        "createdAt": "c",
        "updatedAt": "u",
        "permissions": ["p"],
        "data": {"a": None},
        "links": {"one": ["1"], "many": ["2", "3"]},
    }
    assert section.reads == ("*", "one.$id", "many.$id")


def test_settings_of_what_goes_are_kept() -> None:
    plan, _ = planned(without_orders())
    found = resources_of(plan.changes, plan.real)
    assert found["attribute.d/orders/text"]["size"] == 50
    assert Address("collection", "d/rooms") not in map(Address.parse, found)
    assert not is_known_nowhere(plan.changes)


def test_secrets_are_not_among_them() -> None:
    address = Address("webhook", "w")
    fields = {"url": "https://example.org", "password": Secret("x"), "more": ({"token": Secret("y"), "on": True},)}
    gone = Change(address, Action.DELETE, "", why=Reason.UNDECLARED)
    found = resources_of([gone], {address: Live(address, frozen(fields))})
    assert found == {"webhook.w": {"url": "https://example.org", "more": [{"on": True}]}}
    json.dumps(found)
