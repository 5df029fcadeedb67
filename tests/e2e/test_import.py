"""What is live is taken into the state, and a whole project becomes a stack that changes nothing."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from .command import Ended
from .conftest import OpenProject
from .project import ENVIRONMENT, Project, actions
from .raceday import LEGACY_FILE, ROOT, create_legacy, legacy_functions
from .table import SCHEMA
from .target import Target, needs

SECRET = "not-to-be-seen"


@pytest.fixture(autouse=True)
def _own_project(target: Target) -> None:
    needs("a whole project is imported, and a shared one holds more than this suite's", not target.is_live)


def on(project: Project, stack: str, *words: str, code: int = 0) -> Ended:
    """A command on another stack file of the project. In this process: so many starts would cost half a minute."""
    from raceday_iac.cli.main import execute

    out, err = io.StringIO(), io.StringIO()
    command = [*words, "--env", ENVIRONMENT, "--stack", f"stacks/{stack}.py"]
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.chdir(project.root)
        for name, value in {**project._own_variables(), **project.variables}.items():
            patch.setenv(name, value)
        ended = Ended(" ".join(command), execute(command), "", "")
    ended = replace(ended, out=out.getvalue(), err=err.getvalue())
    assert ended.code == code, ended
    assert not [each for each in project.secrets if each in ended.text]
    return ended


def must_be_well_written(file: Path) -> None:
    for check in (("format", "--check", "--diff"), ("check", "--ignore", "E501,RUF001")):
        command = [
            sys.executable,
            "-m",
            "ruff",
            *check,
            "--no-cache",
            "--config",
            str(ROOT / "pyproject.toml"),
            str(file),
        ]
        ended = subprocess.run(command, check=False, capture_output=True, text=True)
        assert ended.returncode == 0, ended.stdout + ended.stderr


def must_round_trip(project: Project, stack: str) -> None:
    """Once adopted, the written stack plans nothing, and importing it wrote nothing on the server."""
    must_be_well_written(project.root / "stacks" / f"{stack}.py")
    project.proxy.forget()
    on(project, stack, "import", "--all")
    on(project, stack, "plan", "--detailed-exitcode")
    assert [each for each in project.proxy.exchanges() if each.method != "GET"] == []


@pytest.fixture(scope="module")
def grown(target: Target, open_project: OpenProject, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A project that grew by hand: nothing of it was made by this tool."""
    needs("see above", not target.is_live)
    with open_project(tmp_path_factory.mktemp("grown")) as project:
        _grow(project)
        project.iac("import", "--write", "stacks/grown.py")
        yield project


def _grow(project: Project) -> None:
    api = project.api
    api.post("/databases", {"databaseId": "class", "name": "Kūmara \"and\" 'quotes' \\ \n é"})
    api.post("/databases", {"databaseId": "empty", "name": "Empty", "enabled": False})
    collections = "/databases/class/collections"
    permissions = ['read("any")', 'write("users")', 'update("team:a/owner")']
    things = {"collectionId": "2024.things", "name": "None", "permissions": permissions, "documentSecurity": True}
    api.post(collections, things)
    api.post(collections, {"collectionId": "lambda", "name": "λ", "enabled": False})
    for kind, body in _ATTRIBUTES:
        api.post(f"{collections}/2024.things/attributes/{kind}", body)
    two_way = {
        "key": "far",
        "relatedCollectionId": "lambda",
        "type": "oneToMany",
        "twoWay": True,
        "onDelete": "cascade",
    }
    api.post(f"{collections}/2024.things/attributes/relationship", two_way)
    api.until(f"{collections}/lambda", lambda each: all(a["status"] == "available" for a in each["attributes"]))
    one_way = {"key": "self", "relatedCollectionId": "lambda", "type": "manyToOne", "twoWayKey": "selves"}
    api.post(f"{collections}/lambda/attributes/relationship", one_way)
    api.until(
        f"{collections}/2024.things",
        lambda each: all(a["status"] == "available" for a in each["attributes"]),
    )
    for body in _INDEXES:
        api.post(f"{collections}/2024.things/indexes", body)
    api.until(f"{collections}/2024.things", lambda each: all(i["status"] == "available" for i in each["indexes"]))
    _grow_functions(project)


_ATTRIBUTES: list[tuple[str, dict[str, Any]]] = [
    ("string", {"key": "text", "size": 100, "required": False, "default": 'it\'s "so"'}),
    ("string", {"key": "import", "size": 200, "required": True, "encrypt": True}),
    ("string", {"key": "tags", "size": 20, "required": False, "array": True}),
    ("integer", {"key": "count", "required": False, "min": 0, "max": 9, "default": 0}),
    ("integer", {"key": "any", "required": False}),
    ("float", {"key": "ratio", "required": False, "min": -1.5, "default": 0.1}),
    ("boolean", {"key": "yes", "required": False, "default": False}),
    ("datetime", {"key": "when", "required": False, "default": "2025-01-31T10:20:30.123+00:00"}),
    ("email", {"key": "mail", "required": False, "default": "a@b.nz"}),
    ("url", {"key": "link", "required": True}),
    ("ip", {"key": "host", "required": False, "default": "127.0.0.1"}),
    ("enum", {"key": "colour", "elements": ["red", 'so-called "blue"'], "required": False, "default": "red"}),
    ("point", {"key": "place", "required": True}),
    ("line", {"key": "way", "required": False, "default": [[1, 2], [3.5, 4]]}),
    ("polygon", {"key": "field", "required": False}),
]
_INDEXES: list[dict[str, Any]] = [
    {"key": "by_text", "type": "key", "attributes": ["text", "$createdAt"], "orders": ["DESC", "ASC"]},
    {"key": "short", "type": "unique", "attributes": ["text", "count"], "lengths": [20, 0]},
    {"key": "words", "type": "fulltext", "attributes": ["text"]},
    {"key": "by_tag", "type": "key", "attributes": ["tags"]},
    {"key": "there", "type": "spatial", "attributes": ["place"]},
]


def _grow_functions(project: Project) -> None:
    api = project.api
    usual = {"runtime": "python-3.12", "entrypoint": "src/main.py"}
    api.post("/functions", {**usual, "functionId": "bare", "name": "Bare"})
    full = {
        "execute": ["any", "users"],
        "events": ["users.*.create"],
        "schedule": "*/15 21-23,0-11 * * *",
        "scopes": ["documents.read", "users.read"],
        "timeout": 900,
        "commands": "pip install 'x[y]' && echo \"$HOME\"\n# " + "long " * 40,
        "specification": "s-0.5vcpu-512mb",
    }
    api.post("/functions", {**usual, **full, "functionId": "full", "name": 'F"ull', "enabled": False, "logging": False})
    variables = "/functions/full/variables"
    api.post(variables, {"key": "PLAIN", "value": "multi\nline 'and' \"more\" ü", "secret": False})
    api.post(variables, {"key": "EMPTY", "value": "", "secret": False})
    api.post(variables, {"key": "TOKEN", "value": SECRET, "secret": True})
    api.post(variables, {"key": "OLD_API_KEY", "value": SECRET, "secret": False})
    api.post("/functions", {"functionId": "no-code", "name": "No entrypoint", "runtime": "node-22"})
    project.secret("FULL_TOKEN", SECRET)


@pytest.mark.shows("import", kinds=["function", "variable", *SCHEMA])
def test_a_grown_project_becomes_a_stack_that_changes_nothing(grown: Project) -> None:
    must_round_trip(grown, "grown")


def test_its_secrets_are_reported_and_kept_out_of_the_file(grown: Project) -> None:
    text = (grown.root / "stacks" / "grown.py").read_text(encoding="utf-8")
    assert SECRET not in text
    assert 'FromEnvironment("FULL_TOKEN")' in text
    document = on(grown, "x", "import", "--write", "stacks/told.py", "--json").json["written"]
    assert document["secrets"] == {"FULL_TOKEN": "variable.full/TOKEN"}
    left_out = {each["address"]: each["reason"] for each in document["leftOut"]}
    assert set(left_out) == {"variable.full/OLD_API_KEY", "function.no-code"}


def test_what_was_left_out_is_unmanaged_and_untouched(grown: Project) -> None:
    on(grown, "grown", "import", "--all")
    plan = on(grown, "grown", "plan", "--json").json
    assert set(plan["unmanaged"]) == {"variable.full/OLD_API_KEY", "function.no-code"}


def test_a_part_can_be_written_by_address(grown: Project) -> None:
    on(grown, "x", "import", "collection.class/lambda", "function.bare", "--write", "stacks/part.py")
    declared = on(grown, "part", "graph", "--all", "--json").json["resources"]
    kinds = {each.partition(".")[0] for each in declared}
    assert {"database.class", "collection.class/lambda", "function.bare"} <= set(declared)
    assert "collection.class/2024.things" not in declared
    assert kinds <= {"database", "collection", "relationship", "function"}
    must_be_well_written(grown.root / "stacks" / "part.py")


def test_a_file_is_not_replaced_unasked(grown: Project) -> None:
    file = grown.root / "stacks" / "grown.py"
    before = file.read_text(encoding="utf-8")
    file.write_text(f"{before}\n# mine\n", encoding="utf-8")
    assert "--force" in on(grown, "x", "import", "--write", "stacks/grown.py", code=1).err
    assert file.read_text(encoding="utf-8").endswith("# mine\n")
    on(grown, "x", "import", "--write", "stacks/grown.py", "--force")
    assert file.read_text(encoding="utf-8") == before


@pytest.mark.shows("export", kinds=["function", "database", "collection"])
def test_a_grown_project_goes_through_an_appwrite_json(grown: Project) -> None:
    on(grown, "grown", "export", "--appwrite-json", "appwrite.json")
    document = json.loads((grown.root / "appwrite.json").read_text(encoding="utf-8"))
    assert list(document) == ["projectId", "projectName", "functions", "databases", "collections"]
    assert SECRET not in json.dumps(document)
    filed = ("--from-appwrite-json", "appwrite.json", "--write", "stacks/filed.py")
    again = on(grown, "x", "import", *filed, "--json").json
    assert again["written"]["leftOut"] == []
    assert again["written"]["remarks"] == []
    here, there = (
        json.loads(on(grown, stack, "export", "--appwrite-json").out) | {"projectName": ""}
        for stack in ("grown", "filed")
    )
    assert here == there


def test_the_legacy_project_becomes_a_stack_that_changes_nothing(project: Project) -> None:
    create_legacy(project.api, "", legacy_functions())
    on(project, "x", "import", "--write", "stacks/live.py")
    must_round_trip(project, "live")
    # The file from which it was made says the same.
    on(project, "x", "import", "--from-appwrite-json", str(LEGACY_FILE), "--write", "stacks/filed.py")
    on(project, "filed", "state", "rebind", "--yes")
    on(project, "filed", "plan", "--detailed-exitcode")


def test_a_file_is_shown_without_a_server(project: Project) -> None:
    shown = on(project, "x", "import", "--from-appwrite-json", str(LEGACY_FILE), "--json").json["found"]
    assert len(shown["resources"]) == 9
    assert project.proxy.exchanges() == []


#: Of what lies in a database, that has no relationship.
SMALL_SCHEMA = [each for each in SCHEMA if each != "relationship"]
SMALL = """
    database = stack.database(P + "db", name="Db")
    things = database.collection("things", name="Things")
    things.string("a", 20)
    things.index("by_a", "a")
    stack.function(
        P + "fn", name="Fn", runtime="python-3.12", specification="s-1vcpu-512mb", timeout=20, entrypoint="main.py",
        code="functions/fn", variables={"A": "a", "TOKEN": FromEnvironment("E2E_TOKEN")},
    )
"""


@pytest.fixture
def applied(project: Project) -> Project:
    """A stack with code and a secret, applied."""
    project.secret("E2E_TOKEN", f"secret-{project.prefix}")
    project.code("fn", main="def main(context):\n    return context.res.empty()\n")
    project.declare(SMALL)
    project.apply()
    return project


@pytest.mark.shows("import", kinds=["function", "variable", "deployment", *SMALL_SCHEMA])
def test_after_loss_of_the_state_an_import_makes_the_plan_empty(applied: Project) -> None:
    owned = applied.state()
    applied.lose_state()
    applied.proxy.forget()
    imported = applied.iac("import", "--all", "--json").json["imported"]
    assert set(imported["adopted"]) == set(owned)
    assert imported["assumedSecrets"] == [f"variable.{applied.id('fn')}/TOKEN"]
    assert [each for each in applied.proxy.exchanges() if each.method != "GET"] == []
    applied.must_be_clean()
    assert {at: entry["fields"] for at, entry in applied.state().items() if "TOKEN" not in at} == {
        at: entry["fields"] for at, entry in owned.items() if "TOKEN" not in at
    }
    applied.must_keep_no_secret()


def test_an_import_says_what_differs_and_what_is_missing(applied: Project) -> None:
    applied.lose_state()
    applied.api.put_function(applied.id("fn"), timeout=21)
    applied.api.delete(f"/databases/{applied.id('db')}/collections/things/indexes/by_a")
    applied.api.until_gone(f"/databases/{applied.id('db')}/collections/things/indexes/by_a")
    imported = applied.iac("import", "--all", "--json").json["imported"]
    assert [each["address"] for each in imported["differing"]] == [f"function.{applied.id('fn')}"]
    assert imported["missing"] == [f"index.{applied.id('db')}/things/by_a"]
    assert actions(applied.plan()) == {
        f"function.{applied.id('fn')}": "update",
        f"index.{applied.id('db')}/things/by_a": "create",
    }


def test_an_import_by_address_takes_that_and_what_lies_in_it(applied: Project) -> None:
    applied.lose_state()
    function = f"function.{applied.id('fn')}"
    applied.iac("import", function)
    names = {each.partition(".")[0] for each in applied.state()}
    assert names == {"function", "variable", "deployment"}
    assert "already in the state" in on(applied, "x", "import", function).out
    assert "not declared" in on(applied, "x", "import", "function.other", code=1).err
    assert on(applied, "x", "import", code=1).err


def test_what_is_asked_for_by_name_must_be_there(applied: Project) -> None:
    applied.lose_state()
    applied.api.delete(f"/functions/{applied.id('fn')}")
    assert "not on the server" in on(applied, "x", "import", f"function.{applied.id('fn')}", code=1).err
    assert not applied.state_file.exists()


def terraform(project: Project) -> str:
    """The state of the official provider for the function, its variable and code, the database and a collection."""
    db, fn = project.id("db"), project.id("fn")
    named = (
        ("appwrite_tablesdb", {"id": db}),
        ("appwrite_tablesdb_table", {"id": "things", "database_id": db}),
        ("appwrite_function", {"id": fn}),
        ("appwrite_function_variable", {"id": "x", "function_id": fn, "key": "TOKEN", "value": "of-terraform"}),
        ("appwrite_function_deployment", {"id": "x", "function_id": fn}),
        ("appwrite_function", {"id": f"{fn}-other"}),
        ("appwrite_tablesdb_row", {"id": "row"}),
    )
    resources = [
        {"mode": "managed", "type": kind, "name": f"r{number}", "instances": [{"attributes": attributes}]}
        for number, (kind, attributes) in enumerate(named)
    ]
    file = project.root / "terraform.tfstate"
    file.write_text(json.dumps({"version": 4, "serial": 1, "resources": resources}), encoding="utf-8")
    return str(file)


def test_what_a_terraform_state_names_is_adopted_and_the_rest_named(applied: Project) -> None:
    applied.lose_state()
    file = terraform(applied)
    imported = on(applied, "x", "import", "--from-tfstate", file)
    db, fn = applied.id("db"), applied.id("fn")
    assert set(applied.state()) == {
        f"database.{db}",
        f"collection.{db}/things",
        f"function.{fn}",
        f"variable.{fn}/TOKEN",
        f"deployment.{fn}",
    }
    assert f"appwrite_function.r5: function.{fn}-other is not declared in the stack" in imported.out
    assert "appwrite_tablesdb_row.r6: it is data, which is not managed" in imported.out
    assert "terraform state rm appwrite_function_variable.r3" in imported.out
    assert "of-terraform" not in imported.text + json.dumps(applied.state())
    # The plan adopts what is declared and was not named.
    assert set(actions(applied.plan()).values()) == {"adopt"}


def test_a_stack_is_written_of_what_a_terraform_state_names_and_nothing_more(applied: Project) -> None:
    file = applied.root / "from_terraform.py"
    written = on(applied, "x", "import", "--from-tfstate", terraform(applied), "--write", str(file), "--json")
    document = written.json["written"]
    db, fn = applied.id("db"), applied.id("fn")
    assert set(document["declared"]) == {f"database.{db}", f"collection.{db}/things", f"function.{fn}"}
    text = file.read_text(encoding="utf-8")
    assert '"TOKEN": FromEnvironment(' in text
    assert '"A":' not in text
    remarks = {each["subject"]: each["message"] for each in document["remarks"]}
    assert {name: why for name, why in remarks.items() if name.startswith("appwrite_")} == {
        "appwrite_function.r5": "not on the server",
        "appwrite_tablesdb_row.r6": "it is data, which is not managed",
    }
    refused = on(applied, "x", "import", "--all", "--from-tfstate", terraform(applied), code=1)
    assert "imports what the Terraform state lists" in refused.err
