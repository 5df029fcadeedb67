"""Writing documents: many with few requests, so that repeating any of it is harmless, and never after the lock is lost.

Every document has an id that we chose, and writing it again changes nothing. All that a run writes goes in transactions
whose first operation changes the run's fence, without changing a value of it. Whoever takes the lock over removes the
fence: from then on nothing that this run has sent is carried out, however late it arrives, and none of it in part
(observed on 1.8.1 and 1.9.6: 404 `document_not_found` at the commit).

Collections without relationships take one bulk upsert in a transaction; those with relationships refuse it, so there
each document is an operation of its own. One document that the server refuses does not keep the others from being
written: the batch is halved until the bad one is alone.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from .appwrite_http import AppwriteError, Client, path_of, query
from .lock import Lock, LockUnclear

#: The server's limit for the operations of a transaction, and for the documents of a bulk upsert.
LIMIT = 100
#: So many operations are left beside the fence.
BATCH = LIMIT - 1
TRANSACTION_SECONDS = 60
_TRIES = 4
#: A transaction that ended so was not carried out, and the same writes in another one may be: somebody else wrote one
#: of the documents between staging and commit, or it was too old.
_PASSING = ("transaction_conflict", "transaction_not_found", "transaction_expired")
_TRANSACTIONS = path_of("databases", "transactions")


@dataclass
class Written:
    """How many were written, and why the others were not."""

    count: int = 0
    refused: dict[str, str] = field(default_factory=dict)
    #: The same, for who writes documents of several collections, where one id may occur more than once.
    refused_writes: list[Write] = field(default_factory=list)


class Write(NamedTuple):
    """One document to upsert; or, with another action, fields to change (`update`) or nothing to keep (`delete`)."""

    collection: str
    identity: str
    data: Mapping[str, Any]
    #: An upsert demands all required attributes, so whoever does not own them all would write back old values.
    action: str = "upsert"


_Operations = Callable[[str, Sequence[Write]], list[dict[str, Any]]]


class Documents:
    """What one run writes under its lock. One transaction at a time, from whichever thread.

    Raises `LockLost` when somebody else has the lock, and `AppwriteError` when the server is in trouble.
    """

    def __init__(
        self, client: Client, database: str, held: Lock, *, report: Callable[[Write], None] = lambda _: None
    ) -> None:
        """`report` gets the first document of each batch before it is sent."""
        self._client, self._database, self._held, self._report = client, database, held, report

    def write(self, writes: Sequence[Write]) -> Written:
        """Documents of any collections: each batch of them all at once, or (when one is refused) in halves."""
        return self._in_batches(writes, BATCH, _singly)

    def put_all(self, collection: str, documents: Mapping[str, Mapping[str, Any]]) -> Written:
        """Upsert documents by id. The collection must have no relationships."""
        writes = [Write(collection, identity, data) for identity, data in documents.items()]
        return self._in_batches(writes, LIMIT, _in_bulk)

    def _in_batches(self, writes: Sequence[Write], size: int, operations: _Operations) -> Written:
        written = Written()
        for start in range(0, len(writes), size):
            self._report(writes[start])
            self._write(writes[start : start + size], operations, written)
        return written

    def _write(self, writes: Sequence[Write], operations: _Operations, written: Written) -> None:
        try:
            self._persistently(operations(self._database, writes))
        except AppwriteError as error:
            gone = error.kind == "document_not_found"
            if error.retryable or error.status in (401, 403) or (error.status == 404 and not gone):
                raise
            if len(writes) == 1:
                written.refused[writes[0].identity] = f"{error.kind}: {error.text}"
                written.refused_writes.append(writes[0])
                return
            middle = len(writes) // 2
            self._write(writes[:middle], operations, written)
            self._write(writes[middle:], operations, written)
        else:
            written.count += len(writes)

    def _persistently(self, operations: Sequence[Mapping[str, Any]]) -> None:
        for tries in range(1, _TRIES + 1):
            try:
                self._transact(operations)
            except AppwriteError as error:
                # A lost answer is no reason to stop either: the same writes again leave the same documents.
                is_passing = error.retryable or error.kind in _PASSING
                if tries == _TRIES or not is_passing or not self._client.wait(tries, error):
                    raise
            else:
                return

    def _transact(self, operations: Sequence[Mapping[str, Any]]) -> None:
        try:
            try:
                with self._held.commits:
                    self._commit([self._fence(), *operations])
            except AppwriteError as error:
                # Which document is not there, the server does not say (1.8.1). If it is the fence, this run is over.
                if error.kind == "document_not_found":
                    self._held.confirm()
                raise
        except LockUnclear as reason:
            raise AppwriteError("the fence", 0, "no_answer", str(reason)) from reason

    def _fence(self) -> dict[str, Any]:
        held = self._held
        settings, fence = held.settings, held.fence()
        place = {"databaseId": settings.database_id, "collectionId": settings.collection_id, "documentId": fence}
        return {"action": "update", **place, "data": {"owner": held.lease.owner}}

    def _commit(self, operations: Sequence[Mapping[str, Any]]) -> None:
        client = self._client
        # A transaction whose creation went unanswered expires by itself, so it may be created again without looking.
        transaction = client.create(_TRANSACTIONS, {"ttl": TRANSACTION_SECONDS}, look=lambda: None)["$id"]
        path = _TRANSACTIONS + path_of(str(transaction))
        try:
            client.once("POST", f"{path}/operations", {"operations": list(operations)})
            if client.once("PATCH", path, {"commit": True}).get("status") != "committed":
                raise AppwriteError(f"PATCH {path}", 0, "foreign_answer", "the commit is not confirmed")
        except AppwriteError as error:
            # A commit that was refused has ended the transaction.
            if error.unclear or not error.request.startswith("PATCH"):
                self._give_up(path)
            raise

    def _give_up(self, path: str) -> None:
        """Roll back, so that nothing stays staged and no late commit is carried out; it may have ended already."""
        try:
            self._client.once("PATCH", path, {"rollback": True})
        except AppwriteError:
            return


def _in_bulk(database: str, writes: Sequence[Write]) -> list[dict[str, Any]]:
    documents = [{"$id": each.identity, **each.data} for each in writes]
    place = {"databaseId": database, "collectionId": writes[0].collection}
    return [{"action": "bulkUpsert", **place, "data": documents}]


def _singly(database: str, writes: Sequence[Write]) -> list[dict[str, Any]]:
    return [
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


#: Ids named in one request: a longer address is refused by some proxies.
NAMED = 100


def read_by_id(
    client: Client, database: str, collection: str, identities: Sequence[str], fields: Collection[str]
) -> dict[str, dict[str, Any]]:
    """Those of the documents that exist, with these fields, by id."""
    path = path_of("databases", database, "collections", collection, "documents")
    found: dict[str, dict[str, Any]] = {}
    for start in range(0, len(identities), NAMED):
        named = identities[start : start + NAMED]
        queries = [
            query("equal", *named, attribute="$id"),
            query("select", "$id", *fields),
            query("limit", len(named)),
        ]
        found |= {document["$id"]: document for document in client.get(path, queries)["documents"]}
    return found


def changes(stored: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """What is wanted otherwise than it is stored. Both are in the form that the server gives."""
    return {key: value for key, value in wanted.items() if stored.get(key) != value}
