"""An upstream to play with: the NZ TAB Affiliates API on the embedded server's port, below `/nztab`.

`make_day` makes a race day, `state_of` is what the API answers of a race then; both are pure. The player answers
requests from them by the server's clock and can be asked to answer badly. Nothing here is shared with what reads it.
"""

from __future__ import annotations

from .days import make_day
from .fields import RaceState, state_of
from .model import Day, Meeting, NztabSettings, Race, Timeline
from .player import NztabFault, NztabFaults

__all__ = [
    "Day",
    "Meeting",
    "NztabFault",
    "NztabFaults",
    "NztabSettings",
    "Race",
    "RaceState",
    "Timeline",
    "make_day",
    "state_of",
]
