"""Executions as generators on one clock."""

from __future__ import annotations

import pytest

from raceday_iac.raceday.simulation.ledger import Occupation, Outcome
from raceday_iac.raceday.simulation.legacy_world import Engine, LegacyExecution, Steps

POLLER = "enhanced-race-poller"
SCHEDULER = "master-race-scheduler"


def engine() -> Engine:
    return Engine(begin=0.0, appwrite_seconds=0.5)


def test_a_run_lasts_as_long_as_its_steps_and_notes_what_it_did() -> None:
    def body(execution: LegacyExecution) -> Steps:
        yield 1.0
        execution.occupy("r")
        yield from execution.call_appwrite(4)
        execution.leave("r")
        yield from execution.call_appwrite(5, at_once=2)

    started = engine()
    started.start_at(10.0, POLLER, body)
    (run,) = started.run()
    assert (run.start, run.end, run.appwrite_requests) == (10.0, 14.5, 9)
    assert run.races == (Occupation("r", 11.0, 13.0),)


def test_runs_interleave_on_one_clock() -> None:
    seen: list[tuple[str, float]] = []

    def ticking(name: str, seconds: float):  # type: ignore[no-untyped-def]
        def body(execution: LegacyExecution) -> Steps:
            for _ in range(2):
                yield seconds
                seen.append((name, execution.now))

        return body

    both = engine()
    both.start_at(0.0, POLLER, ticking("a", 2.0))
    both.start_at(1.0, SCHEDULER, ticking("b", 2.0))
    both.run()
    assert seen == [("a", 2.0), ("b", 3.0), ("a", 4.0), ("b", 5.0)]


@pytest.mark.parametrize(("seconds", "outcome"), [(120.0, Outcome.COMPLETED), (120.1, Outcome.KILLED)])
def test_a_run_is_cut_off_at_its_timeout(seconds: float, outcome: Outcome) -> None:
    def body(execution: LegacyExecution) -> Steps:
        execution.occupy("r")
        yield seconds

    cut = engine()
    cut.start_at(0.0, SCHEDULER, body)
    (run,) = cut.run()
    assert (run.outcome, run.end, run.races) == (outcome, 120.0, (Occupation("r", 0.0, 120.0),))


def test_a_run_can_start_another_and_go_on() -> None:
    def child(execution: LegacyExecution) -> Steps:
        yield 5.0

    def parent(execution: LegacyExecution) -> Steps:
        yield 1.0
        execution.engine.start(POLLER, child)
        yield 1.0

    family = engine()
    family.start_at(0.0, SCHEDULER, parent)
    assert [(run.function, run.start, run.end) for run in family.run()] == [(SCHEDULER, 0, 2), (POLLER, 1, 6)]
