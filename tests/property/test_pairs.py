"""Random pairs of stacks on a server in memory that keeps Appwrite's rules."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st
from memory import MemoryAppwrite, provider_of
from memory.driving import carry_out, plan

from raceday_iac.importing.adoption import adopt, chosen
from raceday_iac.model.resource import Desired
from raceday_iac.refresh import refresh
from raceday_iac.state.document import State, new_state

from .content import actual, expected
from .declaring import Declared, declared
from .edits import stack_pairs
from .effort import pairs
from .specs import reordered, shuffled

EMPTY = new_state(lambda: "lineage", lambda: "salt")
CHANCE = st.integers(0, 2**32).map(random.Random)


def become(server: MemoryAppwrite, stack: Declared, state: State, chance: random.Random) -> State:
    """Plan and apply."""
    provider = provider_of(server)
    made = plan(provider, stack.desired, state)
    assert made.refusals == ()
    return carry_out(made, stack.desired, provider, state, chance, stack.bundles)


def imported(server: MemoryAppwrite, desired: Desired) -> State:
    """The state after it was lost and everything was imported."""
    real = refresh(provider_of(server), desired, EMPTY).resources
    return adopt(desired, EMPTY, real, chosen(desired, ())).state


def changes(server: MemoryAppwrite, desired: Desired, state: State) -> dict[str, list[str]]:
    """What would be done, and to which fields."""
    planned = plan(provider_of(server), desired, state).changes
    return {each.key: [field.name for field in each.fields] for each in planned}


@pairs
@given(stack_pairs(), CHANCE)
def test_any_stack_becomes_any_other_and_then_there_is_nothing_to_do(
    pair: tuple[Declared, Declared], chance: random.Random
) -> None:
    server = MemoryAppwrite()
    old, new = pair
    state = become(server, old, EMPTY, chance)
    assert actual(server.project, old.spec) == expected(old.spec)

    same = declared(shuffled(new.spec, chance)).desired
    planned = changes(server, new.desired, state)
    server.project = reordered(server.project, chance)
    assert changes(server, same, state) == planned, "the order of a set makes a difference"

    state = become(server, new, state, chance)
    assert actual(server.project, new.spec) == expected(new.spec)
    assert set(state.entries) == set(new.desired.resources)
    assert changes(server, new.desired, state) == {}
    server.project = reordered(server.project, chance)
    assert changes(server, same, state) == {}, "the order of a set makes a difference"
    assert changes(server, new.desired, imported(server, new.desired)) == {}, "a lost state is a loss"
