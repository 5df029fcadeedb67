"""Collections for tests: databases, attributes, indexes and documents through the legacy API."""

from __future__ import annotations

from typing import Any

from .client import Answer, Api
from .waiting import poll, status_is


def create_database(api: Api, database: str = "d") -> str:
    answer = api.post("/databases", {"databaseId": database, "name": database})
    assert answer.status == 201, answer.body
    return f"/databases/{database}"


def create_collection(api: Api, collection: str = "c", *, database: str = "d", **fields: Any) -> str:
    """A collection (in a new database unless there is one); returns its path."""
    if api.get(f"/databases/{database}").status == 404:
        create_database(api, database)
    body = {"collectionId": collection, "name": collection} | fields
    answer = api.post(f"/databases/{database}/collections", body)
    assert answer.status == 201, answer.body
    return f"/databases/{database}/collections/{collection}"


def send_attribute(api: Api, collection: str, kind: str, key: str, **fields: Any) -> Answer:
    """The first answer to creating an attribute, whatever it is."""
    body = {"key": key, "required": False} | ({"size": 100} if kind == "string" else {}) | fields
    return api.post(f"{collection}/attributes/{kind}", body)


def add_attribute(api: Api, collection: str, kind: str, key: str, **fields: Any) -> Answer:
    """An attribute, once it is available."""
    answer = send_attribute(api, collection, kind, key, **fields)
    assert answer.status == 202, answer.body
    return available_attribute(api, collection, key)


def available_attribute(api: Api, collection: str, key: str) -> Answer:
    return poll(lambda: api.get(f"{collection}/attributes/{key}"), status_is("available"))


def patch_attribute(api: Api, collection: str, kind: str, key: str, **fields: Any) -> Answer:
    return api.patch(f"{collection}/attributes/{kind}/{key}", fields)


def send_index(api: Api, collection: str, kind: str, attributes: list[str], key: str = "i", **fields: Any) -> Answer:
    """The first answer to creating an index, whatever it is."""
    return api.post(f"{collection}/indexes", {"key": key, "type": kind, "attributes": attributes} | fields)


def add_index(api: Api, collection: str, kind: str, attributes: list[str], key: str = "i", **fields: Any) -> Answer:
    """An index, once it is available."""
    answer = send_index(api, collection, kind, attributes, key, **fields)
    assert answer.status == 202, answer.body
    return poll(lambda: api.get(f"{collection}/indexes/{key}"), status_is("available"))


def write(api: Api, collection: str, document: str, **data: Any) -> Answer:
    """The answer to creating a document, whatever it is."""
    return api.post(f"{collection}/documents", {"documentId": document, "data": data})


def wrote(api: Api, collection: str, document: str, **data: Any) -> Answer:
    """A document that was accepted."""
    answer = write(api, collection, document, **data)
    assert answer.status == 201, answer.body
    return answer


def ids(answer: Answer) -> list[str]:
    """Ids (or keys) of a list answer, in order."""
    assert answer.status == 200, answer.body
    items = next(value for value in answer.body.values() if isinstance(value, list))
    return [item.get("$id") or item.get("key") for item in items]
