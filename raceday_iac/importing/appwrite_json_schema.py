"""The databases of an `appwrite.json`: as collections with attributes, or, in newer files, tables with columns."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..kinds import attribute, collection, database, index, relationship
from ..kinds.index import canonical_lengths
from ..model.address import Address, database_address
from ..model.resource import Live, frozen
from .appwrite_json_entries import entries
from .project import Remark

#: What a newer file calls it, and what we do.
_NEW_WORDS = {"columns": "attributes", "rowSecurity": "documentSecurity", "relatedTable": "relatedCollection"}


def schema_of(document: Mapping[str, Any]) -> tuple[dict[Address, Live], list[Remark]]:
    """Databases with all that lies in them, and remarks."""
    reading = _Reading()
    for name in ("databases", "tablesDB"):
        for raw in entries(document, name, reading.remarks):
            reading.put(database.parse((), {"name": raw["$id"], "enabled": True, **_said(raw)}))
    for name in ("collections", "tables"):
        for raw in entries(document, name, reading.remarks):
            reading.collection(_renamed(raw))
    return reading.resources, reading.remarks


@dataclass
class _Reading:
    resources: dict[Address, Live] = field(default_factory=dict)
    remarks: list[Remark] = field(default_factory=list)

    def put(self, live: Live) -> None:
        self.resources.setdefault(live.address, live)

    def remark(self, subject: object, message: str) -> None:
        self.remarks.append(Remark(str(subject), message))

    def collection(self, raw: Mapping[str, Any]) -> None:
        if not isinstance(raw.get("databaseId"), str):
            self.remark(f"collection {raw['$id']}", "ignored: it does not say in which database it lies")
            return
        owner = database_address(raw["databaseId"])
        if owner not in self.resources:
            self.remark(owner, "the file has collections of it, but not itself; its id is taken for its name")
            self.put(database.parse((), {"$id": owner.path, "name": owner.path, "enabled": True}))
        defaults = {"name": raw["$id"], "$permissions": [], "documentSecurity": False, "enabled": True}
        live = collection.parse((), {**defaults, **_said(raw)})
        self.put(live)
        self._members(live.address, raw)

    def _members(self, owner: Address, raw: Mapping[str, Any]) -> None:
        arrays = set()
        for each in _with_keys(raw.get("attributes")):
            live = self._attribute(owner, each)
            if live is not None:
                self.put(live)
                arrays |= {live.address.name} if live.fields.get("array") else set()
        for each in _with_keys(raw.get("indexes")):
            self.put(_index(owner, each, arrays))

    def _attribute(self, owner: Address, raw: Mapping[str, Any]) -> Live | None:
        # The file says what is wanted: the status at the time of writing is of no interest.
        said = {"required": False, **_said(_renamed(raw)), "status": "available", "error": ""}
        if said.get("type") == "relationship":
            return None if relationship.is_mirror(said) else relationship.parse(owner.parts, said)
        if not isinstance(said.get("type"), str):
            self.remark(owner.child("attribute", raw["key"]), "ignored: it has no type")
            return None
        try:
            return attribute.parse(owner.parts, _with_numbers(said))
        except (TypeError, ValueError) as error:
            self.remark(owner.child("attribute", raw["key"]), f"ignored: {error}")
            return None


def _index(owner: Address, raw: Mapping[str, Any], arrays: Collection[str]) -> Live:
    said = {"type": "key", **_said(_renamed(raw)), "status": "available", "error": ""}
    names = [str(name) for name in said.get("attributes") or ()]
    orders = said.get("orders") or ()
    # An array attribute has neither order nor a length of one's choice.
    said["orders"] = ["ASC" if name in arrays else order for name, order in zip(names, orders, strict=False)]
    live = index.parse(owner.parts, {**said, "attributes": names})
    lengths = canonical_lengths(names, live.fields["lengths"], arrays)
    return Live(live.address, frozen({**live.fields, "lengths": lengths}), live.remote_id)


def _renamed(raw: Mapping[str, Any]) -> dict[str, Any]:
    return {_NEW_WORDS.get(name, name): value for name, value in raw.items()}


def _said(raw: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in raw.items() if value is not None}


def _with_keys(raw: Any) -> Iterator[Mapping[str, Any]]:
    for each in raw if isinstance(raw, list) else ():
        if isinstance(each, Mapping) and isinstance(each.get("key"), str):
            yield each


def _with_numbers(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Bounds beyond what JavaScript can count are written as texts by some versions."""
    whole = raw["type"] == "integer"

    def number(value: Any) -> Any:
        return (int(value) if whole else float(value)) if isinstance(value, str) else value

    return {name: number(value) if name in ("min", "max") else value for name, value in raw.items()}
