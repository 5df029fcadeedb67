"""What a plan says of what it creates: all of it, until nobody could read it."""

from __future__ import annotations

import json

import pytest

from raceday_iac.model.stack import FromEnvironment, Stack
from raceday_iac.planning import Action, Plan
from raceday_iac.planning.saved import plan_document, read_plan, restored, saved_plan
from raceday_iac.render.created import FOLD, ROWS
from raceday_iac.render.lines import Line, fitting
from raceday_iac.render.plan_page import plan_page
from raceday_iac.render.plan_text import plan_lines, plan_markdown, saved_lines

from ..applied import NOTHING, live_as, plan, plan_between, state_of
from ..declaring import collection, function, resolved

SECRET = "hidden-value"
ROLES = ['read("any")', 'create("users")', 'update("team:editors")', 'delete("team:editors/owner")']


def shop() -> Stack:
    """One of every kind that a plan creates, with every setting that says something."""
    stack = Stack("shop")
    database = stack.database("shop", name="Shop")
    orders = database.collection("orders", name="Orders", permissions=ROLES, document_security=True)
    orders.string("customer", 36, required=True)
    orders.string("tags", 20, array=True)
    orders.integer("quantity", required=True, min=1, max=100)
    orders.float("weight", default=0.5)
    orders.boolean("gift", default=False)
    orders.datetime("orderedAt", required=True)
    orders.email("email", required=True)
    orders.enum("status", ["open", "paid", "packed", "sent", "returned", "cancelled"], default="open")
    orders.index("by_customer", "customer", "orderedAt", orders=["ASC", "DESC"])
    lines = database.collection("lines", name="Lines")
    lines.relationship("order", "orders", type="manyToOne", two_way_key="lines")
    function(
        stack,
        "checkout",
        execute=["users", "team:editors"],
        events=["databases.*.collections.*.documents.*.create"],
        schedule="*/15 8-20 * * 1-5",
        scopes=["documents.read", "documents.write", "users.read"],
        variables={"CURRENCY": "EUR", "KEY": FromEnvironment("NAME")},
    )
    return stack


def between(before: Stack, after: Stack) -> Plan:
    old, new = (resolved(each, variables={"NAME": SECRET}) for each in (before, after))
    return plan(new, state_of(old), live_as(old))


def creation() -> Plan:
    return between(NOTHING, shop())


def text(of: Plan, width: int = 200, **settings: bool) -> str:
    lines = fitting(plan_lines(of, "project shop at https://appwrite.example/v1", **settings), width)
    return "".join(f"{line.text}\n" for line in lines)


def test_every_form_says_every_value_and_no_secret() -> None:
    found = creation()
    forms = [
        text(found),
        plan_markdown(found, "here"),
        plan_page(found, "here"),
        json.dumps(plan_document(found)),
        saved_plan(found, resolved(shop(), variables={"NAME": SECRET}), "http://x/v1", "shop", "salt").to_text(),
    ]
    for form in forms:
        assert SECRET not in form
        for said in ("team:editors/owner", "*/15 8-20 * * 1-5", "users.read", "cancelled", "EUR", "***", "manyToOne"):
            assert said in form, said


def test_a_saved_plan_shows_the_same_values() -> None:
    found = creation()
    desired = resolved(shop(), variables={"NAME": SECRET})
    saved = read_plan(saved_plan(found, desired, "http://x/v1", "shop", "salt").to_text(), "file")
    assert [json.dumps(dict(each.values), sort_keys=True) for each in restored(saved).changes] == [
        json.dumps(dict(each.values), sort_keys=True) for each in found.changes
    ]
    shown = "\n".join(line.text for line in saved_lines(saved))
    assert '        execute: ["team:editors", "users"]' in shown
    assert "        string(36) required" in shown


def many(number: int) -> Plan:
    stack = Stack("test")
    for each in range(number):
        function(stack, f"f{each}", execute=["users"], scopes=["users.read"], commands="make")
    return plan_between(NOTHING, stack)


@pytest.mark.parametrize(("number", "is_whole"), [(FOLD, True), (FOLD + 1, False)])
def test_above_a_limit_only_what_nobody_may_overlook_is_left(number: int, is_whole: bool) -> None:
    shown = text(many(number))
    assert ("commands" in shown) == is_whole
    for name in ('execute: ["users"]', 'scopes: ["users.read"]', "events: []", 'schedule: ""'):
        assert shown.count(name) == number
    assert ("commands" in plan_markdown(many(number), "here")) == is_whole
    assert text(many(number), verbose=True).count("commands") == number


@pytest.mark.parametrize(("number", "is_whole"), [(ROWS, True), (ROWS + 1, False)])
def test_the_table_of_a_collection_is_folded_above_a_limit_of_its_own(number: int, is_whole: bool) -> None:
    stack = Stack("test")
    owner = collection(stack)
    for each in range(number):
        owner.integer(f"a{each}", min=7)
    found = plan_between(NOTHING, stack)
    assert (f"with {number} attributes" in text(found), "min: 7" in text(found)) == (True, is_whole)
    assert ("min: 7" in plan_page(found, "here")) == is_whole


def test_only_creations_have_values() -> None:
    before, after = shop(), shop()
    function(before, "old")
    function(after, "old", timeout=77)
    found = between(before, after)
    assert [each.action for each in found.changes] == [Action.UPDATE]
    assert not found.changes[0].values


@pytest.mark.parametrize("width", [40, 80])
def test_long_lines_go_on_below_between_words_and_commands_stay_whole(width: int) -> None:
    words = "    this is a sentence that is a good deal longer than a narrow terminal, and that has to go on below it"
    shown = [line.text for line in fitting([Line(words, "red")], width)]
    assert max(map(len, shown)) <= width
    assert all(each.startswith("        ") for each in shown[1:])
    assert " ".join(each.strip() for each in shown) == words.strip()
    command = f"    → see it there: raceday-iac logs {'x' * 100} --execution 1"
    assert [line.text for line in fitting([Line(command)], width)] == [command]
