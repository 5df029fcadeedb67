from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raceday_iac.errors import IacError
from raceday_iac.raceday.cleanup.json_text import checked, node, root, without

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
STYLES = st.sampled_from(
    [
        {"indent": 2},
        {"indent": 4},
        {"indent": "\t"},
        {"separators": (",", ":")},
        {},
        {"indent": 2, "separators": (",", " : ")},
    ]
)


@given(
    st.dictionaries(st.text(max_size=4), VALUES, max_size=6),
    st.sets(st.text(max_size=4)),
    st.sets(st.integers(0, 5)),
    st.dictionaries(st.text(min_size=1, max_size=4), VALUES, max_size=2),
    STYLES,
    st.booleans(),
    st.sampled_from(["\n", "\r\n"]),
)
def test_the_result_is_what_the_same_writer_would_have_written(
    scripts: dict[str, Any],
    names: set[str],
    numbers: set[int],
    added: dict[str, Any],
    style: Any,
    as_text: bool,
    eol: str,
) -> None:
    """Whatever is taken out and put in, in whatever style."""
    goes = names | {key for number, key in enumerate(scripts) if number in numbers}
    added = {key: value for key, value in added.items() if key not in scripts}

    def dumped(content: dict[str, Any]) -> str:
        document = {"näme": 1, "scripts": content, "z": [1]}
        return json.dumps(document, ensure_ascii=not as_text, **style).replace("\n", eol)

    text = dumped(scripts)
    where = node(text, root(text).last("scripts").value_start)  # type: ignore[union-attr]
    after = without(text, where, lambda part: part.key in goes, added)
    expected = {key: value for key, value in scripts.items() if key not in goes} | added
    assert json.loads(after)["scripts"] == expected
    # New texts are written as they are, and lists inside like those that are there already.
    if not added:
        assert after == dumped(expected)


def edited(text: str, goes: set[str], added: dict[str, Any]) -> str:
    where = node(text, root(text).last("s").value_start)  # type: ignore[union-attr]
    return without(text, where, lambda part: part.key in goes, added)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"s": {"a": 1, "b": 2}}', '{"s": {"b": 2, "c": [3]}}'),
        ('{"s":{"a":1}}', '{"s":{"c":[3]}}'),
        ('{"s":{"b":1}}', '{"s":{"b":1,"c":[3]}}'),
        ('{"s": {"b": 1}}', '{"s": {"b": 1, "c": [3]}}'),
        ('\ufeff{\n "s": {}\n}\n', '\ufeff{\n "s": {\n  "c": [\n   3\n  ]\n }\n}\n'),
        ('{\r\n\t"s": {\r\n\t\t"a": 1\r\n\t}\r\n}', '{\r\n\t"s": {\r\n\t\t"c": [\r\n\t\t\t3\r\n\t\t]\r\n\t}\r\n}'),
        (
            '{\n  "s": {\n    "b": "\\u00e9"\n  }\n}',
            '{\n  "s": {\n    "b": "\\u00e9",\n    "c": [\n      3\n    ]\n  }\n}',
        ),
    ],
)
def test_new_parts_look_like_their_neighbours(text: str, expected: str) -> None:
    assert edited(text, {"a"}, {"c": [3]}) == expected


def test_lists_in_one_line_stay_in_one_line() -> None:
    text = '{\n  "s": [\n    {\n      "x": ["any"]\n    }\n  ]\n}\n'
    where = node(text, root(text).last("s").value_start)  # type: ignore[union-attr]
    after = without(text, where, lambda part: False, {None: {"x": ["any", "b"], "y": []}})
    assert after == text.replace("    }\n", '    },\n    {\n      "x": ["any", "b"],\n      "y": []\n    }\n')


@pytest.mark.parametrize("text", ["", "[]", "{", '{"a": 1,}', "// no\n{}", "[" * 100_000])
def test_what_is_no_json_object_is_refused(text: str) -> None:
    with pytest.raises(IacError, match="Nothing was changed"):
        checked(text, "package.json")
