"""As much of the database API as the set-up uses, in memory: for faults in exact places and for speed.

Behaviour follows Appwrite 1.8.1: attributes and indexes are accepted as `processing` and become available later, here
after a number of reads.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from .scripted import Reply, Scripted, Time, error

STAMP = "2026-11-24T20:24:26.332+00:00"
_EXTREMES = {"integer": (-(2**63), 2**63 - 1), "float": (-1.7976931348623157e308, 1.7976931348623157e308)}
_WIRE = {"float": "double", "line": "linestring"}


@dataclass
class FakeAppwrite:
    """`before` may answer a request in place of the server, or return None to let it pass."""

    time: Time = field(default_factory=Time)
    before: Callable[[str, str, Any], Reply | None] = lambda _method, _path, _body: None
    database: dict[str, Any] | None = None
    collections: dict[str, dict[str, Any]] = field(default_factory=dict)
    documents: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    #: Operations by transaction; those of one that has ended are gone.
    staged: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    #: What a created attribute or index becomes, by key; everything else becomes available.
    fates: dict[str, list[str]] = field(default_factory=dict)

    def transport(self) -> Scripted:
        return Scripted(self.handle, self.time)

    def handle(self, method: str, path: str, body: Any) -> Reply:
        answered = self.before(method, path, body)
        if answered is not None:
            return answered
        parts = urlsplit(path)
        queries = [json.loads(text) for text in parse_qs(parts.query).get("queries[]", [])]
        names = parts.path.strip("/").split("/")
        if names[:2] == ["databases", "transactions"]:
            return self._transaction(method, names[2:], body or {})
        return self._route(method, names, body or {}, queries)

    def _route(self, method: str, path: list[str], body: Any, queries: list[Any]) -> Reply:
        if len(path) <= 2:
            return self._database(method, body)
        if self.database is None:
            return error(404, "database_not_found")
        if len(path) <= 4:
            return self._collection(method, path[3] if len(path) == 4 else None, body, queries)
        collection = self.collections.get(path[3])
        if collection is None:
            return error(404, "collection_not_found")
        if path[4] == "documents":
            return self._document(method, path[3], path[5] if len(path) > 5 else None, body)
        return self._part(method, collection, path[4], path[5:], body)

    def _database(self, method: str, body: Any) -> Reply:
        if method == "GET":
            return (200, self.database) if self.database else error(404, "database_not_found")
        if method == "POST" and self.database:
            return error(409, "database_already_exists")
        self.database = {"$id": "raceday-db", "enabled": True, **(self.database or {}), **body}
        return (201 if method == "POST" else 200), self.database

    def _collection(self, method: str, identity: str | None, body: Any, queries: list[Any]) -> Reply:
        if method == "POST":
            identity = body["collectionId"]
            if identity in self.collections:
                return error(409, "collection_already_exists")
            fresh = {"$id": identity, "$permissions": [], "attributes": [], "indexes": []}
            self.collections[identity] = fresh | _renamed(body)
            self.documents[identity] = {}
            return 201, self.collections[identity]
        if identity is None:
            self._settle()
            wanted = next((each["values"] for each in queries if each["method"] == "equal"), list(self.collections))
            listed = [each for name, each in self.collections.items() if name in wanted]
            return 200, {"total": len(listed), "collections": listed}
        if identity not in self.collections:
            return error(404, "collection_not_found")
        if method == "DELETE":
            del self.collections[identity], self.documents[identity]
            return 204, {}
        self.collections[identity] |= _renamed(body) if method == "PUT" else {}
        return 200, self.collections[identity]

    def _part(self, method: str, collection: dict[str, Any], part: str, rest: list[str], body: Any) -> Reply:
        parts = collection[part]
        noun = "attribute" if part == "attributes" else "index"
        if method == "POST":
            if any(each["key"] == body["key"] for each in parts):
                return error(409, f"{noun}_already_exists")
            made = _attribute(rest[0], body) if part == "attributes" else _index(body)
            parts.append(made)
            if body.get("twoWay"):
                self._mirror(collection, body)
            return 202, made
        key = rest[0] if method != "PATCH" or rest[-1] == "relationship" else rest[1]
        found = next((each for each in parts if each["key"] == key), None)
        if found is None:
            return error(404, f"{noun}_not_found")
        if method == "DELETE":
            parts.remove(found)
            return 204, {}
        found |= body if method == "PATCH" else {}
        return 200, found

    def _mirror(self, collection: dict[str, Any], body: Any) -> None:
        mirror = {"key": body["twoWayKey"], "twoWayKey": body["key"], "relatedCollectionId": collection["$id"]}
        made = _attribute("relationship", {**body, **mirror}) | {"side": "child"}
        self.collections[body["relatedCollectionId"]]["attributes"].append(made)

    def _document(self, method: str, collection: str, identity: str | None, body: Any) -> Reply:
        documents = self.documents[collection]
        if method == "POST":
            identity = str(body["documentId"])
            if identity in documents:
                return error(409, "document_already_exists")
        if identity is None:
            newest = sorted(documents.values(), key=lambda each: -each.get("version", 0))
            return 200, {"total": len(newest), "documents": newest[:1]}
        if method == "POST":
            stamps = {"$id": identity, "$createdAt": STAMP, "$updatedAt": STAMP}
            documents[identity] = stamps | documents.get(identity, {}) | body["data"]
            return 201, documents[identity]
        return (200, documents[identity]) if identity in documents else error(404, "document_not_found")

    def _transaction(self, method: str, path: list[str], body: Any) -> Reply:
        if not path:
            name = f"transaction-{len(self.staged)}"
            self.staged[name] = []
            return 201, {"$id": name, "status": "pending"}
        operations = self.staged[path[0]]
        if method == "POST":
            missing = [each for each in body["operations"] if each["collectionId"] not in self.collections]
            if missing:
                return error(404, "collection_not_found")
            operations += body["operations"]
            return 201, {"$id": path[0], "operations": len(operations)}
        self.staged[path[0]] = []
        before = {name: dict(found) for name, found in self.documents.items()}
        for each in operations if body.get("commit") else []:
            documents, identity = self.documents[each["collectionId"]], each["documentId"]
            if each["action"] == "update" and identity not in documents:
                self.documents = before
                return error(404, "document_not_found")
            stamps = {"$id": identity, "$createdAt": STAMP, "$updatedAt": STAMP}
            documents[identity] = stamps | documents.get(identity, {}) | each["data"]
        return 200, {"$id": path[0], "status": "committed" if body.get("commit") else "failed"}

    def _settle(self) -> None:
        """Each list of collections moves everything on by one status."""
        for collection in self.collections.values():
            for each in [*collection["attributes"], *collection["indexes"]]:
                if each["status"] == "processing":
                    fates = self.fates.get(each["key"]) or ["available"]
                    each["status"] = fates.pop(0) if len(fates) > 1 else fates[0]


def _renamed(body: Any) -> dict[str, Any]:
    given = {name: value for name, value in body.items() if name not in ("permissions", "collectionId")}
    return given | ({"$permissions": body["permissions"]} if "permissions" in body else {})


def _attribute(kind: str, body: Any) -> dict[str, Any]:
    wire = "string" if kind in ("email", "url", "ip", "enum") else _WIRE.get(kind, kind)
    made = {"default": None, "array": False, "required": False, "error": "", **body, "type": wire}
    made["status"] = "processing"
    if wire == "string" and kind != "string":
        made["format"] = kind
    if kind in _EXTREMES:
        made = {"min": _EXTREMES[kind][0], "max": _EXTREMES[kind][1]} | made
    if kind == "relationship":
        made |= {"relatedCollection": body["relatedCollectionId"], "relationType": body["type"], "side": "parent"}
    return made


def _index(body: Any) -> dict[str, Any]:
    lengths = body.get("lengths") or [0] * len(body["attributes"])
    return {"orders": [], "error": "", **body, "lengths": lengths, "status": "processing"}
