"""Why a change is made, as programs read it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from raceday_iac.drift import classify
from raceday_iac.model.address import Address, deployment_address
from raceday_iac.model.evidence import Answer
from raceday_iac.model.resource import Desired, Live, Migration, Resource, frozen
from raceday_iac.model.stack import Collection, Stack
from raceday_iac.planning import Plan, PlanOptions, Reason
from raceday_iac.planning.build import plan_destruction, plan_rollback
from raceday_iac.planning.migrations import plan_undo
from raceday_iac.planning.saved import SavedPlan, plan_document, restored, saved_plan, verify
from raceday_iac.provider import Snapshot
from raceday_iac.provider.protocol import Deployment
from raceday_iac.refresh.deployments import Classified, Role
from raceday_iac.render.drift_text import drift_document
from raceday_iac.state.document import Entry, MigrationRecord, Stage

from ..applied import NOTHING, live_as, plan, plan_between, state_of
from ..declaring import address, collection, function, resolved

PLANS = Path(__file__).parents[3] / "docs" / "plans.md"


def f(timeout: int = 60, **settings: Any) -> Desired:
    stack = Stack("test")
    function(stack, timeout=timeout, **settings)
    return resolved(stack)


def texts(*names: str, size: int = 10, moved: str = "", absent: str = "", forgotten: str = "") -> Stack:
    """A collection with texts, and an index over the first."""
    stack = Stack("test")
    owner = collection(stack)
    for name in names:
        owner.string(name, size=size)
    if names:
        owner.index("i", names[0])
    if moved:
        stack.moved(f"attribute.d/c/{moved}", f"attribute.d/c/{names[0]}")
    if absent:
        stack.absent(absent, reason="it is old")
    if forgotten:
        stack.forget(forgotten, reason="another team has it")
    return stack


def indexed(type_: str) -> Stack:
    """An index over an attribute of a type."""
    stack = Stack("test")
    owner = collection(stack)
    getattr(owner, type_)("a")
    owner.index("i", "a")
    return stack


def setting() -> Stack:
    """A setting that every project has."""
    stack = Stack("test")
    stack.auth_method("anonymous", enabled=False)
    return stack


def code(digest: str, **settings: Any) -> Desired:
    at = deployment_address("f")
    return f(**settings).with_resources({at: Resource(at, frozen({"digest": digest}), (address("function.f"),))})


def live(desired: Desired, **statuses: str) -> dict[Address, Live]:
    found = live_as(desired)
    for kind, status in statuses.items():
        (at,) = [each for each in found if each.kind == kind]
        found[at] = replace(found[at], status=status)
    return found


def with_stranger(desired: Desired) -> dict[Address, Live]:
    """Somebody's own index beside what is declared."""
    found, at = live_as(desired), address("index.d/c/strange")
    fields = {"type": "key", "attributes": ("a",), "orders": ("ASC",), "lengths": (0,)}
    return {**found, at: Live(at, frozen(fields), "strange")}


MIGRATION = address("migration.m")
RAN = MigrationRecord("0", Stage.DONE)


def migrating() -> Desired:
    """A migration that fills a required attribute."""
    stack = texts("a")
    Collection(stack, "d", "c").string("b", size=10, required=True)
    found = Migration(MIGRATION, "m.py", "", "0", before=(address("attribute.d/c/b"),), can_undo=True)
    return replace(resolved(stack), migrations={MIGRATION: found})


def destroyed() -> Plan:
    desired = f(variables={"K": "v"})
    return plan_destruction(
        "test", address("function.f"), desired, state_of(desired), Snapshot(live_as(desired)), lambda _: Answer(0)
    )


def back() -> Plan:
    at = deployment_address("f")
    state = state_of(code("1")).with_entry(Entry(at, frozen({"digest": "1"}), "new"))
    target = Classified(Deployment("old", "ready"), Role.PREVIOUS)
    return plan_rollback("test", state, Live(at, frozen({"digest": "1"}), "new"), target, "0")


CASES: dict[Reason, Callable[[], Plan]] = {
    Reason.DECLARED: lambda: plan(f()),
    Reason.LOST: lambda: plan(f(), state_of(f()), {}),
    Reason.STACK_CHANGED: lambda: plan(f(90), state_of(f()), live_as(f())),
    Reason.SERVER_CHANGED: lambda: plan(f(), state_of(f()), live_as(f(90))),
    Reason.BOTH_CHANGED: lambda: plan(f(90), state_of(f()), live_as(f(30))),
    Reason.DIFFERS: lambda: plan(f(), None, live_as(f(90))),
    Reason.EXISTS: lambda: plan(f(), None, live_as(f())),
    Reason.UNUSABLE: lambda: plan(
        resolved(texts("a")), state_of(resolved(texts("a"))), live(resolved(texts("a")), index="failed")
    ),
    Reason.OWNER_REPLACED: lambda: plan_between(
        texts("a"), texts("a"), plan_options=PlanOptions(replaced=frozenset({address("collection.d/c")}))
    ),
    Reason.DEPENDENCY_REPLACED: lambda: plan_between(indexed("integer"), indexed("boolean")),
    Reason.INTERRUPTED: lambda: plan(code("1"), state_of(code("1")), live(code("1"), deployment="unfinished")),
    Reason.AFTER_CODE: lambda: plan(code("1", schedule="0 9 * * *")),
    Reason.RENAMED: lambda: plan_between(texts("a"), texts("b", moved="a")),
    Reason.ABSENT: lambda: plan_between(texts("a"), texts(absent="index.d/c/i")),
    Reason.UNDECLARED: lambda: plan_between(texts("a"), texts()),
    Reason.FORGOTTEN: lambda: plan_between(texts("a"), texts(forgotten="index.d/c/i")),
    Reason.CODE_LEFT: lambda: plan(f(), state_of(code("1")), live_as(code("1"))),
    Reason.SETTING_LEFT: lambda: plan_between(setting(), Stack("test")),
    Reason.GONE: lambda: plan(resolved(NOTHING), state_of(f()), {}),
    Reason.NOT_OURS: lambda: plan(
        resolved(NOTHING), state_of(resolved(texts("a"))), with_stranger(resolved(texts("a")))
    ),
    Reason.REPLACE_ASKED: lambda: plan_between(
        texts("a"), texts("a"), plan_options=PlanOptions(replaced=frozenset({address("index.d/c/i")}))
    ),
    Reason.ROLLBACK_ASKED: back,
    Reason.DESTROY_ASKED: destroyed,
    Reason.NOT_RUN: lambda: plan(migrating()),
    Reason.AFTER_MIGRATION: lambda: plan(migrating(), state_of(resolved(texts("a"))), live_as(resolved(texts("a")))),
    Reason.UNDO_ASKED: lambda: plan_undo(
        "test", state_of(migrating()).with_migration(MIGRATION, RAN), migrating(), MIGRATION
    ),
}


@pytest.mark.parametrize("reason", [each for each in Reason if each is not Reason.NOT_SAVED])
def test_each_reason_arises_and_is_in_the_json_beside_a_sentence(reason: Reason) -> None:
    found = [each for each in plan_document(CASES[reason]())["changes"] if each["reasonCode"] == str(reason)]
    assert found
    assert all(each["reason"] for each in found)


def test_the_reference_explains_every_reason_and_no_other() -> None:
    rows = re.findall(r"^\| `([a-z-]+)` \|", PLANS.read_text(encoding="utf-8"), re.MULTILINE)
    named = [each for each in rows if each in set(Reason)]
    assert sorted(named) == sorted(Reason)


def test_drift_says_the_reason_of_each_verdict_and_change() -> None:
    found = plan(f(), state_of(f()), live_as(f(90)))
    document = drift_document(classify(found), found)
    assert [each["reasonCode"] for each in document["verdicts"]] == ["server-changed"]
    assert [each["reasonCode"] for each in document["drift"]] == ["server-changed"]


def saved(desired: Desired) -> SavedPlan:
    return saved_plan(plan(desired), desired, "http://e/v1", "p", "salt")


def test_a_saved_plan_keeps_the_reason() -> None:
    assert {each.why for each in restored(saved(f())).changes} == {Reason.DECLARED}


def test_a_plan_that_was_saved_without_reasons_still_counts() -> None:
    fresh = saved(f())
    older = [{name: each for name, each in change.items() if name != "reasonCode"} for change in fresh.changes]
    before = SavedPlan({**fresh.content, "changes": older})
    verify(before, fresh)
    assert {each.why for each in restored(before).changes} == {Reason.NOT_SAVED}
