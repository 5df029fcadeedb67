"""Runs deployments in worker processes that are kept warm, as the executor and its containers do.

One *container* stands for one deployment: its environment is fixed when it starts. It holds a few worker processes,
each busy with one execution at a time, so that a timeout kills exactly the run that ran too long.
"""

from __future__ import annotations

import asyncio
import base64
import codecs
import contextlib
import ctypes
import json
import os
import secrets
import shutil
import signal
import socket
import struct
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..storage import open_private
from .files import DeploymentFiles
from .variables import machine_environment

if TYPE_CHECKING:
    from ..server import Server


RUNTIME_FOLDER = Path(__file__).parent / "runtime"
#: An async `main` gets a chance to end by itself at its timeout; everything else is killed this much later.
GRACE = 0.3


@dataclass(frozen=True)
class Job:
    """One execution, ready to run. `variables` matter only if it starts a new container."""

    project: str
    deployment: str
    runtime: str
    entrypoint: str
    files: DeploymentFiles
    python: str
    variables: Mapping[str, str]
    method: str
    path: str
    headers: Mapping[str, str]
    body: str
    timeout: float
    logging: bool


class Container:
    """The workers of one deployment."""

    def __init__(self, job: Job, scratch: Path, limit: int) -> None:
        self.slots = asyncio.Semaphore(limit)
        self.idle: list[Worker] = []
        self.busy: set[Worker] = set()
        self.is_retired = False
        self.idle_since = time.monotonic()
        self._files = job.files
        self._command = _command(job)
        binaries = Path(job.python).parent if job.python else None
        self._environment = {**machine_environment(scratch, binaries), **job.variables}

    async def take(self) -> Worker:
        """A warm worker, or a new one (cold start)."""
        while self.idle:
            worker = self.idle.pop()
            if worker.is_alive:
                break
            worker.kill()
        else:
            worker = await Worker.start(
                self._command, self._files.working_directory, self._environment, self._files.process_log
            )
        self.busy.add(worker)
        return worker

    def give_back(self, worker: Worker, *, usable: bool) -> None:
        self.busy.discard(worker)
        self.idle_since = time.monotonic()
        if usable and worker.is_alive and not self.is_retired:
            self.idle.append(worker)
        else:
            worker.kill()

    def retire(self) -> None:
        """Start nothing new; runs in progress may end."""
        self.is_retired = True
        for worker in self.idle:
            worker.kill()
        self.idle.clear()

    def kill(self) -> None:
        self.retire()
        for worker in self.busy:
            worker.kill()


class CannotRunError(Exception):
    """This machine cannot run the function's runtime."""


def _command(job: Job) -> list[str]:
    if job.runtime == "python" and job.python:
        return [job.python, str(RUNTIME_FOLDER / "worker.py"), "{channel}", job.entrypoint]
    node = shutil.which("node") if job.runtime in {"node", "bun"} else None
    if node:
        return [node, str(RUNTIME_FOLDER / "worker.js"), "{channel}", job.entrypoint]
    raise CannotRunError(f"This development server has no {job.runtime} to run functions with.")


class Executor:
    """All containers of a server."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._containers: dict[tuple[str, str], Container] = {}
        self._scratch = Path(tempfile.mkdtemp(prefix="runs-", dir=server.data_dir))
        self.cold_starts = 0

    async def run(self, job: Job) -> Outcome:
        """Run to the end or to the timeout. Never raises for what the function does; cancelling kills the run."""
        started = time.monotonic()
        with tempfile.TemporaryDirectory(dir=self._scratch) as folder:
            logs = (Path(folder) / "logs", Path(folder) / "errors")
            try:
                container = self._container(job)
                async with container.slots:
                    status, headers, body = await self._run_in(container, job, logs)
                problem = ""
            except (CannotRunError, WorkerLostError, OSError) as failure:
                status, headers, body = 500, {}, b""
                problem = f"{failure}\\nError Code: 500"
            duration = time.monotonic() - started
            if not job.logging:
                return Outcome(status, headers, body, "", "", duration)
            errors = _read(logs[1]) + problem
            return Outcome(status, headers, body, tail(_read(logs[0]), "Logs"), tail(errors, "Errors"), duration)

    async def _run_in(
        self, container: Container, job: Job, logs: tuple[Path, Path]
    ) -> tuple[int, dict[str, str], bytes]:
        deadline = time.monotonic() + job.timeout
        worker = await container.take()
        usable = False
        try:
            left = max(deadline - time.monotonic(), 0.1)
            async with asyncio.timeout(left + GRACE):
                answer = await worker.ask(_request(job, logs, left))
            usable = True
        except TimeoutError:
            await asyncio.to_thread(_append, logs[1], "Execution timed out.\n")
            return 500, {}, b""
        finally:
            container.give_back(worker, usable=usable)
            self._server.later_if_open(self._server.settings.worker_idle, self._sweep)
        body = b"" if job.method == "HEAD" else base64.b64decode(answer["body"])
        return answer["status"], answer["headers"], body

    def _container(self, job: Job) -> Container:
        key = (job.project, job.deployment)
        container = self._containers.get(key)
        if container is None or container.is_retired:
            container = Container(job, self._scratch, self._server.settings.workers_per_deployment)
            self._containers[key] = container
            self.cold_starts += 1
        return container

    def _sweep(self) -> None:
        """Stop containers that were idle for long enough."""
        now = time.monotonic()
        for key, container in list(self._containers.items()):
            if not container.busy and now - container.idle_since >= self._server.settings.worker_idle - 0.01:
                container.retire()
                del self._containers[key]

    def forget(self, project: str, deployment: str) -> None:
        """The next execution of this deployment is a cold start."""
        container = self._containers.pop((project, deployment), None)
        if container is not None:
            container.retire()

    def kill(self, project: str, deployment: str) -> None:
        """End everything that runs for a deployment."""
        container = self._containers.pop((project, deployment), None)
        if container is not None:
            container.kill()

    async def close(self) -> None:
        for container in self._containers.values():
            container.kill()
        self._containers.clear()
        shutil.rmtree(self._scratch, ignore_errors=True)


def executor_of(server: Server) -> Executor:
    if "executor" not in server.services:
        executor = Executor(server)
        server.services["executor"] = executor
        server.at_close(executor.close)
    found: Executor = server.services["executor"]
    return found


def _request(job: Job, logs: tuple[Path, Path], timeout: float) -> dict[str, Any]:
    return {
        "method": job.method,
        "path": job.path,
        "headers": dict(job.headers),
        "body": base64.b64encode(job.body.encode("utf-8", "surrogatepass")).decode("ascii"),
        "timeout": timeout,
        "logs": str(logs[0]) if job.logging else None,
        "errors": str(logs[1]) if job.logging else None,
    }


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""


def _append(path: Path, text: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(text)


# The executor's side of one worker process: starting it, asking it, killing it.


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


# Running a program so that nothing it started survives it: not in its group, nor in a session of its own.
#
# A child that begins a session of its own leaves the group, and one whose parent ended leaves the tree. So the
# program adopts its orphans (Linux lets a process ask for that), and whatever it starts inherits a mark in its
# environment; when it is to end, the tree is stopped, followed, and killed, and so is all that bears the mark.


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


# What came out of a run, and how much of its logs is kept.


#: Characters of logs and of errors that an execution keeps (1.8.1, APP_FUNCTION_LOG_LENGTH_LIMIT).
MOST_LOG = 1_000_000
#: Response headers that are stored; all others are only in the answer to a synchronous execution.
STORED_HEADERS = ("content-type", "content-length")


@dataclass(frozen=True)
class Outcome:
    """The function's answer, and its logs. `duration` is seconds."""

    status: int
    headers: dict[str, str]
    body: bytes
    logs: str
    errors: str
    duration: float

    @property
    def state(self) -> str:
        """An answer of 4xx still counts as completed."""
        return "failed" if self.status >= 500 else "completed"

    def named_headers(self, *, stored_only: bool, with_length: bool = False) -> list[dict[str, str]]:
        headers = dict(self.headers)
        if with_length:
            headers.setdefault("content-length", str(len(self.body)))
        return [
            {"name": name, "value": value}
            for name, value in headers.items()
            if not stored_only or name in STORED_HEADERS
        ]


def tail(text: str, what: str) -> str:
    """The end of an overlong text, behind a warning."""
    if len(text) <= MOST_LOG:
        return text
    warning = f"[WARNING] {what} truncated. The output exceeded {MOST_LOG} characters.\n"
    return warning + text[len(warning) - MOST_LOG :]
