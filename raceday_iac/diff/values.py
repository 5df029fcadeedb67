"""Are two field values the same, and if not, what differs inside them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..kinds.base import thaw


def same(wanted: Any, real: Any, *, unordered: bool) -> bool:
    """Whether two values mean the same to Appwrite. Order is ignored where it means a set."""
    if wanted == real and isinstance(wanted, bool) == isinstance(real, bool):
        return True
    if not isinstance(wanted, tuple | Mapping) or not isinstance(real, tuple | Mapping):
        return False
    return not _deep_diff(wanted, real, unordered=unordered)


def added_and_removed(before: Any, after: Any) -> tuple[list[Any], list[Any]]:
    """For two sets written as lists: what comes and what goes, in the order written."""
    old, new = list(before or ()), list(after or ())
    return [item for item in new if item not in old], [item for item in old if item not in new]


def _deep_diff(wanted: Any, real: Any, *, unordered: bool) -> Any:
    # Imported here: it takes a quarter of a second, and most plans find every value equal.
    from deepdiff import DeepDiff  # noqa: PLC0415

    return DeepDiff(thaw(real), thaw(wanted), ignore_order=unordered, report_repetition=not unordered)
