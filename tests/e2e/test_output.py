"""What machines read: one JSON document a command, with a format number; and where options may stand."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from raceday_iac.cli.main import COMMANDS

from .conftest import OpenProject
from .mixed import declare_function
from .project import Project, actions

pytestmark = pytest.mark.live

STACK = """
    database = stack.database(P + "db", name="Db")
    database.collection("c", name="C").string("text", 20)
    stack.absent("function." + P + "old", reason="it is old")
"""
SHOWN = (
    ("plan",),
    ("drift",),
    ("state", "list"),
    ("state", "show", "database.{db}"),
    ("graph",),
    ("apply", "--auto-approve"),
)


@pytest.fixture(scope="module")
def applied(open_project: OpenProject, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    with open_project(tmp_path_factory.mktemp("output")) as project:
        project.in_processes = True
        project.declare(STACK)
        project.apply()
        yield project


@pytest.mark.parametrize("words", SHOWN, ids=" ".join)
def test_what_a_command_prints_with_json_is_one_document_with_a_format_number(
    applied: Project, words: tuple[str, ...]
) -> None:
    ended = applied.iac(*(word.format(db=applied.id("db")) for word in words), "--json")
    assert ended.json["format"] == 1


def test_an_apply_reports_its_progress_as_lines_and_its_outcome_as_the_last_document(project: Project) -> None:
    project.declare(STACK)
    *events, outcome = project.apply("--json").documents
    assert {each["event"] for each in events} >= {"started", "done"}
    assert {each["format"] for each in events} == {1}
    done = [f"{each['action']}:{each['address']}" for each in events if each["event"] == "done"]
    assert sorted(outcome["applied"]["done"]) == sorted(done)
    assert outcome["applied"]["complete"]


def test_a_refused_apply_shows_machines_why(project: Project) -> None:
    project.declare(STACK)
    project.apply()
    documents = f"/databases/{project.id('db')}/collections/c/documents"
    project.api.post(documents, {"documentId": "one", "data": {"text": "a"}})
    project.declare("")
    (document,) = project.apply("--json", code=5).documents
    assert "1 document" in document["refusals"][0]["message"]


def test_an_error_is_a_document_too(applied: Project) -> None:
    document = applied.iac("plan", "--json", code=1, APPWRITE_API_KEY="standard_" + "0" * 64).json
    assert document["error"]["kind"] == "AccessError"
    assert document["error"]["message"]


def test_the_bundle_of_a_function_is_written_out_as_it_would_be_deployed(project: Project) -> None:
    declare_function(project)
    document = project.iac("vendor", project.id("fn"), "--out", "bundle", "--json").json
    assert "main.py" in document["files"]
    assert (project.root / "bundle" / "main.py").read_text(encoding="utf-8").startswith("def main")
    # Nothing of the server is needed for that.
    assert project.proxy.exchanges() == []


def test_global_options_stand_before_the_command_or_after_it(applied: Project) -> None:
    after = applied.iac("state", "list", "--json")
    before = applied.start("state", "list", before=("--env", "e2e", "--stack", "stacks/x.py", "--json")).end()
    assert json.loads(before.out) == after.json


def test_a_plan_and_what_apply_then_does_are_the_same(project: Project) -> None:
    project.declare(STACK)
    assert actions(project.plan()) == project.carried_out()


def test_no_colour_is_written_into_a_pipe(applied: Project) -> None:
    assert "\x1b[" not in applied.iac("plan").text


#: What each command is run with, in this order, on a project with a function `fn`; where nothing is said, `--help`.
RUNS: tuple[tuple[int, tuple[str, ...]], ...] = (
    (0, ("plan", "--out", "saved.json")),
    (0, ("show", "saved.json")),
    (0, ("apply", "saved.json")),
    (0, ("drift",)),
    (0, ("graph",)),
    (0, ("export", "--appwrite-json", "appwrite.json")),
    (0, ("import", "--all")),
    (0, ("lint",)),
    (0, ("schedule",)),
    (0, ("vendor", "{fn}", "--out", "bundle")),
    (0, ("run", "{fn}")),
    (0, ("logs", "{fn}")),
    (0, ("deployments", "{fn}")),
    # There is none before.
    (5, ("rollback", "{fn}", "--auto-approve")),
    (0, ("health",)),
    (0, ("recover", "--dry-run")),
    (0, ("state", "list")),
    # It is not ours that runs.
    (1, ("server", "status")),
    (0, ("destroy", "{fn}", "--auto-approve")),
)


@pytest.mark.usefixtures("_runs_functions")
def test_every_command_is_a_process_that_ends_as_it_should(project: Project) -> None:
    project.in_processes = True
    declare_function(project)
    for code, words in RUNS:
        project.iac(*(word.format(fn=project.id("fn")) for word in words), code=code)
    for name in COMMANDS.keys() - {words[0] for _, words in RUNS}:
        assert "Usage: raceday-iac" in project.iac(name, "--help").out
