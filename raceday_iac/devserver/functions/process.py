"""Running a program so that nothing it started survives it: not in its group, nor in a session of its own.

A child that begins a session of its own leaves the group, and one whose parent ended leaves the tree. So the program
adopts its orphans (Linux lets a process ask for that), and whatever it starts inherits a mark in its environment; when
it is to end, the tree is stopped, followed, and killed, and so is all that bears the mark.
"""

from __future__ import annotations

import asyncio
import codecs
import contextlib
import ctypes
import os
import secrets
import signal
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

MARK = "RACEDAY_IAC_RUN"
_PROC = Path("/proc")
#: prctl(2): a process whose descendants come to it when they lose their parent.
_SET_CHILD_SUBREAPER = 36
#: A tree that grows faster than it is stopped is given up following; its group and its mark are killed all the same.
_ROUNDS = 20


@dataclass(frozen=True)
class Leash:
    """What holds a program and all that it starts. `mark` is in their environment."""

    mark: str

    @classmethod
    def new(cls) -> Leash:
        return cls(secrets.token_hex(16))

    def options(self, environment: Mapping[str, str] | None) -> dict[str, Any]:
        """Arguments for starting the program: a session of its own, private files, its environment with the mark."""
        return {
            "env": {**(os.environ if environment is None else environment), MARK: self.mark},
            "start_new_session": True,
            "umask": 0o077,
            "preexec_fn": _adopt_orphans(),
        }

    def kill(self, pid: int) -> None:
        """End the program and everything it started. When it ended long ago, `pid` is 0: it may be another's by now."""
        _signal_group(pid, signal.SIGSTOP)
        found = {pid}
        for _ in range(_ROUNDS):
            more = ({*(_below(pid) if pid else ())} | {*self._marked()}) - found
            if not more:
                break
            # Stopped first: what is stopped starts nothing new while the others are looked for.
            for each in more:
                _signal(each, signal.SIGSTOP)
            found |= more
        _signal_group(pid, signal.SIGKILL)
        for each in found - {pid}:
            _signal(each, signal.SIGKILL)

    def _marked(self) -> Iterator[int]:
        wanted = f"{MARK}={self.mark}".encode()
        for number in _numbers():
            with contextlib.suppress(OSError):
                if wanted in (_PROC / str(number) / "environ").read_bytes().split(b"\0"):
                    yield number


async def run_logged(
    command: Sequence[str], directory: Path, environment: Mapping[str, str] | None, log: Callable[[str], object]
) -> int:
    """Run to the end, handing all output to `log` as it comes. Cancelling kills it with all that it started; what it
    leaves running when it ends is killed too."""
    leash, decoder = Leash.new(), codecs.getincrementaldecoder("utf-8")("replace")
    async with _pipe() as (stream, end):
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                cwd=directory,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=end,
                stderr=end,
                **leash.options(environment),
            )
        finally:
            os.close(end)
        ended = asyncio.ensure_future(process.wait())
        try:
            while chunk := await _next_piece(stream, ended):
                log(decoder.decode(chunk))
            return await ended
        finally:
            leash.kill(process.pid)


@contextlib.asynccontextmanager
async def _pipe() -> AsyncIterator[tuple[asyncio.StreamReader, int]]:
    """A pipe of our own, whose far end the caller closes: asyncio takes a program for running as long as a child of it
    holds a pipe that it made."""
    reading, writing = os.pipe()
    stream = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    end = open(reading, "rb", 0)  # noqa: SIM115 - the transport closes it
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stream), end)
    try:
        yield stream, writing
    finally:
        transport.close()


async def _next_piece(stream: asyncio.StreamReader, ended: asyncio.Future[int]) -> bytes:
    reading = asyncio.ensure_future(stream.read(65_536))
    both: set[asyncio.Future[Any]] = {reading, ended}
    await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
    if not reading.done():
        # What was written before the end is in the pipe already.
        await asyncio.wait({reading}, timeout=0.1)
    if reading.done():
        return reading.result()
    reading.cancel()
    return b""


def _below(pid: int) -> Iterator[int]:
    """All processes that descend from one."""
    parents: dict[int, list[int]] = {}
    for number in _numbers():
        with contextlib.suppress(OSError, ValueError, IndexError):
            # The name in parentheses may hold anything; what follows it does not.
            state = (_PROC / str(number) / "stat").read_text(encoding="ascii", errors="replace")
            parents.setdefault(int(state.rpartition(")")[2].split()[1]), []).append(number)
    waiting = [pid]
    while waiting:
        for child in parents.get(waiting.pop(), ()):
            yield child
            waiting.append(child)


def _numbers() -> list[int]:
    try:
        return [int(name) for name in os.listdir(_PROC) if name.isdecimal() and int(name) != os.getpid()]
    except OSError:
        # Not Linux: the group alone is ended.
        return []


def _signal_group(pid: int, number: signal.Signals) -> None:
    if pid:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, number)


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


@cache
def _adopt_orphans() -> Callable[[], None] | None:
    """Runs in the new process before the program does; it lasts when the program takes its place."""
    try:
        prctl = ctypes.CDLL(None, use_errno=True).prctl
    except (OSError, AttributeError):
        return None

    def adopt() -> None:
        prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

    return adopt
