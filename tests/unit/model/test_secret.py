from __future__ import annotations

import copy
import json
import pickle

import pytest
from pydantic import BaseModel, ConfigDict

from raceday_iac.model.secret import Secret

HIDDEN = "open sesame"


@pytest.mark.parametrize(
    "shown", [str(Secret(HIDDEN)), repr(Secret(HIDDEN)), f"{Secret(HIDDEN)}", f"{[Secret(HIDDEN)]}"]
)
def test_prints_as_stars_however_it_is_printed(shown: str) -> None:
    assert "***" in shown
    assert HIDDEN not in shown


def test_is_given_out_only_by_reveal() -> None:
    assert Secret(HIDDEN).reveal() == HIDDEN
    assert not hasattr(Secret(HIDDEN), "__dict__")


def test_refuses_to_be_pickled() -> None:
    with pytest.raises(TypeError, match="cannot be serialised"):
        pickle.dumps(Secret(HIDDEN))


def test_refuses_to_be_deep_copied() -> None:
    with pytest.raises(TypeError, match="cannot be serialised"):
        copy.deepcopy(Secret(HIDDEN))


def test_refuses_to_become_json() -> None:
    with pytest.raises(TypeError):
        json.dumps({"value": Secret(HIDDEN)})


def test_a_model_that_holds_one_refuses_to_become_json() -> None:
    class Holder(BaseModel):
        model_config = ConfigDict(arbitrary_types_allowed=True)
        value: Secret

    with pytest.raises(Exception, match="serializ"):
        Holder(value=Secret(HIDDEN)).model_dump_json()


def test_equal_secrets_are_equal_and_differ_from_their_text() -> None:
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a")}) == 1


def test_fingerprint_depends_on_value_and_salt() -> None:
    assert Secret("a").fingerprint("s") == Secret("a").fingerprint("s")
    assert Secret("a").fingerprint("s") != Secret("b").fingerprint("s")
    assert Secret("a").fingerprint("s") != Secret("a").fingerprint("t")


def test_fingerprint_says_nothing_of_the_value() -> None:
    assert HIDDEN not in Secret(HIDDEN).fingerprint("s")
    assert len(Secret("x" * 5000).fingerprint("s")) == len(Secret("").fingerprint("s"))
