"""The client: what is repeated, what never is, and how long it waits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from _shared.appwrite_http import AppwriteError, Client, path_of, query
from _shared.backoff import Backoff
from _shared.runtime import Runtime

from .scripted import CREDENTIALS, CutOff, Reply, Scripted, error

LOST = "lost"
THING = {"$id": "x"}


def client_of(*replies: Reply | str, **options: Any) -> tuple[Client, Scripted]:
    """A client whose requests are answered in this order; `LOST` breaks the connection."""
    left: Iterator[Reply | str] = iter(replies)

    def handle(_method: str, _path: str, _body: Any) -> Reply:
        reply = next(left)
        if isinstance(reply, str):
            raise CutOff("lost")
        return reply

    transport = Scripted(handle)
    runtime = Runtime(now=lambda: 0.0, sleep=transport.time.sleep, draw=lambda: 1.0, connect=transport.connect)
    backoff = Backoff(base=0.1, cap=1.0, attempts=3)
    return Client(CREDENTIALS, backoff=backoff, runtime=runtime, **options), transport


@pytest.mark.parametrize("trouble", [LOST, error(500, "x"), error(503, "x"), error(429, "x"), error(408, "x")])
def test_reading_is_repeated(trouble: Reply | str) -> None:
    client, transport = client_of(trouble, trouble, (200, THING))

    assert client.get("/x") == THING
    assert transport.time.slept == [0.1, 0.2]


def test_the_last_attempt_raises() -> None:
    client, _ = client_of(*[error(503, "busy")] * 3)

    with pytest.raises(AppwriteError, match="busy") as raised:
        client.get("/x")

    assert raised.value.retryable


@pytest.mark.parametrize("status", [400, 401, 404, 409])
def test_a_clear_refusal_is_not_repeated(status: int) -> None:
    client, transport = client_of(error(status, "no"))

    with pytest.raises(AppwriteError):
        client.put("/x", {})

    assert len(transport.calls) == 1


def test_the_wish_of_the_server_replaces_the_backoff() -> None:
    throttled = error(429, "general_rate_limit_exceeded", **{"retry-after": "7"})
    client, transport = client_of(throttled, (200, THING))

    client.get("/x")

    assert transport.time.slept == [7.0]
    assert client.throttled == 1


@pytest.mark.parametrize("kind", ["document_not_found", "collection_not_found", "attribute_not_found"])
def test_nothing_found_is_none(kind: str) -> None:
    client, _ = client_of(error(404, kind), error(404, kind))

    assert client.find("/x") is None
    assert client.delete("/x") is False


@pytest.mark.parametrize("kind", ["general_route_not_found", "project_not_found", "user_not_found", "unknown"])
def test_a_404_about_something_else_is_no_absence(kind: str) -> None:
    client, _ = client_of(error(404, kind), error(404, kind))

    for ask in (client.find, client.delete):
        with pytest.raises(AppwriteError, match=kind):
            ask("/x")


PAGES = [
    (404, "404 page not found"),
    (404, {"message": "not found"}),
    (502, "<html>"),
    (200, ""),
    (200, "<html>"),
    (200, []),
    (200, {}),
    (200, {"message": "welcome"}),
    (204, ""),
    (302, "", {"location": "https://elsewhere.example"}),
]
ASKED = {
    "find": lambda client: client.find("/documents/x"),
    "get": lambda client: client.get("/documents"),
    "put": lambda client: client.put("/documents/x", {}),
    "patch": lambda client: client.patch("/documents/x", {}),
    "delete": lambda client: client.delete("/documents/x"),
    "create": lambda client: client.create("/documents", {}, look=lambda: None),
}


@pytest.mark.parametrize("how", ASKED)
@pytest.mark.parametrize("page", PAGES, ids=[f"{page[0]} {str(page[1])[:10]!r}" for page in PAGES])
def test_an_answer_that_is_not_appwrites_is_tried_again_and_never_a_result(how: str, page: Reply) -> None:
    if (how, page[0]) == ("delete", 204):
        pytest.skip("that is how a deletion is answered")
    client, transport = client_of(page, page, page)

    with pytest.raises(AppwriteError) as raised:
        ASKED[how](client)

    assert (raised.value.status, raised.value.kind, raised.value.retryable) == (0, "foreign_answer", True)
    assert len(transport.calls) == 3


@pytest.mark.parametrize(
    "body",
    [
        {"total": 1, "documents": [None]},
        {"total": 1, "documents": ["x"]},
        {"total": 1, "documents": {}},
        {"total": None, "documents": []},
        {"documents": []},
        {"total": 0, "collections": []},
        {"$id": "x"},
    ],
)
def test_a_list_has_a_total_and_its_objects(body: Any) -> None:
    client, _ = client_of((200, body), (200, {"total": 0, "documents": []}))

    assert client.get("/x/documents?queries") == {"total": 0, "documents": []}


def test_a_document_may_have_any_fields() -> None:
    client, _ = client_of((200, {"$id": "total", "total": 5, "documents": None}))

    assert client.get("/documents/total")["total"] == 5


def test_the_wish_of_whoever_stands_in_front_counts_too() -> None:
    client, transport = client_of((503, "busy", {"retry-after": "4"}), (200, THING))

    client.get("/x")

    assert transport.time.slept == [4.0]


def test_an_error_that_repeats_the_key_is_shown_without_it() -> None:
    client, _ = client_of((401, {"message": f"no {CREDENTIALS.key}", "code": 401, "type": "user_unauthorized"}))

    with pytest.raises(AppwriteError) as raised:
        client.get("/x")

    assert CREDENTIALS.key not in str(raised.value)


def test_a_creation_that_landed_unseen_is_not_repeated() -> None:
    client, transport = client_of(LOST)

    assert client.create("/x", {}, look=lambda: {"$id": "x"}) == {"$id": "x"}
    assert transport.calls == [("POST", "/x")]


@pytest.mark.parametrize("trouble", [LOST, error(500, "x")])
def test_a_creation_is_repeated_only_after_looking(trouble: Reply | str) -> None:
    looked: list[int] = []
    client, transport = client_of(trouble, (201, {"$id": "x"}))

    client.create("/x", {}, look=lambda: looked.append(1))

    assert looked == [1]
    assert len(transport.calls) == 2


def test_a_throttled_creation_did_not_happen_and_needs_no_look() -> None:
    client, _ = client_of(error(429, "x"), (201, {"$id": "x"}))

    def look() -> None:
        raise AssertionError("looked")

    assert client.create("/x", {}, look=look) == {"$id": "x"}


def test_a_creation_that_somebody_else_made_is_raised() -> None:
    client, _ = client_of(error(409, "document_already_exists"))

    with pytest.raises(AppwriteError) as raised:
        client.create("/x", {}, look=lambda: None)

    assert (raised.value.status, raised.value.kind) == (409, "document_already_exists")


def test_permission_to_write_is_asked_for_every_write_but_not_for_reading() -> None:
    asked: list[int] = []
    client, _ = client_of((200, THING), (200, THING), (204, ""), permit=lambda: asked.append(1))

    client.get("/x")
    client.put("/x", {})
    client.delete("/x")

    assert len(asked) == 2


def test_a_refused_permission_keeps_the_request_from_being_sent() -> None:
    def permit() -> None:
        raise PermissionError("the lock is lost")

    client, transport = client_of((200, THING), permit=permit)

    with pytest.raises(PermissionError):
        client.patch("/x", {})

    assert transport.calls == []


def test_queries_are_sent_as_json_texts() -> None:
    client, transport = client_of((200, THING))

    client.get("/x", [query("equal", "a", attribute="$id"), query("limit", 5)])

    assert transport.calls == [
        (
            "GET",
            "/x?queries%5B%5D=%7B%22method%22%3A%22equal%22%2C%22attribute%22%3A%22%24id%22%2C%22values%22%3A%5B%22a%22%5D%7D"
            "&queries%5B%5D=%7B%22method%22%3A%22limit%22%2C%22values%22%3A%5B5%5D%7D",
        )
    ]


def test_parts_of_a_path_are_escaped() -> None:
    assert path_of("databases", "a/b c") == "/databases/a%2Fb%20c"


def test_the_key_is_in_no_error() -> None:
    client, _ = client_of(error(401, "user_unauthorized"))

    with pytest.raises(AppwriteError) as raised:
        client.get("/x")

    assert CREDENTIALS.key not in str(raised.value)


def test_closing_closes_the_kept_connections() -> None:
    client, transport = client_of((200, THING))
    client.get("/x")

    client.close()

    assert transport.closed == 1
