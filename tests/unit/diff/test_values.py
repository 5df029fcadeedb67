from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from raceday_iac.diff.values import added_and_removed, same

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3).map(tuple) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


@given(VALUES, st.booleans())
def test_a_value_is_the_same_as_itself(value: object, unordered: bool) -> None:
    assert same(value, value, unordered=unordered)


@given(VALUES, VALUES, st.booleans())
def test_sameness_has_no_direction(one: object, other: object, unordered: bool) -> None:
    assert same(one, other, unordered=unordered) == same(other, one, unordered=unordered)


def test_order_matters_where_appwrite_means_a_list() -> None:
    assert not same((1, 2), (2, 1), unordered=False)
    assert same((1, 2), (2, 1), unordered=True)


def test_repetition_matters_where_appwrite_means_a_list() -> None:
    assert not same((1, 1), (1,), unordered=False)
    assert same((1, 1), (1,), unordered=True)


def test_what_comes_and_what_goes_is_told_in_the_order_written() -> None:
    assert added_and_removed(("a", "b"), ("c", "b", "d")) == (["c", "d"], ["a"])


def test_nothing_counts_as_an_empty_set() -> None:
    assert added_and_removed(None, ("a",)) == (["a"], [])
    assert added_and_removed(("a",), None) == ([], ["a"])
