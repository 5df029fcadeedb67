"""What people get wrong: one clear message, the right exit code, nothing changed, no traceback."""

from __future__ import annotations

import errno
import os

import pytest

from .command import Ended
from .here import run_here
from .project import UNCACHED, Project, actions
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


@pytest.mark.parametrize("words", [("plan",), ("logs", "fn")])
def test_an_unreachable_endpoint(declared: Project, words: tuple[str, ...]) -> None:
    ended = declared.iac(*words, code=1, APPWRITE_ENDPOINT="http://127.0.0.1:9/v1")
    says(ended, "cannot be reached", "the connection was refused")


def test_an_unknown_host(declared: Project) -> None:
    says(declared.iac("plan", code=1, APPWRITE_ENDPOINT="http://appwrite.invalid/v1"), "its host name")


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


def test_a_server_that_is_broken(declared: Project) -> None:
    declared.proxy.answer(500, "*", "*", times=99)
    says(declared.iac("plan", code=1), "500")


def test_a_runtime_that_the_server_does_not_offer_is_refused_with_what_it_offers(project: Project) -> None:
    declaration = 'P + "fn", name="F", runtime="node-24", specification="s-1vcpu-512mb", timeout=9, entrypoint="m.js"'
    project.declare(f"stack.function({declaration})")
    refused = project.apply(code=5)
    assert "does not offer the runtime 'node-24'" in refused.text
    assert "node-22" in refused.text
    assert project.proxy.writes() == 0


def test_a_syntax_error_in_the_stack(declared: Project) -> None:
    declared.stack_file.write_text("stack = (\n", encoding="utf-8")
    says(declared.iac("apply", "--auto-approve", code=1), "stacks/x.py:1", "syntax error")
    assert declared.proxy.exchanges() == []


def test_a_stack_changed_within_the_same_second_by_as_many_letters_is_seen(declared: Project) -> None:
    declared.apply()
    before = declared.stack_file.stat()
    declared.declare(STACK.replace('name="Db"', 'name="DB"'))
    os.utime(declared.stack_file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert actions(declared.plan()) == {f"database.{declared.id('db')}": "update"}


def test_a_cache_of_the_stack_that_was_cut_short_is_no_hindrance(declared: Project) -> None:
    declared.plan()
    for file in declared.root.rglob("*.pyc"):
        file.write_bytes(file.read_bytes()[:40])
    declared.plan()


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
    def full(_number: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", full)
        ended = run_here(declared, "apply", "--auto-approve")
    assert ended.code == 1
    assert "No space left on device" in ended.text
    assert "free disk space" in ended.text
    declared.apply()
    declared.must_be_clean()


def test_a_disk_that_fills_up_in_the_middle_keeps_the_state_saved_last(project: Project) -> None:
    attributes = "\n".join(f'    things.string("text{number}", 20)' for number in range(30))
    project.declare(f"""
    things = stack.database(P + "db", name="Db").collection("things", name="Things")
{attributes}
    """)
    # No file may grow beyond two kilobytes: the first saves succeed, later ones do not, of the state or of the journal.
    # Python's own files of the program, which others use as well, are kept out of that.
    ended = project.start("apply", "--auto-approve", through='ulimit -f 2; exec "$@"', **{UNCACHED: "1"}).end()
    assert ended.code == 1, ended
    assert "could not be saved" in ended.text
    assert f"database.{project.id('db')}" in project.state()
    project.apply()
    project.must_be_clean()


@pytest.mark.parametrize(
    ("words", "output"),
    [
        (("plan",), ">&-"),
        (("apply", "--auto-approve"), ">&-"),
        (("apply", "--auto-approve"), ">/dev/full"),
        (("state", "list", "--json"), ">/dev/full"),
    ],
)
def test_output_that_cannot_be_written_ends_the_run_before_any_change(
    declared: Project, words: tuple[str, ...], output: str
) -> None:
    ended = declared.start(*words, through=f'exec "$@" {output}').end()
    assert ended.code == 1, ended
    says(ended, "output")
    assert declared.proxy.writes() == 0


def test_a_reader_that_has_seen_enough_is_no_error_to_talk_about(declared: Project) -> None:
    ended = declared.start("plan", through='"$@" | head -n 1').end()
    assert ended.out.startswith("Plan for environment e2e")
    assert ended.err == ""


def test_a_command_that_does_not_exist(declared: Project) -> None:
    says(declared.start("aply").end(), "No such command 'aply'")


def test_an_address_that_is_none(declared: Project) -> None:
    says(declared.iac("apply", "--auto-approve", "--allow-data-loss", "things", code=1), "is not an address")


def test_a_function_that_is_not_ours_is_not_destroyed(declared: Project) -> None:
    says(declared.iac("destroy", "somebodys", "--auto-approve", code=1), "raceday-iac does not manage it")
