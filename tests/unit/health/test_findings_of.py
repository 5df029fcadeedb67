"""Locks, data, daily runs, builds and schema: from an observation to what is found."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from raceday_iac.health.observations import CODES, Counted, Observation, Severity, StateLock
from raceday_iac.health.report import Report, changes, evaluate, without_secrets
from raceday_iac.health.watched import read_watched
from raceday_iac.model.resource import frozen

from .made import (
    DECLARED,
    LOCK,
    NOW,
    ago,
    deployment,
    execution,
    function,
    lock_document,
    member,
    observation,
    rules,
    stamp,
    summary,
)

FRESHNESS = """
daily: [a, b]
freshness:
- {collection: d/meetings, rule: today, attribute: date, form: date, from: "08:30", by: a}
- {collection: d/races, rule: polled, attribute: startTime}
- {collection: d/odds, rule: newest, attribute: at, within: 45m, from: "12:00", until: "20:00", severity: warning}
"""


def checked(seen: Observation, file: str = "") -> Report:
    watched = read_watched(file, "h", DECLARED)
    return evaluate(seen, watched, rules())


@pytest.mark.parametrize(("budget", "is_reported"), [("", False), ("gb_hours: 2", False), ("gb_hours: 1.9", True)])
def test_more_gb_hours_than_expected_are_reported(budget: str, is_reported: bool) -> None:
    seen = function(execution(ago(hours=2), seconds=7200))
    assert seen.live is not None
    seen = replace(seen, live=replace(seen.live, fields=frozen({**seen.live.fields, "specification": "s-1vcpu-1gb"})))
    assert ("usage.high" in found(checked(observation(seen), budget))) is is_reported


@pytest.mark.parametrize(
    ("minute", "beaten", "date", "codes"),
    [
        # New Zealand's racing day ends at 01:00, which is 13:00 UTC; a run has five minutes to end.
        (4, 5, "2025-07-17", set()),
        (5, 5, "2025-07-17", {"lock.yesterday"}),
        (5, 5, "2025-07-18", set()),
        (5, 5, "", set()),
        (5, 300, "2025-07-17", {"lock.stale"}),
    ],
)
def test_a_run_that_goes_on_after_its_day_is_reported(minute: int, beaten: int, date: str, codes: set[str]) -> None:
    at = NOW.replace(hour=13, minute=minute)
    document = lock_document(at - timedelta(seconds=9), at - timedelta(seconds=beaten), nzDate=date)
    seen = replace(observation(function(lock=LOCK), locks={"f-lock": document}), now=at)
    assert {code for code in found(checked(seen)) if code.startswith("lock.")} == codes


def test_what_the_owner_of_a_lock_says_is_reported_without_secrets() -> None:
    reported = '{"race": "my-secret", "races": {"my-secret": ["my-secret", 3]}, "left": 2}'
    document = lock_document(ago(seconds=9), ago(seconds=5), phase="at my-secret", progress=reported)
    report = checked(observation(function(lock=LOCK), locks={"f-lock": document}))
    (lock,) = without_secrets(report, lambda text: text.replace("my-secret", "***")).locks
    assert lock.state is not None
    assert lock.state.phase == "at ***"
    assert lock.state.progress == {"race": "***", "races": {"***": ["***", 3]}, "left": 2}
    assert without_secrets(checked(observation(function(lock=LOCK), locks={})), str.upper).locks[0].state is None


def found(report: Report) -> dict[str, Severity]:
    assert {each.code for each in report.findings} <= set(CODES)
    return {each.code: each.severity for each in report.findings}


def with_data(at: Any = NOW, meetings: int = 3, odds: Any = None, *races: dict[str, Any]) -> Observation:
    counted = {0: Counted(meetings), 2: Counted(newest=odds or at)}
    return replace(observation(), now=at, since=at - timedelta(hours=24), counted=counted, polled=races)


def verdicts(report: Report) -> list[str]:
    return [each.verdict for each in report.data]


def test_a_project_without_trouble_is_healthy() -> None:
    report = checked(observation(function(execution(ago(minutes=5)))))
    assert (report.findings, report.worst) == ((), None)


def test_data_of_today_that_is_there_is_fine() -> None:
    assert verdicts(checked(with_data(), FRESHNESS)) == ["ok", "ok", "ok"]


def test_data_of_today_that_is_missing_is_an_error_from_its_time_on() -> None:
    # 08:29 and 08:30 in New Zealand.
    early, late = ago(hours=5, minutes=31), ago(hours=5, minutes=30)
    assert verdicts(checked(with_data(early, 0), FRESHNESS))[0] == "resting"
    assert found(checked(with_data(late, 0), FRESHNESS))["data.missing"] is Severity.ERROR


@pytest.mark.parametrize(("minutes", "verdict"), [(45, "ok"), (46, "bad")])
def test_data_may_be_so_old(minutes: int, verdict: str) -> None:
    assert verdicts(checked(with_data(NOW, 3, ago(minutes=minutes)), FRESHNESS))[2] == verdict


def test_old_data_does_not_matter_at_night() -> None:
    night = NOW + timedelta(hours=8)
    assert verdicts(checked(with_data(night, 3, ago(hours=9)), FRESHNESS))[2] == "resting"


def test_late_races_are_named_the_latest_first_and_the_rest_counted() -> None:
    races = [
        {
            "$id": f"r{n}",
            "status": "Closed",
            "startTime": stamp(ago(minutes=9)),
            "last_poll_time": stamp(ago(minutes=n)),
        }
        for n in range(4, 9)
    ]
    late = [each for each in checked(with_data(NOW, 3, NOW, *races), FRESHNESS).findings if each.code == "race.late"]
    assert [each.message.split()[1] for each in late] == ["r8", "r7", "r6", "more"]
    assert late[-1].message == "2 more races are late"


def test_in_the_quiet_hours_no_race_is_late() -> None:
    night = NOW + timedelta(hours=12)
    race = {"$id": "r", "status": "Closed", "startTime": stamp(NOW), "last_poll_time": stamp(NOW)}
    assert verdicts(checked(with_data(night, 3, night, race), FRESHNESS))[1] == "resting"


def daily(*runs: Any, b: Any = (), at: Any = NOW) -> dict[str, tuple[str, str]]:
    """19:00 and 20:00 UTC are 07:00 and 08:00 of the racing day."""
    first = function(*runs, identity="a", schedule="0 19 * * *")
    second = function(*b, identity="b", schedule="0 20 * * *")
    report = checked(replace(observation(first, second), now=at), FRESHNESS)
    return {each.function: (str(each.stand), each.why) for each in report.daily}


def test_a_daily_run_that_did_its_work_is_done_whoever_started_it() -> None:
    by_hand = execution(ago(hours=2), trigger="http", logs=summary("done"))
    assert daily(by_hand)["a"] == ("done", "")


@pytest.mark.parametrize(
    ("run", "why"),
    [
        (execution(ago(hours=6), "failed", errors=summary("failed", category="fatal")), "failed: fatal"),
        (execution(ago(hours=6), logs='{"event": "lock.refused"}'), "completed: duplicate"),
        (execution(ago(hours=6), "processing"), "never ended"),
        (execution(ago(hours=6), logs=summary("stopped", reason="its time is over")), "stopped (its time is over)"),
        (execution(ago(hours=6), code=404), "completed: 404"),
    ],
)
def test_a_daily_run_that_did_not_do_its_work_is_missed(run: Any, why: str) -> None:
    stand, said = daily(run)["a"]
    assert stand == "missed"
    assert why in said


def test_a_run_of_yesterday_does_not_count_for_today() -> None:
    assert daily(execution(ago(hours=8)))["a"] == ("missed", "it did not begin")


def test_a_daily_run_that_is_under_way_is_not_missed() -> None:
    assert daily(execution(ago(minutes=2), "processing"))["a"][0] == "running"


def test_before_its_time_a_daily_run_is_not_expected() -> None:
    # 07:30 in New Zealand.
    assert daily(at=ago(hours=6, minutes=30))["b"][0] == "later"


def test_a_stale_lock_is_a_warning_and_a_held_one_is_not() -> None:
    seen = function(lock=LOCK)
    held = checked(observation(seen, locks={"f-lock": lock_document(ago(seconds=90), ago(seconds=10))}))
    assert found(held) == {}
    stale = checked(observation(seen, locks={"f-lock": lock_document(ago(hours=1), ago(hours=1), takeovers=2)}))
    assert found(stale) == {"lock.stale": Severity.WARNING, "lock.deaths": Severity.WARNING}


def test_builds_that_do_not_end_and_a_newest_one_that_failed_are_reported() -> None:
    builds = (deployment("d3", "failed", ago(hours=2)), deployment("d2", "building", ago(hours=3)))
    assert set(found(checked(observation(function(deployments=builds))))) == {"build.failed", "build.stuck"}
    young = (deployment("d2", "building", ago(minutes=59)),)
    assert found(checked(observation(function(deployments=young)))) == {}


def test_a_function_that_is_not_there_or_has_no_code_is_an_error() -> None:
    missing = replace(function(), live=None)
    assert set(found(checked(observation(missing)))) == {"function.missing"}
    assert set(found(checked(observation(replace(function(), active=""))))) == {"function.no_code"}


@pytest.mark.parametrize(
    ("status", "minutes", "code"),
    [
        ("available", 99, None),
        ("processing", 10, None),
        ("processing", 11, "attribute.stuck"),
        ("failed", 0, "attribute.stuck"),
    ],
)
def test_an_attribute_is_stuck_when_it_failed_or_takes_too_long(status: str, minutes: int, code: str | None) -> None:
    report = checked(observation(schema=(member("attribute.d/c/a", status, ago(minutes=minutes)),)))
    assert list(found(report)) == ([code] if code else [])


def test_a_state_lock_that_was_left_is_for_the_record_only() -> None:
    report = checked(observation(state_lock=StateLock("apply by me", 900, True)))
    assert (found(report), report.worst) == ({"state.locked": Severity.INFO}, None)


def test_findings_come_worst_first() -> None:
    report = checked(observation(function(execution(ago(minutes=1), "failed")), replace(function(), id="b", live=None)))
    severities = [each.severity for each in report.findings]
    assert severities == sorted(severities, key=list(Severity).index)
    assert report.worst is Severity.ERROR


def test_secrets_are_taken_out_of_what_logs_say() -> None:
    report = checked(observation(function(execution(ago(minutes=1), "failed", errors="no hunter2 here"))))
    clean = without_secrets(report, lambda text: text.replace("hunter2", "***"))
    assert "no *** here" in clean.findings[0].message


def test_changes_are_what_is_new_and_what_is_over() -> None:
    before = checked(observation(function(execution(ago(minutes=1), "failed"))))
    after = checked(observation(replace(function(), live=None)))
    seen = changes(before, after, Severity.WARNING)
    assert [each.code for each in seen.new] == ["function.missing"]
    assert [each.code for each in seen.over] == ["run.failing", "run.success"]
    assert not changes(after, after).is_any
    assert changes(None, after, Severity.ERROR).new


def test_where_the_server_says_no_time_nothing_is_found_by_its_age() -> None:
    seen = function(
        execution(ago(minutes=5)),
        execution(ago(hours=9), status="processing"),
        deployments=(deployment("d2", "building", ago(hours=9)),),
        lock=LOCK,
    )
    locks = {"f-lock": lock_document(ago(hours=9), ago(hours=9))}
    observed = observation(seen, schema=(member("attribute.d/c/a", "processing", ago(hours=9)),), locks=locks)
    assert {"lock.stale", "attribute.stuck", "build.stuck", "run.stuck"} <= set(found(checked(observed)))
    assert found(checked(replace(observed, is_dated=False))) == {}
    # What failed has failed at any time.
    broken = replace(observed, is_dated=False, schema=(member("attribute.d/c/a", "failed", ago(hours=9)),))
    assert set(found(checked(broken))) == {"attribute.stuck"}
