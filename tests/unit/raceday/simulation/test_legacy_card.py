"""What a race says of itself over time."""

from __future__ import annotations

import pytest

from raceday_iac.raceday.simulation.legacy_world import CardRace, card_of

from .cards import sample_card


@pytest.mark.parametrize(
    ("instant", "status"), [(99, "Open"), (100, "Closed"), (199, "Closed"), (200, "Interim"), (300, "Final")]
)
def test_a_race_goes_through_its_statuses(instant: float, status: str) -> None:
    assert CardRace("r", "m", 90, jump=100, interim=200, final=300).status_at(instant) == status


def test_abandoned_wins_over_everything() -> None:
    race = CardRace("r", "m", 90, jump=100, final=300, abandoned=50)
    assert [race.status_at(49), race.status_at(50), race.status_at(400)] == ["Open", "Abandoned", "Abandoned"]


def test_a_card_is_punctual_and_in_order() -> None:
    first, second = card_of(
        [
            {"id": "b", "meeting": "m", "start": "2025-07-17T01:00:00Z", "runners": 14},
            {"id": "a", "meeting": "m", "start": "2025-07-17T12:00:00+12:00"},
        ]
    )
    assert (first.race, first.jump - first.start, first.final) == ("a", 0, first.start + 480)
    assert (second.race, second.runners, second.start - first.start) == ("b", 14, 3600)


def test_the_sample_card_has_its_races_and_meetings() -> None:
    card = sample_card()
    assert (len(card), len({race.race for race in card}), len({race.meeting for race in card})) == (96, 96, 12)
