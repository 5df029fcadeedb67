"""The one reader of YAML files: environments, `health.yaml`, `policies.yaml`.

Values are plain (texts, numbers, dates, lists, mappings); nothing in a file can make an object. A key that is there
twice is refused, because the second would silently win. Size, depth and number of values have bounds; an alias counts
as often as it is used. Every value knows its line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from ..errors import StackError
from ..model.resource import Diagnostic, Location

#: Bytes of a file, values in it, and how deep they may lie in each other. Real files are far below.
LONGEST, MOST_VALUES, DEEPEST = 1_000_000, 20_000, 50
ValuePath = tuple[str | int, ...]
#: What pydantic says of some mistakes, in plain words.
_PLAIN = {"extra_forbidden": "unknown setting", "missing": "is missing", "greater_than": "is too small"}


@dataclass(frozen=True)
class YamlFile:
    """The top mapping of a file, and the line of every value by its path: `("freshness", 1, "rule")`."""

    file: str
    content: dict[str, Any]
    lines: Mapping[ValuePath, int] = field(repr=False)

    def location(self, *path: str | int) -> Location:
        """Where a value stands; of a missing one, where that stands which it is missing from."""
        known = (self.lines.get(path[:length]) for length in range(len(path), -1, -1))
        return Location(self.file, next((line for line in known if line), 1))

    def problem(self, path: ValuePath, message: str) -> Diagnostic:
        """A mistake in a setting."""
        return Diagnostic(self.location(*path), dotted(path), message)

    def problems(
        self, error: ValidationError, section: ValuePath = (), near: Callable[[str], str] = lambda _name: ""
    ) -> list[Diagnostic]:
        """What pydantic found wrong in the file, or in a section of it. `near` adds what an unknown setting is like."""
        found = []
        for issue in error.errors():
            place, kind = issue["loc"], issue["type"]
            said = _PLAIN.get(kind, str(issue["msg"]).removeprefix("Value error, "))
            is_unknown = kind == "extra_forbidden" and len(place) == 1
            found.append(self.problem((*section, *place), said + (near(str(place[0])) if is_unknown else "")))
        return found


def dotted(path: ValuePath) -> str:
    """The name of a setting: `freshness.2.rule`, counted from one as people count entries."""
    return ".".join(str(each + 1) if isinstance(each, int) else each for each in path)


def read_yaml(path: Path, shape: str) -> YamlFile:
    """Read a file. `shape` says what such a file is, for those that are something else. Raises StackError."""
    return parse_yaml(read_yaml_text(path), str(path), shape)


def read_yaml_text(path: Path) -> str:
    """The text of a file. Raises StackError when it cannot be read, is no text, or is too long."""
    try:
        size = path.stat().st_size
        if size > LONGEST:
            raise _refused(str(path), 0, _TOO_LONG.format(size))
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise _refused(str(path), 0, f"cannot be read: {error}") from None


def parse_yaml(text: str, file: str, shape: str) -> YamlFile:
    """The same of a text that was read before."""
    loader = None
    if len(text) > LONGEST:
        raise _refused(file, 0, _TOO_LONG.format(len(text)))
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
        lines, twice = _measured(root, file)
        if twice:
            raise StackError(twice)
        content = {} if root is None else loader.construct_document(root)
    except yaml.YAMLError as error:
        line, reason = _reason(error, text)
        raise _refused(file, line, f"not valid YAML: {reason}") from None
    finally:
        if loader is not None:
            loader.dispose()
    if content is None:
        content = {}
    if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
        raise _refused(file, 1, shape)
    return YamlFile(file, content, lines)


def _refused(file: str, line: int, message: str) -> StackError:
    return StackError([Diagnostic(Location(file, line), "", message)])


class _Loader(yaml.SafeLoader):
    """Plain values only, not deeper than allowed; a value that cannot be made is reported with its line."""

    _depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        self._depth += 1
        if self._depth > DEEPEST:
            raise yaml.composer.ComposerError(None, None, _TOO_DEEP, self.peek_event().start_mark)  # type: ignore[no-untyped-call]
        found = super().compose_node(parent, index)
        self._depth -= 1
        return found

    def construct_object(self, node: Any, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except (ValueError, TypeError, AttributeError, LookupError, ArithmeticError):
            # Such as 2026-13-45, which looks like a date.
            kind = node.tag.rpartition(":")[2]
            written = f"{node.value[:40]!r} " if isinstance(node.value, str) else ""
            message = f"{written}cannot be read as {_KINDS.get(kind, kind)}"
            raise yaml.constructor.ConstructorError(None, None, message, node.start_mark) from None


_KINDS = {"int": "a number", "float": "a number", "timestamp": "a date", "bool": "yes or no"}
_TOO_LONG = f"has {{:,}} bytes; at most {LONGEST:,} are read"
_TOO_DEEP = f"it is nested deeper than {DEEPEST} levels"
_TOO_MANY = f"it holds more than {MOST_VALUES:,} values"


def _measured(root: Any, file: str) -> tuple[dict[ValuePath, int], list[Diagnostic]]:
    """The line of every value, and the keys that are there twice. Raises yaml.YAMLError for what is out of bounds."""
    lines: dict[ValuePath, int] = {}
    twice: list[Diagnostic] = []
    waiting: list[tuple[ValuePath, Any, int]] = [] if root is None else [((), root, _line(root))]
    while waiting:
        path, node, line = waiting.pop()
        lines[path] = line
        if len(path) > DEEPEST or len(lines) > MOST_VALUES:
            message = _TOO_DEEP if len(path) > DEEPEST else _TOO_MANY
            raise yaml.composer.ComposerError(None, None, message, node.start_mark)
        twice += (
            Diagnostic(Location(file, line), dotted((*path, name)), f"is set twice; the first is in line {first}")
            for name, first, line in _repeated(node)
        )
        waiting += (((*path, step), value, line) for step, value, line in _inside(node))
    return lines, sorted(twice)


def _repeated(node: Any) -> Iterator[tuple[str, int, int]]:
    """Keys of a mapping that are there again, with the line of the first and their own."""
    seen: dict[tuple[str, str], int] = {}
    for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
        if isinstance(key, yaml.ScalarNode):
            known = (key.tag, key.value)
            if known in seen:
                yield key.value, seen[known], _line(key)
            seen.setdefault(known, _line(key))


def _inside(node: Any) -> Iterator[tuple[str | int, Any, int]]:
    """Name or number, value and line of what lies directly in a mapping or a list."""
    if isinstance(node, yaml.MappingNode):
        for number, (key, value) in enumerate(node.value):
            yield key.value if isinstance(key, yaml.ScalarNode) else number, value, _line(key)
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            yield number, value, _line(value)


def _line(node: Any) -> int:
    return int(node.start_mark.line) + 1


def _reason(error: yaml.YAMLError, text: str) -> tuple[int, str]:
    """Line and sentence of what the library says."""
    if isinstance(error, yaml.reader.ReaderError):
        line = text.count("\n", 0, error.position) + 1
        return line, f"the character U+{error.character:04X} cannot be used"
    mark, problem = getattr(error, "problem_mark", None), str(getattr(error, "problem", None) or error)
    if problem.startswith("but "):
        problem = f"{getattr(error, 'context', '')}, {problem}"
    return (mark.line + 1 if mark else 0), problem
