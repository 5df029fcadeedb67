"""A stack as an `appwrite.json`, for people who still use Appwrite's own command line. Never a variable's value."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..kinds.base import thaw
from ..kinds.schema_rules import EXTRA_FIELDS
from ..model.address import Address
from ..model.resource import Desired, Fields, Resource
from .project import Diagnostic

#: In the order in which Appwrite's command line writes them.
FUNCTION_KEYS = (
    "$id name runtime specification path execute events schedule timeout enabled logging entrypoint commands scopes"
).split()
_WIRE_TYPES = {"float": "double", "line": "linestring"}
_FORMATS = ("email", "url", "ip", "enum")


def appwrite_json(desired: Desired, project: str, folder: Path) -> dict[str, Any]:
    """The document. `folder` is where the file will lie: paths of code are relative to it."""
    document: dict[str, Any] = {
        "projectId": project,
        "projectName": desired.name,
        "functions": [_function(each, desired, folder) for each in desired.of_kind("function")],
    }
    databases = desired.of_kind("database")
    if databases:
        document["databases"] = [{"$id": each.address.path, **thaw(each.fields)} for each in databases]
        collections = [each for owner in databases for each in desired.below(owner.address, "collection")]
        document["collections"] = [_collection(each, desired) for each in collections]
    return document


def what_is_lost(desired: Desired) -> Iterator[Diagnostic]:
    """What a stack says and an `appwrite.json` cannot."""
    for function in desired.of_kind("function"):
        keys = [each.address.path.partition("/")[2] for each in desired.below(function.address, "variable")]
        if keys:
            yield Diagnostic(str(function.address), f"variables are not part of such a file: {', '.join(keys)}")
        source = desired.code.get(function.address.path)
        if source is None:
            yield Diagnostic(str(function.address), "its code is not managed here; `path` is where it usually lies")
        elif source.lock is not None or source.schema_of:
            how = f"write them out with: raceday-iac vendor {source.function} --out FOLDER"
            yield Diagnostic(str(function.address), f"its bundle holds files that are not in its folder; {how}")
    for address in desired.tombstones:
        yield Diagnostic(str(address), "that it must be absent cannot be said in such a file")


def _function(function: Resource, desired: Desired, folder: Path) -> dict[str, Any]:
    id = function.address.path
    source = desired.code.get(id)
    path = os.path.relpath(source.folder, folder.resolve()) if source else f"functions/{id}"
    said = {"$id": id, "path": Path(path).as_posix(), **thaw(function.fields)}
    ignored = {"ignore": list(source.ignore)} if source and source.ignore else {}
    return {**{key: said[key] for key in FUNCTION_KEYS}, **ignored}


def _collection(collection: Resource, desired: Desired) -> dict[str, Any]:
    def members(kind: str) -> list[Resource]:
        return desired.below(collection.address, kind)

    fields = thaw(collection.fields)
    attributes = [_attribute(each.address, each.fields) for each in members("attribute")]
    relationships = [_relationship(each.address, each.fields) for each in members("relationship")]
    return {
        "$id": collection.address.name,
        "$permissions": fields["permissions"],
        "databaseId": collection.address.parts[0],
        "name": fields["name"],
        "enabled": fields["enabled"],
        "documentSecurity": fields["documentSecurity"],
        "attributes": [*attributes, *relationships, *_far_sides(collection.address, desired)],
        "indexes": [_index(each.address, each.fields) for each in members("index")],
    }


def _attribute(address: Address, fields: Fields) -> dict[str, Any]:
    kind = fields["type"]
    said: dict[str, Any] = {
        "key": address.name,
        "type": "string" if kind in _FORMATS else _WIRE_TYPES.get(kind, kind),
        "required": fields["required"],
        "array": fields["array"],
    }
    own = {name: thaw(fields[name]) for name in EXTRA_FIELDS.get(kind, ()) if name != "encrypt"}
    said |= {name: value for name, value in own.items() if value is not None}
    if kind in _FORMATS:
        said["format"] = kind
    said["default"] = thaw(fields["default"])
    if "encrypt" in fields:
        said["encrypt"] = fields["encrypt"]
    return said


def _relationship(address: Address, fields: Fields) -> dict[str, Any]:
    return {"key": address.name, "type": "relationship", "required": False, "array": False, **fields, "side": "parent"}


def _far_sides(collection: Address, desired: Desired) -> Iterator[dict[str, Any]]:
    """Relationships from elsewhere that show here. Appwrite's command line does not create them, but where they are
    missing it deletes them, and with them the relationship and all its links."""
    for each in desired.of_kind("relationship"):
        database, owner, key = each.address.parts
        is_here = (database, each.fields["relatedCollection"]) == collection.parts
        if is_here and each.fields["twoWay"]:
            far = {**each.fields, "relatedCollection": owner, "twoWayKey": key}
            yield {**_relationship(collection.child("relationship", each.fields["twoWayKey"]), far), "side": "child"}


def _index(address: Address, fields: Mapping[str, Any]) -> dict[str, Any]:
    said = {"key": address.name, **thaw(fields)}
    if not any(said["lengths"]):
        del said["lengths"]
    return said
