"""The functions' own rules, as health asks them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest

from raceday_iac.errors import IacError, StackError
from raceday_iac.health.data import Rules
from raceday_iac.health.data import load_rules as load_plain_rules
from raceday_iac.health.observations import Counted
from raceday_iac.health.report import evaluate
from raceday_iac.health.watched import Grace, read_watched
from raceday_iac.model.address import function_address
from raceday_iac.model.local_time import LocalTime
from raceday_iac.model.resource import CodeSource, Desired
from raceday_iac.raceday.rules import load_rules

from .made import DECLARED, FUNCTIONS, LOCK, NOW, ago, lock_document, observation, rules, stamp

F = function_address("f")


def race(start: Any, polled: Any, status: str = "Open", **more: Any) -> dict[str, Any]:
    document = {"$id": "r", "status": status, "startTime": stamp(start)}
    return {**document, "last_poll_time": stamp(polled) if polled else None, **more}


def late(*parts: Any, **more: Any) -> tuple[str, float] | None:
    found = rules().late(race(*parts, **more), NOW, Grace())
    return (found.row, found.seconds) if found else None


def test_the_hour_after_midnight_belongs_to_the_day_before() -> None:
    # 00:30 on the 18th in New Zealand.
    assert rules().day_of(NOW + timedelta(hours=10, minutes=30)) == date(2025, 7, 17)


def test_a_race_that_was_polled_when_it_should_is_not_late() -> None:
    assert late(NOW + timedelta(minutes=30), ago(minutes=2)) is None


@pytest.mark.parametrize(("minutes", "found"), [(5, None), (6, ("approaching", 210))])
def test_a_race_is_late_beyond_its_interval_and_the_grace(minutes: int, found: object) -> None:
    # Every two and a half minutes, and two and a half minutes of grace.
    assert late(NOW + timedelta(minutes=30), ago(minutes=minutes)) == found


def test_near_the_jump_less_is_allowed() -> None:
    assert late(NOW + timedelta(minutes=1), ago(minutes=2)) == ("jump", 105)
    assert late(NOW + timedelta(minutes=1), ago(seconds=100)) is None


def test_a_race_is_due_from_when_it_came_into_its_row_not_from_its_last_poll() -> None:
    # Half an hour ago was right for the row before; it has been in this one for a minute.
    assert late(NOW + timedelta(minutes=64), ago(minutes=25)) is None


@pytest.mark.parametrize("status", ["Final", "Abandoned"])
def test_a_race_that_is_over_is_not_late(status: str) -> None:
    assert late(ago(hours=2), ago(hours=1), status=status, finalizedAt=stamp(ago(hours=1))) is None


def test_how_late_is_reported_up_to_two_hours() -> None:
    found = rules().late(race(ago(minutes=10), ago(hours=5), status="Closed"), NOW, Grace())
    assert found is not None
    assert (found.seconds, found.is_longer) == (7200, True)


@pytest.mark.parametrize(
    ("starts_in", "polled_ago", "due_in"),
    [
        # Every two and a half minutes.
        (timedelta(minutes=30), timedelta(seconds=100), 50),
        (timedelta(minutes=30), timedelta(seconds=157), -7),
        (timedelta(minutes=30), timedelta(seconds=200), -50),
        # It came into its row a minute ago, and was not due before; to fifteen seconds.
        (timedelta(minutes=64), timedelta(minutes=25), -60),
    ],
)
def test_it_is_known_from_when_on_a_race_is_due(starts_in: timedelta, polled_ago: timedelta, due_in: float) -> None:
    found = rules().standing(race(NOW + starts_in, NOW - polled_ago), NOW, Grace())
    assert found.due is not None
    assert found.due - NOW.timestamp() == pytest.approx(due_in, abs=15 if due_in == -60 else 0)
    assert found.late is None


def test_a_race_that_is_over_is_never_due() -> None:
    document = race(ago(hours=2), ago(hours=1), status="Final", finalizedAt=stamp(ago(hours=1)))
    found = rules().standing(document, NOW, Grace())
    assert (found.due, found.is_over) == (None, True)


def test_before_the_opening_a_race_is_due_when_polling_begins() -> None:
    # Seven in the morning; polling begins at nine, for a baseline poll in its own slot.
    morning = NOW - timedelta(hours=7)
    found = rules().standing(race(NOW, None), morning, Grace())
    assert found.due is not None
    assert 7200 <= found.due - morning.timestamp() <= 7200 + 1800


@pytest.mark.parametrize(("seconds", "is_stale"), [(120, False), (121, True)])
def test_a_lock_is_stale_when_a_run_would_take_it_over(seconds: int, is_stale: bool) -> None:
    document = lock_document(ago(seconds=seconds), ago(seconds=seconds))
    assert rules().lock_state(document, None, LOCK, NOW).is_stale is is_stale


def test_refused_starts_and_deaths_are_those_that_the_functions_count() -> None:
    counted = {"attempts": 4, "$createdAt": stamp(ago(seconds=50)), "$updatedAt": stamp(ago(seconds=10))}
    state = rules().lock_state(lock_document(ago(seconds=9), ago(seconds=5), takeovers=2), counted, LOCK, NOW)
    assert (state.refused, state.is_crowded, state.is_dying, state.is_stale) == (4, True, True, False)
    assert rules().seen_document("f-lock") == "f-seen"


#: JSON that is deeper than anything that reads it can go.
DEEP = '{"a": ' + "[" * 2400 + "]" * 2400 + "}"


@pytest.mark.parametrize(
    ("stored", "reported"),
    [
        ('{"left": 3, "race": "r1"}', {"left": 3, "race": "r1"}),
        ("", {}),
        ("{", {}),
        ("[1]", {}),
        (DEEP, {}),
        (DEEP[:-1], {}),
    ],
)
def test_what_an_owner_says_of_its_progress_is_read_if_it_can_be(stored: str, reported: dict[str, object]) -> None:
    document = lock_document(ago(seconds=9), ago(seconds=5), progress=stored, nzDate="2025-07-17")
    state = rules().lock_state(document, None, LOCK, NOW)
    assert (state.progress, state.day) == (reported, "2025-07-17")


def source(folder: Path) -> Desired:
    return Desired("x", {}, code={F: CodeSource(F, folder / "f", {"entrypoint": "main.py"})})


def test_functions_that_share_no_such_code_have_no_rules(tmp_path: Path) -> None:
    assert load_rules(source(tmp_path)) is None


def test_shared_code_that_is_broken_is_reported(tmp_path: Path) -> None:
    (tmp_path / "_shared").mkdir()
    for name in ("due", "card", "nz_time", "lock_protocol", "attempts"):
        (tmp_path / "_shared" / f"{name}.py").write_text("(", encoding="utf-8")
    with pytest.raises(IacError, match="cannot be used"):
        load_rules(source(tmp_path))


VIENNA = Rules(LocalTime("Europe/Vienna", (time(22), time(6))))


def test_without_an_extension_a_day_is_that_of_the_stacks_zone() -> None:
    instant = datetime(2025, 7, 17, 22, 30, tzinfo=UTC)
    assert (VIENNA.day_of(instant), Rules().day_of(instant)) == (date(2025, 7, 18), date(2025, 7, 17))
    begin, end = VIENNA.bounds(date(2025, 7, 18))
    assert (begin, end - begin) == (datetime(2025, 7, 17, 22, tzinfo=UTC), timedelta(hours=24))
    assert [each.is_quiet(instant) for each in (VIENNA, Rules())] == [True, False]


@pytest.mark.parametrize(("clock", "expected"), [("07:59", False), ("08:00", True), ("20:01", True), ("20:02", False)])
def test_times_of_the_day_are_local(clock: str, expected: bool) -> None:
    now = VIENNA.local_time.at(date(2025, 7, 18), time.fromisoformat(clock))
    assert VIENNA.is_between(now, time(8), time(20)) is expected


def test_locks_are_checked_where_the_functions_share_their_code() -> None:
    source = CodeSource(F, FUNCTIONS / "daily-races", {"entrypoint": "src/main.py"})
    plain = load_plain_rules(Desired("x", {}, code={"f": source}))
    assert (plain.has_locks, Rules().has_locks) == (True, False)
    state = plain.lock_state(lock_document(ago(seconds=9), ago(seconds=5), nzDate="2025-07-01"), None, LOCK, NOW)
    # What is a date in a lock document is for an extension to say.
    assert (state.is_stale, state.day, state.is_of_yesterday) == (False, "", False)


def test_other_projects_know_no_rule_on_polls() -> None:
    text = "freshness:\n- {collection: d/races, rule: polled, attribute: startTime}\n"
    with pytest.raises(StackError, match="there is no rule 'polled'; there are today, newest"):
        read_watched(text, "h", replace(DECLARED, rules=Rules.data_rules))


def test_data_of_the_local_day_is_expected_without_any_shared_code() -> None:
    text = "freshness:\n- {collection: d/races, rule: today, attribute: startTime, from: '08:00', at_least: 2}\n"
    watched = read_watched(text, "h", replace(DECLARED, rules=Rules.data_rules))
    for hour, verdict in ((5, "resting"), (6, "bad")):
        seen = replace(observation(), now=datetime(2025, 7, 18, hour, tzinfo=UTC), counted={0: Counted(1)})
        assert [each.verdict for each in evaluate(seen, watched, VIENNA).data] == [verdict]
