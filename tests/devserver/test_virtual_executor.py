"""Functions run in virtual time by the embedded server: how they sleep, start each other, die, and are written down."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import pytest

from raceday_iac.raceday.simulation.day import DaySpec, run_day
from raceday_iac.raceday.simulation.ledger import Outcome
from raceday_iac.raceday.simulation.virtual_time import VirtualTime

from .functions_server import Client, serving
from .virtual import LOCK_PATH, Virtual, deploy, environment_of, make_lock_store

#: 11:55 in New Zealand.
BEFORE_NOON = datetime(2025, 7, 16, 23, 55, tzinfo=UTC)
HOUR = 3600


class Served:
    """A server for all tests, with one function that has much time (`f`) and one that has little (`short`)."""

    def __init__(self, client: Client, time: VirtualTime) -> None:
        self.client, self.time = client, time


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, venvs: Path) -> Iterator[Served]:
    time = VirtualTime(BEFORE_NOON)
    with serving(tmp_path_factory.mktemp("data"), venvs, time) as running:
        client = Client(running)
        make_lock_store(client)
        deploy(client, timeout=900)
        deploy(client, "short", timeout=60)
        yield Served(client, time)


@pytest.fixture
def virtual(served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Virtual]:
    with environment_of(served.client, monkeypatch):
        yield Virtual(served.client, served.time, tmp_path)


# Time.


def test_a_function_that_sleeps_for_minutes_ends_at_once(virtual: Virtual) -> None:
    run = virtual.run(do="sleep", seconds=890)

    assert (run["status"], run["responseStatusCode"]) == ("completed", 200), run["errors"]
    assert json.loads(run["responseBody"])["now"] == virtual.began + 890
    assert run["duration"] == virtual.passed() == 890


def test_two_runs_at_once_sleep_side_by_side(virtual: Virtual) -> None:
    runs = [virtual.start(do="sleep", seconds=seconds) for seconds in (600, 300)]
    virtual.time.sleep(700)

    assert [virtual.seen(run).end for run in runs] == [virtual.began + 600, virtual.began + 300]
    assert [virtual.reported(run)["status"] for run in runs] == ["completed", "completed"]


def test_an_execution_begins_in_the_instant_in_which_it_was_created(virtual: Virtual) -> None:
    """Between its creation and its start somebody is awake all the time, however long the server takes."""
    run = virtual.start(do="nothing")
    virtual.time.sleep(HOUR)

    assert virtual.seen(run).start == virtual.seen(run).end == virtual.began


def test_an_execution_that_a_function_starts_runs_beside_it(virtual: Virtual) -> None:
    first = virtual.start(do="start", seconds=100, body={"do": "sleep", "seconds": 30})
    virtual.time.sleep(HOUR)

    (second,) = virtual.ledger.executions.keys() - {first}
    created = datetime.fromisoformat(virtual.reported(second)["$createdAt"]).timestamp()
    parent, child = virtual.seen(first), virtual.seen(second)
    assert parent.end is not None
    assert child.end == child.start + 30 < parent.end
    assert child.start == pytest.approx(created, abs=0.001)
    assert parent.start < child.start < parent.start + 0.1


def test_an_execution_outlives_the_function_that_started_it(virtual: Virtual) -> None:
    first = virtual.start(do="start", seconds=0, body={"do": "sleep", "seconds": 500})
    virtual.time.sleep(1)
    over, under_way = virtual.seen(first).end, [each.identity for each in virtual.ledger.active()]
    virtual.time.sleep(HOUR)

    assert over is not None
    assert [virtual.reported(each)["status"] for each in under_way] == ["completed"]


def test_while_the_test_is_awake_no_time_passes(virtual: Virtual) -> None:
    virtual.start(do="sleep", seconds=10)
    virtual.client.executions()

    assert virtual.passed() == 0
    virtual.time.sleep(20)


# Timeouts.


def test_a_timeout_kills(virtual: Virtual) -> None:
    run = virtual.start("short", do="sleep", seconds=HOUR)
    virtual.time.sleep(2 * HOUR)

    reported, seen = virtual.reported(run, "short"), virtual.seen(run)
    assert (reported["status"], reported["responseStatusCode"], reported["duration"]) == ("failed", 500, 60)
    assert "Execution timed out." in reported["errors"]
    assert (seen.outcome, seen.end) == (Outcome.KILLED, virtual.began + 60)


def test_a_run_that_ends_just_in_time_is_not_killed(virtual: Virtual) -> None:
    assert virtual.run("short", do="sleep", seconds=59.9)["status"] == "completed"


def test_a_killed_run_sends_nothing_any_more_and_its_lock_stays(virtual: Virtual) -> None:
    run = virtual.start("short", do="hold", seconds=HOUR)
    virtual.time.sleep(61)
    at_death = virtual.seen(run).requests
    virtual.time.sleep(2 * HOUR)
    lock = virtual.client.ok("GET", f"{LOCK_PATH}/f-lock")
    virtual.client.ok("DELETE", f"{LOCK_PATH}/f-lock")

    # The creation and a heartbeat every ten seconds.
    assert virtual.seen(run).requests == at_death == 6
    touched = datetime.fromisoformat(lock["$updatedAt"]).timestamp()
    assert lock["beats"] == 5
    assert virtual.began + 50 <= touched < virtual.began + 60


def test_a_run_that_ends_by_itself_gives_its_lock_back(virtual: Virtual) -> None:
    run = virtual.run(do="hold", seconds=25)

    assert run["responseBody"] == "released"
    assert virtual.client.call("GET", f"{LOCK_PATH}/f-lock").status_code == 404


# Failures.


@pytest.mark.parametrize("how", ["raise", "exit"])
def test_a_function_that_crashes_has_failed(virtual: Virtual, how: str) -> None:
    run = virtual.run(do="crash", how=how)

    assert (run["status"], run["responseStatusCode"]) == ("failed", 500)
    assert "enough" in run["errors"]
    assert virtual.seen(run["$id"]).outcome is Outcome.FAILED


def test_a_function_without_an_answer_has_failed(virtual: Virtual) -> None:
    assert virtual.run(do="forget")["responseStatusCode"] == 500


@pytest.mark.parametrize("code", ["import nothing_of_that_name\n", "def handle(\n", "raise SystemExit(3)\n"])
def test_a_function_that_cannot_be_loaded_has_failed_and_is_known(virtual: Virtual, code: str) -> None:
    name = f"broken-{abs(hash(code))}"
    deploy_broken(virtual, name, code)

    run = virtual.run(name)

    assert (run["status"], run["responseStatusCode"]) == ("failed", 503)
    assert "Traceback" in run["errors"]
    seen = virtual.seen(run["$id"])
    assert (seen.function, seen.outcome, virtual.ledger.active()) == (name, Outcome.FAILED, [])


def deploy_broken(virtual: Virtual, name: str, code: str) -> None:
    """Builds are no part of virtual time: they would keep it awake for ever."""
    running = virtual.client.running
    counted = running.server.around
    running.server.around = lambda work: work
    deploy(virtual.client, name, code)
    running.server.around = counted


# What is written down.


def test_log_lines_are_kept_by_the_server_and_understood_by_the_ledger(virtual: Virtual) -> None:
    event = {"event": "lock.refused", "checkMs": 3}
    run = virtual.run(do="say", event=event)

    assert json.loads(run["logs"]) == event
    assert (virtual.seen(run["$id"]).outcome, virtual.ledger.lock_ms) == (Outcome.REFUSED, [3.0])


def test_the_numbers_of_the_lock_are_those_of_the_bundle(virtual: Virtual) -> None:
    run = virtual.run(do="nothing")

    assert (virtual.seen(run["$id"]).function, virtual.seen(run["$id"]).expiry) == ("f", 120)


def test_what_is_left_to_chance_follows_from_function_and_instant_not_from_the_id(virtual: Virtual) -> None:
    runs = [virtual.start(do="chance") for _ in range(2)]
    virtual.time.sleep(5)
    later = virtual.start(do="chance")
    virtual.time.sleep(5)

    first, second, third = (virtual.seen(each).events[0]["draws"] for each in (*runs, later))
    assert first == second != third


def test_a_deployment_is_loaded_once(virtual: Virtual) -> None:
    """Also when two of its runs begin in the same instant."""
    forget_modules()
    for _ in range(3):
        virtual.start(do="sleep", seconds=5)
    virtual.time.sleep(10)

    assert virtual.executor.cold_starts == 1
    assert [each.outcome for each in virtual.ledger.executions.values()] == [Outcome.COMPLETED] * 3


def forget_modules() -> None:
    for name in [each for each in sys.modules if each.startswith("deployment_")]:
        del sys.modules[name]


def test_closing_leaves_nothing_behind(virtual: Virtual) -> None:
    virtual.run(do="nothing")
    asyncio.run(virtual.executor.close())

    assert [name for name in sys.modules if name.startswith("deployment_")] == []
    assert str(virtual.folder) not in sys.path


# A whole day, or a short one.


@pytest.fixture
def day(tmp_path: Path, venvs: Path) -> Iterator[tuple[Client, VirtualTime]]:
    clock = VirtualTime(BEFORE_NOON)
    with serving(tmp_path / "data", venvs, clock) as running:
        yield Client(running), clock


def lived(day: tuple[Client, VirtualTime], folder: Path, until: time, **changes: Any) -> Any:
    wanted = DaySpec(date(2025, 7, 17), until=until, variables={"OF_THE_STACK": "x"})
    folder.mkdir()
    return run_day(day[0].running, day[1], wanted, folder, **changes)


NAPPING = """
import os

def handle(context, world):
    assert os.environ["OF_THE_STACK"] == "x"
    world.sleep(100)
    return context.res.text("awake")
"""


def test_the_scheduler_runs_every_minute_and_the_day_ends_when_all_have_ended(
    day: tuple[Client, VirtualTime], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OF_THE_STACK", raising=False)
    deploy(day[0], code=NAPPING, schedule="* * * * *")
    hours: list[datetime] = []

    ledger = lived(day, tmp_path / "packages", time(12, 2), observe=hours.append)

    starts = [(run.start - BEFORE_NOON.timestamp()) / 60 for run in ledger.runs()]
    assert starts == [1, 2, 3, 4, 5, 6]
    assert {run.seconds for run in ledger.runs()} == {100}
    assert {run.outcome for run in ledger.runs()} == {Outcome.COMPLETED}
    assert hours == [datetime(2025, 7, 17, 0, 0, tzinfo=UTC)]
    assert "OF_THE_STACK" not in os.environ


def test_a_server_that_stops_in_the_middle_hears_nothing_any_more(
    day: tuple[Client, VirtualTime], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As after Ctrl-C: runs that are under way may end later, and nobody hears of it or loses count of who is awake."""
    client, clock = day
    deploy(client)
    with environment_of(client, monkeypatch):
        virtual = Virtual(client, clock, tmp_path)
        run = virtual.start(do="sleep", seconds=30)
        clock.sleep(10)
        client.running.stop()
        before = virtual.seen(run).end
        clock.sleep(60)

    assert (before, virtual.seen(run).end) == (None, virtual.began + 30)
    assert caplog.messages == []


def test_a_function_that_cannot_be_loaded_does_not_stop_the_day(
    day: tuple[Client, VirtualTime], tmp_path: Path
) -> None:
    deploy(day[0], code="import nothing_of_that_name\n", schedule="* * * * *")

    ledger = lived(day, tmp_path / "packages", time(11, 58))

    assert [run.outcome for run in ledger.runs()] == [Outcome.FAILED] * 2
