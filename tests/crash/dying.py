"""`python -m crash.dying`: processes that kill themselves, by SIGKILL and without a word, in the middle of a command.

Each is forked from this one, which has read all modules: they would take longer than the command. What to start comes
on standard input, one JSON a line; how it ended, and what it said, goes to standard output.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import tempfile
import threading
import traceback
from pathlib import Path
from typing import Any, NoReturn

import pytest
import requests

from raceday_iac.cli.main import execute

from .places import request_name, watch_files, watch_objects

#: Seconds after which one that neither dies nor ends is ended.
PATIENCE = 300


def main() -> None:
    importlib.import_module("raceday_iac.cli.apply")
    for line in sys.stdin:
        asked = json.loads(line)
        with tempfile.TemporaryFile("w+") as said:
            pid = os.fork()
            if pid == 0:
                _be(asked, said.fileno())
            code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            said.seek(0)
            print(json.dumps({"code": code, "said": said.read()}), flush=True)


def _be(asked: dict[str, Any], said: int) -> NoReturn:
    """That process."""
    code = 1
    try:
        signal.alarm(PATIENCE)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for stream in (1, 2):
            os.dup2(said, stream)
        os.environ |= asked["variables"]
        os.chdir(asked["folder"])
        code = run(asked["place"], asked["number"], asked["words"])
    except BaseException:  # noqa: BLE001 - whatever it is, the test shows it
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def run(place: str, left: int, words: list[str]) -> int:
    """The command of these words, in the folder of a project. It dies when it is at a place whose name begins like that
    for so many times."""
    counting = threading.Lock()

    def reached(name: str) -> None:
        nonlocal left
        with counting:
            left -= name.startswith(place)
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    with pytest.MonkeyPatch.context() as patch:
        watch_files(patch, Path("state").resolve(), reached)
        _watch_requests(patch, reached)
        watch_objects(patch, reached)
        return execute(words)


def _watch_requests(patch: pytest.MonkeyPatch, reached: Any) -> None:
    send = requests.Session.request

    def watched(session: requests.Session, method: str, url: str, **content: Any) -> requests.Response:
        name = request_name(method, url, content)
        reached(f"before {name}")
        answer = send(session, method, url, **content)
        reached(f"after {name}")
        return answer

    patch.setattr(requests.Session, "request", watched)


if __name__ == "__main__":
    main()
