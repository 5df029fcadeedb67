"""What a day left in the database: by race, nothing lost, nothing counted twice."""

from __future__ import annotations

from typing import Any

from raceday_iac.raceday.simulation.checks import Stored

Documents = list[dict[str, Any]]


def stored(**collections: Documents) -> Stored:
    named = {name.replace("_", "-"): documents for name, documents in collections.items()}
    return Stored.read(lambda collection: named.get(collection, []))


def odds(*prices: float, entrant: Any = "e", kind: str = "fixed_win", since: int = 0) -> Documents:
    return [
        {"entrant": entrant, "type": kind, "eventTimestamp": f"2025-07-17T00:00:{since + number:02}", "odds": price}
        for number, price in enumerate(prices)
    ]


def test_races_are_found_by_their_id() -> None:
    assert stored(races=[{"$id": "r", "status": "Open"}]).races == {"r": {"$id": "r", "status": "Open"}}


def test_what_belongs_to_a_race_is_found_by_the_race() -> None:
    documents = [{"$id": "a", "raceId": "r"}, {"$id": "b", "raceId": "s"}, {"$id": "c", "raceId": "r"}]

    found = stored(entrants=documents, race_results=documents, race_pools=documents, money_flow_history=documents)

    for each in (found.entrants, found.results, found.pools, found.money_flow):
        assert {race: [document["$id"] for document in listed] for race, listed in each.items()} == {
            "r": ["a", "c"],
            "s": ["b"],
        }


def test_results_that_are_there_twice_are_both_kept() -> None:
    assert len(stored(race_results=[{"raceId": "r"}, {"raceId": "r"}]).results["r"]) == 2


def test_an_empty_database_is_read_as_one() -> None:
    assert stored() == Stored({}, {}, {}, {}, {}, 0, 0)


def test_odds_that_change_each_time_repeat_nothing() -> None:
    found = stored(odds_history=odds(5, 6, 5))

    assert (found.odds, found.odds_repeated) == (3, 0)


def test_odds_that_say_the_same_again_are_counted() -> None:
    found = stored(odds_history=odds(5, 5, 6, 6, 6))

    assert (found.odds, found.odds_repeated) == (5, 3)


def test_odds_are_put_in_order_of_time_first() -> None:
    assert stored(odds_history=odds(5, since=2) + odds(5, 6)).odds_repeated == 0


def test_the_same_price_of_another_kind_or_runner_repeats_nothing() -> None:
    others = odds(5) + odds(5, kind="pool_win", since=1) + odds(5, entrant="f", since=2)

    assert stored(odds_history=others).odds_repeated == 0


def test_a_related_runner_is_the_same_as_its_id() -> None:
    assert stored(odds_history=odds(5) + odds(5, entrant={"$id": "e"}, since=1)).odds_repeated == 1
