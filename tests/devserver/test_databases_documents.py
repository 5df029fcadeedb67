"""Documents: what is stored, what a change does to dates, compare-and-set, counters."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from raceday_iac.devserver.runner import start_server
from raceday_iac.devserver.server import ManualClock

from .databases_server import Database, db, new_database, q, running

__all__ = ["db", "running"]


def test_a_change_without_a_difference_keeps_the_date(db: Database) -> None:
    documents = db.collection("c", a="string", n="integer")
    before = db.write(documents, "x", a="1", n=1)
    after = db.ok("PATCH", f"{documents}/x", {"data": {"a": "1", "n": 1}})
    assert after["$updatedAt"] == before["$updatedAt"]


def test_compare_and_set_lets_one_of_two_writers_win(db: Database) -> None:
    documents = db.collection("c", n="integer")
    seen = db.write(documents, "x", n=0)["$updatedAt"]
    first = db.call("PATCH", f"{documents}/x", {"data": {"n": 1}}, X_Appwrite_Timestamp=seen)
    second = db.call("PATCH", f"{documents}/x", {"data": {"n": 2}}, X_Appwrite_Timestamp=seen)
    assert first.status == 200
    assert second.outcome == (409, "document_update_conflict")
    assert db.call("DELETE", f"{documents}/x", X_Appwrite_Timestamp=seen).status == 409


def test_compare_and_set_holds_while_the_clock_stands_still(tmp_path: Path) -> None:
    clock = ManualClock(datetime(2026, 3, 1, tzinfo=UTC))
    with start_server(tmp_path, clock=clock) as server:
        db = new_database(server)
        documents = db.collection("c", n="integer")
        seen = db.write(documents, "x", n=0)["$updatedAt"]
        statuses = [
            db.call("PATCH", f"{documents}/x", {"data": {"n": number}}, X_Appwrite_Timestamp=seen).status
            for number in (1, 2)
        ]
        latest = db.ok("GET", f"{documents}/x")["$updatedAt"]
        assert statuses == [200, 409]
        assert db.call("DELETE", f"{documents}/x", X_Appwrite_Timestamp=latest).status == 204


def test_an_unreadable_timestamp_is_refused(db: Database) -> None:
    documents = db.collection("c", n="integer")
    db.write(documents, "x", n=0)
    refused = db.call("PATCH", f"{documents}/x", {"data": {"n": 1}}, X_Appwrite_Timestamp="soon")
    assert refused.outcome == (400, "general_argument_invalid")


def test_ids_ignore_case(db: Database) -> None:
    documents = db.collection("c", n="integer")
    db.write(documents, "Lock", n=0)
    assert db.call("POST", documents, {"documentId": "lock", "data": {"n": 1}}).status == 409


def test_an_upsert_keeps_what_it_does_not_name(db: Database) -> None:
    documents = db.collection("c", a="string", n="integer")
    db.write(documents, "x", a="kept", n=1)
    stored = db.ok("PUT", f"{documents}/x", {"data": {"n": 2}})
    assert (stored["a"], stored["n"]) == ("kept", 2)


def test_an_upsert_needs_every_required_attribute(db: Database) -> None:
    documents = db.collection("c", a={"type": "string", "required": True}, n="integer")
    db.write(documents, "x", a="there", n=1)
    assert db.call("PUT", f"{documents}/x", {"data": {"n": 2}}).outcome == (400, "document_invalid_structure")


def test_null_restores_a_default(db: Database) -> None:
    documents = db.collection("c", n={"type": "integer", "default": 5}, a="string")
    db.write(documents, "x", n=1)
    assert db.ok("PATCH", f"{documents}/x", {"data": {"n": None}})["n"] == 5


def test_a_narrowed_range_makes_later_writes_fail(db: Database) -> None:
    documents = db.collection("c", n="integer", a="string")
    db.write(documents, "x", n=50)
    db.ok("PATCH", "/collections/c/attributes/integer/n", {"required": False, "default": None, "max": 10})
    assert db.call("PATCH", f"{documents}/x", {"data": {"a": "1"}}).outcome == (400, "document_invalid_structure")


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("integer", 5.0),
        ("integer", 2**63),
        ("integer", True),
        ("float", "1.5"),
        ("boolean", 1),
        ("datetime", "soon"),
        ("email", "nobody"),
        ("url", "example.com"),
        ("ip", "999.1.1.1"),
        ("point", [200, 0]),
        ("line", [[0, 0]]),
        ("polygon", [[[0, 0], [1, 0], [1, 1], [0, 1]]]),
    ],
)
def test_a_bad_value_is_refused(db: Database, kind: str, value: Any) -> None:
    documents = db.collection("c", v=kind)
    assert db.call("POST", documents, {"documentId": "x", "data": {"v": value}}).outcome == (
        400,
        "document_invalid_structure",
    )


@pytest.mark.parametrize(
    ("kind", "value", "stored"),
    [
        ("integer", -(2**63) + 1, -(2**63) + 1),
        ("float", 3, 3),
        ("float", 0.1, 0.1),
        ("boolean", False, False),
        ("datetime", "2024-02-03 04:05:06+13:00", "2024-02-02T15:05:06.000+00:00"),
        ("datetime", "2024-02-03T04:05:06.7899Z", "2024-02-03T04:05:06.789+00:00"),
        ("url", "http://localhost:8080/x?y=1", "http://localhost:8080/x?y=1"),
        ("ip", "::1", "::1"),
        ("point", [174.7, -36.8], [174.7, -36.8]),
        ("polygon", [[[0, 0], [1, 0], [1, 1], [0, 0]]], [[[0, 0], [1, 0], [1, 1], [0, 0]]]),
    ],
)
def test_a_good_value_comes_back(db: Database, kind: str, value: Any, stored: Any) -> None:
    documents = db.collection("c", v=kind)
    assert db.write(documents, "x", v=value)["v"] == stored
    assert db.ok("GET", f"{documents}/x")["v"] == stored


def test_a_relative_word_is_a_date(db: Database) -> None:
    documents = db.collection("c", v="datetime")
    assert db.write(documents, "x", v="yesterday")["v"].endswith("T00:00:00.000+00:00")


def test_a_counter_stops_at_its_bound(db: Database) -> None:
    documents = db.collection("c", n="integer")
    db.write(documents, "x", n=8)
    assert db.ok("PATCH", f"{documents}/x/n/increment", {"value": 2, "max": 10})["n"] == 10
    refused = db.call("PATCH", f"{documents}/x/n/increment", {"max": 10})
    assert refused.outcome == (400, "attribute_limit_exceeded")
    assert db.ok("PATCH", f"{documents}/x/n/decrement", {"value": 4, "min": 6})["n"] == 6


def test_a_counter_counts_from_null(db: Database) -> None:
    documents = db.collection("c", n="integer", a="string")
    db.write(documents, "x", a="1")
    assert db.ok("PATCH", f"{documents}/x/n/increment", {})["n"] == 1


def test_a_bulk_call_is_all_or_nothing(db: Database) -> None:
    documents = db.collection("c", n="integer")
    db.write(documents, "b", n=1)
    refused = db.call("POST", documents, {"documents": [{"$id": "a", "n": 1}, {"$id": "b", "n": 2}]})
    assert refused.status == 409
    assert db.ids(documents) == ["b"]


def test_a_bulk_call_takes_a_hundred(db: Database) -> None:
    documents = db.collection("c", n="integer")
    many = [{"$id": f"d{number}", "n": number} for number in range(101)]
    assert db.call("PUT", documents, {"documents": many}).outcome == (400, "general_argument_invalid")
    assert db.ok("PUT", documents, {"documents": many[:100]})["total"] == 100


def test_a_bulk_put_answers_only_what_it_changed(db: Database) -> None:
    documents = db.collection("c", n="integer")
    db.ok("PUT", documents, {"documents": [{"$id": "a", "n": 1}, {"$id": "b", "n": 1}]})
    again = db.ok("PUT", documents, {"documents": [{"$id": "a", "n": 1}, {"$id": "b", "n": 2}]})
    assert (again["total"], [each["$id"] for each in again["documents"]]) == (1, ["b"])


def test_a_bulk_change_without_queries_changes_everything(db: Database) -> None:
    documents = db.collection("c", n="integer")
    db.ok("POST", documents, {"documents": [{"n": number} for number in range(5)]})
    assert db.ok("PATCH", documents, {"data": {"n": 9}})["total"] == 5
    assert db.ok("GET", documents, None, q("equal", "n", 9))["total"] == 5


def test_write_permissions_of_a_document_become_update_and_delete(db: Database) -> None:
    documents = db.collection("c", n="integer")
    body = {"documentId": "x", "data": {"n": 1}, "permissions": ['write("user:u1")', 'read("any")']}
    stored = db.ok("POST", documents, body)
    assert stored["$permissions"] == ['update("user:u1")', 'delete("user:u1")', 'read("any")']


def test_a_document_cannot_hold_a_create_permission(db: Database) -> None:
    documents = db.collection("c", n="integer")
    body = {"documentId": "x", "data": {"n": 1}, "permissions": ['create("any")']}
    assert db.call("POST", documents, body).outcome == (400, "general_argument_invalid")
