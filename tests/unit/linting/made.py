"""Functions, code and findings made up for the tests of linting."""

from __future__ import annotations

from datetime import date, time
from pathlib import Path

from raceday_iac.linting.expansion import Expansion, expand
from raceday_iac.linting.facts import Configuration, FunctionFacts, LockFacts
from raceday_iac.linting.findings import Finding
from raceday_iac.model.local_time import LocalTime

BEGIN = date(2025, 7, 17)
NZ_TIME = LocalTime("Pacific/Auckland", (time(1), time(6)))
ROOT = Path(__file__).parents[3]


def function(
    name: str = "f",
    schedule: str = "",
    timeout: int = 60,
    *,
    lock: LockFacts | None = None,
    scopes: tuple[str, ...] = (),
    execute: tuple[str, ...] = (),
    code: str | None = None,
) -> FunctionFacts:
    """With `code` it also has the shared client, which that code may use."""
    files = None
    if code is not None:
        files = {"src/main.py": code.encode(), "src/vendor/appwrite_http.py": b"", "src/vendor/lock.py": b""}
    return FunctionFacts(
        name,
        runtime="python-3.12",
        specifications=("s-1vcpu-1gb",),
        schedule=schedule,
        timeout=timeout,
        scopes=scopes,
        execute=execute,
        entrypoint="src/main.py",
        lock=lock,
        files=files,
    )


def locked(expiry: int = 50, stale_after: int = 40, heartbeat: int = 10) -> LockFacts:
    return LockFacts("f-lock", stale_after, heartbeat, expiry)


def runs_of(schedule: str, local_time: LocalTime = NZ_TIME) -> Expansion:
    runs = expand(schedule, BEGIN, local_time=local_time)
    assert runs is not None
    return runs


def configuration(*functions: FunctionFacts) -> Configuration:
    return Configuration(functions, local_time=NZ_TIME)


def codes(findings: tuple[Finding, ...] | list[Finding]) -> list[str]:
    return [each.code for each in findings]
