"""Plans for the reports: one with something of everything, one of hostile texts, one far too large for a comment."""

from __future__ import annotations

from functools import cache

from raceday_iac.drift import Verdict, accept, classify
from raceday_iac.linting.findings import Acceptance
from raceday_iac.model.resource import Live, frozen
from raceday_iac.model.stack import FromEnvironment, Stack
from raceday_iac.planning import Plan

from ..applied import NOTHING, live_as, plan, plan_between, state_of
from ..declaring import address, collection, function, resolved, stack_with_function

HOSTILE = "<script>alert(1)</script> | `tick` @octocat"
SECRET = "hidden-value"


def hostile() -> Plan:
    """Somebody has written into every text that can be written into."""
    stack = Stack("test")
    function(stack, commands=HOSTILE, variables={"K": HOSTILE})
    stack.absent("function.old", reason=HOSTILE)
    before = Stack("test")
    function(before, variables={"K": "v"})
    gone = Stack("test")
    function(gone, "old")
    old = resolved(before)
    return plan(resolved(stack), state_of(old), live_as(old) | live_as(resolved(gone)))


def secretive() -> Plan:
    """A secret that changes, and a plain value that becomes one."""
    before = stack_with_function(variables={"K": FromEnvironment("NAME"), "L": f"plain-{SECRET}"})
    after = stack_with_function(variables={"K": FromEnvironment("NAME"), "L": FromEnvironment("NAME")})
    old = resolved(before, variables={"NAME": f"old-{SECRET}"})
    return plan(resolved(after, variables={"NAME": f"new-{SECRET}"}), state_of(old), live_as(old))


@cache
def large(functions: int = 600) -> Plan:
    """Changes with many fields, of which some destroy."""
    before, after = Stack("test"), Stack("test")
    owner = collection(before)
    for number in range(functions):
        function(before, f"f{number}", timeout=10, commands="a" * 100)
        function(after, f"f{number}", timeout=20, commands="b" * 100)
    for number in range(20):
        owner.integer(f"gone{number}")
    collection(after)
    return plan_between(before, after)


def drifted() -> Plan:
    """Timeout: changed on the server; commands: in the stack; entrypoint: in both. And something is foreign."""
    new = resolved(stack_with_function(timeout=1, commands="new", entrypoint="a.py"))
    old = resolved(stack_with_function(timeout=1, entrypoint="b.py"))
    live = live_as(resolved(stack_with_function(timeout=2, entrypoint="c.py")))
    at = address("function.theirs")
    live[at] = Live(at, frozen(dict(live[address("function.f")].fields)), "id")
    return plan(new, state_of(old), live)


def accepted(of: Plan, until: str, today: str = "2026-01-10") -> Verdict:
    """The verdict with the timeout's change accepted."""
    from datetime import date

    entry = Acceptance("DRF001", "function.f", "agreed", date.fromisoformat(until), message="timeout*")
    return accept(classify(of), [entry], date.fromisoformat(today))


def everything() -> Plan:
    return plan_between(NOTHING, stack_with_function(schedule="0 3 * * *", variables={"K": "v"}))
