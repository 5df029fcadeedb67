"""Choosing from the card: which races belong to a day, which of them are due, and in what order."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from _shared import card, due
from _shared.due import MINUTE, CardRace

DAY = date(2025, 7, 17)
NINE = datetime(2025, 7, 16, 21, tzinfo=UTC).timestamp()


def race(identity: str = "r", status: str = "Open", start: float = NINE + 600 * MINUTE, **known: float) -> CardRace:
    return CardRace(identity, status, start, known.get("polled"), known.get("finished"))


@pytest.mark.parametrize(
    ("day", "begin", "hours"),
    [
        (date(2025, 7, 17), "2025-07-16T18:00", 24),
        (date(2025, 1, 17), "2025-01-16T17:00", 24),
        # The clocks are put forward at 02:00 of the 28th: before the card of that day begins, at the end of the 27th's.
        (date(2025, 9, 27), "2025-09-26T18:00", 23),
        (date(2025, 9, 28), "2025-09-27T17:00", 24),
        (date(2025, 4, 5), "2025-04-04T17:00", 25),
        (date(2025, 4, 6), "2025-04-05T18:00", 24),
    ],
)
def test_a_card_goes_from_six_to_six(day: date, begin: str, hours: int) -> None:
    begins, ends = card.bounds(day)

    assert begins == datetime.fromisoformat(begin).replace(tzinfo=UTC)
    assert ends - begins == timedelta(hours=hours)


@pytest.mark.parametrize("day", [date(2025, 4, 5), date(2025, 9, 27), date(2025, 12, 31), date(2028, 2, 28)])
def test_cards_follow_each_other_without_gap(day: date) -> None:
    assert card.bounds(day)[1] == card.bounds(day + timedelta(days=1))[0]


@pytest.mark.parametrize(
    ("day", "utc"),
    [
        (date(2025, 7, 17), "2025-07-16T21:00"),
        (date(2025, 1, 17), "2025-01-16T20:00"),
        (date(2025, 9, 28), "2025-09-27T20:00"),
        (date(2025, 4, 6), "2025-04-05T21:00"),
    ],
)
def test_polling_begins_at_nine_by_the_local_clock(day: date, utc: str) -> None:
    assert card.opening(day) == datetime.fromisoformat(utc).replace(tzinfo=UTC).timestamp()


def test_a_race_soon_after_nine_is_polled_before_it() -> None:
    assert card.polled_from(race(start=NINE + 66 * MINUTE), DAY) == NINE
    assert card.polled_from(race(start=NINE + 20 * MINUTE), DAY) == NINE - 45 * MINUTE


def test_nothing_is_due_before_polling_begins() -> None:
    early = race(start=NINE + 20 * MINUTE)

    assert card.due_races([race(), early], NINE - 46 * MINUTE, DAY) == []
    assert card.is_dormant([race(), early], NINE - 46 * MINUTE, DAY)
    assert card.due_races([race(), early], NINE - 45 * MINUTE, DAY) == [early]
    assert not card.is_dormant([race(), early], NINE - 45 * MINUTE, DAY)


def test_a_day_ends_when_every_race_is_over_also_the_abandoned_ones() -> None:
    over = [race("a", "Final"), race("b", "Abandoned"), race("c", "Finalized")]

    assert card.is_dormant(over, NINE + 1, DAY)
    assert card.is_dormant([], NINE + 1, DAY)
    assert not card.is_dormant([*over, race("d", "Interim")], NINE + 1, DAY)


def test_the_most_urgent_come_first() -> None:
    now = NINE + 300 * MINUTE
    races = [
        race("approaching", start=now + 30 * MINUTE, polled=now - 200),
        race("interim", "Interim", start=now - 10 * MINUTE, polled=now - 31),
        race("jump", start=now + MINUTE, polled=now - 16),
        race("closed, due for longer", "Closed", start=now - MINUTE, polled=now - 60),
        race("baseline", polled=now - 2 * due.BASELINE),
        race("not due", start=now + MINUTE, polled=now - 14),
        race("over", "Final", start=now - 60 * MINUTE, polled=now - 600),
    ]

    assert [each.identity for each in card.due_races(races, now, DAY)] == [
        *("closed, due for longer", "jump", "interim", "approaching", "baseline")
    ]


def test_a_stored_race_is_read_with_its_instants() -> None:
    document = {
        "$id": "r",
        "status": "Abandoned",
        "startTime": "2025-07-17T00:50:00.000+00:00",
        "last_poll_time": "2025-07-17T12:00:00.500+12:00",
        "finalizedAt": None,
        "abandonedAt": "2025-07-17T00:01:00.000+00:00",
    }

    found = card.card_race(document)

    assert found == CardRace("r", "Abandoned", 1_752_713_400, 1_752_710_400.5, 1_752_710_460)
    assert card.card_race({**document, "last_poll_time": None, "abandonedAt": None})[3:] == (None, None)
