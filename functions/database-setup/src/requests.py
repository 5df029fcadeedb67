"""The request that creates or changes each kind of thing. Never a null where the server does not expect one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from . import addresses
from .compare import FLOAT_EXTREME, INTEGER_MAXIMUM, INTEGER_MINIMUM, Difference, live_attribute
from .schema import Attribute, Collection, Index, Relationship, Schema


class Item(NamedTuple):
    """One thing to create: the request, and where it can be read afterwards."""

    kind: str
    address: str
    collection: str
    key: str
    create_path: str
    body: Mapping[str, Any]
    read_path: str


class Update(NamedTuple):
    """One thing to change in place."""

    address: str
    method: str
    path: str
    body: Mapping[str, Any]
    differences: tuple[Difference, ...]
    collection: str = ""
    attribute: Attribute | None = None
    #: The other collection of a relationship, whose schema is written as well.
    related: tuple[str, ...] = ()


def far_side(item: Item) -> set[tuple[str, str]]:
    """Where the server shows the other side of a two-way relationship: collection and key."""
    if not item.body.get("twoWay"):
        return set()
    return {(item.body["relatedCollectionId"], str(item.body.get("twoWayKey") or item.collection))}


def create_database(schema: Schema) -> Item:
    path = addresses.database_path(schema.database_id)
    body = {"databaseId": schema.database_id, "name": schema.database_name, "enabled": schema.database_enabled}
    return Item("database", addresses.address("database", schema.database_id), "", "", "/databases", body, path)


def create_collection(database: str, wanted: Collection) -> Item:
    body = {"collectionId": wanted.id, **_collection_fields(wanted)}
    create = f"{addresses.database_path(database)}/collections"
    read = addresses.collection_path(database, wanted.id)
    return Item("collection", addresses.address("collection", database, wanted.id), wanted.id, "", create, body, read)


def create_attribute(database: str, collection: str, wanted: Attribute) -> Item:
    optional = {
        "default": wanted.default,
        "size": wanted.size,
        "min": wanted.minimum,
        "max": wanted.maximum,
        "elements": list(wanted.elements) or None,
        "encrypt": wanted.encrypt or None,
    }
    body = {"key": wanted.key, "required": wanted.required, "array": wanted.array}
    body |= {name: value for name, value in optional.items() if value is not None}
    return _part("attribute", database, collection, wanted.key, f"attributes/{wanted.type}", body)


def create_relationship(database: str, collection: str, wanted: Relationship) -> Item:
    body = {
        "relatedCollectionId": wanted.related,
        "type": wanted.type,
        "twoWay": wanted.two_way,
        "key": wanted.key,
        "onDelete": wanted.on_delete,
    }
    if wanted.two_way_key is not None:
        body["twoWayKey"] = wanted.two_way_key
    return _part("relationship", database, collection, wanted.key, "attributes/relationship", body)


def create_index(database: str, collection: str, wanted: Index) -> Item:
    body: dict[str, Any] = {"key": wanted.key, "type": wanted.type, "attributes": list(wanted.attributes)}
    # 1.8.1 answers 500 to an array (of which 255 characters count) behind attributes whose orders are left out.
    if 255 in wanted.lengths[1:] or any(order.upper() != "ASC" for order in wanted.orders):
        body["orders"] = [*wanted.orders, *["ASC"] * (len(wanted.attributes) - len(wanted.orders))]
    if any(wanted.lengths):
        body["lengths"] = list(wanted.lengths)
    return _part("index", database, collection, wanted.key, "indexes", body)


def update_database(schema: Schema, differences: tuple[Difference, ...]) -> Update:
    path = addresses.database_path(schema.database_id)
    body = {"name": schema.database_name, "enabled": schema.database_enabled}
    return Update(addresses.address("database", schema.database_id), "PUT", path, body, differences)


def update_collection(database: str, wanted: Collection, differences: tuple[Difference, ...]) -> Update:
    # Left out, documentSecurity and enabled would be reset: everything is always sent.
    path = addresses.collection_path(database, wanted.id)
    named = addresses.address("collection", database, wanted.id)
    return Update(named, "PUT", path, _collection_fields(wanted), differences, wanted.id)


def update_attribute(
    database: str, collection: str, wanted: Attribute, raw: Mapping[str, Any], differences: tuple[Difference, ...]
) -> Update:
    # `required` and `default` must be in every update, the default also as null; the elements are replaced as a whole.
    body: dict[str, Any] = {"required": wanted.required, "default": wanted.default}
    if wanted.type == "enum":
        body["elements"] = list(wanted.elements)
    fields = {each.field for each in differences}
    if "size" in fields:
        body["size"] = wanted.size
    if fields & {"min", "max"}:
        body |= _bounds(wanted, live_attribute(raw))
    path = f"{addresses.collection_path(database, collection)}/attributes/{wanted.type}/{wanted.key}"
    named = addresses.address("attribute", database, collection, wanted.key)
    return Update(named, "PATCH", path, body, differences, collection, wanted)


def update_relationship(
    database: str, collection: str, wanted: Relationship, differences: tuple[Difference, ...]
) -> Update:
    # An update without onDelete would reset it to restrict (observed on 1.8.1).
    path = addresses.attribute_path(database, collection, wanted.key) + "/relationship"
    named = addresses.address("relationship", database, collection, wanted.key)
    body = {"onDelete": wanted.on_delete}
    return Update(named, "PATCH", path, body, differences, collection, related=(wanted.related,))


def _bounds(wanted: Attribute, live: Mapping[str, Any]) -> dict[str, Any]:
    """The bounds that change. A bound left out keeps its old value, so an unset one is sent as the extreme."""
    whole = wanted.type == "integer"
    low, high = (INTEGER_MINIMUM, INTEGER_MAXIMUM) if whole else (-FLOAT_EXTREME, FLOAT_EXTREME)
    sent = {"min": (wanted.minimum, low), "max": (wanted.maximum, high)}
    return {
        name: extreme if value is None else value for name, (value, extreme) in sent.items() if value != live.get(name)
    }


def _collection_fields(wanted: Collection) -> dict[str, Any]:
    return {
        "name": wanted.name,
        "permissions": list(wanted.permissions),
        "documentSecurity": wanted.document_security,
        "enabled": wanted.enabled,
    }


def _part(kind: str, database: str, collection: str, key: str, route: str, body: Mapping[str, Any]) -> Item:
    create = f"{addresses.collection_path(database, collection)}/{route}"
    where = addresses.index_path if kind == "index" else addresses.attribute_path
    named = addresses.address(kind, database, collection, key)
    return Item(kind, named, collection, key, create, body, where(database, collection, key))
