"""Which days are played."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True)
class NztabSettings:
    """Without `date` every day that is asked for has a card, else only this one. `races` asks for a made-up day of that
    many AUS and NZ thoroughbred and harness races. `full` adds horses' form, which makes events seven times as long.
    """

    date: date | None = None
    seed: int = 1
    races: int | None = None
    full: bool = False
