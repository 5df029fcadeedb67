"""What people get wrong: one clear message, the right exit code, nothing changed, no traceback."""

from __future__ import annotations

import json

import pytest

from .command import Ended
from .project import Project
from .target import needs

STACK = """
    database = stack.database(P + "db", name="Db")
    database.collection("c", name="C").string("text", 20)
"""


def says(ended: Ended, *texts: str) -> None:
    """The message is on standard error, once, and holds these."""
    assert ended.err.count("Error:") == 1, ended
    for text in texts:
        assert text in ended.err, ended


@pytest.fixture
def declared(project: Project) -> Project:
    project.declare(STACK)
    return project


def test_an_unreachable_endpoint(declared: Project) -> None:
    ended = declared.iac("plan", code=1, APPWRITE_ENDPOINT="http://127.0.0.1:9/v1")
    says(ended, "cannot be reached", "the connection was refused")


@pytest.mark.live
def test_a_wrong_key(declared: Project) -> None:
    says(declared.iac("plan", code=1, APPWRITE_API_KEY="standard_" + "0" * 64), "does not accept the API key")


@pytest.mark.live
def test_no_key(declared: Project) -> None:
    says(declared.iac("plan", code=1, APPWRITE_API_KEY=""), "No API key", "APPWRITE_API_KEY")


@pytest.mark.live
def test_a_key_without_a_scope_is_named_and_stops_the_run(project: Project) -> None:
    needs("no key without functions.write is given (APPWRITE_NARROW_KEY)", bool(project.site.narrow_key))
    declaration = 'P + "fn", name="F", runtime="node-22", specification="s-1vcpu-512mb", timeout=9, entrypoint="m.js"'
    project.declare(f"stack.function({declaration})")
    ended = project.apply(code=1, APPWRITE_API_KEY=project.site.narrow_key)
    assert "functions.write" in ended.out
    assert project.id("fn") not in project.api.ids("/functions", "functions")


@pytest.mark.live
def test_an_unknown_project(declared: Project) -> None:
    says(declared.iac("plan", code=1, APPWRITE_PROJECT_ID="nobodys-project"), "There is no project 'nobodys-project'")


def test_an_endpoint_that_is_no_appwrite(declared: Project) -> None:
    declared.proxy.answer(200, "*", "*", times=99)
    says(declared.iac("plan", code=1), "does not answer like Appwrite")


def test_a_syntax_error_in_the_stack(declared: Project) -> None:
    declared.stack_file.write_text("stack = (\n", encoding="utf-8")
    says(declared.iac("apply", "--auto-approve", code=1), "stacks/x.py:1", "syntax error")
    assert declared.proxy.exchanges() == []


def test_all_mistakes_at_once_and_before_any_request(project: Project) -> None:
    project.declare(
        """
        database = stack.database(P + "db", name="Db")
        collection = database.collection("c", name="C")
        collection.string("text", 20, required=True, default="a")
        collection.index("i", "nothing")
        """
    )
    ended = project.iac("plan", code=1)
    says(ended, "2 problems", "stacks/x.py:8", "stacks/x.py:9", "a required attribute cannot have a default")
    assert project.proxy.exchanges() == []
    as_json = project.iac("plan", "--json", code=1).json
    assert len(as_json["error"]["problems"]) == 2


def test_a_damaged_state_file_is_left_as_it_is(declared: Project) -> None:
    declared.apply()
    declared.state_file.write_text('{"format": 1, "resour', encoding="utf-8")
    says(declared.iac("apply", "--auto-approve", code=1), "cannot be used", "state.json.damaged")
    assert declared.state_file.read_text(encoding="utf-8") == '{"format": 1, "resour'
    declared.lose_state()
    declared.apply()
    declared.must_be_clean()


def test_no_terminal_and_no_approval(declared: Project) -> None:
    says(declared.iac("apply", code=5), "no terminal to ask", "--auto-approve")
    assert declared.proxy.writes() == 0


def test_a_full_disk_stops_the_run_and_loses_nothing(declared: Project) -> None:
    declared.state_folder.mkdir(parents=True)
    # The state cannot be renamed into place: a folder stands where the file should be.
    (declared.state_folder / "state.json.new").mkdir()
    ended = declared.apply(code=1)
    assert "The state could not be saved" in ended.out
    (declared.state_folder / "state.json.new").rmdir()
    declared.apply()
    declared.must_be_clean()


def test_a_command_that_does_not_exist(declared: Project) -> None:
    says(declared.start("aply").end(), "No such command 'aply'")


def test_global_options_stand_before_the_command_or_after_it(declared: Project) -> None:
    before = ("--env", "e2e", "--stack", "stacks/x.py", "--json")
    first = declared.start("plan", before=before).end()
    second = declared.iac("plan", "--json")
    assert json.loads(first.out)["changes"] == second.json["changes"]


def test_an_address_that_is_none(declared: Project) -> None:
    says(declared.iac("apply", "--auto-approve", "--allow-data-loss", "things", code=1), "is not an address")


def test_a_function_that_is_not_ours_is_not_destroyed(declared: Project) -> None:
    says(declared.iac("destroy", "somebodys", "--auto-approve", code=1), "not ours to delete")
