"""Code that is live but not as the state remembers it."""

from __future__ import annotations

import pytest

from raceday_iac.diff import Cause, Difference, compare_resource
from raceday_iac.kinds.deployment import REPLACED, UNFINISHED
from raceday_iac.model.address import deployment_address
from raceday_iac.model.resource import Live, Resource, frozen
from raceday_iac.planning.changes import wanted_changes
from raceday_iac.planning.plan import Action, Change
from raceday_iac.state.document import Entry

from ..declaring import resolved, stack_with_function

AT = deployment_address("f")


def difference(wanted: str, known: str, real: str, status: str) -> Difference:
    entry = Entry(AT, frozen({"digest": known}), "old") if known else None
    return compare_resource(
        Resource(AT, frozen({"digest": wanted})),
        entry,
        Live(AT, frozen({"digest": real}), "new", status=status),
        "salt",
    )


def causes(found: Difference) -> list[Cause]:
    return [each.cause for each in found.fields]


def change(found: Difference) -> Change:
    desired = resolved(stack_with_function()).with_resources({AT: Resource(AT, frozen({"digest": "new"}))})
    (only,) = wanted_changes(desired, [found], {})
    return only


def test_what_a_run_of_ours_activated_is_no_drift_however_far_it_got() -> None:
    found = difference("newer", "old", "new", UNFINISHED)
    assert causes(found) == [Cause.CONFIG]
    assert not found.has_drifted


@pytest.mark.parametrize("known", ["old", ""], ids=["known", "first"])
def test_what_was_activated_and_not_accepted_is_deployed_to_its_end(known: str) -> None:
    found = difference("new", known, "new", UNFINISHED)
    assert found.fields == ()
    assert (change(found).action, change(found).drifted) == (Action.DEPLOY, False)
    assert "ended before it recorded that" in change(found).reason


def test_without_a_state_what_somebody_put_in_the_place_of_our_code_is_drift() -> None:
    found = difference("ours", "", "theirs", REPLACED)
    assert causes(found) == [Cause.DRIFT]
    assert change(found).drifted
    assert [(each.before, each.after) for each in found.fields] == [("theirs", "ours")]


def test_without_a_state_and_without_a_sign_nobody_can_say() -> None:
    assert causes(difference("ours", "", "theirs", "available")) == [Cause.UNKNOWN]


def test_with_a_state_other_code_is_drift_and_both_changes_a_conflict() -> None:
    assert causes(difference("ours", "ours", "theirs", "available")) == [Cause.DRIFT]
    assert causes(difference("newer", "ours", "theirs", "available")) == [Cause.CONFLICT]
