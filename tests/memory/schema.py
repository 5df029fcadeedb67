"""Databases, collections and what is in them, as 1.8.1 keeps them.

Writes of attributes and indexes are answered before they are done, and queued; `settle` does them in their order.
A relationship always has a far side: a two-way one shows it as `side: child`, a one-way one keeps it hidden, yet its
key is taken all the same.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from . import indexes
from .refusals import missing, page, refused, taken

Raw = dict[str, Any]

_WIRE = {
    "string": ("string", None),
    "email": ("string", "email"),
    "url": ("string", "url"),
    "ip": ("string", "ip"),
    "enum": ("string", "enum"),
    "float": ("double", None),
    "line": ("linestring", None),
}
_EXTREMES = {"integer": (-(2**63), 2**63 - 1), "float": (-1.7976931348623157e308, 1.7976931348623157e308)}
_UNSEEN = ("collections", "documents", "hidden", "work")


def _database(project: Raw, database: str) -> Raw:
    found: Raw | None = project["databases"].get(database)
    if found is None:
        raise missing(f"database {database}")
    return found


def _shown(owner: Raw) -> Raw:
    return {name: value for name, value in owner.items() if name not in _UNSEEN}


def _list_databases(project: Raw, body: Raw) -> Raw:
    return page(map(_shown, project["databases"].values()), body, "databases")


def _create_database(project: Raw, body: Raw) -> Raw:
    database = body["databaseId"]
    if database in project["databases"]:
        raise taken(f"database {database}")
    fields = {"name": body["name"], "enabled": body.get("enabled", True)}
    project["databases"][database] = {"$id": database, **fields, "collections": {}, "work": []}
    return _shown(project["databases"][database])


def _get_database(project: Raw, _body: Raw, database: str) -> Raw:
    return _shown(_database(project, database))


def _update_database(project: Raw, body: Raw, database: str) -> Raw:
    found = _database(project, database)
    found.update(name=body["name"], enabled=body.get("enabled", True))
    return _shown(found)


def _delete_database(project: Raw, _body: Raw, database: str) -> None:
    _database(project, database)
    del project["databases"][database]


def _places(project: Raw, database: str, collection: str) -> tuple[Raw, Raw]:
    base = _database(project, database)
    found: Raw | None = base["collections"].get(collection)
    if found is None:
        raise missing(f"collection {collection}")
    return base, found


def _list_collections(project: Raw, body: Raw, database: str) -> Raw:
    return page(map(_shown, _database(project, database)["collections"].values()), body, "collections")


def _collection_fields(body: Raw, kept: list[str]) -> Raw:
    permissions = []
    for permission in kept if body.get("permissions") is None else body["permissions"]:
        found = re.fullmatch(r"write\((.+)\)", permission)
        permissions += [f"{each}({found[1]})" for each in ("create", "update", "delete")] if found else [permission]
    return {
        "name": body["name"],
        "$permissions": list(dict.fromkeys(permissions)),
        "documentSecurity": body.get("documentSecurity", False),
        "enabled": body.get("enabled", True),
    }


def _create_collection(project: Raw, body: Raw, database: str) -> Raw:
    base, name = _database(project, database), body["collectionId"]
    if name.lower() in map(str.lower, base["collections"]):
        raise taken(f"collection {name}")
    created = {"$id": name, "databaseId": database, **_collection_fields(body, [])}
    base["collections"][name] = {**created, "attributes": [], "indexes": [], "hidden": [], "documents": {}}
    return _shown(base["collections"][name])


def _get_collection(project: Raw, _body: Raw, database: str, collection: str) -> Raw:
    base, found = _places(project, database, collection)
    settle(base)
    return _shown(found)


def _update_collection(project: Raw, body: Raw, database: str, collection: str) -> Raw:
    _, found = _places(project, database, collection)
    found.update(_collection_fields(body, found["$permissions"]))
    return _shown(found)


def _delete_collection(project: Raw, _body: Raw, database: str, collection: str) -> None:
    """Relationships of other collections with it go along."""
    base, _ = _places(project, database, collection)
    del base["collections"][collection]
    for other in base["collections"].values():
        for each in other["attributes"]:
            if each.get("relatedCollection") == collection:
                _without_values(other, each["key"])
        for side in ("attributes", "hidden"):
            other[side] = [each for each in other[side] if each.get("relatedCollection") != collection]


# Documents. All they hold is `documents` of their collection: their values and `$permissions` by id.


def _list_documents(project: Raw, body: Raw, database: str, collection: str) -> Raw:
    _, found = _places(project, database, collection)
    return page([_document(found, name) for name in found["documents"]], body, "documents")


def _document(found: Raw, name: str) -> Raw:
    """With a value for each attribute, and for each relationship that leads to one document."""
    if name not in found["documents"]:
        raise missing(f"document {name}")
    begun = {each["key"]: [] if each["array"] else None for each in found["attributes"] if _is_shown(each)}
    return {"$id": name, "$permissions": [], **begun, **found["documents"][name]}


def _is_shown(attribute: Raw) -> bool:
    return attribute["type"] != "relationship" or leads_to_one(attribute)


def leads_to_one(relationship: Raw) -> bool:
    """From this side."""
    to_one = ("oneToOne", "manyToOne") if relationship["side"] == "parent" else ("oneToOne", "oneToMany")
    return relationship["relationType"] in to_one


def _get_document(project: Raw, _body: Raw, database: str, collection: str, document: str) -> Raw:
    return _document(_places(project, database, collection)[1], document)


def _create_document(project: Raw, body: Raw, database: str, collection: str) -> Raw:
    base, found = _places(project, database, collection)
    name = body["documentId"]
    if name in found["documents"]:
        raise taken(f"document {name}")
    begun = {each["key"]: each["default"] for each in found["attributes"] if each.get("default") is not None}
    found["documents"][name] = begun
    try:
        return _set_document(base, found, name, body)
    except Exception:
        del found["documents"][name]
        raise


def _update_document(project: Raw, body: Raw, database: str, collection: str, document: str) -> Raw:
    base, found = _places(project, database, collection)
    if document not in found["documents"]:
        raise missing(f"document {document}")
    return _set_document(base, found, document, body)


def _set_document(base: Raw, found: Raw, name: str, body: Raw) -> Raw:
    """Values must be of available attributes. What one leads to must be there, or a plan was out of order."""
    facts = {each["key"]: each for each in found["attributes"] if each["status"] == "available"}
    for key, value in body["data"].items():
        if key not in facts:
            raise refused(f"unknown attribute {key}")
        if facts[key]["required"] and value is None:
            raise refused(f"{key} is required")
        if facts[key]["type"] == "relationship" and value is not None:
            there = base["collections"][facts[key]["relatedCollection"]]["documents"]
            assert value in there, f"{key} leads to {value}, which is not there yet"
        default = facts[key].get("default")
        found["documents"][name][key] = default if value is None and default is not None else _stored(facts[key], value)
    if body.get("permissions") is not None:
        found["documents"][name]["$permissions"] = list(body["permissions"])
    after = _document(found, name)
    lacking = [key for key, each in facts.items() if each["required"] and after.get(key) is None]
    if lacking:
        raise refused(f"missing required {lacking}")
    return after


def _stored(attribute: Raw, value: Any) -> Any:
    if isinstance(value, list) and attribute["array"]:
        return [_stored(attribute, each) for each in value]
    word = "float" if attribute["type"] == "double" else attribute["type"]
    return _stored_default(word, value)


def _delete_document(project: Raw, _body: Raw, database: str, collection: str, document: str) -> None:
    """As with `restrict`: nothing may lead to it any more."""
    base, found = _places(project, database, collection)
    if document not in found["documents"]:
        raise missing(f"document {document}")
    del found["documents"][document]
    for other in base["collections"].values():
        for each in other["attributes"]:
            if each["type"] == "relationship" and each["relatedCollection"] == collection and leads_to_one(each):
                held = [name for name, values in other["documents"].items() if values.get(each["key"]) == document]
                assert not held, f"{held} still lead to {document}"


# Attributes.


def _attribute(found: Raw, key: str) -> Raw:
    for each in found["attributes"]:
        if each["key"] == key:
            return dict(each)
    raise missing(f"attribute {key}")


def _replace(found: Raw, after: Raw) -> Raw:
    found["attributes"] = [after if each["key"] == after["key"] else each for each in found["attributes"]]
    return after


def _refuse_taken(found: Raw, key: str, side: str = "attributes") -> None:
    if any(each["key"].lower() == key.lower() for each in found[side]):
        raise taken(f"attribute {key}")


def _create_attribute(project: Raw, body: Raw, database: str, collection: str, word: str) -> Raw:
    base, found = _places(project, database, collection)
    kind, form = _WIRE.get(word, (word, None))
    default = body.get("default")
    if default is not None and (body["required"] or body.get("array")):
        raise refused("a required attribute, and an array, cannot have a default")
    _refuse_taken(found, body["key"])
    created = {
        "key": body["key"],
        "type": kind,
        "status": "processing",
        "error": "",
        "required": body["required"],
        "array": body.get("array", False),
        "default": _stored_default(word, default),
        **_special_fields(word, body),
    }
    if form:
        created["format"] = form
    found["attributes"].append(created)
    base["work"].append(["create attribute", collection, body["key"]])
    return created


def _special_fields(word: str, body: Raw) -> Raw:
    if word == "string":
        return {"size": body["size"], "encrypt": body.get("encrypt", False)}
    if word == "enum":
        return {"elements": body["elements"]}
    if word in _EXTREMES:
        low, high = _EXTREMES[word]
        return {"min": body.get("min", low), "max": body.get("max", high)}
    return {}


def _stored_default(word: str, default: Any) -> Any:
    """As it is answered: instants in UTC, whole floats as whole numbers."""
    if word == "datetime" and default is not None:
        instant = datetime.fromisoformat(default)
        aware = instant if instant.tzinfo else instant.replace(tzinfo=UTC)
        return aware.astimezone(UTC).isoformat(timespec="milliseconds")
    if word == "float" and default is not None and float(default).is_integer():
        return int(default)
    return default


def _update_attribute(project: Raw, body: Raw, database: str, collection: str, word: str, key: str) -> Raw:
    _, found = _places(project, database, collection)
    before = _attribute(found, key)
    if before["status"] != "available":
        raise refused(f"attribute {key} is {before['status']}")
    if body["default"] is not None and (body["required"] or before["array"]):
        raise refused("a required attribute, and an array, cannot have a default")
    changed = {"required": body["required"], "default": _stored_default(word, body["default"])}
    changed |= {name: body[name] for name in ("size", "min", "max", "elements") if body.get(name) is not None}
    indexes.refuse_too_long(found, {**before, **changed})
    after = _replace(found, {**before, **changed})
    # Appwrite forgets to read the filters of a string after an update (observed on 1.8.1).
    return {**after, "encrypt": None} if word == "string" else after


def _get_attribute(project: Raw, _body: Raw, database: str, collection: str, key: str) -> Raw:
    base, found = _places(project, database, collection)
    answer = _attribute(found, key)
    settle(base)
    return answer


def _list_attributes(project: Raw, body: Raw, database: str, collection: str) -> Raw:
    """Looking is what lets the work in the background go on."""
    base, found = _places(project, database, collection)
    settle(base)
    return page(found["attributes"], body, "attributes", "key")


def _delete_attribute(project: Raw, _body: Raw, database: str, collection: str, key: str) -> None:
    base, found = _places(project, database, collection)
    before = _attribute(found, key)
    _mark_deleting(found, before)
    if before["type"] == "relationship" and before["twoWay"]:
        other = base["collections"][before["relatedCollection"]]
        _mark_deleting(other, _attribute(other, before["twoWayKey"]))
    base["work"].append(["delete attribute", collection, key])


def _mark_deleting(found: Raw, attribute: Raw) -> None:
    """Only what is available shows it; anything else keeps its status until the worker comes to it (1.8.1)."""
    if attribute["status"] == "available":
        _replace(found, {**attribute, "status": "deleting"})


# Relationships.


def _create_relationship(project: Raw, body: Raw, database: str, collection: str) -> Raw:
    base, found = _places(project, database, collection)
    _, related = _places(project, database, body["relatedCollectionId"])
    for other in [*found["attributes"], *found["hidden"]]:
        _refuse_same_far_side(other, related["$id"], body)
    _refuse_taken(found, body["key"])
    created = _side(body["key"], related["$id"], body, body["twoWayKey"], "parent")
    if body["twoWay"]:
        _refuse_taken(related, body["twoWayKey"])
        related["attributes"].append(_side(body["twoWayKey"], collection, body, body["key"], "child"))
    found["attributes"].append(created)
    base["work"].append(["create attribute", collection, body["key"]])
    return created


def _refuse_same_far_side(other: Raw, related: str, body: Raw) -> None:
    if other["type"] != "relationship" or other["relatedCollection"] != related or other["status"] == "processing":
        return
    if other["twoWayKey"].lower() == body["twoWayKey"].lower():
        raise taken(f"the far side {body['twoWayKey']}")
    if other["relationType"] == body["type"] == "manyToMany":
        raise taken("a manyToMany relationship of the two collections")


def _side(key: str, related: str, body: Raw, other: str, side: str) -> Raw:
    return {
        "key": key,
        "type": "relationship",
        "status": "processing",
        "error": "",
        "required": False,
        "array": False,
        "relatedCollection": related,
        "relationType": body["type"],
        "twoWay": body["twoWay"],
        "twoWayKey": other,
        "onDelete": body.get("onDelete", "restrict"),
        "side": side,
    }


def _update_relationship(project: Raw, body: Raw, database: str, collection: str, key: str) -> Raw:
    base, found = _places(project, database, collection)
    before = _attribute(found, key)
    if before["status"] != "available":
        raise refused(f"relationship {key} is {before['status']}")
    after = _replace(found, {**before, "onDelete": body["onDelete"]})
    if after["twoWay"]:
        other = base["collections"][after["relatedCollection"]]
        _replace(other, {**_attribute(other, after["twoWayKey"]), "onDelete": body["onDelete"]})
    return after


# Indexes.


def _create_index(project: Raw, body: Raw, database: str, collection: str) -> Raw:
    base, found = _places(project, database, collection)
    created = indexes.create(found, body)
    base["work"].append(["create index", collection, body["key"]])
    return created


def _get_index(project: Raw, _body: Raw, database: str, collection: str, key: str) -> Raw:
    base, found = _places(project, database, collection)
    answer = indexes.get(found, key)
    settle(base)
    return answer


def _list_indexes(project: Raw, body: Raw, database: str, collection: str) -> Raw:
    base, found = _places(project, database, collection)
    settle(base)
    return page(found["indexes"], body, "indexes", "key")


def _delete_index(project: Raw, _body: Raw, database: str, collection: str, key: str) -> None:
    base, found = _places(project, database, collection)
    indexes.mark_deleting(found, key)
    base["work"].append(["delete index", collection, key])


# The work in the background.


def settle(base: Raw) -> None:
    """Do all that is queued in a database."""
    queue, base["work"] = base["work"], []
    for what, collection, key in queue:
        found = base["collections"].get(collection)
        if found is None:
            continue
        if what.endswith("index"):
            indexes.work(found, what, key)
            continue
        for attribute in [each for each in found["attributes"] if each["key"] == key]:
            (_build if what.startswith("create") else _drop)(base, found, attribute)


def _build(base: Raw, found: Raw, attribute: Raw) -> None:
    if attribute["type"] != "relationship":
        clashes = any(each["key"].lower() == attribute["key"].lower() for each in found["hidden"])
        status = "failed" if clashes else "available"
        _replace(found, {**attribute, "status": status, "error": "Attribute already exists" if clashes else ""})
        return
    related = base["collections"][attribute["relatedCollection"]]
    far = attribute["twoWayKey"].lower()
    visible = [] if attribute["twoWay"] else related["attributes"]
    if any(each["key"].lower() == far for each in [*visible, *related["hidden"]]):
        _replace(found, {**attribute, "status": "failed", "error": "Related attribute already exists"})
        return
    _replace(found, {**attribute, "status": "available"})
    if attribute["twoWay"]:
        _replace(related, {**_attribute(related, attribute["twoWayKey"]), "status": "available"})
    else:
        body = {"type": attribute["relationType"], "twoWay": False, "onDelete": attribute["onDelete"]}
        related["hidden"].append(_side(attribute["twoWayKey"], found["$id"], body, attribute["key"], "child"))


def _without_values(found: Raw, key: str) -> None:
    for document in found["documents"].values():
        document.pop(key, None)


def _drop(base: Raw, found: Raw, attribute: Raw) -> None:
    key = attribute["key"]
    if attribute["type"] != "relationship":
        if not indexes.let_go(found, key):
            _replace(found, {**attribute, "status": "stuck"})
            return
    else:
        related = base["collections"].get(attribute["relatedCollection"])
        if related is not None:
            if attribute["twoWay"]:
                _without_values(related, attribute["twoWayKey"])
            for side in ("attributes", "hidden"):
                related[side] = [
                    each
                    for each in related[side]
                    if not (each.get("relatedCollection") == found["$id"] and each.get("twoWayKey") == key)
                ]
    _without_values(found, key)
    found["attributes"] = [each for each in found["attributes"] if each["key"] != key]


_COLLECTION = "/databases/{database}/collections/{collection}"
ROUTES = (
    ("get", "/databases", _list_databases),
    ("post", "/databases", _create_database),
    ("get", "/databases/{database}", _get_database),
    ("put", "/databases/{database}", _update_database),
    ("delete", "/databases/{database}", _delete_database),
    ("get", "/databases/{database}/collections", _list_collections),
    ("post", "/databases/{database}/collections", _create_collection),
    ("get", _COLLECTION, _get_collection),
    ("put", _COLLECTION, _update_collection),
    ("delete", _COLLECTION, _delete_collection),
    ("get", f"{_COLLECTION}/documents", _list_documents),
    ("post", f"{_COLLECTION}/documents", _create_document),
    ("get", f"{_COLLECTION}/documents/{{document}}", _get_document),
    ("patch", f"{_COLLECTION}/documents/{{document}}", _update_document),
    ("delete", f"{_COLLECTION}/documents/{{document}}", _delete_document),
    ("get", f"{_COLLECTION}/attributes", _list_attributes),
    ("post", f"{_COLLECTION}/attributes/relationship", _create_relationship),
    ("post", f"{_COLLECTION}/attributes/{{word}}", _create_attribute),
    ("patch", f"{_COLLECTION}/attributes/{{key}}/relationship", _update_relationship),
    ("patch", f"{_COLLECTION}/attributes/{{word}}/{{key}}", _update_attribute),
    ("get", f"{_COLLECTION}/attributes/{{key}}", _get_attribute),
    ("delete", f"{_COLLECTION}/attributes/{{key}}", _delete_attribute),
    ("get", f"{_COLLECTION}/indexes", _list_indexes),
    ("post", f"{_COLLECTION}/indexes", _create_index),
    ("get", f"{_COLLECTION}/indexes/{{key}}", _get_index),
    ("delete", f"{_COLLECTION}/indexes/{{key}}", _delete_index),
)
