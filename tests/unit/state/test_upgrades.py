"""A state of any age is read: there is a stored example of each format, and each still means what it meant."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from raceday_iac.errors import StateError
from raceday_iac.model.address import Address
from raceday_iac.state.document import FORMAT, STEPS, from_json, saved_of, to_json, upgraded

EXAMPLES = Path(__file__).parents[2] / "data" / "state"


def example(number: int) -> Any:
    return json.loads((EXAMPLES / f"format-{number}.json").read_text(encoding="utf-8"))


def test_there_is_an_example_of_every_format_and_a_step_from_every_old_one() -> None:
    assert sorted(EXAMPLES.glob("format-*.json")) == [EXAMPLES / f"format-{each}.json" for each in range(1, FORMAT + 1)]
    assert sorted(STEPS) == list(range(1, FORMAT))


@pytest.mark.parametrize("number", range(1, FORMAT + 1))
def test_the_example_is_of_the_format_that_it_is_named_after(number: int) -> None:
    assert example(number)["format"] == number


@pytest.mark.parametrize("number", range(1, FORMAT + 1))
def test_an_example_of_any_format_means_the_same(number: int) -> None:
    state = from_json(example(number))
    assert (state.lineage, state.serial) == ("5f2d7c1e-52a1-4f0b-9d0e-2f4f7d1f3a10", 41)
    assert state.salt == "0b8a52d3c8b14c0f9a1d5f3f6f0e7a21"
    assert len(state.entries) == 6
    code = state.entries[Address("deployment", "daily-races")]
    assert (code.remote_id, code.deployments) == ("68a1", ("68a1", "689f"))
    assert state.entries[Address("function", "daily-races")].fields["scopes"] == ("documents.read", "documents.write")


def test_the_newest_example_is_what_is_written_today() -> None:
    newest = example(FORMAT)
    assert to_json(from_json(newest), saved_of(newest)) == newest


def test_an_upgrade_leaves_the_document_that_it_is_given_as_it_was() -> None:
    old = example(1)
    assert upgraded(old)["format"] == FORMAT
    assert old == example(1)


def test_an_old_state_does_not_say_who_saved_it_but_how_much_it_owned() -> None:
    assert saved_of(upgraded(example(1))).resources == 6
    assert saved_of(upgraded(example(1))).by == ""


@pytest.mark.parametrize("number", [0, -1])
def test_a_format_that_there_never_was_is_refused(number: int) -> None:
    with pytest.raises(StateError, match=f"it has format {number}, which does not exist"):
        upgraded({**example(1), "format": number})


def test_a_newer_format_is_refused_with_a_sentence() -> None:
    with pytest.raises(StateError, match=f"it has format {FORMAT + 5}, and this version reads up to {FORMAT}"):
        upgraded({**example(1), "format": FORMAT + 5})
