"""Taking back what this run created, when the set-up cannot be completed. Only that, and only while it is empty.

The database and the collections of the lock and of the versions stay: this very run stands on them.
"""

from __future__ import annotations

from . import addresses
from .problems import UNFINISHED
from .requests import Item
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
    removed = sum(_remove(work, database, item) for kind in _ORDER for item in reversed(single) if item.kind == kind)
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
        return int(work.client.get(path, [query("isNotNull", attribute=item.key), query("limit", 1)])["total"])
    except AppwriteError as error:
        # An attribute that never became available cannot be queried, and nothing can have been written to it.
        if error.status == 400:
            return 0
        raise
