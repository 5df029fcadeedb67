"""`python -m crash.dying PLACE NUMBER WORD…`: the command of these words, which kills itself, by SIGKILL and without a
word, when it is at a place whose name begins like that for so many times. In the folder of a project."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import requests

from raceday_iac.cli.main import execute

from .places import request_name, watch_files, watch_objects


def main(place: str, number: str, *words: str) -> int:
    left = int(number)
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
        return execute(list(words))


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
    sys.exit(main(*sys.argv[1:]))
