"""The outermost frame: what every command has in common."""

from __future__ import annotations

import _thread
import io
import json
import queue
import sys
import threading
from pathlib import Path

import pytest

from raceday_iac import __version__
from raceday_iac.cli import main, options
from raceday_iac.cli.main import execute
from raceday_iac.errors import EXIT_ERROR, EXIT_OK, Interrupted


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["version"]) == EXIT_OK
    assert capsys.readouterr().out.strip() == __version__


def test_a_terminal_that_cannot_show_an_arrow_shows_something_else(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    assert execute(["graph", "--stack", str(project / "stacks" / "raceday.py")]) == EXIT_OK
    assert b"collection.raceday-db/races -> database.raceday-db" in raw.getvalue()


def test_a_mistake_is_one_sentence_and_a_hint_not_a_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert execute(["graph", "--stack", str(tmp_path / "none.py")]) == EXIT_ERROR
    said = capsys.readouterr().err
    assert said.startswith("Error: There is no ")
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        ("plan --json --nosuch", "No such option: --nosuch", "raceday-iac plan -h"),
        ("nosuch --json", "No such command 'nosuch'.", "raceday-iac -h"),
        ("--json apply --parallelism x", "Invalid value for '--parallelism'", "raceday-iac apply -h"),
        ("--json plan --env", "--env needs a value.", ""),
    ],
)
def test_a_mistyped_command_line_is_json_for_machines(
    capsys: pytest.CaptureFixture[str], words: str, message: str, hint: str
) -> None:
    assert execute(words.split()) == EXIT_ERROR
    ended = capsys.readouterr()
    error = json.loads(ended.out)["error"]
    assert (error["message"].startswith(message), error["hint"], ended.err) == (True, hint, "")


def test_a_folder_that_was_deleted_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert execute(["graph"]) == EXIT_ERROR
    said = capsys.readouterr().err
    monkeypatch.chdir(tmp_path)
    assert said.startswith("Error: The current folder does not exist any more.")


def test_mistakes_of_a_stack_are_json_for_machines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "stacks" / "environments").mkdir(parents=True)
    (tmp_path / "stacks" / "environments" / "local.yaml").write_text("endpoint: embedded\nproject: p\n")
    stack = tmp_path / "stacks" / "x.py"
    stack.write_text("from raceday_iac.model.stack import Stack\nstack = Stack('x')\nstack.database('_', name='D')\n")
    assert execute(["graph", "--json", "--stack", str(stack)]) == EXIT_ERROR
    error = json.loads(capsys.readouterr().out)
    assert error["format"] == 1
    (problem,) = error["error"]["problems"]
    assert (problem["line"], problem["subject"]) == (3, "database._")


def test_each_command_answers_to_its_name_with_nothing_but_itself_loaded(capsys: pytest.CaptureFixture[str]) -> None:
    names = list(main.whole_program().commands)
    assert {"plan", "apply", "state", "version"} <= set(names)
    for name in names:
        assert execute([name, "--help"]) == EXIT_OK
        assert capsys.readouterr().out.startswith(f"Usage: raceday-iac {name} ")


def test_without_a_command_all_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["--help"]) == EXIT_OK
    said = capsys.readouterr().out
    assert all(f"\n  {name} " in said for name in ("plan", "apply", "state", "server", "version"))


def test_an_unknown_command_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["plam"]) != EXIT_OK
    assert "plam" in capsys.readouterr().err


def test_an_interrupt_hints_at_the_command_that_shows_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(options, "changes_begun", False)
    monkeypatch.setattr(options, "shows_rest", "")
    with pytest.raises(Interrupted, match="Nothing was changed"):
        main._pressed(1)
    options.begin_changes("raceday-iac recover --dry-run")
    with pytest.raises(Interrupted, match="Everything that was done") as pressed:
        main._pressed(1)
    assert pressed.value.hint == "see what is left: raceday-iac recover --dry-run"


def test_an_interrupted_command_ends_also_when_its_last_sentence_cannot_be_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    codes: queue.SimpleQueue[int] = queue.SimpleQueue()
    ended = threading.Event()
    monkeypatch.setattr(main, "_LAST", 0.01)
    monkeypatch.setattr(options, "changes_begun", False)
    monkeypatch.setattr("os._exit", lambda code: (codes.put(code), ended.set()))
    monkeypatch.setattr(main, "report", lambda _error: 1 if ended.wait(30) else 0)
    # Whoever is interrupted while a thread is being started may hold this.
    with threading._active_limbo_lock:  # type: ignore[attr-defined]
        _thread.start_new_thread(main._deaf, ())
        assert [codes.get(timeout=30), codes.get(timeout=30)] == [130, 1]
