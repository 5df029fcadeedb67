"""Editing JSON as text: members and elements go and come, every other character stays as it was.

Writing the parsed document out again would change indentation, line endings, escapes and numbers that nobody meant.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...errors import IacError

# Items between commas, as they stand in a text: some go, some come, and the spacing of the rest stays.
#
# Each item keeps the blanks before it. Those before the first belong to the opening bracket and those after the last
# to the closing one, so that neither a removed first nor a removed last item leaves a trace.


@dataclass(frozen=True)
class Item:
    """From `start` to `end` in the text, with the blanks (and comments) `lead` before it."""

    start: int
    end: int
    lead: str


@dataclass(frozen=True)
class Listing:
    """What stands between two brackets: `start` is after the opening one, `end` before the closing one."""

    start: int
    end: int
    items: tuple[Item, ...]
    #: Between the last item and the closing bracket; a trailing comma is part of it.
    tail: str

    def next_lead(self, blank: str) -> str:
        """What stands before an item that is not the first; `blank` where only one on the same line is known."""
        if not self.items:
            return ""
        lead = self.items[-1].lead
        return lead if len(self.items) > 1 or "\n" in lead else blank


def rebuilt(
    text: str, listing: Listing, keep: Callable[[int], bool], added: Sequence[str] = (), blank: str = " "
) -> str:
    """The text with those items of the listing for whose number `keep` holds, and new ones at its end."""
    lead = listing.next_lead(blank)
    kept = [(item.lead, text[item.start : item.end]) for number, item in enumerate(listing.items) if keep(number)]
    entries = kept + [(lead, each) for each in added]
    if not entries:
        return text[: listing.start] + text[listing.end :]
    first = listing.items[0].lead if listing.items else ""
    inner = ",".join(before + item for before, item in [(first, entries[0][1]), *entries[1:]])
    return text[: listing.start] + inner + listing.tail + text[listing.end :]


_BLANKS = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder()


@dataclass(frozen=True)
class Part:
    """A member of an object (with its key) or an element of a list (key empty)."""

    key: str
    value: Any
    start: int
    end: int
    #: Where the value begins.
    value_start: int


@dataclass(frozen=True)
class Node:
    """An object or a list in the text, with its parts."""

    listing: Listing
    parts: tuple[Part, ...]

    def last(self, key: str) -> Part | None:
        """The member of that key; the last one, as every reader of JSON takes it."""
        return next((part for part in reversed(self.parts) if part.key == key), None)


@dataclass(frozen=True)
class Style:
    """How a file is written, as far as something new must look like it."""

    eol: str = "\n"
    unit: str = "  "
    colon: str = ": "
    comma: str = ", "
    one_line: bool = False
    inline_lists: bool = False


def checked(text: str, path: str) -> Any:
    """The document. Raises IacError for what is no JSON object."""
    try:
        document = json.loads(text.removeprefix("\ufeff"))
    except ValueError as error:
        line = getattr(error, "lineno", 0)
        raise IacError(f"{path}:{line} is not JSON: {getattr(error, 'msg', error)}.", unchanged=True) from None
    except RecursionError:
        raise IacError(f"{path} is nested too deeply.", unchanged=True) from None
    if not isinstance(document, dict):
        raise IacError(f"{path} does not hold a JSON object.", unchanged=True)
    return document


def root(text: str) -> Node:
    """The outermost object of a checked text."""
    return node(text, _skip(text, 1 if text.startswith("\ufeff") else 0))


def node(text: str, position: int) -> Node:
    """The object or list that begins at a position of a checked text."""
    is_object = text[position] == "{"
    start = position + 1
    parts: list[Part] = []
    items: list[Item] = []
    here = start
    while text[begin := _skip(text, here)] not in "}]":
        part = _part(text, begin, is_object)
        parts.append(part)
        items.append(Item(begin, part.end, text[here:begin]))
        after = _skip(text, part.end)
        if text[after] != ",":
            return Node(Listing(start, after, tuple(items), text[part.end : after]), tuple(parts))
        here = after + 1
    return Node(Listing(start, begin, (), text[start:begin]), ())


def without(
    text: str, where: Node, goes: Callable[[Part], bool], added: Mapping[str, Any] | Mapping[None, Any] | None = None
) -> str:
    """The text without some parts of a node, and with new ones at its end: members by key, an element by None."""
    style, listing = style_of(text, where), where.listing
    if not where.parts and added and not style.one_line:
        return _filled(text, listing, style, added)
    indent = listing.next_lead("").rpartition("\n")[2]
    new = [written(key, value, style, indent) for key, value in (added or {}).items()]
    return rebuilt(text, listing, lambda number: not goes(where.parts[number]), new, style.comma[1:])


def style_of(text: str, where: Node) -> Style:
    """The style of a file, and of the lists in one of its nodes."""
    top = root(text)
    lead = top.listing.items[0].lead if top.parts else ""
    key = top.parts[0] if top.parts else None
    colon = text[key.start : key.value_start].replace(json.dumps(key.key), "", 1) if key else ": "
    inner = [text[part.start : part.end] for part in where.parts if isinstance(part.value, dict)]
    filled = [each for text_ in inner for each in re.findall(r"\[[^\[\]]+\]", text_)]
    return Style(
        eol="\r\n" if "\r\n" in lead else "\n",
        unit=lead.rpartition("\n")[2] or "  ",
        colon=colon if colon.strip() == ":" else ": ",
        comma=", " if colon.endswith(" ") else ",",
        one_line="\n" not in lead,
        inline_lists=bool(filled) and not any("\n" in each for each in filled),
    )


def written(key: str | None, value: Any, style: Style, indent: str) -> str:
    """A member (or, without a key, an element) in a style, for a place of that indentation."""
    return ("" if key is None else f"{json.dumps(key, ensure_ascii=False)}{style.colon}") + _value(value, style, indent)


def _value(value: Any, style: Style, indent: str) -> str:
    inner = indent + style.unit
    if isinstance(value, Mapping):
        entries = [written(str(key), each, style, inner) for key, each in value.items()]
        return _bracketed("{", entries, "}", style, indent, style.one_line)
    if isinstance(value, list):
        entries = [_value(each, style, inner) for each in value]
        return _bracketed("[", entries, "]", style, indent, style.one_line or style.inline_lists)
    return json.dumps(value, ensure_ascii=False)


def _bracketed(opening: str, entries: list[str], closing: str, style: Style, indent: str, one_line: bool) -> str:
    if not entries:
        return opening + closing
    if one_line:
        return opening + style.comma.join(entries) + closing
    inner = style.eol + indent + style.unit
    return opening + ",".join(inner + each for each in entries) + style.eol + indent + closing


def _filled(text: str, listing: Listing, style: Style, added: Mapping[str, Any] | Mapping[None, Any]) -> str:
    """An empty node with its first parts."""
    outer = _line_indent(text, listing.start)
    indent = outer + style.unit
    inner = ",".join(style.eol + indent + written(key, value, style, indent) for key, value in added.items())
    return text[: listing.start] + inner + style.eol + outer + text[listing.end :]


def _part(text: str, begin: int, is_object: bool) -> Part:
    key, value_start = "", begin
    if is_object:
        key, colon = _DECODER.raw_decode(text, begin)
        value_start = _skip(text, _skip(text, colon) + 1)
    value, end = _DECODER.raw_decode(text, value_start)
    return Part(key, value, begin, end, value_start)


def _skip(text: str, position: int) -> int:
    found = _BLANKS.match(text, position)
    return found.end() if found else position


def _line_indent(text: str, position: int) -> str:
    line = text[text.rfind("\n", 0, position) + 1 : position]
    return line[: len(line) - len(line.lstrip(" \t"))]


# As much of JavaScript as a clean-up needs: what is code, what is text, and what is imported.
#
# This is no parser. It is used to report, and to allow a change; where it is in doubt nothing is changed.


CODE, TEXT, TEMPLATE, COMMENT = "c", "s", "t", "/"

_TOKEN = re.compile(
    r"(?P<comment>//[^\n]*|/\*.*?(?:\*/|\Z))"
    r"|(?P<string>'(?:\\.|[^'\\\n])*'?|\"(?:\\.|[^\"\\\n])*\"?)"
    r"|(?P<template>`(?:\\.|[^`\\])*`?)",
    re.DOTALL,
)
_KINDS = {"comment": COMMENT, "string": TEXT, "template": TEMPLATE}
_IMPORT = re.compile(
    r"\b(?:import|export)\b(?P<names>[^;'\"()]*?)(?:\bfrom\s*)?(?P<quote>['\"])(?P<target>\.{1,2}/[^'\"\n]+)(?P=quote)"
    r"|\b(?:import|require)\s*\(\s*(?P<quote2>['\"])(?P<target2>\.{1,2}/[^'\"\n]+)(?P=quote2)\s*\)"
)
_NAME = re.compile(r"[A-Za-z_$][\w$]*")


@dataclass(frozen=True)
class Import:
    """A relative import: where it stands, what it names, and under which names the code uses it."""

    position: int
    end: int
    target: str
    names: tuple[str, ...]


def kinds(text: str) -> str:
    """For each character whether it is code, a string, a template or a comment."""
    found: list[str] = []
    here = 0
    for token in _TOKEN.finditer(text):
        found.append(CODE * (token.start() - here))
        found.append(_KINDS[str(token.lastgroup)] * (token.end() - token.start()))
        here = token.end()
    return "".join([*found, CODE * (len(text) - here)])


def imports(text: str) -> Iterator[Import]:
    """The relative imports of a module, without those that are commented out."""
    kind = kinds(text)
    for found in _IMPORT.finditer(text):
        if kind[found.start()] == CODE:
            target = found["target"] or found["target2"]
            yield Import(found.start(), found.end(), target, _local_names(found["names"] or ""))


def uses(text: str, names: tuple[str, ...], *, after: int) -> list[int]:
    """The positions in the code, behind a position, at which one of the names stands."""
    kind = kinds(text)
    pattern = "|".join(rf"(?<![\w$.]){re.escape(name)}(?![\w$])" for name in names)
    found = re.finditer(pattern, text) if names else ()
    return [each.start() for each in found if each.start() >= after and kind[each.start()] == CODE]


def _local_names(clause: str) -> tuple[str, ...]:
    """`a, { b, c as d }` is used as a, b and d; `* as e` as e."""
    found = []
    for each in re.split(r"[,{}]", clause):
        words = _NAME.findall(each)
        if words:
            found.append(words[-1])
    return tuple(found)
