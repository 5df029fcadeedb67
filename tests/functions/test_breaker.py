"""The circuit breaker opens after failures in a row, lets one trial through, and goes by its verdict."""

from __future__ import annotations

import pytest
from _shared.nztab import Breaker


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def opened(clock: Clock) -> Breaker:
    breaker = Breaker(clock, failures=3, open_seconds=30.0)
    for _ in range(3):
        breaker.failed()
    return breaker


def test_it_stays_closed_below_the_limit(clock: Clock) -> None:
    breaker = Breaker(clock, failures=3)
    breaker.failed()
    breaker.failed()

    assert (breaker.allows(), breaker.opens_again_in()) == (True, 0.0)


def test_a_success_in_between_starts_the_count_again(clock: Clock) -> None:
    breaker = Breaker(clock, failures=3)
    for _ in range(5):
        breaker.failed()
        breaker.failed()
        breaker.succeeded()

    assert breaker.allows()


def test_at_the_limit_nothing_passes_until_the_time_is_over(clock: Clock, opened: Breaker) -> None:
    clock.now += 29.9
    assert not opened.allows()
    assert opened.opens_again_in() == pytest.approx(0.1)

    clock.now += 0.1
    assert opened.allows()


def test_of_many_callers_one_makes_the_trial(clock: Clock, opened: Breaker) -> None:
    clock.now += 30

    assert [opened.allows() for _ in range(4)] == [True, False, False, False]


def test_a_trial_that_succeeds_closes_it(clock: Clock, opened: Breaker) -> None:
    clock.now += 30
    opened.allows()
    opened.succeeded()

    assert [opened.allows(), opened.allows()] == [True, True]


def test_a_trial_that_fails_opens_it_for_the_whole_time_again(clock: Clock, opened: Breaker) -> None:
    clock.now += 30
    opened.allows()
    opened.failed()

    clock.now += 29
    assert not opened.allows()
    clock.now += 1
    assert opened.allows()


def test_a_trial_that_never_reports_back_does_not_block_for_ever(clock: Clock, opened: Breaker) -> None:
    clock.now += 30
    assert opened.allows()

    clock.now += 30
    assert opened.allows()


def test_what_failed_before_counts_no_more(clock: Clock) -> None:
    breaker = Breaker(clock, failures=3)
    for _ in range(2):
        breaker.failed("bad")
    for _ in range(9):
        breaker.failed("bad", is_news=not breaker.is_failing("bad"))

    assert (breaker.is_failing("bad"), breaker.allows()) == (True, True)
    breaker.succeeded("bad")
    assert not breaker.is_failing("bad")


def test_what_failed_before_is_no_trial_that_decides(opened: Breaker, clock: Clock) -> None:
    clock.now += 30
    assert opened.allows()
    opened.failed("bad", is_news=False)

    assert (opened.allows(), opened.opens_again_in()) == (True, 0.0)
    opened.succeeded("good")
    assert (opened.allows(), opened.allows()) == (True, True)
