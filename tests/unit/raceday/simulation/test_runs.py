"""Runs as values."""

from __future__ import annotations

import pytest

from raceday_iac.raceday.simulation.ledger import Occupation, Outcome, Run, appwrite_requests_by_function


def test_a_run_knows_its_subjects_and_length() -> None:
    run = Run("f", 10.0, 14.5, (Occupation("a", 10, 11), Occupation("b", 11, 12), Occupation("a", 13, 14)))
    assert (run.subjects, run.seconds) == ({"a", "b"}, 4.5)


def test_a_run_cannot_end_before_it_starts() -> None:
    with pytest.raises(ValueError, match="ends before it starts"):
        Run("f", 10.0, 9.0)


def test_only_a_refused_run_did_not_work() -> None:
    assert [outcome for outcome in Outcome if not Run("f", 0, 1, outcome=outcome).worked] == [Outcome.REFUSED]


def test_requests_are_summed_by_function() -> None:
    runs = [Run("b", 0, 1, appwrite_requests=2), Run("a", 0, 1, appwrite_requests=3), Run("b", 1, 2)]
    assert appwrite_requests_by_function(runs) == {"a": 3, "b": 2}
