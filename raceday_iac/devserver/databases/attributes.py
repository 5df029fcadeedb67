"""Attributes (columns), relationships among them: create, read, list, change, delete (Appwrite 1.8.1, Attributes/*)."""

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
from . import catalog, columns, jobs, limits, lookup
from .attribute_types import (
    COLLECTION_ID,
    DATABASE_ID,
    ENUM,
    KEY,
    NEW_KEY,
    ON_DELETE,
    RANGES,
    RELATION_KINDS,
    TYPES,
    AttributeType,
    Definition,
    check_range,
    key,
    require_present,
    uid,
)
from .dialect import Action, Vocabulary, route
from .limits import Width
from .lookup import attribute_answer, collection_row, find_collection_row, internal_name, listed_attribute
from .query_sql import Source

if TYPE_CHECKING:
    from ..server import Server


ATTRIBUTES_PATH = "/{databaseId}/collections/{collectionId}/attributes"
ATTRIBUTE_PATH = ATTRIBUTES_PATH + "/{key}"

Options = dict[str, Any]
WIDTH = Width("relationship", 0, is_array=False)


def find_attribute(server: Server, collection: sqlite3.Row, key: str, words: Vocabulary) -> sqlite3.Row:
    """The row of a listed attribute, whatever its status; or 404."""
    row: sqlite3.Row | None = server.db.execute(
        "SELECT * FROM db_attributes WHERE collection = ? AND key = ?", (collection["number"], key)
    ).fetchone()
    if row is None:
        raise words.error("attribute_not_found", name=key)
    return row


def _creator(kind: AttributeType) -> Action:
    def create(server: Server, request: Request, values: dict[str, Any], words: Vocabulary) -> Reply:
        definition = kind.define(values, words)
        collection = find_collection_row(server, request, values, words)
        number = _insert(server, collection, values, definition, words)
        jobs.enqueue(server, "create attribute", number)
        row = find_attribute(server, collection, values["key"], words)
        return Reply(202, attribute_answer(row, words, kind.word))

    return create


def _insert(
    server: Server, collection: sqlite3.Row, values: dict[str, Any], definition: Definition, words: Vocabulary
) -> int:
    is_array = values.get("array", False)
    check_default(values["required"], is_array, values["default"], words)
    problem = limits.too_long_definition(values["default"], definition.options)
    if problem:
        raise words.error("document_invalid_structure", problem)
    number = int(collection["number"])
    width = Width(definition.type, definition.size, is_array)
    if not limits.fits([*limits.columns_of(server.db, number), width]):
        raise words.error("attribute_limit_exceeded", name=str(collection["id"]))
    try:
        return columns.insert_attribute(
            server.db, number, {**values, "array": is_array}, definition, server.timestamp()
        )
    except sqlite3.IntegrityError:
        raise words.error("attribute_already_exists", name=values["key"]) from None


def check_default(required: bool, is_array: bool, default: Any, words: Vocabulary) -> None:
    """Refuse a default where none can be."""
    if default is not None and required:
        raise words.error("attribute_default_unsupported", f"Cannot set default value for required {words.attribute}")
    if default is not None and is_array:
        raise words.error("attribute_default_unsupported", f"Cannot set default value for array {words.attributes}")


def _updater(kind: AttributeType) -> Action:
    def update(server: Server, request: Request, values: dict[str, Any], words: Vocabulary) -> Reply | Awaitable[Reply]:
        require_present(values, "default")
        collection = find_collection_row(server, request, values, words)
        row = find_attribute(server, collection, values["key"], words)
        change = AttributeUpdate(server, collection, row, values, words)
        check_default(values["required"], bool(row["is_array"]), change.default, words)
        finish = change.begin()

        def answered() -> Reply:
            answer = attribute_answer(finish(), words, kind.word)
            if answer["key"] != row["key"]:
                # The answer to a rename still has the date of the change before it (observed on 1.8.1).
                answer["$updatedAt"] = row["updated_at"]
            # Appwrite forgets to read the filters of a string after an update (observed on 1.8.1).
            return Reply(200, answer | {"encrypt": None} if "encrypt" in answer else answer)

        return catalog.after_window(server, answered)

    return update


for _kind in TYPES.values():
    route(
        "POST",
        f"{ATTRIBUTES_PATH}/{_kind.word}",
        "collections.write",
        DATABASE_ID,
        COLLECTION_ID,
        *_kind.create,
        ages=_kind.ages,
    )(_creator(_kind))
    route(
        "PATCH",
        f"{ATTRIBUTES_PATH}/{_kind.word}/{{key}}",
        "collections.write",
        DATABASE_ID,
        COLLECTION_ID,
        *_kind.update,
        ages=_kind.ages,
    )(_updater(_kind))


@route("GET", ATTRIBUTE_PATH, "collections.read", DATABASE_ID, COLLECTION_ID, KEY)
def get_attribute(server: Server, request: Request, values: dict[str, Any], words: Vocabulary) -> Reply:
    collection = find_collection_row(server, request, values, words)
    row = lookup.member(server, int(collection["number"]), "attributes", values["key"])
    if row is None:
        raise words.error("attribute_not_found", name=values["key"])
    return Reply(200, attribute_answer(row, words))


@route(
    "GET",
    ATTRIBUTES_PATH,
    "collections.read",
    DATABASE_ID,
    COLLECTION_ID,
    lookup.queries_of(lookup.ATTRIBUTES),
    lookup.TOTAL,
)
def list_attributes(server: Server, request: Request, values: dict[str, Any], words: Vocabulary) -> Reply:
    collection = find_collection_row(server, request, values, words)
    source = Source("db_attributes", lookup.ATTRIBUTES, "collection = ?", (collection["number"],))
    rows, total = lookup.page(server, source, values["queries"], noun=words.attribute.capitalize(), cursor_by="key")
    return Reply(200, {"total": total, words.attributes: [listed_attribute(row, words) for row in rows]})


@route("DELETE", ATTRIBUTE_PATH, "collections.write", DATABASE_ID, COLLECTION_ID, KEY)
def delete_attribute(server: Server, request: Request, values: dict[str, Any], words: Vocabulary) -> Reply:
    """Only an available attribute becomes `deleting`; any other keeps its status until the worker comes to it."""
    collection = find_collection_row(server, request, values, words)
    row = find_attribute(server, collection, values["key"], words)
    lookup.remember(server, int(collection["number"]), "attributes", row)
    _mark_deleting(server, row)
    options = json.loads(row["options"])
    if row["type"] == "relationship" and options["twoWay"]:
        _mark_mirror_deleting(server, options, words)
    jobs.enqueue(server, "delete attribute", int(row["number"]))
    return Reply(204)


def _mark_deleting(server: Server, row: sqlite3.Row) -> None:
    if row["status"] != "available":
        return
    server.db.execute(
        "UPDATE db_attributes SET status = 'deleting', updated_at = ? WHERE number = ?",
        (server.timestamp(), row["number"]),
    )


def _mark_mirror_deleting(server: Server, options: dict[str, Any], words: Vocabulary) -> None:
    related = catalog.row_by_number(server.db, options["related"])
    if related is None:
        raise words.error("collection_not_found")
    _mark_deleting(server, find_attribute(server, related, options["twoWayKey"], words))


# Changing an attribute in place. Appwrite does this at once, not in the background (1.8.1, Attributes/Action.php):
# the metadata is read and changed first, then the table, and after the window both copies are written.
#
# The type in the path is not compared with the attribute's type: what is checked depends on the attribute alone.


class AttributeUpdate:
    """One update of one attribute; `values` are the parameters of whichever route was used."""

    def __init__(
        self, server: Server, collection: sqlite3.Row, row: sqlite3.Row, values: dict[str, Any], words: Vocabulary
    ) -> None:
        if row["status"] != "available":
            raise words.error("attribute_not_available")
        self.server = server
        self.db = server.db
        self.collection = collection
        self.row = row
        self.values = values
        self.words = words
        self.default = values["default"]
        self.number = int(collection["number"])
        self.key = str(row["key"])

    def begin(self) -> Callable[[], sqlite3.Row]:
        """Check the change against the metadata as it is now. Returns what stores it, and answers the new row."""
        if self.row["type"] == "relationship":
            # A real server runs into an error that it does not foresee.
            raise ApiError("general_unknown")
        options = self._options()
        size = self.values.get("size") or int(self.row["size"])
        self._check_width(size)
        new_key = self._new_key()
        known = catalog.must_read(self.db, self.number)
        record = known.attribute(self.key)
        if record is None:
            # Lost in the metadata: not foreseen either, and answered like that for ever.
            raise ApiError("general_unknown")
        record |= {"size": size, "required": self.values["required"], "default": self.default, "options": options}
        if new_key is not None:
            self._rename_in(known, record, new_key)
        if size != self.row["size"] or new_key is not None:
            self._check_indexes(known, new_key or self.key)
        if new_key is not None:
            # Only the table knows that the key is taken, and it is asked last.
            self._refuse_taken(new_key)

        def finish() -> sqlite3.Row:
            if size != self.row["size"]:
                self._check_data(size)
            self._check_nulls()
            if new_key is not None:
                columns.rename_column(self.db, self.number, self.key, new_key)
                self._rename_listed(new_key)
            catalog.write(self.db, self.number, known)
            if limits.too_long_definition(self.default, options):
                # Not foreseen: the metadata has the change, what the API lists has not (1.8.1, Attributes/Action.php).
                raise ApiError("general_unknown", keep_writes=True)
            return self._store(size, options, new_key)

        return finish

    def _options(self) -> dict[str, Any]:
        options: dict[str, Any] = json.loads(self.row["options"])
        if self.row["format"] in RANGES:
            for bound in ("min", "max"):
                if self.values.get(bound) is not None:
                    options[bound] = self.values[bound]
            check_range(options["min"], options["max"], self.default, self.words)
        elif self.row["format"] == ENUM:
            options["elements"] = self._elements()
        return options

    def _elements(self) -> list[str]:
        elements = self.values.get("elements")
        if not elements:
            raise self.words.error("attribute_value_invalid", "Enum elements must not be empty")
        if self.default is not None and self.default not in elements:
            raise self.words.error("attribute_value_invalid", "Default value not found in elements")
        return list(elements)

    def _new_key(self) -> str | None:
        new_key: str | None = self.values["newKey"]
        return None if new_key == self.row["key"] else new_key

    def _refuse_taken(self, new_key: str) -> None:
        taken = self.db.execute(
            "SELECT 1 FROM db_attributes WHERE collection = ? AND key = ? AND number != ?",
            (self.number, new_key, self.row["number"]),
        ).fetchone()
        if taken is not None:
            raise self.words.error("attribute_already_exists", name=new_key)

    def _check_width(self, size: int) -> None:
        others = limits.columns_of(self.db, self.number, without=self.key)
        own = Width(str(self.row["type"]), size, bool(self.row["is_array"]))
        if not limits.fits([*others, own]):
            raise self.words.error("attribute_limit_exceeded", name=internal_name(self.collection))

    def _check_indexes(self, known: catalog.Metadata, key: str) -> None:
        """A longer string may no longer fit into the indexes that it belongs to, and a new name may stand in one of
        them already."""
        own = map(catalog.read_attribute, known.attributes)
        facts = {each.key.lower(): each for each in (*limits.system_attributes().values(), *own)}
        for index in known.indexes:
            if key in index["attributes"]:
                self._check_index(index, facts)

    def _check_index(self, index: catalog.Record, facts: dict[str, catalog.Attribute]) -> None:
        try:
            limits.check_again(index["type"], index["attributes"], index["lengths"], facts)
        except limits.BadIndex as problem:
            raise self.words.error("index_invalid", str(problem)) from None

    def _check_data(self, size: int) -> None:
        if self.row["type"] != "string" or self.row["is_array"] or size > self.row["size"]:
            return
        if columns.exceeds_size(self.db, self.number, self.key, size):
            raise self.words.error("attribute_invalid_resize")

    def _check_nulls(self) -> None:
        """Shapes that are required are columns that hold no nulls."""
        becomes_required = self.values["required"] and self.row["type"] in limits.SPATIAL
        if becomes_required and columns.has_null(self.db, self.number, self.key):
            raise self.words.error("attribute_invalid_resize")

    def _rename_in(self, known: catalog.Metadata, record: catalog.Record, new_key: str) -> None:
        record["key"] = new_key
        for index in known.indexes:
            index["attributes"] = [new_key if each == self.key else each for each in index["attributes"]]

    def _rename_listed(self, new_key: str) -> None:
        for index in self.db.execute("SELECT * FROM db_indexes WHERE collection = ?", (self.number,)).fetchall():
            attributes = json.loads(index["attributes"])
            if self.key in attributes:
                renamed = [new_key if each == self.key else each for each in attributes]
                self.db.execute(
                    "UPDATE db_indexes SET attributes = ?, updated_at = ? WHERE number = ?",
                    (json.dumps(renamed), self.server.timestamp(), index["number"]),
                )

    def _store(self, size: int, options: dict[str, Any], new_key: str | None) -> sqlite3.Row:
        stored = (size, self.values["required"], json.dumps(self.default), json.dumps(options))
        before = tuple(self.row[name] for name in ("size", "required", "default_value", "options"))
        is_changed = new_key is not None or stored != before
        self.db.execute(
            "UPDATE db_attributes SET key = ?, size = ?, required = ?, default_value = ?, options = ?, updated_at = ? "
            "WHERE number = ?",
            (
                new_key or self.row["key"],
                *stored,
                self.server.timestamp() if is_changed else self.row["updated_at"],
                self.row["number"],
            ),
        )
        row: sqlite3.Row | None = self.db.execute(
            "SELECT * FROM db_attributes WHERE number = ?", (self.row["number"],)
        ).fetchone()
        if row is None:
            raise self.words.error("attribute_not_found")
        return row


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
    number = _insert_relationship(server, own, own_key, options, words)
    if options["twoWay"]:
        mirror = columns.mirror_options(options, own_key, int(own["number"]), values["collectionId"])
        _insert_relationship(server, related, options["twoWayKey"], mirror, words)
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
        if relation.type == options["relationType"] == catalog.MANY_TO_MANY:
            raise words.error(
                "attribute_already_exists",
                f'Creating more than one "manyToMany" relationship on the same {words.collection} '
                "is currently not permitted.",
            )


def _insert_relationship(
    server: Server, collection: sqlite3.Row, attribute: str, options: Options, words: Vocabulary
) -> int:
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
