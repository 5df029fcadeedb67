"""The record of a day: who held what from when to when, who owned which lock, and what a run came to."""

from __future__ import annotations

import json
import threading

import pytest

from raceday_iac.raceday.simulation.ledger import Execution, Ledger, Occupation, Outcome, Poll, Run, StatusWrite

LOCK = "f-lock"
ACQUIRED = json.dumps({"event": "lock.acquired", "checkMs": 2.5})
REFUSED = json.dumps({"event": "lock.refused", "checkMs": 4})


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


def begun(ledger: Ledger, identity: str = "e1", start: float = 100, function: str = "f") -> Execution:
    execution = Execution(identity, function, start)
    ledger.begun(execution)
    return execution


def ended(ledger: Ledger, execution: Execution, logs: str = "", outcome: Outcome = Outcome.COMPLETED) -> Run:
    ledger.ended(execution, 200, outcome, logs)
    return execution.as_run()


# Runs.


def test_a_run_is_active_until_it_ends(ledger: Ledger) -> None:
    execution = begun(ledger)
    before = ledger.active()
    ended(ledger, execution)

    assert (before, ledger.active()) == ([execution], [])


def test_only_runs_that_ended_are_listed_by_their_start(ledger: Ledger) -> None:
    late, early = begun(ledger, "late", 150), begun(ledger, "early", 100)
    begun(ledger, "under way", 50)
    ended(ledger, late)
    ended(ledger, early)

    assert [run.start for run in ledger.runs()] == [100, 150]


def test_a_run_carries_what_was_seen_of_it(ledger: Ledger) -> None:
    execution = begun(ledger)
    ledger.requested(execution)
    ledger.polled(execution, "r", 110, 111)

    run = ended(ledger, execution, outcome=Outcome.FAILED)

    assert run == Run("f", 100, 200, (), 1, 1, Outcome.FAILED)


def test_requests_from_many_threads_are_all_counted(ledger: Ledger) -> None:
    execution = begun(ledger)
    threads = [threading.Thread(target=lambda: [ledger.requested(execution) for _ in range(500)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert execution.requests == 4000


@pytest.mark.parametrize(
    ("outcome", "becomes"),
    [(Outcome.COMPLETED, Outcome.REFUSED), (Outcome.KILLED, Outcome.KILLED), (Outcome.FAILED, Outcome.FAILED)],
)
def test_a_run_that_found_the_lock_held_is_refused_unless_something_worse_befell_it(
    ledger: Ledger, outcome: Outcome, becomes: Outcome
) -> None:
    assert ended(ledger, begun(ledger), REFUSED, outcome).outcome is becomes


def test_the_time_of_a_lock_check_counts_whether_it_was_got_or_not(ledger: Ledger) -> None:
    ended(ledger, begun(ledger, "e1"), ACQUIRED)
    ended(ledger, begun(ledger, "e2"), REFUSED)

    assert ledger.lock_ms == [2.5, 4.0]


def test_logs_that_are_no_events_are_passed_over(ledger: Ledger) -> None:
    execution = begun(ledger)
    ended(ledger, execution, f"plain text\n[1, 2]\n{ACQUIRED}\n{{broken\n")

    assert execution.events == [json.loads(ACQUIRED)]


def test_an_event_whose_fields_were_left_out_for_their_length_does_no_harm(ledger: Ledger) -> None:
    line = json.dumps({"event": "lock.refused", "leftOut": ["checkMs"], "reason": "line too long"})

    assert ended(ledger, begun(ledger), line).outcome is Outcome.REFUSED
    assert ledger.lock_ms == []


# Holding races.


def test_a_race_is_held_from_the_fetch_to_the_commit(ledger: Ledger) -> None:
    execution = begun(ledger)
    ledger.took(execution, "r", 110)
    ledger.committed(execution, ["r"], 112, 113)

    assert ended(ledger, execution).races == (Occupation("r", 110, 113),)


def test_what_is_written_without_a_fetch_is_held_while_it_is_written(ledger: Ledger) -> None:
    execution = begun(ledger)
    ledger.committed(execution, ["m"], 112, 113)

    assert ended(ledger, execution).races == (Occupation("m", 112, 113),)


def test_a_race_that_was_fetched_and_never_written_is_held_to_the_end_of_the_run(ledger: Ledger) -> None:
    execution = begun(ledger)
    ledger.took(execution, "r", 110)

    assert ended(ledger, execution).races == (Occupation("r", 110, 200),)


def test_a_second_fetch_does_not_shorten_the_hold(ledger: Ledger) -> None:
    execution = begun(ledger)
    ledger.took(execution, "r", 110)
    ledger.took(execution, "r", 115)
    ledger.committed(execution, ["r"], 117, 118)

    assert ended(ledger, execution).races == (Occupation("r", 110, 118),)


def test_each_poll_of_a_race_is_a_hold_of_its_own(ledger: Ledger) -> None:
    execution = begun(ledger)
    for start in (110, 125):
        ledger.took(execution, "r", start)
        ledger.committed(execution, ["r"], start + 1, start + 2)

    assert ended(ledger, execution).races == (Occupation("r", 110, 112), Occupation("r", 125, 127))


# Locks.


def test_a_write_by_the_owner_of_the_lock_is_in_order(ledger: Ledger) -> None:
    execution = begun(ledger)
    ledger.lock_changed(LOCK, "e1")
    ledger.wrote(execution, LOCK, 110, "commit")

    assert (ledger.writes, ledger.unowned) == (1, [])


@pytest.mark.parametrize("owner", [None, "e2"])
def test_a_write_by_anybody_else_is_noted(ledger: Ledger, owner: str | None) -> None:
    execution = begun(ledger)
    ledger.lock_changed(LOCK, "e1")
    ledger.lock_changed(LOCK, owner)
    ledger.wrote(execution, LOCK, 110, "commit")

    assert (ledger.writes, ledger.unowned) == (1, ["f e1: commit"])


def test_the_lock_of_another_function_is_no_permission(ledger: Ledger) -> None:
    execution = begun(ledger)
    ledger.lock_changed("other-lock", "e1")
    ledger.wrote(execution, LOCK, 110, "commit")

    assert len(ledger.unowned) == 1


def test_the_first_and_the_last_write_of_a_run_are_known(ledger: Ledger) -> None:
    execution = begun(ledger)
    for instant in (110, 120, 130):
        ledger.wrote(execution, LOCK, instant, "commit")

    assert execution.wrote == (110, 130)


def test_giving_back_a_lock_that_is_gone_changes_nothing(ledger: Ledger) -> None:
    ledger.lock_changed(LOCK, None)

    assert ledger.unowned == []


# What was seen.


def test_polls_and_statuses_are_listed_as_they_came(ledger: Ledger) -> None:
    execution = begun(ledger)
    ledger.polled(execution, "r", 110, 111)
    ledger.status_written("r", "Closed", 112)

    assert ledger.polls == [Poll("e1", "f", "r", 110, 111)]
    assert ledger.statuses == [StatusWrite("r", "Closed", 112)]
