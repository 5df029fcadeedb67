"""The work of `enhanced-race-poller`: the races it is asked for, then everything that is due while it lives."""

from __future__ import annotations

from typing import Any

from .rounds import Rounds
from .stored import read_wanted
from .vendor.nztab import NzTab
from .vendor.running import Run

#: So many failures in a row, two for each race, are no longer those of some bad races: NZ TAB is left in peace then.
FAILURES = 8


def work(run: Run) -> dict[str, Any]:
    """Body: `{"raceId": id}`, `{"raceIds": [id, …]}` (at most 400), or anything else: then it chooses by itself."""
    run.looks_for_crowds = True
    wanted = read_wanted(run.call.body)
    with NzTab(run, failures=FAILURES) as nztab:
        return Rounds(run, nztab, wanted).live()
