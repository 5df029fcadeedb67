"""Virtual time: it passes only while everybody sleeps, never backwards, and wakes nobody early."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raceday_iac.raceday.simulation.virtual_time import StuckError, VirtualTime

MORNING = datetime(2025, 7, 16, 19, 0, tzinfo=UTC)
#: Quarters of a second, so that sums are exact and many wake at the same instant.
QUARTERS = st.integers(min_value=0, max_value=12).map(lambda number: number / 4)


@pytest.fixture
def time() -> VirtualTime:
    return VirtualTime(MORNING)


def passed(time: VirtualTime) -> float:
    return time.seconds() - MORNING.timestamp()


# Sleeping.


def test_it_begins_at_the_given_instant(time: VirtualTime) -> None:
    assert time.now() == MORNING


def test_a_lone_sleeper_wakes_exactly_when_it_wanted(time: VirtualTime) -> None:
    time.sleep(86_400.5)

    assert time.now() == MORNING + timedelta(seconds=86_400.5)


@pytest.mark.parametrize("seconds", [0, -5])
def test_sleeping_for_nothing_takes_no_time(time: VirtualTime, seconds: float) -> None:
    time.sleep(seconds)

    assert passed(time) == 0


def test_sleeping_for_nothing_lets_those_go_first_who_are_due(time: VirtualTime) -> None:
    order: list[str] = []

    def other() -> None:
        time.sleep(0)
        order.append("other")

    task = time.start(other, "other")
    time.sleep(5)
    order.append("main")
    task.join()

    assert order == ["other", "main"]


def test_while_one_is_awake_time_stands_still(time: VirtualTime) -> None:
    slept = threading.Event()
    task = time.start(lambda: (time.sleep(10), slept.set())[0], "sleeper")

    assert not slept.wait(0.05)
    assert passed(time) == 0
    task.join()
    assert passed(time) == 10


def test_sleepers_of_the_same_instant_wake_one_after_another_in_the_order_of_falling_asleep(time: VirtualTime) -> None:
    order: list[int] = []
    busy = threading.Lock()

    def work(number: int) -> None:
        # Fall asleep one after another, then all for the same instant.
        time.sleep(number)
        time.sleep(100 - number)
        assert busy.acquire(blocking=False)
        order.append(number)
        busy.release()

    tasks = [time.start(lambda number=number: work(number), str(number)) for number in (3, 1, 2)]  # type: ignore[misc]
    for task in tasks:
        task.join()

    assert order == [1, 2, 3]
    assert passed(time) == 100


@given(st.lists(st.lists(QUARTERS, max_size=6), min_size=1, max_size=5))
def test_time_never_goes_back_and_nobody_wakes_early_or_late(plans: list[list[float]]) -> None:
    time = VirtualTime(MORNING)
    readings: list[float] = []
    late: list[float] = []

    def live(plan: list[float]) -> None:
        for seconds in plan:
            wanted = time.seconds() + seconds
            time.sleep(seconds)
            readings.append(time.seconds())
            late.append(time.seconds() - wanted)

    for task in [time.start(lambda plan=plan: live(plan), "live") for plan in plans]:  # type: ignore[misc]
        task.join()

    assert readings == sorted(readings)
    assert set(late) <= {0.0}
    assert passed(time) == max(sum(plan) for plan in plans)


@given(st.lists(st.tuples(QUARTERS, QUARTERS), min_size=1, max_size=5), QUARTERS)
def test_waiting_for_an_event_ends_at_the_timeout_or_when_it_is_set(
    waits: list[tuple[float, float]], set_at: float
) -> None:
    time = VirtualTime(MORNING)
    event = time.event()
    found: list[tuple[float, float, bool, float]] = []

    def wait(start: float, timeout: float) -> None:
        time.sleep(start)
        answer = event.wait(timeout)
        found.append((start, timeout, answer, passed(time)))

    tasks = [time.start(lambda pair=pair: wait(*pair), "wait") for pair in waits]  # type: ignore[misc]
    time.sleep(set_at)
    event.set()
    for task in tasks:
        task.join()

    for start, timeout, answer, ended in found:
        if set_at < start + timeout:
            assert (answer, ended) == (True, max(start, set_at))
        elif set_at > start + timeout:
            assert (answer, ended) == (False, start + timeout)
        else:
            assert ended == start + timeout


# Events.


def test_an_event_that_is_set_is_not_waited_for(time: VirtualTime) -> None:
    event = time.event()
    event.set()

    assert event.wait(10)
    assert (passed(time), event.is_set()) == (0, True)


def test_setting_an_event_wakes_all_who_wait_at_that_instant(time: VirtualTime) -> None:
    event = time.event()
    woken: list[float] = []
    tasks = [time.start(lambda: (event.wait(), woken.append(passed(time)))[1], "waiter") for _ in range(3)]

    time.sleep(7)
    event.set()
    for task in tasks:
        task.join()

    assert woken == [7, 7, 7]


def test_an_alarm_of_a_wait_that_ended_early_moves_no_time(time: VirtualTime) -> None:
    event = time.event()
    task = time.start(lambda: (event.wait(1000), None)[1], "waiter")
    time.sleep(1)
    event.set()
    task.join()

    time.sleep(2)

    assert passed(time) == 3


# Threads.


def test_joining_waits_for_the_end_of_the_work(time: VirtualTime) -> None:
    task = time.start(lambda: time.sleep(30), "work")

    task.join()

    assert passed(time) == 30


def test_a_task_that_ended_can_be_joined_again(time: VirtualTime) -> None:
    task = time.start(lambda: None, "work")

    task.join()
    task.join()


def test_a_thread_that_dies_is_not_waited_for(time: VirtualTime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading, "excepthook", lambda _arguments: None)

    def die() -> None:
        raise ValueError("on purpose")

    task = time.start(die, "mortal")
    task.join()
    time.sleep(5)

    assert passed(time) == 5


def test_work_that_is_handed_over_keeps_time_still_until_it_leaves(time: VirtualTime) -> None:
    """As the server's own threads do: they join in before the work is handed to them, and leave after it."""
    handed = threading.Event()

    def outside() -> None:
        handed.wait(10)
        seen.append(passed(time))
        time.sleep(5)
        seen.append(passed(time))
        time.leave()

    seen: list[float] = []
    time.join_in()
    thread = threading.Thread(target=outside)
    thread.start()
    sleeper = time.start(lambda: time.sleep(60), "sleeper")
    handed.set()
    sleeper.join()
    thread.join()

    assert seen == [0, 5]


# Deadlocks.


def test_waiting_for_what_nobody_will_do_is_an_error(time: VirtualTime) -> None:
    time.patience = 0.02

    with pytest.raises(StuckError):
        time.event().wait()


def test_a_deadlock_of_several_is_noticed_by_all_of_them(time: VirtualTime) -> None:
    time.patience = 0.02
    stuck: list[str] = []

    def wait(name: str) -> None:
        try:
            time.event().wait()
        except StuckError:
            stuck.append(name)

    threads = [threading.Thread(target=wait, args=(name,)) for name in ("a", "b")]
    for thread in threads:
        time.join_in()
        thread.start()
    time.leave()
    for thread in threads:
        thread.join(10)

    assert sorted(stuck) == ["a", "b"]


def test_a_wait_with_an_alarm_is_no_deadlock(time: VirtualTime) -> None:
    time.patience = 0.02

    assert not time.event().wait(10_000)
    assert not time.stuck


def test_it_is_not_stuck_any_more_when_somebody_outside_helps(time: VirtualTime) -> None:
    event = time.event()
    task = time.start(lambda: (event.wait(), None)[1], "waiter")
    time.leave()
    deadline = threading.Event()
    while not time.stuck and not deadline.wait(0.005):
        pass

    time.join_in()
    event.set()
    task.join()

    assert not time.stuck
