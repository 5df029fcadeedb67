"""The gate: never more than the limit at once, and the limit follows the server's health."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raceday_iac.provider.appwrite.transport import AdaptiveLimiter


@given(st.integers(1, 20), st.lists(st.sampled_from(["on_throttle", "on_success"]), max_size=200))
def test_the_limit_stays_between_one_and_the_maximum(maximum: int, answers: list[str]) -> None:
    gate = AdaptiveLimiter(maximum)
    for each in answers:
        getattr(gate, each)()
        assert 1 <= gate.limit <= maximum


@given(st.integers(1, 20), st.lists(st.sampled_from(["on_throttle", "on_success"]), max_size=200))
def test_pressure_never_widens_and_relief_never_narrows(maximum: int, answers: list[str]) -> None:
    gate = AdaptiveLimiter(maximum)
    for each in answers:
        before = gate.limit
        getattr(gate, each)()
        assert gate.limit <= before if each == "on_throttle" else before <= gate.limit <= before + 1


@given(st.integers(1, 64))
def test_enough_good_answers_restore_the_maximum(maximum: int) -> None:
    gate = AdaptiveLimiter(maximum)
    for _ in range(7):
        gate.on_throttle()
    for _ in range(16 * maximum):
        gate.on_success()
    assert gate.limit == maximum


def test_pressure_halves() -> None:
    gate = AdaptiveLimiter(8)
    limits = []
    for _ in range(4):
        gate.on_throttle()
        limits.append(gate.limit)
    assert limits == [4, 2, 1, 1]


def test_sixteen_good_answers_in_a_row_allow_one_more() -> None:
    gate = AdaptiveLimiter(8)
    gate.on_throttle()
    for _ in range(15):
        gate.on_success()
    assert gate.limit == 4
    gate.on_success()
    assert gate.limit == 5


def test_pressure_starts_the_count_again() -> None:
    gate = AdaptiveLimiter(8)
    for _ in range(15):
        gate.on_success()
    gate.on_throttle()
    gate.on_success()
    assert gate.limit == 4


@pytest.mark.parametrize("maximum", [1, 3])
def test_never_more_hold_a_place_than_allowed(maximum: int) -> None:
    gate = AdaptiveLimiter(maximum)
    lock = threading.Lock()
    now, most = 0, 0

    def hold() -> None:
        nonlocal now, most
        for _ in range(50):
            with gate.acquire():
                with lock:
                    now += 1
                    most = max(most, now)
                with lock:
                    now -= 1

    threads = [threading.Thread(target=hold) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert 1 <= most <= maximum


def test_as_many_hold_a_place_as_allowed() -> None:
    gate = AdaptiveLimiter(3)
    together = threading.Barrier(3)

    def hold() -> None:
        with gate.acquire():
            together.wait(10)

    threads = [threading.Thread(target=hold) for _ in range(3)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(10)
    assert not together.broken


def test_a_place_is_given_back_when_the_work_fails() -> None:
    gate = AdaptiveLimiter(1)
    with pytest.raises(RuntimeError), gate.acquire():
        raise RuntimeError
    with gate.acquire():
        pass


def test_whoever_waits_goes_on_when_a_place_is_given_back() -> None:
    gate = AdaptiveLimiter(1)
    passed = threading.Event()

    def wait() -> None:
        with gate.acquire():
            passed.set()

    with gate.acquire():
        waiting = threading.Thread(target=wait)
        waiting.start()
        assert not passed.is_set()
    waiting.join(10)
    assert passed.is_set()
