"""The poller living through races of the played day, started every other minute: what is stored, and at what cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from .poller_day import (
    MONEY,
    ODDS,
    POLLER,
    POOLS,
    RECORDED,
    RESULTS,
    by_entrant,
    go_to,
    imported,
    instant,
    live,
    lock_requests,
    own_requests,
    played,
    put_played,
    put_race,
    slowly,
)
from .raceday import Called, Raceday, fresh

#: Steps of the timeline before the start.
STEPS = [*range(60, 4, -5), 4, 3, 2, 1, 0]


class DayResult:
    """One race from 65 minutes before its start until it has settled."""

    def __init__(self, raceday: Raceday, race: Any) -> None:
        self.raceday, self.race = raceday, race
        put_played(raceday, race)
        go_to(raceday, race.start - timedelta(minutes=65))
        raceday.forget_requests()
        self.called: list[Called] = []
        for called in live(raceday, race.timeline.ended + timedelta(minutes=9)):
            self.called.append(called)
        self.requests = sum(raceday.requests().values())

    @property
    def counts(self) -> Counter[str]:
        return sum((Counter(called.counts) for called in self.called), Counter[str]())

    def document(self, collection: str) -> dict[str, Any]:
        found = self.raceday.document(collection, self.race.id)
        assert found is not None
        return found


def race_with(raceday: Raceday, fits: Any) -> Any:
    """The first imported race of the played day that fits."""
    return next(race for race in imported(raceday, 96) if fits(race.timeline))


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory, raceday_data: Path, bundles: Path) -> Iterator[DayResult]:
    """One life, which several tests look at."""
    data = fresh(raceday_data, tmp_path_factory.mktemp("lived") / "data")
    raceday = Raceday(data, bundles, datetime(2025, 7, 16, 19, 0, tzinfo=UTC))
    yield DayResult(raceday, played(raceday))
    raceday.close()


def test_a_race_is_followed_to_its_end(lived: DayResult) -> None:
    assert {called.outcome for called in lived.called} == {"done"}
    assert not [line for called in lived.called for line in called.context.errors]
    _the_status_is_stamped(lived)
    _all_steps_are_there_once(lived)
    _increments_add_up(lived)
    _the_final_totals_are_in_the_timeline(lived)
    _odds_history_has_only_changes(lived)
    _pools_and_results_are_the_recorded_ones(lived)
    assert lived.counts["skipped:foreign_entrant"] % 3 == 0


def _the_status_is_stamped(lived: DayResult) -> None:
    race, timeline = lived.document("races"), lived.race.timeline
    assert race["status"] == "Final"
    assert lived.counts["status_changes"] == 3
    assert instant(race["actualStart"]) == timeline.jump
    assert race["finalizedAt"] == race["lastStatusChange"]
    assert timeline.final <= instant(race["finalizedAt"]) <= timeline.final + timedelta(seconds=45)
    assert race["abandonedAt"] is None
    assert instant(race["last_poll_time"]) >= instant(race["finalizedAt"]) + timedelta(minutes=2)


def _all_steps_are_there_once(lived: DayResult) -> None:
    flows = by_entrant(lived.raceday.documents(MONEY))
    assert len(flows) == 8
    for documents in flows.values():
        steps = sorted((each["timeInterval"] for each in documents), reverse=True)
        # After the start one a minute, until the race was seen to be over.
        assert steps == [*STEPS, *range(-1, min(steps) - 1, -1)]
        assert min(steps) in (-11, -10)
        assert all(each["$id"] == each["bucketDocumentId"] and len(each["$id"]) == 36 for each in documents)
        assert {(each["type"], each["poolType"]) for each in documents} == {("bucketed_aggregation", "combined")}
        assert {each["raceId"] for each in documents} == {lived.race.id}


def _increments_add_up(lived: DayResult) -> None:
    for documents in by_entrant(lived.raceday.documents(MONEY)).values():
        documents.sort(key=lambda each: each["timeInterval"])
        assert sum(each["incrementalWinAmount"] for each in documents) == documents[0]["winPoolAmount"]
        assert sum(each["incrementalPlaceAmount"] for each in documents) == documents[0]["placePoolAmount"]
        assert all(each["incrementalAmount"] == each["incrementalWinAmount"] for each in documents)


def _the_final_totals_are_in_the_timeline(lived: DayResult) -> None:
    flows = by_entrant(lived.raceday.documents(MONEY)).values()
    ends = [min(documents, key=lambda each: each["timeInterval"]) for documents in flows]
    assert {each["totalPoolAmount"] for each in ends} == {915_138 + 392_351}
    # The player gives 8 % to an entrant of another market.
    assert sum(each["holdPercentage"] for each in ends) == 92
    assert {each["dataQualityScore"] for each in ends} == {92}
    assert {each["eventTimestamp"] for each in ends} == {lived.document("races")["finalizedAt"]}


def _odds_history_has_only_changes(lived: DayResult) -> None:
    history: dict[tuple[str, str], list[dict[str, Any]]] = {}
    path = f"/databases/raceday-db/collections/{ODDS}/documents"
    queries = [
        {"method": "limit", "values": [5000]},
        {"method": "orderAsc", "attribute": "eventTimestamp"},
        {"method": "select", "values": ["*", "entrant.$id"]},
    ]
    for each in lived.raceday.client.get(path, queries)["documents"]:
        history.setdefault((each["entrant"]["$id"], each["type"]), []).append(each["odds"])
    assert len(history) == 8 * 4
    for prices in history.values():
        assert all(before != after for before, after in pairwise(prices))
    stored = {each["$id"]: each for each in lived.raceday.documents("entrants")}
    keys = {"fixed_win": "fixedWinOdds", "fixed_place": "fixedPlaceOdds"}
    keys |= {"pool_win": "poolWinOdds", "pool_place": "poolPlaceOdds"}
    assert all(prices[-1] == stored[entrant][keys[kind]] for (entrant, kind), prices in history.items())
    assert lived.counts["odds_changes"] == sum(map(len, history.values()))


def _pools_and_results_are_the_recorded_ones(lived: DayResult) -> None:
    pools, results = lived.document(POOLS), lived.document(RESULTS)
    assert (pools["winPoolTotal"], pools["totalRacePool"]) == (915_138, 3_913_672)
    assert (results["raceId"], results["resultStatus"], results["resultsAvailable"]) == (RECORDED, "final", True)
    assert results["dividendsData"].count('"status":"Final"') == 7
    assert results["resultTime"] == lived.document("races")["finalizedAt"]


def test_a_poll_takes_at_most_six_requests(lived: DayResult) -> None:
    own = sum(own_requests(called) for called in lived.called)

    assert lived.counts["polls"] > 60
    assert own <= 6 * lived.counts["polls"]
    # Nothing was asked for that is not counted.
    assert lived.requests == own + sum(lock_requests(called) for called in lived.called)
    # In a run with several polls, what is stored around a race is read once.
    several = [called for called in lived.called if called.counts.get("polls", 0) > 1]
    assert several
    assert all(own_requests(called) <= 5 * called.counts["polls"] for called in several)


def test_every_poll_has_measured_its_latency(raceday: Any) -> None:
    race = played(raceday)
    put_played(raceday, race)
    go_to(raceday, race.start - timedelta(minutes=50))

    raceday.call(POLLER, transport=slowly(raceday, 0.75))

    assert {each["pollingLatencyMs"] for each in raceday.documents(MONEY)} == {750}


def test_a_late_race_is_followed_until_it_is_over(raceday: Any) -> None:
    race = race_with(raceday, lambda line: line.jump - line.advertised > timedelta(minutes=10) and not line.abandoned)

    lived = DayResult(raceday, race)

    assert lived.document("races")["status"] == "Final"
    for documents in by_entrant(raceday.documents(MONEY)).values():
        steps = sorted((each["timeInterval"] for each in documents), reverse=True)
        assert steps == [*STEPS, *range(-1, min(steps) - 1, -1)]
        assert min(steps) < -15


@pytest.mark.parametrize("is_before", [True, False])
def test_an_abandoned_race_is_stamped_and_left(raceday: Any, is_before: bool) -> None:
    race = race_with(raceday, lambda line: line.abandoned and (line.abandoned < line.advertised) == is_before)
    put_played(raceday, race)
    go_to(raceday, race.timeline.abandoned - timedelta(minutes=3))
    raceday.call(POLLER, {"raceId": race.id})
    before = {each["$id"]: each for each in raceday.documents(MONEY)}
    go_to(raceday, race.timeline.abandoned + timedelta(minutes=1))

    raceday.call(POLLER, {"raceId": race.id})
    over = [called.counts.get("polls", 0) for called in live(raceday, raceday.time.now() + timedelta(minutes=20))]

    stored = raceday.document("races", race.id)
    assert (stored["status"], stored["finalizedAt"]) == ("Abandoned", None)
    assert stored["abandonedAt"] == stored["lastStatusChange"]
    assert sum(over[-5:]) == 0
    # There are no final totals: the money goes back.
    last = instant(stored["abandonedAt"])
    assert all(instant(each["eventTimestamp"]) < last for each in raceday.documents(MONEY))
    assert before.keys() <= {each["$id"] for each in raceday.documents(MONEY)}


def test_dividends_that_come_after_the_end_are_saved(raceday: Any) -> None:
    race = race_with(
        raceday,
        lambda line: line.dividends - line.final > timedelta(minutes=3) and not line.abandoned,
    )

    lived = DayResult(raceday, race)

    results = lived.document(RESULTS)
    assert results["resultStatus"] == "final"
    assert '"status":"Final"' in results["dividendsData"]
    assert results["resultTime"] == lived.document("races")["finalizedAt"]


def test_what_a_scratching_changes_is_stored_and_nothing_deleted(raceday: Any) -> None:
    from raceday_iac.raceday.nztab.fields import field_of

    def scratched(race: Any) -> list[Any]:
        since = race.start - timedelta(hours=3)
        return [each for each in field_of(race).runners if each.scratched is not None and each.scratched > since]

    race = next(race for race in imported(raceday, 96) if scratched(race) and not race.timeline.abandoned)
    (gone, *_) = scratched(race)
    put_played(raceday, race)
    for when in (gone.scratched - timedelta(minutes=1), gone.scratched + timedelta(minutes=1)):
        go_to(raceday, when)
        raceday.call(POLLER, {"raceId": race.id})

    assert raceday.document("entrants", gone.id)["isScratched"] is True
    assert len(raceday.documents("entrants", raceId=race.id)) == len(field_of(race).runners)


def test_only_changed_entrants_are_written(raceday: Any) -> None:
    race = played(raceday)
    put_played(raceday, race)
    go_to(raceday, race.start - timedelta(hours=2))

    first = raceday.call(POLLER, {"raceId": race.id})
    again = raceday.call(POLLER, {"raceId": race.id})

    assert first.counts["written:entrants"] == 8
    assert "written:entrants" not in again.counts
    assert "odds_changes" not in again.counts


def test_races_that_run_side_by_side_share_their_requests(raceday: Any) -> None:
    races = imported(raceday, 12)
    for race in races:
        # All at the same time, and the same phase.
        put_race(raceday, race.id, raceday.time.now() + timedelta(minutes=40))
    raceday.call(POLLER)
    raceday.time.sleep(150)

    called = raceday.call(POLLER)

    assert called.counts["polls"] == 12
    assert own_requests(called) <= 3 * 12


def test_a_race_that_was_not_looked_at_for_long_gets_no_false_increment(raceday: Any) -> None:
    race = played(raceday)
    put_played(raceday, race)
    go_to(raceday, race.start - timedelta(minutes=31))

    raceday.call(POLLER)

    assert {each["incrementalAmount"] for each in raceday.documents(MONEY)} == {0}
    assert {each["timeInterval"] for each in raceday.documents(MONEY)} == {30}
