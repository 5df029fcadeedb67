"""The made race day: its card on any date, and what happens to each race."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta

import pytest

from raceday_iac.raceday.nztab import Day, make_day, state_of
from raceday_iac.raceday.nztab.model import NZ

RECORDED = date(2025, 7, 17)
DAYS = [
    make_day(RECORDED, 1),
    make_day(date(2025, 9, 28), 2),
    make_day(date(2026, 4, 5), 3),
    make_day(RECORDED, 4, 220),
]
LEGAL = {
    ("Closed", "Interim", "Final"),
    ("Abandoned",),
    ("Closed", "Abandoned"),
}


def nz_times(day: Day) -> list[str]:
    return [race.start.astimezone(NZ).strftime("%H:%M") for race in day.imported]


def test_the_recorded_card_has_twelve_imported_meetings_and_ninety_six_imported_races() -> None:
    day = make_day(RECORDED, 1)
    imported = [meeting for meeting in day.meetings if meeting.facts.is_imported]
    assert (len(imported), len(day.imported)) == (12, 96)


def test_the_recorded_card_has_the_rest_of_the_world_too() -> None:
    day = make_day(RECORDED, 1)
    assert (len(day.meetings), len(day.races)) == (76, 748)


def test_exactly_one_imported_race_starts_before_midnight_utc() -> None:
    starts = [race.start for race in make_day(RECORDED, 1).imported]
    assert [start for start in starts if start < datetime(2025, 7, 17, tzinfo=UTC)] == [starts[0]]


def test_the_recorded_date_keeps_the_recorded_ids() -> None:
    assert make_day(RECORDED, 1).race("0f57e087-00d9-4c61-9549-835abe2ae2ed") is not None


@pytest.mark.parametrize("races", [None, 30])
def test_ids_of_two_dates_have_nothing_in_common(races: int | None) -> None:
    one, other = (make_day(day, 1, races) for day in (RECORDED, RECORDED + timedelta(days=1)))
    assert not {race.id for race in one.races} & {race.id for race in other.races}
    assert not {meeting.id for meeting in one.meetings} & {meeting.id for meeting in other.meetings}


@pytest.mark.parametrize("races", [None, 220])
def test_ids_within_a_day_are_unique(races: int | None) -> None:
    day = make_day(RECORDED, 1, races)
    assert len({race.id for race in day.races}) == len(day.races)
    assert len({meeting.id for meeting in day.meetings}) == len(day.meetings)


@pytest.mark.parametrize("races", [None, 40])
def test_the_same_seed_makes_the_same_day(races: int | None) -> None:
    first = make_day(RECORDED, 7, races)
    make_day.cache_clear()
    again = make_day(RECORDED, 7, races)
    assert again == first
    assert again is not first


@pytest.mark.parametrize("races", [None, 40])
def test_another_seed_makes_another_day(races: int | None) -> None:
    assert make_day(RECORDED, 7, races) != make_day(RECORDED, 8, races)


@pytest.mark.parametrize("day", [date(2025, 9, 28), date(2026, 4, 5), date(2025, 12, 24)])
def test_another_date_has_the_same_wall_clock_starts_in_new_zealand(day: date) -> None:
    assert nz_times(make_day(day, 1)) == nz_times(make_day(RECORDED, 1))


@pytest.mark.parametrize(
    ("day", "first"),
    [
        (date(2025, 9, 28), datetime(2025, 9, 27, 22, 45, tzinfo=UTC)),
        (date(2026, 4, 5), datetime(2026, 4, 4, 23, 45, tzinfo=UTC)),
    ],
)
def test_on_both_days_of_change_the_first_race_starts_after_the_change(day: date, first: datetime) -> None:
    assert make_day(day, 1).imported[0].start == first


@pytest.mark.parametrize("races", [1, 8, 96, 220])
def test_a_made_up_day_has_the_wanted_number_of_imported_races(races: int) -> None:
    assert len(make_day(RECORDED, 1, races).imported) == races


def test_a_day_without_races_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one race"):
        make_day(RECORDED, 1, 0)


@pytest.mark.parametrize("seed", range(5))
def test_a_large_day_has_twenty_to_twenty_five_imported_meetings_among_more_than_a_hundred(seed: int) -> None:
    day = make_day(RECORDED, seed, 220)
    assert 20 <= sum(meeting.facts.is_imported for meeting in day.meetings) <= 25
    assert len(day.meetings) > 100


@pytest.mark.parametrize("seed", range(5))
def test_races_of_a_large_day_start_from_a_quarter_to_twelve_to_ten_to_midnight_or_as_perth_nights(seed: int) -> None:
    for time in nz_times(make_day(RECORDED, seed, 220)):
        assert "11:45" <= time <= "23:50" or "00:10" <= time <= "00:40"


def test_a_large_day_has_races_after_midnight_that_belong_to_its_date() -> None:
    late = [race for race in make_day(RECORDED, 1, 220).imported if race.start.astimezone(NZ).date() != RECORDED]
    assert late
    assert {race.meeting.day for race in late} == {RECORDED}


@pytest.mark.parametrize("day", DAYS, ids=repr)
def test_starts_rise_within_an_imported_meeting(day: Day) -> None:
    for meeting in (meeting for meeting in day.meetings if meeting.facts.is_imported):
        starts = [race.start for race in meeting.races]
        assert starts == sorted(starts)


@pytest.mark.parametrize("day", DAYS, ids=repr)
def test_every_race_goes_through_a_legal_sequence_of_statuses(day: Day) -> None:
    for race in day.races:
        instants, statuses = zip(*race.timeline.changes, strict=True)
        assert statuses in LEGAL
        assert list(instants) == sorted(set(instants))


@pytest.mark.parametrize("day", DAYS, ids=repr)
def test_the_state_changes_at_the_instants_of_the_timeline_and_only_then(day: Day) -> None:
    blink = timedelta(microseconds=1)
    for race in day.imported:
        before = "Open"
        for instant, status in race.timeline.changes:
            assert state_of(race, instant - blink).status == before
            assert state_of(race, instant).status == status
            before = status


@pytest.mark.parametrize("day", DAYS, ids=repr)
def test_no_race_jumps_early_and_results_come_in_the_usual_time(day: Day) -> None:
    for race in day.races:
        timeline = race.timeline
        assert timedelta() <= timeline.jump - timeline.advertised <= timedelta(minutes=25)
        assert timedelta(minutes=2) <= timeline.interim - timeline.jump <= timedelta(minutes=4)
        assert timedelta(minutes=3) <= timeline.final - timeline.interim <= timedelta(minutes=7)
        assert timedelta() <= timeline.dividends - timeline.final <= timedelta(minutes=4)


@pytest.mark.parametrize("day", DAYS, ids=repr)
def test_a_day_has_late_races_late_dividends_and_abandoned_races_of_both_kinds(day: Day) -> None:
    timelines = [race.timeline for race in day.imported]
    abandoned = [timeline for timeline in timelines if timeline.abandoned is not None]
    assert any(timeline.jump - timeline.advertised >= timedelta(minutes=10) for timeline in timelines)
    assert any(timeline.dividends > timeline.final for timeline in timelines)
    assert {timeline.abandoned < timeline.advertised for timeline in abandoned if timeline.abandoned} == {True, False}
    assert len(abandoned) == max(2, round(len(timelines) * 0.02))


def test_results_come_with_interim_and_final_dividends_possibly_later() -> None:
    race = next(race for race in DAYS[0].imported if race.timeline.dividends > race.timeline.final)
    timeline = race.timeline
    reported = [
        state_of(race, instant) for instant in (timeline.jump, timeline.interim, timeline.final, timeline.dividends)
    ]
    assert [state.has_results for state in reported] == [False, True, True, True]
    assert [state.dividends for state in reported] == [(), ("Interim",), ("Interim",), ("Interim", "Final")]


def test_an_abandoned_race_has_neither_results_nor_dividends() -> None:
    for race in DAYS[3].races:
        if race.timeline.abandoned is not None:
            state = state_of(race, race.timeline.dividends + timedelta(hours=1))
            assert (state.status, state.has_results, state.dividends) == ("Abandoned", False, ())


def test_tracks_of_some_meetings_change_during_the_day() -> None:
    changing = Counter(len(meeting.track.changes) for meeting in DAYS[0].meetings if meeting.facts.is_imported)
    assert changing[1] >= 1
    assert changing[0] >= 1


def test_a_race_that_is_over_keeps_its_track_condition() -> None:
    race = next(race for race in DAYS[0].races if race.track.changes and race.timeline.ended < race.track.changes[0][0])
    assert state_of(race, race.track.changes[0][0] + timedelta(hours=9)).track_condition == race.track.first
