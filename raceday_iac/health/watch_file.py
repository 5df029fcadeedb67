"""Reading `health.yaml`: every mistake in it is told at once, each with its line."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml
from pydantic import ValidationError

from ..errors import StackError
from ..model.desired import Desired
from ..model.problem import Location, Problem
from .watched import Freshness, Watched

Mistake = tuple[tuple[str | int, ...], str]
_KINDS = ("function", "collection")
#: Moments that every document has.
_OWN = ("$createdAt", "$updatedAt")
#: What pydantic says of some mistakes, in plain words.
_PLAIN = {"extra_forbidden": "unknown setting", "missing": "is missing", "greater_than": "is too small"}


@dataclass(frozen=True)
class Declared:
    """What a file may name: functions, collections (`database/collection`), and the types of attributes
    (`database/collection/key`)."""

    functions: Collection[str] = ()
    collections: Collection[str] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, desired: Desired) -> Declared:
        functions, collections = ([each.address.path for each in desired.of_kind(kind)] for kind in _KINDS)
        types = {each.address.path: str(each.fields["type"]) for each in desired.of_kind("attribute")}
        return cls(functions, collections, types)


def read_watched(text: str, file: str, declared: Declared) -> Watched:
    """The file's content, compared with what the stack declares. Raises StackError with everything that is wrong."""
    try:
        content = yaml.safe_load(text) or {}
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = Location(file, mark.line + 1 if mark else 0)
        raise StackError([Problem(place, "", f"not valid YAML: {getattr(error, 'problem', error)}")]) from None
    if not isinstance(content, dict):
        raise StackError([Problem(Location(file, 1), "", "a health file is a mapping of names to values")])
    try:
        watched = Watched.model_validate(content)
    except ValidationError as error:
        raise StackError([_problem(file, root, issue) for issue in error.errors()]) from None
    unknown = [
        Problem(Location(file, _line(root, path)), _dotted(path), message)
        for path, message in _unknown(watched, declared)
    ]
    if unknown:
        raise StackError(unknown)
    return watched


def _unknown(watched: Watched, declared: Declared) -> Iterator[Mistake]:
    functions = declared.functions
    for name in watched.functions:
        if name not in functions:
            yield ("functions", name), "the stack declares no such function"
    for number, name in enumerate(watched.daily):
        if name not in functions:
            yield ("daily", number), f"the stack declares no function {name!r}"
        if name in watched.daily[:number]:
            yield ("daily", number), f"{name!r} is there twice"
    for number, rule in enumerate(watched.freshness):
        yield from ((("freshness", number, where), message) for where, message in _misplaced(rule, declared))
        if rule.by and rule.by not in functions:
            yield ("freshness", number, "by"), f"the stack declares no function {rule.by!r}"
        if rule.rule == "newest" and rule.within is None:
            yield ("freshness", number), "the rule `newest` needs `within`, such as within: 30m"


def _misplaced(rule: Freshness, declared: Declared) -> Iterator[tuple[str, str]]:
    """What a rule looks at must be there, and be a moment."""
    if rule.collection not in declared.collections:
        yield "collection", f"the stack declares no collection {rule.collection!r}"
        return
    found = "datetime" if rule.attribute in _OWN else declared.attributes.get(f"{rule.collection}/{rule.attribute}")
    if found is None:
        yield "attribute", f"the stack declares no attribute {rule.attribute!r} in {rule.collection}"
    elif found != "datetime":
        yield "attribute", f"{rule.attribute!r} is of type {found}; a datetime is needed"


def _problem(file: str, root: Any, issue: Mapping[str, Any]) -> Problem:
    path = tuple(issue["loc"])
    message = _PLAIN.get(issue["type"], str(issue["msg"]).removeprefix("Value error, "))
    return Problem(Location(file, _line(root, path)), _dotted(path), message)


def _dotted(path: tuple[str | int, ...]) -> str:
    """`freshness.2.collection`, counted from one as people count entries."""
    return ".".join(str(each + 1) if isinstance(each, int) else each for each in path)


def _line(node: Any, path: tuple[str | int, ...]) -> int:
    """The line of a setting; of what is missing, the line of what it is missing from."""
    line = int(node.start_mark.line) + 1
    for step in path:
        if isinstance(node, yaml.MappingNode):
            found = next(((key, value) for key, value in node.value if key.value == step), None)
            if found is None:
                return line
            line, node = int(found[0].start_mark.line) + 1, found[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
            line = int(node.start_mark.line) + 1
        else:
            return line
    return line
