"""The yardstick for apply: the same schema created by eight threads with one write per object and nothing else."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from threading import local
from typing import Any

import requests

THREADS = 8
_PAUSE = 0.05


class Client:
    """A bare client: one session per thread."""

    def __init__(self, endpoint: str, project: str, key: str) -> None:
        self._endpoint = endpoint
        self._headers = {"X-Appwrite-Project": project, "X-Appwrite-Key": key}
        self._local = local()

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
