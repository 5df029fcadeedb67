"""Recordings of the legacy databases API in the words of the tables API, which runs the same handlers in 1.8.1.

Only names change: paths, fields and error types. Messages change with them in ways that no recording shows, so they
are left out of the comparison.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from .recordings import Recording, Step
from .unrecorded import Request

WORDS = {"databases": "tablesdb", "collections": "tables", "attributes": "columns", "documents": "rows"}
#: Fields of requests and answers. `attributes` are columns in collections, lists and indexes alike.
FIELDS = {
    "collectionId": "tableId",
    "documentId": "rowId",
    "documentSecurity": "rowSecurity",
    "relatedCollectionId": "relatedTableId",
    "relatedCollection": "relatedTable",
    "$collectionId": "$tableId",
    "collections": "tables",
    "attributes": "columns",
    "documents": "rows",
}
TYPES = (("collection_", "table_"), ("attribute_", "column_"), ("document_", "row_"), ("index_", "column_index_"))


def in_tables_words(recording: Recording) -> Recording:
    """The same scenario through the tables API."""
    return replace(recording, steps=tuple(_step(step) for step in recording.steps))


def request_in_tables_words(request: Request) -> Request:
    """A request that was not recorded (method, path, body)."""
    method, path, body = request
    return method, path_in_tables_words(path), body_in_tables_words(body)


def path_in_tables_words(path: str) -> str:
    """`/databases/d/collections/c/documents/x` as `/tablesdb/d/tables/c/rows/x`; ids are left alone."""
    parts = path.split("/")
    # Words and ids take turns: /v1/databases/{id}/collections/{id}/documents/…
    first = parts.index("databases") if "databases" in parts else len(parts)
    for place in range(first, min(len(parts), first + 5), 2):
        parts[place] = WORDS.get(parts[place], parts[place])
    return "/".join(parts)


def body_in_tables_words(body: Any) -> Any:
    """A request's or answer's body. The data of a document are the user's own and stay as they are."""
    if isinstance(body, list):
        return [body_in_tables_words(each) for each in body]
    if not isinstance(body, dict):
        return body
    if "type" in body and "message" in body:
        return {**body, "type": _error_type(body["type"])}
    translated = {FIELDS.get(name, name): value if name == "data" else _value(value) for name, value in body.items()}
    if translated.get("type") == "legacy":
        translated["type"] = "tablesdb"
    return translated


def _value(value: Any) -> Any:
    return body_in_tables_words(value) if isinstance(value, dict | list) else value


def _error_type(kind: str) -> str:
    for old, new in TYPES:
        if kind.startswith(old):
            return new + kind.removeprefix(old)
    return kind


def _step(step: Step) -> Step:
    request = dict(step.request)
    request["path"] = path_in_tables_words(request["path"])
    if request.get("body") is not None:
        request["body"] = body_in_tables_words(request["body"])
    tally = {re.sub(r"\S+$", lambda found: _error_type(found[0]), name): count for name, count in step.tally.items()}
    first = {status: body_in_tables_words(body) for status, body in step.first_of_each.items()}
    body = body_in_tables_words(step.body)
    return replace(step, request=request, body=body, tally=tally, first_of_each=first)
