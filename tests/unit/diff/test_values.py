from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raceday_iac.diff import Op, Part, parts, same
from raceday_iac.kinds.base import thaw

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


ADDED, REMOVED, CHANGED, MOVED = Op


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        (("a", "b"), ("c", "b", "d"), [Part(ADDED, (), None, "c"), Part(ADDED, (), None, "d"), Part(REMOVED, (), "a")]),
        ((), ("a",), [Part(ADDED, (), None, "a")]),
        (("a", "a"), ("b",), [Part(ADDED, (), None, "b"), Part(REMOVED, (), "a")]),
        (
            ({"id": 1, "on": True}, {"id": 2}),
            ({"id": 2}, {"id": 1, "on": False}),
            [Part(CHANGED, (0, "on"), True, False)],
        ),
        (({"id": 1},), ({"id": 1}, {"id": 2}), [Part(ADDED, (1,), None, {"id": 2})]),
    ],
)
def test_of_a_set_what_comes_and_what_goes_is_reported(before: Any, after: Any, found: list[Part]) -> None:
    assert list(parts(before, after, unordered=True)) == found


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        (("ASC", "ASC"), ("ASC", "DESC"), [Part(CHANGED, (1,), "ASC", "DESC")]),
        ((0, 0), (20, 0), [Part(CHANGED, (0,), 0, 20)]),
        (("a",), ("a", "b"), [Part(ADDED, (1,), None, "b")]),
        (("a", "b", "c"), ("b", "c"), [Part(REMOVED, (0,), "a")]),
        (("a", "b", "c", "d"), ("d", "a", "b", "c"), [Part(MOVED, (3,), "d", "d", (0,))]),
        (("x", "x", "y"), ("x", "y"), [Part(REMOVED, (0,), "x")]),
    ],
)
def test_of_a_list_each_place_that_differs_is_reported(before: Any, after: Any, found: list[Part]) -> None:
    assert list(parts(before, after, unordered=False)) == found


def test_of_nested_settings_only_what_differs_is_reported() -> None:
    before = {"smtp": {"host": "a", "port": 25}, "from": ("x", "y"), "old": None, "same": {"deep": (1, 2)}}
    after = {"smtp": {"host": "b", "port": 25}, "from": ("x", "z"), "new": {"on": True}, "same": {"deep": (1, 2)}}
    assert list(parts(before, after, unordered=False)) == [
        Part(CHANGED, ("from", 1), "y", "z"),
        Part(ADDED, ("new",), None, {"on": True}),
        Part(REMOVED, ("old",), None),
        Part(CHANGED, ("smtp", "host"), "a", "b"),
    ]


def test_text_that_holds_json_is_looked_into() -> None:
    before, after = '{"jobs": [{"cron": "* * * * *"}], "v": 1}', '{"v": 2, "jobs": [{"cron": "*/5 * * * *"}]}'
    assert list(parts(before, after, unordered=False)) == [
        Part(CHANGED, ("jobs", 0, "cron"), "* * * * *", "*/5 * * * *"),
        Part(CHANGED, ("v",), 1, 2),
    ]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (1, 2),
        (None, ("a",)),
        ("one text", "another"),
        ('{"a": 1}', "no JSON"),
        ('{"a": 1}', "[1]"),
        ('"a"', '"b"'),
        ('{"a": 1}', '{ "a": 1 }'),
        ("[" * 100_000, "{" * 100_000),
        ("[" * 900 + "]" * 900, "[" * 899 + "]" * 899),
        ({"a": 1}, (1,)),
        ("***", "***"),
    ],
)
def test_what_has_no_parts_in_common_has_none(before: Any, after: Any) -> None:
    assert list(parts(before, after, unordered=False)) == []


def nested(levels: int, value: int) -> str:
    return "[" * levels + str(value) + "]" * levels


def test_what_is_nested_deeper_than_fifty_levels_is_not_looked_into() -> None:
    assert parts(nested(50, 1), nested(50, 2), unordered=False) == (Part(CHANGED, (0,) * 50, 1, 2),)
    assert parts(nested(51, 1), nested(51, 2), unordered=False) == ()
    assert parts(nested(2, 1), nested(51, 2), unordered=False) == ()


@given(VALUES, VALUES)
def test_every_part_is_where_it_says(before: Any, after: Any) -> None:
    for part in parts(before, after, unordered=False):
        if part.op in (REMOVED, CHANGED):
            assert _at(thaw(before), part.path) == part.before
        if part.op in (ADDED, CHANGED):
            assert part.op is CHANGED or _at(thaw(after), part.path) == part.after


def _at(value: Any, path: tuple[str | int, ...]) -> Any:
    for step in path:
        value = value[step]
    return value


@given(VALUES, VALUES)
def test_containers_of_a_kind_that_differ_have_parts(before: Any, after: Any) -> None:
    is_of_a_kind = (isinstance(before, dict) and isinstance(after, dict)) or (
        isinstance(before, tuple) and isinstance(after, tuple)
    )
    differ = json.dumps(before, sort_keys=True) != json.dumps(after, sort_keys=True)
    if is_of_a_kind and differ and not same(before, after, unordered=False):
        assert list(parts(before, after, unordered=False))


def test_flat_sets_and_plain_values_are_compared_without_deepdiff() -> None:
    """It takes a quarter of a second to import, and a plan that has nothing to do must not pay for it."""
    script = """
import sys
from raceday_iac.kinds.base import thaw
from raceday_iac.diff import parts, same
assert same(("a", "b"), ("b", "a"), unordered=True)
assert not same(("a", "b"), ("b", "c"), unordered=True)
assert not same(("a", "b"), ("b", "a"), unordered=False)
assert parts(("a", "b"), ("b", "c"), unordered=True)
assert not parts("x", "y", unordered=False)
print("deepdiff" in sys.modules)
"""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert ended.stdout == "False\n", ended.stderr
