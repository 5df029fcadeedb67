"""What is written about a run: enough to say what was done, and never a value of a variable."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from raceday_iac.applying import Applied
from raceday_iac.audit import Run, begin, broken_off, cleaned, end
from raceday_iac.errors import ProviderError
from raceday_iac.model.stack import FromEnvironment, Stack
from raceday_iac.planning import Plan

from ..applied import live_as, plan, state_of
from ..declaring import address, function, resolved

AT = datetime(2025, 7, 17, 1, 2, 3, 456789, tzinfo=UTC)
RUN = Run("apply", "prod", "abc123", "me", "there", "0.1.0")


def changing() -> Plan:
    """A plan that changes a function's timeout, a plain variable and a secret."""

    def stack(timeout: int, plain: str) -> Stack:
        found = Stack("s")
        variables: dict[str, str | FromEnvironment] = {"PLAIN": plain, "TOKEN": FromEnvironment("T")}
        function(found, timeout=timeout, variables=variables)
        return found

    before = resolved(stack(60, "old value"), variables={"T": "hush before"})
    after = resolved(stack(61, "new value"), variables={"T": "hush after"})
    return plan(after, state_of(before), live_as(before))


def outcome(of: Plan, **settings: Any) -> Applied:
    from raceday_iac.state.document import new_state

    usual: dict[str, Any] = {"done": of.changes, "failed": (), "skipped": (), "interrupted": False}
    return Applied(replace(new_state(lambda: "l", lambda: "s"), serial=7), **{**usual, **settings})


def test_a_beginning_names_who_does_what_with_which_plan() -> None:
    record = begin(RUN, changing(), AT)
    expected = {
        "who": "me",
        "host": "there",
        "plan": "abc123",
        "command": "apply",
        "environment": "prod",
        "event": "begin",
    }
    assert expected.items() <= record.items()
    assert record["at"] == "2025-07-17T01:02:03.456+00:00"
    timeout = next(each for each in record["changes"] if each["address"] == "function.f")
    assert (timeout["action"], timeout["fields"]) == ("update", [{"name": "timeout", "before": 60, "after": 61}])


def test_no_value_of_a_variable_is_written() -> None:
    of = changing()
    failed = tuple((each, ProviderError("sent 'new value', is 'hush after'")) for each in of.changes)
    failed = tuple(each for each in failed if each[0].address.kind == "variable")
    text = json.dumps([begin(RUN, of, AT), end(RUN, 1, outcome(of, failed=failed), AT)])
    assert not [each for each in ("old value", "new value", "hush") if each in text]
    assert "ProviderError" in text


@pytest.mark.parametrize(
    ("settings", "result"),
    [
        ({}, "success"),
        ({"interrupted": True}, "interrupted"),
        ({"unsettled": (ProviderError("nothing moved\nfor long"),)}, "failed"),
    ],
)
def test_an_end_says_how_it_ended(settings: dict[str, Any], result: str) -> None:
    record = end(RUN, 3, outcome(changing(), **settings), AT)
    assert (record["result"], record["begun"], record["serial"]) == (result, 3, 7)
    assert record["failed"] == [{"change": "", "error": "nothing moved for long"}] * len(settings.get("unsettled", ()))


def test_failed_and_skipped_changes_are_named() -> None:
    of = changing()
    first, *others = of.changes
    record = end(RUN, 1, outcome(of, done=(), failed=((first, ProviderError("no")),), skipped=tuple(others)), AT)
    assert record["result"] == "failed"
    assert record["failed"] == [{"change": first.key, "error": "no"}]
    assert record["skipped"] == [each.key for each in others]


def test_a_run_that_broke_off_says_why() -> None:
    record = broken_off(RUN, 4, "The state could not be saved.", AT)
    assert (record["result"], record["error"]) == ("failed", "The state could not be saved.")


def test_a_cleaning_says_what_was_deleted_and_what_was_not() -> None:
    record = cleaned(RUN, address("deployment.f"), {"a": "", "b": "no\nreally"}, AT)
    assert (record["event"], record["address"]) == ("clean", "deployment.f")
    assert (record["deleted"], record["failed"]) == (["a"], {"b": "no"})
