"""What the shelf in Appwrite asks, and what it makes of answers that are hard to come by from a real server."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from raceday_iac.errors import AccessError, ProviderError, ServerFaultError, UnreachableError
from raceday_iac.provider.appwrite.state_collection import STATE_NAME, StateCollection
from raceday_iac.provider.appwrite.state_shelf import AppwriteShelf
from raceday_iac.storage import TakenError, Volume

from .answering import CUT, Answering, Reply, Slept, error, transport

DOCUMENTS = "/v1/databases/db/collections/states/documents"
DATE = "Wed, 25 Nov 2026 10:05:00 GMT"
ATTRIBUTES = [{"key": key, "status": "available"} for key in ("environment", "serial", "note", "content")]


def made(attributes: list[dict[str, Any]]) -> dict[str, Any]:
    """The collection, with these attributes."""
    return {"$id": "states", "attributes": attributes}


def document(content: str, serial: int = 7) -> dict[str, Any]:
    updated = "2026-11-25T10:00:00.500+00:00"
    return {"$id": f"prod-{serial}", "$updatedAt": updated, "serial": serial, "note": "{}", "content": content}


@pytest.fixture
def shelf(server: Answering, slept: Slept) -> AppwriteShelf:
    connection = transport(server, slept, attempts=2)
    return AppwriteShelf(lambda: connection, "prod", "db", "states")


def test_the_age_of_the_lock_is_told_by_the_servers_clock(
    server: Answering, shelf: AppwriteShelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BaseHTTPRequestHandler, "date_time_string", lambda self: DATE)
    server.will(Reply(200, document("held")))
    found = shelf.read_lock()
    assert found is not None
    assert (found.text, found.tag, found.age) == ("held", "2026-11-25T10:00:00.500+00:00", 299.5)


def test_the_lock_is_replaced_under_the_condition_that_it_is_as_it_was(server: Answering, shelf: AppwriteShelf) -> None:
    server.will(Reply(200, document("new")))
    shelf.write_lock("new", "2026-11-25T10:00:00.500+00:00")
    assert server.lines == [f"PATCH {DOCUMENTS}/prod-lock"]
    assert server.asked[0].headers["x-appwrite-timestamp"] == "2026-11-25T10:00:00.500+00:00"


def test_a_lock_that_is_another_one_by_now_is_told(server: Answering, shelf: AppwriteShelf) -> None:
    server.will(error(409, "document_update_conflict"), Reply(200, document("of somebody else")))
    with pytest.raises(TakenError):
        shelf.write_lock("mine", "tag")


def test_a_lock_that_was_deleted_is_told(server: Answering, shelf: AppwriteShelf) -> None:
    server.will(error(404, "document_not_found"))
    with pytest.raises(TakenError):
        shelf.write_lock("mine", "tag")


def test_a_repeated_write_that_meets_its_own_first_attempt_was_ours(server: Answering, shelf: AppwriteShelf) -> None:
    server.will(CUT, error(409, "document_update_conflict"), Reply(200, document("mine")))
    assert shelf.write_lock("mine", "tag") == "2026-11-25T10:00:00.500+00:00"


def test_a_creation_whose_answer_was_lost_was_ours_when_the_text_is(server: Answering, shelf: AppwriteShelf) -> None:
    server.will(CUT, error(409, "document_already_exists"), Reply(200, document("text")))
    shelf.add(Volume(7, "{}", "text"))
    assert server.lines == [f"POST {DOCUMENTS}", f"POST {DOCUMENTS}", f"GET {DOCUMENTS}/prod-7"]


def test_a_creation_that_meets_somebody_elses_is_refused(server: Answering, shelf: AppwriteShelf) -> None:
    server.will(error(409, "document_already_exists"), Reply(200, document("another")))
    with pytest.raises(TakenError, match="serial 7 exists"):
        shelf.add(Volume(7, "{}", "text"))


@pytest.mark.parametrize(("answer", "kind"), [(CUT, UnreachableError), (error(500), ServerFaultError)])
def test_a_creation_that_is_never_answered_is_given_up(
    server: Answering, shelf: AppwriteShelf, answer: Any, kind: type[Exception]
) -> None:
    server.will(answer)
    with pytest.raises(kind):
        shelf.add(Volume(7, "{}", "text"))
    assert server.lines == [f"POST {DOCUMENTS}"] * 3


def test_a_creation_that_is_not_allowed_is_not_repeated(server: Answering, shelf: AppwriteShelf) -> None:
    server.will(error(401, "general_unauthorized_scope"))
    with pytest.raises(AccessError):
        shelf.add(Volume(7, "{}", "text"))
    assert len(server.asked) == 1


@pytest.mark.parametrize("kind", ["database_not_found", "collection_not_found"])
def test_where_there_is_no_collection_there_is_no_state(server: Answering, shelf: AppwriteShelf, kind: str) -> None:
    server.will(error(404, kind))
    assert shelf.newest() is None
    assert list(shelf.volumes()) == []
    assert list(shelf.serials()) == []
    assert shelf.read_lock() is None


def test_in_a_collection_that_is_not_finished_there_is_no_state(server: Answering, shelf: AppwriteShelf) -> None:
    server.will(error(400, "general_query_invalid"), Reply(200, made(ATTRIBUTES[:2])))
    assert shelf.newest() is None


def test_a_query_that_a_finished_collection_refuses_is_a_failure(server: Answering, shelf: AppwriteShelf) -> None:
    server.will(error(400, "general_query_invalid"), Reply(200, made(ATTRIBUTES)))
    with pytest.raises(ProviderError):
        shelf.newest()


def test_letting_go_of_what_is_gone_is_fine(server: Answering, shelf: AppwriteShelf) -> None:
    server.will(error(404, "document_not_found"))
    shelf.remove(7)


def test_the_collection_that_is_made_is_private_and_named_so_that_plans_pass_it_over(
    server: Answering, slept: Slept
) -> None:
    server.will(Reply(201), Reply(201), *[Reply(202, ATTRIBUTES[0])] * 4, Reply(200, made(ATTRIBUTES)))
    StateCollection(transport(server, slept), "db", "states").make()
    database, collection, *attributes = server.asked[:6]
    assert database.json == {"databaseId": "db", "name": STATE_NAME}
    assert (collection.json["name"], collection.json["permissions"]) == (STATE_NAME, [])
    assert [each.json["key"] for each in attributes] == ["environment", "serial", "note", "content"]


def test_what_is_there_already_is_no_failure_and_unfinished_attributes_are_waited_for(
    server: Answering, slept: Slept
) -> None:
    pending = [{**each, "status": "processing"} for each in ATTRIBUTES]
    looks = [made(pending[:1]), made(pending), made(ATTRIBUTES)]
    server.will(
        *[error(409, "x")] * 6, *[Reply(200, look) for look in (looks[0], looks[0], looks[1], looks[1], looks[2])]
    )
    StateCollection(transport(server, slept), "db", "states", sleep=slept).make()
    assert len(slept) == 2


def test_an_attribute_that_fails_is_told(server: Answering, slept: Slept) -> None:
    broken = [{**ATTRIBUTES[0], "status": "failed"}, *ATTRIBUTES[1:]]
    server.will(*[Reply(201, {"$id": "x", **ATTRIBUTES[0]})] * 6, Reply(200, made(broken)))
    with pytest.raises(ProviderError, match="db/states for the state: environment is failed"):
        StateCollection(transport(server, slept), "db", "states", sleep=slept).make()


def test_a_collection_that_is_never_finished_is_given_up(server: Answering, slept: Slept) -> None:
    server.will(*[Reply(201, {"$id": "x", **ATTRIBUTES[0]})] * 6, Reply(200, made([])))
    with pytest.raises(ProviderError, match="it is not finished"):
        StateCollection(transport(server, slept), "db", "states", sleep=slept, clock=lambda: sum(slept)).make()
    assert sum(slept) >= 120
