"""Running a program in a process group of its own, so that nothing it started survives it."""

from __future__ import annotations

import asyncio
import codecs
import contextlib
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path


def kill_group(pid: int) -> None:
    """End a process that leads its group, and all its children, at once."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


async def run_logged(
    command: Sequence[str], directory: Path, environment: Mapping[str, str] | None, log: Callable[[str], object]
) -> int:
    """Run to the end, handing all output to `log` as it comes. Cancelling kills the whole group."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=directory,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    assert process.stdout is not None
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    try:
        while chunk := await process.stdout.read(65_536):
            log(decoder.decode(chunk))
        return await process.wait()
    finally:
        kill_group(process.pid)
