"""Whatever comes between a plan and its steps: no more is destroyed than was shown or allowed by number."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from raceday_iac.applying import Applied, apply_plan
from raceday_iac.errors import EXIT_REFUSED, RefusedError
from raceday_iac.model.address import Address
from raceday_iac.model.evidence import Answer, Ask, Question
from raceday_iac.model.resource import Live, frozen
from raceday_iac.model.stack import Stack
from raceday_iac.planning import Plan, PlanOptions, build_plan
from raceday_iac.state.backends.local import LocalState
from raceday_iac.state.document import State

from ..applied import NOTHING, live_as, state_of
from ..declaring import address, collection, database, resolved, stack_with_function
from ..fake_appwrite import FakeAppwrite

C = address("collection.d/c")


def with_collection() -> Stack:
    stack = Stack("test")
    collection(stack).integer("a")
    return stack


def without() -> Stack:
    stack = Stack("test")
    database(stack)
    return stack


def planned(before: Stack, after: Stack, shown: int, allowed: Answer | None) -> tuple[Plan, State]:
    old, new = resolved(before), resolved(after)
    state = state_of(old)

    def answer(question: Question) -> Answer:
        return Answer(shown if question.ask in (Ask.DOCUMENTS, Ask.VALUES) else 0)

    plan_options = PlanOptions(allowed={} if allowed is None and not shown else {C: allowed})
    return build_plan("test", new, state, FakeAppwrite(live_as(old)).snapshot(()), answer, plan_options), state


def applied(plan: Plan, after: Stack, state: State, server: FakeAppwrite) -> Applied:
    with tempfile.TemporaryDirectory() as folder:
        store = LocalState(Path(folder))
        return apply_plan(plan, resolved(after), {}, server, store, state, lambda _event: None, parallelism=1)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 6), st.none() | st.integers(0, 9), st.integers(0, 12))
def test_it_goes_exactly_when_no_more_is_there_than_was_shown_or_allowed(
    shown: int, number: int | None, now: int
) -> None:
    allowed = None if number is None else Answer(shown + number)
    plan, state = planned(with_collection(), without(), shown, allowed)
    assert plan.refusals == ()
    server = FakeAppwrite(live_as(resolved(with_collection())), documents=now)
    outcome = applied(plan, without(), state, server)
    limit = shown + (number or 0)
    assert (C in server.resources) == (now > limit)
    assert outcome.complete == (now <= limit)
    if now > limit:
        assert outcome.exit_code == EXIT_REFUSED
        (stopped,) = outcome.stopped
        assert stopped.address == C
        assert C in outcome.state.entries


def test_the_refusal_names_both_numbers_and_what_would_allow_it() -> None:
    plan, state = planned(with_collection(), without(), 1, None)
    server = FakeAppwrite(live_as(resolved(with_collection())), documents=301)
    ((change, error),) = applied(plan, without(), state, server).failed
    assert isinstance(error, RefusedError)
    assert change.address == C
    assert error.message == (
        "delete of collection.d/c was stopped: 301 documents would be deleted now, and 1 was shown. "
        "It was left as it is."
    )
    assert error.hint.endswith("to allow it: --allow-data-loss collection.d/c=301")


def test_what_somebody_puts_into_it_is_named() -> None:
    plan, state = planned(with_collection(), without(), 0, None)
    server = FakeAppwrite(live_as(resolved(with_collection())))
    theirs = Address("index", "d/c/theirs")
    fields = frozen({"type": "key", "attributes": ("a",), "orders": ("ASC",), "lengths": (0,)})
    server.resources[theirs] = Live(theirs, fields, "theirs")
    ((_, error),) = applied(plan, without(), state, server).failed
    assert "1 undeclared thing would be deleted with it (index.d/c/theirs) now, and 0 were shown" in error.message


@pytest.mark.parametrize("comes", ["variable.f/THEIRS", ""])
def test_a_function_goes_with_what_was_in_it_and_with_nothing_else(comes: str) -> None:
    plan, state = planned(stack_with_function(), NOTHING, 0, None)
    server = FakeAppwrite(live_as(resolved(stack_with_function())))
    if comes:
        server.resources[address(comes)] = Live(address(comes), frozen({"secret": False, "value": "x"}), "v")
    outcome = applied(plan, NOTHING, state, server)
    assert (address("function.f") in server.resources) is bool(comes)
    assert outcome.complete is not bool(comes)
