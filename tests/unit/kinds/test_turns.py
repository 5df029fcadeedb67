"""Who may write a collection's schema now."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from raceday_iac.kinds.schema_rules import Turn, Turns, selections, unknown_among

C, OTHER, BASE = ("d", "c"), ("d", "other"), ("d",)


def turn(*places: tuple[str, ...], together: bool = False) -> Turn:
    return Turn(frozenset(places), together)


@pytest.mark.parametrize(
    ("held", "wanted", "can"),
    [
        (turn(C), turn(C), False),
        (turn(C), turn(OTHER), True),
        (turn(C, OTHER), turn(OTHER), False),
        (turn(C), turn(OTHER, C), False),
        (turn(C), turn(BASE), False),
        (turn(BASE), turn(C), False),
        (turn(BASE), turn(("e", "c")), True),
        (turn(C), turn(("d", "cc")), True),
        (turn(C), Turn(), True),
        (Turn(), turn(C), True),
        (turn(C, together=True), turn(C, together=True), True),
        (turn(C, together=True), turn(C), False),
        (turn(C), turn(C, together=True), False),
    ],
)
def test_two_writers_at_one_place_exclude_each_other(held: Turn, wanted: Turn, can: bool) -> None:
    turns = Turns()
    assert turns.take("one", held)
    assert turns.take("other", wanted) is can


def test_a_turn_that_was_given_back_can_be_had() -> None:
    turns = Turns()
    turns.take("one", turn(C))
    turns.give_back("one")
    assert turns.take("other", turn(C, OTHER))


def test_who_has_no_turn_gives_nothing_back() -> None:
    turns = Turns()
    turns.take("one", turn(C))
    assert not turns.take("other", turn(C))
    turns.give_back("other")
    assert not turns.take("third", turn(C))


def test_where_the_end_of_a_write_was_not_seen_nobody_writes_any_more() -> None:
    turns = Turns()
    turns.take("one", turn(C))
    turns.give_back("one", is_settled=False)
    assert not turns.take("other", turn(C, OTHER))
    assert turns.closed_by(turn(C)) == "one"
    assert turns.closed_by(turn(BASE)) == "one"
    assert turns.take("third", turn(OTHER))
    assert turns.closed_by(turn(OTHER)) == ""


def test_all_that_share_must_have_ended_before_somebody_has_a_turn_alone() -> None:
    turns = Turns()
    for name in ("one", "other"):
        turns.take(name, turn(C, together=True))
    turns.give_back("one")
    assert not turns.take("third", turn(C))
    turns.give_back("other")
    assert turns.take("third", turn(C))


def test_names_are_asked_for_once_and_relationships_by_a_path() -> None:
    assert selections(["a", "b", "a"], ["r", "r"]) == [["a", "b", "r.$id"]]
    assert selections([]) == []


@pytest.mark.parametrize(("number", "queries"), [(80, 1), (81, 2)])
def test_names_are_divided_among_queries(number: int, queries: int) -> None:
    assert len(selections([f"a{each}" for each in range(number)])) == queries


@pytest.mark.parametrize("bad", [set(), {"a0"}, {"a7"}, {"a2", "a3", "a6"}, {f"a{each}" for each in range(8)}])
def test_of_many_names_those_are_found_that_are_refused(bad: set[str]) -> None:
    asked: list[Sequence[str]] = []

    def is_refused(names: Sequence[str]) -> bool:
        asked.append(names)
        return bool(bad & set(names))

    assert set(unknown_among([f"a{each}" for each in range(8)], is_refused)) == bad
    assert len(asked) == 1 or bad
