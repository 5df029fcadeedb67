"""Running steps in parallel. Threads meet at events and barriers; nothing here sleeps."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from raceday_iac.applying.scheduler import Outcome, Scheduler, Step
from raceday_iac.errors import (
    AccessError,
    IacError,
    ProviderError,
    RefusedError,
    ServerFaultError,
    StateError,
    UnreachableError,
    UnsettledError,
)
from raceday_iac.kinds.schema_rules import Turn
from raceday_iac.model.address import Address
from raceday_iac.planning import Action, Change, Reason

#: For events that must come; only a broken scheduler ever waits that long.
PATIENCE = 10.0


def step(key: str, *requires: str) -> Step:
    return Step(key, frozenset(requires))


def run(steps: list[Step], work: Callable[[Step], Iterator[float]], parallelism: int = 4) -> Outcome:
    return Scheduler(work, parallelism).run(steps)


class Diary:
    """Notes what began and ended, in order."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []
        self.most = 0
        self._now = 0
        self._lock = threading.Lock()

    def note(self, what: str, key: str) -> None:
        with self._lock:
            self.lines.append((what, key))
            self._now += {"begin": 1, "end": -1}[what]
            self.most = max(self.most, self._now)

    def work(self, each: Step) -> Iterator[float]:
        self.note("begin", each.key)
        self.note("end", each.key)
        yield from ()


GRAPHS = st.lists(st.sets(st.integers(0, 11)), min_size=1, max_size=12).map(
    lambda needs: [step(f"{n}", *(f"{each}" for each in sorted(need) if each < n)) for n, need in enumerate(needs)]
)


@settings(max_examples=40)
@given(GRAPHS, st.integers(1, 4))
def test_every_step_is_done_once_and_after_what_it_requires(steps: list[Step], parallelism: int) -> None:
    diary = Diary()
    outcome = run(steps, diary.work, parallelism)
    assert sorted(outcome.done) == sorted(each.key for each in steps)
    assert (outcome.failed, outcome.skipped, outcome.interrupted) == ({}, [], False)
    places = {line: number for number, line in enumerate(diary.lines)}
    for each in steps:
        assert all(places["end", need] < places["begin", each.key] for need in each.requires)


@settings(max_examples=60)
@given(
    GRAPHS, st.integers(1, 4), st.sets(st.integers(0, 11)), st.sets(st.tuples(st.integers(0, 11), st.integers(0, 11)))
)
def test_what_a_guard_stops_takes_down_exactly_what_needs_it(
    steps: list[Step], parallelism: int, stopped: set[int], waits: set[tuple[int, int]]
) -> None:
    """What only comes after it is done all the same, and still after everything else that it requires."""
    diary = Diary()
    needing = [
        replace(each, needs=frozenset(need for need in each.requires if (int(each.key), int(need)) not in waits))
        for each in steps
    ]

    def work(each: Step) -> Iterator[float]:
        diary.note("begin", each.key)
        diary.note("end", each.key)
        yield from ()
        if int(each.key) in stopped:
            raise RefusedError(each.key)

    outcome = run(needing, work, parallelism)
    down: set[str] = set()
    for each in needing:
        if each.needs & (down | set(outcome.failed)):
            down.add(each.key)
    assert set(outcome.skipped) == down
    assert set(outcome.failed) == {each.key for each in needing if int(each.key) in stopped} - down
    places = {line: number for number, line in enumerate(diary.lines)}
    for each in needing:
        begun = each.requires - down
        assert each.key in down or all(places["end", need] < places["begin", each.key] for need in begun)


def test_nobody_waits_for_what_was_never_sent() -> None:
    watching: list[tuple[str, ...]] = []
    first, second = (Change(Address("attribute", f"d/c/{key}"), Action.CREATE, "", why=Reason.DECLARED) for key in "ab")
    steps = [
        Step("a", frozenset(), first),
        Step("b", frozenset({"a"}), second, needs=frozenset({"a"})),
        Step("c", frozenset(), replace(first, address=Address("attribute", "d/c/c"))),
        Step("settle", frozenset("abc"), None, tuple(Address("attribute", f"d/c/{key}") for key in "abc")),
    ]

    def work(each: Step) -> Iterator[float]:
        yield from ()
        if each.key == "a":
            raise RefusedError("more than was shown")
        watching.append(tuple(at.name for at in each.watched))

    outcome = run(steps, work, 1)
    assert watching == [(), ("c",)]
    assert (outcome.done, outcome.skipped) == (["c", "settle"], ["b"])


@settings(max_examples=40)
@given(GRAPHS, st.integers(1, 4), st.sets(st.integers(0, 11)))
def test_a_failure_takes_down_exactly_what_depends_on_it(steps: list[Step], parallelism: int, bad: set[int]) -> None:
    def work(each: Step) -> Iterator[float]:
        yield from ()
        if int(each.key) in bad:
            raise ProviderError(each.key)

    outcome = run(steps, work, parallelism)
    down: set[str] = set()
    for each in steps:
        if each.requires & (down | set(outcome.failed)):
            down.add(each.key)
    assert set(outcome.skipped) == down
    assert set(outcome.failed) == {each.key for each in steps if int(each.key) in bad} - down


@settings(max_examples=20)
@given(st.integers(1, 4), st.integers(1, 12))
def test_never_more_run_at_once_than_allowed(parallelism: int, count: int) -> None:
    diary = Diary()
    run([step(f"{number}") for number in range(count)], diary.work, parallelism)
    assert diary.most <= parallelism


def test_as_many_run_at_once_as_allowed() -> None:
    together = threading.Barrier(3)

    def work(each: Step) -> Iterator[float]:
        together.wait(PATIENCE)
        yield from ()

    assert len(run([step(key) for key in "abc"], work, 3).done) == 3


def test_ready_steps_start_in_the_order_given() -> None:
    diary = Diary()
    run([step(key) for key in "cabd"], diary.work, 1)
    assert [key for what, key in diary.lines if what == "begin"] == list("cabd")


def test_a_requirement_outside_the_steps_is_taken_for_done() -> None:
    assert run([step("a", "elsewhere")], Diary().work).done == ["a"]


def test_nothing_to_do_is_done_at_once() -> None:
    assert run([], Diary().work) == Outcome()


# Pauses.


def test_a_paused_step_occupies_no_thread() -> None:
    """With one thread, `b` must run while `a` pauses, or `a` would wait for ever."""
    released = threading.Event()

    def work(each: Step) -> Iterator[float]:
        if each.key == "b":
            released.set()
            return
        while not released.is_set():
            yield 0.001

    assert sorted(run([step("a"), step("b")], work, 1).done) == ["a", "b"]


def test_many_may_pause_at_once_with_few_threads() -> None:
    begun: set[str] = set()

    def work(each: Step) -> Iterator[float]:
        begun.add(each.key)
        while len(begun) < 20:
            yield 0.001

    assert len(run([step(f"{number}") for number in range(20)], work, 2).done) == 20


def test_a_pause_lasts_as_long_as_was_asked_for() -> None:
    """By the scheduler's own clock, which stands still until it is looked at."""
    now = [0.0]
    resumed: list[float] = []

    def clock() -> float:
        now[0] += 0.1
        return now[0]

    def work(each: Step) -> Iterator[float]:
        yield 0.35
        resumed.append(now[0])

    Scheduler(work, 1, clock).run([step("a")])
    assert resumed[0] >= 0.35


def test_what_depends_on_a_paused_step_waits_for_its_end() -> None:
    order: list[str] = []

    def work(each: Step) -> Iterator[float]:
        if each.key == "a":
            yield 0.001
            yield 0.001
        order.append(each.key)

    run([step("a"), step("b", "a")], work)
    assert order == ["a", "b"]


def test_the_scheduler_does_not_spin_while_all_threads_are_busy() -> None:
    """A pause is over, but the only thread is occupied: the clock must not be read over and over."""
    looks = 0
    many = threading.Event()

    def clock() -> float:
        nonlocal looks
        looks += 1
        if looks > 1000:
            many.set()
        return float(looks)

    def work(each: Step) -> Iterator[float]:
        if each.key == "a":
            yield 0.0
        else:
            many.wait(0.2)

    Scheduler(work, 1, clock).run([step("a"), step("b")])
    assert not many.is_set()


# Failures.


def failing(error: Exception) -> Callable[[Step], Iterator[float]]:
    def work(each: Step) -> Iterator[float]:
        yield from ()
        if each.key == "bad":
            raise error

    return work


def test_a_failure_after_a_pause_counts_too() -> None:
    def work(each: Step) -> Iterator[float]:
        yield 0.0
        raise ProviderError("late")

    assert list(run([step("a")], work).failed) == ["a"]


def test_the_error_is_kept_with_the_step() -> None:
    error = ProviderError("why")
    assert run([step("bad")], failing(error)).failed == {"bad": error}


@pytest.mark.parametrize("error", [AccessError("key"), UnreachableError("gone"), StateError("disk")])
def test_after_a_fatal_error_nothing_new_starts(error: IacError) -> None:
    steps = [step("bad"), *(step(f"{number}") for number in range(5))]
    outcome = run(steps, failing(error), 1)
    assert list(outcome.failed) == ["bad"]
    assert outcome.skipped == ["0", "1", "2", "3", "4"]


def test_a_fatal_error_is_no_interrupt() -> None:
    assert not run([step("bad")], failing(AccessError("key"))).interrupted


def test_what_is_under_way_when_a_fatal_error_comes_is_finished_and_counted() -> None:
    begun, failed = threading.Event(), threading.Event()

    def work(each: Step) -> Iterator[float]:
        yield from ()
        if each.key == "bad":
            begun.wait(PATIENCE)
            failed.set()
            raise AccessError("key")
        begun.set()
        failed.wait(PATIENCE)

    outcome = run([step("good"), step("bad"), step("later", "good")], work, 2)
    assert outcome.done == ["good"]
    assert outcome.skipped == ["later"]


def test_a_mistake_in_the_program_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        run([step("bad")], failing(ZeroDivisionError()))


# Stopping.


def stopped_in(key: str, steps: list[Step], parallelism: int = 1, pause: float | None = None) -> tuple[Outcome, Any]:
    """Stop from within a step, as a signal handler would, and note what still ran."""
    ran: list[str] = []

    def work(each: Step) -> Iterator[float]:
        if each.key == key:
            scheduler.stop()
        if pause is not None:
            yield pause
        ran.append(each.key)
        yield from ()

    scheduler = Scheduler(work, parallelism)
    return scheduler.run(steps), ran


def test_stopping_starts_nothing_new_and_finishes_what_is_under_way() -> None:
    outcome, ran = stopped_in("a", [step("a"), step("b"), step("c", "a")])
    assert ran == ["a"]
    assert (outcome.done, outcome.skipped, outcome.interrupted) == (["a"], ["b", "c"], True)


def test_stopping_before_the_start_does_nothing() -> None:
    diary = Diary()
    scheduler = Scheduler(diary.work, 2)
    scheduler.stop()
    outcome = scheduler.run([step("a")])
    assert (diary.lines, outcome.skipped, outcome.interrupted) == ([], ["a"], True)


def test_stopping_does_not_wait_for_pauses() -> None:
    """A build may take ten minutes; what was sent is found by the next run."""
    outcome, ran = stopped_in("a", [step("a")], pause=3600.0)
    assert (ran, outcome.skipped, outcome.interrupted) == ([], ["a"], True)


def test_stopping_twice_is_stopping_once() -> None:
    scheduler = Scheduler(Diary().work, 1)
    scheduler.stop()
    scheduler.stop()
    assert scheduler.run([step("a")]).interrupted


def test_a_step_under_way_in_another_thread_is_finished_when_stopped() -> None:
    begun, stopped = threading.Event(), threading.Event()

    def work(each: Step) -> Iterator[float]:
        yield from ()
        if each.key == "slow":
            begun.set()
            stopped.wait(PATIENCE)
        else:
            begun.wait(PATIENCE)
            scheduler.stop()
            stopped.set()

    scheduler = Scheduler(work, 2)
    outcome = scheduler.run([step("slow"), step("stopper"), step("later")])
    assert sorted(outcome.done) == ["slow", "stopper"]
    assert outcome.skipped == ["later"]


# Turns.


def writer(key: str, *places: str, **more: Any) -> Step:
    """A step that writes the schema of collections."""
    turn = Turn(frozenset(("d", each) for each in places), together=more.pop("together", False))
    return Step(key, frozenset(more.pop("requires", ())), turn=turn, **more)


class Places:
    """Notes what is written at a time, pauses included, and complains of writers that overlap."""

    def __init__(self) -> None:
        self.most = 0
        self.begun: list[str] = []
        self._now: dict[str, Turn] = {}
        self._lock = threading.Lock()

    def work(self, each: Step) -> Iterator[float]:
        with self._lock:
            others = [turn for turn in self._now.values() if turn.places & each.turn.places]
            assert not others or (each.turn.together and all(other.together for other in others)), each.key
            self._now[each.key] = each.turn
            self.begun.append(each.key)
            self.most = max(self.most, len(self._now))
        for _ in range(3):
            yield 0.0
        with self._lock:
            del self._now[each.key]


WRITERS = st.lists(
    st.tuples(st.sets(st.sampled_from("abcd"), max_size=2), st.booleans(), st.sets(st.integers(0, 9))),
    min_size=1,
    max_size=10,
).map(
    lambda specs: [
        writer(
            f"{n}",
            *places,
            together=together and len(places) == 1,
            after=frozenset(f"{each}" for each in after if each < n),
        )
        for n, (places, together, after) in enumerate(specs)
    ]
)


@settings(max_examples=60)
@given(WRITERS, st.integers(1, 4))
def test_writers_of_one_schema_never_overlap_and_all_come_to_their_end(steps: list[Step], parallelism: int) -> None:
    outcome = run(steps, Places().work, parallelism)
    assert sorted(outcome.done) == sorted(each.key for each in steps)


def test_writers_of_different_schemas_work_at_the_same_time() -> None:
    places = Places()
    run([writer(name, name) for name in "abc"], places.work)
    assert places.most == 3


def test_a_turn_is_kept_during_pauses_while_others_use_the_thread() -> None:
    begun = []

    def work(each: Step) -> Iterator[float]:
        begun.append(each.key)
        yield 0.02

    run([writer("1", "a"), writer("2", "a"), writer("3", "b")], work, parallelism=1)
    assert begun == ["1", "3", "2"]


def first_fails(error: IacError) -> Callable[[Step], Iterator[float]]:
    """The first writer fails."""

    def work(each: Step) -> Iterator[float]:
        yield 0.0
        if each.key == "1":
            raise error

    return work


def test_after_a_refusal_the_next_writer_has_its_turn() -> None:
    outcome = run([writer("1", "a"), writer("2", "a")], first_fails(ProviderError("no", code=400)))
    assert (outcome.done, list(outcome.failed)) == (["2"], ["1"])


@pytest.mark.parametrize("error", [UnsettledError("nothing moved"), ServerFaultError("500", code=500)])
def test_where_the_end_of_a_write_is_not_known_nothing_is_written_any_more(error: IacError) -> None:
    outcome = run([writer("1", "a"), writer("2", "a"), writer("3", "b"), writer("4", "a", "b")], first_fails(error))
    assert (outcome.done, list(outcome.failed), outcome.skipped) == (["3"], ["1"], ["2", "4"])


@pytest.mark.parametrize("error", [None, ProviderError("no", code=400)])
def test_what_comes_after_something_comes_however_that_ended(error: IacError | None) -> None:
    def work(each: Step) -> Iterator[float]:
        yield 0.0
        if each.key == "1" and error:
            raise error

    steps = [step("1"), step("2", "1"), Step("3", frozenset(), after=frozenset({"1", "2"}))]
    outcome = run(steps, work)
    assert outcome.done[-1] == "3"
    assert outcome.skipped == (["2"] if error else [])


def test_a_thousand_writers_of_one_schema_are_given_their_turns_in_order() -> None:
    places = Places()
    run([writer(f"{number:04}", "a") for number in range(1000)], places.work)
    assert places.begun == sorted(places.begun)
