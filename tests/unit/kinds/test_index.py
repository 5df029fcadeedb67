from __future__ import annotations

from typing import Any

import pytest

from raceday_iac.diff import compare_fields
from raceday_iac.errors import StackError
from raceday_iac.kinds import KINDS
from raceday_iac.kinds.index import KIND, parse, unsupported
from raceday_iac.kinds.schema_rules import canonical_lengths, canonical_orders
from raceday_iac.model.resource import Fields, Live, frozen
from raceday_iac.model.server import ServerFacts
from raceday_iac.model.stack import Stack

from .. import recorded
from ..declaring import address, collection, resolved

CREATED = list(recorded.writes("indexes", "POST", "/indexes"))
AT = address("index.d/c/i")
REQUESTS = KINDS["index"].requests


def declare(sent: dict[str, Any]) -> Fields:
    """The wanted fields of a stack that declares what was sent, over the attributes of the recording."""
    stack = Stack("test")
    owner = collection(stack)
    for key, size in {"st": 50, "st2": 50, "wide": 500, "text": 5000}.items():
        owner.string(key, size)
    owner.integer("nu")
    owner.string("arr", 50, array=True)
    owner.boolean("bo")
    owner.datetime("dt")
    orders = [order.upper() for order in sent.get("orders", [])][: len(sent["attributes"])]
    owner.index("i", *sent["attributes"], type=sent["type"], orders=orders, lengths=sent.get("lengths", ()))
    return resolved(stack).resources[AT].fields


@pytest.mark.parametrize(
    ("sent", "answer"),
    [pair for pair in CREATED if pair[0]["key"] != "mo"],
    ids=[str(sent["key"]) for sent, _ in CREATED if sent["key"] != "mo"],
)
def test_what_the_server_answers_to_a_creation_is_no_drift(sent: dict[str, Any], answer: dict[str, Any]) -> None:
    live = parse(("d", "c"), answer)
    assert compare_fields(KIND, declare(sent), live.fields, None) == []


@pytest.mark.parametrize(
    ("orders", "canonical"),
    [
        ([], ("ASC", "ASC")),
        ([None, None], ("ASC", "ASC")),
        (["DESC"], ("DESC", "ASC")),
        (["asc", "desc"], ("ASC", "DESC")),
        (["ASC", "DESC", "DESC"], ("ASC", "DESC")),
    ],
)
def test_what_is_not_said_of_orders_is_ascending(orders: list[Any], canonical: tuple[str, ...]) -> None:
    assert canonical_orders(["a", "b"], orders) == canonical


@pytest.mark.parametrize(
    ("lengths", "canonical"), [([], (0, 0)), ([None, 5], (0, 5)), ([5], (5, 0)), ([1, 2, 3], (1, 2))]
)
def test_what_is_not_said_of_lengths_is_the_whole(lengths: list[Any], canonical: tuple[int, ...]) -> None:
    assert canonical_lengths(["a", "b"], lengths) == canonical


def test_an_array_has_length_255_whatever_is_said() -> None:
    assert canonical_lengths(["a", "b"], [7, 7], {"a"}) == (255, 7)


def test_orders_and_lengths_are_sent_only_when_they_say_something() -> None:
    plain = frozen({"type": "key", "attributes": ("a",), "orders": ("ASC",), "lengths": (0,)})
    assert REQUESTS.create(AT, plain).body == {"key": "i", "type": "key", "attributes": ["a"]}
    special = frozen({"type": "key", "attributes": ("a",), "orders": ("DESC",), "lengths": (5,)})
    assert REQUESTS.create(AT, special).body["orders"] == ["DESC"]
    assert REQUESTS.create(AT, special).body["lengths"] == [5]


def test_the_orders_before_an_array_are_always_sent() -> None:
    """1.8.1 answers 500 when an array, of which 255 characters count, stands behind attributes without orders."""
    behind = frozen({"type": "key", "attributes": ("a", "b"), "orders": ("ASC", "ASC"), "lengths": (0, 255)})
    assert REQUESTS.create(AT, behind).body["orders"] == ["ASC", "ASC"]
    first = frozen({"type": "key", "attributes": ("a", "b"), "orders": ("ASC", "ASC"), "lengths": (255, 0)})
    assert "orders" not in REQUESTS.create(AT, first).body


def test_an_index_cannot_be_updated() -> None:
    assert KIND.in_place == frozenset()
    with pytest.raises(NotImplementedError):
        REQUESTS.update(AT, frozen({}), Live(AT, frozen({})))


def test_deleting_an_index_loses_no_data() -> None:
    assert not list(KIND.loses(Live(AT, frozen({}))))


# Newer types, and indexes over arrays.


def newer() -> list[Any]:
    found = []
    for version in ("1.9.6", "main"):
        for step in recorded.steps("attributes-indexes", version):
            request, response = step["request"], step["response"]
            # Of the attributes that are there before any of them is changed; what only answers differ in is left out.
            if request["method"] == "POST" and request["path"].endswith("/indexes"):
                asked = request["body"]
                is_ours = (
                    not set(asked["attributes"]) & {"nope"} and asked["type"] != "nope" and response["status"] != 409
                )
                if is_ours and not any(str(each).islower() for each in asked.get("orders", [])):
                    found.append(pytest.param(asked, response, id=f"{version}-{asked['key']}"))
    return found


def declare_newer(asked: dict[str, Any]) -> Stack:
    """The stack that declares an index over the attributes of the recording."""
    stack = Stack("test")
    owner = collection(stack)
    for size in (20, 255, 768, 769, 2000):
        owner.varchar(f"v{size}", size)
    for kind, key in (("text", "tx"), ("mediumtext", "mt"), ("longtext", "lt"), ("bigint", "b"), ("integer", "i")):
        getattr(owner, kind)(key)
    owner.string("s", 20)
    owner.string("s_big", 20000)
    owner.varchar("va", 20, array=True)
    owner.bigint("ba", array=True)
    owner.point("pt", required=True)
    owner.point("pt_n")
    owner.datetime("dt")
    owner.varchar("ve", 200, encrypt=True)
    owner.index(
        "i",
        *asked["attributes"],
        type=asked["type"],
        **{each: asked[each] for each in ("orders", "lengths") if each in asked},
    )
    return stack


@pytest.mark.parametrize(("asked", "response"), newer())
def test_a_stack_takes_the_indexes_that_a_newer_appwrite_takes(asked: dict[str, Any], response: dict[str, Any]) -> None:
    try:
        desired = resolved(declare_newer(asked))
    except StackError:
        assert response["status"] == 400
        return
    refused = list(unsupported(desired.resources[AT], desired, ServerFacts("1.9.6")))
    assert (response["status"] == 400) == bool(refused)
    if not refused:
        live = parse(("d", "c"), response["body"])
        assert compare_fields(KIND, desired.resources[AT].fields, live.fields, None) == []


def test_an_index_over_an_array_is_refused_by_the_versions_that_refuse_it() -> None:
    desired = resolved(declare_newer({"attributes": ["va"], "type": "key"}))
    assert list(unsupported(desired.resources[AT], desired, ServerFacts("1.8.1"))) == []
    ((message, _),) = unsupported(desired.resources[AT], desired, ServerFacts("1.9.0"))
    assert "Appwrite 1.9.0 cannot create an index over an array (va)" in message


@pytest.mark.parametrize(("status", "count"), [("available", 1), ("stuck", 1), ("processing", 0)])
def test_whether_values_occur_twice_is_asked_once_there_can_be_values(status: str, count: int) -> None:
    at = address("attribute.d/c/a")
    real = {address("collection.d/c"): Live(address("collection.d/c"), frozen({}))}
    real[at] = Live(at, frozen({"type": "string"}), status=status)
    wanted = frozen({"type": "unique", "attributes": ("a",)})
    assert len(list(KINDS["index"].asks_when_made(address("index.d/c/i"), wanted, real))) == count
