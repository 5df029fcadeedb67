"""Values and calls as Python text, in the form that `ruff format` (and Black) leaves as it is.

A call or list that is known to fit stands on one line. Everything else is written with one item a line and a comma
after the last one, which formatters keep whatever the width: so nothing here has to measure as they do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..model.stack import FromEnvironment

WIDTH = 120
_INDENT = "    "
_ESCAPES = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


@dataclass(frozen=True)
class Name:
    """A value that stands elsewhere in the file, by its name."""

    name: str


def text_literal(text: str) -> str:
    """A string literal, in double quotes unless that needs more escapes. What cannot be seen is escaped."""
    quote = "'" if text.count('"') > text.count("'") else '"'
    return quote + "".join(_escaped(character, quote) for character in text) + quote


def _escaped(character: str, quote: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if character == quote:
        return f"\\{quote}"
    if character.isprintable():
        return character
    code = ord(character)
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def literal(value: Any) -> str:
    """A value on one line. Sequences become lists, for formatters treat tuples of one in a way of their own."""
    if isinstance(value, Name):
        return value.name
    if isinstance(value, FromEnvironment):
        return f"FromEnvironment({text_literal(value.name)})"
    if isinstance(value, str):
        return text_literal(value)
    if isinstance(value, float):
        return repr(value).replace("e+", "e")
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(literal, value))}]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{literal(key)}: {literal(item)}" for key, item in value.items()) + "}"
    if value is None or isinstance(value, bool | int):
        return repr(value)
    raise TypeError(f"{type(value).__name__} has no place in a stack file")


def spread(value: Any, depth: int, before: str = "", after: str = ",") -> list[str]:
    """Lines of `before`, a value and `after`, at a depth of indentation: one when it fits, else one item a line."""
    indent = _INDENT * depth
    line = f"{indent}{before}{literal(value)}{after}"
    if fits(line) or not isinstance(value, list | tuple | Mapping) or not value:
        return [line]
    if isinstance(value, Mapping):
        inner = [each for key, item in value.items() for each in spread(item, depth + 1, f"{literal(key)}: ")]
        return [f"{indent}{before}{{", *inner, f"{indent}}}{after}"]
    inner = [each for item in value for each in spread(item, depth + 1)]
    return [f"{indent}{before}[", *inner, f"{indent}]{after}"]


def call(
    function: str,
    positional: Sequence[Any],
    keywords: Mapping[str, Any],
    *,
    before: str = "",
    always_spread: bool = False,
) -> list[str]:
    """Lines of `before` and a call, which stands on one line when it fits."""
    words = [*map(literal, positional), *(f"{name}={literal(value)}" for name, value in keywords.items())]
    line = f"{before}{function}({', '.join(words)})"
    if not words or (fits(line) and not always_spread):
        return [line]
    inner = [each for value in positional for each in spread(value, 1)]
    inner += [each for name, value in keywords.items() for each in _keyword(name, value)]
    return [f"{before}{function}(", *inner, ")"]


def _keyword(name: str, value: Any) -> list[str]:
    """Mappings always have one item a line: they read better, and grow."""
    if isinstance(value, Mapping) and value:
        inner = [each for key, item in value.items() for each in spread(item, 2, f"{literal(key)}: ")]
        return [f"{_INDENT}{name}={{", *inner, f"{_INDENT}}},"]
    return spread(value, 1, f"{name}=")


def constant(name: str, values: Sequence[Any]) -> list[str]:
    """Lines that give two or more values a name, as a tuple."""
    line = f"{name} = ({', '.join(map(literal, values))})"
    if fits(line):
        return [line]
    return [f"{name} = (", *(each for value in values for each in spread(value, 1)), ")"]


def comment(text: str) -> str:
    """A comment on one line, whatever the text holds."""
    shown = "".join(each if each.isprintable() else _escaped(each, '"') for each in text)
    return f"# {shown}".rstrip()


def fits(line: str) -> bool:
    """Whether a line is surely short enough: no character is wider than two columns."""
    return len(line) + sum(1 for each in line if not each.isascii()) <= WIDTH
