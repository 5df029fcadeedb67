"""Options of `plan` and `apply`: what is typed becomes PlanOptions."""

from __future__ import annotations

from typing import Any

import pytest

from raceday_iac.cli.main import whole_program
from raceday_iac.cli.plan import plan_options_of
from raceday_iac.errors import IacError
from raceday_iac.model.evidence import Answer
from raceday_iac.planning import PlanOptions
from raceday_iac.planning.plan import plan_options_from_json

from ..declaring import address

PLAN = whole_program().commands["plan"]
TAKEN = ("target", "exclude", "replace", "refresh_only", "allow_data_loss", "confirm", "look_at")


def typed(**options: Any) -> PlanOptions:
    """What the command makes of its options: each a list of texts, or a flag."""
    words: list[str] = []
    for name, value in options.items():
        flag = f"--{name.replace('_', '-')}"
        words += [flag] if value is True else [word for text in value for word in (flag, text)]
    found = PLAN.make_context("plan", words).params
    return plan_options_of(**{name: found[name] for name in TAKEN})


def refusal(**options: Any) -> str:
    with pytest.raises(IacError) as caught:
        typed(**options)
    return caught.value.message


def test_who_asks_for_nothing_gets_everything() -> None:
    assert typed() == PlanOptions() == plan_options_of()


@pytest.mark.parametrize(
    "options",
    [
        {"allow_data_loss": ["function.b"]},
        {"target": ["function.b"]},
        {"exclude": ["function.b"]},
        {"replace": ["function.b"]},
        {"confirm": ["delete function=1"]},
        {"refresh_only": True},
        {"look_at": ["7"]},
    ],
    ids=str,
)
def test_every_option_makes_a_plan_that_is_not_plain(options: dict[str, Any]) -> None:
    assert typed(**options) != PlanOptions()


def test_each_option_has_its_place() -> None:
    found = typed(
        allow_data_loss=["attribute.d/c/a"],
        target=["function.f"],
        exclude=["variable.f/K"],
        replace=["index.d/c/i"],
        confirm=["delete function=7"],
    )
    assert found == PlanOptions(
        {address("attribute.d/c/a"): None},
        frozenset({address("function.f")}),
        frozenset({address("variable.f/K")}),
        frozenset({address("index.d/c/i")}),
        confirmed={"delete function": 7},
    )


@pytest.mark.parametrize(("text", "number"), [("all", 0), ("1", 1), ("200000", 200_000), ("200 000", 200_000)])
def test_a_limit_says_how_many_documents_are_looked_at(text: str, number: int) -> None:
    assert typed(look_at=[text]).look_at == number
    assert plan_options_from_json(typed(look_at=[text]).to_json()) == typed(look_at=[text])


@pytest.mark.parametrize("text", ["0", "-1", "many", "1.5", "", "³"])
def test_what_is_neither_a_number_of_documents_nor_all_is_refused(text: str) -> None:
    assert "neither a number of documents nor all" in refusal(look_at=[text])


def test_saying_it_twice_is_saying_it_once() -> None:
    assert typed(target=["function.f", "function.f"]).targets == {address("function.f")}


@pytest.mark.parametrize("option", ["allow_data_loss", "target", "exclude", "replace"])
@pytest.mark.parametrize("text", ["", "function", "function.", ".f"])
def test_what_is_no_address_is_refused(option: str, text: str) -> None:
    said = refusal(**{option: [text]})
    assert repr(text) in said
    assert "Nothing was changed" in said


def test_addresses_may_hold_dots_and_slashes() -> None:
    assert typed(target=["attribute.d.1/c/a"]).targets == {address("attribute.d.1/c/a")}


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("attribute.d/c/a=301", Answer(301)),
        ("attribute.d/c/a= 0301 ", Answer(301)),
        ("attribute.d/c/a=5000+", Answer(5000, at_least=True)),
        ("attribute.d/c/a=unknown", Answer(None)),
        ("attribute.d/c/a", None),
    ],
)
def test_a_permission_may_carry_the_number_that_was_shown(text: str, number: Answer | None) -> None:
    assert typed(allow_data_loss=[text]).allowed == {address("attribute.d/c/a"): number}


@pytest.mark.parametrize("number", ["", "many", "-1", "1.5", "+", "5 000", "٣", "1e3"])
def test_a_permission_with_something_else_than_a_number_is_refused(number: str) -> None:
    said = refusal(allow_data_loss=[f"attribute.d/c/a={number}"])
    assert "Nothing was changed" in said


@pytest.mark.parametrize("text", ["delete function=7", " delete  function = 7 ", "delete function=07"])
def test_a_number_is_confirmed_as_the_plan_shows_it(text: str) -> None:
    assert typed(confirm=[text]).confirmed == {"delete function": 7}


def test_several_numbers_can_be_confirmed() -> None:
    found = typed(confirm=["delete function=7", "update attribute=30"])
    assert found.confirmed == {"delete function": 7, "update attribute": 30}


@pytest.mark.parametrize("text", ["", "delete function", "delete function=", "delete function=all", "=-1", "x=1.5"])
def test_what_is_no_number_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(IacError) as caught:
        typed(confirm=[text])
    assert repr(text) in caught.value.message
    assert "delete function=7" in caught.value.hint


@pytest.mark.parametrize("other", [{"replace": ["index.d/c/i"]}, {"allow_data_loss": ["attribute.d/c/a"]}], ids=str)
def test_a_refresh_changes_nothing_live_so_it_takes_no_orders_to(other: dict[str, Any]) -> None:
    said = refusal(refresh_only=True, **other)
    assert "--refresh-only cannot be combined with --replace" in said
    assert "Nothing was changed" in said


def test_a_part_can_be_refreshed() -> None:
    assert typed(target=["function.f"], refresh_only=True).refresh_only
