"""A stack that was applied: the state and what is live, for plans to start from."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from raceday_iac.diff import stored_fields
from raceday_iac.model.address import Address
from raceday_iac.model.evidence import Answer, Ask, Question
from raceday_iac.model.resource import Desired, Live, frozen
from raceday_iac.model.stack import Stack
from raceday_iac.planning import Change, Plan, PlanOptions, build_plan
from raceday_iac.provider import ServerFacts, Snapshot
from raceday_iac.state.document import Entry, State, new_state

from .declaring import address, resolved

NOTHING = Stack("test")
FACTS = ServerFacts("1.8.1")


def live_as(desired: Desired) -> dict[Address, Live]:
    """Everything declared, live as declared. Secrets have no value there."""
    found = {}
    for at, resource in desired.resources.items():
        fields = dict(resource.fields)
        if at.kind == "variable" and fields["secret"]:
            del fields["value"]
        found[at] = Live(at, frozen(fields), f"id-{at.name}")
    return found


def state_of(desired: Desired) -> State:
    """The state after applying it."""
    state = new_state(lambda: "lineage", lambda: "salt")
    for at, resource in desired.resources.items():
        fields = stored_fields(resource.fields, "salt") if at.kind == "variable" else resource.fields
        state = state.with_entry(Entry(at, frozen(fields), f"id-{at.name}"))
    return state


def plan(
    desired: Desired,
    state: State | None = None,
    real: dict[Address, Live] | None = None,
    *,
    documents: int | None = 0,
    allowed: Collection[Address] = (),
    plan_options: PlanOptions | None = None,
    facts: ServerFacts = FACTS,
) -> Plan:
    """The plan for one desired side."""
    known = state or new_state(lambda: "lineage", lambda: "salt")
    plan_options = PlanOptions(allowed=dict.fromkeys(allowed)) if plan_options is None else plan_options
    snapshot = Snapshot(real or {}, facts)

    def answer(question: Question) -> Answer:
        if question.ask in (Ask.CODE, Ask.EXECUTIONS):
            return Answer(0)
        return Answer(documents, at_least=bool(documents) and documents >= 5000)

    return build_plan("test", desired, known, snapshot, answer, plan_options)


def plan_between(before: Stack, after: Stack, **settings: Any) -> Plan:
    """The plan that brings a project, on which `before` was applied, to `after`."""
    old = resolved(before)
    return plan(resolved(after), state_of(old), live_as(old), **settings)


def actions(of: Plan) -> dict[str, str]:
    """Addresses with what is done to them."""
    return {str(each.address): str(each.action) for each in of.changes}


def change(of: Plan, at: str) -> Change:
    """The change of an address; the only one."""
    (found,) = [each for each in of.changes if each.address == address(at)]
    return found


def precedes(of: Plan, first: str, second: str) -> bool:
    """Whether one change (by key) must be done before another, directly or not."""
    requires = {each.key: set(each.requires) for each in of.changes}
    reached, fresh = set(), {second}
    while fresh:
        fresh = {need for key in fresh for need in requires.get(key, ())} - reached
        reached |= fresh
    return first in reached
