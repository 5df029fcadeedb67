"""From the declarations of a database and what lies in it to resources with canonical fields."""

from __future__ import annotations

from typing import Any

from ..kinds.attribute import EXTRA_FIELDS, canonical_bound, canonical_default
from ..kinds.index import canonical_lengths, canonical_orders
from ..model import declarations as declared
from ..model.address import collection_address, database_address
from ..model.stack import Declaration
from ..model.validators import expand_permissions
from .resolution import Resolution


def add_database(work: Resolution, declaration: Declaration) -> None:
    """Put the database."""
    address = database_address(str(declaration.arguments["id"]))
    database = work.checked(declared.DatabaseDeclaration, declaration, address)
    if database is not None:
        fields = {"name": database.name, "enabled": database.enabled}
        work.put(address, fields, (), declaration.location, database)


def add_collection(work: Resolution, declaration: Declaration) -> None:
    """Put the collection, with its permissions spelled out."""
    (database,) = declaration.owner
    address = collection_address(database, str(declaration.arguments["id"]))
    collection = work.checked(declared.CollectionDeclaration, declaration, address)
    if collection is not None:
        fields = {
            "name": collection.name,
            "permissions": expand_permissions(collection.permissions),
            "documentSecurity": collection.document_security,
            "enabled": collection.enabled,
        }
        work.put(address, fields, (database_address(database),), declaration.location, collection)


def add_attribute(work: Resolution, declaration: Declaration) -> None:
    """Put the attribute, with its bounds and default as the server keeps them."""
    address = collection_address(*declaration.owner).child("attribute", str(declaration.arguments["key"]))
    attribute = work.checked(declared.AttributeDeclaration, declaration, address)
    if attribute is None:
        return
    fields: dict[str, Any] = {
        "type": attribute.type,
        "required": attribute.required,
        "default": canonical_default(attribute.type, attribute.default),
        "array": attribute.array,
    }
    for name in EXTRA_FIELDS.get(attribute.type, ()):
        value = getattr(attribute, name)
        fields[name] = canonical_bound(attribute.type, value) if name in ("min", "max") else value
    work.put(address, fields, (collection_address(*declaration.owner),), declaration.location, attribute)


def add_relationship(work: Resolution, declaration: Declaration) -> None:
    """Put the relationship, which needs both collections."""
    address = collection_address(*declaration.owner).child("relationship", str(declaration.arguments["key"]))
    relationship = work.checked(declared.RelationshipDeclaration, declaration, address)
    if relationship is None:
        return
    database = declaration.owner[0]
    fields = {
        "relatedCollection": relationship.related,
        "relationType": relationship.type,
        "twoWay": relationship.two_way,
        "twoWayKey": relationship.two_way_key,
        "onDelete": relationship.on_delete,
    }
    owners = (collection_address(*declaration.owner), collection_address(database, relationship.related))
    work.put(address, fields, tuple(dict.fromkeys(owners)), declaration.location, relationship)


def add_index(work: Resolution, declaration: Declaration) -> None:
    """Put the index, with orders and lengths as the server keeps them. Its attributes come first."""
    address = collection_address(*declaration.owner).child("index", str(declaration.arguments["key"]))
    index = work.checked(declared.IndexDeclaration, declaration, address)
    if index is None:
        return
    owner = collection_address(*declaration.owner)
    named = {name: owner.child("attribute", name) for name in index.attributes}
    arrays = {name for name, each in named.items() if each in work.resources and work.resources[each].fields["array"]}
    orders = ["ASC" if name in arrays else order for name, order in zip(index.attributes, index.orders, strict=False)]
    fields = {
        "type": index.type,
        "attributes": index.attributes,
        "orders": canonical_orders(index.attributes, orders),
        "lengths": canonical_lengths(index.attributes, index.lengths, arrays),
    }
    owners = tuple(each for name, each in named.items() if not name.startswith("$"))
    depends = (owner, *owners)
    work.put(address, fields, depends, declaration.location, index)
