"""Requests that were made between recorded steps without being recorded.

What they were follows from the recorded answers: attributes that are polled but never created, documents that are
listed but never created, a counter that jumps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from .recordings import Recording, recording

#: method, path after /v1, body
Request = tuple[str, str, Any]

DOCUMENTS = "/databases/d-qry/collections/c/documents"


def attributes_of_indexes() -> Iterator[Request]:
    """The attributes polled at the beginning of `indexes`, as the poll shows them."""
    for step in recording("indexes").steps[2:10]:
        shown = step.body
        wanted = {"key": shown["key"], "required": shown["required"], "array": shown["array"]}
        if shown["type"] == "string":
            wanted["size"] = shown["size"]
        yield "POST", f"/databases/d-idx/collections/c/attributes/{shown['type']}", wanted


def documents_to_query() -> Iterator[Request]:
    """The twelve documents that the first list of `documents-query` shows."""
    for shown in _step(recording("documents-query"), "no query").body["documents"]:
        data = {name: value for name, value in shown.items() if not name.startswith("$") and value is not None}
        yield "POST", DOCUMENTS, {"documentId": shown["$id"], "data": data}


def filler_documents() -> Iterator[Request]:
    """Thirty more documents, listed by the last step of `documents-query`."""
    for shown in _step(recording("documents-query"), "limit 5000").body["documents"][12:]:
        yield "POST", DOCUMENTS, {"documentId": shown["$id"], "data": {"title": "filler"}}


def functions_up_to_48() -> Iterator[Request]:
    for number in range(3, 49):
        yield "POST", "/functions", {"functionId": f"n{number}", "name": "n", "runtime": "node-22"}


#: By scenario and label of the step before which they must be sent (the first step of that label).
BEFORE: dict[tuple[str, str], Callable[[], Iterator[Request]]] = {
    ("indexes", "poll st"): attributes_of_indexes,
    ("documents-query", "query unindexed search"): documents_to_query,
    ("documents-query", "default page size is 25"): filler_documents,
    ("function-create-daily-limit", "create 49"): functions_up_to_48,
}


def _numbered(name: str) -> Callable[[int, Any], Any]:
    def body(number: int, recorded: Any) -> Any:
        return recorded | {"data": recorded["data"] | {name: f"w{number}"}}

    return body


def _own_id(number: int, recorded: Any) -> Any:
    name = "documentId" if "documentId" in recorded else "rowId"
    return recorded | {name: f"par{number}"}


def _own_quantity(number: int, recorded: Any) -> Any:
    return recorded | {"data": {"qty": number}}


#: Parallel requests of which only the first is recorded although their bodies differed: the body by number.
VARYING: dict[tuple[str, str], Callable[[int, Any], Any]] = {
    ("concurrency", "same document id, different data"): _numbered("title"),
    ("concurrency", "upsert same id"): _numbered("title"),
    ("concurrency", "patch same document"): _own_quantity,
    ("concurrency", "different ids"): _own_id,
    ("project-variables", "one key, twelve at once"): lambda n, body: body | {"variableId": f"par{n}", "value": str(n)},
}

#: Steps before which the recorder waited without marking them as polled.
WAITED = {
    ("attribute-processing", "list after going on"),
    ("attribute-processing", "indexes after going on"),
    ("attribute-processing", "collection after"),
    ("deployments-built", "while building"),
    ("deployments-built", "function while building"),
    ("deployments-built", "function after 1"),
    ("deployments-built", "canceled later"),
    ("deployments-built", "execution later"),
}


def _step(of: Recording, label: str) -> Any:
    return next(step for step in of.steps if step.label == label)
