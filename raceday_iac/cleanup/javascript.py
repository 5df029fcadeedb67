"""As much of JavaScript as a clean-up needs: what is code, what is text, and what is imported.

This is no parser. It is used to report, and to allow a change; where it is in doubt nothing is changed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

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
