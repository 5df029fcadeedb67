"""Indexes of a collection: what they need, and what becomes of them when an attribute goes."""

from __future__ import annotations

from typing import Any

from .refusals import missing, refused, taken

Raw = dict[str, Any]

SYSTEM = ("$id", "$createdAt", "$updatedAt")
_SPATIAL = ("point", "linestring", "polygon")
_ARRAY_LENGTH = 255
_LONGEST = 768
_TEXT_SIZES = {"email": 254, "url": 2000, "ip": 39, "enum": 255}


def create(found: Raw, body: Raw) -> Raw:
    """Refuses what 1.8.1 refuses at once; a twin or a missing attribute is not among what a checked stack can ask."""
    facts = {each["key"]: each for each in found["attributes"]}
    lengths = list(body.get("lengths", ()))
    orders = list(body.get("orders", ()))
    for place, name in enumerate(body["attributes"]):
        if name in SYSTEM:
            continue
        if name not in facts or facts[name]["type"] == "relationship":
            raise refused(f"unknown attribute {name}")
        if facts[name]["status"] != "available":
            raise refused(f"attribute not available: {name}")
        _refuse_unfit(body["type"], facts[name])
        if facts[name]["array"]:
            lengths += [0] * (place + 1 - len(lengths))
            lengths[place] = _ARRAY_LENGTH
            orders += [None] * (place + 1 - len(orders))
            orders[place] = None
    if any(each["key"].lower() == body["key"].lower() for each in found["indexes"]):
        raise taken(f"index {body['key']}")
    created = {
        "key": body["key"],
        "type": body["type"],
        "attributes": body["attributes"],
        "lengths": lengths,
        "orders": orders,
    }
    _refuse_length(created, facts)
    found["indexes"].append({**created, "status": "processing", "error": ""})
    return dict(found["indexes"][-1])


def _refuse_unfit(kind: str, attribute: Raw) -> None:
    if (kind == "spatial") != (attribute["type"] in _SPATIAL):
        raise refused(f"a {kind} index on {attribute['type']}")
    if kind == "spatial" and not attribute["required"]:
        raise refused("a spatial index needs a required attribute")
    if kind == "fulltext" and attribute["type"] != "string":
        raise refused("a fulltext index needs text")
    if attribute["array"] and kind != "key":
        raise refused(f"a {kind} index on an array")


def _refuse_length(index: Raw, facts: Raw) -> None:
    if index["type"] == "fulltext":
        return
    total = 0
    for place, name in enumerate(index["attributes"]):
        length = index["lengths"][place] if place < len(index["lengths"]) else 0
        total += length or (255 if name == "$id" else _size(facts.get(name)))
    if total > _LONGEST:
        raise refused(f"index {index['key']} is {total} long")


def _size(attribute: Raw | None) -> int:
    if attribute is None:
        return 1
    if attribute["array"]:
        return _ARRAY_LENGTH
    if attribute["type"] != "string":
        return 2 if attribute["type"] == "double" else 1
    return int(attribute.get("size") or _TEXT_SIZES[attribute["format"]])


def refuse_too_long(found: Raw, changed: Raw) -> None:
    """A longer string may no longer fit into the indexes it belongs to."""
    facts = {**{each["key"]: each for each in found["attributes"]}, changed["key"]: changed}
    for index in found["indexes"]:
        if changed["key"] in index["attributes"]:
            _refuse_length(index, facts)


def get(found: Raw, key: str) -> Raw:
    for each in found["indexes"]:
        if each["key"] == key:
            return dict(each)
    raise missing(f"index {key}")


def mark_deleting(found: Raw, key: str) -> None:
    before = get(found, key)
    if before["status"] == "available":
        _set_status(found, key, "deleting")


def _set_status(found: Raw, key: str, status: str) -> None:
    found["indexes"] = [{**each, "status": status} if each["key"] == key else each for each in found["indexes"]]


def work(found: Raw, what: str, key: str) -> None:
    """Build or drop an index, if it is still there."""
    if what == "delete index":
        found["indexes"] = [each for each in found["indexes"] if each["key"] != key]
        return
    names = {each["key"] for each in found["attributes"]} | set(SYSTEM)
    for index in found["indexes"]:
        if index["key"] == key:
            _set_status(found, key, "available" if set(index["attributes"]) <= names else "failed")


def let_go(found: Raw, key: str) -> bool:
    """Take an attribute out of all indexes. False when a unique index over several holds it fast (1.8.1)."""
    on_it = [each for each in found["indexes"] if key in each["attributes"]]
    if any(each["type"] == "unique" and len(each["attributes"]) > 1 for each in on_it):
        return False
    kept = []
    for index in found["indexes"]:
        shrunk = _without(index, index["attributes"].index(key)) if index in on_it else index
        if shrunk["attributes"]:
            kept.append(shrunk)
    found["indexes"] = kept
    return True


def _without(index: Raw, place: int) -> Raw:
    lists = ("attributes", "lengths", "orders")
    return {**index, **{name: index[name][:place] + index[name][place + 1 :] for name in lists}}
