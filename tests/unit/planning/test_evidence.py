"""What has to be known of the data before a change can be checked, and what the answers come to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from raceday_iac.cli.plan import plan_options_of, read_allowed
from raceday_iac.model.evidence import Answer, Ask, Question
from raceday_iac.model.resource import Live
from raceday_iac.model.stack import Collection, Stack
from raceday_iac.planning import Plan, build_plan
from raceday_iac.provider import Snapshot

from ..applied import FACTS, live_as, state_of
from ..declaring import address, collection, resolved

AT = "attribute.d/c/a"


def one(type: str = "string", *arguments: Any, **settings: Any) -> Stack:
    """A collection with one attribute `a`."""
    stack = Stack("test")
    getattr(collection(stack), type)("a", *arguments, **settings)
    return stack


def with_index(*over: str, type: str = "unique") -> Stack:
    stack = one("string", 10)
    owner = Collection(stack, "d", "c")
    owner.string("b", 10)
    if over:
        owner.index("i", *over, type=type)
    return stack


def checked(
    before: Stack, after: Stack, answers: Callable[[Question], Answer] | Answer, *allowed: str
) -> tuple[list[Question], Plan]:
    """What is asked on the way from one stack to another, and the plan."""
    asked: list[Question] = []

    def answer(question: Question) -> Answer:
        asked.append(question)
        return answers(question) if callable(answers) else answers

    old = resolved(before)
    plan_options = plan_options_of(allow_data_loss=[read_allowed(each) for each in allowed])
    snapshot = Snapshot(live_as(old), FACTS)
    return asked, build_plan("test", resolved(after), state_of(old), snapshot, answer, plan_options)


CASES: dict[str, tuple[Stack, Stack, Answer, str]] = {
    "values": (one("string", 10), Stack("test"), Answer(3), ""),
    "nulls": (
        one("string", 10),
        one("string", 10, required=True),
        Answer(4),
        "4 documents have no value, which would be required",
    ),
    "longer": (
        one("string", 10),
        one("string", 5),
        Answer(2, longest=9),
        "2 values are longer than 5 characters (the longest has 9)",
    ),
    "among": (
        one("enum", ["x", "y", "z"]),
        one("enum", ["x"]),
        Answer(6),
        "6 documents have a value that would not be allowed any more (y, z)",
    ),
    "outside": (one("integer"), one("integer", min=0, max=9), Answer(8), "8 values lie outside the new bounds"),
}


@pytest.mark.parametrize("name", [name for name in CASES if name != "values"])
def test_each_kind_of_loss_is_refused_with_its_number_and_allowed_by_name(name: str) -> None:
    before, after, answer, said = CASES[name]
    asked, found = checked(before, after, answer)
    assert [str(each.ask) for each in asked] == [name]
    (refusal,) = found.refusals
    assert refusal.message.startswith(f"update of {AT} is refused: {said}")
    assert f"--allow-data-loss {AT}" in refusal.hint
    _, allowed = checked(before, after, answer, AT)
    assert allowed.refusals == ()
    assert allowed.notes == (f"update of {AT}: {said}; --allow-data-loss allows that",)


@pytest.mark.parametrize("name", CASES)
def test_nothing_to_lose_is_no_refusal(name: str) -> None:
    before, after, _, _ = CASES[name]
    assert checked(before, after, Answer(0))[1].refusals == ()


@pytest.mark.parametrize("name", CASES)
def test_what_cannot_be_known_is_refused(name: str) -> None:
    before, after, _, _ = CASES[name]
    assert "an unknown number of" in checked(before, after, Answer(None))[1].refusals[0].message


PART = Answer(0, at_least=True, looked=200_000, of=1_204_332)
SOME = Answer(2, at_least=True, longest=9, looked=200_000, of=1_204_332)


@pytest.mark.parametrize(
    ("found", "said", "permission"),
    [
        (PART, "looked at 200 000 of 1 204 332 documents, found none longer than 5 characters", f"{AT}=0+"),
        (SOME, "2+ values are longer than 5 characters (the longest has 9); looked at 200 000 of", f"{AT}=2+"),
    ],
)
def test_a_guard_that_looked_at_a_part_says_at_how_many_and_what_may_be_done(
    found: Answer, said: str, permission: str
) -> None:
    (refusal,) = checked(one("string", 10), one("string", 5), found)[1].refusals
    assert said in refusal.message
    assert refusal.hint == f"to allow it: --allow-data-loss {permission}; or --look-at all"


@pytest.mark.parametrize(
    ("before", "after", "none"),
    [
        (one("string", 10), one("string", 5), "none is longer than 5 characters"),
        (one("string", 10), with_index("a"), "none was found twice"),
    ],
)
def test_a_guard_that_looked_at_all_documents_says_so(before: Stack, after: Stack, none: str) -> None:
    _, found = checked(before, after, Answer(0, looked=1_204_332))
    assert found.refusals == ()
    assert any(f"looked at all 1 204 332 documents: {none}" in note for note in found.notes)


@pytest.mark.parametrize(("documents", "said"), [(1_204_332, "about 3 h"), (1100, "about 10 s"), (1099, "")])
def test_a_long_conversion_says_how_long_it_will_take(documents: int, said: str) -> None:
    after = one("integer")
    after.convert(AT)
    _, found = checked(one("string", 10), after, Answer(0, looked=documents))
    (note,) = [note for note in found.notes if "looked at all" in note]
    assert (said in note, " takes " in note) == (True, bool(said))


def test_what_was_counted_and_not_looked_at_says_nothing_of_it() -> None:
    assert checked(one("string", 10), one("string", 5), Answer(0))[1].notes == ()


def test_what_was_not_looked_at_to_the_end_is_refused() -> None:
    assert len(checked(one("string", 10), one("string", 5), Answer(0, at_least=True))[1].refusals) == 1


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (one("string", 10), one("string", 20)),
        (one("string", 10, required=True), one("string", 10)),
        (one("enum", ["x"]), one("enum", ["y", "x"])),
        (one("integer", min=0), one("integer")),
        (one("string", 10), one("string", 10, default="x")),
    ],
)
def test_what_can_cost_nothing_asks_nothing(before: Stack, after: Stack) -> None:
    assert checked(before, after, Answer(9))[0] == []


def test_both_bounds_are_one_question() -> None:
    asked, _ = checked(one("integer"), one("integer", min=0, max=9), Answer(0))
    assert [(each.low, each.high) for each in asked] == [(0, 9)]


def test_a_new_attribute_that_is_required_is_checked_by_the_documents_there_are() -> None:
    after = one("string", 10)
    Collection(after, "d", "c").string("b", 10, required=True)
    asked, found = checked(one("string", 10), after, Answer(7))
    assert [each.ask for each in asked] == [Ask.WITHOUT]
    assert "create of attribute.d/c/b is refused: 7 documents have no value, which would be required" in (
        found.refusals[0].message
    )


def test_the_documents_of_a_collection_are_counted_once_however_many_attributes_are_required() -> None:
    after = one("string", 10)
    for key in ("b", "e"):
        Collection(after, "d", "c").string(key, 10, required=True)
    asked, found = checked(one("string", 10), after, Answer(7))
    assert [each.ask for each in asked] == [Ask.WITHOUT]
    assert [str(each.address) for each in found.refusals] == ["attribute.d/c/b", "attribute.d/c/e"]


def test_a_new_collection_has_no_documents_to_ask_for() -> None:
    assert checked(Stack("test"), one("string", 10, required=True), Answer(7))[0] == []


def test_the_documents_of_a_database_are_one_question() -> None:
    before = one("string", 10)
    asked, found = checked(before, Stack("test"), Answer(3))
    assert [str(each.place) for each in asked] == ["database.d"]
    assert "delete of database.d is refused: 3 documents would be deleted" in found.refusals[0].message


def test_an_attribute_that_was_deleted_by_hand_and_is_required_is_asked_about_like_a_new_one() -> None:
    """Made again it is empty in every document, and Appwrite refuses each at its next write."""
    old = resolved(one("string", 10, required=True))
    live = {at: each for at, each in live_as(old).items() if str(at) != AT}
    asked: list[Question] = []

    def answer(question: Question) -> Answer:
        asked.append(question)
        return Answer(5)

    found = build_plan("test", old, state_of(old), Snapshot(live, FACTS), answer)
    assert [each.ask for each in asked] == [Ask.WITHOUT]
    assert "create of attribute.d/c/a is refused: 5 documents have no value, which would be required" in (
        found.refusals[0].message
    )


@pytest.mark.parametrize("required", [False, True])
def test_an_attribute_of_another_type_that_is_required_costs_its_values_and_leaves_documents_without(
    required: bool,
) -> None:
    asked, found = checked(one("string", 10), one("integer", required=required), Answer(2))
    assert [each.ask for each in asked] == [Ask.VALUES, *([Ask.WITHOUT] if required else [])]
    says = "2 documents would lose its values, and 2 documents have no value, which would be required: 4 in all"
    assert (says in found.refusals[0].message) is required
    assert checked(one("string", 10), one("integer", required=required), Answer(2), f"{AT}=4")[1].refusals == ()


def test_a_conversion_that_was_cut_short_asks_the_copy_for_what_is_missing() -> None:
    before = resolved(one("string", 10))
    copy = address("attribute.d/c/a_conv")
    live = {at: each for at, each in live_as(before).items() if str(at) != AT}
    live[copy] = Live(copy, resolved(one("integer")).resources[address(AT)].fields, "a_conv")
    asked: list[Question] = []

    def answer(question: Question) -> Answer:
        asked.append(question)
        return Answer(1)

    found = build_plan("test", resolved(converted(required=True)), state_of(before), Snapshot(live, FACTS), answer)
    assert [(each.ask, each.attributes) for each in asked] == [(Ask.NULLS, ("a_conv",))]
    assert len(found.refusals) == 1


# Duplicates.


def test_duplicates_under_a_new_unique_index_are_a_no_that_nothing_lifts() -> None:
    for allowed in ((), ("index.d/c/i",)):
        asked, found = checked(with_index(), with_index("a", "b"), Answer(4), *allowed)
        assert [(each.ask, each.attributes) for each in asked] == [(Ask.DUPLICATES, ("a", "b"))]
        (refusal,) = found.refusals
        assert "create of index.d/c/i is refused: 4 documents are not unique in a, b" in refusal.message
        assert "allow-data-loss" not in refusal.hint
        assert found.notes == ()


def test_an_unknown_number_of_duplicates_can_be_risked() -> None:
    assert "--allow-data-loss" in checked(with_index(), with_index("a"), Answer(None))[1].refusals[0].hint
    assert checked(with_index(), with_index("a"), Answer(None), "index.d/c/i=unknown")[1].refusals == ()


@pytest.mark.parametrize("over", [("a",), ("$createdAt", "a")])
def test_an_index_that_becomes_unique_is_asked_about(over: tuple[str, ...]) -> None:
    asked, _ = checked(with_index(*over, type="key"), with_index(*over), Answer(0))
    assert [each.attributes for each in asked] == [over]


def test_an_index_over_a_new_attribute_has_nothing_that_could_be_equal() -> None:
    assert checked(one("string", 10), with_index("b"), Answer(4))[0] == []


def test_a_collection_that_is_not_there_yet_has_nothing_that_could_be_equal() -> None:
    assert checked(Stack("test"), with_index("$createdAt"), Answer(4))[0] == []


# Conversions.


def converted(*, required: bool = False) -> Stack:
    stack = one("integer", required=required)
    stack.convert(AT)
    return stack


def test_a_conversion_is_checked_by_the_values_that_have_no_counterpart() -> None:
    asked, found = checked(one("string", 10), converted(), Answer(2))
    assert [each.ask for each in asked] == [Ask.UNCONVERTIBLE]
    assert dict(asked[0].target)["type"] == "integer"
    assert "convert of attribute.d/c/a is refused: 2 values cannot be converted and would be lost" in (
        found.refusals[0].message
    )
    assert checked(one("string", 10), converted(), Answer(2), AT)[1].refusals == ()


def test_a_conversion_to_something_required_asks_for_nulls_as_well() -> None:
    asked, _ = checked(one("string", 10), converted(required=True), Answer(0))
    assert [each.ask for each in asked] == [Ask.UNCONVERTIBLE, Ask.NULLS]


def test_a_replacement_says_how_the_values_could_stay() -> None:
    _, found = checked(one("string", 10), one("integer"), Answer(2))
    assert f'stack.convert("{AT}")' in found.refusals[0].hint


def test_shrinking_says_that_values_are_cut() -> None:
    _, found = checked(one("string", 10), one("string", 5), Answer(2, longest=9))
    assert found.refusals[0].hint == f"to allow it: --allow-data-loss {AT}=2, which cuts them first"


@pytest.mark.parametrize("type", ["point", "line", "polygon"])
def test_values_of_shapes_are_read_for_no_query_finds_those_without(type: str) -> None:
    """1.8.1 and 1.9.6 answer `isNull` and `isNotNull` on them with 500."""
    collection_of_it = address("collection.d/c")
    asked, _ = checked(one(type), one("string", 10), Answer(0))
    assert asked == [Question(collection_of_it, Ask.VALUES, ("a",), must_read=True)]
    asked, _ = checked(one(type), one(type, required=True), Answer(0))
    assert asked == [Question(collection_of_it, Ask.NULLS, ("a",), must_read=True)]
