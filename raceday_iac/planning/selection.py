"""Only a part of a plan: what was targeted and what that needs, or all but what was excluded and what needs that. Pure.

What is *needed* is less than what comes first: new code waits for the whole schema, but does not need all of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from ..model.address import Address
from .plan import Change
from .wishes import Wishes, lies_in


@dataclass(frozen=True)
class Selection:
    """The changes that stay, in order, and the addresses of those that do not."""

    kept: tuple[Change, ...]
    left_out: tuple[Address, ...] = ()


def select(changes: Sequence[Change], wishes: Wishes) -> Selection:
    """Apply targets and exclusions. A change that is kept only because another needs it says so in its reason."""
    if not wishes.is_partial:
        return Selection(tuple(changes))
    by_key = {change.key: change for change in changes}
    wanted = [change.key for change in changes if not wishes.targets or lies_in(change.address, wishes.targets)]
    needed_by = _needed(wanted, by_key)
    dropped = _dependents(
        [key for key in needed_by if lies_in(by_key[key].address, wishes.excluded)], needed_by, by_key
    )
    kept = [_kept(change, needed_by[change.key]) for change in changes if change.key in needed_by.keys() - dropped]
    keys = {change.key for change in kept}
    kept = [replace(change, requires=tuple(key for key in change.requires if _base(key) in keys)) for change in kept]
    left_out = tuple(dict.fromkeys(change.address for change in changes if change.key not in keys))
    return Selection(tuple(kept), left_out)


def _needed(wanted: Iterable[str], by_key: dict[str, Change]) -> dict[str, str]:
    """Everything wanted and all that it needs, each with the key of what needs it (empty: it was wanted itself)."""
    found = dict.fromkeys(wanted, "")
    todo = list(found)
    while todo:
        key = todo.pop()
        for need in (_base(each) for each in by_key[key].needs):
            if need in by_key and need not in found:
                found[need] = key
                todo.append(need)
    return found


def _dependents(dropped: Iterable[str], among: Iterable[str], by_key: dict[str, Change]) -> set[str]:
    """What was dropped, and whatever needs it."""
    found = set(dropped)
    keys = list(among)
    while fresh := {key for key in keys if key not in found and any(_base(n) in found for n in by_key[key].needs)}:
        found |= fresh
    return found


def _kept(change: Change, needed_by: str) -> Change:
    if not needed_by:
        return change
    return replace(change, reason=f"{change.reason} (needed by {needed_by.partition(':')[2]})")


def _base(key: str) -> str:
    """The change of a moment in it: `removal:replace:…` is a part of `replace:…`."""
    return key.removeprefix("removal:")
