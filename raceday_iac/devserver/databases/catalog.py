"""The definitions of a collection as the document side needs them: what its metadata says, read once and remembered.

Each collection row carries a token that changes with every change of its definition. Definitions are remembered by
token, so that a rolled back change can never be taken for the real state.
"""

from __future__ import annotations

import sqlite3
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from . import metadata

REMEMBERED = 512

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
    kind: str
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
        if self.kind == MANY_TO_MANY:
            return True
        return self.kind == (ONE_TO_MANY if self.is_parent else MANY_TO_ONE)

    @property
    def is_stored(self) -> bool:
        """Whether the collection's own table has a column for this side."""
        if self.kind == ONE_TO_ONE:
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
        return tuple(attribute.key for attribute in self.plain if attribute.type == "double")


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
    known_of = metadata.read(db, number) or metadata.Metadata([], [], [], False)
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
    )
    _remembered[token] = collection
    if len(_remembered) > REMEMBERED:
        _remembered.popitem(last=False)
    return collection


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
        kind=options["relationType"],
        two_way=options["twoWay"],
        two_way_key=options["twoWayKey"],
        on_delete=options["onDelete"],
        side=options["side"],
        junction=options.get("junction", ""),
    )
