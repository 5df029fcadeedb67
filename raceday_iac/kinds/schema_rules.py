"""The rules of a database's schema: what Appwrite keeps of a declaration, what differs, which requests write it, and
who may write it now.

They are written here once. The reconciler's kinds use them, and packing puts them into the bundle of a function that
sets up a schema by itself (`RULES` in `packaging/bundle.py`). So this module imports nothing but the standard
library and others of which the same is true.

Fields are *canonical*: named as in Appwrite's answers, lists are tuples, and what Appwrite fills in by itself is filled
in. A request's body may hold tuples where JSON has lists.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from ..model import limits

Fields = Mapping[str, Any]

#: In which order things need each other: low first. Deletions run the other way round.
STAGES = {"database": 10, "collection": 20, "attribute": 30, "relationship": 35, "index": 40}
#: What an update can change. Everything else takes a new one, which loses what is in the old one.
IN_PLACE: Mapping[str, frozenset[str]] = {
    "database": frozenset({"name", "enabled"}),
    "collection": frozenset({"name", "permissions", "documentSecurity", "enabled"}),
    "attribute": frozenset({"required", "default", "size", "min", "max", "elements"}),
    "relationship": frozenset({"onDelete"}),
    "index": frozenset(),
}
#: Fields whose order means nothing to Appwrite.
SETS: Mapping[str, frozenset[str]] = {
    "collection": frozenset({"permissions"}),
    "attribute": frozenset({"elements"}),
}

#: Our type (also the last part of the create path) by the server's type.
TYPE_OF_WIRE = {
    "integer": "integer",
    "double": "float",
    "boolean": "boolean",
    "datetime": "datetime",
    "point": "point",
    "linestring": "line",
    "polygon": "polygon",
}
_WIRE_OF_TYPE = {ours: theirs for theirs, ours in TYPE_OF_WIRE.items()}
FORMATS = ("email", "url", "ip", "enum")
#: Types for whose values a query cannot ask by `isNull` and `isNotNull`: 500 on 1.8.1 and 1.9.6.
SHAPES = frozenset({"point", "line", "polygon"})
#: Fields of a type beside type, required, default and array.
EXTRA_FIELDS = {
    "string": ("size", "encrypt"),
    "varchar": ("size", "encrypt"),
    "text": ("encrypt",),
    "mediumtext": ("encrypt",),
    "longtext": ("encrypt",),
    "integer": ("min", "max"),
    "bigint": ("min", "max"),
    "float": ("min", "max"),
    "enum": ("elements",),
}


#: The first version of Appwrite that has a type, where that is not 1.8 or before.
TYPES_SINCE = {**dict.fromkeys(("varchar", *limits.TEXT_BYTES), "1.9.0"), "bigint": "1.9.5"}
WHOLE = ("integer", "bigint")


class FieldDifference(NamedTuple):
    """One field that is not as wanted. `in_place`: an update can change it."""

    field: str
    wanted: Any
    real: Any
    in_place: bool

    def __str__(self) -> str:
        return f"{self.field} is {self.real!r}, wanted {self.wanted!r}"


class Request(NamedTuple):
    """A write, its path relative to the endpoint."""

    method: str
    path: str
    body: Mapping[str, Any]


def differences(kind: str, wanted: Fields, real: Fields) -> list[FieldDifference]:
    """The wanted fields whose real value is another one. Another type comes alone: the rest means nothing then."""
    if kind == "attribute" and wanted["type"] != real["type"]:
        return [FieldDifference("type", wanted["type"], real["type"], False)]
    sets = SETS.get(kind, frozenset())
    return [
        FieldDifference(name, value, real.get(name), name in IN_PLACE[kind])
        for name, value in wanted.items()
        if not same(value, real.get(name), unordered=name in sets)
    ]


def same(wanted: Any, real: Any, *, unordered: bool) -> bool:
    """Whether two plain values, or two tuples of such, mean the same to Appwrite."""
    if unordered and isinstance(wanted, tuple) and isinstance(real, tuple):
        return set(wanted) == set(real)
    # True == 1 in Python, but a boolean is no number.
    return isinstance(wanted, bool) == isinstance(real, bool) and bool(wanted == real)


def schema_places(ids: Sequence[str], fields: Fields) -> frozenset[Place]:
    """The places whose schema a write changes: a database, or a collection; of a relationship both collections, for the
    other one gets a far side, even where it does not show it."""
    related = fields.get("relatedCollection")
    return frozenset({tuple(ids[:2]), (ids[0], str(related))} if related else {tuple(ids[:2])})


def database_fields(raw: Fields) -> dict[str, Any]:
    """Of an answer or a declaration, as all that follow."""
    return {"name": str(raw["name"]), "enabled": bool(raw["enabled"])}


def collection_fields(raw: Fields) -> dict[str, Any]:
    """An answer calls its permissions `$permissions`."""
    permissions = raw["$permissions"] if "$permissions" in raw else raw["permissions"]
    return {
        "name": str(raw["name"]),
        "permissions": limits.expand_permissions(permissions),
        "documentSecurity": bool(raw["documentSecurity"]),
        "enabled": bool(raw["enabled"]),
    }


def type_of(raw: Fields) -> str:
    """Our name of the type of an attribute."""
    wire = str(raw["type"])
    if wire == "string":
        form = str(raw.get("format") or "")
        return form if form in FORMATS else "string"
    return TYPE_OF_WIRE.get(wire, wire)


def attribute_fields(raw: Fields) -> dict[str, Any]:
    """Decided on the raw `type` and `format`."""
    kind = type_of(raw)
    fields: dict[str, Any] = {
        "type": kind,
        "required": bool(raw["required"]),
        "default": canonical_default(kind, raw.get("default")),
        "array": bool(raw.get("array", False)),
    }
    for name in EXTRA_FIELDS.get(kind, ()):
        value = raw.get(name)
        if name in ("min", "max"):
            value = canonical_bound(kind, value)
        elif name == "elements":
            value = tuple(value or ())
        elif name == "encrypt" and (value is not None or "encrypt" not in raw or kind == "string"):
            # The list of attributes answers null for the types of 1.9, encrypted or not; a collection says it.
            value = bool(value)
        fields[name] = value
    return fields


def canonical_default(kind: str, default: Any) -> Any:
    """A default in the form that compares: floats as floats, instants in UTC with milliseconds."""
    if default is None:
        return None
    if kind == "float":
        return float(default)
    if kind == "datetime":
        return canonical_instant(str(default))
    return _tuples(default)


def _tuples(value: Any) -> Any:
    """Coordinates as nested tuples of floats."""
    if isinstance(value, list | tuple):
        return tuple(float(item) if isinstance(item, int) else _tuples(item) for item in value)
    return value


def canonical_instant(text: str) -> str:
    """`2025-01-31T10:20:30.123+00:00`, as the server answers; text that is no instant stays as it is."""
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        return text
    aware = instant if instant.tzinfo else instant.replace(tzinfo=UTC)
    return aware.astimezone(UTC).isoformat(timespec="milliseconds")


def canonical_bound(kind: str, bound: Any) -> Any:
    """A range bound; the extremes that the server answers for an unset one become None (traps 36)."""
    if bound is None:
        return None
    if kind in WHOLE:
        # Some JSON readers on the way turn the extremes into floats, which rounds them outwards.
        return None if bound <= limits.INTEGER_MINIMUM or bound >= limits.INTEGER_MAXIMUM else int(bound)
    return None if abs(float(bound)) >= limits.FLOAT_EXTREME else float(bound)


def relationship_fields(raw: Fields) -> dict[str, Any]:
    """Looking for a relationship may find a plain attribute that holds its key; that has none of these."""
    return {
        "relatedCollection": str(raw.get("relatedCollection", "")),
        "relationType": str(raw.get("relationType", "")),
        "twoWay": bool(raw.get("twoWay")),
        "twoWayKey": str(raw.get("twoWayKey", "")),
        "onDelete": str(raw.get("onDelete", "")),
    }


def is_mirror(raw: Fields) -> bool:
    """Whether this is the side of a relationship that the server made by itself (trap 38)."""
    return raw.get("side") == "child"


def index_fields(raw: Fields, arrays: Collection[str] = frozenset()) -> dict[str, Any]:
    """`arrays` are the array attributes: their order and length are the server's."""
    attributes = tuple(str(name) for name in raw["attributes"])
    return {
        "type": str(raw["type"]),
        "attributes": attributes,
        "orders": canonical_orders(attributes, raw.get("orders") or (), arrays),
        "lengths": canonical_lengths(attributes, raw.get("lengths") or (), arrays),
    }


def canonical_orders(
    attributes: Sequence[str], orders: Sequence[Any], arrays: Collection[str] = frozenset()
) -> tuple[str, ...]:
    """One order per attribute; what is not said (or dropped by the server, as those of arrays) is ascending."""
    given = [str(order or "ASC").upper() for order in orders][: len(attributes)]
    padded = given + ["ASC"] * (len(attributes) - len(given))
    return tuple("ASC" if name in arrays else order for name, order in zip(attributes, padded, strict=True))


def canonical_lengths(
    attributes: Sequence[str], lengths: Sequence[Any], arrays: Collection[str] = frozenset()
) -> tuple[int, ...]:
    """One length per attribute, 0 = whole. The server forces 255 on array attributes (trap 35)."""
    given = [int(length or 0) for length in lengths][: len(attributes)]
    padded = given + [0] * (len(attributes) - len(given))
    return tuple(
        limits.ARRAY_INDEX_LENGTH if name in arrays else length for name, length in zip(attributes, padded, strict=True)
    )


def path_of(kind: str, ids: Sequence[str]) -> str:
    """Where a thing is read and deleted; `ids` are those of database, collection and itself, as far as it has them."""
    database = f"/databases/{ids[0]}"
    if kind == "database":
        return database
    collection = f"{database}/collections/{ids[1]}"
    if kind == "collection":
        return collection
    return f"{collection}/{'indexes' if kind == 'index' else 'attributes'}/{ids[2]}"


def create_request(kind: str, ids: Sequence[str], fields: Fields) -> Request:
    """What makes a new thing of these fields."""
    above, _, name = path_of(kind, ids).rpartition("/")
    if kind == "database":
        return Request("post", above, {"databaseId": name, **fields})
    if kind == "collection":
        return Request("post", above, {"collectionId": name, **_collection_body(fields)})
    if kind == "attribute":
        return Request("post", f"{above}/{fields['type']}", {"key": name, **_new_attribute(fields)})
    if kind == "relationship":
        own = {
            "relatedCollectionId": fields["relatedCollection"],
            "type": fields["relationType"],
            **{each: fields[each] for each in ("twoWay", "twoWayKey", "onDelete")},
        }
        return Request("post", f"{above}/relationship", {"key": name, **own})
    return Request("post", above, {"key": name, **_new_index(fields)})


def update_request(kind: str, ids: Sequence[str], fields: Fields, real: Fields) -> Request:
    """What changes a thing with the `real` fields in place. Indexes have none. What is left out of an update of another
    kind than an attribute is reset (1.8.1), so everything is sent."""
    path = path_of(kind, ids)
    if kind == "database":
        return Request("put", path, dict(fields))
    if kind == "collection":
        return Request("put", path, _collection_body(fields))
    if kind == "relationship":
        return Request("patch", f"{path}/relationship", {"onDelete": fields["onDelete"]})
    if kind == "attribute":
        above, _, name = path.rpartition("/")
        return Request("patch", f"{above}/{fields['type']}/{name}", _changed_attribute(fields, real))
    raise ValueError(f"{kind} has no update")


def _collection_body(fields: Fields) -> dict[str, Any]:
    return {**fields, "permissions": limits.pack_permissions(fields["permissions"])}


def _new_attribute(fields: Fields) -> dict[str, Any]:
    """An absent setting means null; sending null is only safe where it is documented."""
    body = {name: value for name, value in fields.items() if value is not None and name != "type"}
    if not body.get("encrypt"):
        body.pop("encrypt", None)
    return body


def _changed_attribute(fields: Fields, real: Fields) -> dict[str, Any]:
    """`required` and `default` must be in every update, the default also as null; elements are replaced as a whole. A
    bound that is left out keeps its old value, so an unset one is sent as the extreme."""
    body = {name: fields[name] for name in ("required", "default", "elements") if name in fields}
    for name in ("size", "min", "max"):
        if name in fields and fields[name] != real.get(name):
            value = fields[name]
            body[name] = _EXTREMES[fields["type"], name] if value is None else value
    return body


_EXTREMES: Mapping[tuple[str, str], Any] = {
    **{(kind, "min"): limits.INTEGER_MINIMUM for kind in WHOLE},
    **{(kind, "max"): limits.INTEGER_MAXIMUM for kind in WHOLE},
    ("float", "min"): -limits.FLOAT_EXTREME,
    ("float", "max"): limits.FLOAT_EXTREME,
}


def _new_index(fields: Fields) -> dict[str, Any]:
    body: dict[str, Any] = {"type": fields["type"], "attributes": fields["attributes"]}
    # 1.8.1 answers 500 to an array behind other attributes when their orders are left out: it then keeps a list with a
    # gap (Indexes/Create.php and utopia-php/database 3.5.0, tried on it).
    may_have_gap = limits.ARRAY_INDEX_LENGTH in fields["lengths"][1:]
    if may_have_gap or any(order != "ASC" for order in fields["orders"]):
        body["orders"] = fields["orders"]
    if any(fields["lengths"]):
        body["lengths"] = fields["lengths"]
    return body


#: Types that may be named in the creation of their collection (1.9.6); main, on the way to 2.0, takes all.
_INLINE = ("string", *WHOLE, "float", "boolean", "datetime", *SHAPES, *FORMATS)
#: How many of one list a request may hold.
MOST_INLINE = 100
_INT_32 = (-(2**31), 2**31 - 1)


def inline_attribute(key: str, fields: Fields, *, takes_all: bool) -> dict[str, Any] | None:
    """What the creation of its collection says of an attribute, from 1.9; None of what cannot be said there. An
    encrypted one cannot, nor an enum with an element that PHP takes for empty or that is long in bytes."""
    kind, elements = fields["type"], fields.get("elements", ())
    if fields.get("encrypt") or not (takes_all or kind in _INLINE):
        return None
    if any(each == "0" or len(each.encode()) > limits.ENUM_ELEMENT for each in elements):
        return None
    # A number that comes without bounds here takes none later: only with bounds Appwrite gives it a range (1.9.6).
    bounds = {name: _EXTREMES[kind, name] for name in ("min", "max") if (kind, name) in _EXTREMES}
    body = {"key": key, **bounds, **_new_attribute(fields), "type": _WIRE_OF_TYPE.get(kind, kind)}
    if kind == "integer" and not _INT_32[0] <= body["min"] <= body["max"] <= _INT_32[1]:
        # Its own route sees that by the bounds; here an integer has 32 bits unless it is said (1.9.6).
        body["size"] = 8
    if kind in FORMATS:
        # 1.9.6 asks for a size, main knows it.
        body |= {"type": "string", "format": kind, "size": limits.TEXT_SIZES[kind]}
    return body


def inline_index(key: str, fields: Fields) -> dict[str, Any]:
    """The same of an index; its attributes must be there too."""
    return {"key": key, **_new_index(fields)}


def linked_keys(collection: str, relationships: Iterable[tuple[str, str, Fields]]) -> list[str]:
    """Keys of relationships, with far sides, that documents of a collection must know. Of each one: the collection it
    is declared in, its key, its fields. Of one of a collection with itself 1.8.1 loses the key by itself."""
    found = []
    for owner, key, fields in relationships:
        if owner == fields["relatedCollection"]:
            continue
        if owner == collection:
            found.append(key)
        elif fields["relatedCollection"] == collection and fields["twoWay"]:
            found.append(str(fields["twoWayKey"]))
    return found


#: What a relationship takes of a row's width.
RELATIONSHIP_WIDTH = 1021
_FIXED_WIDTHS = {"float": 8, "bigint": 8, "boolean": 1, "datetime": 7, "point": 25, "line": 20, "polygon": 20}
_OUTSIDE_WIDTH = 20
#: System attributes that can be indexed, and the characters that they count for.
SYSTEM_LENGTHS = {"$id": 255, "$createdAt": 1, "$updatedAt": 1}


def attribute_width(fields: Fields) -> int:
    """Bytes of a row that an attribute takes, as Appwrite counts before it accepts one (1.8.1)."""
    if fields.get("array"):
        return _OUTSIDE_WIDTH
    if fields["type"] == "integer":
        return integer_bytes(fields.get("max"))
    if fields["type"] in _FIXED_WIDTHS:
        return _FIXED_WIDTHS[fields["type"]]
    size = characters(fields)
    if size > limits.LONGEST_VARCHAR:
        return _OUTSIDE_WIDTH
    return 4 * size + (1 if size <= 255 else 2)


def characters(fields: Fields) -> int:
    """The size of a text, 0 of other types."""
    kind = fields["type"]
    if kind in ("string", "varchar"):
        return fields.get("size") or 0
    return limits.TEXT_SIZES.get(kind, limits.TEXT_BYTES.get(kind, 0))


def integer_bytes(maximum: float | None) -> int:
    """How wide an integer is kept."""
    return 8 if maximum is None or maximum > limits.SMALL_INTEGER_MAXIMUM else 4


def text_in_index(fields: Fields, stated: int) -> int:
    """Characters of a text that are in an index, 0 of other types. `stated`: the length that the index gives, or 0."""
    return limits.ARRAY_INDEX_LENGTH if fields.get("array") else stated or characters(fields)


def length_in_index(fields: Fields, stated: int) -> int:
    """What an attribute counts for in the length of an index, in characters."""
    return text_in_index(fields, stated) or (2 if fields["type"] == "float" else 1)


# Who may write a collection's schema now, and what one read can prove of it afterwards.
#
# Appwrite keeps the schema of a collection twice: as the documents that its API lists, and as one metadata document
# that documents are checked against. Creations, changes and deletions of attributes, relationships and indexes, and a
# PUT of the collection, each read that document, change it, and write it back whole, without a lock. So two that
# overlap lose each other, and the lists do not show it (observed on 1.8.1, 1.9.6; nothing mends it but a new
# collection). A *turn* is the right to do one such write: from its request to the end of the work that Appwrite does in
# the background.


#: A collection, `(database, collection)`, or a whole database, `(database,)`.
Place = tuple[str, ...]

#: Names in one `select` query, which Appwrite takes up to 4096 characters long. A key has 36 at most.
_SELECTED = 80


@dataclass(frozen=True)
class Turn:
    """The places whose schema is written; a relationship has two. None: whatever it is, it writes no schema.

    `together` are creations that may overlap with each other, and with nothing else: the attributes of a collection
    that this run has made and that is empty. With one database worker, which is the default, nothing of them is lost;
    where something is, the collection can be made again.
    """

    places: frozenset[Place] = frozenset()
    together: bool = False


class Turns:
    """Gives turns to writers, which have a name each. Not for use by several threads at a time."""

    def __init__(self) -> None:
        self._taken: dict[str, Turn] = {}
        #: Places whose last writer ended without its end being seen, with the name of that writer.
        self._closed: dict[Place, str] = {}

    def take(self, writer: str, turn: Turn) -> bool:
        """Whether the writer has the turn from now on."""
        if self.closed_by(turn) or any(_excludes(turn, other) for other in self._taken.values()):
            return False
        if turn.places:
            self._taken[writer] = turn
        return True

    def give_back(self, writer: str, *, is_settled: bool = True) -> None:
        """The writer is done. Unless its end was seen, nobody may write there any more: Appwrite may be at it still."""
        turn = self._taken.pop(writer, Turn())
        if not is_settled:
            self._closed.update(dict.fromkeys(turn.places, writer))

    def closed_by(self, turn: Turn) -> str:
        """The writer whose end was not seen, when there is one at these places."""
        return next((self._closed[at] for at in sorted(self._closed) if _meets(at, turn.places)), "")


def _excludes(one: Turn, other: Turn) -> bool:
    return not (one.together and other.together) and any(_meets(place, other.places) for place in one.places)


def _meets(place: Place, others: Iterable[Place]) -> bool:
    """Whether a place is one of the others, lies in one, or one lies in it."""
    return any(place[: len(each)] == each[: len(place)] for each in others)


def selections(keys: Iterable[str], relationships: Iterable[str] = ()) -> list[list[str]]:
    """Values for as many `select` queries as it takes to name everything. A relationship is named by a path."""
    names = [*dict.fromkeys(keys), *(f"{key}.$id" for key in dict.fromkeys(relationships))]
    return [names[start : start + _SELECTED] for start in range(0, len(names), _SELECTED)]


def unknown_among(names: Sequence[str], is_refused: Callable[[Sequence[str]], bool]) -> Iterator[str]:
    """Those names that documents do not know. A refusal is about all of them together, so it is asked in halves."""
    if not names or not is_refused(names):
        return
    if len(names) == 1:
        yield names[0]
        return
    middle = len(names) // 2
    yield from unknown_among(names[:middle], is_refused)
    yield from unknown_among(names[middle:], is_refused)
