"""The legacy model against the volumes that are known of the sample day, and its mechanics one by one."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime

import pytest

from raceday_iac.raceday.simulation.day import clashes_by_function, conflicts, overlaps
from raceday_iac.raceday.simulation.ledger import Outcome
from raceday_iac.raceday.simulation.legacy import ASSUMPTIONS, SCHEDULER, simulate_legacy
from raceday_iac.raceday.simulation.legacy_world import NZ

from .cards import at, day_bounds, race, sample_card, sample_day

WINTER = date(2025, 7, 17)
DAILY = ("daily-meetings", "daily-races")


def about(expected: float) -> object:
    return pytest.approx(expected, rel=0.10)


@pytest.mark.parametrize("schedules", [(), (*DAILY, SCHEDULER)], ids=["all schedules", "only the scheduler's"])
def test_the_day_has_the_volumes_that_are_known_of_it(schedules: tuple[str, ...]) -> None:
    day = sample_day(*schedules)
    polls = day.scheduled_polls
    assert day.races == 96
    assert len(polls) == about(4741)
    assert len(polls) / day.races == about(49)
    assert sum(poll.status == "Open" for poll in polls) / day.races == about(40)
    assert sum(poll.phase == "baseline" for poll in polls) == about(1477)
    assert day.poller_executions == about(897)
    assert day.ticks_with_work == about(747)
    assert day.scheduler_ticks == 1440
    assert sum(day.appwrite_requests.values()) == about(380_000)


def test_a_poll_of_an_open_race_with_ten_runners_makes_about_eighty_requests() -> None:
    start = at(WINTER, 18)
    day = simulate_legacy([race("r", start)], *day_bounds(WINTER), schedules=[*DAILY, SCHEDULER])
    while_open = [run for run in day.runs if run.polls and run.function.startswith("enhanced") and run.end < start]
    assert len(while_open) > 30
    assert {run.appwrite_requests for run in while_open[1:]} == {82}
    assert about(80) == 82


def test_money_flow_is_not_written_for_a_race_that_is_no_longer_open() -> None:
    start = at(WINTER, 18)
    day = simulate_legacy([race("r", start)], *day_bounds(WINTER), schedules=[*DAILY, SCHEDULER])
    closed = [run.appwrite_requests for run in day.runs if run.polls and run.function.startswith("enhanced")][-5:]
    assert closed == [32, 32, 32, 32, 35]  # the last one finds it Final: status and results are written as well


def test_every_schedule_fires_as_often_as_it_says() -> None:
    assert Counter(run.function for run in sample_day().runs if run.function != "enhanced-race-poller") == {
        "daily-meetings": 1, "daily-races": 1, "daily-initial-data": 1, "race-data-poller": 144,
        "meeting-status-poller": 60, "master-race-scheduler": 1440,
    }  # fmt: skip


def test_pollers_overlap_themselves_and_the_old_poller() -> None:
    found = clashes_by_function(overlaps(sample_day().runs))
    assert found.keys() == {"enhanced-race-poller", "enhanced-race-poller + race-data-poller"}
    assert all(found.values())


def test_without_the_old_poller_only_the_scheduler_conflicts_with_the_poller() -> None:
    without = sample_day(*DAILY, SCHEDULER)
    assert clashes_by_function(conflicts(without.runs)).keys() == {"enhanced-race-poller + master-race-scheduler"}
    assert len(conflicts(sample_day().runs)) > len(conflicts(without.runs))


def test_a_race_before_noon_is_never_polled_by_the_scheduler() -> None:
    early = [race("early", at(WINTER, 11, 45)), race("noon", at(WINTER, 12))]
    day = simulate_legacy(early, *day_bounds(WINTER))
    assert {poll.race for poll in day.scheduled_polls} == {"noon"}
    assert {poll.race for poll in day.polls} == {"early", "noon"}


def test_nothing_is_polled_before_nine_or_after_midnight() -> None:
    late = [race("late", at(date(2025, 7, 18), 0, 30)), race("r", at(WINTER, 15))]
    hours = {datetime.fromtimestamp(poll.at, NZ).hour for poll in simulate_legacy(
        late, *day_bounds(WINTER), schedules=[*DAILY, SCHEDULER]
    ).polls}  # fmt: skip
    assert min(hours) == 9
    assert max(hours) == 23


def test_a_finished_day_is_dormant_but_one_abandoned_race_keeps_the_scheduler_awake() -> None:
    start = at(WINTER, 13)

    def requests_in_the_evening(**abandoned: float) -> int:
        card = [race("r", start), race("s", start, **abandoned)]
        day = simulate_legacy(card, *day_bounds(WINTER), schedules=[*DAILY, SCHEDULER])
        evening = [run for run in day.runs if at(WINTER, 20) <= run.start < at(WINTER, 21)]
        return sum(run.appwrite_requests for run in evening)

    assert requests_in_the_evening() == 60
    assert requests_in_the_evening(abandoned=start - 600) == 120


def test_an_abandoned_race_is_polled_until_it_is_known_and_then_only_by_the_old_poller() -> None:
    start = at(WINTER, 15)
    day = simulate_legacy([race("r", start, abandoned=start - 1800)], *day_bounds(WINTER))
    known = min(poll.at for poll in day.polls if poll.status == "Abandoned")
    assert {poll.function for poll in day.polls if poll.at > known + 60} == {"race-data-poller"}


def test_ten_groups_are_started_in_one_tick_when_all_races_come_due_together() -> None:
    begin, end = day_bounds(WINTER)
    day = simulate_legacy(sample_card(), begin, end, schedules=[*DAILY, SCHEDULER])
    first_tick = [run for run in day.runs if run.function == "enhanced-race-poller" and run.start < at(WINTER, 9, 1)]
    assert [run.polls for run in first_tick] == [10] * 9 + [5]


def test_daily_initial_data_starts_a_group_before_the_last_one_is_done() -> None:
    day = sample_day(*DAILY, "daily-initial-data")
    runs = [run for run in day.runs if run.function == "enhanced-race-poller"]
    assert [run.polls for run in runs] == [8] * 11 + [7]
    assert len(overlaps(runs)) > 12


def test_a_day_too_large_for_its_timeout_saves_nothing_in_daily_races() -> None:
    card = [race(f"r{n}", at(WINTER, 15)) for n in range(700)]
    day = simulate_legacy(card, *day_bounds(WINTER), schedules=[*DAILY, SCHEDULER])
    (killed,) = [run for run in day.runs if run.outcome is Outcome.KILLED]
    assert (killed.function, killed.seconds) == ("daily-races", 840)
    assert day.scheduled_polls == ()


@pytest.mark.parametrize("day", [date(2025, 4, 5), date(2025, 4, 6), date(2025, 9, 27), date(2025, 9, 28)])
def test_days_with_a_change_of_the_clock_have_their_own_length(day: date) -> None:
    begin, end = day_bounds(day)
    lived = simulate_legacy([race("r", at(day, 16))], begin, end)
    assert lived.scheduler_ticks == (end - begin) / 60
    assert lived.scheduled_polls


def test_the_same_card_gives_the_same_day() -> None:
    again = simulate_legacy(sample_card(), *day_bounds(WINTER))
    assert again == sample_day()


def test_an_empty_card_makes_only_empty_runs() -> None:
    day = simulate_legacy([], *day_bounds(WINTER))
    assert (day.polls, conflicts(day.runs), day.polls_report().per_race_mean) == ((), (), 0.0)


def test_assumptions_are_sentences() -> None:
    assert all(sentence.endswith(".") and "\n" not in sentence for sentence in ASSUMPTIONS)


def test_runs_come_in_order_and_within_the_day() -> None:
    runs = sample_day().runs
    assert [run.start for run in runs] == sorted(run.start for run in runs)
    assert datetime.fromtimestamp(runs[0].start, UTC).hour == 18
