"""Money flow as values: steps of the timeline, sums over the tracker, amounts in cents, what came in between steps."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from .poller_day import poller_module, recorded

CENTS = st.integers(0, 10**9)
ENTRANT = "61181b8c-a540-43a8-900c-83ebe680e218"


@pytest.fixture(scope="module")
def flow(bundles: Path) -> ModuleType:
    return poller_module(bundles, "money_flow")


@pytest.fixture(scope="module")
def buckets(bundles: Path) -> ModuleType:
    return poller_module(bundles, "money_flow")


@pytest.fixture(scope="module")
def pools_module(bundles: Path) -> ModuleType:
    return poller_module(bundles, "pools")


@pytest.mark.parametrize(
    ("minutes", "interval", "kind"),
    [
        (600, 60, "5m"),
        (60, 60, "5m"),
        (59.99, 55, "5m"),
        (35, 35, "5m"),
        (34.9, 30, "2m"),
        (10, 10, "2m"),
        (9.9, 5, "30s"),
        (5, 5, "30s"),
        (4.99, 4, "30s"),
        (1, 1, "30s"),
        (0.99, 0, "live"),
        (0, 0, "live"),
        (-0.01, -1, "live"),
        (-0.5, -1, "live"),
        (-1, -1, "live"),
        (-12.2, -13, "live"),
        (-5000, -999, "live"),
    ],
)
def test_an_instant_falls_into_the_step_that_begins_at_or_before_it(
    buckets: ModuleType, minutes: float, interval: int, kind: str
) -> None:
    assert buckets.interval_at(minutes) == interval
    assert buckets.interval_type(interval) == kind


@given(earlier=st.floats(-2000, 2000), later=st.floats(-2000, 2000))
def test_steps_never_go_back(buckets: ModuleType, earlier: float, later: float) -> None:
    first, second = sorted([earlier, later], reverse=True)

    assert buckets.interval_at(first) >= buckets.interval_at(second)


@given(entrant=st.one_of(st.uuids().map(str), st.text(min_size=1, max_size=36)), interval=st.integers(-999, 60))
def test_a_bucket_has_an_id_that_the_server_takes(buckets: ModuleType, entrant: str, interval: int) -> None:
    identity = buckets.bucket_identity(entrant, interval)

    assert len(identity) == 36
    assert identity.isalnum()


def test_buckets_of_one_runner_have_different_ids(buckets: ModuleType) -> None:
    steps = range(-999, 61)

    assert len({buckets.bucket_identity(ENTRANT, step) for step in steps}) == len(steps)


def test_the_recorded_tracker_is_summed_and_holds_101_percent(flow: ModuleType) -> None:
    skipped = Counter[str]()

    summed = flow.summed(recorded(), lambda name: skipped.update([name]))

    assert len(summed) == 11
    assert sum(each.hold for each in summed.values()) == 101
    assert sum(each.entries for each in summed.values()) == 76
    assert not skipped


def test_entrants_of_other_markets_are_left_out_and_counted(flow: ModuleType) -> None:
    event, skipped = recorded(), Counter[str]()
    runners = [runner["entrant_id"] for runner in event["runners"]]

    shares = flow.own_runners(flow.summed(event, lambda _: None), runners, lambda name: skipped.update([name]))

    assert set(shares) == set(runners)
    assert sum(each.hold for each in shares.values()) == 93
    assert skipped == {"skipped:foreign_entrant": 3}


@pytest.mark.parametrize("tracker", [None, [], {}, {"entrants": None}, {"entrants": {}}, 7, "none"])
def test_a_missing_tracker_is_no_money(flow: ModuleType, tracker: Any) -> None:
    assert flow.summed({"money_tracker": tracker}, lambda _: None) == {}


def test_bad_entries_are_counted_and_the_good_ones_kept(flow: ModuleType) -> None:
    good = {"entrant_id": ENTRANT, "hold_percentage": 7, "bet_percentage": "3"}
    bad = [None, 7, {}, {**good, "entrant_id": 5}, {**good, "hold_percentage": None}, {**good, "bet_percentage": 101}]
    bad += [{**good, "hold_percentage": True}, {**good, "hold_percentage": float("nan")}]
    skipped = Counter[str]()

    summed = flow.summed({"money_tracker": {"entrants": [good, *bad, good]}}, lambda name: skipped.update([name]))

    assert summed == {ENTRANT: flow.Tracked(14, 6, 2)}
    assert skipped == {"skipped:money_entry": len(bad)}


def pools_of(module: ModuleType, win: int, place: int) -> Any:
    return module.Pools({"winPoolTotal": win, "placePoolTotal": place}, 0)


def test_amounts_are_shares_of_the_pools_in_cents(flow: ModuleType, pools_module: ModuleType) -> None:
    pools = pools_of(pools_module, 915_138, 392_351)

    assert flow.amounts_of(flow.Tracked(18, 14, 9), pools) == flow.Amounts(164_725, 70_623)


@pytest.mark.parametrize(
    ("interval", "earlier", "increment"),
    [
        (60, {}, (100, 40)),
        (55, {}, (100, 40)),
        (50, {}, (0, 0)),
        (55, {60: (70, 30)}, (30, 10)),
        (5, {60: (10, 10), 10: (70, 30)}, (30, 10)),
        # The step itself, polled before, is not what came before it.
        (5, {10: (70, 30), 5: (99, 39)}, (30, 10)),
        (-1, {0: (120, 50)}, (-20, -10)),
        (0, {-1: (50, 5)}, (0, 0)),
    ],
)
def test_the_increment_is_what_came_in_since_the_latest_earlier_step(
    flow: ModuleType, interval: int, earlier: dict[int, tuple[int, int]], increment: tuple[int, int]
) -> None:
    steps = {step: flow.Amounts(*amounts) for step, amounts in earlier.items()}

    assert flow.increments(flow.Amounts(100, 40), interval, steps) == increment


@given(
    amounts=st.dictionaries(
        st.sampled_from([60, 55, 30, 5, 4, 0, -1, -7]),
        st.tuples(st.integers(0, 10**9), st.integers(0, 10**9)),
        min_size=1,
    )
)
def test_base_line_and_increments_add_up_to_the_last_amount(
    flow: ModuleType, amounts: dict[int, tuple[int, int]]
) -> None:
    steps = {60: (5, 5)} | amounts
    seen: dict[int, Any] = {}
    total = [0, 0]
    for step in sorted(steps, reverse=True):
        now = flow.Amounts(*steps[step])
        for place, increment in enumerate(flow.increments(now, step, seen)):
            total[place] += increment
        seen[step] = now

    assert tuple(total) == steps[min(steps)]


@pytest.mark.parametrize(
    ("hold", "win", "place", "score"),
    [
        *((100, 900, 400, 100), (93, 900, 400, 93), (50, 900, 400, 50), (0, 900, 400, 0), (300, 900, 400, 0)),
        *((93, 0, 0, 50), (90, 900, 0, 95)),
    ],
)
def test_the_score_falls_with_what_the_shares_miss(
    flow: ModuleType, pools_module: ModuleType, hold: int, win: int, place: int, score: int
) -> None:
    shares = [flow.Tracked(hold / 2, 0, 1), flow.Tracked(hold / 2, 0, 1)]

    assert flow.plausibility(shares, pools_of(pools_module, win, place)) == score


def test_one_document_has_both_percentages_and_all_amounts(flow: ModuleType, pools_module: ModuleType) -> None:
    instant = flow.Instant("2025-07-17T00:45:10.000+00:00", 4.84, 230)
    earlier = {5: flow.Amounts(100_000, 40_000)}
    odds = {"fixedWinOdds": 5, "poolWinOdds": None}

    values = flow.flow_values(
        "r", ENTRANT, flow.Tracked(18, 14, 9), pools_of(pools_module, 915_138, 392_351), instant, odds, earlier, 93
    )

    assert (values["holdPercentage"], values["betPercentage"]) == (18, 14)
    assert (values["type"], values["poolType"]) == ("bucketed_aggregation", "combined")
    assert (values["timeToStart"], values["timeInterval"], values["intervalType"]) == (5, 4, "30s")
    assert (values["winPoolAmount"], values["placePoolAmount"]) == (164_725, 70_623)
    assert values["totalPoolAmount"] == 915_138 + 392_351
    assert (values["winPoolPercentage"], values["placePoolPercentage"]) == (18, 18)
    assert values["incrementalAmount"] == values["incrementalWinAmount"] == 64_725
    assert values["incrementalPlaceAmount"] == 30_623
    assert (values["raceId"], values["entrantId"], values["entrant"]) == ("r", ENTRANT, ENTRANT)
    assert (values["pollingLatencyMs"], values["dataQualityScore"]) == (230, 93)
    assert (values["mathematicallyConsistent"], values["isStale"]) == (True, False)
    assert (values["fixedWinOdds"], values["poolPlaceOdds"]) == (5, None)


def test_all_fields_are_in_the_schema(bundles: Path, flow: ModuleType, pools_module: ModuleType) -> None:
    from _shared.sanitize import Sanitizer

    from .raceday import package_of

    unknown = Counter[str]()
    schema = bundles / package_of("enhanced-race-poller") / "src" / "schema.json"
    sanitizer = Sanitizer.load(str(schema), lambda name: unknown.update([name]))
    instant = flow.Instant("2025-07-17T00:45:10.000+00:00", 4.84, 230)
    pools = pools_of(pools_module, 1, 1)
    values = flow.flow_values("r", ENTRANT, flow.Tracked(18, 14, 9), pools, instant, {}, {}, 93)

    fitted = sanitizer.fit("money-flow-history", {**values, "bucketDocumentId": "b"})

    assert not unknown
    assert fitted.keys() == sanitizer.keys("money-flow-history")


def test_a_later_poll_of_a_step_with_the_same_content_is_the_same(flow: ModuleType) -> None:
    first = {"timeInterval": 0, "winPoolAmount": 5, "eventTimestamp": "a", "timeToStart": 1}

    assert flow.is_same({**first, "eventTimestamp": "b", "timeToStart": 0}, first)
    assert not flow.is_same({**first, "winPoolAmount": 6}, first)
    assert not flow.is_same({**first, "timeInterval": -1}, first)
    assert not flow.is_same(first, None)
