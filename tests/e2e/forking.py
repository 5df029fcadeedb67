"""Starting the program without paying for its imports: a process that has them forks itself for every start.

What comes out is a process like any other, with its own session, signals, environment and end; only that Python and
the packages were read once. Some hundred starts would cost minutes otherwise.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import pkgutil
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import IO, Any

#: Not wanted by any command that talks to a server which runs already.
_LEFT_OUT = ("raceday_iac.devserver", "raceday_iac.raceday.simulation")
_LENGTH = 8


class Forked:
    """One such process, as `subprocess.Popen` would show it."""

    def __init__(
        self,
        connection: socket.socket,
        command: Sequence[str],
        folder: Path,
        variables: Mapping[str, str],
        streams: Sequence[IO[str]],
    ) -> None:
        request = json.dumps({"argv": [*command], "cwd": str(folder), "env": dict(variables)}).encode()
        socket.send_fds(connection, [len(request).to_bytes(_LENGTH, "big")], [each.fileno() for each in streams])
        connection.sendall(request)
        self._connection = connection
        self.pid = int.from_bytes(_exactly(connection, _LENGTH), "big")
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Its exit code (negative: a signal's number) when it is over."""
        if self.returncode is None:
            try:
                self.wait(0)
            except TimeoutError:
                return None
        return self.returncode

    def wait(self, timeout: float) -> int:
        """Raises TimeoutError when it is not over after `timeout` seconds."""
        if self.returncode is None:
            # Zero would mean that the socket does not block, which is another error.
            self._connection.settimeout(timeout or 0.001)
            self.returncode = int.from_bytes(_exactly(self._connection, _LENGTH), "big", signed=True)
            self._connection.close()
        return self.returncode


@cache
def _parent() -> tuple[subprocess.Popen[bytes], str]:
    """The process that has everything imported, and its address. It ends with the process that asked for it, and with
    those that this one has forked since."""
    name = f"raceday-iac-e2e-{os.getpid()}"
    process = subprocess.Popen(
        [sys.executable, "-P", __file__, name],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        # A pipe as well: whether it can seek is asked once, and a child with a pipe would seek in it otherwise.
        stderr=subprocess.STDOUT,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return process, _address(name)


def prepare() -> None:
    """Start that process now: workers that are forked later share it."""
    _parent()


def _address(name: str) -> str:
    """Not a file, so there is nothing to clear away."""
    return f"\0{name}"


def fork(command: Sequence[str], folder: Path, variables: Mapping[str, str], streams: Sequence[IO[str]]) -> Forked:
    """Start the program; `streams` are its standard input, output and error."""
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(_parent()[1])
    return Forked(connection, command, folder, variables, streams)


#: A program that has the process above start the real one with its own arguments, folder, environment and streams, and
#: ends as that does. It imports no package, so that it starts at once.
_STARTER = """\
#!{python} -SE
import json, os, socket, sys

connection = socket.socket(socket.AF_UNIX)
connection.connect({address!r})
request = json.dumps({{"argv": sys.argv, "cwd": os.getcwd(), "env": dict(os.environ)}}).encode()
socket.send_fds(connection, [len(request).to_bytes({length}, "big")], [0, 1, 2])
connection.sendall(request)
received = b""
while len(received) < 2 * {length}:
    received += connection.recv(2 * {length} - len(received))
code = int.from_bytes(received[{length}:], "big", signed=True)
os._exit(code if code >= 0 else 128 - code)
"""


def write_starter(path: Path) -> None:
    """Write such a program, for scripts that start `raceday-iac` themselves."""
    text = _STARTER.format(python=sys.executable, address=_parent()[1], length=_LENGTH)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)


def _exactly(connection: socket.socket, size: int) -> bytes:
    received = b""
    while len(received) < size:
        part = connection.recv(size - len(received))
        assert part, "the process that starts the others has died"
        received += part
    return received


# What follows runs in that process.


def _listen(name: str) -> socket.socket:
    """Who connects from now on waits until everything is imported."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(_address(name))
    listener.listen()
    print("ready", flush=True)
    return listener


def _serve(listener: socket.socket) -> None:
    """Never returns, except in a child that is to become the program."""
    if os.fork() == 0:
        # Ends everything when the test run does, however it does.
        sys.stdin.read()
        os.kill(os.getppid(), 9)
        os._exit(0)
    ended, told = os.pipe()
    for each in (ended, told):
        os.set_blocking(each, False)
    signal.set_wakeup_fd(told)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    programs: dict[int, socket.socket] = {}
    while True:
        ready = select.select([listener, ended], [], [])[0]
        if ended in ready:
            os.read(ended, 4096)
            _report(programs)
        if listener in ready:
            connection = listener.accept()[0]
            try:
                header, streams, _, _ = socket.recv_fds(connection, _LENGTH, 3)
                request = json.loads(_exactly(connection, int.from_bytes(header, "big")))
            except (AssertionError, OSError):
                # Who asked was killed in the middle of it.
                connection.close()
                continue
            program = os.fork()
            if program == 0:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                for each in (ended, told):
                    os.close(each)
                for each in (listener, connection, *programs.values()):
                    each.close()
                return _become(request, streams)
            for each in streams:
                os.close(each)
            programs[program] = connection
            _send(connection, program)


def _report(programs: dict[int, socket.socket]) -> None:
    """Say how programs ended that have."""
    with suppress(ChildProcessError):
        while found := os.waitpid(-1, os.WNOHANG):
            program, status = found
            if not program:
                return
            if connection := programs.pop(program, None):
                _send(connection, os.waitstatus_to_exitcode(status))
                connection.close()


def _send(connection: socket.socket, number: int) -> None:
    # Who asked may have gone.
    with suppress(OSError):
        connection.sendall(number.to_bytes(_LENGTH, "big", signed=True))


def _become(request: Mapping[str, Any], streams: Sequence[int]) -> None:
    """This process is the program."""
    os.setsid()
    for target, stream in enumerate(streams):
        os.dup2(stream, target)
        os.close(stream)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    sys.argv[:] = request["argv"]


def _end_as(main: Callable[[], object]) -> None:
    """Run the program, and end as it does, but without taking everything apart that was imported: for that each page
    of memory that this process shares with its parent would have to be copied, which takes longer than most runs."""
    try:
        main()
    except SystemExit as ended:
        if not isinstance(ended.code, int | None):
            raise
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        except (OSError, ValueError):
            # Python's own end meets it again, and says so.
            raise ended from None
        threading._shutdown()
        atexit._run_exitfuncs()
        os._exit((ended.code or 0) & 0xFF)


def _import_everything() -> None:
    package: ModuleType = importlib.import_module("raceday_iac")
    for module in pkgutil.walk_packages(package.__path__, "raceday_iac."):
        if not module.name.startswith(_LEFT_OUT) and not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    gc.freeze()
    # As in the tests' own process: see conftest.py.
    os.fsync = lambda _file: None


if __name__ == "__main__":
    waiting = _listen(sys.argv[1])
    _import_everything()
    _serve(waiting)
    from raceday_iac.cli.main import main

    _end_as(main)
