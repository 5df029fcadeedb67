"""Variables: a secret's value never comes back, so its fingerprint stands for it."""

from __future__ import annotations

from typing import Any

import pytest

from raceday_iac.diff import HIDDEN, Cause, FieldChange, compare_variable, stored_fields
from raceday_iac.model.resource import Fields, frozen
from raceday_iac.model.secret import Secret

SALT = "salt"
LIVE_SECRET = {"secret": True}


def plain(value: str) -> Fields:
    return frozen({"value": value, "secret": False})


def secret(value: str) -> Fields:
    return frozen({"value": Secret(value), "secret": True})


def applied(fields: Fields) -> dict[str, Any]:
    return stored_fields(fields, SALT)


def changes(wanted: Fields, real: dict[str, Any], known: dict[str, Any] | None) -> list[FieldChange]:
    return compare_variable(wanted, real, known, SALT)


def named(found: list[FieldChange]) -> dict[str, Cause]:
    return {change.name: change.cause for change in found}


def test_state_keeps_a_plain_value() -> None:
    assert applied(plain("v")) == {"secret": False, "value": "v"}


def test_state_keeps_of_a_secret_only_a_fingerprint() -> None:
    stored = applied(secret("hidden"))
    assert set(stored) == {"secret", "fingerprint"}
    assert "hidden" not in str(stored)


def test_the_same_plain_value_is_no_difference() -> None:
    assert changes(plain("v"), {"secret": False, "value": "v"}, None) == []


@pytest.mark.parametrize(
    ("wanted", "known", "real", "cause"),
    [
        ("2", "1", "1", Cause.CONFIG),
        ("1", "1", "2", Cause.DRIFT),
        ("3", "1", "2", Cause.CONFLICT),
        ("1", None, "2", Cause.UNKNOWN),
    ],
)
def test_who_changed_a_plain_value(wanted: str, known: str | None, real: str, cause: Cause) -> None:
    stored = None if known is None else applied(plain(known))
    assert named(changes(plain(wanted), {"secret": False, "value": real}, stored)) == {"value": cause}


def test_a_secret_as_last_applied_is_no_difference() -> None:
    assert changes(secret("v"), LIVE_SECRET, applied(secret("v"))) == []


def test_a_new_secret_value_is_a_change_of_the_stack_and_shows_stars() -> None:
    (change,) = changes(secret("new"), LIVE_SECRET, applied(secret("old")))
    assert (change.name, change.before, change.after, change.known) == ("value", HIDDEN, HIDDEN, HIDDEN)
    assert change.cause is Cause.CONFIG


def test_a_live_secret_that_was_never_applied_is_written_again_because_nobody_knows_it() -> None:
    assert named(changes(secret("v"), LIVE_SECRET, None)) == {"value": Cause.UNKNOWN}


def test_another_salt_makes_another_fingerprint() -> None:
    assert compare_variable(secret("v"), LIVE_SECRET, stored_fields(secret("v"), "other"), SALT) != []


def test_plain_to_secret_is_a_change_of_both_and_shows_no_value() -> None:
    found = changes(secret("hidden"), {"secret": False, "value": "hidden too"}, applied(plain("hidden too")))
    assert set(named(found)) == {"secret", "value"}
    assert named(found)["secret"] is Cause.CONFIG
    assert "hidden" not in str(found)


def test_secret_to_plain_is_a_change_of_both() -> None:
    found = changes(plain("v"), LIVE_SECRET, applied(secret("v")))
    assert named(found) == {"secret": Cause.CONFIG, "value": Cause.UNKNOWN}


def test_a_secret_that_somebody_made_plain_is_drift() -> None:
    found = changes(secret("v"), {"secret": False, "value": "leaked"}, applied(secret("v")))
    assert named(found)["secret"] is Cause.DRIFT
    assert "leaked" not in str(found)


def test_and_nothing_of_it_is_a_change_of_the_stack() -> None:
    found = changes(secret("v"), {"secret": False, "value": "leaked"}, applied(secret("v")))
    assert set(named(found).values()) == {Cause.DRIFT}
