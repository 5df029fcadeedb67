"""Taking back what this run created, when the set-up cannot be completed. Only that, and only while it is empty.

One deletion at a time, awaited: each writes the schema of its collection (see `vendor/kinds/turns.py`).

The database and the collections of the lock and of the versions stay: this very run stands on them.
"""

from __future__ import annotations

from . import addresses, guards
from .problems import UNFINISHED
from .requests import Item
from .settling import until_gone
from .vendor.appwrite_http import AppwriteError, query
from .work import Work

_ORDER = ("index", "relationship", "attribute", "collection")


def roll_back(work: Work, database: str, kept: set[str]) -> int:
    """Delete in the opposite order of creation; `kept` names collections that stay. Returns how many were deleted."""
    created = [item for item in work.ledger.created if item.collection not in kept and item.kind in _ORDER]
    whole = {item.collection for item in created if item.kind == "collection"}
    # What lies in a collection that goes as a whole needs no request of its own. Relationships do: they may have
    # left an attribute in another collection, which stays.
    single = [item for item in created if item.kind in ("relationship", "collection") or item.collection not in whole]
    removed, closed = 0, set[str]()
    for item in (item for kind in _ORDER for item in reversed(single) if item.kind == kind):
        written = {item.collection, item.body.get("relatedCollectionId", item.collection)}
        if written & closed:
            work.ledger.note_problem(item.address, UNFINISHED, "not rolled back: an earlier deletion has not ended")
            continue
        gone = _remove(work, database, item)
        removed += gone
        if gone and not _is_over(work, database, item):
            closed |= written
    work.log.event("setup.rolled_back", removed=removed, asked=len(single))
    return removed


def _remove(work: Work, database: str, item: Item) -> int:
    try:
        documents = _documents_at_risk(work, database, item)
        if documents:
            reason = f"not rolled back: {documents} documents were written to it meanwhile"
            work.ledger.note_problem(item.address, UNFINISHED, reason)
            return 0
        work.client.delete(item.read_path)
    except AppwriteError as error:
        work.ledger.note_problem(item.address, UNFINISHED, f"not rolled back: {error}")
        return 0
    gone = [each for each in work.ledger.created if each is item or _lay_in(item, each)]
    for each in gone:
        work.ledger.forget(each)
    return len(gone)


def _is_over(work: Work, database: str, item: Item) -> bool:
    """Wait for the end of a deletion. That of a collection, which has no relationship any more, concerns no other; the
    far side of a relationship is written before the near one goes."""
    if item.kind == "collection":
        return True
    part = "indexes" if item.kind == "index" else "attributes"
    return until_gone(work, database, (item.collection, item.key), part)


def _lay_in(collection: Item, other: Item) -> bool:
    """Whether the other one went with the collection."""
    return collection.kind == "collection" and other.collection == collection.collection


def _documents_at_risk(work: Work, database: str, item: Item) -> int:
    """How many documents would lose something."""
    if item.kind == "index":
        return 0
    path = addresses.documents_path(database, item.collection)
    if item.kind == "collection":
        return int(work.client.get(path, [query("limit", 1)])["total"])
    try:
        if item.create_path.rpartition("/")[2] in guards.SHAPES:
            return guards.with_value(work.client, database, item.collection, item.key)
        return int(work.client.get(path, [query("isNotNull", attribute=item.key), query("limit", 1)])["total"])
    except AppwriteError as error:
        # An attribute that never became available cannot be queried, and nothing can have been written to it.
        if error.status == 400:
            return 0
        raise
