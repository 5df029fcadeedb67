"""The definitions of a collection as the document side needs them: what its metadata says, read once and remembered.

Each collection row carries a token that changes with every change of its definition. Definitions are remembered by
token, so that a rolled back change can never be taken for the real state.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import sqlite3
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from .. import ages
from ..ages import Age
from ..errors import ApiError

if TYPE_CHECKING:
    from ..server import Server


REMEMBERED = 512
FLOATS = frozenset({"double", "point", "linestring", "polygon"})

#: Rows of collections with what they need of their database.
COLLECTION_ROWS = (
    "SELECT c.*, d.id AS database_id, d.sequence AS database_sequence, d.project AS project "
    "FROM db_collections c JOIN db_databases d ON d.number = c.database"
)

ONE_TO_ONE, ONE_TO_MANY, MANY_TO_ONE, MANY_TO_MANY = "oneToOne", "oneToMany", "manyToOne", "manyToMany"


@dataclass(frozen=True)
class Relation:
    """One side of a relationship. `related` is the number of the other collection."""

    related: int
    type: str
    two_way: bool
    two_way_key: str
    on_delete: str
    side: str
    junction: str = ""

    @property
    def is_parent(self) -> bool:
        return self.side == "parent"

    @property
    def is_list(self) -> bool:
        """Whether a document holds many related ones."""
        if self.type == MANY_TO_MANY:
            return True
        return self.type == (ONE_TO_MANY if self.is_parent else MANY_TO_ONE)

    @property
    def is_stored(self) -> bool:
        """Whether the collection's own table has a column for this side."""
        if self.type == ONE_TO_ONE:
            return self.is_parent or self.two_way
        return not self.is_list


@dataclass(frozen=True)
class Attribute:
    """An attribute. `type` is the wire type; `options` hold min and max, or elements. `has_column` is False where the
    metadata speaks of a column that the table does not have (any more)."""

    key: str
    type: str
    format: str
    size: int
    required: bool
    is_array: bool
    encrypt: bool
    default: Any
    options: dict[str, Any]
    hidden: bool
    relation: Relation | None = None
    has_column: bool = True

    @property
    def is_stored(self) -> bool:
        return self.relation is None or self.relation.is_stored


@dataclass(frozen=True)
class Index:
    """An index."""

    key: str
    type: str
    attributes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Collection:
    """A collection with everything that its metadata knows, in the order of creation. Compared by identity, so that
    what is derived from it can be remembered."""

    number: int
    sequence: int
    id: str
    database: int
    database_id: str
    attributes: tuple[Attribute, ...]
    indexes: tuple[Index, ...]
    age: Age

    @property
    def table(self) -> str:
        return table_name(self.number)

    @cached_property
    def by_key(self) -> dict[str, Attribute]:
        return {attribute.key: attribute for attribute in self.attributes}

    @cached_property
    def plain(self) -> tuple[Attribute, ...]:
        """Attributes that are no relationships."""
        return tuple(attribute for attribute in self.attributes if attribute.relation is None)

    @cached_property
    def relations(self) -> tuple[tuple[Attribute, Relation], ...]:
        return tuple((each, each.relation) for each in self.attributes if each.relation is not None)

    @cached_property
    def stored(self) -> tuple[Attribute, ...]:
        """Attributes that have a column."""
        return tuple(attribute for attribute in self.attributes if attribute.is_stored)

    @cached_property
    def readable(self) -> tuple[Attribute, ...]:
        """Attributes that really have one: a document is read whole, whatever the metadata says (`SELECT *`)."""
        return tuple(attribute for attribute in self.stored if attribute.has_column)

    @cached_property
    def optional(self) -> tuple[str, ...]:
        """Keys of those that a document may leave out."""
        return tuple(attribute.key for attribute in self.stored if not attribute.required)

    @cached_property
    def shown(self) -> tuple[str, ...]:
        """Keys that the API lists."""
        return tuple(attribute.key for attribute in self.attributes if not attribute.hidden)

    @cached_property
    def defaulted(self) -> tuple[Attribute, ...]:
        """Plain attributes whose value may not be stored as it was sent: dates, and what has a default."""
        return tuple(each for each in self.plain if each.type == "datetime" or each.default is not None)

    @cached_property
    def doubles(self) -> tuple[str, ...]:
        """Keys of attributes whose values have floats in them."""
        return tuple(attribute.key for attribute in self.plain if attribute.type in FLOATS)


def table_name(collection: int) -> str:
    """The real table of a collection."""
    return f"docs_{collection}"


_remembered: OrderedDict[str, Collection] = OrderedDict()


def load(db: sqlite3.Connection, row: sqlite3.Row) -> Collection:
    """The collection of one of the `COLLECTION_ROWS`."""
    token = str(row["token"])
    known = _remembered.get(token)
    if known is not None:
        return known
    number = int(row["number"])
    known_of = read(db, number) or Metadata([], [], [], False)
    columns = {
        str(each[0]).lower() for each in db.execute("SELECT name FROM pragma_table_info(?)", (table_name(number),))
    }
    collection = Collection(
        number=number,
        sequence=int(row["sequence"]),
        id=str(row["id"]),
        database=int(row["database"]),
        database_id=str(row["database_id"]),
        attributes=tuple(
            read_attribute(each, has_column=each["key"].lower() in columns) for each in known_of.attributes
        ),
        indexes=tuple(Index(each["key"], each["type"], tuple(each["attributes"])) for each in known_of.indexes),
        age=ages.remembered(db),
    )
    _remembered[token] = collection
    if len(_remembered) > REMEMBERED:
        _remembered.popitem(last=False)
    return collection


def forget_all() -> None:
    """Read definitions again: a data directory may be of another age than before."""
    _remembered.clear()


def load_number(db: sqlite3.Connection, number: int) -> Collection | None:
    """The collection with an internal number, unless it was deleted."""
    row = row_by_number(db, number)
    return None if row is None else load(db, row)


def row_by_number(db: sqlite3.Connection, number: int) -> sqlite3.Row | None:
    """The row of a collection that was not deleted."""
    row: sqlite3.Row | None = db.execute(
        f"{COLLECTION_ROWS} WHERE c.number = ? AND c.deleted = 0", (number,)
    ).fetchone()
    return row


def read_attribute(record: Mapping[str, Any], *, has_column: bool = True) -> Attribute:
    """A record of the metadata as a value."""
    options = dict(record["options"])
    return Attribute(
        key=record["key"],
        type=record["type"],
        format=record["format"],
        size=record["size"],
        required=record["required"],
        is_array=record["array"],
        encrypt=record["encrypt"],
        default=record["default"],
        options=options,
        hidden=record["hidden"],
        relation=_read_relation(options) if record["type"] == "relationship" else None,
        has_column=has_column,
    )


def _read_relation(options: dict[str, Any]) -> Relation:
    return Relation(
        related=options["related"],
        type=options["relationType"],
        two_way=options["twoWay"],
        two_way_key=options["twoWayKey"],
        on_delete=options["onDelete"],
        side=options["side"],
        junction=options.get("junction", ""),
    )


# The second copy of a collection's schema: the one that documents are checked against.
#
# Appwrite keeps each attribute and index twice: as a document of its own, which the API lists (`db_attributes`,
# `db_indexes`), and inside one metadata document of the collection (`db_metadata`). PATCHes of attributes and PUTs of
# collections (HTTP workers), creations and deletions (database workers) read that document, change the table, and
# write the document back whole, without a lock. Where two overlap, the one that writes last takes back what the other
# wrote, and the API's list does not show it (utopia-php/database 3.5.0, Database.php; observed on 1.8.1, 1.9.6).
#
# Nobody else writes `db_metadata`. Who changes a schema calls `read`, lets the window pass, and calls `write`.


Result = TypeVar("Result")
Record = dict[str, Any]


@dataclass
class Metadata:
    """One collection's metadata document. A record of an attribute has `key type format size required array encrypt
    default options` (of a relationship also `hidden`: the far side of a one-way one, and `index`: its real index); one
    of an index has `number key type attributes lengths orders`."""

    attributes: list[Record]
    indexes: list[Record]
    permissions: list[str]
    document_security: bool

    def attribute(self, key: str) -> Record | None:
        """The attribute of a key, found without regard to case."""
        return _by_key(self.attributes, key)

    def index(self, key: str) -> Record | None:
        """The index of a key, found without regard to case."""
        return _by_key(self.indexes, key)

    def without_attribute(self, key: str) -> None:
        """Take an attribute out, also out of the indexes; one that is left empty goes too."""
        self.attributes = [each for each in self.attributes if each["key"].lower() != key.lower()]
        for index in self.indexes:
            kept = [place for place, each in enumerate(index["attributes"]) if each.lower() != key.lower()]
            for name in ("attributes", "lengths", "orders"):
                index[name] = [index[name][place] for place in kept if place < len(index[name])]
        self.indexes = [each for each in self.indexes if each["attributes"]]

    def without_index(self, key: str) -> None:
        self.indexes = [each for each in self.indexes if each["key"].lower() != key.lower()]


def _by_key(records: list[Record], key: str) -> Record | None:
    return next((each for each in records if each["key"].lower() == key.lower()), None)


def read(db: sqlite3.Connection, collection: int) -> Metadata | None:
    """A copy of the document as it is now; None when the collection is gone."""
    row = db.execute("SELECT content FROM db_metadata WHERE collection = ?", (collection,)).fetchone()
    return None if row is None else Metadata(**json.loads(row["content"]))


def create(db: sqlite3.Connection, collection: int, permissions: list[str], *, security: bool) -> None:
    """The document of a new collection."""
    _store(db, collection, Metadata([], [], permissions, security))


def write(db: sqlite3.Connection, collection: int, metadata: Metadata) -> None:
    """Put the document back, whole. Nothing happens when the collection is gone."""
    if db.execute("SELECT 1 FROM db_metadata WHERE collection = ?", (collection,)).fetchone() is not None:
        _store(db, collection, metadata)


def _store(db: sqlite3.Connection, collection: int, metadata: Metadata) -> None:
    content = json.dumps(vars(metadata), ensure_ascii=False)
    db.execute("INSERT OR REPLACE INTO db_metadata (collection, content) VALUES (?, ?)", (collection, content))
    touch(db, collection)


def new_token() -> str:
    return secrets.token_hex(8)


def touch(db: sqlite3.Connection, collection: int) -> None:
    """Say that the definition of a collection has changed."""
    db.execute("UPDATE db_collections SET token = ? WHERE number = ?", (new_token(), collection))


def must_read(db: sqlite3.Connection, collection: int) -> Metadata:
    """As `read`, for an HTTP worker: without the document, a real one runs into an error that it does not foresee."""
    found = read(db, collection)
    if found is None:
        raise ApiError("general_unknown")
    return found


def after_window(server: Server, finish: Callable[[], Result]) -> Result | Awaitable[Result]:
    """Do the second half of an HTTP worker's change when the window between its read and its write has passed."""
    window = server.settings.window
    if not window:
        return finish()

    async def wait() -> Result:
        await asyncio.sleep(window)
        with server.transaction():
            try:
                return finish()
            except ApiError as error:
                if not error.keep_writes:
                    raise
                failure = error
        raise failure

    return wait()


def adopt(db: sqlite3.Connection) -> None:
    """Make the documents of collections that an older server kept: there `built` said what documents knew."""
    names = {str(each["name"]) for each in db.execute("SELECT name FROM pragma_table_info('db_attributes')")}
    if "built" not in names:
        return
    rows = db.execute(
        "SELECT number, permissions, document_security FROM db_collections "
        "WHERE number NOT IN (SELECT collection FROM db_metadata)"
    ).fetchall()
    for row in rows:
        number = int(row["number"])
        attributes = _built(db, "db_attributes", number)
        indexes = _built(db, "db_indexes", number)
        records = [attribute_record(each, hidden=bool(each["hidden"])) for each in attributes]
        kept = Metadata(
            records,
            [index_record(each) for each in indexes],
            json.loads(row["permissions"]),
            bool(row["document_security"]),
        )
        _store(db, number, kept)
    db.execute("DELETE FROM db_attributes WHERE hidden = 1")


def _built(db: sqlite3.Connection, table: str, collection: int) -> list[sqlite3.Row]:
    return db.execute(
        f"SELECT * FROM {table} WHERE collection = ? AND built = 1 ORDER BY number", (collection,)
    ).fetchall()


def attribute_record(row: sqlite3.Row, *, hidden: bool = False) -> Record:
    """The record of a listed attribute."""
    return {
        "key": str(row["key"]),
        "type": str(row["type"]),
        "format": str(row["format"]),
        "size": int(row["size"]),
        "required": bool(row["required"]),
        "array": bool(row["is_array"]),
        "encrypt": bool(row["encrypt"]),
        "default": json.loads(row["default_value"]),
        "options": json.loads(row["options"]),
        "hidden": hidden,
        "index": f"rel_{row['number']}",
    }


def index_record(row: sqlite3.Row) -> Record:
    """The record of a listed index."""
    lists = {name: json.loads(row[name]) for name in ("attributes", "lengths", "orders")}
    return {"number": int(row["number"]), "key": str(row["key"]), "type": str(row["type"]), **lists}
