"""What the backend in Appwrite asks, and what it makes of answers that are hard to come by from a real server."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from raceday_iac.errors import AccessError, ProviderError, ServerFaultError, UnreachableError
from raceday_iac.state.backends import PreconditionFailed, StateVersion
from raceday_iac.state.backends.appwrite import STATE_NAME, AppwriteBackend, StateCollection

from .answering import CUT, Answering, Reply, Slept, error, transport

DOCUMENTS = "/v1/databases/db/collections/states/documents"
DATE = "Wed, 25 Nov 2026 10:05:00 GMT"
ATTRIBUTES = [{"key": key, "status": "available"} for key in ("environment", "serial", "note", "content")]


#: The answer to the creation of anything.
CREATED = Reply(201, {"$id": "x", **ATTRIBUTES[0]})


def made(attributes: list[dict[str, Any]]) -> dict[str, Any]:
    """The list of these attributes."""
    return {"total": len(attributes), "attributes": attributes}


def document(content: str, serial: int = 7) -> dict[str, Any]:
    updated = "2026-11-25T10:00:00.500+00:00"
    return {"$id": f"prod-{serial}", "$updatedAt": updated, "serial": serial, "note": "{}", "content": content}


@pytest.fixture
def backend(server: Answering, slept: Slept) -> AppwriteBackend:
    connection = transport(server, slept, attempts=2)
    return AppwriteBackend(lambda: connection, "prod", "db", "states")


def test_the_age_of_the_lock_is_measured_by_the_servers_clock(
    server: Answering, backend: AppwriteBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BaseHTTPRequestHandler, "date_time_string", lambda self: DATE)
    server.will(Reply(200, document("held")))
    found = backend.read_lock()
    assert found is not None
    assert (found.text, found.tag, found.age) == ("held", "2026-11-25T10:00:00.500+00:00", 299.5)


def test_the_lock_is_replaced_under_the_condition_that_it_is_as_it_was(
    server: Answering, backend: AppwriteBackend
) -> None:
    server.will(Reply(200, document("new")))
    backend.write_lock("new", "2026-11-25T10:00:00.500+00:00")
    assert server.lines == [f"PATCH {DOCUMENTS}/prod-lock"]
    assert server.asked[0].headers["x-appwrite-timestamp"] == "2026-11-25T10:00:00.500+00:00"


def test_a_lock_that_is_another_one_by_now_is_reported(server: Answering, backend: AppwriteBackend) -> None:
    server.will(error(409, "document_update_conflict"), Reply(200, document("of somebody else")))
    with pytest.raises(PreconditionFailed):
        backend.write_lock("mine", "tag")


def test_a_lock_that_was_deleted_is_reported(server: Answering, backend: AppwriteBackend) -> None:
    server.will(error(404, "document_not_found"))
    with pytest.raises(PreconditionFailed):
        backend.write_lock("mine", "tag")


def test_a_repeated_write_that_meets_its_own_first_attempt_was_ours(
    server: Answering, backend: AppwriteBackend
) -> None:
    server.will(CUT, error(409, "document_update_conflict"), Reply(200, document("mine")))
    assert backend.write_lock("mine", "tag") == "2026-11-25T10:00:00.500+00:00"


def test_a_creation_whose_answer_was_lost_was_ours_when_the_text_is(
    server: Answering, backend: AppwriteBackend
) -> None:
    server.will(CUT, error(409, "document_already_exists"), Reply(200, document("text")))
    backend.add(StateVersion(7, "{}", "text"))
    assert server.lines == [f"POST {DOCUMENTS}", f"POST {DOCUMENTS}", f"GET {DOCUMENTS}/prod-7"]


def test_a_creation_that_meets_somebody_elses_is_refused(server: Answering, backend: AppwriteBackend) -> None:
    server.will(error(409, "document_already_exists"), Reply(200, document("another")))
    with pytest.raises(PreconditionFailed, match="serial 7 exists"):
        backend.add(StateVersion(7, "{}", "text"))


@pytest.mark.parametrize(("answer", "kind"), [(CUT, UnreachableError), (error(500), ServerFaultError)])
def test_a_creation_that_is_never_answered_is_given_up(
    server: Answering, backend: AppwriteBackend, answer: Any, kind: type[Exception]
) -> None:
    server.will(answer)
    with pytest.raises(kind):
        backend.add(StateVersion(7, "{}", "text"))
    assert server.lines == [f"POST {DOCUMENTS}"] * 3


def test_a_creation_that_is_not_allowed_is_not_repeated(server: Answering, backend: AppwriteBackend) -> None:
    server.will(error(401, "general_unauthorized_scope"))
    with pytest.raises(AccessError):
        backend.add(StateVersion(7, "{}", "text"))
    assert len(server.asked) == 1


@pytest.mark.parametrize("kind", ["database_not_found", "collection_not_found"])
def test_where_there_is_no_collection_there_is_no_state(server: Answering, backend: AppwriteBackend, kind: str) -> None:
    server.will(error(404, kind))
    assert backend.newest() is None
    assert list(backend.versions()) == []
    assert list(backend.serials()) == []
    assert backend.read_lock() is None


def test_in_a_collection_that_is_not_finished_there_is_no_state(server: Answering, backend: AppwriteBackend) -> None:
    server.will(error(400, "general_query_invalid"), Reply(200, made(ATTRIBUTES[:2])))
    assert backend.newest() is None


def test_a_query_that_a_finished_collection_refuses_is_a_failure(server: Answering, backend: AppwriteBackend) -> None:
    server.will(error(400, "general_query_invalid"), Reply(200, made(ATTRIBUTES)))
    with pytest.raises(ProviderError):
        backend.newest()


def listed(number: int, status: str = "available") -> Reply:
    """The list of the first so many attributes, the last one in a status of its own."""
    return Reply(200, made([*ATTRIBUTES[: number - 1], {**ATTRIBUTES[number - 1], "status": status}]))


def test_the_collection_that_is_made_is_private_and_named_so_that_plans_pass_it_over(
    server: Answering, slept: Slept
) -> None:
    answers = [each for number in range(1, 5) for each in (CREATED, listed(number))]
    server.will(CREATED, CREATED, *answers)
    StateCollection(transport(server, slept), "db", "states").make()
    database, collection, *others = server.asked
    assert database.json == {"databaseId": "db", "name": STATE_NAME}
    assert (collection.json["name"], collection.json["permissions"]) == (STATE_NAME, [])
    attributes = [each.json["key"] for each in others if each.method == "POST"]
    assert attributes == ["environment", "serial", "note", "content"]


def test_attributes_are_made_one_at_a_time_and_looked_for_in_the_list(server: Answering, slept: Slept) -> None:
    waited = [each for number in range(1, 5) for each in (CREATED, listed(number, "processing"), listed(number))]
    server.will(CREATED, CREATED, *waited)
    StateCollection(transport(server, slept), "db", "states", sleep=slept).make()
    assert [each.method for each in server.asked[2:]] == ["POST", "GET", "GET"] * 4
    looks = {each.path for each in server.asked if each.method == "GET"}
    assert looks == {"/v1/databases/db/collections/states/attributes"}
    assert len(slept) == 4


def test_what_is_there_already_is_no_failure(server: Answering, slept: Slept) -> None:
    answers = [each for number in range(1, 5) for each in (error(409, "x"), listed(number))]
    server.will(error(409, "x"), error(409, "x"), *answers)
    StateCollection(transport(server, slept), "db", "states", sleep=slept).make()
    assert slept == []


def test_an_attribute_that_fails_is_reported(server: Answering, slept: Slept) -> None:
    server.will(CREATED, CREATED, CREATED, listed(1, "failed"))
    with pytest.raises(ProviderError, match="db/states for the state: environment is failed"):
        StateCollection(transport(server, slept), "db", "states", sleep=slept).make()


def test_a_collection_that_is_never_finished_is_given_up(server: Answering, slept: Slept) -> None:
    server.will(CREATED, CREATED, CREATED, Reply(200, made([])))
    with pytest.raises(ProviderError, match="environment is not finished"):
        StateCollection(transport(server, slept), "db", "states", sleep=slept, clock=lambda: sum(slept)).make()
    assert sum(slept) >= 120
