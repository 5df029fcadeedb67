"""Where cards go, and which arrows are drawn."""

from __future__ import annotations

from raceday_iac.render.graph import Card, Drawing, Row, arrange


def cards(names: str, rows: int = 0) -> list[Card]:
    return [Card(name, name, "k", "calm", (Row("+", "x", "calm"),) * rows) for name in names]


def drawn(names: str, *edges: str, rows: int = 0) -> Drawing:
    return arrange(cards(names, rows), [(first, then) for first, then in edges])


def arrows(drawing: Drawing) -> set[tuple[str, str]]:
    return {("".join(each.sources), "".join(each.targets)) for each in drawing.arrows}


def test_what_waits_stands_to_the_right() -> None:
    found = drawn("abc", "ab", "bc").cards
    assert found["a"].x < found["b"].x < found["c"].x


def test_an_arrow_that_a_longer_way_says_too_is_left_out() -> None:
    assert arrows(drawn("abc", "ab", "bc", "ac")) == {("a", "b"), ("b", "c")}


def test_what_waits_for_the_same_several_shares_a_knot() -> None:
    assert arrows(drawn("abxy", "ax", "bx", "ay", "by")) == {("ab", "xy")}


def test_two_arrows_to_one_card_need_no_knot() -> None:
    assert arrows(drawn("abx", "ax", "bx")) == {("a", "x"), ("b", "x")}


def test_a_circle_is_cut_at_the_edge_against_the_order() -> None:
    assert arrows(drawn("ab", "ab", "ba")) == {("a", "b")}


def test_an_edge_to_something_that_is_not_drawn_is_left_out() -> None:
    assert arrows(drawn("a", "az")) == set()


def test_a_long_arrow_passes_the_columns_between_in_a_lane_of_its_own() -> None:
    found = drawn("abcx", "ab", "bx", "cx")
    (arrow,) = [each for each in found.arrows if each.sources == ("c",)]
    ((x, y),) = arrow.lanes["c"]
    assert x == found.cards["b"].x
    assert not found.cards["b"].y <= y <= found.cards["b"].y + found.cards["b"].card.height


def test_no_two_cards_overlap() -> None:
    found = list(drawn("abcdefghij", "ab", "ac", "bd", "ad", "ce", "ef", rows=9).cards.values())
    boxes = [(each.x, each.y, each.x + 268, each.y + each.card.height) for each in found]
    for number, (left, top, right, bottom) in enumerate(boxes):
        for other_left, other_top, other_right, other_bottom in boxes[number + 1 :]:
            assert right <= other_left or other_right <= left or bottom <= other_top or other_bottom <= top


def test_cards_without_arrows_stand_below_those_with_some() -> None:
    found = drawn("axby", "ab")
    bottom = max(found.cards[each].y + found.cards[each].card.height for each in "ab")
    assert all(found.cards[each].y > bottom for each in "xy")


def test_cards_without_arrows_make_a_square() -> None:
    found = drawn("abcdefghijklmnop", rows=4)
    assert len({each.x for each in found.cards.values()}) > 1
    assert found.height < 2 * found.width


def test_nothing_at_all_can_be_drawn() -> None:
    assert arrange([], []).cards == {}
