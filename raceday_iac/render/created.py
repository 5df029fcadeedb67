"""What is created, with its values: as lines of a field each, and what lies in a collection as a compact table.

Only above `FOLD` of a kind in one plan, or `ROWS` of one that has a line each in a table, the values are left out.
Those that say who may do what and when never are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from ..diff import value_text
from ..kinds import KINDS, kind_of
from ..planning import Action, Change

FOLD, ROWS = 20, 60
NEVER_FOLDED = ("execute", "scopes", "permissions", "events", "schedule")
#: What a table says in columns of its own.
_COLUMNS = ("type", "relationType", "size", "array", "required", "default")


def folded_kinds(changes: Iterable[Change]) -> frozenset[str]:
    """The kinds of which so many are created that nobody reads them all."""
    counts = Counter(each.address.kind for each in changes if each.action is Action.CREATE)
    return frozenset(kind for kind, number in counts.items() if number > (ROWS if KINDS[kind].listed else FOLD))


def values_of(change: Change, folded: Collection[str] = ()) -> Iterator[tuple[str, str]]:
    """The fields that a creation sets, and their values as text. What is empty is only shown of who may do what."""
    for name, value in change.values.items():
        is_never = name in NEVER_FOLDED
        if is_never or (change.address.kind not in folded and not _is_empty(value)):
            yield name, value_text(value)


def members_table(changes: Iterable[Change]) -> list[tuple[str, str, str, str]]:
    """A row for each: its name, its type, whether it has to be there, and the rest."""
    return [_row(each) for each in changes]


def aligned(rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    """The rows of a table as lines, the last column as it is."""
    rows = list(rows)
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
    for *first, last in rows:
        yield "  ".join([*(cell.ljust(width) for cell, width in zip(first, widths, strict=True)), last]).rstrip()


def _row(change: Change) -> tuple[str, str, str, str]:
    values = change.values
    # Plain columns need no name of their kind.
    kind = "" if kind_of(change.address).holds_values else f"{change.address.kind} "
    size = f"({values['size']})" if values.get("size") else ""
    form = f"{kind}{values.get('type') or values.get('relationType', '')}{size}{'[]' if values.get('array') else ''}"
    return change.address.name, form.strip(), _need(values), ", ".join(_rest(values))


def _need(values: Mapping[str, Any]) -> str:
    if values.get("required"):
        return "required"
    return "" if values.get("default") is None else f"default {value_text(values['default'])}"


def _rest(values: Mapping[str, Any]) -> Iterator[str]:
    for name, value in values.items():
        if name not in _COLUMNS and not _is_empty(value) and value is not False:
            yield f"{name}: {value_text(value)}"


def _is_empty(value: Any) -> bool:
    is_nothing = value is None or (isinstance(value, str | tuple | list | Mapping) and not value)
    return is_nothing or (isinstance(value, tuple | list) and not any(value))


def has_values(change: Change) -> bool:
    """Whether it is one that says what it creates."""
    return change.action is Action.CREATE and bool(change.values)


def is_member(change: Change) -> bool:
    """Whether it is shown in the table of its collection."""
    return bool(kind_of(change.address).listed)
