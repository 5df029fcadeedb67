"""Documents are made to fit the schema, by rules that are counted; what cannot be made to fit is left out."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from _shared.errors import Skip
from _shared.sanitize import Sanitizer, json_within

from .small_schema import attribute, collection, relationship

NAN, INFINITY = float("nan"), float("inf")
SCHEMA = {
    "collections": [
        collection(
            "things",
            [
                attribute("name", size=10, required=True),
                attribute("note", size=5),
                attribute("gear", size=20),
                attribute("number", "integer"),
                attribute("odds", "float"),
                attribute("isNew", "boolean"),
                attribute("since", "datetime"),
            ],
            [relationship("owner", "others", twoWayKey="things")],
        )
    ]
}


@pytest.fixture
def counted() -> Counter[str]:
    return Counter()


@pytest.fixture
def sanitizer(counted: Counter[str]) -> Sanitizer:
    return Sanitizer(SCHEMA, lambda name: counted.update([name]))


def fit(sanitizer: Sanitizer, **values: Any) -> dict[str, Any]:
    return sanitizer.fit("things", values, partial=True)


def test_a_document_that_fits_is_not_changed(sanitizer: Sanitizer, counted: Counter[str]) -> None:
    given = {"name": "x" * 10, "note": "12345", "number": -3, "odds": 1.5, "isNew": False, "owner": "o1"}

    assert sanitizer.fit("things", given) == given
    assert not counted


@pytest.mark.parametrize("length", [5, 6])
def test_a_text_is_cut_at_its_size(sanitizer: Sanitizer, counted: Counter[str], length: int) -> None:
    assert fit(sanitizer, note="123456"[:length]) == {"note": "12345"}
    assert counted == ({} if length == 5 else {"cut:things.note": 1})


def test_size_counts_characters_not_bytes(sanitizer: Sanitizer) -> None:
    assert fit(sanitizer, note="ā" * 5) == {"note": "ā" * 5}


def test_numbers_become_texts_where_texts_are_stored(sanitizer: Sanitizer) -> None:
    assert fit(sanitizer, note=58.5) == {"note": "58.5"}


@pytest.mark.parametrize("value", [True, object(), ["a"], {"a": 1}])
def test_what_is_no_text_is_left_out(sanitizer: Sanitizer, counted: Counter[str], value: Any) -> None:
    assert fit(sanitizer, note=value) == {}
    assert counted == {"not_text:things.note": 1}


def test_what_no_server_takes_in_a_text_is_taken_out(sanitizer: Sanitizer) -> None:
    assert fit(sanitizer, note="a\0b\ud800") == {"note": "ab?"}


@pytest.mark.parametrize("value", [["Blinkers"], {"a": 1}, "Blinkers ON"])
def test_lists_and_objects_are_json_where_that_is_meant(sanitizer: Sanitizer, value: Any) -> None:
    stored = fit(sanitizer, gear=value)["gear"]

    assert (stored if isinstance(value, str) else json.loads(stored)) == value


def test_json_that_is_too_long_stays_json(sanitizer: Sanitizer, counted: Counter[str]) -> None:
    stored = fit(sanitizer, gear=["Blinkers", "Nose Band", "Lugging Bit"])["gear"]

    assert json.loads(stored) == ["Blinkers"]
    assert counted == {"shortened:things.gear": 1}


def test_json_of_which_no_item_fits_is_empty() -> None:
    assert json_within(["x" * 50], 20) == ("[]", "shortened")


@pytest.mark.parametrize("value", [[NAN], {"a": object()}])
def test_what_is_no_json_is_left_out(sanitizer: Sanitizer, counted: Counter[str], value: Any) -> None:
    assert fit(sanitizer, gear=value) == {}
    assert counted == {"not_json:things.gear": 1}


@pytest.mark.parametrize(
    ("value", "stored", "rule"),
    [
        (7, 7, None),
        ("7", 7, None),
        (7.0, 7, None),
        (7.6, 8, "rounded"),
        (True, None, "not_number"),
        ("seven", None, "not_number"),
        ([], None, "not_number"),
        (NAN, None, "not_finite"),
        (INFINITY, None, "not_finite"),
        (2**63 - 1024, 2**63 - 1024, None),
        (2**63, None, "out_of_range"),
        (10**400, None, "out_of_range"),
    ],
)
def test_whole_numbers(sanitizer: Sanitizer, counted: Counter[str], value: Any, stored: Any, rule: str | None) -> None:
    assert fit(sanitizer, number=value) == ({} if stored is None else {"number": stored})
    assert counted == ({f"{rule}:things.number": 1} if rule else {})


@pytest.mark.parametrize(
    ("value", "stored"), [(1, 1.0), ("1.85", 1.85), (0, 0.0), ("n/a", None), (INFINITY, None), (False, None)]
)
def test_odds(sanitizer: Sanitizer, value: Any, stored: float | None) -> None:
    found = fit(sanitizer, odds=value)

    assert found == ({} if stored is None else {"odds": stored})
    assert all(isinstance(odds, float) for odds in found.values())


@pytest.mark.parametrize("value", [0, 1, "yes", "false", []])
def test_only_true_and_false_are_either(sanitizer: Sanitizer, counted: Counter[str], value: Any) -> None:
    assert fit(sanitizer, isNew=value) == {}
    assert counted == {"not_boolean:things.isNew": 1}


@pytest.mark.parametrize(
    "value",
    [
        "2025-07-17T00:50:00Z",
        "2025-07-17T12:50:00+12:00",
        "2025-07-17T00:50:00.000000000Z",
        datetime(2025, 7, 17, 0, 50, tzinfo=UTC),
        datetime(2025, 7, 17, 12, 50, tzinfo=timezone(timedelta(hours=12))),
    ],
)
def test_instants_are_stored_as_the_server_gives_them_back(sanitizer: Sanitizer, value: Any) -> None:
    assert fit(sanitizer, since=value) == {"since": "2025-07-17T00:50:00.000+00:00"}


@pytest.mark.parametrize(
    "value",
    [
        "2025-07-17 00:52:46 +0000 UTC",
        "2025-07-17T00:50:00",
        "2025-07-17",
        "tomorrow",
        1752713400,
        [],
        "1970-01-01T00:00:00Z",
        "2100-01-01T00:00:00Z",
        datetime(2025, 7, 17),  # noqa: DTZ001 - that is the mistake
    ],
)
def test_what_is_no_instant_is_left_out(sanitizer: Sanitizer, counted: Counter[str], value: Any) -> None:
    assert fit(sanitizer, since=value) == {}
    assert counted == {"not_an_instant:things.since": 1}


@pytest.mark.parametrize("empty", [None, ""])
def test_an_empty_value_clears_what_is_optional(sanitizer: Sanitizer, counted: Counter[str], empty: Any) -> None:
    assert fit(sanitizer, note=empty, number=empty, since=empty) == {"note": None, "number": None, "since": None}
    assert not counted


@pytest.mark.parametrize("values", [{}, {"name": None}, {"name": ""}, {"name": []}])
def test_without_a_required_value_there_is_no_document(
    sanitizer: Sanitizer, counted: Counter[str], values: dict[str, Any]
) -> None:
    with pytest.raises(Skip, match="no usable name"):
        sanitizer.fit("things", {**values, "note": "x"})
    assert counted["missing:things.name"] == 1


def test_a_part_of_a_document_needs_nothing_and_clears_nothing_that_is_required(sanitizer: Sanitizer) -> None:
    assert fit(sanitizer, name=None, note="x") == {"note": "x"}


def test_unknown_keys_are_left_out(sanitizer: Sanitizer, counted: Counter[str]) -> None:
    assert fit(sanitizer, colour="red") == {}
    assert counted == {"unknown:things.colour": 1}


def test_all_keys_of_a_collection_are_known(sanitizer: Sanitizer) -> None:
    assert sanitizer.keys("things") == {"name", "note", "gear", "number", "odds", "isNew", "since", "owner"}
