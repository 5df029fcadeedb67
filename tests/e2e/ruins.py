"""A project on which everything has gone wrong that `recover` knows, at a fixed instant of the server's clock.

The instant is 11:00 on 16 January 2030 in New Zealand. Both daily functions were due, and neither has run.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from raceday_iac.devserver.server import SystemClock

from .project import Project

SHARED = Path(__file__).parents[2] / "functions" / "_shared"
BEFORE = datetime(2030, 1, 15, 17, 30, tzinfo=UTC)
NOW = datetime(2030, 1, 15, 22, 0, tzinfo=UTC)
LOCK = ("owner", "executionId", "nzDate", "phase", "progress")

STACK = """
    stack.lock_store = (P + "db", "locks")
    database = stack.database(P + "db", name="Ruins")
    locks = database.collection("locks", name="Locks")
    for key in ("owner", "executionId", "nzDate", "phase", "progress", "lock", "fence"):
        locks.string(key, 500)
    for key in ("generation", "staleAfterSeconds", "expirySeconds", "beats", "takeovers", "attempts"):
        locks.integer(key)
    for key in ("acquiredAt", "backoffUntil"):
        locks.datetime(key)
    meetings = database.collection("meetings", name="Meetings")
    meetings.datetime("date")
    if {more}:
        meetings.string("late", 20)
        meetings.index("by_date", "date")
    for name, schedule in (("first", "0 19 * * *"), ("second", "0 20 * * *"), ("other", "")):
        stack.function(
            P + name, name=name, runtime="python-3.12", specification="s-1vcpu-512mb", timeout=30, schedule=schedule,
            entrypoint="main.py", code="functions/fn",
            lock=Lock(P + name + "-lock", stale_after=20, heartbeat=5, expiry=25) if name == "second" else None,
        )
"""
HEALTH = """
daily: [{0}first, {0}second]
functions:
  {0}other: {{restart: true}}
freshness:
  - {{collection: {0}db/meetings, rule: today, attribute: date, form: date, from: "08:00", by: {0}first}}
"""
CODE = "def main(context):\n    return context.res.json({'outcome': 'done'})\n"


@contextmanager
def clock_of(server: Any) -> Iterator[Any]:
    """A function that sets the server's clock; it goes right again at the end."""
    clock = server.clock
    assert isinstance(clock, SystemClock)

    def set_to(instant: datetime) -> None:
        clock.offset += instant - clock.now()

    try:
        yield set_to
    finally:
        clock.offset -= clock.offset


def declare(project: Project, *, more: bool) -> None:
    shutil.copytree(SHARED, project.root / "functions" / "_shared", dirs_exist_ok=True)
    project.code("fn", main=CODE)
    project.declare(STACK.format(more=more))
    (project.root / "stacks" / "health.yaml").write_text(HEALTH.format(project.prefix), encoding="utf-8")


def ruin(project: Project, faults: Any) -> dict[str, str]:
    """Everything that can be stuck, is. Returns the ids of what was lost."""
    collection = f"/databases/{project.id('db')}/collections"
    faults.stuck_attributes = {"late", "theirs", "by_*"}
    for key in ("late", "theirs"):
        project.api.post(f"{collection}/meetings/attributes/string", {"key": key, "size": 20, "required": False})
    project.api.post(f"{collection}/meetings/indexes", {"key": "by_date", "type": "key", "attributes": ["date"]})
    faults.stuck_executions = {project.id("other")}
    runs = f"/functions/{project.id('other')}/executions"
    lost = project.api.post(runs, {"async": True})["$id"]
    late = project.api.post(runs, {"async": True, "scheduledAt": BEFORE.replace(minute=40).isoformat()})["$id"]
    project.api.until(f"{runs}/{lost}", lambda execution: execution["status"] == "processing")
    document = {"owner": "o" * 32, "executionId": lost, "nzDate": "2030-01-16", "progress": '{"done": 7}'}
    numbers = {"generation": 3, "beats": 1, "takeovers": 2, "staleAfterSeconds": 20, "expirySeconds": 25}
    body = {"documentId": project.id("second-lock"), "data": {**document, **numbers, "fence": "f1-dead"}}
    project.api.post(f"{collection}/locks/documents", body)
    fence = {"owner": "o" * 32, "generation": 3, "lock": project.id("second-lock")}
    project.api.post(f"{collection}/locks/documents", {"documentId": "f1-dead", "data": fence})
    return {"lost": lost, "late": late}
