"""Steps look again before they act, and say what came of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import pytest

from raceday_iac.errors import (
    ForeignAnswerError,
    Interrupted,
    ProviderError,
    ServerFaultError,
    UnreachableError,
)
from raceday_iac.health.observations import Observation
from raceday_iac.health.watched import HealthConfig
from raceday_iac.kinds.schema_rules import Turn
from raceday_iac.model.resource import Live
from raceday_iac.recovery.acting import RecoveryExecutor, carry_out
from raceday_iac.recovery.planning import Done, Left, Recovery, RecoveryInput, Remedy, Step, cleaned
from raceday_iac.refresh.deployments import Classified, Role

from ..health.made import (
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
from .hands import Hand

RUN = Step(Remedy.RUN, "function.f", "", "start f", "it is missing", chain="daily")
FREE = Step(Remedy.FREE_LOCK, "lock.f", "f-lock", "free it", "it is stale")
DROP = Step(Remedy.DELETE_MEMBER, "index.d/c/i", "", "delete it", "it is stuck")
FORGET = Step(Remedy.DELETE_EXECUTION, "function.f", "late", "delete it", "it never began")
STALE = lock_document(ago(hours=1), ago(hours=1))
STUCK = member("index.d/c/i", "processing", ago(hours=1))


def act(hand: Hand, *steps: Step, seen: Observation | None = None, classified: Any = None) -> list[Done]:
    scene = RecoveryInput(
        seen or observation(function(lock=LOCK), schema=(STUCK,)), HealthConfig(), rules(), classified or {}
    )
    provider, recorder = cast(Any, hand), cast(Any, None)
    hands = RecoveryExecutor(provider, recorder, scene, ("d", "locks"), hand.sleep, hand.clock, lambda: "me")
    return list(carry_out(Recovery(steps), hands))


def ending(status: str = "completed", **more: Any) -> Any:
    return execution(NOW + timedelta(seconds=1), status, identity="new", **more)


# -- runs


def test_a_run_is_started_and_followed_to_its_end() -> None:
    hand = Hand()
    hand.started, hand.followed = iter([ending("waiting")]), iter([ending("processing"), ending(logs=summary("done"))])
    (done,) = act(hand, RUN)
    assert (done.problem, done.note) == ("", "execution new: done in 2.0 s")
    assert hand.log == ["execute f"]


def test_a_run_that_fails_keeps_its_chain_from_being_begun_and_nothing_else() -> None:
    hand = Hand()
    failed = ending("failed", errors=summary("failed", category="fatal", message="no schema"))
    hand.started = iter([failed])
    hand.members = {"index.d/c/i": STUCK}
    first, second, third = act(hand, RUN, replace(RUN, subject="function.g"), DROP)
    assert "fatal no schema" in first.problem
    assert second.problem == "not begun, because function.f failed before it"
    assert third.problem == ""
    assert hand.log == ["execute f", "delete index.d/c/i"]


@pytest.mark.parametrize(("second", "is_begun"), [(("d", "other"), False), (("d", "c"), False), (("d", "z"), True)])
def test_nothing_is_deleted_where_the_end_of_a_deletion_was_not_seen(second: tuple[str, ...], is_begun: bool) -> None:
    """The first one is a relationship, which writes the schema of two collections."""

    class Slow(Hand):
        def delete(self, address: Any, live: Live) -> None:
            self.log.append(f"delete {address}")

    hand = Slow()
    far = replace(DROP, subject="index.d/x/j", turn=Turn(frozenset({second})))
    stuck = member("relationship.d/c/r", "failed", ago(hours=1)), member("index.d/x/j", "failed", ago(hours=1))
    hand.members = {str(each.address): each for each in stuck}
    near = replace(DROP, subject="relationship.d/c/r", turn=Turn(frozenset({("d", "c"), ("d", "other")})))
    done = act(hand, near, far, seen=observation(function(lock=LOCK), schema=stuck))
    assert done[0].problem == "it is still failed; the server has not deleted it yet"
    assert hand.log == ["delete relationship.d/c/r", *(["delete index.d/x/j"] if is_begun else [])]
    refused = "not begun: the end of relationship.d/c/r was not seen, so another change could be lost"
    assert (done[1].problem == refused) != is_begun


def test_a_run_that_does_not_end_is_given_up_after_its_timeout() -> None:
    hand = Hand()
    hand.started, hand.followed = iter([ending("waiting")]), iter(ending("processing") for _ in range(10_000))
    (done,) = act(hand, RUN)
    assert done.problem == "execution new is still processing after 0:22:00"


def test_an_interrupt_while_a_run_is_followed_says_that_it_goes_on() -> None:
    class Pressed(Hand):
        def execution(self, function: str, execution: str) -> Any:
            raise Interrupted("Ctrl-C")

    hand = Pressed()
    hand.started = iter([ending("waiting")])
    with pytest.raises(Interrupted, match=r"Execution new of function\.f still runs") as caught:
        act(hand, RUN, DROP)
    assert "logs f" in caught.value.hint
    assert hand.log == ["execute f"]


def test_a_start_whose_answer_was_lost_is_not_repeated() -> None:
    class Cut(Hand):
        def execute(self, function: str, body: str, *, wait: bool) -> Any:
            self.log.append("execute")
            raise UnreachableError("No answer.")

    hand = Cut()
    (done,) = act(hand, RUN)
    assert "It may have been started" in done.problem
    assert hand.log == ["execute"]


@pytest.mark.parametrize(
    ("newest", "was_needed", "said"),
    [
        (ending(logs=summary("done")), False, "another run has done its work meanwhile"),
        (ending("processing"), True, "another run has begun meanwhile; look again when it has ended"),
    ],
)
def test_nothing_is_started_when_another_run_was_faster(newest: Any, was_needed: bool, said: str) -> None:
    hand = Hand()
    hand.newest = [newest]
    (done,) = act(hand, RUN)
    assert (done.was_needed, done.note or done.problem) == (was_needed, said)
    assert hand.log == []


# -- locks


@pytest.mark.parametrize(
    "error",
    [
        ForeignAnswerError("404 text/plain"),
        ProviderError("route", code=404, type="general_route_not_found"),
        ServerFaultError("Bad Gateway", code=502),
    ],
)
@pytest.mark.parametrize("verb", ["document", "change_document", "remove_document"])
def test_a_lock_is_not_taken_for_free_or_given_back_by_what_a_proxy_says(error: ProviderError, verb: str) -> None:
    hand = Hand()
    hand.documents = {"f-lock": STALE}

    def fails(*_where: Any, **_how: Any) -> Any:
        raise error

    setattr(hand, verb, fails)
    (done,) = act(hand, FREE)
    assert done.problem
    assert done.was_needed


def test_a_stale_lock_is_taken_over_and_given_back() -> None:
    hand = Hand()
    hand.documents = {"f-lock": STALE}
    (done,) = act(hand, FREE)
    assert (done.problem, done.was_needed) == ("", True)
    assert hand.log == ["change f-lock", "remove f-lock"]


def test_progress_that_is_in_it_is_kept_for_its_day() -> None:
    hand = Hand()
    stored = {**STALE, "fence": None, "progress": '{"n": 1}', "nzDate": "2025-07-17", "phase": "chunk 2"}
    hand.documents = {"f-lock": stored}
    act(hand, FREE)
    assert hand.log == ["change f-lock", "create f1-me", "put f-progress", "remove f1-me", "remove f-lock"]
    assert hand.documents["f-progress"]["progress"] == '{"n": 1}'


def test_the_fence_of_the_dead_run_is_removed_before_the_lock_is_given_back() -> None:
    hand = Hand()
    fence = {"owner": "dead", "generation": 1, "lock": "f-lock"}
    hand.documents = {"f-lock": {**STALE, "fence": "f1-dead"}, "f1-dead": fence, "g1-x": {**fence, "lock": "g-lock"}}
    (done,) = act(hand, FREE)
    assert done.problem == ""
    assert hand.log == ["change f-lock", "remove f1-dead", "remove f-lock"]
    assert list(hand.documents) == ["g1-x"]


@pytest.mark.parametrize("named", ["../../meetings", "g-lock", "", "f1-", "f1-dead/../g-lock", "F1-dead"])
def test_what_a_lock_names_that_is_no_fence_is_not_deleted(named: str) -> None:
    hand = Hand()
    hand.documents = {"f-lock": {**STALE, "fence": named}, named or "x": {"owner": "somebody"}}
    act(hand, FREE)
    assert hand.log == ["change f-lock", "remove f-lock"]


def test_a_lock_collection_of_the_version_before_fences_will_do() -> None:
    hand = Hand()
    hand.documents = {"f-lock": {**STALE, "progress": '{"n": 1}', "nzDate": "2025-07-17"}}
    (done,) = act(hand, FREE)
    assert done.problem == ""
    assert hand.log == ["change f-lock", "put f-progress", "remove f-lock"]
    assert "fence" not in hand.documents["f-progress"]


def test_progress_is_not_kept_once_another_run_has_taken_over() -> None:
    class Overtaken(Hand):
        def create_document(self, *where: Any, **how: Any) -> None:
            super().create_document(*where, **how)
            self.documents["f-lock"] = lock_document(NOW, NOW, owner="a run", generation=3)

    hand = Overtaken()
    hand.documents = {"f-lock": {**STALE, "fence": None, "progress": '{"n": 1}', "nzDate": "2025-07-17"}}
    (done,) = act(hand, FREE)
    assert "f-progress" not in hand.documents
    assert hand.documents["f-lock"]["owner"] == "a run"
    assert "is not confirmed" in done.problem


def test_after_a_pause_nothing_more_is_written_than_giving_it_back() -> None:
    class Paused(Hand):
        def change_document(self, *where: Any, **how: Any) -> Any:
            changed = super().change_document(*where, **how)
            self.elapsed += LOCK.stale_after
            return changed

    hand = Paused()
    hand.documents = {"f-lock": {**STALE, "progress": '{"n": 1}', "nzDate": "2025-07-17"}}
    act(hand, FREE)
    assert hand.log == ["change f-lock", "remove f-lock"]


def test_a_lock_whose_owner_gave_a_sign_of_life_meanwhile_is_not_touched() -> None:
    hand = Hand()
    hand.documents = {"f-lock": lock_document(ago(seconds=90), ago(seconds=1))}
    (done,) = act(hand, FREE)
    assert (done.was_needed, done.note) == (False, "its owner is alive: it has renewed the lock")
    assert hand.log == []


def test_a_lock_that_is_free_by_now_is_not_created() -> None:
    hand = Hand()
    (done,) = act(hand, FREE)
    assert (done.was_needed, done.note) == (False, "it is free now")
    assert hand.log == []


def test_a_lock_that_a_run_takes_over_at_the_same_instant_is_the_runs() -> None:
    class Race(Hand):
        def change_document(self, *where: Any, **how: Any) -> Any:
            self.documents["f-lock"] = lock_document(NOW, NOW, owner="a run", generation=2)
            return super().change_document(*where, **how)

    hand = Race()
    hand.documents = {"f-lock": STALE}
    (done,) = act(hand, FREE)
    assert (done.was_needed, done.note) == (False, "its owner is alive: it has renewed the lock")
    assert hand.documents["f-lock"]["owner"] == "a run"


# -- schema, executions, deployments


def test_what_is_stuck_is_deleted() -> None:
    hand = Hand()
    hand.members = {"index.d/c/i": STUCK}
    (done,) = act(hand, DROP)
    assert (done.problem, hand.log) == ("", ["delete index.d/c/i"])


@pytest.mark.parametrize(
    ("live", "note"),
    [
        (None, "it was already gone"),
        (replace(STUCK, status="available"), "it changed meanwhile and is now available: left alone"),
        (member("index.d/c/i", "processing", NOW), "it changed meanwhile and is now processing: left alone"),
    ],
)
def test_what_moved_meanwhile_is_not_deleted(live: Any, note: str) -> None:
    hand = Hand()
    hand.members = {"index.d/c/i": live} if live else {}
    (done,) = act(hand, DROP)
    assert (done.was_needed, done.note, hand.log) == (False, note, [])


def test_a_deletion_that_the_server_does_not_carry_out_is_reported() -> None:
    class Behind(Hand):
        def delete(self, address: Any, live: Any) -> None:
            self.members[str(address)] = replace(live, status="deleting")

    hand = Behind()
    hand.members = {"index.d/c/i": STUCK}
    (done,) = act(hand, DROP)
    assert done.problem == "it is still deleting; the server has not deleted it yet"


@pytest.mark.parametrize(("status", "log"), [("scheduled", ["delete execution late"]), ("processing", [])])
def test_a_scheduled_execution_is_deleted_only_while_it_is_that(status: str, log: list[str]) -> None:
    hand = Hand()
    hand.followed = iter([execution(ago(hours=1), status)])
    act(hand, FORGET)
    assert hand.log == log


@pytest.mark.parametrize(
    ("status", "note"), [("ready", "it changed meanwhile and is now ready: left alone"), ("", "it was already gone")]
)
def test_a_build_that_ended_meanwhile_is_not_deleted(status: str, note: str) -> None:
    hand = Hand()
    hand.deployments = {"d2": deployment("d2", status, NOW)} if status else {}
    classified = {"f": [Classified(deployment("d2", "building", ago(hours=2)), Role.ORPHAN)]}
    step = Step(Remedy.DELETE_DEPLOYMENT, "deployment.f", "d2", "delete it", "it is stuck")
    (done,) = act(hand, step, classified=classified)
    assert (done.was_needed, done.note) == (False, note)


def test_what_logs_say_is_cleaned_before_it_is_reported_or_written_down() -> None:
    recovery = Recovery((replace(RUN, why="it said hunter2"),), (Left("f", "hunter2", "hunter2"),))
    clean = cleaned(recovery, lambda text: text.replace("hunter2", "***"))
    assert "hunter2" not in repr(clean)
    assert clean.steps[0].key == RUN.key
