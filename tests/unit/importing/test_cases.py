"""Small files that once went wrong: what each is to become, and what must be reported of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from raceday_iac.importing.appwrite_json import read_appwrite_json
from raceday_iac.importing.document import read_document
from raceday_iac.importing.names import Project
from raceday_iac.importing.source import Source, write_source

from ..declaring import address

CASES = Path(__file__).parents[2] / "data" / "cases"
FUNCTION = {"name": "f", "runtime": "node-22", "entrypoint": "main.js", "timeout": 15, "enabled": True}

#: Of a file: fields of resources, and what is reported, each as "subject: how it begins" or with a part of it.
EXPECTED: Mapping[str, tuple[Mapping[str, Mapping[str, Any]], tuple[str, ...]]] = {
    "import-big/appwrite.json": (
        {
            "attribute.db/t0/s": {"type": "string", "size": 1073741824, "required": False},
            "attribute.db/t0/n": {"type": "integer", "min": None, "max": None, "default": 5},
            "attribute.db/t0/f": {"type": "float", "min": None, "max": None, "default": 1.0},
            "attribute.db/t0/d": {"type": "datetime", "default": "2024-01-01T00:00:00.000+00:00"},
            "attribute.db/t0/e": {"type": "enum", "elements": ("a", "b", "a"), "default": "a"},
            "attribute.db/t0/em": {"type": "email"},
            "attribute.db/t0/u": {"type": "url"},
        },
        (),
    ),
    "import-collection-and-table/appwrite.json": (
        {
            "database.db": {"name": "old"},
            "collection.db/c": {"documentSecurity": True},
            "attribute.db/c/gone": {"type": "string", "size": 10},
        },
        (
            "tablesDB[0]: left out: database.db is in the file twice; the first is used",
            "tables[0]: left out, with n: collection.db/c is in the file twice; the first is used",
        ),
    ),
    "import-commands-list/appwrite.json": (
        {"function.f": {**FUNCTION, "commands": "npm install", "execute": ("any",), "specification": "s-1vcpu-1gb"}},
        ("function.f: commands is a list, and is joined: npm install",),
    ),
    "import-function-without-entrypoint/appwrite.json": ({}, ("function.f: left out: it has no entrypoint",)),
    "import-includes/appwrite.config.json": (
        {
            "function.a": {"name": "A", "runtime": "python-3.12", "path": "appwrite/functions/a"},
            "database.d": {"name": "D"},
            "collection.d/t": {"name": "T"},
            "attribute.d/t/a": {"size": 10},
        },
        ("appwrite.config.json: not imported, because it belongs in an environment file: projectId, endpoint",),
    ),
    "import-includes/03-includes/appwrite.config.json": ({"function.f": FUNCTION}, ()),
    "import-index-without-columns/appwrite.json": (
        {"attribute.db/t/a": {"type": "integer"}},
        ("index.db/t/i: left out: it has no attributes (columns)",),
    ),
    "import-load-bom/appwrite.json": ({"function.f": FUNCTION}, ()),
    "import-newer-names/appwrite.json": (
        {"function.rt": {"runtime": "node-24"}, "function.sc": {"scopes": ("sessions.read", "users.read")}},
        (),
    ),
    "import-newer-cli-function-fields/appwrite.config.json": (
        {
            "function.a": {
                "buildSpecification": "s-2vcpu-2gb",
                "runtimeSpecification": "s-2vcpu-2gb",
                "entrypoint": "main.py",
            }
        },
        (),
    ),
    "import-no-database-id/appwrite.json": (
        {},
        ("collection c: left out, with n: it does not say in which database it lies",),
    ),
    "import-no-key/appwrite.json": (
        {"collection.db/c": {"name": "c"}},
        (
            "collection.db/c: not imported, because there is no such setting: rules (x)",
            "collection.db/c: attributes[0]: left out: it has no key (it has id, type, size, required)",
            "collection.db/c: attributes[1]: left out: it has no key, it is 'text'",
            "collection.db/c: indexes[0]: left out: it has no key (it has $id, type, attributes)",
        ),
    ),
    "import-no-specification/appwrite.json": ({"function.f": FUNCTION}, ()),
    "import-old-permissions/appwrite.json": (
        {
            "collection.db/c": {"documentSecurity": True, "permissions": ()},
            "attribute.db/c/n": {"type": "string", "size": 10},
        },
        (
            "database.db: the file has only collections of this database; its id is used as its name",
            "collection.db/c: permission: document becomes document_security=True; with it, $read and $write had no "
            "effect",
            "attribute.db/c/n: not imported, because there is no such setting: previousKey",
        ),
    ),
    "import-path/appwrite.json": ({"function.64f0": {"name": "Hello", "path": "functions/Hello World"}}, ()),
    "import-relationship-without-ondelete/appwrite.json": (
        {
            "relationship.db/a/b": {
                "relatedCollection": "b",
                "relationType": "manyToOne",
                "twoWay": False,
                "twoWayKey": "a",
                "onDelete": "restrict",
            }
        },
        (),
    ),
    "import-runtime-specification/appwrite.json": (
        {
            "function.f": {
                "buildSpecification": "s-2vcpu-2gb",
                "runtimeSpecification": "s-0.5vcpu-512mb",
                "deploymentRetention": 7,
            }
        },
        (),
    ),
    "import-text-types/appwrite.json": (
        {
            "attribute.db/t/a": {"type": "varchar", "size": 255, "required": True},
            "attribute.db/t/b": {"type": "text"},
            "attribute.db/t/c": {"type": "mediumtext"},
            "attribute.db/t/d": {"type": "longtext"},
            "attribute.db/t/e": {"type": "bigint", "min": 0, "max": 10},
            "index.db/t/i": {"attributes": ("a",), "type": "key"},
        },
        (),
    ),
}


def imported(file: Path) -> tuple[Project, Source, list[str]]:
    """What a file becomes, and all that is reported of it."""
    document = read_document(file)
    project = read_appwrite_json(document.content, file.name)
    source = write_source(project, "x")
    reported = [*document.remarks, *project.remarks, *(f"{at}: {why}" for at, why in source.left_out.items())]
    return project, source, [str(each) for each in reported]


@pytest.mark.parametrize("name", EXPECTED)
def test_a_file_becomes_what_it_says(name: str) -> None:
    resources, expected = EXPECTED[name]
    project, source, reported = imported(CASES / name)
    for at, fields in resources.items():
        found = project.resources[address(at)].fields
        assert {each: found.get(each) for each in fields} == fields, at
        assert address(at) in source.declared
    assert reported == list(expected)


def test_names_that_this_tool_does_not_know_are_taken_over_and_reported(tmp_path: Path) -> None:
    text = (CASES / "import-newer-names/appwrite.json").read_text(encoding="utf-8")
    file = tmp_path / "appwrite.json"
    file.write_text(text.replace("node-24", "node-99").replace("sessions.read", "spells.read"), encoding="utf-8")
    project, source, reported = imported(file)
    assert project.resources[address("function.rt")].fields["runtime"] == "node-99"
    assert {address("function.rt"), address("function.sc")} <= set(source.declared)
    assert [each.partition(" (")[0] for each in reported] == [
        "function.rt: unknown runtime 'node-99'",
        "function.sc: unknown scope 'spells.read'",
    ]


def test_each_case_is_tried() -> None:
    files = {each.relative_to(CASES).as_posix() for each in CASES.glob("import-*/**/appwrite*.json")}
    # Of loading: see the tests of the embedded server.
    assert files - set(EXPECTED) == {"import-load-stops/appwrite.json"}
