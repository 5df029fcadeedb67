"""When the things of one race happen: the jump, interim and final results, dividends, or the end of it all."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from random import Random

from .chance import dice
from .model import Timeline

#: This share of the races is 10 to 25 minutes late; the others jump within 3 minutes of the advertised start.
VERY_LATE = 0.08
#: Share of races whose final dividends come 1 to 4 minutes after the status turned Final.
LATE_DIVIDENDS = 0.25
#: Of the recorded day's 748 races, 17 were abandoned.
ABANDONED = 0.02


def make_timeline(
    seed: int, race_id: str, advertised: datetime, ending: str = "", delay: int | None = None
) -> Timeline:
    """The moments of a race, to the second. `ending` is empty, or says that it is abandoned `before` or `after` the
    advertised start; `delay` in seconds is drawn when not given."""
    draw = dice(seed, race_id, "timeline")
    if delay is None:
        delay = draw.randint(600, 1500) if draw.random() < VERY_LATE else draw.randint(0, 180)
    jump = advertised + timedelta(seconds=delay)
    interim = jump + timedelta(seconds=draw.randint(120, 240))
    final = interim + timedelta(seconds=draw.randint(180, 420))
    wait = draw.randint(60, 240) if draw.random() < LATE_DIVIDENDS else 0
    dividends = final + timedelta(seconds=wait)
    return Timeline(advertised, jump, interim, final, dividends, _abandonment(draw, advertised, jump, interim, ending))


def _abandonment(draw: Random, advertised: datetime, jump: datetime, interim: datetime, ending: str) -> datetime | None:
    """Before the start: up to three hours early. After it: still waiting for the jump, or run and declared void."""
    if ending == "before":
        return advertised - timedelta(seconds=draw.randint(300, 10_800))
    if ending == "after":
        first, last = advertised + timedelta(seconds=1), interim - timedelta(seconds=1)
        if draw.random() < 0.5 and jump < last:
            first = jump + timedelta(seconds=1)
        return first + timedelta(seconds=draw.randint(0, int((last - first).total_seconds())))
    return None


def choose_endings(seed: int, label: str, races: Sequence[str]) -> dict[str, str]:
    """Which races are abandoned, by turns before and after their start; of 25 races and more at least one each."""
    draw = dice(seed, label, "abandoned")
    wanted = round(len(races) * ABANDONED)
    if len(races) >= 25:
        wanted = max(wanted, 2)
    chosen = draw.sample(races, wanted)
    return {race: ("before", "after")[place % 2] for place, race in enumerate(chosen)}
