"""Collections that are replaced, with all that lies in them: what heals one whose schema Appwrite has lost."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from raceday_iac.applying.scheduler import make_steps
from raceday_iac.model.address import Address
from raceday_iac.model.evidence import Answer, Ask
from raceday_iac.model.resource import Desired, Live, frozen
from raceday_iac.model.stack import Stack
from raceday_iac.planning import Action, Plan, PlanOptions

from ..applied import actions, change, live_as, plan, precedes, state_of
from ..declaring import address, resolved

C = "collection.d/c"


def stack(*, extra: bool = False, owned: bool = False, required: bool = False) -> Stack:
    """Collection `c` refers to `b` and `a` to `c`. `extra`: an attribute more in `c`; `owned`: a relationship more to
    it."""
    found = Stack("test")
    db = found.database("d", name="D")
    a, b, c = (db.collection(name, name=name.upper()) for name in "abc")
    c.string("text", 10, required=required)
    c.index("unique", "text", type="unique")
    c.relationship("to_b", "b", type="manyToOne")
    a.string("text", 10)
    a.relationship("to_c", "c", type="manyToOne")
    if extra:
        c.string("more", 10)
    if owned:
        b.relationship("to_c", "c", type="manyToOne")
    return found


def replaced_plan(
    before: Stack | None = None,
    *strange: Live,
    targets: Sequence[str] = (),
    excluded: Sequence[str] = (),
    allowed: int | None = None,
    documents: int = 0,
) -> Plan:
    """The plan that replaces `c` in a project where the stack, or the one given, was applied."""
    old = resolved(before or stack())
    real = live_as(old) | {each.address: each for each in strange}
    plan_options = PlanOptions(
        {address(C): Answer(allowed)} if allowed is not None else {},
        frozenset(map(address, targets)),
        frozenset(map(address, excluded)),
        frozenset({address(C)}),
    )
    return plan(resolved(stack()), state_of(old), real, documents=documents, plan_options=plan_options)


def test_all_that_lies_in_it_is_created_again_and_what_leads_to_it_made_again() -> None:
    assert actions(replaced_plan()) == {
        C: "replace",
        "attribute.d/c/text": "create",
        "index.d/c/unique": "create",
        "relationship.d/c/to_b": "create",
        "relationship.d/a/to_c": "replace",
    }
    assert change(replaced_plan(), "attribute.d/c/text").reason == f"it lies in {C}, which is replaced"
    assert change(replaced_plan(), "relationship.d/a/to_c").reason == f"it refers to {C}, which is replaced"


def test_relationships_to_it_go_before_and_come_after() -> None:
    steps = {
        each.key: each for each in make_steps(replaced_plan().changes, resolved(stack()), live_as(resolved(stack())))
    }
    assert "removal:replace:relationship.d/a/to_c" in steps[f"removal:replace:{C}"].requires
    assert f"replace:{C}" in steps["replace:relationship.d/a/to_c"].requires
    assert steps["create:attribute.d/c/text"].turn.together


def test_its_documents_are_counted_and_nothing_else_of_it() -> None:
    found = replaced_plan(documents=3)
    asked = {(str(each.place), each.ask) for each in found.evidence}
    assert asked == {(C, Ask.DOCUMENTS), (C, Ask.UNMANAGED), ("collection.d/a", Ask.DOCUMENTS)}
    assert [str(each.address) for each in found.refusals] == ["relationship.d/a/to_c", C] or [
        str(each.address) for each in found.refusals
    ] == [C, "relationship.d/a/to_c"]


@pytest.mark.parametrize(("allowed", "refused"), [(2, True), (3, False)])
def test_the_permission_names_its_documents(allowed: int, refused: bool) -> None:
    found = replaced_plan(documents=3, allowed=allowed)
    assert (C in {str(each.address) for each in found.refusals}) == refused


def test_without_documents_no_permission_is_needed() -> None:
    assert not replaced_plan().refusals


def test_what_is_ours_and_no_longer_declared_goes_with_it() -> None:
    found = change(replaced_plan(stack(extra=True)), "attribute.d/c/more")
    assert (found.action, found.goes_with, found.touches_server) == (Action.DELETE, address(C), False)


def test_a_relationship_that_is_no_longer_declared_goes_before_it() -> None:
    found = replaced_plan(stack(owned=True))
    assert change(found, "relationship.d/b/to_c").deletes
    assert precedes(found, "delete:relationship.d/b/to_c", f"replace:{C}")


@pytest.mark.parametrize("owned", [False, True])
def test_no_step_waits_for_itself(owned: bool) -> None:
    old, new = resolved(stack(owned=owned)), resolved(stack())
    found = plan(new, state_of(old), live_as(old), plan_options=PlanOptions(replaced=frozenset({address(C)})))
    waiting = {each.key: each.requires | each.after for each in make_steps(found.changes, new, live_as(old))}
    while startable := [key for key, before in waiting.items() if not before & waiting.keys()]:
        waiting = {key: before for key, before in waiting.items() if key not in startable}
    assert not waiting


def test_what_is_nobodys_goes_with_it_and_is_counted() -> None:
    strange = Live(
        Address("attribute", "d/c/strange"), live_as(resolved(stack()))[address("attribute.d/c/text")].fields
    )
    found = replaced_plan(None, strange)
    assert change(found, "attribute.d/c/strange").goes_with == address(C)
    (refusal,) = found.refusals
    assert "1 undeclared thing would be deleted with it (attribute.d/c/strange)" in refusal.message


def test_a_part_of_it_is_never_made_again_alone() -> None:
    found = replaced_plan(targets=["attribute.d/c/text"])
    assert set(actions(found)) == set(actions(replaced_plan()))


@pytest.mark.parametrize("excluded", ["attribute.d/c/text", "index.d/c/unique", "relationship.d/a/to_c", C])
def test_it_is_not_made_again_where_something_of_it_is_excluded(excluded: str) -> None:
    assert actions(replaced_plan(excluded=[excluded])) == {}


def test_a_collection_that_is_not_there_is_created() -> None:
    desired = resolved(stack())
    found = plan(desired, None, {}, plan_options=PlanOptions(replaced=frozenset({address(C)})))
    assert set(actions(found).values()) == {"create"}


def test_protected_documents_stay() -> None:
    declared = stack()
    declared.protect("attribute.d/c/text", reason="dear")
    desired = resolved(declared)
    found = plan(
        desired, state_of(desired), live_as(desired), plan_options=PlanOptions(replaced=frozenset({address(C)}))
    )
    assert [str(each.address) for each in found.refusals] == [C]


def test_a_conversion_inside_is_left_to_the_creation() -> None:
    declared = stack()
    declared.convert("attribute.d/c/text")
    desired = resolved(declared)
    real = live_as(desired)
    at = address("attribute.d/c/text")
    real[at] = Live(at, frozen({**real[at].fields, "size": 5000, "type": "email"}))
    found = plan(desired, state_of(desired), real, plan_options=PlanOptions(replaced=frozenset({address(C)})))
    assert actions(found)["attribute.d/c/text"] == "create"


def test_what_is_stuck_in_it_is_not_waited_for() -> None:
    desired: Desired = resolved(stack())
    real = live_as(desired)
    at = address("attribute.d/c/text")
    real[at] = Live(at, real[at].fields, status="processing")
    found = plan(desired, state_of(desired), real, plan_options=PlanOptions(replaced=frozenset({address(C)})))
    assert "left:d/c" not in {each.key for each in make_steps(found.changes, desired, real)}
