"""Are two field values the same, and if not, what differs inside them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from ..kinds.base import thaw

#: Keys and positions that lead to a place inside a value.
Path = tuple[str | int, ...]
#: So many pairs of nested members of two sets are compared to find out which became which (a second's work).
_PAIRS = 400


class Op(StrEnum):
    """What became of a part of a value."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    MOVED = "moved"


@dataclass(frozen=True)
class Part:
    """One difference inside a value: where, what is there, and what comes. `path` counts as the value is now (as it
    will be, for what is added); it is empty for a member of a set. `to` is where something moves."""

    op: Op
    path: Path
    before: Any = None
    after: Any = None
    to: Path = ()


def same(wanted: Any, real: Any, *, unordered: bool) -> bool:
    """Whether two values mean the same to Appwrite. Order is ignored where it means a set."""
    if wanted == real and isinstance(wanted, bool) == isinstance(real, bool):
        return True
    if not isinstance(wanted, tuple | Mapping) or not isinstance(real, tuple | Mapping):
        return False
    if not unordered or not _is_container(wanted, real):
        return bool(thaw(wanted) == thaw(real))
    if _is_flat(wanted) and _is_flat(real):
        return set(wanted) == set(real)
    return not _deep_diff(wanted, real, unordered=True)


def parts(before: Any, after: Any, *, unordered: bool) -> tuple[Part, ...]:
    """What differs inside two lists, sets, settings, or texts that hold JSON; nothing where both are no such thing,
    where one is another kind of thing, or where only the layout of the JSON differs."""
    if isinstance(before, str) and isinstance(after, str):
        before, after, unordered = _json_in(before), _json_in(after), False
    if not _is_container(before, after):
        return ()
    if unordered and ((_is_flat(before) and _is_flat(after)) or len(before) * len(after) > _PAIRS):
        return tuple(_members(before, after))
    try:
        found = _deep_diff(before, after, unordered=unordered)
        return tuple(_moved(sorted(_parts_of(found), key=_place)))
    except RecursionError:
        # Nested deeper than anybody reads.
        return ()


def _is_container(one: Any, other: Any) -> bool:
    """Whether both are lists, or both are settings."""
    return any(isinstance(one, kind) and isinstance(other, kind) for kind in (tuple | list, Mapping))


def _is_flat(value: Any) -> bool:
    """Whether it is a list of plain values."""
    return not isinstance(value, Mapping) and not any(isinstance(each, tuple | list | Mapping) for each in value)


def _json_in(text: str) -> Any:
    """The list or the settings that a text holds; None where it holds something else."""
    if text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _members(before: Any, after: Any) -> Iterator[Part]:
    """For two sets written as lists: what comes and what goes, in the order written."""
    yield from (Part(Op.ADDED, (), None, item) for item in _once(after) if item not in before)
    yield from (Part(Op.REMOVED, (), item) for item in _once(before) if item not in after)


def _once(items: Iterable[Any]) -> list[Any]:
    found: list[Any] = []
    for each in items:
        if each not in found:
            found.append(each)
    return found


def _deep_diff(before: Any, after: Any, *, unordered: bool) -> Any:
    # Imported here: it takes a quarter of a second, and most plans have nothing for it to do.
    from deepdiff import DeepDiff  # noqa: PLC0415

    return DeepDiff(thaw(before), thaw(after), ignore_order=unordered, report_repetition=False, view="tree")


def _parts_of(found: Mapping[str, Any]) -> Iterator[Part]:
    for what, levels in found.items():
        for level in levels:
            path: Path = tuple(level.path(output_format="list"))
            if what.endswith("_added"):
                yield Part(Op.ADDED, path, None, level.t2)
            elif what.endswith("_removed"):
                yield Part(Op.REMOVED, path, level.t1)
            else:
                yield Part(Op.CHANGED, path, level.t1, level.t2)


def _place(part: Part) -> tuple[Any, ...]:
    """Sorts positions as numbers, keys as texts."""
    return tuple((isinstance(step, str), step) for step in part.path), part.op


def _moved(found: list[Part]) -> list[Part]:
    """What goes from one place of a list and comes at another one of it has moved."""
    told = list(found)
    for gone in found:
        if gone.op is not Op.REMOVED or not isinstance(gone.path[-1], int):
            continue
        came = next((each for each in told if _is_return(each, gone)), None)
        if came is not None:
            told.remove(came)
            told[told.index(gone)] = Part(Op.MOVED, gone.path, gone.before, gone.before, came.path)
    return told


def _is_return(part: Part, gone: Part) -> bool:
    return part.op is Op.ADDED and part.path[:-1] == gone.path[:-1] and bool(part.after == gone.before)
