"""Reading what is stored by id, and changing only fields of it."""

from __future__ import annotations

from typing import Any

import pytest
from _shared.documents import NAMED, Write, changes, read_by_id

from .runs import begin

DATABASE = "raceday-db"


def pool(identity: str, **data: Any) -> Write:
    return Write("race-pools", identity, {"raceId": identity, **data})


@pytest.mark.parametrize("count", [0, 1, NAMED, NAMED + 1, 2 * NAMED + 1])
def test_any_number_of_documents_is_read_a_hundred_at_a_time(raceday: Any, count: int) -> None:
    identities = [f"race-{number}" for number in range(count)]
    begin(raceday).run.documents.write([pool(each, winPoolTotal=1) for each in identities])
    before = raceday.client.requests
    found = read_by_id(raceday.client, DATABASE, "race-pools", [*identities, "unknown"], ["winPoolTotal"])

    assert set(found) == set(identities)
    assert raceday.client.requests - before == count // NAMED + 1


def test_only_what_is_wanted_otherwise_is_a_change() -> None:
    assert changes({"a": 1, "b": None, "c": 3}, {"a": 1, "b": None, "c": 4, "d": 5}) == {"c": 4, "d": 5}


def test_an_update_changes_its_fields_and_needs_no_others(raceday: Any) -> None:
    documents = begin(raceday).run.documents
    documents.write([pool("race-1", winPoolTotal=1, placePoolTotal=2)])
    written = documents.write([Write("race-pools", "race-1", {"winPoolTotal": 5}, "update")])

    stored = raceday.document("race-pools", "race-1")
    assert (stored["winPoolTotal"], stored["placePoolTotal"], written.count) == (5, 2, 1)


def test_an_update_of_what_is_gone_is_refused_alone(raceday: Any) -> None:
    writes = [pool("race-1"), Write("race-pools", "gone", {"winPoolTotal": 5}, "update"), pool("race-2")]
    written = begin(raceday).run.documents.write(writes)

    assert {each["$id"] for each in raceday.documents("race-pools")} == {"race-1", "race-2"}
    assert (written.count, list(written.refused)) == (2, ["gone"])
