"""What is to be imported, with remarks about what cannot come along, and the names that a stack file gives it. Pure.

Named are handles of databases and collections, and environment variables of secrets.
"""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..errors import IacError
from ..model.address import Address, owners
from ..model.resource import Live
from ..model.stack import FromEnvironment

#: Names that the written file uses itself, or that would be misread.
_TAKEN = frozenset({"stack", "annotations", "l", "o", "i", *keyword.kwlist, *keyword.softkwlist, *dir(builtins)})
#: An id that Appwrite made up: nobody can read it, so the resource's name is taken instead.
_GENERATED = re.compile(r"[0-9a-f]{12,36}")


class Names:
    """Gives out names, each once."""

    def __init__(self) -> None:
        self._given: set[str] = set()

    def handle(self, kind: str, id: str, name: str) -> str:
        """A Python variable for a database or collection, from its id where that can be read."""
        readable = name if _GENERATED.fullmatch(id) else id
        word = re.sub(r"[^0-9a-z]+", "_", readable.lower()).strip("_")
        if not word:
            word = kind
        if word[0].isdigit():
            word = f"{kind}_{word}"
        if word in _TAKEN:
            word = f"{word}_"
        return self._unique(word)

    def environment_variable(self, function: str, name: str, key: str) -> str:
        """Where a secret of a function is to come from. Two functions may hold different secrets under one key."""
        readable = name if _GENERATED.fullmatch(function) else function
        word = re.sub(r"[^0-9A-Z]+", "_", f"{readable}_{key}".upper()).strip("_") or "SECRET"
        return self._unique(f"SECRET_{word}" if word[0].isdigit() else word)

    def constant(self, word: str) -> str:
        """A module constant."""
        return self._unique(word.upper())

    def _unique(self, word: str) -> str:
        """The word, or the word with the first number that is free."""
        number, candidate = 1, word
        while candidate in self._given:
            number += 1
            candidate = f"{word}_{number}" if not word.endswith("_") else f"{word}{number}"
        self._given.add(candidate)
        return candidate


# Values and calls as Python text, in the form that `ruff format` (and Black) leaves as it is.
#
# A call or list that is known to fit stands on one line. Everything else is written with one item a line and a comma
# after the last one, which formatters keep whatever the width: so nothing here has to measure as they do.


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
    raise TypeError(f"{type(value).__name__} cannot be written to a stack file")


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


@dataclass(frozen=True)
class Remark:
    """Something a person must know of an import: which resource or part of a file, and what."""

    subject: str
    message: str

    def __str__(self) -> str:
        return f"{self.subject}: {self.message}"


@dataclass(frozen=True)
class Project:
    """A project as found on a server or in a file. Owners come before what they own."""

    resources: Mapping[Address, Live]
    remarks: tuple[Remark, ...] = ()
    #: Where it was found, for people.
    source: str = ""
    name: str = ""
    notes: Mapping[Address, str] = field(default_factory=dict)


def select(project: Project, chosen: Collection[Address], *, with_inner: bool = True) -> Project:
    """The part that the addresses name: them, what lies in them (`with_inner`), and what they lie in. Nothing chosen is
    everything. Raises IacError for an address that is not there."""
    if not chosen:
        return project
    missing = sorted(str(each) for each in chosen if each not in project.resources)
    if missing:
        raise IacError(f"There is no {', '.join(missing)} in {project.source}.", unchanged=True)
    around = {owner for each in chosen for owner in owners(each)}
    kept = {
        address: live
        for address, live in project.resources.items()
        if address in chosen or address in around or (with_inner and _lies_in(address, chosen))
    }
    return Project(kept, project.remarks, project.source, project.name, project.notes)


def _lies_in(address: Address, chosen: Collection[Address]) -> bool:
    return any(owner in chosen for owner in owners(address))
