from __future__ import annotations

import copy
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raceday_iac.kinds import KINDS
from raceday_iac.model.address import (
    Address,
    collection_address,
    database_address,
    deployment_address,
    function_address,
    member_address,
    owners,
    variable_address,
)

PARTS = st.text("abcXYZ019._-", min_size=1, max_size=8)


def test_is_written_as_kind_dot_path() -> None:
    assert str(Address("attribute", "raceday-db/races/startTime")) == "attribute.raceday-db/races/startTime"


@given(st.sampled_from(["function", "index"]), st.lists(PARTS, min_size=1, max_size=3))
def test_parsing_is_the_reverse_of_writing(kind: str, parts: list[str]) -> None:
    address = Address(kind, "/".join(parts))
    assert Address.parse(str(address)) == address


def test_there_is_one_object_of_each_and_it_does_not_change() -> None:
    one = Address("attribute", "shop/orders/number")
    others = [Address.parse(str(one)), pickle.loads(pickle.dumps(one)), copy.copy(one), copy.deepcopy([one])[0]]
    assert all(each is one for each in others)
    assert one != Address("index", "shop/orders/number")
    with pytest.raises(AttributeError, match="does not change"):
        one.path = "other"  # type: ignore[misc]


def test_they_are_ordered_by_kind_and_path() -> None:
    texts = ["function.b", "attribute.a/b/c", "function.a", "attribute.a/b/a"]
    assert [str(each) for each in sorted(map(Address.parse, texts))] == sorted(texts)
    assert Address("a", "b") <= Address("a", "b") < Address("a", "c")


def test_only_the_first_dot_separates_kind_and_path() -> None:
    assert Address.parse("function.a.b") == Address("function", "a.b")


@pytest.mark.parametrize("text", ["", "function", "function.", ".daily-races", "."])
def test_text_without_kind_or_path_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=r"write kind.path, for example function.send-bills"):
        Address.parse(text)


def test_name_is_the_last_part() -> None:
    assert member_address("index", "d", "c", "idx").name == "idx"


def test_a_child_lies_in_its_owner() -> None:
    assert collection_address("d", "c").child("attribute", "a") == member_address("attribute", "d", "c", "a")


@pytest.mark.parametrize(
    ("address", "text"),
    [
        (function_address("f"), "function.f"),
        (variable_address("f", "KEY"), "variable.f/KEY"),
        (deployment_address("f"), "deployment.f"),
        (database_address("d"), "database.d"),
        (collection_address("d", "c"), "collection.d/c"),
        (member_address("relationship", "d", "c", "r"), "relationship.d/c/r"),
    ],
)
def test_each_kind_has_its_form(address: Address, text: str) -> None:
    assert str(address) == text


def test_addresses_sort_by_kind_then_path() -> None:
    unsorted = [Address("b", "a"), Address("a", "b"), Address("a", "a")]
    assert [str(each) for each in sorted(unsorted)] == ["a.a", "a.b", "b.a"]


def test_the_key_of_a_variable_may_hold_slashes() -> None:
    address = variable_address("daily-races", "A/B//C")
    assert (address.parts, address.name) == (("daily-races", "A/B//C"), "A/B//C")


@pytest.mark.parametrize(
    ("address", "places"),
    [
        (function_address("f"), []),
        (variable_address("f", "A/B"), ["function.f"]),
        (deployment_address("f"), ["function.f"]),
        (database_address("d"), []),
        (collection_address("d", "c"), ["database.d"]),
        (member_address("attribute", "d", "c", "a"), ["database.d", "collection.d/c"]),
        (member_address("relationship", "d", "c", "r"), ["database.d", "collection.d/c"]),
        (member_address("index", "d", "c", "i"), ["database.d", "collection.d/c"]),
    ],
)
def test_owners_are_what_it_lies_in_outermost_first(address: Address, places: list[str]) -> None:
    assert address.kind in KINDS
    assert [str(each) for each in owners(address)] == places


def test_the_name_of_a_variable_may_have_slashes() -> None:
    assert variable_address("f", "A/B/C").parts == ("f", "A/B/C")
