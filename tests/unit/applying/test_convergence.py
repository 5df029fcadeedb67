"""From any schema to any other: every step can run in whatever order the plan leaves open, and the end is as declared.

The server is in memory and keeps the rules that a wrong order would break: taken keys, indexes on attributes that are
not available, attributes under a compound index.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from raceday_iac.applying.actions import Work
from raceday_iac.applying.recorder import Recorder
from raceday_iac.applying.scheduler import Step, make_steps
from raceday_iac.model.address import Address
from raceday_iac.model.resource import Desired, Migration
from raceday_iac.model.stack import Stack
from raceday_iac.planning import Action, Plan
from raceday_iac.planning.order import comes_after, fresh_places, sorted_by_needs
from raceday_iac.state.document import State

from ..applied import live_as, plan, state_of
from ..declaring import resolved
from ..fake_appwrite import FakeAppwrite

#: Ways to declare the column `key`.
COLUMNS = {
    "short": lambda owner, key, other: owner.string(key, 10),
    "long": lambda owner, key, other: owner.string(key, 20),
    "number": lambda owner, key, other: owner.integer(key),
    "many": lambda owner, key, other: owner.string(key, 10, array=True),
    "link": lambda owner, key, other: owner.relationship(
        key, other, type="manyToOne", two_way_key=f"of-{owner.id}-{key}"
    ),
    "pair": lambda owner, key, other: owner.relationship(
        key, other, type="oneToOne", two_way_key=f"of-{owner.id}-{key}"
    ),
}
COLLECTIONS = st.fixed_dictionaries(
    {},
    optional={
        key: st.tuples(st.sampled_from([key, key.upper()]), st.sampled_from(sorted(COLUMNS))) for key in ("a", "b", "c")
    },
)
INDEXES = st.lists(
    st.tuples(
        st.sampled_from(["i", "I", "j"]),
        st.lists(st.sampled_from("abc"), min_size=1, max_size=2, unique=True),
        st.sampled_from(["key", "unique"]),
    ),
    max_size=3,
    unique_by=lambda each: each[0].lower(),
)
SCHEMAS = st.dictionaries(st.sampled_from(["one", "two"]), st.tuples(COLLECTIONS, INDEXES))


def declared(schema: dict[str, tuple[dict[str, tuple[str, str]], list[tuple[str, list[str], str]]]]) -> Desired:
    """The schema as a checked stack. `home` is always there, for relationships to point at."""
    stack = Stack("test")
    base = stack.database("d", name="D")
    base.collection("home", name="H")
    for name, (columns, indexes) in schema.items():
        owner = base.collection(name, name="N")
        plain, arrays = {}, set()
        for key, (written, way) in columns.items():
            COLUMNS[way](owner, written, "home")
            if way not in ("link", "pair"):
                plain[key] = written
            if way == "many":
                arrays.add(key)
        for index, over, type in indexes:
            usable = [key for key in over if key in plain]
            kind = "key" if arrays & set(usable) else type
            if usable and len(arrays & set(usable)) < 2:
                owner.index(index, *(plain[key] for key in usable), type=kind)
    return resolved(stack)


class Memory:
    """A store that keeps only the last state."""

    def __init__(self) -> None:
        self.saved: State | None = None

    def write(self, state: State) -> None:
        self.saved = state

    def append_journal(self, line: str) -> None:
        pass


def carry_out(
    of: Plan, desired: Desired, server: FakeAppwrite, state: State, chance: random.Random, *, one_by_one: bool = False
) -> State:
    """Run all steps, choosing by chance which one goes on whenever there is a choice; with `one_by_one`, only which one
    is begun."""
    recorder = Recorder(Memory(), state)  # type: ignore[arg-type]
    work = Work(server, recorder, of, desired, {}, lambda change, text: None)
    waiting = {step.key: step for step in make_steps(of.changes, desired, of.real)}
    under_way: dict[str, Iterator[float]] = {}
    done: set[str] = set()
    keys = set(waiting)
    while waiting or under_way:
        startable = [step for step in waiting.values() if step.requires & keys <= done]
        new = [] if under_way and one_by_one else startable
        choices: list[str] = [*under_way, *(step.key for step in new)]
        assert choices, f"nothing can go on; waiting: {sorted(waiting)}"
        _advance(chance.choice(choices), waiting, under_way, done, work)
    return recorder.state


def _advance(
    key: str, waiting: dict[str, Step], under_way: dict[str, Iterator[float]], done: set[str], work: Work
) -> None:
    if key in waiting:
        under_way[key] = work.perform(waiting.pop(key))
    if next(under_way[key], None) is None:
        del under_way[key]
        done.add(key)


@settings(max_examples=120)
@given(SCHEMAS, SCHEMAS, st.integers(0, 2**32))
def test_any_schema_becomes_any_other_in_every_order_that_the_plan_allows(before, after, seed) -> None:  # type: ignore[no-untyped-def]
    old, new = declared(before), declared(after)
    server = FakeAppwrite(live_as(old))
    first = plan(new, state_of(old), dict(server.resources))
    state = carry_out(first, new, server, state_of(old), random.Random(seed))
    assert plan(new, state, dict(server.resources)).changes == ()
    assert set(server.resources) == set(new.resources)


def damaged(server: FakeAppwrite, chance: random.Random) -> None:
    """Somebody deleted some of it, and some of it was never finished."""
    for at in list(server.resources):
        if at.kind not in ("attribute", "relationship", "index") or at not in server.resources:
            continue
        fate = chance.choice(["kept", "kept", "gone", "failed", "processing"])
        if fate == "gone":
            del server.resources[at]
            for index in server.indexes_on(at):
                del server.resources[index]
        elif fate != "kept":
            server.resources[at] = replace(server.resources[at], status=fate)


@settings(max_examples=80)
@given(SCHEMAS, SCHEMAS, st.integers(0, 2**32))
def test_so_it_does_when_what_is_live_was_damaged(before, after, seed) -> None:  # type: ignore[no-untyped-def]
    chance = random.Random(seed)
    old, new = declared(before), declared(after)
    server = FakeAppwrite(live_as(old))
    damaged(server, chance)
    first = plan(new, state_of(old), dict(server.resources))
    state = carry_out(first, new, server, state_of(old), chance)
    assert plan(new, state, dict(server.resources)).changes == ()
    assert {each.status for each in server.resources.values()} <= {"available"}


@settings(max_examples=40)
@given(SCHEMAS, SCHEMAS)
def test_without_a_state_nothing_is_deleted(before, after) -> None:  # type: ignore[no-untyped-def]
    """What the stack does not declare is then nobody's, and stays."""
    old, new = declared(before), declared(after)
    found = plan(new, None, live_as(old))
    assert found.count(Action.DELETE) == 0
    assert set(found.unmanaged) <= set(old.resources) - set(new.resources)


@settings(max_examples=40)
@given(SCHEMAS, st.integers(0, 2**32))
def test_a_schema_from_nothing_and_a_second_plan_is_empty(schema, seed) -> None:  # type: ignore[no-untyped-def]
    desired = declared(schema)
    server = FakeAppwrite()
    nothing = state_of(resolved(Stack("test")))
    state = carry_out(plan(desired, nothing), desired, server, nothing, random.Random(seed))
    assert plan(desired, state, dict(server.resources)).is_empty


@settings(max_examples=40)
@given(SCHEMAS, SCHEMAS)
def test_a_change_requires_only_changes_of_the_same_plan(before, after) -> None:  # type: ignore[no-untyped-def]
    old, new = declared(before), declared(after)
    found = plan(new, state_of(old), live_as(old))
    keys = {each.key for each in found.changes}
    for each in found.changes:
        assert {key.removeprefix("removal:") for key in each.requires} <= keys


@st.composite
def migrations(draw: st.DrawFn, old: Desired, new: Desired) -> dict[Address, Migration]:
    """Some that do nothing, at random places of the way."""
    coming, all_places = sorted(new.resources), sorted({*old.resources, *new.resources})
    found: dict[Address, Migration] = {}
    for name in draw(st.lists(st.sampled_from("mno"), unique=True)):
        needs = draw(st.lists(st.sampled_from(coming), max_size=2, unique=True))
        before = draw(st.lists(st.sampled_from(all_places), max_size=2, unique=True))
        at = Address("migration", name)
        found[at] = Migration(at, f"{name}.py", "def run(data): pass\n", "0", tuple(needs), tuple(before))
    return found


@settings(max_examples=80)
@given(st.data(), SCHEMAS, SCHEMAS, st.integers(0, 2**32))
def test_migrations_run_at_their_place_in_every_order_that_the_plan_allows(data, before, after, seed) -> None:  # type: ignore[no-untyped-def]
    old, new = declared(before), declared(after)
    new = replace(new, migrations=data.draw(migrations(old, new)))
    server = FakeAppwrite(live_as(old))
    first = plan(new, state_of(old), dict(server.resources))
    in_circle = [each for each in first.refusals if "cannot be put in order" in each.message]
    if in_circle:
        assert sorted_by_needs(first.changes)[1]
        return
    seen: set[str] = set()
    for each in first.changes:
        required = {key for key in each.requires if not key.startswith("removal:")}
        assert not new.migrations or required <= seen
        seen.add(each.key)
    fresh = fresh_places(first.changes)
    for migration in new.migrations.values():
        migrate = f"migrate:{migration.address}"
        after_it = [each for each in first.changes if comes_after(each, migration, fresh)]
        assert all(migrate in each.needs for each in after_it if each.action is not Action.MIGRATE)
    state = carry_out(first, new, server, state_of(old), random.Random(seed), one_by_one=True)
    assert set(state.migrations) == set(new.migrations)
    assert plan(new, state, dict(server.resources)).changes == ()
    assert set(server.resources) == set(new.resources)
