"""Writing many documents with few requests, so that repeating any of it is harmless.

Every document has an id that we chose, and writing it again changes nothing. Collections without relationships take
bulk upserts. Collections with relationships refuse those (observed on 1.8.1); there, upserts are staged in a
transaction. One document that the server refuses does not keep the others from being written: the batch is halved
until the bad one is alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .appwrite_http import AppwriteError, Client, path_of

#: The server's limit for a bulk request and for the operations of a transaction.
BATCH = 100
TRANSACTION_SECONDS = 60
_TRIES = 4


@dataclass
class Written:
    """How many were written, and why the others were not."""

    count: int = 0
    refused: dict[str, str] = field(default_factory=dict)


def upsert_all(
    client: Client, database: str, collection: str, documents: Mapping[str, Mapping[str, Any]], *, related: bool
) -> Written:
    """Write documents by id. `related`: the collection has relationships. Raises only when the server is in trouble."""
    written = Written()
    items = [(identity, data) for identity, data in documents.items()]
    for start in range(0, len(items), BATCH):
        _write(client, (database, collection), items[start : start + BATCH], related, written)
    return written


_Items = Sequence[tuple[str, Mapping[str, Any]]]


def _write(client: Client, place: tuple[str, str], items: _Items, related: bool, written: Written) -> None:
    try:
        (_in_transaction if related else _in_bulk)(client, place, items)
    except AppwriteError as error:
        if error.retryable or error.status in (401, 403, 404):
            raise
        if len(items) == 1:
            written.refused[items[0][0]] = f"{error.kind}: {error.text}"
            return
        middle = len(items) // 2
        _write(client, place, items[:middle], related, written)
        _write(client, place, items[middle:], related, written)
    else:
        written.count += len(items)


def _in_bulk(client: Client, place: tuple[str, str], items: _Items) -> None:
    database, collection = place
    path = path_of("databases", database, "collections", collection, "documents")
    client.put(path, {"documents": [{"$id": identity, **data} for identity, data in items]})


def _in_transaction(client: Client, place: tuple[str, str], items: _Items) -> None:
    for tries in range(1, _TRIES + 1):
        try:
            _commit(client, place, items)
        except AppwriteError as error:
            # A conflict: somebody else wrote one of the documents between staging and commit. Everything else that
            # may pass, a lost answer included: the same upserts again leave the same documents.
            if tries == _TRIES or not (error.retryable or error.kind == "transaction_conflict"):
                raise
            client.wait(tries, error)
        else:
            return


def _commit(client: Client, place: tuple[str, str], items: _Items) -> None:
    database, collection = place
    transactions = path_of("databases", "transactions")
    # A transaction whose creation went unanswered expires by itself, so it may be created again without looking.
    transaction = client.create(transactions, {"ttl": TRANSACTION_SECONDS}, look=lambda: None)["$id"]
    path = transactions + path_of(str(transaction))
    operations = [
        {
            "action": "upsert",
            "databaseId": database,
            "collectionId": collection,
            "documentId": identity,
            # The id must be in the data: 1.8.1 ignores `documentId` in an upsert and would invent one.
            "data": {**data, "$id": identity},
        }
        for identity, data in items
    ]
    try:
        client.once("POST", f"{path}/operations", {"operations": operations})
        client.once("PATCH", path, {"commit": True})
    except AppwriteError:
        _give_up(client, path)
        raise


def _give_up(client: Client, path: str) -> None:
    """Roll back, so that nothing stays staged; the transaction may have ended already."""
    try:
        client.once("PATCH", path, {"rollback": True})
    except AppwriteError:
        return
