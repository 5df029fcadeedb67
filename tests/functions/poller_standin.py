"""The poller as its two callers see it: a deployed function whose executions take its real lock and stamp races.

Everything up to the executor is the embedded server; only what the deployed code would do is played here, in virtual
time, so that the callers can be tested without the poller and its upstream.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any

from _shared import lock
from _shared.appwrite_http import path_of

from raceday_iac.devserver.functions import store
from raceday_iac.devserver.functions.executor import Job, Outcome

from .raceday import DATABASE, PROJECT, Raceday

POLLER = "enhanced-race-poller"
LOCKS = path_of("databases", DATABASE, "collections", "locks", "documents")


class PollerStandIn:
    """`asked` are the races of each execution that ran; `polls` says which of them it manages to poll."""

    def __init__(self, raceday: Raceday, settings: lock.Settings, function: str = POLLER) -> None:
        self._raceday, self.settings, self._function = raceday, settings, function
        self.asked: list[list[str]] = []
        self.refused = 0
        self.polls: Callable[[list[str]], list[str]] = lambda races: races
        self.seconds = 40.0
        self.status = 200
        #: So many executions the server loses: nothing runs, and their record says "processing" for ever.
        self.loses = 0
        server = raceday.server.server
        server.services["executor"] = self
        server.around = self._around
        raceday.client.once("POST", "/functions", {"functionId": function, "name": function, "runtime": "python-3.12"})
        raceday.server.call(lambda server: _deploy(server, function))

    def _around(self, work: Coroutine[Any, Any, object]) -> Coroutine[Any, Any, object]:
        time = self._raceday.time
        time.join_in()

        async def accounted() -> None:
            try:
                await work
            finally:
                time.leave()

        return accounted()

    async def run(self, job: Job) -> Outcome:
        """What the server calls to run a deployment."""
        if self.loses:
            self.loses -= 1
            await self._for_ever()
        await asyncio.to_thread(self._execute, job)
        return Outcome(self.status, {}, b"", "", "", self.seconds)

    async def _for_ever(self) -> None:
        """Until the server stops; time does not wait for it."""
        self._raceday.time.leave()
        try:
            await asyncio.Event().wait()
        finally:
            self._raceday.time.join_in()

    def _execute(self, job: Job) -> None:
        raceday = self._raceday
        held = lock.acquire(
            self.settings,
            raceday.credentials_of(POLLER),
            job.headers["x-appwrite-execution-id"],
            runtime=raceday.runtime(),
        )
        if isinstance(held, lock.Refusal):
            self.refused += 1
            return
        with held:
            races = json.loads(job.body)["raceIds"]
            self.asked.append(races)
            raceday.time.sleep(self.seconds)
            for race in self.polls(races):
                stamp_poll(raceday, race)

    def executions(self) -> list[dict[str, Any]]:
        """All executions there are, oldest first."""
        found: list[dict[str, Any]] = self._raceday.client.get(f"/functions/{self._function}/executions")["executions"]
        return found

    def record(self, status: str, age: float) -> None:
        """An execution that began so many seconds ago and is in this state."""
        instant = (self._raceday.time.now() - timedelta(seconds=age)).isoformat(timespec="milliseconds")
        self._raceday.server.call(
            lambda server: store.insert(
                server,
                "executions",
                project=PROJECT,
                id=server.new_id(),
                function=self._function,
                deployment="deployed",
                created_at=instant,
                updated_at=instant,
                trigger="http",
                status=status,
                request_method="POST",
                request_path="/",
                request_headers="[]",
                request="",
            )
        )


def _deploy(server: Any, function: str) -> None:
    now = server.timestamp()
    made = {"project": PROJECT, "id": "deployed", "function": function, "created_at": now, "updated_at": now}
    state = {"type": "manual", "entrypoint": "src/main.py", "commands": "", "activate": 1, "status": "ready"}
    store.insert(server, "deployments", **made, **state)
    row = store.find(server, "functions", PROJECT, function)
    assert row is not None
    store.change(server, "functions", row, deployment_id="deployed")


def put_race(raceday: Raceday, name: str, start: datetime, **fields: Any) -> str:
    """A stored race, as `daily-races` leaves it. Instants may be given as datetimes."""
    shown = {key: value.isoformat() if isinstance(value, datetime) else value for key, value in fields.items()}
    data = {"raceId": name, "name": name, "raceNumber": 1, "status": "Open", "startTime": start.isoformat(), **shown}
    raceday.put("races", name, **data)
    return name


def stamp_poll(raceday: Raceday, race: str) -> None:
    path = path_of("databases", DATABASE, "collections", "races", "documents", race)
    raceday.client.patch(path, {"data": {"last_poll_time": raceday.time.now().isoformat(timespec="milliseconds")}})


def live_until(raceday: Raceday, *instant: int) -> datetime:
    """Let time pass until this instant in UTC: year, month, day, hour, minute, second."""
    wanted = datetime(*instant, tzinfo=UTC)  # type: ignore[arg-type,misc]
    raceday.time.sleep((wanted - raceday.time.now()).total_seconds())
    return wanted
