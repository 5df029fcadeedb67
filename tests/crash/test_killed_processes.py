"""Raceday's whole apply with real processes that are really killed: by SIGKILL, with eight requests under way and with
what is in their buffers. A sample of places; the tests beside this one look at all of them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from raceday_iac.cli.main import execute
from raceday_iac.devserver.functions.builds import Builder
from raceday_iac.devserver.runner import start_server
from raceday_iac.devserver.server import Settings

from .keepers import ENVIRONMENT, VARIABLES, keeper_of
from .memory_bucket import Bucket, served
from .memory_server import no_build
from .raceday import KEY, Live, furnish, lay_out, must_be_whole

#: Where one run after the other dies, each in the world that those before it have left, and at how many times of that.
PLACES = {
    "files": (
        ("after POST /v1/databases/raceday-db/collections", 3),
        ("half of journal.jsonl intent create:attribute", 20),
        ("half of state.json.new", 100),
        ("after POST /v1/functions/daily-races/deployments", 1),
    ),
    "appwrite": (("after POST /v1/databases/raceday-iac-state/collections/states/documents", 90),),
    "s3": ((f"before DELETE {ENVIRONMENT}/states", 90),),
}


class Dying:
    """Starts processes that die (see `dying.py`)."""

    def __init__(self) -> None:
        paths = os.pathsep.join([str(Path(__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])])
        self._parent = subprocess.Popen(
            [sys.executable, "-m", "crash.dying"],
            env={**os.environ, "PYTHONPATH": paths},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, folder: Path, place: tuple[str, int], *words: str) -> tuple[int, str]:
        """How it ended, and what it said."""
        assert self._parent.stdin is not None
        assert self._parent.stdout is not None
        asked = {"folder": str(folder), "place": place[0], "number": place[1], "words": [*words, "--env", ENVIRONMENT]}
        self._parent.stdin.write(json.dumps({**asked, "variables": dict(os.environ)}) + "\n")
        self._parent.stdin.flush()
        ended = json.loads(self._parent.stdout.readline())
        return ended["code"], ended["said"]

    def close(self) -> None:
        self._parent.communicate(timeout=60)


@pytest.fixture(scope="module")
def dying() -> Iterator[Dying]:
    made = Dying()
    yield made
    made.close()


@pytest.mark.parametrize("keeper", PLACES)
def test_raceday_is_finished_after_processes_were_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], dying: Dying, keeper: str
) -> None:
    monkeypatch.setattr(Builder, "_steps", no_build)
    settings = Settings(scheduler=False, processing_delay=0.001, function_creation_limit=0)
    bucket, folder = Bucket(), tmp_path / "project"
    with start_server(tmp_path / "server", settings=settings) as server, served(lambda: bucket) as store:
        live, keeping = Live(server.endpoint, server.key), keeper_of(keeper, server.endpoint, server.key, store)
        furnish(live)
        lay_out(folder, server.endpoint, keeping.settings)
        for name, value in {KEY: server.key, **VARIABLES}.items():
            monkeypatch.setenv(name, value)
        for place in PLACES[keeper]:
            code, said = dying.run(folder, place, "apply", "--auto-approve", "--json")
            assert code == -signal.SIGKILL, f"{place}\n{said}"
            if keeping.backend is not None:
                # Whoever comes next is shown the lock, and how it is released.
                assert _here(folder, "apply", "--auto-approve") == 6
                assert "if it is dead, its lock expires in " in capsys.readouterr().err
                assert _here(folder, "state", "lock", "release", "--yes") == 0
        assert _here(folder, "apply", "--auto-approve") == 0
        assert "An earlier run was interrupted during " in capsys.readouterr().err
        assert _here(folder, "plan", "--detailed-exitcode") == 0
        must_be_whole(live, keeping.newest(folder / "state" / ENVIRONMENT), "at last")
        assert keeping.lock_age() is None


def _here(folder: Path, *words: str) -> int:
    return execute([*words, "--env", ENVIRONMENT, "--stack", str(folder / "stacks" / "raceday.py")])
