"""Writing many documents with few requests, so that repeating any of it is harmless.

Every document has an id that we chose, and writing it again changes nothing. Collections without relationships take
bulk upserts. Collections with relationships refuse those (observed on 1.8.1); there, upserts are staged in a
transaction. One document that the server refuses does not keep the others from being written: the batch is halved
until the bad one is alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

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
    #: The same, for who writes documents of several collections, where one id may occur more than once.
    refused_writes: list[Write] = field(default_factory=list)


class Write(NamedTuple):
    """One document to upsert; or, with the action `update`, fields to change of one that is there."""

    collection: str
    identity: str
    data: Mapping[str, Any]
    #: An upsert demands all required attributes, so whoever does not own them all would write back old values.
    action: str = "upsert"


_Send = Callable[[Client, str, Sequence[Write]], None]


def upsert_all(
    client: Client, database: str, collection: str, documents: Mapping[str, Mapping[str, Any]], *, related: bool
) -> Written:
    """Write documents by id. `related`: the collection has relationships. Raises only when the server is in trouble."""
    writes = [Write(collection, identity, data) for identity, data in documents.items()]
    return _in_batches(client, database, writes, _in_transaction if related else _in_bulk)


def upsert_together(client: Client, database: str, writes: Sequence[Write]) -> Written:
    """Write documents of several collections: each hundred of them all at once, or (when one is refused) in halves."""
    return _in_batches(client, database, writes, _in_transaction)


def _in_batches(client: Client, database: str, writes: Sequence[Write], send: _Send) -> Written:
    written = Written()
    for start in range(0, len(writes), BATCH):
        _write(client, database, writes[start : start + BATCH], send, written)
    return written


def _write(client: Client, database: str, writes: Sequence[Write], send: _Send, written: Written) -> None:
    try:
        send(client, database, writes)
    except AppwriteError as error:
        gone = error.kind == "document_not_found"
        if error.retryable or error.status in (401, 403) or (error.status == 404 and not gone):
            raise
        if len(writes) == 1:
            written.refused[writes[0].identity] = f"{error.kind}: {error.text}"
            written.refused_writes.append(writes[0])
            return
        middle = len(writes) // 2
        _write(client, database, writes[:middle], send, written)
        _write(client, database, writes[middle:], send, written)
    else:
        written.count += len(writes)


def _in_bulk(client: Client, database: str, writes: Sequence[Write]) -> None:
    path = path_of("databases", database, "collections", writes[0].collection, "documents")
    client.put(path, {"documents": [{"$id": each.identity, **each.data} for each in writes]})


def _in_transaction(client: Client, database: str, writes: Sequence[Write]) -> None:
    for tries in range(1, _TRIES + 1):
        try:
            _commit(client, database, writes)
        except AppwriteError as error:
            # A conflict: somebody else wrote one of the documents between staging and commit. Everything else that
            # may pass, a lost answer included: the same upserts again leave the same documents.
            if tries == _TRIES or not (error.retryable or error.kind == "transaction_conflict"):
                raise
            client.wait(tries, error)
        else:
            return


def _commit(client: Client, database: str, writes: Sequence[Write]) -> None:
    transactions = path_of("databases", "transactions")
    # A transaction whose creation went unanswered expires by itself, so it may be created again without looking.
    transaction = client.create(transactions, {"ttl": TRANSACTION_SECONDS}, look=lambda: None)["$id"]
    path = transactions + path_of(str(transaction))
    operations = [
        {
            "action": each.action,
            "databaseId": database,
            "collectionId": each.collection,
            "documentId": each.identity,
            # The id must be in the data: 1.8.1 ignores `documentId` in an upsert and would invent one.
            "data": {**each.data, "$id": each.identity} if each.action == "upsert" else dict(each.data),
        }
        for each in writes
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
