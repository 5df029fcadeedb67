"""What is done about what was seen, and what is left alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from raceday_iac.health.data import Daily, Stand
from raceday_iac.health.watched import read_watched
from raceday_iac.model.address import Address
from raceday_iac.recovery.planning import Recovery, RecoveryInput, daily_steps, plan_recovery
from raceday_iac.refresh.deployments import Classified, Role

from ..health.made import (
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
    summary,
)

DAILY = "daily: [a, b, c]\n"


def plan(seen: Any, file: str = "", classified: Any = None, owned: tuple[str, ...] = ()) -> Recovery:
    watched = read_watched(file, "h", DECLARED)
    return plan_recovery(
        RecoveryInput(seen, watched, rules(), classified or {}, {Address.parse(each) for each in owned})
    )


def steps(recovery: Recovery) -> list[str]:
    return [each.key for each in recovery.steps]


def reasons(recovery: Recovery) -> str:
    return "\n".join(f"{each.subject}: {each.why}" for each in recovery.left)


def test_where_nothing_is_stuck_there_is_nothing_to_do() -> None:
    assert plan(observation(function(execution(ago(minutes=1))))) == Recovery()


# -- deployments


def deployments(*classified: Classified) -> Recovery:
    seen = function(deployments=tuple(each.deployment for each in classified))
    return plan(observation(seen), classified={"f": classified})


@pytest.mark.parametrize("status", ["waiting", "processing", "building", "ready"])
def test_what_a_run_of_ours_left_is_deleted(status: str) -> None:
    left = Classified(deployment("d2", status, ago(hours=2)), Role.ORPHAN, "abandoned")
    assert steps(deployments(left)) == ["delete-deployment:deployment.f:d2"]


def test_failed_builds_keep_their_log() -> None:
    assert deployments(Classified(deployment("d2", "failed", ago(hours=2)), Role.ORPHAN)) == Recovery()


@pytest.mark.parametrize(
    ("role", "reason"), [(Role.FOREIGN, "nothing shows that raceday-iac made it"), (Role.ACTIVE, "it is active")]
)
def test_a_stuck_build_that_is_not_ours_or_is_active_is_left(role: Role, reason: str) -> None:
    recovery = deployments(Classified(deployment("d2", "building", ago(hours=2)), role))
    assert steps(recovery) == []
    assert reason in reasons(recovery)


@pytest.mark.parametrize("role", [Role.UNFINISHED, Role.PREVIOUS])
def test_what_goes_on_or_can_be_gone_back_to_is_not_even_mentioned(role: Role) -> None:
    assert deployments(Classified(deployment("d2", "building", ago(minutes=2)), role)) == Recovery()


# -- schema


@pytest.mark.parametrize(
    ("address", "status", "is_deleted"),
    [
        ("attribute.d/c/a", "failed", True),
        ("attribute.d/c/a", "processing", True),
        ("attribute.d/c/a", "stuck", False),
        ("attribute.d/c/a", "deleting", False),
        ("relationship.d/c/a", "processing", True),
        ("index.d/c/i", "stuck", True),
        ("index.d/c/i", "deleting", False),
    ],
)
def test_only_what_holds_no_data_is_deleted(address: str, status: str, is_deleted: bool) -> None:
    recovery = plan(observation(schema=(member(address, status, ago(hours=1)),)), owned=(address,))
    assert steps(recovery) == ([f"delete-from-schema:{address}"] if is_deleted else [])
    assert bool(recovery.left) is not is_deleted


def test_what_nobody_declares_is_not_touched() -> None:
    recovery = plan(observation(schema=(member("index.d/c/i", "failed", ago(hours=1)),)))
    assert steps(recovery) == []
    assert "its owner is unknown" in reasons(recovery)


# -- locks


def locked(**more: Any) -> Recovery:
    taken = more.pop("taken", ago(seconds=60))
    return plan(observation(function(lock=LOCK), locks={"f-lock": lock_document(taken, taken, **more)}))


@pytest.mark.parametrize(("place", "is_deleted"), [("attribute.d/c/new", False), ("attribute.d/other/new", True)])
@pytest.mark.parametrize("status", ["processing", "deleting"])
def test_nothing_is_deleted_beside_what_the_server_is_at(status: str, place: str, is_deleted: bool) -> None:
    stuck, fresh = member("index.d/c/i", "failed", ago(hours=1)), member(place, status, ago(seconds=5))
    recovery = plan(observation(schema=(stuck, fresh)), owned=("index.d/c/i",))
    assert steps(recovery) == (["delete-from-schema:index.d/c/i"] if is_deleted else [])
    assert [each.why.startswith(f"the server is at work on {place}") for each in recovery.left] == [True] * (
        not is_deleted
    )


def test_a_stale_lock_is_freed_and_its_proof_reported() -> None:
    recovery = locked(taken=ago(hours=1), progress='{"a": 1}')
    assert steps(recovery) == ["free-lock:lock.f:f-lock"]
    assert "not renewed it for 60 min (stale after 2 min)" in recovery.steps[0].why
    assert "keep the progress" in recovery.steps[0].what


def test_a_lock_whose_owner_lives_is_left_however_many_died_before_it() -> None:
    assert locked() == Recovery()
    recovery = locked(takeovers=3)
    assert steps(recovery) == []
    assert "its owner is alive" in reasons(recovery)


# -- executions


LOST = execution(ago(hours=1), "processing", identity="lost")
RESTART = "functions: {f: {restart: true}}\n"


def test_a_scheduled_execution_whose_time_has_passed_is_deleted() -> None:
    late = execution(ago(hours=2), "scheduled", identity="late", scheduled=ago(hours=1))
    assert steps(plan(observation(function(late)))) == ["delete-execution:function.f:late"]


def test_a_lost_execution_is_left_since_appwrite_cannot_end_it() -> None:
    recovery = plan(observation(function(LOST)))
    assert steps(recovery) == []
    assert "no endpoint that ends it" in reasons(recovery)
    assert "restart: true" in reasons(recovery)


def test_a_function_that_may_be_restarted_is_started_once_however_many_were_lost() -> None:
    other = execution(ago(hours=2), "waiting", identity="other")
    recovery = plan(observation(function(LOST, other)), RESTART)
    assert steps(recovery) == ["run:function.f"]
    assert len(recovery.left) == 2


@pytest.mark.parametrize(
    ("later", "reason"),
    [
        (execution(ago(minutes=5)), "a later run has done the work"),
        (execution(ago(minutes=5), "processing"), "another run is under way"),
    ],
)
def test_nothing_is_restarted_that_has_run_since_or_runs(later: Any, reason: str) -> None:
    recovery = plan(observation(function(LOST, later)), RESTART)
    assert steps(recovery) == []
    assert reason in reasons(recovery)


def test_nothing_is_restarted_without_code_or_while_its_lock_lives() -> None:
    bare = plan(observation(replace(function(LOST), active="")), RESTART)
    assert "no active deployment" in reasons(bare)
    held = lock_document(ago(seconds=60), ago(seconds=5))
    locked_one = plan(observation(function(LOST, lock=LOCK), locks={"f-lock": held}), RESTART)
    assert steps(locked_one) == []
    assert "held by a run that is alive" in reasons(locked_one)


# -- the day


def day(a: Any = (), b: Any = (), c: Any = (), **more: Any) -> Recovery:
    """Due at 07:00, 08:00 and 09:00 in New Zealand; it is 14:00."""
    crons = {"a": "0 19 * * *", "b": "0 20 * * *", "c": "0 21 * * *"}
    runs = {"a": a, "b": b, "c": c}
    functions = [function(*runs[name], identity=name, schedule=cron) for name, cron in crons.items()]
    return plan(replace(observation(*functions), **more), DAILY)


def done(hours: float) -> tuple[Any, ...]:
    return (execution(ago(hours=hours), logs=summary("done")),)


def test_a_day_that_was_done_is_not_done_again() -> None:
    assert steps(day(done(7), done(6), done(5))) == []


def test_from_the_first_that_was_missed_on_all_are_run_in_their_order() -> None:
    recovery = day((), done(6), ())
    assert steps(recovery) == ["run:function.a", "run:function.b", "run:function.c"]
    assert {each.chain for each in recovery.steps} == {"daily"}
    assert "before its input was there" in recovery.steps[1].why


def test_what_came_before_the_first_missed_one_is_not_run() -> None:
    assert steps(day(done(7), (), done(5))) == ["run:function.b", "run:function.c"]


def test_what_is_not_due_yet_is_left_to_its_schedule() -> None:
    # 08:30 in New Zealand: the third one comes at nine.
    assert steps(day(now=ago(hours=5, minutes=30))) == ["run:function.a", "run:function.b"]


def test_nothing_is_run_while_one_of_them_is_under_way() -> None:
    recovery = day((execution(ago(minutes=1), "processing"),), ())
    assert steps(recovery) == []
    assert "a is under way" in reasons(recovery)


def test_nothing_is_run_in_the_quiet_window() -> None:
    seen = observation(function(identity="a", schedule="0 19 * * *"))
    missed = Daily("a", Stand.MISSED, ago(hours=7), why="it did not begin")
    recovery = daily_steps([missed], seen, (), is_quiet=True)
    assert steps(recovery) == []
    assert "quiet hours" in reasons(recovery)
    assert steps(daily_steps([missed], seen, (), is_quiet=False)) == ["run:function.a"]


def test_a_day_that_is_over_is_not_made_up_for() -> None:
    # 01:30 of the next day.
    assert day(now=NOW + timedelta(hours=11, minutes=30)) == Recovery()


def test_nothing_is_run_without_code() -> None:
    seen = observation(*(replace(function(identity=name, schedule="0 19 * * *"), active="") for name in "abc"))
    recovery = plan(seen, DAILY)
    assert steps(recovery) == []
    assert "no active deployment" in reasons(recovery)


# -- a server that does not send its time


def test_where_the_server_says_no_time_nothing_is_stuck_by_its_age() -> None:
    lost = execution(ago(hours=9), status="processing")
    seen = function(lost, lock=LOCK, deployments=(deployment("d2", "building", ago(hours=9)),))
    schema = (member("index.d/c/i", "processing", ago(hours=9)),)
    observed = observation(seen, schema=schema, locks={"f-lock": lock_document(ago(hours=9), ago(hours=9))})
    built = Classified(deployment("d3", "ready", ago(hours=9)), Role.ORPHAN, "built, but never put into use")
    classified, owned = {"f": (built,)}, ("index.d/c/i",)
    assert len(steps(plan(observed, classified=classified, owned=owned))) > 1
    recovery = plan(replace(observed, is_dated=False), classified=classified, owned=owned)
    # Nobody needs a clock to see that this one was never taken into use.
    assert steps(recovery) == ["delete-deployment:deployment.f:d3"]
    assert "does not send its time" in reasons(recovery)
