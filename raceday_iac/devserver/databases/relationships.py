"""Relationship attributes: create and change (Appwrite 1.8.1, Attributes/Relationship)."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from .. import params
from ..ages import ONLY_1_8, SINCE_1_9
from ..errors import ApiError
from ..params import Param, or_null
from ..web import Reply, Request
from . import catalog, columns, jobs, limits
from .attribute_types import COLLECTION_ID, DATABASE_ID, KEY, NEW_KEY, ON_DELETE, RELATION_KINDS, key, uid
from .attributes import ATTRIBUTES_PATH, find_attribute
from .dialect import Vocabulary, route
from .limits import Width
from .lookup import collection_row, find_collection_row
from .responses import attribute_answer

if TYPE_CHECKING:
    from ..server import Server

Options = dict[str, Any]
WIDTH = Width("relationship", 0, is_array=False)


@route(
    "POST",
    f"{ATTRIBUTES_PATH}/relationship",
    "collections.write",
    DATABASE_ID,
    COLLECTION_ID,
    Param("relatedCollectionId", uid),
    Param("type", params.one_of(*RELATION_KINDS)),
    Param("twoWay", params.boolean, default=False),
    Param("key", or_null(key), default=None, nullable=True),
    Param("twoWayKey", or_null(key), default=None, nullable=True),
    Param("onDelete", params.one_of(*ON_DELETE), default="restrict"),
)
def create_relationship(server: Server, request: Request, values: dict[str, Any], words: Vocabulary) -> Reply:
    own = find_collection_row(server, request, values, words)
    related = collection_row(server.db, int(own["database"]), values["relatedCollectionId"])
    if related is None:
        raise words.error("collection_not_found", name=values["relatedCollectionId"])
    own_key = values["key"] or values["relatedCollectionId"]
    options = {
        "related": int(related["number"]),
        "relatedCollection": values["relatedCollectionId"],
        "relationType": values["type"],
        "twoWay": values["twoWay"],
        "twoWayKey": values["twoWayKey"] or values["collectionId"],
        "onDelete": values["onDelete"],
        "side": "parent",
    }
    _check_existing(catalog.load(server.db, own), own_key, options, words)
    number = _insert(server, own, own_key, options, words)
    if options["twoWay"]:
        mirror = columns.mirror_options(options, own_key, int(own["number"]), values["collectionId"])
        _insert(server, related, options["twoWayKey"], mirror, words)
    jobs.enqueue(server, "create attribute", number)
    return Reply(202, attribute_answer(find_attribute(server, own, own_key, words), words))


def _check_existing(own: catalog.Collection, own_key: str, options: Options, words: Vocabulary) -> None:
    """Refuse what collides with relationships that are already built."""
    for attribute, relation in own.relations:
        if attribute.key.lower() == own_key.lower():
            raise words.error("attribute_already_exists", name=own_key)
        if relation.related != options["related"]:
            continue
        if relation.two_way_key.lower() == options["twoWayKey"].lower():
            raise words.error("attribute_already_exists", name=options["twoWayKey"])
        if relation.kind == options["relationType"] == catalog.MANY_TO_MANY:
            raise words.error(
                "attribute_already_exists",
                f'Creating more than one "manyToMany" relationship on the same {words.collection} '
                "is currently not permitted.",
            )


def _insert(server: Server, collection: sqlite3.Row, attribute: str, options: Options, words: Vocabulary) -> int:
    number = int(collection["number"])
    if not limits.fits([*limits.columns_of(server.db, number), WIDTH]):
        raise words.error("attribute_limit_exceeded", name=str(collection["id"]))
    try:
        return columns.insert_relationship(server.db, number, attribute, options, server.timestamp())
    except sqlite3.IntegrityError:
        raise words.error("attribute_already_exists", name=attribute) from None


@route(
    "PATCH",
    f"{ATTRIBUTES_PATH}/{{key}}/relationship",
    "collections.write",
    DATABASE_ID,
    COLLECTION_ID,
    KEY,
    Param("onDelete", or_null(params.one_of(*ON_DELETE)), default=None, nullable=True, ages=ONLY_1_8),
    Param("onDelete", params.one_of(*ON_DELETE), default=None, nullable=True, ages=SINCE_1_9),
    NEW_KEY,
    of_tables={"onDelete": or_null(params.one_of(*ON_DELETE))},
)
@route(
    "PATCH",
    f"{ATTRIBUTES_PATH}/relationship/{{key}}",
    "collections.write",
    DATABASE_ID,
    COLLECTION_ID,
    KEY,
    Param("onDelete", params.one_of(*ON_DELETE), default=None, nullable=True),
    NEW_KEY,
    ages=SINCE_1_9,
    is_legacy_only=True,
)
def update_relationship(
    server: Server, request: Request, values: dict[str, Any], words: Vocabulary
) -> Reply | Awaitable[Reply]:
    """An omitted `onDelete` stays in force, but is shown as `restrict` from then on (observed on 1.8.1)."""
    own = find_collection_row(server, request, values, words)
    row = find_attribute(server, own, values["key"], words)
    if row["status"] != "available":
        raise words.error("attribute_not_available")
    if row["type"] != "relationship":
        raise ApiError("general_unknown")
    new_key = None if values["newKey"] == row["key"] else values["newKey"]
    if new_key:
        _refuse_taken(server, row, new_key, words)
    change: Options = {"shownOnDelete": values["onDelete"] or "restrict"}
    if values["onDelete"]:
        change["onDelete"] = values["onDelete"]
    change_metadata = _begin(server, row, values["onDelete"], new_key)

    def finish() -> Reply:
        change_metadata()
        _list(server, row, change, new_key)
        answer = attribute_answer(find_attribute(server, own, new_key or values["key"], words), words)
        # The answer to a rename still has the date of the change before it (observed on 1.8.1).
        return Reply(200, answer | {"$updatedAt": row["updated_at"]} if new_key else answer)

    return catalog.after_window(server, finish)


def _refuse_taken(server: Server, row: sqlite3.Row, new_key: str, words: Vocabulary) -> None:
    taken = server.db.execute(
        "SELECT 1 FROM db_attributes WHERE collection = ? AND key = ? AND number != ?",
        (row["collection"], new_key, row["number"]),
    ).fetchone()
    if taken is not None:
        raise words.error("attribute_already_exists", name=new_key)


def _begin(server: Server, row: sqlite3.Row, on_delete: str | None, new_key: str | None) -> Callable[[], None]:
    """Change both metadata documents as they are now. Returns what writes them: the far side's first, then the own."""
    number, key, options = int(row["collection"]), str(row["key"]), json.loads(row["options"])
    sides = [catalog.must_read(server.db, each) for each in (number, options["related"])]
    record, far = sides[0].attribute(key), sides[1].attribute(options["twoWayKey"])
    if record is None or far is None:
        # Lost in the metadata: a real server runs into an error that it does not foresee.
        raise ApiError("general_unknown")
    relation = catalog.read_attribute(record).relation
    assert relation is not None
    for each in (record, far):
        each["options"] = {**each["options"], **({"onDelete": on_delete} if on_delete else {})}
    if new_key:
        record["key"], far["options"]["twoWayKey"] = new_key, new_key

    def write() -> None:
        if new_key and relation.is_stored:
            columns.rename_column(server.db, number, key, new_key)
        catalog.write(server.db, options["related"], sides[1])
        catalog.write(server.db, number, sides[0])

    return write


def _list(server: Server, row: sqlite3.Row, change: Options, new_key: str | None) -> None:
    """Show the change in the API's lists, on both sides."""
    options = json.loads(row["options"])
    _store(server, row, options | change, new_key)
    other = server.db.execute(
        "SELECT * FROM db_attributes WHERE collection = ? AND key = ? AND type = 'relationship' AND number != ?",
        (options["related"], options["twoWayKey"], row["number"]),
    ).fetchone()
    if other is not None:
        renamed = {"twoWayKey": new_key} if new_key else {}
        _store(server, other, json.loads(other["options"]) | change | renamed, None)


def _store(server: Server, row: sqlite3.Row, options: Options, new_key: str | None) -> None:
    server.db.execute(
        "UPDATE db_attributes SET key = ?, options = ?, updated_at = ? WHERE number = ?",
        (new_key or row["key"], json.dumps(options), server.timestamp(), row["number"]),
    )
