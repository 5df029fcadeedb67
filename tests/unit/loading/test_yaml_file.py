"""The reader of YAML files: plain values, lines, and a sentence for everything that is no such file."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from raceday_iac.errors import StackError
from raceday_iac.loading.yaml_file import DEEPEST, LONGEST, MOST_VALUES, YamlFile, parse_yaml, read_yaml

SHAPE = "a test file is a mapping of names to values"


def parsed(text: str) -> YamlFile:
    return parse_yaml(text, "f.yaml", SHAPE)


def mistakes(text: str) -> list[str]:
    with pytest.raises(StackError) as caught:
        parsed(text)
    return [str(each) for each in caught.value.problems]


def test_values_are_plain() -> None:
    text = "text: a\nnumber: 3\nshare: 0.5\nset: true\nday: 2027-06-30\nlist: [1, b]\nnothing:\n"
    assert parsed(text).content == {
        "text": "a",
        "number": 3,
        "share": 0.5,
        "set": True,
        "day": date(2027, 6, 30),
        "list": [1, "b"],
        "nothing": None,
    }


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n", "~\n", "null"])
def test_an_empty_file_holds_nothing(text: str) -> None:
    found = parsed(text)
    assert found.content == {}
    assert found.location("anything").line == 1


@pytest.mark.parametrize("text", ["- a\n", "just text", "3", "[]", "false", "1: x\n", "a: 1\n2: b\n"])
def test_what_is_no_mapping_of_names_is_refused(text: str) -> None:
    assert mistakes(text) == [f"f.yaml:1: {SHAPE}"]


LINES = """# a comment
a: 1

b:
  - c: 2
    d: 3
  - {e: 4,
     f: 5}
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ((), 2),
        (("a",), 2),
        (("b",), 4),
        (("b", 0), 5),
        (("b", 0, "c"), 5),
        (("b", 0, "d"), 6),
        (("b", 1, "e"), 7),
        (("b", 1, "f"), 8),
        (("b", 1, "missing"), 7),
        (("b", 2, "missing"), 4),
        (("missing", "too"), 2),
    ],
)
def test_every_value_has_a_line_and_a_missing_one_that_of_what_it_is_missing_from(
    path: tuple[str | int, ...], line: int
) -> None:
    assert parsed(LINES).location(*path).line == line


def test_a_key_that_is_there_twice_is_refused_with_both_lines() -> None:
    assert mistakes("a: 1\nb:\n  c: 1\n  c: 2\na: 2\nl:\n- {x: 1, x: 1}\n") == [
        "f.yaml:4: b.c: is set twice; the first is in line 3",
        "f.yaml:5: a: is set twice; the first is in line 1",
        "f.yaml:7: l.1.x: is set twice; the first is in line 7",
    ]


def test_a_key_may_be_in_two_mappings_and_may_be_merged_over() -> None:
    found = parsed("base: &base {a: 1, b: 1}\none:\n  <<: *base\n  b: 2\ntwo: {a: 3}\n").content
    assert found["one"] == {"a": 1, "b": 2}
    assert found["two"] == {"a": 3}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [", "f.yaml:1: not valid YAML: "),
        ("a: 1\nb: c: d\n", "f.yaml:2: not valid YAML: mapping values are not allowed here"),
        ("a: 1\nb: *x\n", "f.yaml:2: not valid YAML: found undefined alias 'x'"),
        ("a: 1\n---\nb: 2\n", "f.yaml:2: not valid YAML: expected a single document in the stream, but found another"),
        ("a: 1\nb: 2026-13-45\n", "f.yaml:2: not valid YAML: '2026-13-45' cannot be read as a date"),
        ("a: !!int ''\n", "f.yaml:1: not valid YAML: '' cannot be read as a number"),
        ("a: !!bool maybe\n", "f.yaml:1: not valid YAML: 'maybe' cannot be read as yes or no"),
        (f"a: {'9' * 5000}\n", "f.yaml:1: not valid YAML: '9999999999999999999999999999999999999999' cannot be"),
        ("a: 1\nb: \0\n", "f.yaml:2: not valid YAML: the character U+0000 cannot be used"),
        ("a: {[1]: 2}\n", "f.yaml:1: not valid YAML: found unhashable key"),
        ("a: !!python/object/apply:os.system [ls]\n", "f.yaml:1: not valid YAML: could not determine a constructor"),
        ("a: !!python/name:os.system\n", "f.yaml:1: not valid YAML: could not determine a constructor"),
    ],
)
def test_mistakes_are_reported_with_their_line(text: str, said: str) -> None:
    (found,) = mistakes(text)
    assert found.startswith(said)
    assert "\n" not in found
    assert len(found) < 200


def nested(levels: int) -> str:
    """A mapping with lists in it: so many levels in all."""
    return "a: " + "[" * (levels - 1) + "]" * (levels - 1)


def test_what_lies_too_deep_is_refused() -> None:
    assert parsed(nested(DEEPEST)).content
    assert mistakes(nested(DEEPEST + 1)) == ["f.yaml:1: not valid YAML: it is nested deeper than 50 levels"]
    assert mistakes("[" * 100_000) == ["f.yaml:1: not valid YAML: it is nested deeper than 50 levels"]


@pytest.mark.parametrize("text", ["a: &x [*x]\n", "a: &x {b: *x}\n"])
def test_what_holds_itself_is_refused(text: str) -> None:
    assert "nested deeper" in mistakes(text)[0]


def test_an_alias_counts_as_often_as_it_is_used() -> None:
    ten = "a: &a [1,1,1,1,1,1,1,1,1,1]\n"
    levels = [ten, *(f"{new}: &{new} [{','.join([f'*{old}'] * 10)}]\n" for old, new in ("ab", "bc", "cd", "de", "ef"))]
    assert len(parsed("".join(levels[:3])).content) == 3
    assert mistakes("".join(levels)) == ["f.yaml:1: not valid YAML: it holds more than 20,000 values"]


def test_a_file_holds_so_many_values_and_no_more() -> None:
    # The file and its lists count too: 1 + 101 + 1, and 101 for each alias. Without aliases, reading takes seconds.
    hundred, aliases = ",".join("1" * 100), ["*a"] * ((MOST_VALUES - 103) // 101)
    more = ["1"] * ((MOST_VALUES - 103) % 101)
    assert parsed(f"a: &a [{hundred}]\nb: [{','.join([*aliases, *more])}]\n").content
    over = f"a: &a [{hundred}]\nb: [{','.join([*aliases, *more, '1'])}]\n"
    assert mistakes(over) == ["f.yaml:1: not valid YAML: it holds more than 20,000 values"]


def test_a_file_that_is_too_long_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "f.yaml"
    file.write_text("#" * LONGEST, encoding="utf-8")
    assert read_yaml(file, SHAPE).content == {}
    file.write_text("#" * (LONGEST + 1), encoding="utf-8")
    with pytest.raises(StackError, match=r"f\.yaml: has 1,000,001 bytes; at most 1,000,000 are read"):
        read_yaml(file, SHAPE)
    assert "has 1,000,001 bytes" in mistakes("#" * (LONGEST + 1))[0]


@pytest.mark.parametrize("content", [b"a: \xff\n", None])
def test_a_file_that_cannot_be_read_is_reported(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "f.yaml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(StackError, match=r"f\.yaml: cannot be read: "):
        read_yaml(file, SHAPE)


def test_a_file_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    file = tmp_path / "f.yaml"
    file.write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert read_yaml(file, SHAPE).content == {"a": 1}


class Inner(BaseModel, extra="forbid"):
    number: int


class Outer(BaseModel, extra="forbid"):
    inner: tuple[Inner, ...]


def test_what_a_model_finds_wrong_gets_its_line_and_the_name_of_the_setting() -> None:
    found = parsed("inner:\n- {number: 1}\n- other: 2\nmore: 1\n")
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate(found.content)
    assert [str(each) for each in found.problems(caught.value)] == [
        "f.yaml:3: inner.2.number: is missing",
        "f.yaml:3: inner.2.other: unknown setting",
        "f.yaml:4: more: unknown setting",
    ]


def test_what_a_model_finds_wrong_in_a_section_is_named_with_the_section() -> None:
    found = parsed("a: 1\nsection:\n  inner: [{number: x}]\n")
    content: Any = found.content["section"]
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate(content)
    (problem,) = found.problems(caught.value, ("section",))
    assert str(problem).startswith("f.yaml:3: section.inner.1.number: Input should be a valid integer")
