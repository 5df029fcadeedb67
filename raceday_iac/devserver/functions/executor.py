"""Runs deployments in worker processes that are kept warm, as the executor and its containers do.

One *container* stands for one deployment: its environment is fixed when it starts. It holds a few worker processes,
each busy with one execution at a time, so that a timeout kills exactly the run that ran too long.
"""

from __future__ import annotations

import asyncio
import base64
import shutil
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .environment import machine_environment
from .files import DeploymentFiles
from .outcome import Outcome, tail
from .worker import Worker, WorkerLostError

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
