"""What callers without a key may do with documents: what a collection, or a document, permits to anybody."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import requests

from raceday_iac.devserver.runner import RunningServer

ALL = ["read", "create", "update", "delete"]


class Shelf:
    """A collection with one document, called with the server's key or without any."""

    def __init__(self, server: RunningServer, identifier: str, permissions: list[str], **more: Any) -> None:
        self.server = server
        self.path = f"/databases/guests/collections/{identifier}"
        self.with_key("POST", "/databases", {"databaseId": "guests", "name": "G"})
        body = {"collectionId": identifier, "name": "C", "permissions": permissions, **more}
        assert self.with_key("POST", "/databases/guests/collections", body).status_code == 201
        self.with_key("POST", f"{self.path}/attributes/string", {"key": "a", "size": 9, "required": False})
        while self.with_key("GET", f"{self.path}/attributes/a").json()["status"] != "available":
            pass
        self.create("one", permissions=['read("any")'])

    def create(self, identifier: str, **more: Any) -> None:
        body = {"documentId": identifier, "data": {"a": "x"}, **more}
        assert self.with_key("POST", f"{self.path}/documents", body).status_code == 201

    def with_key(self, method: str, path: str, body: Any = None) -> requests.Response:
        return self._call(method, path, body, {"X-Appwrite-Key": self.server.key})

    def guest(self, method: str, rest: str = "", body: Any = None) -> tuple[int, str]:
        answer = self._call(method, f"{self.path}/documents{rest}", body, {})
        return answer.status_code, "" if answer.status_code < 400 else answer.json()["type"]

    def _call(self, method: str, path: str, body: Any, key: dict[str, str]) -> requests.Response:
        headers = {"X-Appwrite-Project": self.server.project, **key}
        return requests.request(method, self.server.endpoint + path, json=body, headers=headers, timeout=10)


@pytest.fixture(scope="module")
def server(server_of_age: Callable[[str], RunningServer]) -> RunningServer:
    return server_of_age("1.8")


CALLS = [
    ("GET", "", None, 200, (401, "user_unauthorized")),
    ("GET", "/one", None, 200, (404, "document_not_found")),
    ("PATCH", "/one", {"data": {"a": "y"}}, 200, (401, "user_unauthorized")),
    ("POST", "", {"documentId": "two", "data": {"a": "x"}}, 201, (401, "user_unauthorized")),
    ("PUT", "/three", {"data": {"a": "x"}}, 200, (401, "user_unauthorized")),
    ("DELETE", "/one", None, 204, (401, "user_unauthorized")),
]


def test_nothing_is_open_that_is_not_permitted(server: RunningServer) -> None:
    shelf = Shelf(server, "closed", [])
    assert [shelf.guest(*call[:3]) for call in CALLS] == [call[4] for call in CALLS]


def test_what_anybody_may_do_guests_may(server: RunningServer) -> None:
    shelf = Shelf(server, "open", [f'{each}("any")' for each in ALL])
    assert [shelf.guest(*call[:3]) for call in CALLS] == [(call[3], "") for call in CALLS]


def test_a_document_may_be_more_open_than_its_collection(server: RunningServer) -> None:
    shelf = Shelf(server, "mixed", [], documentSecurity=True)
    shelf.create("two")
    assert (shelf.guest("GET", "/one"), shelf.guest("GET", "/two")) == ((200, ""), (404, "document_not_found"))
    headers = {"X-Appwrite-Project": server.project}
    listed = requests.get(f"{server.endpoint}{shelf.path}/documents", headers=headers, timeout=10).json()
    assert (listed["total"], [each["$id"] for each in listed["documents"]]) == (1, ["one"])


def test_guests_have_no_bulk_calls_and_no_transactions(server: RunningServer) -> None:
    shelf = Shelf(server, "bulk", [f'{each}("any")' for each in ALL])
    assert shelf.guest("POST", "", {"documents": [{"a": "x"}]}) == (401, "general_unauthorized_scope")
    assert shelf.guest("DELETE") == (401, "general_unauthorized_scope")
    begun = shelf._call("POST", "/databases/transactions", {}, {})
    assert (begun.status_code, begun.json()["type"]) == (401, "user_unauthorized")


def test_guests_may_only_grant_what_is_theirs(server: RunningServer) -> None:
    shelf = Shelf(server, "granting", ['create("any")'])
    body = {"documentId": "two", "data": {"a": "x"}, "permissions": ['read("user:me")']}
    assert shelf.guest("POST", "", body) == (401, "user_unauthorized")


def test_what_is_disabled_is_not_there(server: RunningServer) -> None:
    shelf = Shelf(server, "off", ['read("any")'], enabled=False)
    assert shelf.guest("GET") == (404, "collection_not_found")
