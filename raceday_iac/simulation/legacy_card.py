"""The races of a day as the legacy model sees them: when each one starts, closes and ends upstream."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

#: Domain facts: the sample day's volumes count a race as Final this long after its advertised start.
FINAL_AFTER = 8 * 60.0


@dataclass(frozen=True)
class CardRace:
    """One race. All moments are seconds since 1970, UTC; None means that it never comes to that."""

    race: str
    meeting: str
    #: The advertised start, by which pollers choose.
    start: float
    #: When betting closes.
    jump: float
    final: float | None
    interim: float | None = None
    abandoned: float | None = None
    runners: int = 10

    def status_at(self, moment: float) -> str:
        """What the NZ TAB says of it at that moment."""
        if _reached(self.abandoned, moment):
            return "Abandoned"
        if _reached(self.final, moment):
            return "Final"
        if _reached(self.interim, moment):
            return "Interim"
        return "Closed" if moment >= self.jump else "Open"


def card_of(races: Iterable[Mapping[str, Any]]) -> tuple[CardRace, ...]:
    """A punctual card from `id`, `meeting` and `start` (ISO 8601): every race jumps at its advertised start and is
    Final eight minutes later. In order of their starts."""
    card = []
    for each in races:
        start = datetime.fromisoformat(each["start"]).astimezone(UTC).timestamp()
        runners = int(each.get("runners", 10))
        card.append(CardRace(each["id"], each["meeting"], start, start, start + FINAL_AFTER, runners=runners))
    return tuple(sorted(card, key=lambda race: (race.start, race.race)))


def _reached(moment: float | None, now: float) -> bool:
    return moment is not None and now >= moment
