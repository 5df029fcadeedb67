"""How much of a project one plan may change before somebody has to say the number."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Threshold:
    """More than `number` *and* more than `percent` of the managed resources of a kind are too many for one plan."""

    percent: float
    number: int


#: What is limited, and how far where the stack says nothing. A replacement counts as a deletion.
DEFAULTS = {"delete": Threshold(30, 5), "update": Threshold(50, 20)}
