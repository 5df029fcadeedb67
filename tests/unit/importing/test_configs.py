"""Fifty files that people wrote: nothing that this tool has a kind for is lost, and every version takes the export."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from raceday_iac.importing.appwrite_json import appwrite_json, read_appwrite_json, what_is_lost
from raceday_iac.importing.document import read_document
from raceday_iac.importing.source import write_source
from raceday_iac.kinds.fields import NEWEST_CLI, Writing
from raceday_iac.model.resource import Desired

from .cli_files import refused
from .found import everything, loaded

FILES = sorted((Path(__file__).parents[2] / "data" / "appwrite-configs").glob("*.json"))
#: Ours by theirs.
WORDS = {"tablesDB": "databases", "tables": "collections", "columns": "attributes", "rowSecurity": "documentSecurity"}
WORDS |= {"relatedTable": "relatedCollection"}
LISTS = ("teams", "topics", "buckets", "functions", "sites", "databases", "collections", "attributes", "indexes")
#: What a server added to an answer, and what says nothing where it stands.
SILENT = {
    "total",
    "prefs",
    "$createdAt",
    "$updatedAt",
    "status",
    "error",
    "side",
    "variables",
    "vars",
    "ignore",
    "path",
}


@dataclass(frozen=True)
class Imported:
    """A file, what it declares, and everything that was reported of it."""

    raw: Any
    desired: Desired
    reported: str
    folder: Path

    def exported(self, cli: int) -> Any:
        return json.loads(json.dumps(appwrite_json(self.desired, "p", Writing(self.folder, cli))))

    def reported_of_export(self, cli: int) -> str:
        return "\n".join(map(str, what_is_lost(self.desired, Writing(self.folder, cli))))


@pytest.fixture(scope="module", params=FILES, ids=lambda each: each.stem)
def imported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Imported:
    folder = tmp_path_factory.mktemp("imported")
    document = read_document(request.param)
    project = read_appwrite_json(document.content, request.param.name)
    source = write_source(project, "x")
    reported = [*document.remarks, *project.remarks, *(f"{at}: {why}" for at, why in source.left_out.items())]
    return Imported(document.content, loaded(source, folder), "\n".join(map(str, reported)), folder)


def in_our_words(value: Any, name: str = "") -> Any:
    if isinstance(value, Mapping):
        words = {WORDS.get(each, each): each for each in value}
        found = {ours: in_our_words(value[theirs], ours) for ours, theirs in words.items()}
        if name == "indexes" and "attributes" not in found:
            found["attributes"] = found.pop("columns", [])
        return found
    return [in_our_words(each, name) for each in value] if isinstance(value, list) else value


def entries(document: Any, above: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each entry of the lists of a file, with a name that no other has."""
    for name in LISTS:
        for each in document.get(name) or []:
            if isinstance(each, Mapping) and (id := each.get("$id") or each.get("key")):
                path = "/".join(filter(None, (above, each.get("databaseId"), id)))
                yield f"{name}.{path}", each
                yield from entries(
                    {inner: each[inner] for inner in LISTS[7:] if isinstance(each.get(inner), list)}, path
                )


def says_the_same(name: str, before: Any, after: Any) -> bool:
    if name in ("execute", "scopes", "events", "$permissions", "allowedFileExtensions", "subscribe"):
        return set(before) == set(after)
    if name == "orders":
        # Case says nothing, and what is not said is ascending.
        return [each.upper() for each in before] + ["ASC"] * (len(after) - len(before)) == after
    if name in ("min", "max") and isinstance(before, int | float) and abs(before) >= 2**63 - 1024:
        return after is None
    if isinstance(before, float) or isinstance(after, float):
        return before is not None and after is not None and float(before) == float(after)
    if name == "default" and isinstance(before, str) and isinstance(after, str):
        return before[:19] == after[:19]
    return bool(before == after) or (before in (None, "", [], False, 0) and after in (None, "", [], False))


def lost(raw: Any, written: Any, reported: str) -> Iterator[str]:
    """Values of a file that are neither in what was written of it, nor reported."""
    found = dict(entries(written))
    for place, entry in entries(in_our_words(raw)):
        path = place.partition(".")[2]
        if path in reported or entry.get("$id", path) in reported:
            continue
        for name, value in entry.items():
            held = found.get(place, {}).get(name)
            if name not in {*SILENT, *LISTS[7:8], "indexes", "databaseId"} | (
                {"attributes"} if "indexes." not in place else set()
            ):
                if place not in found:
                    yield f"{place} is not there"
                    break
                if name == "specification":
                    held = found[place].get("runtimeSpecification")
                if not says_the_same(name, value, held):
                    yield f"{place}.{name}: {value!r} became {held!r}"


@pytest.mark.shows("export", kinds=[each.removesuffix("es" if each == "indexes" else "s") for each in LISTS])
def test_no_value_of_a_file_is_lost_without_a_word(imported: Imported) -> None:
    reported = imported.reported + imported.reported_of_export(NEWEST_CLI)
    assert list(lost(imported.raw, imported.exported(NEWEST_CLI), reported)) == []


def must_be_taken(imported: Imported, cli: int) -> None:
    """What a version refuses is no more than what was reported."""
    reported = imported.reported_of_export(cli)
    for each in refused(imported.exported(cli), cli):
        assert " has the type " in each
        assert each.rpartition(" ")[2] in reported


def test_each_version_takes_what_is_exported_for_it(imported: Imported) -> None:
    for cli in (12, 14, 15, 25):
        must_be_taken(imported, cli)


@pytest.mark.parametrize("cli", [12, 13, 14, 15, 20, 21, 25])
def test_each_version_takes_everything_that_a_stack_can_say(cli: int, tmp_path: Path) -> None:
    must_be_taken(Imported(None, loaded(write_source(everything(), "x"), tmp_path), "", tmp_path), cli)
