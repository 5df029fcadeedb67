"""Against plans that change or delete far more than anybody meant: limits per kind, as a share and as a number. Pure.

A limit strikes only when both are exceeded, so that small projects are not bothered. Letting it pass takes the very
number that the plan shows: who repeats it has read it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from ..model.address import Address
from ..model.threshold import DEFAULTS, Threshold
from ..state.document import State
from .plan import Action, Change, Refusal

#: Which actions a limit counts together.
COUNTED = {"delete": (Action.DELETE, Action.REPLACE), "update": (Action.UPDATE,)}


#: By `action kind`, where the stack says otherwise.
Thresholds = Mapping[str, Threshold]


def threshold_refusals(
    changes: Iterable[Change], state: State, declared: Thresholds, confirmed: Mapping[str, int]
) -> Iterator[Refusal]:
    """A refusal for each kind of which too many would be changed."""
    managed = Counter(address.kind for address in state.entries)
    for name, kind, found in _counted(changes):
        limit = declared.get(f"{name} {kind}", DEFAULTS[name])
        number = len(found)
        share = 100 * number / max(1, managed[kind])
        if number <= limit.number or share <= limit.percent:
            continue
        if confirmed.get(f"{name} {kind}") == number:
            continue
        yield Refusal(
            found[0],
            f"{number} of {managed[kind]} managed {kind} resources would be {name}d, {share:.0f} %; "
            f"the limit is {limit.percent:g} % and {limit.number}",
            f'if that is meant: --confirm "{name} {kind}={number}"',
        )


def _counted(changes: Iterable[Change]) -> Iterator[tuple[str, str, list[Address]]]:
    listed = list(changes)
    for name, actions in COUNTED.items():
        kinds = dict.fromkeys(change.address.kind for change in listed if change.action in actions)
        for kind in kinds:
            yield name, kind, [each.address for each in listed if each.address.kind == kind and each.action in actions]
