"""Reading an `appwrite.json` (or `appwrite.config.json`) of any age: what its functions and databases would be live.

Such files were written by many versions of Appwrite's own command line and by hand. What is missing gets the value
that Appwrite gives it, what is unknown is reported and left out, and nothing is refused for a single odd entry.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..errors import IacError
from ..kinds import attribute, collection, database, function, index, relationship
from ..kinds.schema_rules import canonical_lengths, is_mirror
from ..model.address import Address, database_address, function_address, variable_address
from ..model.limits import FUNCTION_TIMEOUT, SPECIFICATIONS
from ..model.resource import Live, frozen
from .project import Diagnostic, Project, looks_secret

#: Appwrite's values for what a creation leaves out (1.8.1).
_DEFAULTS: Mapping[str, Any] = {
    "runtime": "",
    "execute": [],
    "events": [],
    "schedule": "",
    "timeout": 15,
    "enabled": True,
    "logging": True,
    "entrypoint": "",
    "commands": "",
    "scopes": [],
}
#: Files older than specifications do not name one. Appwrite's own default slug, not the largest that a server takes.
DEFAULT_SPECIFICATION = SPECIFICATIONS[1]
_TOP = ("projectId", "projectName", "functions", "databases", "collections", "tablesDB", "tables")
#: Of no consequence for what is live: where code lies, and what a server adds to its answers.
_SILENT = ("$id", "path", "$createdAt", "$updatedAt", "vars", "variables")


def read_appwrite_json(document: Any, source: str) -> Project:
    """The project that a file describes. Raises IacError when it is no such file at all."""
    if not isinstance(document, Mapping) or not any(name in document for name in _TOP):
        raise IacError(f"{source} is not an appwrite.json: it has none of {', '.join(_TOP)}.", unchanged=True)
    reading = _Reading()
    for raw in entries(document, "functions", reading.remarks):
        reading.function(raw)
    schema, remarks = schema_of(document)
    # Where a project is belongs to an environment, as `projectId` does.
    others = [name for name in document if name not in (*_TOP, "endpoint") and document[name]]
    if others:
        reading.remark(source, f"not imported, because this tool does not manage it: {', '.join(sorted(others))}")
    return Project(
        {**schema, **reading.resources},
        (*reading.remarks, *remarks),
        source,
        str(document.get("projectName") or ""),
        reading.notes,
    )


def texts(value: Any) -> list[str]:
    """A list of texts; one text alone counts as a list, and nothing as an empty one."""
    if value is None:
        return []
    return [str(each) for each in value] if isinstance(value, list | tuple) else [str(value)]


@dataclass
class _Reading:
    resources: dict[Address, Live] = field(default_factory=dict)
    remarks: list[Diagnostic] = field(default_factory=list)
    notes: dict[Address, str] = field(default_factory=dict)

    def remark(self, subject: object, message: str) -> None:
        self.remarks.append(Diagnostic(str(subject), message))

    def function(self, raw: Mapping[str, Any]) -> None:
        address = function_address(raw["$id"])
        unknown = sorted(set(raw) - {*function.FIELDS, *_SILENT, "ignore"})
        if unknown:
            self.remark(address, f"unknown settings are ignored: {', '.join(unknown)}")
        filled = {**_DEFAULTS, **{name: value for name, value in raw.items() if value is not None}}
        filled.setdefault("name", raw["$id"])
        for name in ("execute", "events", "scopes"):
            filled[name] = texts(filled[name])
        if not filled.get("specification"):
            filled["specification"] = DEFAULT_SPECIFICATION
            self.remark(
                address, f"names no specification; {DEFAULT_SPECIFICATION} is taken, which may not be the live one"
            )
        self._timeout(address, filled)
        live = function.parse((), filled)
        if raw.get("ignore"):
            # What is packed is no setting of a live function, but one of the declaration that is written.
            live = replace(live, fields=frozen({**live.fields, "ignore": tuple(texts(raw["ignore"]))}))
        self.resources[live.address] = live
        self._variables(address, raw)

    def _timeout(self, address: Address, filled: dict[str, Any]) -> None:
        """A timeout above the limit is reported, and cut to it: Appwrite would refuse the function."""
        timeout = filled["timeout"]
        if isinstance(timeout, int) and timeout > FUNCTION_TIMEOUT:
            filled["timeout"] = FUNCTION_TIMEOUT
            said = f"timeout {timeout} s is above Appwrite's limit; {FUNCTION_TIMEOUT} s is taken"
            self.remark(address, said)
            self.notes[address] = f"The imported file says {timeout} s; Appwrite allows {FUNCTION_TIMEOUT}."

    def _variables(self, owner: Address, raw: Mapping[str, Any]) -> None:
        """Old versions kept variables in the file: as a mapping, or as a list of key and value."""
        for key, value, secret in _variables(raw.get("variables") or raw.get("vars") or {}):
            address = variable_address(owner.path, key)
            hidden = secret or looks_secret(key, value)
            if hidden:
                self.remark(address, "it is, or looks like, a secret: its value is not taken from the file")
            fields = {"secret": True} if hidden else {"secret": False, "value": value}
            self.resources[address] = Live(address, frozen(fields))


def _variables(given: Any) -> Iterator[tuple[str, str, bool]]:
    """Key, value, and whether it is said to be secret."""
    if isinstance(given, Mapping):
        yield from ((str(key), _text(value), False) for key, value in given.items())
        return
    for each in given if isinstance(given, list) else ():
        if isinstance(each, Mapping) and each.get("key"):
            yield str(each["key"]), _text(each.get("value")), bool(each.get("secret"))


def _text(value: Any) -> str:
    """A variable's value: variables are texts, whatever JSON made of them."""
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def entries(document: Mapping[str, Any], name: str, remarks: list[Diagnostic]) -> Iterator[Mapping[str, Any]]:
    """The usable entries of one of the file's lists: mappings with an id of their own."""
    seen = set()
    raw = document.get(name) or []
    if not isinstance(raw, list):
        remarks.append(Diagnostic(name, "ignored: it is no list"))
        return
    for number, entry in enumerate(raw):
        if not isinstance(entry, Mapping) or not isinstance(entry.get("$id"), str) or not entry["$id"]:
            remarks.append(Diagnostic(f"{name}[{number}]", "ignored: it has no $id"))
            continue
        # Ids of collections count within their database.
        place = (entry.get("databaseId"), entry["$id"])
        if place in seen:
            remarks.append(Diagnostic(f"{name}[{number}]", f"ignored: {entry['$id']} stands in the file twice"))
            continue
        seen.add(place)
        yield entry


#: What a newer file calls it, and what we do.
_NEW_WORDS = {"columns": "attributes", "rowSecurity": "documentSecurity", "relatedTable": "relatedCollection"}


def schema_of(document: Mapping[str, Any]) -> tuple[dict[Address, Live], list[Diagnostic]]:
    """Databases with all that lies in them, and remarks."""
    reading = _SchemaReading()
    for name in ("databases", "tablesDB"):
        for raw in entries(document, name, reading.remarks):
            reading.put(database.parse((), {"name": raw["$id"], "enabled": True, **_said(raw)}))
    for name in ("collections", "tables"):
        for raw in entries(document, name, reading.remarks):
            reading.collection(_renamed(raw))
    return reading.resources, reading.remarks


@dataclass
class _SchemaReading:
    resources: dict[Address, Live] = field(default_factory=dict)
    remarks: list[Diagnostic] = field(default_factory=list)

    def put(self, live: Live) -> None:
        self.resources.setdefault(live.address, live)

    def remark(self, subject: object, message: str) -> None:
        self.remarks.append(Diagnostic(str(subject), message))

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
            return None if is_mirror(said) else relationship.parse(owner.parts, said)
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
