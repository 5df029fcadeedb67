"""Saved plans as people read them."""

from __future__ import annotations

from dataclasses import replace

from raceday_iac.model.resource import Desired
from raceday_iac.model.stack import FromEnvironment, Stack
from raceday_iac.planning import PlanOptions
from raceday_iac.planning.saved import SavedPlan, saved_plan
from raceday_iac.provider import ServerFacts
from raceday_iac.render.plan_text import saved_lines
from raceday_iac.state.document import new_state

from ..applied import FACTS, live_as, plan, state_of
from ..declaring import address, collection, function, resolved


def stack(*, timeout: int = 60, secret: str = "hidden", columns: tuple[str, ...] = ("a",)) -> Desired:
    found = Stack("test")
    owner = collection(found)
    for each in columns:
        owner.integer(each)
    owner.index("i", columns[0])
    function(found, timeout=timeout, scopes=["users.read"], variables={"TOKEN": FromEnvironment("TOKEN")})
    return resolved(found, variables={"TOKEN": secret})


def saved(
    before: Desired,
    after: Desired,
    *,
    live: Desired | None = None,
    plan_options: PlanOptions | None = None,
    facts: ServerFacts = FACTS,
) -> SavedPlan:
    state = replace(state_of(before), serial=7)
    made = plan(after, state, live_as(live or before), plan_options=plan_options, facts=facts)
    return saved_plan(made, after, "http://x/v1", "p", state.salt)


def shown(of: SavedPlan) -> str:
    return "\n".join(line.text for line in saved_lines(of)).replace(of.id[:12], "ID")


GOLDEN = """\
Saved plan ID for environment test
project p at http://x/v1, Appwrite 1.8.1
made from state lineage, serial 7
confirmed: {"update function": 1}
targets: ["function.f", "index.d/c/i"]

  create attribute.d/c/b: the stack declares it (needed by index.d/c/i)
        integer
  replace index.d/c/i: the stack changed; Appwrite cannot change attributes in place
        attributes: ["a"] → ["b"]
  update function.f: both the stack and the server changed (drift)
        timeout: 70 → 90
        enabled: false → true
  update variable.f/TOKEN: the stack changed
        value: "***" → "***"

Left out (1):
    delete attribute.d/c/a

Plan: 4 changes, on 4 resources."""


def test_a_saved_plan_reads_like_this() -> None:
    live = stack(timeout=70)
    function_fields = dict(live.resources[address("function.f")].fields) | {"enabled": False}
    live = live.with_resources(
        {address("function.f"): replace(live.resources[address("function.f")], fields=function_fields)}
    )
    plan_options = PlanOptions(
        targets=frozenset({address("index.d/c/i"), address("function.f")}), confirmed={"update function": 1}
    )
    assert (
        shown(saved(stack(), stack(timeout=90, secret="new", columns=("b",)), live=live, plan_options=plan_options))
        == GOLDEN
    )


NOTHING_TO_DO = """\
Saved plan ID for environment test
project p at http://x/v1, Appwrite 1.8.1
made from state lineage, serial 7

  nothing to do

Plan: 0 changes, on 0 resources."""


def test_an_empty_plan_reads_like_this() -> None:
    assert shown(saved(stack(), stack())) == NOTHING_TO_DO


def test_one_change_is_one() -> None:
    assert "Plan: 1 change, on 1 resource." in shown(saved(stack(), stack(timeout=90)))


def test_a_plan_made_before_there_was_a_state_says_so() -> None:
    desired = stack()
    made = saved_plan(plan(desired, new_state()), desired, "http://x/v1", "p", "salt")
    assert "made from no state yet" in shown(made)


def test_a_server_that_does_not_say_its_version_is_not_given_one() -> None:
    assert "project p at http://x/v1\n" in shown(saved(stack(), stack(), facts=ServerFacts("")))


def test_no_secret_is_shown() -> None:
    assert "another value" not in shown(saved(stack(), stack(secret="another value")))
