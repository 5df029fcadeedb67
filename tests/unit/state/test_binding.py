"""What a state belongs to, and what counts as the same."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raceday_iac.errors import EXIT_REFUSED, RefusedError, StateError
from raceday_iac.state.document import Binding, binding_from_json, binding_of, from_json, new_state, to_json

HERE = binding_of("https://appwrite.example.org/v1", "raceday", "raceday")
TEXTS = st.sampled_from(["", "a", "b"])
BINDINGS = st.builds(Binding, TEXTS, TEXTS, TEXTS)


@pytest.mark.parametrize(
    "written",
    [
        "https://appwrite.example.org/v1/",
        "https://APPWRITE.example.org/v1",
        "HTTPS://appwrite.example.org:443/v1",
        " https://appwrite.example.org/v1 ",
        "https://ann:secret@appwrite.example.org/v1",
    ],
)
def test_the_same_address_written_otherwise_is_the_same(written: str) -> None:
    assert binding_of(written, "raceday", "raceday") == HERE


@pytest.mark.parametrize(
    "other",
    [
        "http://appwrite.example.org/v1",
        "https://appwrite.example.org:8443/v1",
        "https://appwrite.example.org/other/v1",
        "https://eu.appwrite.example.org/v1",
        "embedded",
        "https://[::1]:8080/v1",
    ],
)
def test_another_address_is_another(other: str) -> None:
    assert [name for name, _, _ in HERE.differences(binding_of(other, "raceday", "raceday"))] == ["endpoint"]


def test_the_embedded_server_is_the_same_whatever_its_port() -> None:
    assert binding_of("embedded", "p").endpoint == "embedded"


def test_what_is_no_address_is_kept_as_it_is() -> None:
    assert binding_of("http://host:port/v1", "p").endpoint == "http://host:port/v1"


@given(BINDINGS, BINDINGS)
def test_only_what_both_know_can_differ_and_what_is_filled_in_does_not(state: Binding, here: Binding) -> None:
    different = {name for name, _, _ in state.differences(here)}
    for each in fields(Binding):
        own, other = getattr(state, each.name), getattr(here, each.name)
        assert (each.name in different) == bool(own and other and own != other)
    filled = state.filled(here)
    assert different == {name for name, _, _ in filled.differences(here)}
    assert not list(state.differences(filled))


@given(BINDINGS)
def test_it_is_stored_with_the_state_and_read_back(bound: Binding) -> None:
    assert binding_from_json(bound.to_json()) == bound
    state = new_state()
    stored = to_json(state) | {"bound": bound.to_json()}
    assert from_json(stored).bound == bound


@pytest.mark.parametrize("content", [None, 7, "x", ["x"], {"endpoint": 7}, {"project": None}], ids=str)
def test_what_cannot_be_read_is_damage_and_not_unknown(content: Any) -> None:
    with pytest.raises(StateError, match="target that it belongs to"):
        from_json({**to_json(new_state()), "bound": content})


def test_every_difference_is_named_with_both_sides_and_the_way_out() -> None:
    with pytest.raises(RefusedError) as caught:
        HERE.must_fit(binding_of("https://other/v1", "acme", "shop"), "state.json")
    assert caught.value.exit_code == EXIT_REFUSED
    assert caught.value.message == (
        "The state in state.json belongs to something else. Nothing was changed.\n"
        "  - its endpoint is https://appwrite.example.org/v1, but this is https://other/v1\n"
        "  - its project is raceday, but this is acme\n"
        "  - its stack is raceday, but this is shop"
    )
    assert "raceday-iac state rebind" in caught.value.hint
