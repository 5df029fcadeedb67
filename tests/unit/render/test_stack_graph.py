"""A stack's dependencies as a picture."""

from __future__ import annotations

from xml.etree import ElementTree

from raceday_iac.model.stack import Stack
from raceday_iac.render.graph import dependencies
from raceday_iac.render.plan_page import stack_svg

from ..declaring import function, resolved

SVG = "{http://www.w3.org/2000/svg}"


def stack() -> Stack:
    """`late` is declared first and needs `early` by a relationship; `f` needs neither."""
    found = Stack("test")
    owner = found.database("d", name="D")
    late = owner.collection("late", name="L")
    early = owner.collection("early", name="E")
    for number in range(12):
        early.integer(f"a{number}")
    late.relationship("r", "early", type="manyToOne")
    function(found, variables={"K": "v"})
    return found


def picture(*, everything: bool) -> ElementTree.Element:
    graph = dependencies(resolved(stack()), everything=everything)
    return ElementTree.fromstring(stack_svg(graph, everything=everything))


def texts(*, everything: bool) -> list[str]:
    return [each.text or "" for each in picture(everything=everything).iter(f"{SVG}text")]


def column(of: ElementTree.Element, title: str) -> int:
    (found,) = [each for each in of.iter(f"{SVG}text") if each.text == title and each.get("class") == "name"]
    return int(found.get("x") or 0)


def test_what_is_needed_stands_left_of_what_needs_it_whatever_was_declared_first() -> None:
    of = picture(everything=False)
    assert column(of, "d") < column(of, "d/early") < column(of, "d/late")


def test_attributes_are_there_only_when_asked_for() -> None:
    assert "attribute a0" not in texts(everything=False)
    assert {"attribute a0", "attribute a11"} <= set(texts(everything=True))


def test_members_stand_in_the_card_of_their_owner() -> None:
    assert {"relationship r", "variable K"} <= set(texts(everything=False))


def test_it_counts_what_there_is() -> None:
    assert "1 database, 2 collections, 1 function; arrows lead to what needs it" in texts(everything=False)
