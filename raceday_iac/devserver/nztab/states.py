"""What the API says of a race at a moment: status, track and weather, and which results are out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from .fields import field_of
from .model import Race


@dataclass(frozen=True)
class RaceState:
    """`dividends` are the statuses of the dividend rows that exist: interim rows stay when the final ones come."""

    status: str
    track_condition: str
    weather: str
    has_results: bool
    dividends: tuple[str, ...]
    protest_reason: str = ""


def state_of(race: Race, moment: datetime) -> RaceState:
    """The state of `race` at an aware `moment`. Always the same for the same race."""
    timeline = race.timeline
    # Once a race is over, the later weather is no longer its own.
    seen = min(moment, timeline.ended)
    status = timeline.status_at(moment)
    settled = status in ("Interim", "Final")
    stages: tuple[str, ...] = ("Interim",) if settled else ()
    if status == "Final" and moment >= timeline.dividends:
        stages = ("Interim", "Final")
    return RaceState(
        status=status,
        track_condition=race.track.at(seen),
        weather=race.weather.at(seen),
        has_results=settled,
        dividends=stages,
        protest_reason=_protest(race) if settled and race.has_protest else "",
    )


def _protest(race: Race) -> str:
    first, _second, third = field_of(race).finish[:3]
    return f"Protest DISMISSED - 3rd (#{third.number}) v 1st (#{first.number})"
