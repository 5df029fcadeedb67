"""Work for many items, a few at a time: in threads of the machine and in virtual time alike."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from _shared.runtime import REAL, Runtime, each, machine, start_thread, steady_clock

from raceday_iac.raceday.simulation.virtual_time import VirtualTime

FUNCTIONS = Path(__file__).parents[2] / "functions"


def virtual() -> Runtime:
    time = VirtualTime(datetime(2025, 7, 17, tzinfo=UTC))
    return Runtime(now=time.seconds, clock=time.seconds, sleep=time.sleep, event=time.event, start=time.start)


@pytest.fixture(params=[virtual, lambda: REAL], ids=["virtual", "real"])
def runtime(request: pytest.FixtureRequest) -> Runtime:
    made: Callable[[], Runtime] = request.param
    return made()


class Width:
    """Counts how many work at the same time."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self.now = self.most = 0

    def __enter__(self) -> None:
        with self._guard:
            self.now += 1
            self.most = max(self.most, self.now)

    def __exit__(self, *_: object) -> None:
        with self._guard:
            self.now -= 1


@pytest.mark.parametrize("width", [1, 3, 50])
def test_results_come_in_the_order_of_the_items(runtime: Runtime, width: int) -> None:
    assert each(runtime, lambda number: number * number, range(20), width) == [number * number for number in range(20)]


def test_no_items_give_no_results(runtime: Runtime) -> None:
    assert each(runtime, lambda item: item, [], 4) == []


@pytest.mark.parametrize(("width", "items", "most"), [(1, 5, 1), (3, 9, 3), (8, 2, 2)])
def test_at_most_so_many_work_at_a_time(width: int, items: int, most: int) -> None:
    runtime, working = virtual(), Width()

    def work(_item: int) -> None:
        with working:
            runtime.sleep(1)

    each(runtime, work, range(items), width)

    assert working.most == most


def test_items_begin_in_their_order_as_soon_as_one_is_free() -> None:
    runtime = virtual()
    begun: list[tuple[int, float]] = []
    start = runtime.now()

    def work(seconds: int) -> None:
        begun.append((seconds, runtime.now() - start))
        runtime.sleep(seconds)

    each(runtime, work, [4, 1, 2, 3], 2)

    assert sorted(begun) == [(1, 0), (2, 1), (3, 3), (4, 0)]
    assert runtime.now() - start == 6


def test_after_a_failure_nothing_more_is_begun_and_it_is_raised_when_all_have_ended() -> None:
    runtime = virtual()
    begun: list[int] = []
    ended: list[int] = []

    def work(number: int) -> None:
        begun.append(number)
        runtime.sleep(number)
        if number == 1:
            raise ValueError(number)
        ended.append(number)

    with pytest.raises(ValueError, match="1"):
        each(runtime, work, [5, 1, 2, 3], 2)

    assert (sorted(begun), ended) == ([1, 5], [5])


def test_one_after_another_a_failure_is_the_end(runtime: Runtime) -> None:
    done: list[int] = []

    def work(number: int) -> None:
        if number == 0:
            raise KeyError("first")
        done.append(number)

    with pytest.raises(KeyError):
        each(runtime, work, range(100), 1)

    assert done == []


def test_also_what_is_no_ordinary_exception_comes_through(runtime: Runtime) -> None:
    def work(_item: int) -> None:
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        each(runtime, work, range(4), 2)


def test_the_steady_clock_never_goes_back() -> None:
    readings = [steady_clock() for _ in range(100)]

    assert readings == sorted(readings)


def test_the_steady_clock_is_there_on_systems_without_a_boot_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.delattr(time, "CLOCK_BOOTTIME", raising=False)

    assert steady_clock() <= time.monotonic()


def test_a_thread_of_the_machine_can_be_joined_and_does_not_keep_the_process_alive() -> None:
    daemons: list[bool] = []

    start_thread(lambda: daemons.append(threading.current_thread().daemon), "work").join()

    assert daemons == [True]


def test_runs_of_one_machine_know_that_they_are() -> None:
    """In another process too; only the next start of the machine changes it."""
    code = f"import sys; sys.path.insert(0, {str(FUNCTIONS)!r}); from _shared.runtime import machine; print(machine())"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()

    assert machine() == other


def test_a_machine_that_does_not_say_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(time, "CLOCK_BOOTTIME", raising=False)

    assert machine() == ""
