"""Observations made up for tests: two o'clock in the afternoon of 17 July 2025 in New Zealand, which is 02:00 UTC."""

from __future__ import annotations

import json
from datetime import UTC, datetime, time, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from raceday_iac.health.observations import FunctionSeen, Observation
from raceday_iac.health.watched import Declared
from raceday_iac.model.address import Address, function_address
from raceday_iac.model.declarations import Lock
from raceday_iac.model.local_time import LocalTime
from raceday_iac.model.resource import CodeSource, Desired, Live, frozen
from raceday_iac.provider.protocol import Deployment, Execution
from raceday_iac.raceday.rules import RacingRules, load_rules

F = function_address("f")

NZ_TIME = LocalTime("Pacific/Auckland", (time(1), time(6)))
NOW = datetime(2025, 7, 17, 2, 0, tzinfo=UTC)
SINCE = NOW - timedelta(hours=24)
FUNCTIONS = Path(__file__).parents[3] / "functions"
DECLARED = Declared(
    ["a", "b", "c", "f", "g"],
    ["d/meetings", "d/races", "d/odds"],
    {"d/meetings/date": "datetime", "d/races/startTime": "datetime", "d/odds/at": "datetime"},
    RacingRules.data_rules,
)
LOCK = Lock(lock_id="f-lock", stale_after=120, heartbeat=45, expiry=120)


def ago(**span: float) -> datetime:
    return NOW - timedelta(**span)


def stamp(instant: datetime) -> str:
    return instant.isoformat(timespec="milliseconds")


def summary(outcome: str, **more: Any) -> str:
    return json.dumps({"level": "info", "event": "run.summary", "outcome": outcome, **more})


def execution(
    created: datetime,
    status: str = "completed",
    *,
    seconds: float = 2.0,
    logs: str = "",
    errors: str = "",
    trigger: str = "schedule",
    code: int | None = None,
    scheduled: datetime | None = None,
    identity: str = "",
) -> Execution:
    default = {"completed": 200, "failed": 500}.get(status, 0)
    return Execution(
        identity or f"e{created:%d%H%M%S}",
        "f",
        status,
        trigger,
        default if code is None else code,
        "",
        logs,
        errors,
        seconds,
        stamp(created),
        stamp(scheduled) if scheduled else "",
    )


def function(
    *executions: Execution,
    identity: str = "f",
    schedule: str = "",
    timeout: int = 300,
    changed: datetime = SINCE,
    **more: Any,
) -> FunctionSeen:
    """On the server, with code. What has not ended is found among its executions."""
    fields = frozen({"schedule": schedule, "timeout": timeout})
    live = Live(function_address(identity), fields, identity, updated_at=stamp(changed))
    found = tuple(sorted(executions, key=lambda each: each.created_at, reverse=True))
    unfinished = tuple(each for each in found if each.status not in ("completed", "failed"))
    return FunctionSeen(identity, live, "d1", found, unfinished=unfinished, **more)


def deployment(identity: str, status: str, created: datetime, **more: Any) -> Deployment:
    return Deployment(identity, status, created_at=stamp(created), type="manual", **more)


def member(address: str, status: str, changed: datetime, error: str = "") -> Live:
    return Live(Address.parse(address), frozen({}), status=status, error=error, updated_at=stamp(changed))


def lock_document(taken: datetime, beaten: datetime, **more: Any) -> dict[str, Any]:
    numbers = {"staleAfterSeconds": 120, "expirySeconds": 120, "generation": 1, "beats": 3, "takeovers": 0}
    return {"$id": "f-lock", "$createdAt": stamp(taken), "$updatedAt": stamp(beaten), "owner": "o1", **numbers, **more}


def observation(*functions: FunctionSeen, **more: Any) -> Observation:
    given = {"local_time": NZ_TIME, **more}
    return Observation(NOW, SINCE, "test", "http://127.0.0.1/v1", "raceday", functions, **given)


@cache
def rules() -> RacingRules:
    """Those of the functions of this very project."""
    source = CodeSource(F, FUNCTIONS / "daily-races", {"entrypoint": "src/main.py"})
    found = load_rules(Desired("x", {}, code={"f": source}))
    assert found is not None
    return found
