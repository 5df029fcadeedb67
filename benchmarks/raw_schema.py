"""The yardsticks for apply: the same schema created by eight threads and nothing else, with one write per object, or
with one per collection that names what is in it (Appwrite 1.9 and newer)."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from threading import local
from typing import Any

import requests

from raceday_iac.model.server import release

THREADS = 8
_PAUSE = 0.05


class Client:
    """A bare client: one session per thread."""

    def __init__(self, endpoint: str, project: str, key: str) -> None:
        self._endpoint = endpoint
        self._headers = {"X-Appwrite-Project": project, "X-Appwrite-Key": key}
        self._local = local()

    @property
    def version(self) -> tuple[int, ...]:
        """Of the server, which refuses keys there: (1, 9, 6)."""
        return release(requests.get(f"{self._endpoint}/health/version", timeout=30).json()["version"])

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        session = getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = requests.Session()
            session.headers.update(self._headers)
        answer = session.request(method, self._endpoint + path, json=body, timeout=30)
        answer.raise_for_status()
        return answer.json() if answer.content else None


def create_schema(client: Client, schema: dict[str, Any]) -> float:
    """Create everything in a schema document; the seconds from the first call until all is available."""
    begun = time.perf_counter()
    database = schema["database"]["id"]
    root = f"/databases/{database}/collections"
    client.call("post", "/databases", {"databaseId": database, "name": schema["database"]["name"]})
    with ThreadPoolExecutor(THREADS) as pool:
        for kind in (_collections, _attributes, _relationships, _indexes):
            list(pool.map(lambda request: client.call("post", *request), kind(root, schema["collections"])))
            _wait(client, root, [each["id"] for each in schema["collections"]])
    return time.perf_counter() - begun


def create_schema_inline(client: Client, schema: dict[str, Any]) -> float:
    """The same with one request for each collection; relationships have one each, which the server needs."""
    begun = time.perf_counter()
    database, collections = schema["database"]["id"], schema["collections"]
    root = f"/databases/{database}/collections"
    client.call("post", "/databases", {"databaseId": database, "name": schema["database"]["name"]})
    bodies = {body["collectionId"]: body for _, body in _collections(root, collections)}
    for owner in collections:
        named = [_named(each) for each in owner["attributes"]]
        bodies[owner["id"]] |= {"attributes": named, "indexes": [body for _, body in _indexes(root, [owner])]}
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(lambda body: client.call("post", root, body), bodies.values()))
    for request in _relationships(root, collections):
        # One after the other: two at once in a collection lose each other.
        client.call("post", *request)
        _wait(client, root, [request[0].split("/")[4]])
    return time.perf_counter() - begun


def _named(attribute: dict[str, Any]) -> dict[str, Any]:
    """An attribute as a collection's creation names it."""
    kind = str(attribute["type"])
    kept = {name: value for name, value in attribute.items() if value not in (None, False) or name == "required"}
    if kind in _FORMAT_SIZES:
        return {**kept, "type": "string", "format": kind, "size": _FORMAT_SIZES[kind]}
    return {**kept, "type": _WIRE.get(kind, kind)}


_FORMAT_SIZES = {"email": 254, "url": 2000, "ip": 39, "enum": 255}
_WIRE = {"float": "double", "line": "linestring"}


def _wait(client: Client, root: str, collections: list[str]) -> None:
    for name in collections:
        while True:
            found = client.call("get", f"{root}/{name}")
            states = {each["status"] for each in (*found["attributes"], *found["indexes"])}
            if states <= {"available"}:
                break
            time.sleep(_PAUSE)


def _collections(root: str, collections: list[dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    kept = ("name", "permissions", "documentSecurity", "enabled")
    return [(root, {"collectionId": each["id"], **{name: each[name] for name in kept}}) for each in collections]


def _attributes(root: str, collections: list[dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    return [
        (
            f"{root}/{owner['id']}/attributes/{each['type']}",
            {name: value for name, value in each.items() if value not in (None, False) or name == "required"},
        )
        for owner in collections
        for each in owner["attributes"]
    ]


def _relationships(root: str, collections: list[dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    return [
        (
            f"{root}/{owner['id']}/attributes/relationship",
            {
                "key": each["key"],
                "relatedCollectionId": each["relatedCollection"],
                "type": each["relationType"],
                "twoWay": each["twoWay"],
                "twoWayKey": each["twoWayKey"],
                "onDelete": each["onDelete"],
            },
        )
        for owner in collections
        for each in owner["relationships"]
    ]


def _indexes(root: str, collections: list[dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{root}/{owner['id']}/indexes", {name: each[name] for name in ("key", "type", "attributes")})
        for owner in collections
        for each in owner["indexes"]
    ]
