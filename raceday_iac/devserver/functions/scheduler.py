"""Starts functions at the times of their schedules, and executions at their `scheduledAt`.

As on a real 1.8.1: UTC, to the minute, from a table that is read every few seconds. Once a minute it asks for the next
run from now on, which is not always what the run before would have led to. Runs that were missed are not made up for,
runs may overlap, and `enabled` plays no part.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from ...cron import CronError, NoNextRun, parse
from ..settings import stamp
from . import store
from .runs import Call, new_execution, perform

if TYPE_CHECKING:
    from ..server import Server

LOG = logging.getLogger("raceday_iac.devserver")

#: A run that is later than this was missed (the process slept, or the clock was moved).
TOO_LATE = timedelta(seconds=60)
CLEANING_INTERVAL = timedelta(hours=1)

Key = tuple[str, str]


@dataclass
class Entry:
    """A schedule in the scheduler's memory, and its next run as seen at the instant `asked`."""

    schedule: str
    asked: datetime
    due: datetime | None

    def ask(self, now: datetime) -> None:
        self.asked, self.due = now, _next_run(self.schedule, now)

    def is_of_another_minute(self, now: datetime) -> bool:
        return self.asked.replace(second=0, microsecond=0) != now.replace(second=0, microsecond=0)


class Scheduler:
    """Call `sync` to read the tables and `run_due` to start what is due; `work` does both for ever."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._functions: dict[Key, Entry] = {}
        self._executions: dict[Key, datetime] = {}
        self._synced_at: datetime | None = None
        self._cleaned_at: datetime | None = None

    async def work(self) -> None:
        while True:
            try:
                self.tick()
            except Exception:
                LOG.exception("the scheduler failed")
            await asyncio.sleep(self._server.settings.schedule_pass)

    def tick(self) -> int:
        """One pass; returns how many runs were started."""
        now = self._server.clock.now()
        interval = timedelta(seconds=self._server.settings.schedule_sync)
        with self._server.transaction():
            # A clock that was set back must not stop the reading.
            if self._synced_at is None or not timedelta() <= now - self._synced_at < interval:
                self.sync()
            return self.run_due()

    def sync(self) -> None:
        """Read the armed schedules. New and changed ones count from now on."""
        now = self._server.clock.now()
        if self._synced_at is None:
            self._read_executions(now)
        self._synced_at = now
        rows = self._server.db.execute(
            "SELECT f.project, f.id, s.schedule FROM schedules s JOIN functions f ON f.sequence = s.function "
            "WHERE s.active = 1"
        ).fetchall()
        armed = {(row["project"], row["id"]): row["schedule"] for row in rows}
        for key in self._functions.keys() - armed.keys():
            del self._functions[key]
        for key, schedule in armed.items():
            known = self._functions.get(key)
            if known is None or known.schedule != schedule:
                self._functions[key] = Entry(schedule, now, _next_run(schedule, now))
                if self._functions[key].due is None:
                    LOG.warning("the schedule %r of function %s never comes", schedule, key[1])
        self._clean(now)

    def _read_executions(self, now: datetime) -> None:
        """Scheduled executions that an earlier process left. One first seen when it is due never runs (1.8.1)."""
        rows = self._server.db.execute(
            "SELECT project, id, scheduled_at FROM executions WHERE status = 'scheduled' AND scheduled_at > ?",
            (stamp(now),),
        ).fetchall()
        for row in rows:
            self.expect(row["project"], row["id"], datetime.fromisoformat(row["scheduled_at"]))

    def expect(self, project: str, execution: str, due: datetime) -> None:
        """Run a scheduled execution at its time, unless it is deleted before."""
        self._executions[project, execution] = due

    def run_due(self) -> int:
        """Start everything whose time has come."""
        now = self._server.clock.now()
        started = 0
        for key, entry in self._functions.items():
            if entry.due is not None and entry.due <= now:
                started += now - entry.due <= TOO_LATE and self._start_function(*key)
                entry.ask(now)
            elif entry.is_of_another_minute(now):
                entry.ask(now)
        for key, due in list(self._executions.items()):
            if due <= now:
                del self._executions[key]
                self._server.background(perform(self._server, *key))
                started += 1
        return started

    def _start_function(self, project: str, identifier: str) -> bool:
        function = store.find(self._server, "functions", project, identifier)
        if function is None:
            return False
        call = Call("POST", "/", {}, "", "schedule")
        row = new_execution(self._server, function, call, "waiting")
        self._server.background(perform(self._server, project, row["id"]))
        return True

    def _clean(self, now: datetime) -> None:
        """Executions are kept for a limited time."""
        if self._cleaned_at is not None and timedelta() <= now - self._cleaned_at < CLEANING_INTERVAL:
            return
        self._cleaned_at = now
        oldest = now - timedelta(days=self._server.settings.execution_retention_days)
        self._server.db.execute(
            "DELETE FROM executions WHERE created_at < ? AND status IN ('completed', 'failed')", (stamp(oldest),)
        )


def _next_run(schedule: str, now: datetime) -> datetime | None:
    """None where there is none, or where a schedule is kept that cannot be read."""
    try:
        return parse(schedule).next_run(now)
    except (CronError, NoNextRun):
        return None


def scheduler_of(server: Server) -> Scheduler:
    if "scheduler" not in server.services:
        server.services["scheduler"] = Scheduler(server)
    found: Scheduler = server.services["scheduler"]
    return found
