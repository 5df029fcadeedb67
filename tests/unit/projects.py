"""Random projects that overlap, and random parts of the way from one to another."""

from __future__ import annotations

from hypothesis import strategies as st

from raceday_iac.model.resource import Desired
from raceday_iac.model.stack import Collection, Stack
from raceday_iac.planning import PlanOptions

from .declaring import database, function

NAMES = ("a", "b", "x", "A")


@st.composite
def projects(draw: st.DrawFn) -> Stack:
    """Two collections with attributes of some type, an index, relationships; functions with variables."""
    stack = Stack("test")
    base = database(stack)
    there = [name for name in ("c", "e") if draw(st.integers(0, 3))]
    for name in there:
        base.collection(name, name=draw(st.sampled_from(["One", "Two"])))
    for name in there:
        owner = Collection(stack, "d", name)
        columns = draw(st.lists(st.sampled_from(NAMES), unique_by=str.lower))
        for column in columns:
            draw(st.sampled_from([owner.boolean, owner.integer]))(column)
        if columns and draw(st.booleans()):
            owner.index("i", *draw(st.lists(st.sampled_from(columns), min_size=1, max_size=2, unique=True)))
        for link in draw(st.lists(st.sampled_from(["r", "s"]), unique=True)):
            owner.relationship(link, draw(st.sampled_from(there)), type="oneToOne", two_way_key=f"of_{name}_{link}")
    for name in ("f", "g"):
        if draw(st.booleans()):
            names = draw(st.lists(st.sampled_from(["K", "L"]), unique=True))
            schedule = draw(st.sampled_from(["", "0 1 * * *"]))
            function(stack, name, schedule=schedule, variables=dict.fromkeys(names, draw(st.sampled_from("vw"))))
    return stack


@st.composite
def plan_options(draw: st.DrawFn, *stacks: Desired) -> PlanOptions:
    known = sorted({each for stack in stacks for each in stack.resources})
    some = st.frozensets(st.sampled_from(known), max_size=3)
    return PlanOptions(targets=draw(some), excluded=draw(some))
