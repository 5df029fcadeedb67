"""The loop of a person who develops: a change of a file is planned, and on the embedded server applied."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from raceday_iac.cli import watch as watching
from raceday_iac.cli.main import execute
from raceday_iac.devserver.runner import start_server
from raceday_iac.devserver.server import Settings
from raceday_iac.errors import EXIT_INTERRUPTED

from ..docs.schemas import must_fit

STACK = """
from raceday_iac import Stack

stack = Stack("small")
stack.team("staff", name="Staff")
"""
FUNCTION = """
stack.function(
    "greet",
    name="Greet",
    runtime="python-3.12",
    specification="s-0.5vcpu-512mb",
    timeout=15,
    entrypoint="main.py",
    code="functions/greet",
)
"""
CODE = "def main(context):\n    return context.res.text('%s')\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write("stacks/small.py", STACK)
    write("stacks/environments/local.yaml", "endpoint: embedded\nproject: small\n")
    return tmp_path


def write(file: str, text: str) -> None:
    Path(file).parent.mkdir(parents=True, exist_ok=True)
    Path(file).write_text(text, encoding="utf-8")


def during(monkeypatch: pytest.MonkeyPatch, *edits: Callable[[], object]) -> None:
    """Each wait for a change does the next edit; when there are none left, Ctrl-C is pressed."""
    left = iter(edits)

    def wait(_seconds: float) -> None:
        # Of two looks in a row the second finds what is saved together.
        if watching.INTERVAL in waited:
            waited.clear()
            return
        waited.append(watching.INTERVAL)
        edit = next(left, None)
        if edit is None:
            raise KeyboardInterrupt
        edit()

    waited: list[float] = []
    monkeypatch.setattr(watching.changes, "__defaults__", (wait,))


def said(capsys: pytest.CaptureFixture[str], *words: str) -> list[Any]:
    capsys.readouterr()
    assert execute(["watch", "--json", *words]) == EXIT_INTERRUPTED
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    for event in events:
        is_own = event.get("event") in ("changed", "planned", "watching", "stopped")
        name = "watch" if is_own else next(each for each in ("event", "error", "applied") if each in event)
        must_fit(event, name)
    return events


def reported(events: list[Any]) -> list[str]:
    """What came of the rounds: what was planned, applied, wrong, or waited for."""
    return [event.get("event") or ("error" if "error" in event else "applied") for event in events]


def test_a_change_is_applied_on_the_embedded_server_and_a_mistake_ends_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    during(
        monkeypatch,
        lambda: write("stacks/small.py", STACK.replace('"Staff"', '"Everybody"')),
        lambda: write("stacks/small.py", STACK + "stack.taem('x')"),
        lambda: write("stacks/small.py", STACK + FUNCTION),
        lambda: write("functions/greet/main.py", CODE % "hello"),
        lambda: write("functions/greet/main.py", CODE % "good morning"),
    )
    events = said(capsys)
    rounds = " ".join(reported(events)).split(" watching")
    applied = [event["applied"]["done"] for event in events if "applied" in event]
    assert applied[0] == ["create:team.staff"]
    assert applied[1] == ["update:team.staff"]
    assert {"create:function.greet", "deploy:deployment.greet"} <= set(applied[2])
    assert applied[3] == ["deploy:deployment.greet"]
    problems = [event["error"]["problems"][0]["message"] for event in events if "error" in event]
    assert problems[0] == "a Stack has no 'taem' (did you mean 'team'?)"
    assert "functions/greet" in problems[1]
    changed = [event["files"] for event in events if event.get("event") == "changed"]
    assert changed == [["stacks/small.py"]] * 3 + [["functions/greet/main.py"]] * 2
    assert rounds[-1] == " stopped"
    assert len(rounds) == 7


def test_on_a_real_server_it_only_plans(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], far: str
) -> None:
    during(monkeypatch, lambda: write("stacks/small.py", STACK + 'stack.team("x", name="X")\n'))
    events = said(capsys, "--env", "far")
    assert reported(events) == ["planned", "watching", "changed", "planned", "watching", "stopped"]
    plans = [event["plan"] for event in events if event.get("event") == "planned"]
    assert [[change["address"] for change in plan["changes"]] for plan in plans] == [
        ["team.staff"],
        ["team.staff", "team.x"],
    ]
    assert plans[0]["state"]["serial"] == 0


@pytest.fixture
def far(folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with start_server(tmp_path_factory.mktemp("server"), settings=Settings(scheduler=False), project="small") as server:
        write(
            "stacks/environments/far.yaml",
            f"endpoint: {server.endpoint}\nproject: small\napi_key_env: FAR_KEY\n",
        )
        monkeypatch.setenv("FAR_KEY", server.key)
        yield server.endpoint


def test_hidden_files_and_what_is_no_source_are_not_looked_at(folder: Path) -> None:
    for name in (".git/index", "node_modules/x/index.js", "__pycache__/a.pyc", ".swp", "src/a.py"):
        write(f"functions/greet/{name}", "x")
    watched = watching.seen([folder / "functions"])
    assert [str(each.relative_to(folder)) for each in watched] == ["functions/greet/src/a.py"]
    assert watching.seen([folder / "nowhere"]) == {}


def test_what_is_saved_together_comes_together_and_a_change_during_a_round_comes_after_it(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    waits = iter([lambda: one.write_text("1"), lambda: two.write_text("2"), lambda: None])
    rounds = watching.changes(lambda: [tmp_path], lambda _seconds: next(waits)())
    assert next(rounds) == ()
    assert next(rounds) == (one, two)
    one.write_text("longer")
    waits = iter([lambda: None])
    assert next(rounds) == (one,)


def test_ctrl_c_ends_it_with_a_sentence_and_no_traceback(folder: Path) -> None:
    command = [sys.executable, "-m", "raceday_iac.cli.main", "watch"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = []
        while not lines or not lines[-1].startswith("Waiting for a change"):
            lines.append(process.stdout.readline())
            assert lines[-1], lines
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out.strip(), err) == (EXIT_INTERRUPTED, "Stopped watching.", "")
