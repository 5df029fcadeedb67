"""Reading an `appwrite.json` (or `appwrite.config.json`) of any age, and writing one. What it says of a kind is there.

Such files were written by many versions of Appwrite's own command line and by hand. What is missing gets the value
that Appwrite gives it, what is unknown is reported and left out, and nothing is refused for a single odd entry. What is
written is for people who still use that command line, and never holds a variable's value.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import IacError
from ..kinds import KINDS, kind_of
from ..kinds.fields import Declaring
from ..model.address import Address
from ..model.resource import Desired, Live
from .names import Diagnostic, Project


def _lying_in(kind: str) -> list[Declaring]:
    """The kinds that have lists in such a file, low stages first, so that owners come before what they own."""
    found = sorted(KINDS.values(), key=lambda each: each.stage)
    return [each.declaring for each in found if each.declaring and each.declaring.file_lists and each.owner == kind]


#: What the file itself has lists of: what lies nowhere, and beside it what lies in that.
_OUTER = _lying_in("")
_INNER = [inner for outer in _OUTER for inner in _lying_in(outer.kind)]
_TOP = ("projectId", "projectName", *(name for each in (*_OUTER, *_INNER) for name in each.file_lists))


def read_appwrite_json(document: Any, source: str) -> Project:
    """The project that a file describes. Raises IacError when it is no such file at all."""
    if not isinstance(document, Mapping) or not any(name in document for name in _TOP):
        raise IacError(f"{source} is not an appwrite.json: it has none of {', '.join(_TOP)}.", unchanged=True)
    reading = _Reading()
    for declaring in (*_OUTER, *_INNER):
        for name in declaring.file_lists:
            for raw in entries(document, name, reading.remarks):
                reading.take(declaring, raw, ())
    # Where a project is belongs to an environment, as `projectId` does.
    others = [name for name in document if name not in (*_TOP, "endpoint") and document[name]]
    if others:
        reading.remark(source, f"not imported, because this tool does not manage it: {', '.join(sorted(others))}")
    name = str(document.get("projectName") or "")
    return Project(reading.resources, tuple(reading.remarks), source, name, reading.notes)


@dataclass
class _Reading:
    resources: dict[Address, Live] = field(default_factory=dict)
    remarks: list[Diagnostic] = field(default_factory=list)
    notes: dict[Address, str] = field(default_factory=dict)

    def remark(self, subject: object, message: str) -> None:
        self.remarks.append(Diagnostic(str(subject), message))

    def take(self, declaring: Declaring, raw: Mapping[str, Any], owner: tuple[str, ...]) -> None:
        """An entry, with what lies in it. The file says what is wanted: a status at the time of writing is of no
        interest."""
        words = {declaring.file_words.get(name, name): value for name, value in raw.items() if value is not None}
        said = {**words, "status": "available", "error": ""} if owner else words
        live = declaring.read_file(said, owner, self)
        if live is None:
            return
        self.resources.setdefault(live.address, live)
        for inner in _lying_in(declaring.kind) if declaring not in _OUTER else ():
            for name in inner.file_lists:
                for each in _with_keys(said.get(name)):
                    self.take(inner, each, live.address.parts)


# The lists of an `appwrite.json`.


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


# The databases of an `appwrite.json`: as collections with attributes, or, in newer files, tables with columns.


def _with_keys(raw: Any) -> Iterator[Mapping[str, Any]]:
    for each in raw if isinstance(raw, list) else ():
        if isinstance(each, Mapping) and isinstance(each.get("key"), str):
            yield each


def appwrite_json(desired: Desired, project: str, folder: Path) -> dict[str, Any]:
    """The document. `folder` is where the file will lie: paths of code are relative to it."""
    document: dict[str, Any] = {"projectId": project, "projectName": desired.name}
    for declaring in (*reversed(_OUTER), *_INNER):
        entries = [
            {**declaring.write_file(each, desired, folder), **_inside(each.address, desired, folder)}
            for each in desired.of_kind(declaring.kind)
        ]
        if entries:
            document[declaring.file_lists[0]] = entries
    return document


def _inside(owner: Address, desired: Desired, folder: Path) -> dict[str, list[Any]]:
    """The lists of what lies in something."""
    lists: dict[str, list[Any]] = {}
    for declaring in _lying_in(owner.kind) if kind_of(owner).owner else ():
        found = lists.setdefault(declaring.file_lists[0], [])
        found += (declaring.write_file(each, desired, folder) for each in desired.below(owner, declaring.kind))
        found += declaring.write_beside(owner, desired)
    return lists


def what_is_lost(desired: Desired) -> Iterator[Diagnostic]:
    """What a stack says and an `appwrite.json` cannot."""
    for address, resource in desired.resources.items():
        declaring = kind_of(address).declaring
        for message in declaring.lost_in_file(resource, desired) if declaring else ():
            yield Diagnostic(str(address), message)
    for address in desired.tombstones:
        yield Diagnostic(str(address), "that it must be absent cannot be said in such a file")
