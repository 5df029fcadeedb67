"""Migrations in a plan: which run, what waits for them, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from raceday_iac.applying.scheduler import make_steps
from raceday_iac.errors import RefusedError
from raceday_iac.model.address import Address
from raceday_iac.model.resource import Desired, Migration
from raceday_iac.model.stack import Stack
from raceday_iac.planning import Action, Plan, PlanOptions, Reason
from raceday_iac.planning.migrations import plan_undo
from raceday_iac.planning.order import sorted_by_needs
from raceday_iac.planning.plan import change_key
from raceday_iac.planning.saved import saved_plan
from raceday_iac.state.document import MigrationRecord, Stage, State, new_state

from ..applied import change, live_as, plan, state_of
from ..declaring import address, collection, function, resolved

M = address("migration.m")


def migration(name: str = "m", digest: str = "1" * 64, **settings: Any) -> Migration:
    places = {key: tuple(map(address, value)) for key, value in settings.items() if key in ("needs", "before")}
    others = {key: value for key, value in settings.items() if key not in places}
    return Migration(address(f"migration.{name}"), f"migrations/{name}.py", "", digest, **places, **others)


def texts(*names: str, required: tuple[str, ...] = (), index: str = "") -> Desired:
    stack = Stack("test")
    owner = collection(stack)
    for name in names:
        owner.string(name, 10, required=name in required)
    if index:
        owner.index("i", index, type="unique")
    return resolved(stack)


def with_migrations(desired: Desired, *migrations: Migration) -> Desired:
    return replace(desired, migrations={each.address: each for each in migrations})


def ran(state: State, *names: str, **settings: Any) -> State:
    for name in names:
        record = MigrationRecord("1" * 64, Stage.DONE, "2026-11-30T12:00:00+00:00", "ann@laptop")
        state = state.with_migration(address(f"migration.{name}"), replace(record, **settings))
    return state


def between(before: Desired, after: Desired, *migrations: Migration, state: State | None = None, **more: Any) -> Plan:
    return plan(with_migrations(after, *migrations), state or state_of(before), live_as(before), **more)


def plan_state() -> State:
    """One that was lost, and begun again."""
    return new_state(lambda: "lineage", lambda: "salt")


def keys(found: Plan) -> list[str]:
    return [each.key.replace("attribute.d/c/", "") for each in found.changes]


def must_be_in_order(found: Plan) -> None:
    """Each change is shown after all that it requires."""
    seen: set[str] = set()
    for each in found.changes:
        assert {change_key(key) for key in each.requires} <= seen | {each.key}
        seen.add(each.key)


def test_what_has_not_run_runs_once() -> None:
    found = between(texts("a"), texts("a"), migration())
    assert keys(found) == ["migrate:migration.m"]
    assert found.changes[0].why is Reason.NOT_RUN
    again = between(texts("a"), texts("a"), migration(), state=ran(state_of(texts("a")), "m"))
    assert again.is_empty
    assert not again.refusals


def test_one_that_the_stack_does_not_name_any_more_is_nothing() -> None:
    found = between(texts("a"), texts("a"), state=ran(state_of(texts("a")), "m"))
    assert found.is_empty


def test_it_comes_after_what_it_needs_and_before_what_goes() -> None:
    moves = migration(needs=["attribute.d/c/new"], before=["attribute.d/c/old"])
    found = between(texts("old"), texts("new"), moves, allowed=[address("attribute.d/c/old")])
    assert keys(found) == ["create:new", "migrate:migration.m", "delete:old"]
    assert change(found, "migration.m").needs == ("create:attribute.d/c/new",)
    assert "migrate:migration.m" in change(found, "attribute.d/c/old").needs
    must_be_in_order(found)


def test_what_it_fills_becomes_required_when_it_has_run() -> None:
    found = between(texts("a"), texts("a", "b", required=("b",)), migration(before=["attribute.d/c/b"]), documents=5)
    assert keys(found) == ["create:b", "migrate:migration.m", "update:b"]
    created, _, updated = found.changes
    assert [(each.name, each.after) for each in created.fields] == [("required", False)]
    assert created.values["required"] is False
    assert [(each.name, each.before, each.after) for each in updated.fields] == [("required", False, True)]
    assert not found.refusals
    assert any("the data is counted again" in each for each in found.notes)
    must_be_in_order(found)


def test_without_a_migration_the_same_is_refused() -> None:
    assert between(texts("a"), texts("a", "b", required=("b",)), documents=5).refusals


def test_what_is_there_becomes_required_when_it_has_run() -> None:
    found = between(texts("a"), texts("a", required=("a",)), migration(before=["attribute.d/c/a"]), documents=5)
    assert keys(found) == ["migrate:migration.m", "update:a"]
    assert not found.refusals
    must_be_in_order(found)


def test_a_loss_that_no_migration_mends_is_still_refused() -> None:
    found = between(texts("old"), texts("a"), migration(before=["attribute.d/c/old"]), documents=5)
    assert [each.address for each in found.refusals] == [address("attribute.d/c/old")]


def test_in_a_new_collection_nothing_waits_for_it() -> None:
    moves = migration(needs=["attribute.d/c/a"], before=["attribute.d/c/b"])
    found = plan(with_migrations(texts("a", "b", required=("b",)), moves))
    assert "update:b" not in keys(found)
    assert change(found, "attribute.d/c/b").values["required"] is True
    assert found.changes[-1].address == M
    assert not found.refusals


def test_a_collection_stands_for_what_lies_in_it() -> None:
    whole = migration(needs=["collection.d/c"], before=["index.d/c/i"])
    found = between(texts("a"), texts("a", "b", "c", index="b"), whole)
    assert keys(found) == ["create:b", "create:c", "migrate:migration.m", "create:index.d/c/i"]
    must_be_in_order(found)


def test_an_index_over_what_becomes_required_late_does_not_wait_for_that() -> None:
    whole = migration(needs=["collection.d/c"], before=["attribute.d/c/b"])
    found = between(texts("a"), texts("a", "b", required=("b",), index="b"), whole)
    assert not found.refusals
    assert keys(found)[-2:] == ["migrate:migration.m", "update:b"]


def test_they_run_in_the_order_of_their_declaration() -> None:
    found = between(texts("a"), texts("a"), migration("z"), migration("a"), migration("m"))
    assert [each.address.name for each in found.changes] == ["z", "a", "m"]
    assert [each.requires for each in found.changes] == [(), ("migrate:migration.z",), ("migrate:migration.a",)]
    assert all(not each.needs for each in found.changes)


def test_new_code_can_wait_for_it_or_it_for_the_code() -> None:
    stack = Stack("test")
    collection(stack)
    function(stack)
    desired = resolved(stack)
    before = between(desired, replace(desired, resources={**desired.resources}), migration(before=["function.f"]))
    assert keys(before) == ["migrate:migration.m"]


@pytest.mark.parametrize("size", [5, 200])
def test_a_replacement_waits_with_its_removal(size: int) -> None:
    stack = Stack("test")
    collection(stack).integer("a")
    after = resolved(stack)
    moves = migration(before=["attribute.d/c/a"])
    found = between(texts("a"), after, moves, documents=size, allowed=[address("attribute.d/c/a")])
    assert keys(found) == ["migrate:migration.m", "replace:a"]
    steps = {each.key: each for each in make_steps(found.changes, with_migrations(after, moves), found.real)}
    assert "migrate:migration.m" in steps["removal:replace:attribute.d/c/a"].requires


@pytest.mark.parametrize("place", ["attribute.d/c/a", "collection.d/c", "database.d"])
def test_a_migration_in_a_new_collection_waits_until_its_attributes_are_there(place: str) -> None:
    desired = with_migrations(texts("a"), migration(needs=[place]))
    found = plan(desired)
    steps = {each.key: each for each in make_steps(found.changes, desired, found.real)}
    assert "settle:d/c" in steps["migrate:migration.m"].requires


def test_one_that_was_changed_since_it_ran_is_refused() -> None:
    found = between(texts("a"), texts("a"), migration(digest="2" * 64), state=ran(state_of(texts("a")), "m"))
    (refusal,) = found.refusals
    assert refusal.address == M
    assert (
        "2026-11-30T12:00:00+00:00 by ann@laptop with the content 111111111111, and is now 222222222222"
        in refusal.message
    )
    assert "migration mark m" in refusal.hint


@pytest.mark.parametrize(("digest", "how"), [("1", "it goes on from there"), ("2", "so it begins again")])
def test_one_that_was_cut_short_goes_on(digest: str, how: str) -> None:
    state = ran(state_of(texts("a")), "m", stage=Stage.BEGUN)
    found = between(texts("a"), texts("a"), migration(digest=digest * 64), state=state)
    (only,) = found.changes
    assert (only.action, only.why) == (Action.MIGRATE, Reason.INTERRUPTED)
    assert how in only.reason
    assert not found.refusals


def test_one_that_is_being_taken_back_stands_in_the_way() -> None:
    state = ran(state_of(texts("a")), "m", stage=Stage.UNDOING)
    found = between(texts("a"), texts("a"), migration(), state=state)
    assert [each.hint for each in found.refusals] == ["finish it: raceday-iac migration undo m"]


def test_one_that_comes_late_is_reported() -> None:
    found = between(texts("a"), texts("a"), migration("m"), migration("n"), state=ran(state_of(texts("a")), "n"))
    assert any(
        each.startswith("migration.m runs after migration.n, which is declared after it") for each in found.notes
    )


def test_a_name_that_is_nearly_one_of_something_is_told() -> None:
    found = between(texts("customer"), texts("customer"), migration(before=["attribute.d/c/custmer"]))
    (note,) = found.notes
    assert note.startswith("migration.m comes before attribute.d/c/custmer, which is neither declared nor live")
    assert not between(texts("a"), texts("a"), migration(before=["attribute.d/c/went-long-ago"])).notes


def test_where_the_state_was_lost_nobody_knows_whether_it_ran() -> None:
    found = plan(with_migrations(texts("a"), migration()), None, live_as(texts("a")))
    (refusal,) = found.refusals
    assert refusal.message.startswith("migration.m may have run: collection.d/c is live")
    assert "migration mark m" in refusal.hint
    known = ran(plan_state(), "m")
    assert not plan(with_migrations(texts("a"), migration()), known, live_as(texts("a"))).refusals
    assert not plan(with_migrations(texts("a"), migration())).refusals


def test_what_waits_in_a_circle_is_refused() -> None:
    one = migration("m", needs=["attribute.d/c/b"], before=["index.d/c/i"])
    other = migration("n", before=["attribute.d/c/b"])
    stack = Stack("test")
    collection(stack).string("b", 20)
    found = between(texts("b"), resolved(stack), one, other)
    (refusal,) = found.refusals
    assert "migration.m cannot be put in order: migrate:migration.m, which waits for" in refusal.message
    assert refusal.message.endswith("which waits for migrate:migration.m")


def test_the_order_says_what_waits_for_each_other() -> None:
    found = between(texts("a"), texts("a"), migration("m"))
    (only,) = found.changes
    one, two = replace(only, requires=("migrate:migration.n",)), replace(only, address=address("migration.n"))
    two = replace(two, requires=("migrate:migration.m",))
    assert sorted_by_needs([one, two]) == ([one, two], ["migrate:migration.m", "migrate:migration.n"])


def test_a_part_of_a_plan_takes_along_what_it_needs() -> None:
    moves = migration(needs=["attribute.d/c/new"], before=["attribute.d/c/b"])
    after = texts("a", "b", "new", "other", required=("b",))
    only = PlanOptions(targets=frozenset({address("attribute.d/c/b")}))
    found = between(texts("a"), after, moves, plan_options=only)
    assert keys(found) == ["create:b", "create:new", "migrate:migration.m", "update:b"]
    without = between(texts("a"), after, moves, plan_options=PlanOptions(excluded=frozenset({M})))
    assert "update:b" not in keys(without)
    assert "create:b" in keys(without)
    targeted = between(texts("a"), after, moves, plan_options=PlanOptions(targets=frozenset({M})))
    assert keys(targeted) == ["create:b", "create:new", "migrate:migration.m"]


def test_where_everything_goes_nothing_is_known_of_it_any_more() -> None:
    state = ran(state_of(texts("a")), "m")
    found = between(texts("a"), texts("a"), migration(), state=state, plan_options=PlanOptions(destroy=True))
    assert "forget:migration.m" in keys(found)
    some = PlanOptions(destroy=True, targets=frozenset({address("collection.d/c")}))
    assert "forget:migration.m" not in keys(
        between(texts("a"), texts("a"), migration(), state=state, plan_options=some)
    )


def test_only_the_state_is_refreshed_without_it() -> None:
    options = PlanOptions(refresh_only=True)
    assert between(texts("a"), texts("a"), migration(), plan_options=options).is_empty


def test_a_saved_plan_is_of_the_very_file() -> None:
    def prints(digest: str) -> Any:
        desired = with_migrations(texts("a"), migration(digest=digest * 64))
        found = plan(desired, state_of(texts("a")), live_as(texts("a")))
        return saved_plan(found, desired, "http://e/v1", "p", "salt").content["wanted"]

    assert prints("1") != prints("2")


def undone(desired: Desired, state: State) -> Plan:
    return plan_undo("test", state, desired, M)


def test_it_is_taken_back_by_what_ran() -> None:
    state = ran(state_of(texts("a")), "m")
    found = undone(with_migrations(texts("a"), migration(can_undo=True)), state)
    assert [each.key for each in found.changes] == ["undo:migration.m"]
    assert found.changes[0].why is Reason.UNDO_ASKED


@pytest.mark.parametrize(
    ("migrations", "names", "message"),
    [
        ([migration()], ["n"], "has not run in the environment test"),
        ([], ["m"], "is not in the stack"),
        ([migration(digest="2" * 64, can_undo=True)], ["m"], "was changed since it ran"),
        ([migration()], ["m"], r"has no function undo\(data\)"),
    ],
)
def test_what_cannot_be_taken_back_is_refused(migrations: list[Migration], names: list[str], message: str) -> None:
    with pytest.raises(RefusedError, match=message):
        undone(with_migrations(texts("a"), *migrations), ran(state_of(texts("a")), *names))


def test_it_has_an_address_like_all_else() -> None:
    assert Address.parse("migration.0001-a.b_c").name == "0001-a.b_c"
