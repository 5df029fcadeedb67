"""What a stack may say about limits."""

from __future__ import annotations

from typing import Any

import pytest

from raceday_iac.kinds import KINDS
from raceday_iac.model.resource import DEFAULTS
from raceday_iac.model.stack import Stack, Threshold

from ..declaring import complaint, database, problems, resolved


def limited(thresholds: Any) -> Stack:
    stack = Stack("test", thresholds=thresholds)
    database(stack)
    return stack


@pytest.mark.parametrize("action", sorted(DEFAULTS))
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_action_can_be_limited_for_every_kind(action: str, kind: str) -> None:
    limit = Threshold(10, 1)
    assert resolved(limited({f"{action} {kind}": limit})).thresholds == {f"{action} {kind}": limit}


def test_without_any_the_usual_ones_hold() -> None:
    assert resolved(limited({})).thresholds == {}


@pytest.mark.parametrize("percent", [0, 0.5, 100])
@pytest.mark.parametrize("number", [0, 1, 10_000])
def test_limits_that_are_some(percent: float, number: int) -> None:
    resolved(limited({"delete function": Threshold(percent, number)}))


@pytest.mark.parametrize(
    ("percent", "number"),
    [
        (-0.1, 1),
        (100.1, 1),
        (float("nan"), 1),
        (float("inf"), 1),
        ("10", 1),
        (True, 1),
        (10, -1),
        (10, 1.5),
        (10, "1"),
        (10, True),
        (None, None),
    ],
)
def test_limits_that_are_none(percent: Any, number: Any) -> None:
    said = complaint(limited({"delete function": Threshold(percent, number)}))
    assert "threshold 'delete function'" in said
    assert f"{percent} % and {number} is not a valid limit" in said


@pytest.mark.parametrize(
    "name", ["delete", "function", "delete functions", "create function", "delete  function", "", 3]
)
def test_a_name_that_is_no_action_and_kind_is_complained_about_with_all_there_are(name: Any) -> None:
    said = complaint(limited({name: Threshold(10, 1)}))
    assert f"threshold {name!r}" in said
    assert "delete or update" in said
    assert all(kind in said for kind in KINDS)


@pytest.mark.parametrize("limit", [10, (10, 1), None])
def test_something_else_than_a_limit_is_complained_about(limit: Any) -> None:
    assert "write Threshold(percent=10, number=1)" in complaint(limited({"delete function": limit}))


@pytest.mark.parametrize("thresholds", [None, ["delete function"], Threshold(10, 1)])
def test_something_else_than_a_mapping_is_complained_about(thresholds: Any) -> None:
    assert "must be a mapping" in complaint(limited(thresholds))


def test_everything_wrong_is_said_at_once() -> None:
    found = problems(limited({"delete": Threshold(101, 1), "update function": 7}))
    assert len(found) == 3


def test_a_stack_that_declares_nothing_is_named_instead_of_a_file() -> None:
    assert complaint(Stack("empty", thresholds={"x": Threshold(1, 1)})).startswith("empty")
