from __future__ import annotations

from raceday_iac.model.resource import Diagnostic, Location


def test_reads_as_place_subject_message() -> None:
    problem = Diagnostic(Location("stacks/x.py", 12), "function.f", "is wrong")
    assert str(problem) == "stacks/x.py:12: function.f: is wrong"


def test_line_zero_means_the_whole_file() -> None:
    assert str(Location("stacks/x.py")) == "stacks/x.py"


def test_a_problem_of_no_resource_names_none() -> None:
    assert str(Diagnostic(Location("x.py", 1), "", "is wrong")) == "x.py:1: is wrong"


def test_problems_sort_by_line_as_a_number() -> None:
    assert Diagnostic(Location("x.py", 9), "", "b") < Diagnostic(Location("x.py", 10), "", "a")
