"""The facts that an `appwrite.json` describes. Its functions' code is not known, and it knows no locks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..importing.appwrite_json import read_appwrite_json
from ..importing.project import Project
from ..model.problem import Location
from ..model.resource import Live
from .facts import CollectionFacts, Configuration, FunctionFacts, VariableFacts


def read_configuration(document: Any, source: str) -> Configuration:
    """The configuration of such a file, of any age. Raises IacError when it is none."""
    project = read_appwrite_json(document, source)
    place = Location(source)
    raw = [each for each in document.get("functions") or () if isinstance(each, Mapping) and each.get("$id")]
    timeouts = {str(each["$id"]): each.get("timeout") for each in raw}
    return Configuration(
        tuple(_function(live, timeouts, place) for live in _of_kind(project, "function")),
        tuple(_collection(live, place) for live in _of_kind(project, "collection")),
        tuple(variable for each in raw for variable in _variables(each, place)),
    )


def _of_kind(project: Project, kind: str) -> Iterator[Live]:
    return (live for live in project.resources.values() if live.address.kind == kind)


def _function(live: Live, timeouts: Mapping[str, Any], place: Location) -> FunctionFacts:
    fields, name = live.fields, live.address.path
    # An import cuts a timeout to what Appwrite takes; lint has to see what was written.
    written = timeouts.get(name)
    return FunctionFacts(
        name,
        fields["runtime"],
        fields["specification"],
        fields["schedule"],
        written if isinstance(written, int) and written > 0 else fields["timeout"],
        tuple(fields["execute"]),
        tuple(fields["scopes"]),
        bool(fields["enabled"]),
        fields["entrypoint"],
        location=place,
    )


def _collection(live: Live, place: Location) -> CollectionFacts:
    database, name = live.address.parts
    fields = live.fields
    security = bool(fields.get("documentSecurity"))
    return CollectionFacts(database, name, tuple(fields.get("permissions") or ()), security, place)


def _variables(raw: Mapping[str, Any], place: Location) -> Iterator[VariableFacts]:
    """Variables are a mapping, or a list of key and value. In a file, even one that is marked secret can be read."""
    given = raw.get("variables") or raw.get("vars") or {}
    pairs = given.items() if isinstance(given, Mapping) else _pairs(given)
    for key, value in pairs:
        if value:
            yield VariableFacts(str(raw["$id"]), str(key), str(value), place)


def _pairs(given: Any) -> Iterator[tuple[Any, Any]]:
    for each in given if isinstance(given, list) else ():
        if isinstance(each, Mapping) and each.get("key"):
            yield each["key"], each.get("value")
