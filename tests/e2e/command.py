"""Running the command line as a process, and what must hold for every single run of it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
        shell = ["bash", "-c", through, "bash"] if through else []
        self._process = subprocess.Popen(
            [*shell, str(PROGRAM), *command],
            cwd=folder,
            env=dict(variables),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            start_new_session=True,
        )

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to this very process; it may have ended already."""
        if self._process.poll() is None:
            os.kill(self._process.pid, number)

    def end(self, answer: str = "") -> Ended:
        """Wait for the end. Fails when it hangs, shows a traceback or tells a secret."""
        try:
            out, err = self._process.communicate(answer, timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            out, err = self._process.communicate()
            raise AssertionError(f"hung: {self._command}\n{out}\n{err}") from None
        ended = Ended(self._command, self._process.returncode, out, err)
        # One of the user's own code is indented, for it is part of what is shown.
        assert not re.search(r"^Traceback", ended.text, re.MULTILINE), f"a traceback\n{ended}"
        leaked = [secret for secret in self._forbidden if secret and secret in ended.text]
        assert not leaked, f"a secret was printed by {self._command}"
        return ended
