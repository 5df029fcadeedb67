"""Random pairs of stacks on a server in memory that keeps Appwrite's rules; and compared as two environments. All that
must hold of a pair is one test, because to draw one takes longer than to look at it."""

from __future__ import annotations

import random
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from memory import MemoryAppwrite, provider_of
from memory.driving import carry_out, plan
from unit.applied import live_as, state_of
from unit.applied import plan as plan_of

from raceday_iac.comparison import Comparison, Side, SideDifference, compare_sides, live_side
from raceday_iac.importing.adoption import adopt, chosen
from raceday_iac.model.address import Address
from raceday_iac.model.resource import Desired
from raceday_iac.model.server import ServerFacts
from raceday_iac.provider import Snapshot
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


def side(name: str, stacks: tuple[Declared, Declared], chance: random.Random) -> Side:
    """An environment in which one of the stacks is declared, one was applied, and one is what is live."""
    wanted, applied, live = (chance.choice(stacks).desired for _ in range(3))
    state = replace(state_of(applied), serial=1)
    facts = ServerFacts("1.9.6")
    snapshot = Snapshot(live_as(live), facts)
    made = plan_of(wanted, state, dict(snapshot.resources), facts=facts)
    return live_side(name, "", wanted, state, snapshot, made)


def mirrored(found: Comparison) -> set[tuple[object, ...]]:
    return {_seen(replace(each, first=each.second, second=each.first), is_mirrored=True) for each in found.items}


def _seen(item: SideDifference, *, is_mirrored: bool = False) -> tuple[object, ...]:
    values = sorted(
        (each.name, *map(repr, (each.after, each.before) if is_mirrored else (each.before, each.after)))
        for each in item.fields
    )
    return item.address, item.first, item.second, item.only, tuple(values)


def must_be_the_same_mirrored_itself_and_in_one_group_each(first: Side, second: Side) -> None:
    there, back = compare_sides(first, second), compare_sides(second, first)
    assert mirrored(there) == {_seen(each) for each in back.items}
    assert there.exit_code == back.exit_code
    assert set(there.uncompared) == set(back.uncompared)

    for each in (first, second):
        assert compare_sides(each, replace(each, name="twin")).items == ()
    groups = (there.drifted, there.pending, there.declared, there.unmanaged)
    assert sorted(map(id, there.items)) == sorted(id(item) for group in groups for item in group)
    live: set[Address] = {*first.fields, *second.fields}
    assert {each.address for each in there.items} <= live


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

    must_be_the_same_mirrored_itself_and_in_one_group_each(side("a", pair, chance), side("b", pair, chance))
