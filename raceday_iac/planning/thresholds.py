"""Against plans that change or delete far more than anybody meant: limits per kind, as a share and as a number. Pure.

A limit strikes only when both are exceeded, so that small projects are not bothered. Letting it pass takes the very
number that the plan shows: who repeats it has read it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence

from ..model.address import Address
from ..model.threshold import DEFAULTS, Threshold
from .plan import Action, Change, Refusal

#: By `action kind`, where the stack says otherwise.
Thresholds = Mapping[str, Threshold]
_COUNTED = {"delete": (Action.DELETE, Action.REPLACE), "update": (Action.UPDATE, Action.CONVERT, Action.SCHEDULE)}
#: Counted also where they go with their owner: one database may hold all of them. Of other things that go with an
#: owner, the number of owners says enough.
_ALSO_INSIDE = ("collection",)


def threshold_refusals(
    changes: Sequence[Change], managed: Collection[Address], declared: Thresholds, confirmed: Mapping[str, int]
) -> Iterator[Refusal]:
    """A refusal for each kind of which too many would be changed, out of those that are `managed`."""
    totals = Counter(address.kind for address in managed)
    for name, kind, found in _counted(changes):
        limit = declared.get(f"{name} {kind}", DEFAULTS[name])
        number, total = len(found), max(len(found), totals[kind])
        share = 100 * number / total
        if number <= limit.number or share <= limit.percent or confirmed.get(f"{name} {kind}") == number:
            continue
        yield Refusal(
            found[0],
            f"{number} of {total} managed {kind} resources would be {name}d, {_shown(share)} %; "
            f"the limit is {_shown(limit.percent)} % and {limit.number}",
            f'if that is meant: --confirm "{name} {kind}={number}"',
        )


def _counted(changes: Sequence[Change]) -> Iterator[tuple[str, str, list[Address]]]:
    created = {change.address for change in changes if change.action is Action.CREATE}
    for name, actions in _COUNTED.items():
        found = dict.fromkeys(
            change.address
            for change in changes
            if change.action in actions and change.address not in created and _counts(change)
        )
        for kind in dict.fromkeys(address.kind for address in found):
            yield name, kind, [address for address in found if address.kind == kind]


def _counts(change: Change) -> bool:
    return change.goes_with is None or (change.managed and change.address.kind in _ALSO_INSIDE)


def _shown(percent: float) -> str:
    return f"{percent:.1f}".removesuffix(".0")
