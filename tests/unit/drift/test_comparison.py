"""Two environments beside each other: what differs, and whether that was meant."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from raceday_iac.comparison import Comparison, Side, Stand, compare_sides, declared_side, live_side, planned_side
from raceday_iac.errors import EXIT_CHANGES, EXIT_DRIFT, EXIT_DRIFT_AND_CHANGES, EXIT_OK, ProviderError
from raceday_iac.model.address import Address
from raceday_iac.model.resource import Desired, Live, frozen
from raceday_iac.model.secret import Lenient, Secret
from raceday_iac.model.server import ServerFacts
from raceday_iac.model.stack import FromEnvironment, Stack
from raceday_iac.planning.saved import read_plan, saved_plan
from raceday_iac.provider import Snapshot
from raceday_iac.render.comparison_text import (
    comparison_document,
    comparison_lines,
    comparison_markdown,
    comparison_page,
)
from raceday_iac.state.document import Entry, State, new_state

from ..applied import NOTHING, live_as, plan, state_of
from ..declaring import address, collection, function, resolved, stack_with_function
from ..render.test_every_kind import desired as every_kind

GOLDEN = Path(__file__).parents[2] / "data" / "golden"


def side(
    name: str,
    wanted: Desired,
    applied: Desired | None = None,
    live: Desired | Mapping[Address, Live] | None = None,
    *,
    salt: str = "salt",
    version: str = "1.9.6",
    unread: Mapping[str, ProviderError] | None = None,
) -> Side:
    """An environment: what its stack says, what was applied there (the same), what is live (what was applied)."""
    before = applied or wanted
    real = live_as(live or before) if live is None or isinstance(live, Desired) else dict(live)
    state = replace(salted(before, salt), serial=1)
    snapshot = Snapshot(real, ServerFacts(version), unread=unread or {})
    return live_side(name, "", wanted, state, snapshot, plan(wanted, state, real, facts=snapshot.facts))


def salted(desired: Desired, salt: str) -> State:
    """Of each environment the state has a salt of its own."""
    state = replace(state_of(desired), salt=salt)
    for at, resource in desired.resources.items():
        value = resource.fields.get("value")
        if isinstance(value, Secret):
            kept = frozen({"secret": True, "fingerprint": value.fingerprint(salt)})
            state = state.with_entry(Entry(at, kept, f"id-{at.name}"))
    return state


def timed(seconds: int, **more: Any) -> Desired:
    return resolved(stack_with_function(timeout=seconds, **more))


def reasons(found: Comparison) -> dict[str, str]:
    """By address with the names of its fields, why it differs."""
    return {
        " ".join([str(each.address), *(field.name for field in each.fields)]): found.why(each) for each in found.items
    }


def test_two_that_are_alike_are_the_same() -> None:
    found = compare_sides(side("dev", timed(60)), side("prod", timed(60)))
    assert (found.items, found.uncompared, found.exit_code) == ((), (), EXIT_OK)


@pytest.mark.parametrize(
    ("first", "second", "why", "code"),
    [
        # Each of a side: what the stack says, what was applied, what is live.
        ((1, 1, 1), (2, 2, 2), "as declared", EXIT_OK),
        ((1, 1, 9), (1, 1, 1), "dev drifted", EXIT_DRIFT),
        ((1, 1, 1), (1, 1, 9), "prod drifted", EXIT_DRIFT),
        ((1, 1, 8), (1, 1, 9), "both drifted", EXIT_DRIFT),
        ((2, 2, 2), (2, 1, 1), "not applied in prod", EXIT_CHANGES),
        ((2, 1, 1), (2, 2, 2), "not applied in dev", EXIT_CHANGES),
        ((2, 1, 1), (4, 3, 3), "not applied in either", EXIT_CHANGES),
        ((2, 1, 1), (2, 2, 9), "not applied in dev; prod drifted", EXIT_DRIFT_AND_CHANGES),
        # The stack and somebody on the server, each another value.
        ((2, 1, 9), (2, 2, 2), "dev drifted", EXIT_DRIFT),
    ],
)
def test_a_field_says_why_it_differs(
    first: tuple[int, int, int], second: tuple[int, int, int], why: str, code: int
) -> None:
    sides = [side(name, *map(timed, values)) for name, values in (("dev", first), ("prod", second))]
    found = compare_sides(*sides)
    assert reasons(found) == {"function.f timeout": why}
    assert found.exit_code == code
    (item,) = found.items
    assert [(each.before, each.after) for each in item.fields] == [(first[2], second[2])]


def test_what_both_drifted_to_alike_is_no_difference() -> None:
    assert compare_sides(side("dev", timed(1), None, timed(9)), side("prod", timed(1), None, timed(9))).items == ()


def test_fields_that_differ_for_other_reasons_are_items_of_their_own() -> None:
    dev = side("dev", timed(1, commands="x"))
    prod = side("prod", timed(2, commands="x"), None, timed(2, commands="y"))
    assert reasons(compare_sides(dev, prod)) == {
        "function.f timeout": "as declared",
        "function.f commands": "prod drifted",
    }


def test_exact_counts_what_is_declared_so() -> None:
    sides = side("dev", timed(1)), side("prod", timed(2))
    assert compare_sides(*sides, exact=True).exit_code == EXIT_CHANGES


def test_what_is_only_on_one_side_says_why() -> None:
    plain, more = stack_with_function(), stack_with_function()
    function(more, "g")
    both, fewer = resolved(more), resolved(plain)
    at = address("function.g")
    without = {key: each for key, each in live_as(both).items() if key != at}
    dev = side("dev", both)
    for prod, why, code in (
        (side("prod", fewer), "as declared", EXIT_OK),
        (side("prod", both, fewer, fewer), "not applied in prod", EXIT_CHANGES),
        (side("prod", both, both, without), "prod drifted", EXIT_DRIFT),
    ):
        found = compare_sides(dev, prod)
        assert reasons(found) == {"function.g": why}
        assert (found.items[0].only, found.exit_code) == ("dev", code)


def test_what_is_to_be_deleted_is_not_applied_where_it_still_is() -> None:
    before = stack_with_function()
    function(before, "old")
    after = resolved(stack_with_function())
    found = compare_sides(side("dev", after), side("prod", after, resolved(before)))
    assert reasons(found) == {"function.old": "not applied in prod"}
    assert found.items[0].only == "prod"


def test_what_nobody_manages_does_not_count() -> None:
    foreign = stack_with_function()
    function(foreign, "theirs")
    desired = resolved(stack_with_function())
    found = compare_sides(side("dev", desired), side("prod", desired, desired, resolved(foreign)))
    assert [str(each.address) for each in found.unmanaged] == ["function.theirs"]
    assert (found.exit_code, found.drifted, found.pending, found.declared) == (EXIT_OK, (), (), ())
    twice = compare_sides(*(side(each, desired, desired, resolved(foreign)) for each in ("dev", "prod")))
    assert twice.items == ()


def test_what_lies_in_something_missing_is_folded_into_it() -> None:
    stack = Stack("test")
    collection(stack).integer("number")
    desired, none = resolved(stack), resolved(NOTHING)
    found = compare_sides(side("dev", desired), side("prod", desired, none, none))
    lines = [line.text for line in comparison_lines(found, verbose=False)]
    assert "  < database.d with 1 collection, 1 attribute is only in dev: not applied in prod" in lines
    assert not any("attribute.d/c/number" in each for each in lines)
    verbose = [line.text for line in comparison_lines(found, verbose=True)]
    assert "  < attribute.d/c/number is only in dev: not applied in prod" in verbose


def secret(value: str) -> Desired:
    """A function with one; without a value, its variable is not set here."""
    stack = stack_with_function(variables={"K": FromEnvironment("NAME")})
    return resolved(stack, variables={"NAME": value} if value else Lenient({"OTHER": ""}))


def test_secrets_are_compared_by_fingerprint_although_each_state_has_its_own_key() -> None:
    one, other = secret("one"), secret("other")
    dev = side("dev", one, salt="a")
    assert compare_sides(dev, side("prod", one, salt="b")).items == ()
    found = compare_sides(dev, side("prod", one, other, salt="b"))
    assert reasons(found) == {"variable.f/K value": "not applied in prod"}
    assert [(each.before, each.after) for each in found.items[0].fields] == [("***", "***")]


def test_a_secret_that_nobody_knows_here_is_not_compared() -> None:
    unknown, one = secret(""), secret("one")
    found = compare_sides(side("dev", unknown, one, salt="a"), side("prod", unknown, one, salt="b"))
    assert found.items == ()
    assert found.uncompared == ("variable.f/K: whether value is the same secret cannot be compared",)
    alike = compare_sides(side("dev", unknown, one, salt="a"), side("prod", unknown, one, salt="a"))
    assert (alike.items, alike.uncompared) == ((), ())


def test_a_value_that_is_secret_on_one_side_alone_is_not_shown() -> None:
    plain = resolved(stack_with_function(variables={"K": "in-the-open"}))
    found = compare_sides(side("dev", secret("one")), side("prod", plain))
    assert reasons(found) == {"variable.f/K value secret": "as declared"}
    assert "in-the-open" not in json.dumps(comparison_document(found))


def test_kinds_that_one_server_does_not_have_are_said_and_not_compared() -> None:
    stack = stack_with_function()
    stack.webhook("w", name="W", url="https://example.org", events=["users.*.create"])
    desired = resolved(stack)
    none = {at: each for at, each in live_as(desired).items() if at.kind != "webhook"}
    unread = {"webhook": ProviderError("Appwrite 1.8.1 has no webhooks.")}
    found = compare_sides(side("dev", desired), side("prod", desired, desired, none, unread=unread))
    assert found.items == ()
    assert found.uncompared == ("webhook: prod: Appwrite 1.8.1 has no webhooks.",)


def test_servers_of_two_ages_are_compared_in_the_words_of_the_newer() -> None:
    desired = timed(60, specification="s-1vcpu-1gb")
    at = address("function.f")
    newer = live_as(desired)
    fields = dict(newer[at].fields)
    size = fields.pop("specification")
    newer[at] = replace(newer[at], fields=frozen({**fields, "buildSpecification": size, "runtimeSpecification": size}))
    found = compare_sides(side("dev", desired, version="1.8.1"), side("prod", desired, desired, newer))
    assert found.items == ()
    other = {**fields, "buildSpecification": size, "runtimeSpecification": "s-2vcpu-2gb"}
    changed = {**newer, at: replace(newer[at], fields=frozen(other))}
    found = compare_sides(side("dev", desired, version="1.8.1"), side("prod", desired, desired, changed))
    assert [each.fields[0].name for each in found.items] == ["runtimeSpecification"]


def test_ignored_fields_are_left_to_others_here_too() -> None:
    stack = stack_with_function(timeout=1)
    stack.ignore("function.f", "timeout")
    desired = resolved(stack)
    assert compare_sides(side("dev", desired), side("prod", desired, desired, timed(9))).items == ()


def test_a_rename_that_is_not_applied_is_one_line() -> None:
    before, after = Stack("test"), Stack("test")
    collection(before).string("old", 20)
    collection(after).string("new", 20)
    after.moved("attribute.d/c/old", "attribute.d/c/new")
    new, old = resolved(after), resolved(before)
    found = compare_sides(side("dev", new), side("prod", new, old))
    assert reasons(found) == {"attribute.d/c/new address": "not applied in prod"}
    assert found.items[0].fields[0].after == "attribute.d/c/old"


def test_a_broken_attribute_is_a_difference() -> None:
    stack = Stack("test")
    collection(stack).string("a", 20)
    desired = resolved(stack)
    at = address("attribute.d/c/a")
    broken = {**live_as(desired), at: replace(live_as(desired)[at], status="failed")}
    found = compare_sides(side("dev", desired), side("prod", desired, desired, broken))
    assert [each.fields[0].name for each in found.items] == ["status"]
    assert found.exit_code == EXIT_CHANGES


def test_without_a_state_it_is_said_that_nobody_knows_what_drifted() -> None:
    desired = timed(1)
    real = live_as(timed(2))
    fresh = new_state()
    new = live_side("dev", "", desired, fresh, Snapshot(real, ServerFacts("1.9.6")), plan(desired, fresh, real))
    found = compare_sides(new, side("prod", desired))
    assert reasons(found)["function.f timeout"] == "not applied in dev"
    assert found.notes == ("dev has no state yet: its drift counts as not applied",)


def test_every_kind_is_the_same_as_itself() -> None:
    desired = every_kind()
    found = compare_sides(side("dev", desired), side("prod", desired, salt="b"))
    assert (found.items, found.uncompared) == ((), ())


# Against what is not live: a commit's stack, a saved plan.


def test_against_a_commits_stack_everything_counts() -> None:
    then = timed(5)
    found = compare_sides(side("dev", then, timed(1)), declared_side("commit abc", then), exact=True)
    assert reasons(found) == {"function.f timeout": "not applied in dev"}
    assert found.exit_code == EXIT_CHANGES
    drifted = compare_sides(side("dev", then, then, timed(1)), declared_side("commit abc", then), exact=True)
    assert reasons(drifted) == {"function.f timeout": "dev drifted"}


def test_against_a_saved_plan_what_it_does_not_change_is_left_out() -> None:
    before, after = stack_with_function(timeout=1, commands="x"), stack_with_function(timeout=2, commands="x")
    function(before, "old")
    function(after, "new", execute=["users"])
    wanted = resolved(after)
    made = plan(wanted, state_of(resolved(before)), live_as(resolved(before)))
    text = saved_plan(made, wanted, "https://x/v1", "p", "salt").to_text()
    release = planned_side("release.plan", read_plan(text, "release.plan"))
    found = compare_sides(side("dev", resolved(before), None, timed(1, commands="z")), release)
    assert reasons(found) == {
        "function.f timeout": "planned in release.plan",
        "function.new": "planned in release.plan",
    }
    assert found.exit_code == EXIT_CHANGES
    assert found.notes == ("release.plan does not contain what it does not change",)
    assert compare_sides(side("dev", wanted), release).items == ()


# In every form.


def all_sorts() -> Comparison:
    """Something of everything."""
    shared = {"variables": {"K": FromEnvironment("NAME"), "URL": "https://dev.example"}}
    there = {"variables": {"K": FromEnvironment("NAME"), "URL": "https://prod.example"}}
    prod = resolved(stack_with_function(timeout=1, **there), variables={"NAME": "one-value"})
    live = stack_with_function(timeout=9, **there)
    function(live, "theirs")
    newer = stack_with_function(timeout=1, **shared)
    function(newer, "added")
    dev = side("dev", resolved(newer, variables={"NAME": "one-value"}))
    return compare_sides(
        replace(dev, where="project d at https://d/v1"),
        side("prod", prod, None, resolved(live, variables={"NAME": "one-value"}), salt="b"),
    )


FORMS = {
    "txt": lambda found: "".join(f"{line.text}\n" for line in comparison_lines(found, verbose=True)),
    "json": lambda found: json.dumps(comparison_document(found), indent=2, ensure_ascii=False) + "\n",
    "md": comparison_markdown,
    "html": comparison_page,
}


@pytest.mark.parametrize("form", FORMS)
def test_a_comparison_reads_as_agreed(form: str) -> None:
    """After a change that is meant, `UPDATE_GOLDEN=1 pytest` of this file writes them again."""
    shown, golden = FORMS[form](all_sorts()), GOLDEN / f"comparison.{form}"
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(shown, encoding="utf-8")
    assert "one-value" not in shown
    assert shown == golden.read_text(encoding="utf-8")


def test_markdown_is_cut_to_fit() -> None:
    assert len(comparison_markdown(all_sorts(), limit=900).encode()) <= 900


def test_the_document() -> None:
    document = comparison_document(all_sorts())
    assert document["exitCode"] == EXIT_DRIFT
    assert document["same"] is False
    assert document["differences"][0] == {
        "address": "function.f",
        "only": None,
        "why": "prod drifted",
        "first": str(Stand.DECLARED),
        "second": str(Stand.DRIFTED),
        "fields": [{"name": "timeout", "first": 1, "second": 9}],
    }
    assert document["unmanaged"] == [{"address": "function.theirs", "only": "prod"}]


def test_good_news_goes_as_far_as_it_is_true() -> None:
    same = compare_sides(side("dev", timed(1)), side("prod", timed(1)))
    declared = compare_sides(side("dev", timed(1)), side("prod", timed(2)))
    assert "dev and prod are the same." in [line.text for line in comparison_lines(same, verbose=False)]
    lines = [line.text for line in comparison_lines(declared, verbose=False)]
    assert "dev and prod differ only as declared." in lines
