"""What health and recovery ask for: executions of a time, documents one by one, writes on a condition."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from raceday_iac.errors import ConflictError, NotFoundError, ProviderError
from raceday_iac.provider.appwrite import AppwriteProvider

from .answering import Answering, Reply, Slept, error, transport

SINCE = datetime(2025, 7, 16, 2, tzinfo=UTC)
WHEN = "2025-07-17T01:00:00.000+00:00"


def made(server: Answering) -> AppwriteProvider:
    return AppwriteProvider(transport(server, Slept()), sleep=lambda _: None)


def execution(number: int) -> dict[str, Any]:
    about = {"functionId": "f", "status": "completed", "trigger": "http", "$createdAt": WHEN, "scheduledAt": None}
    return {"$id": f"e{number}", **about}


def test_executions_are_read_page_by_page_up_to_the_limit(server: Answering) -> None:
    pages = [[execution(n) for n in range(100)], [execution(n) for n in range(100, 200)]]
    server.will(*(Reply(200, {"total": 200, "executions": page}) for page in pages))
    found = made(server).executions_since("f", SINCE, 150)
    assert [found[0].id, found[-1].id, found[0].scheduled_at] == ["e0", "e149", ""]
    first, second = (
        each.query["queries[]"] if "queries[]" in each.query else list(each.query.values()) for each in server.asked
    )
    assert "2025-07-16T02:00:00.000+00:00" in str(first)
    assert "e99" in str(second)


def test_executions_that_have_not_ended_are_asked_for_by_their_status(server: Answering) -> None:
    server.will(Reply(200, {"total": 1, "executions": [{**execution(1), "status": "processing"}]}))
    (found,) = made(server).unfinished_executions("f", 100)
    assert found.status == "processing"
    assert '"waiting", "processing", "scheduled"' in str(server.asked[0].query)


def test_the_servers_clock_is_that_of_its_last_answer(server: Answering) -> None:
    reported = transport(server, Slept())
    connection = AppwriteProvider(reported)
    assert connection.server_time() is None
    for date in ("Thu, 17 Jul 2025 02:00:00 GMT", "Thu, 17 Jul 2025 02:00:00 -0000"):
        reported.server_date = date
        assert connection.server_time() == datetime(2025, 7, 17, 2, tzinfo=UTC)


def test_a_document_that_is_not_there_is_none_but_a_collection_is_an_error(server: Answering) -> None:
    server.will(error(404, "document_not_found"), error(404, "collection_not_found"))
    assert made(server).document("d", "c", "x") is None
    with pytest.raises(NotFoundError):
        made(server).document("d", "c", "x")


def test_a_change_and_a_deletion_are_on_the_condition_that_nothing_newer_is_there(server: Answering) -> None:
    server.will(Reply(200, {"$id": "x", "$updatedAt": WHEN}), Reply(204), error(409, "document_update_conflict"))
    connection = made(server)
    connection.change_document("d", "c", "x", {"a": 1}, unless_newer_than=WHEN)
    connection.remove_document("d", "c", "x", unless_newer_than=WHEN)
    with pytest.raises(ConflictError):
        connection.remove_document("d", "c", "x", unless_newer_than=WHEN)
    assert [each.method for each in server.asked] == ["PATCH", "DELETE", "DELETE"]
    assert {each.headers["x-appwrite-timestamp"] for each in server.asked} == {WHEN}
    assert server.asked[0].json == {"data": {"a": 1}}


def test_a_deletion_without_a_condition_names_none(server: Answering) -> None:
    server.will(Reply(204))
    made(server).remove_document("d", "c", "x")
    assert "x-appwrite-timestamp" not in server.asked[0].headers


def test_a_document_is_created_once_even_when_nobody_answers(server: Answering) -> None:
    server.will(error(503, "general_unknown"))
    with pytest.raises(ProviderError):
        made(server).create_document("d", "c", "x", {"a": 1})
    assert server.lines == ["POST /v1/databases/d/collections/c/documents"]
    assert server.asked[0].json == {"documentId": "x", "data": {"a": 1}}


def test_a_document_is_put_behind_a_fence_in_one_transaction(server: Answering) -> None:
    ended = {"$id": "t", "status": "committed"}
    server.will(Reply(201, {"$id": "t"}), Reply(201, {"$id": "t"}), Reply(200, ended))
    made(server).put_document("d", "c", "x", {"owner": "me", "n": 1}, fence="f1-me")
    place = {"databaseId": "d", "collectionId": "c"}
    assert server.asked[1].json == {
        "operations": [
            {"action": "update", **place, "documentId": "f1-me", "data": {"owner": "me"}},
            {"action": "upsert", **place, "documentId": "x", "data": {"owner": "me", "n": 1, "$id": "x"}},
        ]
    }
    assert server.asked[2].json == {"commit": True}


@pytest.mark.parametrize("when", ["staged", "committed"])
def test_nothing_is_put_once_the_fence_is_gone(server: Answering, when: str) -> None:
    staged = [Reply(201, {"$id": "t"})] if when == "committed" else []
    server.will(Reply(201, {"$id": "t"}), *staged, error(404, "document_not_found"))
    with pytest.raises(NotFoundError):
        made(server).put_document("d", "c", "x", {"owner": "me"}, fence="f1-me")
    assert not [line for line in server.lines if "/documents/x" in line]


def test_without_a_fence_a_document_is_put_by_one_request(server: Answering) -> None:
    server.will(Reply(200, {"$id": "x"}))
    made(server).put_document("d", "c", "x", {"owner": "me"})
    assert server.lines == ["PUT /v1/databases/d/collections/c/documents/x"]


def test_an_execution_that_is_gone_already_is_deleted(server: Answering) -> None:
    server.will(error(404, "execution_not_found"))
    made(server).delete_execution("f", "e")
    assert server.lines == ["DELETE /v1/functions/f/executions/e"]
