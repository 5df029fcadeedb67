"""Random stacks in two environments, each applied or not, and meddled with or not."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from unit.applied import live_as, plan, state_of

from raceday_iac.comparison import Comparison, Side, SideDifference, compare_sides, live_side
from raceday_iac.model.address import Address
from raceday_iac.model.server import ServerFacts
from raceday_iac.provider import Snapshot

from .declaring import Declared
from .edits import stack_pairs
from .effort import pairs


def side(name: str, wanted: Declared, applied: Declared, live: Declared) -> Side:
    state = replace(state_of(applied.desired), serial=1)
    facts = ServerFacts("1.9.6")
    snapshot = Snapshot(live_as(live.desired), facts)
    made = plan(wanted.desired, state, dict(snapshot.resources), facts=facts)
    return live_side(name, "", wanted.desired, state, snapshot, made)


@st.composite
def sides(draw: st.DrawFn) -> tuple[Side, Side]:
    stacks = st.sampled_from(draw(stack_pairs()))
    return side("a", draw(stacks), draw(stacks), draw(stacks)), side("b", draw(stacks), draw(stacks), draw(stacks))


def mirrored(found: Comparison) -> set[tuple[object, ...]]:
    return {_seen(replace(each, first=each.second, second=each.first), is_mirrored=True) for each in found.items}


def _seen(item: SideDifference, *, is_mirrored: bool = False) -> tuple[object, ...]:
    values = sorted(
        (each.name, *map(repr, (each.after, each.before) if is_mirrored else (each.before, each.after)))
        for each in item.fields
    )
    return item.address, item.first, item.second, item.only, tuple(values)


@pairs
@given(sides())
def test_it_is_the_same_mirrored_itself_and_in_one_group_each(both: tuple[Side, Side]) -> None:
    first, second = both
    there, back = compare_sides(first, second), compare_sides(second, first)
    assert mirrored(there) == {_seen(each) for each in back.items}
    assert there.exit_code == back.exit_code
    assert set(there.uncompared) == set(back.uncompared)

    for each in both:
        assert compare_sides(each, replace(each, name="twin")).items == ()
    groups = (there.drifted, there.pending, there.declared, there.unmanaged)
    assert sorted(map(id, there.items)) == sorted(id(item) for group in groups for item in group)
    live: set[Address] = {*first.fields, *second.fields}
    assert {each.address for each in there.items} <= live
