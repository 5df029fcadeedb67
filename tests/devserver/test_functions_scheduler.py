"""Schedules and scheduled executions, on a clock that the test moves."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from raceday_iac.devserver.functions.executions import scheduler_of
from raceday_iac.devserver.server import ManualClock

from .functions_server import HELLO, Client, serving

START = datetime(2026, 3, 1, 11, 58, 30, tzinfo=UTC)
EVERY_MINUTE = "* * * * *"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
def scheduled(tmp_path: Path, venvs: Path, clock: ManualClock) -> Iterator[Client]:
    """A server whose scheduler runs only when the test says so, with a deployed function that has no schedule yet."""
    with serving(tmp_path, venvs, clock) as running:
        client = Client(running)
        client.create()
        client.deploy(HELLO)
        yield client


def tick(client: Client) -> int:
    """One pass of the scheduler; returns how many runs it started."""
    return client.running.call(lambda server: scheduler_of(server).tick())


def set_schedule(client: Client, schedule: str, **fields: Any) -> None:
    client.ok("PUT", "/functions/f", {"name": "F", "schedule": schedule} | fields)


def test_a_function_runs_at_each_time_of_its_schedule(scheduled: Client, clock: ManualClock) -> None:
    set_schedule(scheduled, EVERY_MINUTE)
    started = [tick(scheduled)]
    for _ in range(3):
        clock.advance(seconds=30)
        started.append(tick(scheduled))
    assert started == [0, 1, 0, 1]


def test_a_scheduled_run_is_recorded_with_its_trigger(scheduled: Client, clock: ManualClock) -> None:
    set_schedule(scheduled, EVERY_MINUTE)
    tick(scheduled)
    clock.advance(minutes=1)
    tick(scheduled)
    (run,) = scheduled.executions()
    done = scheduled.until(f"/functions/f/executions/{run['$id']}", status="completed")
    assert (done["trigger"], done["requestMethod"], done["requestPath"]) == ("schedule", "POST", "/")


def test_schedules_are_in_utc(scheduled: Client, clock: ManualClock) -> None:
    set_schedule(scheduled, "0 12 * * *")
    assert tick(scheduled) == 0
    clock.instant = datetime(2026, 3, 1, 12, 0, 1, tzinfo=UTC)
    assert tick(scheduled) == 1


def test_missed_runs_are_not_made_up_for(scheduled: Client, clock: ManualClock) -> None:
    set_schedule(scheduled, EVERY_MINUTE)
    tick(scheduled)
    clock.advance(hours=3, seconds=45)
    assert tick(scheduled) == 0
    clock.advance(minutes=1)
    assert tick(scheduled) == 1


def test_a_disabled_function_still_runs_on_schedule(scheduled: Client, clock: ManualClock) -> None:
    set_schedule(scheduled, EVERY_MINUTE, enabled=False)
    tick(scheduled)
    clock.advance(minutes=1)
    assert tick(scheduled) == 1


def test_a_schedule_needs_an_active_deployment(scheduled: Client, clock: ManualClock) -> None:
    scheduled.create("idle", schedule=EVERY_MINUTE)
    tick(scheduled)
    clock.advance(minutes=1)
    assert tick(scheduled) == 0
    scheduled.deploy(HELLO, "idle")
    clock.advance(seconds=15)
    tick(scheduled)
    clock.advance(minutes=1)
    assert tick(scheduled) == 1


def test_an_emptied_schedule_stops(scheduled: Client, clock: ManualClock) -> None:
    set_schedule(scheduled, EVERY_MINUTE)
    tick(scheduled)
    set_schedule(scheduled, "")
    clock.advance(minutes=1)
    assert tick(scheduled) == 0


def test_runs_of_one_function_may_overlap(scheduled: Client, clock: ManualClock) -> None:
    scheduled.deploy("import time\ndef main(context):\n    time.sleep(60)\n")
    set_schedule(scheduled, EVERY_MINUTE, timeout=100)
    tick(scheduled)
    for _ in range(2):
        clock.advance(minutes=1)
        tick(scheduled)
    for run in scheduled.executions():
        scheduled.until(f"/functions/f/executions/{run['$id']}", status="processing")
    assert len(scheduled.executions()) == 2


def test_deleting_the_active_deployment_leaves_failing_runs_behind(scheduled: Client, clock: ManualClock) -> None:
    set_schedule(scheduled, EVERY_MINUTE)
    tick(scheduled)
    deployment = scheduled.ok("GET", "/functions/f")["deploymentId"]
    scheduled.ok("DELETE", f"/functions/f/deployments/{deployment}")
    clock.advance(minutes=1)
    assert tick(scheduled) == 1
    (run,) = scheduled.executions()
    failed = scheduled.until(f"/functions/f/executions/{run['$id']}", status="failed")
    assert "deployment was not found" in failed["errors"]


def plan(client: Client, at: str) -> str:
    body = {"async": True, "scheduledAt": at, "path": "/later"}
    return str(client.ok("POST", "/functions/f/executions", body)["$id"])


def test_a_scheduled_execution_runs_at_its_time(scheduled: Client, clock: ManualClock) -> None:
    execution = plan(scheduled, "2026-03-01T12:05:00.000+00:00")
    assert tick(scheduled) == 0
    clock.advance(minutes=7)
    assert tick(scheduled) == 1
    done = scheduled.until(f"/functions/f/executions/{execution}", status="completed")
    assert (done["trigger"], done["requestPath"]) == ("schedule", "/later")
    assert tick(scheduled) == 0


def test_a_deleted_scheduled_execution_does_not_run(scheduled: Client, clock: ManualClock) -> None:
    execution = plan(scheduled, "2026-03-01T12:05:00.000+00:00")
    tick(scheduled)
    scheduled.ok("DELETE", f"/functions/f/executions/{execution}")
    clock.advance(minutes=7)
    tick(scheduled)
    assert scheduled.executions() == []


def test_a_scheduled_execution_that_came_due_while_the_server_was_down_stays_scheduled(
    tmp_path: Path, venvs: Path, clock: ManualClock
) -> None:
    with serving(tmp_path, venvs, clock) as running:
        client = Client(running)
        client.create()
        client.deploy(HELLO)
        plan(client, "2026-03-01T12:05:00.000+00:00")
        tick(client)
    clock.advance(hours=1)
    with serving(tmp_path, venvs, clock) as running:
        client = Client(running)
        assert tick(client) == 0
        assert [each["status"] for each in client.executions()] == ["scheduled"]


@pytest.mark.parametrize("at", ["2026-03-01T11:59:00.000+00:00", "2026-03-01T12:05:30.000+00:00", "soon"])
def test_a_time_must_be_a_minute_ahead_and_whole(scheduled: Client, at: str) -> None:
    answer = scheduled.call("POST", "/functions/f/executions", {"async": True, "scheduledAt": at})
    assert (answer.status_code, answer.json()["type"]) == (400, "general_bad_request")


def test_executions_vanish_after_two_weeks(scheduled: Client, clock: ManualClock) -> None:
    scheduled.run()
    tick(scheduled)
    clock.advance(days=13)
    tick(scheduled)
    assert len(scheduled.executions()) == 1
    clock.advance(days=2)
    tick(scheduled)
    assert scheduled.executions() == []


def test_the_scheduler_works_by_itself(tmp_path: Path, venvs: Path, clock: ManualClock) -> None:
    with serving(tmp_path, venvs, clock, scheduler=True, schedule_pass=0.01, schedule_sync=0) as running:
        client = Client(running)
        client.create()
        client.deploy(HELLO)
        execution = plan(client, "2026-03-01T12:05:00.000+00:00")
        clock.advance(minutes=7)
        client.until(f"/functions/f/executions/{execution}", status="completed")


#: What a real 1.8.1 took, and what it refused (400), in PUT /functions/{id}.
TAKEN = (
    "*/15 21-23,0-11 * * *",
    "0 0 1 JAN *",
    "0 0 L * *",
    "@hourly",
    "@midnight",
    "@Daily",
    "0 9 * * FRI-SUN",
    "0 9 * * 5-0",
    "0 0 * * 5L",
    "0 0 * * MONL",
    "0 0 LW * *",
    "5-5 * * * *",
    "0 0 * * SUN-FRI/2",
    # Valid, though it never comes.
    "0 9 * * SUN-SAT",
    "0 0 30 2 *",
)
REFUSED = (
    "every day",
    "* * * *",
    "* * * * * *",
    "60 * * * *",
    "@reboot",
    "@",
    "H H * * *",
    "R * * * *",
    "0/15 * * * *",
    "0 0 * * 1/2",
    "? * * * *",
    "0 0 ? * ?",
    "0 0 1,L * *",
    "0 0 * * 5#6",
    "0 0 foo#bar * *",
    "٣ * * * *",
)


def test_a_schedule_is_what_appwrite_takes_for_a_cron(scheduled: Client) -> None:
    answers = {
        schedule: scheduled.call("PUT", "/functions/f", {"name": "F", "schedule": schedule})
        for schedule in (*TAKEN, *REFUSED)
    }
    assert {schedule: answer.status_code for schedule, answer in answers.items()} == {
        **dict.fromkeys(TAKEN, 200),
        **dict.fromkeys(REFUSED, 400),
    }
    assert answers["0/15 * * * *"].json()["type"] == "general_argument_invalid"


def test_a_zero_alone_is_no_schedule_but_is_taken(scheduled: Client, clock: ManualClock) -> None:
    set_schedule(scheduled, EVERY_MINUTE)
    set_schedule(scheduled, "0")
    for _ in range(3):
        clock.advance(minutes=1)
        assert tick(scheduled) == 0


def started(client: Client, clock: ManualClock, *passes: tuple[int, int]) -> list[str]:
    """The passes, each at an hour and minute of 2 March, that start a run."""
    found = []
    for hour, minute in passes:
        clock.instant = datetime(2026, 3, 2, hour, minute, 5, tzinfo=UTC)
        if tick(client):
            found.append(f"{hour:02}:{minute:02}")
    return found


@pytest.mark.parametrize(
    ("schedule", "times"),
    [
        # From 05 the library goes on to 10.
        ("*/5,*/7 * * * *", ["09:56", "10:00", "10:05", "10:10", "10:15", "10:20", "10:25"]),
        ("*/59 * * * *", ["09:59"]),
        ("5-5 * * * *", ["10:05"]),
        ("9,10,2-5 10 * * *", ["10:03", "10:04", "10:05", "10:09", "10:10"]),
    ],
)
def test_runs_that_the_library_skips_are_not_started(
    scheduled: Client, clock: ManualClock, schedule: str, times: list[str]
) -> None:
    clock.instant = datetime(2026, 3, 2, 9, 55, tzinfo=UTC)
    set_schedule(scheduled, schedule)
    tick(scheduled)
    passes = [*((9, minute) for minute in range(56, 60)), *((10, minute) for minute in range(30))]
    assert started(scheduled, clock, *passes) == times


def test_the_next_run_is_asked_for_again_in_each_minute(scheduled: Client, clock: ManualClock) -> None:
    """From 20:30 the library comes to 20:30 of the next day, and at 08:29 to 08:30 (1.8.1, ScheduleFunctions.php)."""
    clock.instant = datetime(2026, 3, 1, 20, 30, tzinfo=UTC)
    set_schedule(scheduled, "30 20,8 * * *")
    tick(scheduled)
    assert started(scheduled, clock, (8, 28), (8, 29), (8, 30), (8, 31), (20, 29), (20, 30)) == ["08:30", "20:30"]


def test_a_schedule_that_never_comes_is_said_in_the_log(
    scheduled: Client, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    set_schedule(scheduled, "0 0 30 2 *")
    tick(scheduled)
    clock.advance(minutes=5)
    assert tick(scheduled) == 0
    assert "the schedule '0 0 30 2 *' of function f never comes" in caplog.text
