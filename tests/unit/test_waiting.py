"""What is reported of waits that last, and when; and pools that an interrupt does not wait for."""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import dataclass

import pytest

from raceday_iac.waiting import ThreadPoolExecutor, Waits, reporting


@dataclass
class Clock:
    now: float = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_how_far_a_wait_has_come_is_reported_with_it_and_is_no_reason_to_say_it_again() -> None:
    now = [0.0]
    waits = Waits(lambda: now[0])
    with waits.on("looking at the documents of d/c") as wait:
        for seconds, reported in ((1.9, ""), (2.0, "5 000 seen, 10 %"), (6.0, ""), (12.1, "25 000 seen, 51 %")):
            now[0] = seconds
            wait.progress = reported or "something else"
            said = f"… looking at the documents of d/c: {reported} ({seconds:.0f} s)" if reported else ""
            assert waits.due() == said


def test_what_is_under_way_is_named_the_longest_wait_first(clock: Clock) -> None:
    waits = Waits(clock)
    with waits.on("reading functions"):
        clock.now += 1
        with waits.on("reading d/c") as wait:
            wait.note = "retry 2 of 5"
            assert waits.under_way() == ("reading functions", "reading d/c, retry 2 of 5")
    assert waits.under_way() == ()


@pytest.mark.parametrize(("seconds", "reported"), [(1.9, ""), (2.0, "… reading functions (2 s)")])
def test_a_wait_is_reported_after_two_seconds(clock: Clock, seconds: float, reported: str) -> None:
    waits = Waits(clock)
    with waits.on("reading functions"):
        clock.now += seconds
        assert waits.due() == reported


def test_it_is_reported_again_every_ten_seconds_or_when_it_has_changed(clock: Clock) -> None:
    waits = Waits(clock)
    with waits.on("reading functions") as wait:
        clock.now += 2
        assert waits.due()
        clock.now += 9.9
        assert waits.due() == ""
        clock.now += 0.1
        assert waits.due() == "… reading functions (12 s)"
        clock.now += 1
        wait.note = "retry 2 of 5"
        assert waits.due() == "… reading functions, retry 2 of 5 (13 s)"
        assert waits.due() == ""


def test_of_several_the_one_that_lasts_longest_is_reported_and_the_rest_counted(clock: Clock) -> None:
    waits = Waits(clock)
    with waits.on("reading databases"):
        clock.now += 1
        with waits.on("reading functions"), waits.on("reading variables"):
            clock.now += 1.5
            assert waits.due() == "… reading databases (2 s, and 2 more)"


def test_what_is_over_is_not_reported(clock: Clock) -> None:
    waits = Waits(clock)
    with suppress(KeyError), waits.on("reading functions"):
        clock.now += 5
        raise KeyError
    assert waits.due() == ""


def test_who_asks_learns_of_it(clock: Clock) -> None:
    waits, reported = Waits(clock), threading.Event()
    with reporting(lambda _text: reported.set(), waits), waits.on("reading functions"):
        clock.now += 5
        assert reported.wait(60)


def test_a_pool_waits_for_its_work_unless_something_is_raised() -> None:
    never, done = threading.Event(), threading.Event()
    with suppress(KeyboardInterrupt), ThreadPoolExecutor(max_workers=1) as pool:
        pool.submit(never.wait, 600)
        waiting = pool.submit(done.set)
        raise KeyboardInterrupt
    # The block has ended while the first is still at work; the second was taken back.
    assert waiting.cancelled()
    never.set()
    with ThreadPoolExecutor(max_workers=1) as pool:
        pool.submit(done.set)
    assert done.is_set()
