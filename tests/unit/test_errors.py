"""One tree of errors, each with its exit code."""

from __future__ import annotations

from pathlib import Path

import pytest

from raceday_iac import errors
from raceday_iac.model.resource import Diagnostic, Location


def every() -> list[type[errors.IacError]]:
    found = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, errors.IacError)]
    return [each for each in found if each is not errors.IacError]


def test_everything_raised_on_purpose_is_of_one_tree() -> None:
    assert len(every()) >= 14


@pytest.mark.parametrize("kind", every(), ids=lambda kind: kind.__name__)
def test_exit_codes(kind: type[errors.IacError]) -> None:
    expected = {
        errors.LockedError: errors.EXIT_LOCKED,
        errors.FencedError: errors.EXIT_LOCKED,
        errors.StaleError: errors.EXIT_LOCKED,
        errors.RefusedError: errors.EXIT_REFUSED,
        errors.Interrupted: errors.EXIT_INTERRUPTED,
    }
    assert kind.exit_code == expected.get(kind, errors.EXIT_ERROR)


def test_exit_codes_are_those_that_scripts_rely_on() -> None:
    names = "OK ERROR CHANGES DRIFT DRIFT_AND_CHANGES REFUSED LOCKED DEGRADED UNHEALTHY INTERRUPTED".split()
    assert [getattr(errors, f"EXIT_{name}") for name in names] == [0, 1, 2, 3, 4, 5, 6, 7, 8, 130]


def test_an_error_carries_message_and_hint() -> None:
    error = errors.IacError("what", hint="next")
    assert (str(error), error.message, error.hint) == ("what", "what", "next")


def test_problems_of_a_stack_are_listed_one_a_line() -> None:
    error = errors.StackError([Diagnostic(Location("a.py", 1), "", "x"), Diagnostic(Location("a.py", 2), "f", "y")])
    assert error.message.splitlines()[1:] == ["  a.py:1: x", "  a.py:2: f: y"]


def test_an_error_says_that_nothing_was_changed_only_where_whoever_raises_it_knows() -> None:
    assert errors.RefusedError("No.", "ask", unchanged=True).message == "No. Nothing was changed."
    assert str(errors.RefusedError("No.", unchanged=True)) == "No. Nothing was changed."
    assert errors.RefusedError("No.", "ask").message == "No."


def test_the_sentence_stands_in_one_place() -> None:
    package = Path(errors.__file__).parent
    elsewhere = [str(each) for each in package.rglob("*.py") if 'Nothing was changed."' in each.read_text("utf-8")]
    assert elsewhere == [errors.__file__]
