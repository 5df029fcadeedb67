"""What may be asked of a plan, and what makes no sense to ask."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raceday_iac.errors import IacError
from raceday_iac.kinds import KINDS
from raceday_iac.model.address import Address
from raceday_iac.model.evidence import Answer
from raceday_iac.model.resource import DEFAULTS
from raceday_iac.model.stack import Stack
from raceday_iac.planning import PlanOptions
from raceday_iac.planning.plan import REPLACEABLE, check_plan_options, lies_in, plan_options_from_json

from ..applied import NOTHING, state_of
from ..declaring import address, collection, function, resolved

ADDRESSES = st.builds(Address, st.sampled_from(sorted(KINDS)), st.text("abc/", min_size=1, max_size=5))
SETS = st.frozensets(ADDRESSES, max_size=3)
NAMES = st.builds("{} {}".format, st.sampled_from(sorted(DEFAULTS)), st.sampled_from(sorted(KINDS)))
NUMBERS = st.none() | st.builds(Answer, st.integers(0, 9), st.booleans()) | st.just(Answer(None))
WISHES = st.builds(
    PlanOptions,
    st.dictionaries(ADDRESSES, NUMBERS, max_size=3),
    SETS,
    SETS,
    SETS,
    st.booleans(),
    st.dictionaries(NAMES, st.integers(0, 9), max_size=3),
)


@given(WISHES)
def test_what_is_written_down_is_read_back(plan_options: PlanOptions) -> None:
    assert plan_options_from_json(json.loads(json.dumps(plan_options.to_json()))) == plan_options


@given(WISHES)
def test_the_same_wishes_are_written_the_same_way(plan_options: PlanOptions) -> None:
    other = PlanOptions(
        dict(reversed(list(plan_options.allowed.items()))),
        *(
            frozenset(sorted(each, reverse=True))
            for each in (plan_options.targets, plan_options.excluded, plan_options.replaced)
        ),
        plan_options.refresh_only,
        dict(reversed(list(plan_options.confirmed.items()))),
    )
    assert json.dumps(other.to_json()) == json.dumps(plan_options.to_json())


def test_who_asks_for_nothing_says_nothing() -> None:
    assert PlanOptions().to_json() == {}


@pytest.mark.parametrize(
    "content",
    [
        {"targets": 3},
        {"allowed": ["attribute.d/c/a"]},
        {"allowed": {"attribute.d/c/a": "many"}},
        {"allowed": {"attribute": 1}},
        {"targets": ["function"]},
        {"confirmed": [1]},
        {"confirmed": {"delete function": "many"}},
        {"excluded": None},
    ],
    ids=str,
)
def test_what_is_no_wish_is_refused(content: dict[str, Any]) -> None:
    with pytest.raises((ValueError, TypeError, KeyError)):
        plan_options_from_json(content)


@pytest.mark.parametrize(
    ("inner", "place", "expected"),
    [
        ("function.f", "function.f", True),
        ("variable.f/K", "function.f", True),
        ("deployment.f", "function.f", True),
        ("attribute.d/c/a", "collection.d/c", True),
        ("relationship.d/c/r", "database.d", True),
        ("index.d/c/i", "attribute.d/c/i", False),
        ("function.f2", "function.f", False),
        ("collection.d/cc", "collection.d/c", False),
        ("database.d", "collection.d/c", False),
    ],
)
def test_an_address_stands_for_what_lies_in_it(inner: str, place: str, expected: bool) -> None:
    assert lies_in(address(inner), [address(place)]) is expected


def test_a_plan_is_partial_with_a_target_or_an_exclusion_and_not_otherwise() -> None:
    one = frozenset({address("function.f")})
    assert PlanOptions(targets=one).is_partial
    assert PlanOptions(excluded=one).is_partial
    assert not PlanOptions(
        allowed=dict.fromkeys(one), replaced=one, refresh_only=True, confirmed={"delete function": 1}
    ).is_partial


# What cannot be asked for.


def stack() -> Stack:
    found = Stack("test")
    owner = collection(found)
    owner.string("a", 10)
    owner.index("i", "a")
    function(found, variables={"K": "v"})
    found.absent("function.old", reason="it is old")
    return found


def check(plan_options: PlanOptions, *, managed: Stack = NOTHING) -> None:
    check_plan_options(plan_options, resolved(stack()), state_of(resolved(managed)))


def refusal(plan_options: PlanOptions, **settings: Any) -> str:
    with pytest.raises(IacError) as caught:
        check(plan_options, **settings)
    assert "Nothing was changed" in caught.value.message
    assert caught.value.hint
    return caught.value.message


def only(text: str) -> frozenset[Address]:
    return frozenset({address(text)})


@pytest.mark.parametrize("known", ["function.f", "variable.f/K", "index.d/c/i", "database.d", "function.old"])
def test_declared_ones_can_be_targeted_and_excluded(known: str) -> None:
    check(PlanOptions(targets=only(known), excluded=only(known)))


def test_what_only_the_state_knows_can_be_targeted_and_excluded() -> None:
    managed = Stack("test")
    function(managed, "gone")
    check(PlanOptions(targets=only("function.gone"), excluded=only("function.gone")), managed=managed)


def test_the_owner_of_something_known_can_be_targeted_although_it_is_not_managed_itself() -> None:
    state = state_of(resolved(stack())).without(address("collection.d/c"))
    check_plan_options(PlanOptions(targets=only("collection.d/c")), resolved(NOTHING), state)


@pytest.mark.parametrize("unknown", ["function.g", "variable.f/L", "attribute.d/c", "nothing.x", "function.f/K"])
def test_what_nobody_knows_is_refused(unknown: str) -> None:
    assert f"--target {unknown}" in refusal(PlanOptions(targets=only(unknown)))
    assert f"--exclude {unknown}" in refusal(PlanOptions(excluded=only(unknown)))
    assert f"--replace {unknown}" in refusal(PlanOptions(replaced=only(unknown)))


@pytest.mark.parametrize("whole", ["function.f", "database.d"])
def test_what_is_more_than_itself_cannot_be_replaced(whole: str) -> None:
    assert "cannot be replaced by itself" in refusal(PlanOptions(replaced=only(whole)))
    assert address(whole).kind not in REPLACEABLE


@pytest.mark.parametrize("part", ["attribute.d/c/a", "index.d/c/i", "variable.f/K"])
def test_parts_can_be_replaced(part: str) -> None:
    check(PlanOptions(replaced=only(part)))


def test_what_is_to_go_cannot_be_replaced() -> None:
    managed = stack()
    function(managed, "g", variables={"OLD": "v"})
    assert "no resource with this address is declared" in refusal(
        PlanOptions(replaced=only("variable.g/OLD")), managed=managed
    )


@pytest.mark.parametrize("name", ["delete function", "update attribute"])
def test_limits_that_exist_can_be_confirmed(name: str) -> None:
    check(PlanOptions(confirmed={name: 7}))


@pytest.mark.parametrize("name", ["", "delete", "delete functions", "create function", "function delete"])
def test_limits_that_do_not_exist_cannot_be_confirmed(name: str) -> None:
    assert "there is no such limit" in refusal(PlanOptions(confirmed={name: 7}))
