from __future__ import annotations

from datetime import date, timedelta

import pytest

from raceday_iac.errors import StackError
from raceday_iac.linting.findings import Acceptance, Finding, Severity, read_acceptances
from raceday_iac.linting.linter import apply_acceptances

FOUND = Finding("POL005", Severity.WARNING, "collection.d/c", '"any" may read', "fix")
UNTIL = date(2027, 6, 30)
CODES = ("POL005",)
ENTRY = "accepted:\n  - code: POL005\n    subject: collection.d/*\n    reason: because\n    until: 2027-06-30\n"


def accepted(text: str, file: str) -> tuple[Acceptance, ...]:
    return read_acceptances(text, file, CODES)


def reported(today: date, text: str = ENTRY) -> list[tuple[str, str]]:
    found = apply_acceptances([FOUND], accepted(text, "policies.yaml"), today)
    return [(each.code, each.effective.value) for each in found]


def test_what_is_accepted_is_for_information() -> None:
    assert reported(UNTIL - timedelta(days=2)) == [("POL005", "info")]


@pytest.mark.parametrize("days", [0, 1])
def test_a_day_before_its_end_an_acceptance_warns(days: int) -> None:
    assert reported(UNTIL - timedelta(days=days)) == [("POL005", "info"), ("ACC001", "warning")]


def test_after_its_last_day_it_is_a_finding_again_and_says_so() -> None:
    (finding,) = apply_acceptances([FOUND], accepted(ENTRY, "p"), UNTIL + timedelta(days=1))
    assert finding.effective is Severity.WARNING
    assert "was accepted until 2027-06-30" in finding.message


def test_an_acceptance_of_nothing_is_reported_with_its_line() -> None:
    (_, finding) = apply_acceptances([FOUND], accepted(ENTRY.replace("d/*", "e/*"), "p.yaml"), UNTIL)
    assert (finding.code, str(finding.location)) == ("ACC002", "p.yaml:2")


def test_an_acceptance_can_be_narrowed_by_what_is_said() -> None:
    narrowed = ENTRY + '    message: "*write*"\n'
    assert reported(date(2026, 1, 1), narrowed) == [("POL005", "warning"), ("ACC002", "warning")]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("accepted: [", "not valid YAML"),
        ("other: []", "one entry, `accepted`"),
        ("accepted: 3", "one entry, `accepted`"),
        ("accepted:\n  - 3\n", "an acceptance is a mapping"),
        (ENTRY.replace("POL005", "POL999"), "there is no 'POL999'"),
        (ENTRY.replace("    reason: because\n", ""), "is missing"),
        (ENTRY.replace("2027-06-30", "soon"), "not a date"),
        (ENTRY + "    colour: red\n", "unknown setting"),
    ],
)
def test_mistakes_in_the_file_are_reported_with_their_place(text: str, said: str) -> None:
    with pytest.raises(StackError) as caught:
        accepted(text, "policies.yaml")
    assert said in str(caught.value.problems[0])
    assert caught.value.problems[0].location.file == "policies.yaml"


def test_an_empty_file_accepts_nothing() -> None:
    assert accepted("", "p") == ()
    assert accepted("accepted:\n", "p") == ()
