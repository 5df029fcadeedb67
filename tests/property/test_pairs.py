"""Random pairs of stacks on a server in memory that keeps Appwrite's rules."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st
from memory import MemoryAppwrite, provider_of
from memory.driving import carry_out, plan

from raceday_iac.importing.adoption import adopt, chosen
from raceday_iac.model.desired import Desired
from raceday_iac.refresh import refresh
from raceday_iac.state.document import State, new_state

from .content import Content, actual, expected
from .declaring import declared
from .effort import pairs
from .specs import Spec, shuffled, specs

EMPTY = new_state(lambda: "lineage", lambda: "salt")
CHANCE = st.integers(0, 2**32).map(random.Random)


def become(server: MemoryAppwrite, desired: Desired, state: State, chance: random.Random) -> State:
    """Plan and apply."""
    provider = provider_of(server)
    made = plan(provider, desired, state)
    assert made.refusals == ()
    return carry_out(made, desired, provider, state, chance)


def imported(server: MemoryAppwrite, desired: Desired) -> State:
    """The state after it was lost and everything was imported."""
    real = refresh(provider_of(server), desired, EMPTY).resources
    return adopt(desired, EMPTY, real, chosen(desired, ())).state


def content(server: MemoryAppwrite, spec: Spec) -> Content:
    project = server.project
    databases = project["databases"].values()
    collections = [each for base in databases for each in base["collections"].values()]
    return actual(project["functions"].values(), databases, collections, spec)


def changes(server: MemoryAppwrite, desired: Desired, state: State) -> dict[str, list[str]]:
    """What would be done, and to which fields."""
    planned = plan(provider_of(server), desired, state).changes
    return {each.key: [field.name for field in each.fields] for each in planned}


@pairs
@given(specs(), specs(), CHANCE)
def test_any_stack_becomes_any_other_and_then_there_is_nothing_to_do(
    before: Spec, after: Spec, chance: random.Random
) -> None:
    server = MemoryAppwrite()
    old, before = declared(before)
    state = become(server, old, EMPTY, chance)
    assert content(server, before) == expected(before)

    new, after = declared(after)
    other, _ = declared(shuffled(after, chance))
    assert changes(server, other, state) == changes(server, new, state), "the order of a set makes a difference"

    state = become(server, new, state, chance)
    assert content(server, after) == expected(after)
    assert set(state.entries) == set(new.resources)
    assert changes(server, new, state) == {}
    assert changes(server, other, state) == {}, "the order of a set makes a difference"
    assert changes(server, new, imported(server, new)) == {}, "a lost state is a loss"
