"""Plans as people read them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from raceday_iac.diff import Cause, FieldChange, field_text
from raceday_iac.model.stack import Collection, Database, FromEnvironment, Stack
from raceday_iac.planning import Plan, PlanOptions
from raceday_iac.render.plan_text import field_lines, plan_lines

from ..applied import NOTHING, live_as, plan, plan_between, state_of
from ..declaring import address, collection, function, resolved, stack_with_function


def shown(of: Plan, **settings: Any) -> str:
    return "\n".join(line.text for line in plan_lines(of, "project p at http://x/v1", **settings))


def before() -> Stack:
    stack = Stack("test")
    owner = collection(stack)
    owner.string("a", 10)
    owner.string("b", 10)
    owner.index("i", "a")
    function(stack, timeout=840, scopes=["documents.read", "users.read"], variables={"K": "v"})
    return stack


def after() -> Stack:
    stack = Stack("test")
    owner = collection(stack)
    owner.string("a", 20)
    owner.integer("c")
    owner.integer("n")
    owner.index("i", "a")
    owner.index("j", "n")
    owner.relationship("r", "c", type="oneToOne", two_way_key="back")
    function(stack, timeout=150, scopes=["documents.read", "documents.write"], variables={"L": "w"})
    stack.database("e", name="E").collection("c", name="C").boolean("x")
    stack.absent("function.old", reason="replaced by f")
    return stack


def changed(**settings: Any) -> Plan:
    old, new = resolved(before()), resolved(after())
    real = live_as(old) | live_as(resolved(other()))
    return plan(new, state_of(old), real, **settings)


def other() -> Stack:
    """Live, but not in the state: a function that has to go, and one that is nobody's."""
    stack = Stack("test")
    function(stack, "old")
    function(stack, "foreign")
    return stack


GOLDEN = """\
Plan for environment test (project p at http://x/v1)

  + create database.e
        name: "E"
        enabled: true
  + create collection.e/c with 1 attribute
        name: "C"
        permissions: []
        documentSecurity: false
        enabled: true
        x  boolean
  ~ update attribute.d/c/a: the stack changed
        size: 10 → 20
  ~ update function.f: the stack changed
        timeout: 840 → 150
        scopes: +"documents.write" -"users.read"
  + create variable.f/L
        value: "w"
        secret: false
  - delete variable.f/K: the stack no longer declares it
  - delete function.old: replaced by f
  - delete attribute.d/c/b: the stack no longer declares it
  + in collection.d/c: 2 attributes, 1 relationship, 1 index
        c  integer
        n  integer
        r  relationship oneToOne    relatedCollection: "c", twoWayKey: "back", onDelete: "restrict"
        j  index key                attributes: ["n"], orders: ["ASC"]

Plan: 8 to create, 2 to update, 3 to delete.
    database      1 create
    collection    1 create
    attribute     3 create, 1 update, 1 delete
    relationship  1 create
    index         1 create
    function      1 update, 1 delete
    variable      1 create, 1 delete

Note: relationship.d/c/r: documents cannot set it: in a relationship of a collection with itself, Appwrite knows \
only the two_way_key in documents, which needs two_way=True

Unmanaged: live, but neither declared nor managed; left alone
    function.foreign"""


def test_a_plan_reads_like_this() -> None:
    assert shown(changed()) == GOLDEN


def test_in_full_every_attribute_has_its_line() -> None:
    text = shown(changed(), verbose=True)
    for at in ("attribute.d/c/n", "relationship.d/c/r", "index.d/c/j", "attribute.e/c/x"):
        assert f"  + create {at}" in text
    assert "with 1 attribute" not in text


def test_nothing_to_do_is_said_in_one_line() -> None:
    assert shown(plan_between(before(), before())) == (
        "Plan for environment test (project p at http://x/v1)\n\nNo changes. Appwrite matches the configuration."
    )


def test_a_refusal_is_shown_last_with_what_would_allow_it() -> None:
    lines = shown(changed(documents=7)).splitlines()
    assert lines[-3:] == [
        "Refused (1): nothing will be applied until this is resolved",
        "  ✗ delete of attribute.d/c/b is refused: 7 documents would lose its values (the stack no longer declares it)",
        "    → to allow it: --allow-data-loss attribute.d/c/b=7",
    ]


def test_drift_is_called_so() -> None:
    desired = resolved(stack_with_function(timeout=60))
    text = shown(plan(desired, state_of(desired), live_as(resolved(stack_with_function(timeout=90)))))
    assert "  ~ update function.f: it was changed on the server (drift)\n        timeout: 90 → 60" in text


def test_a_conflict_says_what_was_last_applied() -> None:
    new, old, live = (resolved(stack_with_function(timeout=each)) for each in (1, 2, 3))
    assert "timeout: 3 → 1   (last applied 2)" in shown(plan(new, state_of(old), live_as(live)))


def test_what_drifted_inside_a_collection_is_not_folded_away() -> None:
    desired = resolved(before())
    real = live_as(desired)
    del real[address("index.d/c/i")]
    assert "  + create index.d/c/i: it was deleted on the server (drift)" in shown(
        plan(desired, state_of(desired), real)
    )


def test_adopted_members_are_folded_into_their_collection() -> None:
    desired = resolved(before())
    text = shown(plan(desired, None, live_as(desired)))
    assert "  = adopt collection.d/c with 2 attributes, 1 index" in text
    assert "attribute.d/c/a" not in text


def test_a_replacement_shows_why_it_cannot_be_an_update() -> None:
    stack = Stack("test")
    owner = collection(stack)
    owner.string("a", 10, array=True)
    text = shown(plan_between(before(), stack))
    assert "  ± replace attribute.d/c/a: the stack changed; Appwrite cannot change array in place" in text


def test_no_secret_is_shown_neither_old_nor_new() -> None:
    stack = stack_with_function(variables={"K": FromEnvironment("NAME")})
    old, new = (resolved(stack, variables={"NAME": value}) for value in ("old-hidden", "new-hidden"))
    text = shown(plan(new, state_of(old), live_as(old)), verbose=True)
    assert "value: *** → ***" in text
    assert "hidden" not in text


def test_a_plain_value_that_becomes_secret_is_not_shown() -> None:
    old = resolved(stack_with_function(variables={"K": "was-plain"}))
    new = resolved(stack_with_function(variables={"K": FromEnvironment("NAME")}), variables={"NAME": "new-hidden"})
    text = shown(plan(new, state_of(old), live_as(old)))
    assert "secret: false → true" in text
    assert "was-plain" not in text
    assert "hidden" not in text


@pytest.mark.parametrize(
    ("before", "after", "text"),
    [
        (1, 2, "f: 1 → 2"),
        (None, "x", 'f: null → "x"'),
        (True, False, "f: true → false"),
        ("", "ä", 'f: "" → "ä"'),
        (("a", "b"), ("b", "c"), 'f: [0]: "a" → "b", [1]: "b" → "c"'),
        (("a", "b"), ("b", "a"), 'f: [0]: "a" → "b", [1]: "b" → "a"'),
        (("a", "b", "c", "d"), ("d", "a", "b", "c"), 'f: [3]: "d" moves to [0]'),
        (("ASC", "ASC"), ("ASC", "DESC"), 'f: [1]: "ASC" → "DESC"'),
        ((), ("a",), 'f: +[0]: "a"'),
        ({"host": "x", "a b": 1}, {"host": "y", "a b": 1}, 'f: host: "x" → "y"'),
        ({"a b": ({"on": True},)}, {"a b": ({"on": False},)}, 'f: ["a b"][0].on: true → false'),
        ('{"v": 1, "w": 2}', '{"v": 2}', "f: v: 1 → 2, -w: 2"),
        ('{"v": 1}', '{"v":1}', """f: '{"v": 1}' → '{"v":1}'"""),
        ("a\nb", "\x1b[31m", 'f: "a\\nb" → "\\u001b[31m"'),
    ],
)
def test_a_field_is_shown_by_what_differs_in_it(before: Any, after: Any, text: str) -> None:
    assert field_text(FieldChange("f", before, after, None, Cause.CONFIG)) == text


def test_of_a_set_what_comes_and_goes_is_shown() -> None:
    shown_as = field_text(FieldChange("f", ("a", "b"), ("b", "c"), None, Cause.CONFIG, is_set=True))
    assert shown_as == 'f: +"c" -"a"'


def test_a_conflict_shows_what_was_last_applied() -> None:
    assert field_text(FieldChange("f", ("a",), ("b",), ("c",), Cause.CONFLICT, is_set=True)) == (
        'f: +"b" -"a"   (last applied ["c"])'
    )


@pytest.mark.parametrize(("length", "lines"), [(1, 1), (8, 1), (9, 11)])
def test_many_parts_stand_below_each_other(length: int, lines: int) -> None:
    field = FieldChange("scopes", tuple(f"{n:08}" for n in range(length)), ("x",), None, Cause.CONFIG, is_set=True)
    found = [each.text for each in field_lines(field, direction="here → there")]
    assert len(found) == lines
    assert found[0].endswith("   (here → there)")
    assert [each.strip() for each in found[1:]] == (
        ['+"x"', *(f'-"{n:08}"' for n in range(length))] if lines > 1 else []
    )


def test_every_line_has_text_without_line_breaks() -> None:
    stack = after()
    Collection(stack, "d", "c").string("weird", 10, default="a\nb")
    assert all("\n" not in line.text for line in plan_lines(plan_between(NOTHING, stack), "x", verbose=True))


# Parts.


def partial(*, targets: tuple[str, ...] = (), excluded: tuple[str, ...] = ()) -> Plan:
    plan_options = PlanOptions(targets=frozenset(map(address, targets)), excluded=frozenset(map(address, excluded)))
    return changed(plan_options=plan_options)


PART = """\
Plan for environment test (project p at http://x/v1)

  + create attribute.d/c/n: the stack declares it (needed by index.d/c/j)
        integer
  + in collection.d/c: 1 index
        j  index key    attributes: ["n"], orders: ["ASC"]

Plan: 2 to create.
    attribute  1 create
    index      1 create

Left out (11): not part of this plan
    create database.e
    create collection.e/c
    update attribute.d/c/a
    create attribute.d/c/c
    create attribute.e/c/x
    create relationship.d/c/r
    update function.f
    create variable.f/L
    delete variable.f/K
    delete function.old
    delete attribute.d/c/b

Unmanaged: live, but neither declared nor managed; left alone
    function.foreign"""


def test_a_part_of_a_plan_names_what_it_pulls_in_and_what_it_leaves_out() -> None:
    assert shown(partial(targets=("index.d/c/j",))) == PART


def test_nothing_to_do_in_a_part_does_not_say_that_all_is_done() -> None:
    text = shown(partial(excluded=("database.d", "database.e", "function.f", "function.old")))
    assert "No changes in the selected part of the plan." in text


def test_nothing_to_refresh_says_so() -> None:
    desired = resolved(before())
    found = plan(desired, state_of(desired), live_as(desired), plan_options=PlanOptions(refresh_only=True))
    assert "No changes. The state matches Appwrite." in shown(found)


def test_a_refresh_is_shown_with_what_the_state_said_and_what_is_live() -> None:
    desired = resolved(stack_with_function(timeout=60))
    live = live_as(resolved(stack_with_function(timeout=90)))
    text = shown(plan(desired, state_of(desired), live, plan_options=PlanOptions(refresh_only=True)))
    assert "  ≈ refresh function.f: it was changed on the server (drift)\n        timeout: 60 → 90" in text
    assert "Plan: 1 to refresh in the state." in text


DELETED = """\
Plan for environment test (project p at http://x/v1)

  - delete function.f: the stack no longer declares it
  - delete database.d: the stack no longer declares it
  - delete collection.d/c (with database.d) with 2 attributes, 1 index: the stack no longer declares it
  - delete collection.d/theirs (with database.d): live, but neither declared nor managed
  - delete attribute.d/theirs/x (with database.d): live, but neither declared nor managed
  - delete variable.f/K (with function.f): the stack no longer declares it

Plan: 9 to delete.
    database    1 delete
    collection  2 delete
    attribute   3 delete
    index       1 delete
    function    1 delete
    variable    1 delete"""


def all_goes() -> Plan:
    """Everything is deleted, also what somebody else has made in the database."""
    theirs = before()
    Database(theirs, "d").collection("theirs", name="T").integer("x")
    real = live_as(resolved(theirs))
    return replace(plan(resolved(NOTHING), state_of(resolved(before())), real), refusals=())


def test_what_goes_with_its_owner_is_called_deleted_and_what_nobody_declares_is_named() -> None:
    assert shown(all_goes()) == DELETED
