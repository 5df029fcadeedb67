"""Running the command line as a process, and what must hold for every single run of it."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from .forking import Forked, fork

PROGRAM = Path(sys.executable).parent / "raceday-iac"
#: Seconds after which a run counts as hung. A real server builds functions slowly.
PATIENCE = 600


@dataclass(frozen=True)
class Ended:
    """A run that is over."""

    command: str
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON document on standard output."""
        return json.loads(self.out)

    @property
    def documents(self) -> list[Any]:
        """All JSON documents on standard output, one after the other."""
        found, rest = [], self.out.strip()
        while rest:
            document, end = json.JSONDecoder().raw_decode(rest)
            found.append(document)
            rest = rest[end:].lstrip()
        return found

    @property
    def text(self) -> str:
        """All that was said."""
        return self.out + self.err

    def __str__(self) -> str:
        return f"{self.command} → exit {self.code}\n--- out\n{self.out}\n--- err\n{self.err}"


def must_be_decent(ended: Ended, forbidden: Sequence[str]) -> None:
    """No run shows a traceback or shows a secret."""
    # One of the user's own code is indented, for it is part of what is shown.
    assert not re.search(r"^Traceback", ended.text, re.MULTILINE), f"a traceback\n{ended}"
    leaked = [secret for secret in forbidden if secret and secret in ended.text]
    assert not leaked, f"a secret was printed by {ended.command}"


class Run:
    """A run that may still be going on."""

    def __init__(
        self,
        command: Sequence[str],
        folder: Path,
        variables: Mapping[str, str],
        forbidden: Sequence[str],
        through: str = "",
    ) -> None:
        """`through` is a line of shell that ends by starting `"$@"`: to take things away from the program."""
        self._command = " ".join(["raceday-iac", *command])
        self._forbidden = forbidden
        self._output, self._error = (tempfile.TemporaryFile("w+") for _ in "oe")  # noqa: SIM115 - read at the end
        reading, writing = os.pipe()
        self._input = open(writing, "w")  # noqa: SIM115 - closed when the answer is written
        with open(reading) as given:
            streams = (given, self._output, self._error)
            self._process = _start([str(PROGRAM), *command], folder, variables, streams, through)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to this very process; it may have ended already."""
        with suppress(ProcessLookupError):
            os.kill(self._process.pid, number)

    def interrupt(self) -> None:
        """Press Ctrl-C. Then it has been heard: the run is over, or it has said that it finishes what is under way."""
        self.signal(signal.SIGINT)
        with suppress(ProcessLookupError):
            while b"Interrupted" not in os.pread(self._error.fileno(), 1 << 20, 0):
                os.kill(self._process.pid, 0)
                time.sleep(0.01)

    def has_said(self, text: str) -> bool:
        """Whether that is on its standard output by now."""
        said = os.pread(self._output.fileno(), 1 << 20, 0)
        return text.encode() in said

    def end(self, answer: str = "") -> Ended:
        """Wait for the end. Fails when it hangs, shows a traceback or shows a secret."""
        with suppress(BrokenPipeError), self._input:
            self._input.write(answer)
        try:
            code = self._process.wait(PATIENCE)
        except (TimeoutError, subprocess.TimeoutExpired):
            os.kill(self._process.pid, signal.SIGKILL)
            raise AssertionError(f"hung: {self._command}\n{self._said()}") from None
        ended = Ended(self._command, code, *self._said())
        must_be_decent(ended, self._forbidden)
        return ended

    def _said(self) -> tuple[str, str]:
        return _content(self._output), _content(self._error)


def _start(
    command: list[str], folder: Path, variables: Mapping[str, str], streams: Sequence[IO[str]], through: str
) -> Forked | _Shell:
    if not through:
        return fork(command, folder, variables, streams)
    return _Shell(["bash", "-c", through, "bash", *command], folder, variables, streams)


class _Shell:
    """A shell that starts the program. Its output comes through pipes: a limit on files must not cut it."""

    def __init__(
        self, command: list[str], folder: Path, variables: Mapping[str, str], streams: Sequence[IO[str]]
    ) -> None:
        given, output, error = streams
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=dict(variables),
            stdin=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self.pid, self.poll, self._wait = process.pid, process.poll, process.wait
        pairs = ((process.stdout, output.buffer), (process.stderr, error.buffer))  # type: ignore[attr-defined]
        self._copying = [threading.Thread(target=shutil.copyfileobj, args=pair) for pair in pairs]
        for each in self._copying:
            each.start()

    def wait(self, timeout: float) -> int:
        """Raises TimeoutExpired when it is not over after `timeout` seconds."""
        code = self._wait(timeout)
        for each in self._copying:
            each.join()
        return code


def _content(file: IO[str]) -> str:
    file.seek(0)
    with file:
        return file.read()
