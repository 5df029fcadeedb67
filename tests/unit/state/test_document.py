from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from raceday_iac.errors import StateError
from raceday_iac.model.address import Address, function_address
from raceday_iac.model.resource import frozen
from raceday_iac.model.secret import Secret
from raceday_iac.state.document import FORMAT, Entry, Revision, State, entry_to_json, from_json, new_state, to_json

F = function_address("f")
G = function_address("g")

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3).map(tuple), max_leaves=6)
PATHS = st.text("abcXYZ019._-/", min_size=1, max_size=20)
ENTRIES = st.builds(
    Entry,
    st.builds(Address, st.sampled_from(["function", "attribute", "variable"]), PATHS),
    st.dictionaries(st.text(max_size=8), VALUES, max_size=4).map(frozen),
    st.text(max_size=10),
    st.lists(st.text(max_size=6), max_size=3).map(tuple),
    st.lists(st.text(max_size=6), max_size=3).map(tuple),
)
STATES = st.builds(
    lambda lineage, serial, salt, entries, revision: State(
        lineage, serial, salt, {each.address: each for each in entries}, revision=revision
    ),
    st.text(),
    st.integers(0),
    st.text(),
    st.lists(ENTRIES, max_size=5),
    st.just(Revision()) | st.builds(Revision, st.text("0123456789abcdef", min_size=1), st.booleans()),
)
STORED: dict[str, Any] = {
    "format": FORMAT,
    "lineage": "l",
    "serial": 3,
    "salt": "s",
    "resources": {"function.f": {"fields": {"name": "F"}, "remoteId": "f"}},
}


@settings(max_examples=30)
@given(STATES)
def test_reading_is_the_reverse_of_writing(state: State) -> None:
    assert from_json(to_json(state)) == state


@settings(max_examples=30)
@given(STATES)
def test_the_stored_form_survives_json(state: State) -> None:
    assert from_json(json.loads(json.dumps(to_json(state)))) == state


def test_a_secret_is_never_stored() -> None:
    entry = Entry(Address("variable", "f/K"), frozen({"value": Secret("hidden")}))
    with pytest.raises(TypeError, match=r"variable.f/K: a secret must not be stored") as caught:
        entry_to_json(entry)
    assert "hidden" not in str(caught.value)


def test_a_state_with_a_secret_cannot_be_stored() -> None:
    entry = Entry(Address("variable", "f/K"), frozen({"value": Secret("hidden")}))
    with pytest.raises(TypeError):
        to_json(new_state().with_entry(entry))


def test_new_states_are_of_different_lineages_and_salts() -> None:
    first, second = new_state(), new_state()
    assert first.lineage != second.lineage
    assert first.salt != second.salt
    assert (first.serial, first.entries) == (0, {})


def test_an_entry_replaces_the_one_of_the_same_address() -> None:
    at = Address("function", "f")
    state = new_state().with_entry(Entry(at, frozen({"n": 1}))).with_entry(Entry(at, frozen({"n": 2})))
    assert [dict(each.fields) for each in state.entries.values()] == [{"n": 2}]


def test_adding_and_removing_leave_the_old_state_as_it_was() -> None:
    at = Address("function", "f")
    empty = new_state()
    full = empty.with_entry(Entry(at, frozen({})))
    assert full.without(at).entries == {}
    assert empty.entries == {}
    assert at in full.entries


def test_resources_are_stored_in_order_so_that_two_states_can_be_compared_by_eye() -> None:
    state = new_state()
    for name in "cab":
        state = state.with_entry(Entry(Address("function", name), frozen({})))
    assert list(to_json(state)["resources"]) == ["function.a", "function.b", "function.c"]


def test_a_newer_format_is_refused_with_both_numbers() -> None:
    with pytest.raises(StateError, match=f"it has format {FORMAT + 1}, and this version reads up to {FORMAT}"):
        from_json({**STORED, "format": FORMAT + 1})


@pytest.mark.parametrize("content", [None, [], "text", 5, {}, {"format": "1"}, {"format": None}, {"resources": {}}])
def test_what_has_no_format_number_is_no_state(content: Any) -> None:
    with pytest.raises(StateError, match="it is not a state document"):
        from_json(content)


@pytest.mark.parametrize("missing", ["lineage", "serial", "salt", "resources"])
def test_a_missing_part_is_damage(missing: str) -> None:
    with pytest.raises(StateError, match=f"it is damaged: KeyError: '{missing}'"):
        from_json({key: value for key, value in STORED.items() if key != missing})


@pytest.mark.parametrize(
    "damage",
    [
        {"serial": "many"},
        {"serial": None},
        {"resources": []},
        {"resources": None},
        {"resources": {"nonsense": {"fields": {}}}},
        {"resources": {"function.f": {}}},
        {"resources": {"function.f": None}},
        {"resources": {"function.f": {"fields": []}}},
        {"resources": {"function.f": {"fields": {}, "deployments": 5}}},
    ],
)
def test_parts_of_the_wrong_shape_are_damage(damage: dict[str, Any]) -> None:
    with pytest.raises(StateError, match="it is damaged"):
        from_json({**STORED, **damage})


def test_uploads_are_remembered_until_they_are_accepted_or_gone() -> None:
    at = Address("function", "f")
    first = Entry(at, frozen({"name": "F"}), "f")
    state = new_state().with_upload(first, "a").with_upload(first, "b").with_upload(first, "a")
    assert state.uploads_of(F) == ("a", "b")
    assert state.entries[at].fields == {"name": "F"}
    assert state.without_uploads(F, ["a", "x"]).uploads_of(F) == ("b",)
    assert state.without_uploads(G, ["a"]) == state
    assert new_state().uploads_of(F) == ()
