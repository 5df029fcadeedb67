"""Raceday's whole apply with real processes that are really killed: by SIGKILL, with eight requests under way and with
what is in their buffers. A sample of places; the tests beside this one look at all of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from raceday_iac.cli.main import execute
from raceday_iac.devserver.functions.builds import Builder
from raceday_iac.devserver.runner import start_server
from raceday_iac.devserver.settings import Settings

from .memory_server import no_build
from .raceday import KEY, Live, furnish, lay_out, must_be_whole

#: Where one run after the other dies, each in the world that those before it have left, and at how many times of that.
PLACES = (
    ("after POST /v1/databases/raceday-db/collections", 3),
    ("half of journal.jsonl intent create:attribute", 20),
    ("half of state.json.new", 100),
    ("after POST /v1/functions/daily-races/deployments", 1),
)
NOWHERE = ("nowhere", 1)


def test_raceday_is_finished_after_four_processes_were_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Builder, "_steps", no_build)
    settings = Settings(scheduler=False, processing_delay=0.001, function_creation_limit=0)
    with start_server(tmp_path / "server", settings=settings) as server:
        live = Live(server.endpoint, server.key)
        furnish(live)
        folder = lay_out(tmp_path / "project", run=server.endpoint).parents[1]
        monkeypatch.setenv(KEY, server.key)
        for place in PLACES:
            ended = _command(folder, place, "apply", "--auto-approve", "--json")
            assert ended.returncode == -signal.SIGKILL, f"{place}\n{ended.stdout}\n{ended.stderr}"
        ended = _command(folder, NOWHERE, "apply", "--auto-approve")
        assert ended.returncode == 0, f"{ended.stdout}\n{ended.stderr}"
        assert "An earlier run ended in the middle of " in ended.stderr
        planned = ["plan", "--detailed-exitcode", "--env", "run", "--stack", str(folder / "stacks" / "raceday.py")]
        assert execute(planned) == 0
        must_be_whole(live, folder / "state" / "run" / "state.json", "at last")


def _command(folder: Path, place: tuple[str, int], *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "crash.dying", place[0], str(place[1]), *words, "--env", "run"]
    paths = os.pathsep.join([str(Path(__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
