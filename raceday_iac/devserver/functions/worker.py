"""The executor's side of one worker process: starting it, asking it, killing it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..private import open_private
from .process import Leash


class WorkerLostError(Exception):
    """The process ended in the middle of a run."""


class Worker:
    """One process that serves one request at a time."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        leash: Leash,
    ) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer
        self._leash = leash

    @classmethod
    async def start(cls, command: Sequence[str], directory: Path, environment: Mapping[str, str], log: Path) -> Worker:
        """Start a program of `runtime/`; the word {channel} in its command becomes the number of its socket."""
        leash = Leash.new()
        ours, theirs = socket.socketpair()
        try:
            number = str(theirs.fileno())
            with open_private(log, os.O_WRONLY | os.O_APPEND, "ab") as output:
                process = await asyncio.create_subprocess_exec(
                    *(word.replace("{channel}", number) for word in command),
                    cwd=directory,
                    # Nobody writes to it: the worker ends when the pipe does, so that none outlives this server.
                    stdin=asyncio.subprocess.PIPE,
                    stdout=output,
                    stderr=output,
                    pass_fds=(theirs.fileno(),),
                    **leash.options(environment),
                )
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        reader, writer = await asyncio.open_connection(sock=ours, limit=2**16)
        return cls(process, reader, writer, leash)

    @property
    def is_alive(self) -> bool:
        return self._process.returncode is None and not self._reader.at_eof()

    async def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Send a request and wait for its answer. Raises `WorkerLostError`."""
        raw = json.dumps(request).encode("utf-8")
        try:
            self._writer.write(struct.pack(">I", len(raw)) + raw)
            await self._writer.drain()
            (size,) = struct.unpack(">I", await self._reader.readexactly(4))
            answer: dict[str, Any] = json.loads(await self._reader.readexactly(size))
        except (asyncio.IncompleteReadError, ConnectionError):
            code = await self._process.wait()
            raise WorkerLostError(f"The runtime ended in the middle of the run, with exit code {code}.") from None
        return answer

    def kill(self) -> None:
        """End the process and everything it started, also when it has ended itself."""
        self._leash.kill(self._process.pid if self._process.returncode is None else 0)
        self._writer.close()
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
