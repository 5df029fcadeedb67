"""What a plan refuses, with its numbers, and what allows it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from raceday_iac.model.evidence import Answer, Question
from raceday_iac.model.stack import Collection, Stack
from raceday_iac.planning import Plan, build_plan
from raceday_iac.provider import ServerFacts, Snapshot

from ..applied import NOTHING, live_as, plan, plan_between, state_of
from ..declaring import address, collection, resolved, stack_with_function


def schema(type: str = "integer") -> Stack:
    stack = Stack("test")
    owner = collection(stack)
    getattr(owner, type)("a")
    owner.index("i", "a")
    return stack


def without(*keys: str) -> Stack:
    stack = Stack("test")
    owner = collection(stack)
    for key in {"a"} - set(keys):
        owner.integer(key)
    return stack


def said(of: Plan) -> list[str]:
    return [each.message for each in of.refusals]


def test_deleting_an_attribute_with_documents_is_refused_with_their_number_and_the_way_to_allow_it() -> None:
    (refusal,) = plan_between(schema(), without("a"), documents=7).refusals
    assert refusal.message == (
        "delete of attribute.d/c/a is refused: 7 documents would lose its values (the stack no longer declares it)"
    )
    assert refusal.hint.startswith("to allow it: --allow-data-loss attribute.d/c/a")


def test_deleting_an_attribute_of_an_empty_collection_is_not_refused() -> None:
    assert plan_between(schema(), without("a"), documents=0).refusals == ()


def test_documents_that_cannot_be_counted_count_as_data() -> None:
    assert "an unknown number of documents would lose" in said(plan_between(schema(), without("a"), documents=None))[0]


def test_five_thousand_is_where_the_server_stops_counting() -> None:
    assert ": 4999 documents" in said(plan_between(schema(), without("a"), documents=4999))[0]
    assert ": 5000+ documents" in said(plan_between(schema(), without("a"), documents=5000))[0]


def test_replacing_an_attribute_is_refused_too() -> None:
    assert said(plan_between(schema("integer"), schema("boolean"), documents=1))[0].startswith(
        "replace of attribute.d/c/a is refused: 1 document would lose its values"
    )


def test_replacing_or_deleting_an_index_loses_nothing() -> None:
    assert plan_between(schema(), without(), documents=9).refusals == ()


def test_deleting_a_collection_says_that_documents_would_be_deleted() -> None:
    stack = Stack("test")
    stack.database("d", name="D")
    assert "3 documents would be deleted" in said(plan_between(schema(), stack, documents=3))[0]


def test_deleting_a_database_is_refused_with_the_documents_in_it() -> None:
    stack = Stack("test")
    base = stack.database("d", name="D")
    base.collection("one", name="O")
    base.collection("two", name="T")
    (refusal,) = plan_between(stack, NOTHING, documents=8).refusals
    assert refusal.address == address("database.d")
    assert "8 documents would be deleted" in refusal.message


def test_a_tombstone_of_a_collection_is_refused_while_it_holds_documents() -> None:
    stack = Stack("test")
    stack.database("d", name="D")
    stack.absent("collection.d/c", reason="old")
    assert "delete of collection.d/c is refused" in said(plan_between(schema(), stack, documents=1))[0]


def test_what_is_allowed_by_name_is_not_refused() -> None:
    allowed = {address("attribute.d/c/a")}
    assert plan_between(schema(), without("a"), documents=7, allowed=allowed).refusals == ()


def test_allowing_one_does_not_allow_another() -> None:
    allowed = {address("attribute.d/c/b"), address("collection.d/c")}
    assert len(plan_between(schema(), without("a"), documents=7, allowed=allowed).refusals) == 1


def test_every_loss_is_refused_on_its_own() -> None:
    stack = schema()
    Collection(stack, "d", "c").integer("b")
    refused = {str(each.address) for each in plan_between(stack, without("a"), documents=1).refusals}
    assert refused == {"attribute.d/c/a", "attribute.d/c/b"}


@pytest.mark.parametrize(("status", "refused"), [("failed", 0), ("processing", 0), ("stuck", 1), ("available", 1)])
def test_an_attribute_that_never_was_available_holds_nothing(status: str, refused: int) -> None:
    old = resolved(schema())
    real = live_as(old)
    at = address("attribute.d/c/a")
    real[at] = replace(real[at], status=status)
    assert len(plan(resolved(without("a")), state_of(old), real, documents=5).refusals) == refused


def test_only_collections_at_risk_are_counted() -> None:
    counted: list[str] = []

    def count(question: Question) -> Answer:
        counted.append(str(question.place))
        return Answer(0)

    desired, old = resolved(without("a")), resolved(schema())
    build_plan("test", desired, state_of(old), Snapshot(live_as(old)), count)
    build_plan("test", old, state_of(old), Snapshot(live_as(old)), count)
    assert counted == ["collection.d/c"]


def test_deleting_a_function_holds_no_documents() -> None:
    assert plan_between(stack_with_function(), NOTHING, documents=9).refusals[0].address == address("database.d")


# What the server offers.


def offering(*, runtimes: set[str] | None = None, specifications: set[str] | None = None) -> ServerFacts:
    return ServerFacts("1.8.1", frozenset(runtimes or ()), frozenset(specifications or ()))


def test_a_runtime_that_the_server_does_not_offer_is_refused_with_what_it_offers() -> None:
    found = plan(resolved(stack_with_function()), facts=offering(runtimes={"node-22", "php-8.3"}))
    (refusal,) = found.refusals
    assert "this server does not offer the runtime 'python-3.12' (it offers node-22, php-8.3)" in refusal.message
    assert "_APP_FUNCTIONS_RUNTIMES" in refusal.hint


def test_a_name_that_only_appwrite_may_know_is_a_note_where_it_has_no_list_and_else_the_list_decides() -> None:
    wanted = resolved(stack_with_function(runtime="pyton-3.12", specification="s-16vcpu-32gb", scopes=["spells.read"]))
    found = plan(wanted, facts=offering())
    assert not found.refusals
    assert [each.partition(": ")[2].partition(" '")[0] for each in found.notes] == [
        "unknown runtime",
        "unknown specification",
        "unknown scope",
    ]
    assert "'pyton-3.12' (did you mean 'python-3.12'?); Appwrite decides whether to accept it" in found.notes[0]
    offered = offering(runtimes={"python-3.12"}, specifications={"s-16vcpu-32gb"})
    refused = plan(wanted, facts=offered)
    assert "the runtime 'pyton-3.12' (did you mean 'python-3.12'?)" in said(refused)[0]
    assert [each for each in refused.notes if "unknown" in each and "scope" not in each] == []


def test_roles_and_events_that_only_appwrite_may_know_are_notes_too() -> None:
    wanted = resolved(
        stack_with_function(
            execute=["usr:me"], events=["databases.*.tabels.*.rows.*.create", "tablesdb.*.tables.*.update"]
        )
    )
    found = plan(wanted, facts=offering(runtimes={"python-3.12"}, specifications={"s-1vcpu-1gb"}))
    assert not found.refusals
    assert sorted(each.partition(": ")[2] for each in found.notes) == [
        "unknown event 'databases.*.tabels.*.rows.*.create' (did you mean 'databases.*.tables.*.rows.*.create'?)"
        "; Appwrite decides whether to accept it",
        "unknown event 'tablesdb.*.tables.*.update' (did you mean 'databases.*.tables.*.update'?)"
        "; Appwrite decides whether to accept it",
        "unknown role 'usr:me' (did you mean 'user'?); Appwrite decides whether to accept it",
    ]


def test_an_unknown_role_in_permissions_is_noted_once() -> None:
    stack = Stack("test")
    collection(stack, permissions=['read("everyone")', 'update("everyone")', 'read("any")'])
    found = plan(resolved(stack))
    assert not found.refusals
    assert [each for each in found.notes if "unknown" in each] == [
        "collection.d/c: unknown role 'everyone'; Appwrite decides whether to accept it"
    ]


@pytest.mark.parametrize(("version", "is_refused"), [("1.8.1", True), ("1.9.0", False)])
def test_events_that_came_with_1_9_are_refused_before(version: str, is_refused: bool) -> None:
    found = plan(resolved(stack_with_function(events=["schedules.*.create"])), facts=ServerFacts(version))
    assert bool(found.refusals) is is_refused
    assert not is_refused or "does not know the events schedules.*.create" in said(found)[0]


NEVER = "0 0 30 2 *"


@pytest.mark.parametrize(
    ("version", "schedule", "is_refused"),
    [
        ("", NEVER, False),
        ("1.8.1", NEVER, False),
        ("1.9.0", NEVER, False),
        ("1.9.5", NEVER, True),
        ("1.9.6", NEVER, True),
        ("2.0.0", NEVER, True),
        ("1.9.6", "0 0 29 2 *", False),
        ("1.9.6", "", False),
    ],
)
def test_a_schedule_that_never_comes_is_refused_where_the_server_refuses_it(
    version: str, schedule: str, is_refused: bool
) -> None:
    found = plan(resolved(stack_with_function(schedule=schedule)), facts=ServerFacts(version))
    assert [f"{NEVER!r} never runs, and Appwrite {version} refuses that" in each for each in said(found)] == [
        True
    ] * is_refused
    later = plan_between(stack_with_function(), stack_with_function(schedule=schedule), facts=ServerFacts(version))
    assert bool(later.refusals) is is_refused


def test_a_specification_that_the_server_does_not_offer_is_refused() -> None:
    found = plan(resolved(stack_with_function()), facts=offering(specifications={"s-2vcpu-2gb"}))
    assert "does not offer the specification 's-1vcpu-1gb' (it offers s-2vcpu-2gb)" in said(found)[0]


def test_a_server_that_does_not_say_is_trusted() -> None:
    assert plan(resolved(stack_with_function()), facts=offering()).refusals == ()


def test_an_update_to_a_runtime_that_is_not_offered_is_refused_for_the_server_would_take_it() -> None:
    found = plan_between(stack_with_function(), stack_with_function(timeout=9), facts=offering(runtimes={"node-22"}))
    assert len(found.refusals) == 1


def test_a_function_that_does_not_change_is_not_refused() -> None:
    found = plan_between(stack_with_function(), stack_with_function(), facts=offering(runtimes={"node-22"}))
    assert found.refusals == ()
