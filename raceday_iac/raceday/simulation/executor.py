"""Runs deployed functions in threads of this process, in virtual time: the executor of the server during a simulation.

The code is what was deployed, unpacked by the server. It gets a world whose time is virtual and whose connections are
recorded; everything else is as the runtime does it. Timeouts kill: a killed run sends nothing any more.
"""

from __future__ import annotations

import asyncio
import base64
import importlib
import io
import json
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from ...devserver.functions.executor import Job
from ...devserver.functions.executor import Outcome as Result
from ...devserver.functions.runtime import worker
from .ledger import Execution, Ledger, Outcome
from .virtual_time import Killed, Latencies, RecordingSender, RecordingTransport, VirtualTime, Wire


class _Logger(worker.Logger):
    """Keeps the logs in memory."""

    def __init__(self) -> None:
        self.logs, self.errors = io.StringIO(), io.StringIO()  # type: ignore[assignment]


class _Caller:
    """Who awaits a result. It is asleep meanwhile, and awake before whoever wakes it may fall asleep."""

    def __init__(self, time: VirtualTime) -> None:
        self._time = time
        self._loop = asyncio.get_running_loop()
        self._result: asyncio.Future[Result] = self._loop.create_future()
        self._guard = threading.Lock()
        # From the start on, because a run may be over before the caller is asleep.
        self._is_woken = False

    async def wait(self) -> Result:
        self._time.leave()
        try:
            return await self._result
        except asyncio.CancelledError:
            # The server stops. Nobody will learn it any more.
            self._wake()
            raise

    def deliver(self, result: Result) -> None:
        """From another thread. Once the caller has given up, nothing is reported."""
        if self._wake():
            self._loop.call_soon_threadsafe(self._settle, result)

    def _wake(self) -> bool:
        with self._guard:
            if self._is_woken:
                return False
            self._is_woken = True
            self._time.join_in()
            return True

    def _settle(self, result: Result) -> None:
        if not self._result.done():
            self._result.set_result(result)


class VirtualExecutor:
    """Stands where `Executor` stands. `folder` is an empty one, for the packages that deployments are imported as."""

    def __init__(
        self,
        time: VirtualTime,
        ledger: Ledger,
        folder: Path,
        *,
        seed: int,
        latencies: Latencies | None = None,
        with_locks: bool = True,
    ) -> None:
        self._time, self._ledger, self._folder = time, ledger, folder
        self._seed, self._with_locks = seed, with_locks
        self._latencies = latencies or Latencies()
        self.cold_starts = 0
        #: Two runs of one deployment may begin in the same instant.
        self._importing = threading.Lock()
        sys.path.insert(0, str(folder))

    async def run(self, job: Job) -> Result:
        """One execution. The caller is counted as awake, and is again when this returns."""
        caller = _Caller(self._time)
        self._time.start(lambda: self._attend(job, caller.deliver), f"attend {job.headers['x-appwrite-execution-id']}")
        return await caller.wait()

    def _attend(self, job: Job, deliver: Callable[[Result], None]) -> None:
        """Watch over one run, up to its timeout. Whatever happens, the caller learns how it ended."""
        begun, logger = self._time.seconds(), _Logger()
        execution = Execution(job.headers["x-appwrite-execution-id"], job.variables["APPWRITE_FUNCTION_ID"], begun)
        self._ledger.begun(execution)
        try:
            module = self._module(job)
            wire = self._wire(module, execution)
        except (Exception, SystemExit):  # noqa: BLE001 - the function's code may raise anything
            logger.write(logger.errors, (traceback.format_exc(),))
            answer, outcome = _nothing(503), Outcome.FAILED
        else:
            answer, outcome = self._watched(job, module, wire, logger)
        logs, errors = logger.logs.getvalue(), logger.errors.getvalue()  # type: ignore[union-attr]
        self._ledger.ended(execution, self._time.seconds(), outcome, logs + errors)
        body = base64.b64decode(answer["body"])
        deliver(Result(answer["status"], answer["headers"], body, logs, errors, self._time.seconds() - begun))

    def _watched(self, job: Job, module: Any, wire: Wire, logger: _Logger) -> tuple[dict[str, Any], Outcome]:
        answers = list[dict[str, Any]]()
        task = self._time.start(
            lambda: self._work(job, module, wire, logger, answers), f"run {wire.execution.identity}"
        )
        if not task.join(job.timeout):
            wire.killed = True
            logger.write(logger.errors, ("Execution timed out.",))
            return _nothing(500), Outcome.KILLED
        answer = answers[0] if answers else _nothing(500)
        return answer, Outcome.FAILED if answer["status"] >= 500 else Outcome.COMPLETED

    def _wire(self, module: Any, execution: Execution) -> Wire:
        settings = json.loads((Path(module.__file__).parent / "lock.json").read_text(encoding="utf-8"))
        execution.expiry = settings["expirySeconds"]
        # Not by the id of the execution, which is another one each time.
        draw = Random(f"{self._seed}/{execution.function}/{execution.start}")
        return Wire(self._time, self._ledger, execution, settings["lockId"], draw, self._latencies, self._with_locks)

    def _work(self, job: Job, module: Any, wire: Wire, logger: _Logger, answers: list[dict[str, Any]]) -> None:
        context = worker.Context(_given(job), logger)
        try:
            answers.append(worker.answer(module.handle(context, self._runtime(module, wire))))
        except Killed:
            return
        except (Exception, SystemExit):  # noqa: BLE001 - the function's code may raise anything
            context.error(traceback.format_exc())
            answers.append(worker.answer(context.res.text("", 500)))

    def _module(self, job: Job) -> Any:
        """The entry module of a deployment. Its package is named after the deployment: several may be loaded."""
        package = f"deployment_{job.deployment}"
        link = self._folder / package
        entry = job.entrypoint.removesuffix(".py").replace("/", ".")
        with self._importing:
            if not link.exists():
                link.symlink_to(job.files.code, target_is_directory=True)
                importlib.invalidate_caches()
            if f"{package}.{entry}" not in sys.modules:
                self.cold_starts += 1
            return importlib.import_module(f"{package}.{entry}")

    def _runtime(self, module: Any, wire: Wire) -> Any:
        """A `Runtime` of the bundle's own vendored code."""
        vendored = module.__package__ + ".vendor"
        runtimes = importlib.import_module(f"{vendored}.runtime")
        connection = importlib.import_module(f"{vendored}.connection")
        time = wire.time

        def connect(credentials: Any) -> RecordingSender:
            # Virtual time says nothing about how long a kept connection was really idle.
            inner = connection.Connection(credentials, clock=lambda: 0.0)
            return RecordingSender(wire, inner, connection.Answer)

        return runtimes.Runtime(
            now=time.seconds,
            clock=time.seconds,
            sleep=wire.sleep,
            draw=wire.draw.random,
            event=time.event,
            start=_quiet_when_killed(time),
            connect=connect,
            transport=lambda inner: RecordingTransport(wire, inner),
        )

    def forget(self, project: str, deployment: str) -> None:
        """Nothing is kept warm that could be stale."""

    def kill(self, project: str, deployment: str) -> None:
        """Deployments are not deleted during a simulation."""

    async def close(self) -> None:
        """May be called twice."""
        if str(self._folder) in sys.path:
            sys.path.remove(str(self._folder))
        for name in [name for name in sys.modules if name.startswith("deployment_")]:
            del sys.modules[name]


def _quiet_when_killed(time: VirtualTime) -> Callable[[Callable[[], None], str], Any]:
    """Threads of a killed run end without a word."""

    def start(work: Callable[[], None], name: str) -> Any:
        def quietly() -> None:
            try:
                work()
            except Killed:
                return

        return time.start(quietly, name)

    return start


def _nothing(status: int) -> dict[str, Any]:
    """The answer of a run that gave none."""
    return worker.answer({"body": "", "statusCode": status})


def _given(job: Job) -> dict[str, Any]:
    return {
        "method": job.method,
        "path": job.path,
        "headers": dict(job.headers),
        "body": base64.b64encode(job.body.encode("utf-8", "surrogatepass")).decode("ascii"),
    }
