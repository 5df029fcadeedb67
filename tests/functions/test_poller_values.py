"""The parts of one poll as values: pools, odds, results, status, and what the caller asks for."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from .poller_day import poller_module, recorded

NOW = "2025-07-17T01:00:00.000+00:00"
RACE = "r-1"


@pytest.fixture(scope="module")
def load(bundles: Path) -> Any:
    return lambda name: poller_module(bundles, name)


@pytest.fixture(scope="module")
def pools(load: Any) -> ModuleType:
    module: ModuleType = load("pools")
    return module


@pytest.fixture(scope="module")
def odds(load: Any) -> ModuleType:
    module: ModuleType = load("pools")
    return module


@pytest.fixture(scope="module")
def results(load: Any) -> ModuleType:
    module: ModuleType = load("results")
    return module


@pytest.fixture(scope="module")
def status(load: Any) -> ModuleType:
    module: ModuleType = load("results")
    return module


# Pools


def test_the_recorded_pools_are_stored_in_cents(pools: ModuleType) -> None:
    found = pools.pools_of(recorded(), lambda _: None)

    assert pools.pool_values(RACE, found, NOW) == {
        "raceId": RACE,
        "winPoolTotal": 915_138,
        "placePoolTotal": 392_351,
        "quinellaPoolTotal": 534_106,
        "trifectaPoolTotal": 797_624,
        "exactaPoolTotal": 0,
        "first4PoolTotal": 461_792,
        "totalRacePool": 3_913_672,
        "currency": "$",
        "lastUpdated": NOW,
    }


@pytest.mark.parametrize("kind", ["First 4", "First Four", "FirstFour"])
def test_first_four_has_three_names(pools: ModuleType, kind: str) -> None:
    found = pools.pools_of({"tote_pools": [{"product_type": kind, "total": 1.5}]}, lambda _: None)

    assert found.totals == {"first4PoolTotal": 150}


def test_multi_leg_bets_count_towards_the_grand_total_only(pools: ModuleType) -> None:
    listed = [{"product_type": kind, "total": 10} for kind in ("Win", "Treble", "Quadrella", "Treble")]

    found = pools.pools_of({"tote_pools": listed}, lambda _: None)

    assert (found.win, found.other, found.total) == (1000, 3000, 4000)


def test_of_two_pools_of_one_type_the_larger_counts(pools: ModuleType) -> None:
    counted = Counter[str]()
    listed = [{"product_type": "Win", "total": total} for total in (5, 7, 6)]

    found = pools.pools_of({"tote_pools": listed}, lambda name: counted.update([name]))

    assert found.total == 700
    assert counted == {"duplicate:tote_pool": 2}


@pytest.mark.parametrize("total", [None, "n/a", -1, math.nan, math.inf, 1e300, True, [], {}])
def test_an_unusable_pool_is_counted_and_the_others_kept(pools: ModuleType, total: Any) -> None:
    counted = Counter[str]()
    listed = [{"product_type": "Win", "total": total}, None, {"product_type": None, "total": 1}]

    found = pools.pools_of(
        {"tote_pools": [*listed, {"product_type": "Place", "total": "2.50"}]}, lambda name: counted.update([name])
    )

    assert (found.win, found.place) == (0, 250)
    assert counted == {"skipped:tote_pool": 3}


@pytest.mark.parametrize("listed", [None, [], {}, "none", [None]])
def test_without_a_usable_pool_nothing_is_written(pools: ModuleType, listed: Any) -> None:
    assert pools.pools_of({"tote_pools": listed}, lambda _: None) is None


# Odds


def test_only_changed_odds_make_history(odds: ModuleType) -> None:
    before = {"fixedWinOdds": 5, "fixedPlaceOdds": 1.8, "poolWinOdds": None}
    after = {"fixedWinOdds": 5.0, "fixedPlaceOdds": 1.9, "poolWinOdds": 4.4, "poolPlaceOdds": None}

    changes = odds.odds_changes("e-1", before, after, NOW)

    assert [(each["type"], each["odds"]) for each in changes.values()] == [("fixed_place", 1.9), ("pool_win", 4.4)]
    assert all(each["entrant"] == "e-1" and each["eventTimestamp"] == NOW for each in changes.values())


@pytest.mark.parametrize("price", [None, 0, "none", math.nan, True])
def test_a_price_that_is_withdrawn_makes_no_history(odds: ModuleType, price: Any) -> None:
    assert odds.odds_changes("e-1", {"fixedWinOdds": 5}, {"fixedWinOdds": price}, NOW) == {}


def test_the_same_change_has_the_same_id_and_every_other_another(odds: ModuleType) -> None:
    def identities(entrant: str = "e-1", when: str = NOW, **after: float) -> list[str]:
        return list(odds.odds_changes(entrant, {}, after or {"fixedWinOdds": 5}, when))

    same, others = identities(), [*identities("e-2"), *identities(when="later"), *identities(poolWinOdds=5)]

    assert identities() == same
    assert len({*same, *others}) == 4
    assert all(len(each) == 36 for each in same)


# Results


def test_the_recorded_result_is_complete(results: ModuleType) -> None:
    entrants = {"e-2": {"runnerNumber": 12, "name": "B", "fixedWinOdds": 3}, "e-1": {"runnerNumber": 4, "name": "A"}}

    values = results.result_values(recorded(), RACE, "Final", entrants)

    assert (values["race"], values["raceId"]) == (RACE, RACE)
    assert (values["resultsAvailable"], values["resultStatus"]) == (True, "final")
    assert [row["position"] for row in values["resultsData"]] == list(range(1, 9))
    assert len(values["dividendsData"]) == 14
    assert [row["status"] for row in values["dividendsData"]] == ["Final"] * 7 + ["Interim"] * 7
    assert list(values["fixedOddsData"]) == ["4", "12"]
    assert not any(values[flag] for flag in ("photoFinish", "stewardsInquiry", "protestLodged"))


@pytest.mark.parametrize("state", ["Closed", "Interim", "Open", "Abandoned"])
def test_results_of_a_race_that_is_not_final_are_interim(results: ModuleType, state: str) -> None:
    assert results.result_values(recorded(), RACE, state, {})["resultStatus"] == "interim"


@pytest.mark.parametrize(
    ("said", "flag"), [("PHOTO", "photoFinish"), ("Inquiry", "stewardsInquiry"), ("Protest", "protestLodged")]
)
def test_the_status_of_a_dividend_may_be_a_flag(results: ModuleType, said: str, flag: str) -> None:
    values = results.result_values({"dividends": [{"status": said}, None, 5]}, RACE, "Interim", {})

    assert values[flag] is True
    assert values["resultsAvailable"] is False
    assert sum(values[each] for each in results.FLAGS.values()) == 1


@pytest.mark.parametrize("rows", [None, [], {}, "x", [None, 3, "x"]])
def test_without_usable_rows_there_is_no_result(results: ModuleType, rows: Any) -> None:
    assert results.result_values({"results": rows, "dividends": rows}, RACE, "Final", {}) is None


def test_rows_in_another_order_are_no_news(results: ModuleType) -> None:
    event = recorded()
    turned = {**event, "dividends": event["dividends"][::-1], "results": event["results"][::-1]}

    first, second = (results.result_values(each, RACE, "Final", {}) for each in (event, turned))

    assert not results.is_news(second, first)
    assert results.is_news(results.result_values({**event, "dividends": []}, RACE, "Final", {}), first)


def test_the_time_of_a_result_is_that_of_its_status(results: ModuleType) -> None:
    interim = {"resultStatus": "interim"}

    assert results.result_time(interim, {}, NOW) == NOW
    assert results.result_time(interim, {**interim, "resultTime": "before"}, NOW) == "before"
    assert results.result_time({"resultStatus": "final"}, {**interim, "resultTime": "before"}, NOW) == NOW


# Status


def test_a_changed_status_is_stamped(status: ModuleType) -> None:
    changes = status.status_changes({"status": "Open"}, {"status": "Closed", "actual_start": 1752713566}, NOW)

    assert changes.pop("actualStart").timestamp() == 1752713566
    assert changes == {"status": "Closed", "lastStatusChange": NOW}


@pytest.mark.parametrize(
    ("before", "now", "stamp"),
    [
        ("Interim", "Final", "finalizedAt"),
        ("Open", "Finalized", "finalizedAt"),
        ("Closed", "Abandoned", "abandonedAt"),
        ("Final", "Abandoned", "abandonedAt"),
        ("Final", "Finalized", None),
        ("Closed", "Interim", None),
        ("Open", "Running", None),
    ],
)
def test_the_end_of_a_race_has_an_instant(status: ModuleType, before: str, now: str, stamp: str | None) -> None:
    changes = status.status_changes({"status": before}, {"status": now}, NOW)

    assert changes.keys() - {"status", "lastStatusChange"} == ({stamp} if stamp else set())


@pytest.mark.parametrize("reported", [None, "", "  ", 7, [], {}, "x" * 51, "Open", " Open "])
def test_an_unusable_or_unchanged_status_changes_nothing(status: ModuleType, reported: Any) -> None:
    assert status.status_changes({"status": "Open"}, {"status": reported}, NOW) == {}


def test_an_actual_start_that_is_stored_is_no_change(status: ModuleType) -> None:
    stored = {"status": "Closed", "actualStart": "2025-07-17T00:52:46.000+00:00"}

    assert status.status_changes(stored, {"status": "Closed", "actual_start": 1752713566}, NOW) == {}
    assert status.status_changes(stored, {"status": "Closed", "actual_start": 0}, NOW) == {}
    assert "actualStart" in status.status_changes(stored, {"status": "Closed", "actual_start": 1752713567}, NOW)


# What is asked for


@pytest.mark.parametrize(
    ("body", "mode", "races"),
    [
        ({}, "selection", ()),
        ({"raceIds": []}, "selection", ()),
        ({"something": "else"}, "selection", ()),
        ({"raceId": None}, "selection", ()),
        ({"raceId": "r-1"}, "single", ("r-1",)),
        ({"raceIds": ["r-1", "r-2", "r-1"]}, "batch", ("r-1", "r-2")),
        ({"raceIds": "r-1, r-2"}, "batch", ("r-1", "r-2")),
        ({"raceIds": [f"r-{number}" for number in range(400)]}, "batch", tuple(f"r-{n}" for n in range(400))),
    ],
)
def test_the_body_says_which_races(load: Any, body: dict[str, Any], mode: str, races: tuple[str, ...]) -> None:
    assert load("stored").read_wanted(body) == (mode, races)


@pytest.mark.parametrize(
    "body",
    [
        {"raceId": 7},
        {"raceId": ""},
        {"raceId": "../meetings"},
        {"raceId": "x" * 37},
        {"raceIds": {"r": 1}},
        {"raceIds": ["r-1", None]},
        {"raceIds": ["r-1", "a/b"]},
        {"raceIds": [f"r-{number}" for number in range(401)]},
    ],
)
def test_impossible_ids_are_refused(load: Any, body: dict[str, Any]) -> None:
    with pytest.raises(load("vendor.errors").BadRequest):
        load("stored").read_wanted(body)
