"""One run under the lock: its day, its time, its progress, and how it ends whatever happens."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from _shared.appwrite_http import AppwriteError, path_of
from _shared.documents import Write
from _shared.errors import BadRequest, Fatal, Retryable, Stop
from _shared.lock import LockLost
from _shared.running import CLOSING, RESERVE, Counts, Run

from raceday_iac.cron import parse
from raceday_iac.devserver.faults import RequestFault
from raceday_iac.loading.stack_file import load_stack

from .poller_standin import LOCKS, live_until
from .raceday import ROOT, Raceday
from .runs import SETTINGS, begin

LOCK = f"{LOCKS}/tester-lock"


def lock_document(raceday: Raceday) -> dict[str, Any]:
    return raceday.document("locks", "tester-lock") or {}


# The day, and when a run has to end.


@pytest.mark.parametrize(
    ("instant", "day"),
    [
        ((2025, 7, 17, 11, 59), "2025-07-17"),  # 23:59
        ((2025, 7, 17, 12, 0), "2025-07-17"),  # midnight
        ((2025, 7, 17, 12, 59), "2025-07-17"),  # 00:59
        ((2025, 7, 17, 18, 0), "2025-07-18"),  # 06:00
        ((2025, 12, 31, 11, 59), "2025-12-31"),  # 00:59, in summer time
    ],
)
def test_a_run_works_on_the_card_of_its_racing_day(raceday: Raceday, instant: tuple[int, ...], day: str) -> None:
    live_until(raceday, *instant)

    frame = begin(raceday)
    frame.run.phase("any", save=True)

    assert frame.run.day.isoformat() == day
    assert lock_document(raceday)["nzDate"] == day


QUIET = [
    ((2025, 7, 17, 13, 0), (2025, 7, 17, 18, 0)),  # standard time
    ((2025, 12, 24, 12, 0), (2025, 12, 24, 17, 0)),  # summer time
    ((2025, 9, 27, 13, 0), (2025, 9, 27, 17, 0)),  # the clocks go forward inside the window
    ((2026, 4, 4, 12, 0), (2026, 4, 4, 18, 0)),  # the clocks go back inside the window
]


@pytest.mark.parametrize(("begins", "ends"), QUIET)
def test_in_the_quiet_window_nothing_new_is_begun(
    raceday: Raceday, begins: tuple[int, ...], ends: tuple[int, ...]
) -> None:
    _live_until_just_before(raceday, begins)
    run = begin(raceday).run
    reasons = [run.reason_to_stop()]
    raceday.time.sleep(0.001)
    reasons.append(run.reason_to_stop())
    _live_until_just_before(raceday, ends)
    reasons.append(run.reason_to_stop())
    raceday.time.sleep(0.001)

    assert reasons == [None, "quiet window", "quiet window"]
    assert begin(raceday).run.reason_to_stop() is None


def _live_until_just_before(raceday: Raceday, instant: tuple[int, ...]) -> None:
    wanted = datetime(*instant, tzinfo=UTC) - timedelta(milliseconds=1)  # type: ignore[arg-type,misc]
    raceday.time.sleep((wanted - raceday.time.now()).total_seconds())


@pytest.mark.parametrize("begins", [begins for begins, _ in QUIET])
def test_a_run_that_began_before_the_quiet_window_ends_when_it_begins(
    raceday: Raceday, begins: tuple[int, ...]
) -> None:
    live_until(raceday, *begins[:3], begins[3] - 1, 59, 0)
    frame = begin(raceday)

    outcome = frame.perform(_until_stopped)

    assert (outcome.body["outcome"], outcome.body["reason"]) == ("stopped", "quiet window")
    assert raceday.time.now() == datetime(*begins, tzinfo=UTC)
    assert raceday.document("locks", "tester-lock") is None


def _until_stopped(run: Run) -> None:
    while True:
        run.going_on()
        run.sleep(7)


def test_a_run_never_goes_over_into_the_next_day(raceday: Raceday) -> None:
    """As when the machine was suspended in the night; its lock is lost then, too."""
    live_until(raceday, 2025, 7, 17, 12, 30)
    run = begin(raceday).run
    live_until(raceday, 2025, 7, 17, 18, 30)

    assert run.reason_to_stop() == "the racing day is over"
    with pytest.raises(LockLost):
        run.going_on()


def test_new_work_ends_a_reserve_before_the_lease(raceday: Raceday) -> None:
    began = raceday.time.now()

    outcome = begin(raceday).perform(_until_stopped)

    assert outcome.body["reason"] == "the time of this run is used up"
    assert raceday.time.now() - began == timedelta(seconds=275 - RESERVE)


@pytest.mark.parametrize(("seconds", "stops"), [(264.9, False), (265.0, True)])
def test_the_time_of_a_run_is_used_up_at_the_reserve(raceday: Raceday, seconds: float, stops: bool) -> None:
    run = begin(raceday).run
    raceday.time.sleep(seconds)

    assert (run.reason_to_stop() is not None) is stops
    assert (run.remaining() == 0) is stops


def test_sleeping_ends_with_the_time_of_the_run(raceday: Raceday) -> None:
    began = raceday.time.now()
    run = begin(raceday).run

    run.sleep(1000)

    assert raceday.time.now() - began == timedelta(seconds=265)


@pytest.mark.parametrize("day", ["2025-07-17", "2025-12-24", "2025-09-27", "2025-09-28", "2026-04-04", "2026-04-05"])
def test_no_scheduled_run_with_a_day_job_meets_the_quiet_window(day: str) -> None:
    """Every cron of the stack, in both offsets and on the days when the clocks change; the scheduler runs always."""
    from _shared import nz_time

    stack = load_stack(ROOT / "stacks" / "raceday.py")
    crons = {
        each.arguments["id"]: (each.arguments["schedule"], each.arguments["lock"].expiry)
        for each in stack.declarations
        if each.kind == "function" and each.arguments.get("schedule")
    }
    begin_of_day = datetime.fromisoformat(f"{day}T00:00:00+00:00")

    met = []
    for function, (cron, expiry) in crons.items():
        for instant in parse(cron).runs_between(begin_of_day, begin_of_day + timedelta(days=1)):
            if nz_time.seconds_until_quiet(instant) < expiry:
                met.append((function, instant))

    assert {function for function, _ in met} == {"master-race-scheduler"}
    assert set(crons) > {"daily-meetings", "daily-races", "daily-initial-data", "meeting-status-poller"}


# Midnight.

MIDNIGHTS = [
    ((2025, 7, 17, 12), "2025-07-17"),  # standard time
    ((2025, 12, 31, 11), "2025-12-31"),  # summer time, and another year
    ((2025, 9, 27, 12), "2025-09-27"),  # the clocks go forward in this night
    ((2025, 9, 28, 11), "2025-09-28"),  # they went forward this morning
    ((2026, 4, 4, 11), "2026-04-04"),  # they go back in this night
    ((2026, 4, 5, 12), "2026-04-05"),  # they went back this morning
]


@pytest.mark.parametrize(("midnight", "day"), MIDNIGHTS)
def test_a_run_that_lives_through_midnight_says_so_once_and_keeps_its_card(
    raceday: Raceday, midnight: tuple[int, ...], day: str
) -> None:
    _live_until_just_before(raceday, midnight)
    frame = begin(raceday)

    def work(run: Run) -> None:
        run.phase("polling")
        before = run.counts["midnight.crossed"]
        raceday.time.sleep(0.001)
        run.going_on()
        run.going_on()
        assert (before, run.counts["midnight.crossed"]) == (0, 1)

    outcome = frame.perform(work)

    (event,) = frame.reported.events("midnight.crossed")
    tomorrow = (datetime.fromisoformat(day) + timedelta(days=1)).date().isoformat()
    assert (event["at"], event["before"], event["after"], event["phase"]) == ("run", day, tomorrow, "polling")
    assert (event["day"], outcome.body["day"]) == (day, day)
    assert (outcome.body["outcome"], outcome.body["counts"]) == ("done", {"midnight.crossed": 1})


def test_the_date_is_in_the_lock_from_the_first_request_on(raceday: Raceday) -> None:
    raceday.forget_requests()

    begin(raceday)

    assert lock_document(raceday)["nzDate"] == "2025-07-17"
    assert sum(raceday.requests().values()) == 2  # the second is the look at it


def test_a_day_that_ends_between_the_lock_and_the_work_is_noticed_before_anything_is_done(raceday: Raceday) -> None:
    """Also what happens when the rules of the zone change."""
    frame = begin(raceday)
    frame.held.lease.nz_date, frame.held.lease.inherited = "2025-07-16", '{"chunk":3}'

    run = Run("", frame.run.settings, frame.run.call, frame.run.log, frame.held, frame.run.runtime)

    assert (run.day.isoformat(), lock_document(raceday)["nzDate"]) == ("2025-07-17", "2025-07-17")
    assert run.earlier_progress() == {}
    (event,) = frame.reported.events("midnight.crossed")
    assert (event["at"], event["before"], event["after"]) == ("begin", "2025-07-16", "2025-07-17")


def test_a_takeover_within_the_day_crosses_nothing(raceday: Raceday) -> None:
    begin(raceday)
    raceday.time.sleep(61)

    frame = begin(raceday)

    assert frame.held.lease.takeovers == 1
    assert frame.reported.events("midnight.crossed") == []


# The lock.


def test_a_run_that_lost_its_lock_writes_no_more(raceday: Raceday) -> None:
    frame = begin(raceday)
    raceday.client.patch(LOCK, {"data": {"owner": "other", "generation": 2}})
    frame.held.beat()

    with pytest.raises(LockLost):
        frame.run.going_on()
    with pytest.raises(LockLost):
        frame.run.client.put(f"{LOCKS}/x", {"data": {"owner": "x", "generation": 1}})
    assert frame.run.client.find(f"{LOCKS}/x") is None


def test_a_run_that_lost_its_lock_answers_so_and_leaves_the_lock_alone(raceday: Raceday) -> None:
    def work(run: Run) -> None:
        raceday.client.patch(LOCK, {"data": {"owner": "other", "generation": 2}})
        run.phase("any", save=True)
        run.going_on()

    frame = begin(raceday)

    outcome = frame.perform(work)

    assert (outcome.status, outcome.body["outcome"]) == (500, "lock_lost")
    assert lock_document(raceday)["owner"] == "other"


def test_the_time_of_the_server_is_known_when_the_own_clock_is_wrong(raceday: Raceday) -> None:
    run = begin(raceday, now=lambda: raceday.time.seconds() + 3600, clock=lambda: raceday.time.seconds() - 5e8).run
    raceday.time.sleep(17.5)

    assert run.server_now() == raceday.time.now()
    assert run.now() == raceday.time.now() + timedelta(hours=1)


# Started too often, or died too often.


def note_refused(raceday: Raceday, number: int, over_seconds: float) -> None:
    data = {"owner": "x", "generation": 0}
    raceday.put("locks", "tester-seen", **data, attempts=1)
    raceday.time.sleep(over_seconds)
    raceday.put("locks", "tester-seen", **data, attempts=number)


@pytest.mark.parametrize(
    ("number", "span", "seconds"), [(0, 0, 0), (2, 1, 0), (3, 60, 15), (3, 61, 0), (5, 10, 60), (40, 10, 900)]
)
def test_starts_in_quick_succession_make_a_backoff(raceday: Raceday, number: int, span: float, seconds: float) -> None:
    if number:
        note_refused(raceday, number, span)
    frame = begin(raceday)

    assert frame.run.note_crowding() == seconds

    until = lock_document(raceday)["backoffUntil"]
    if seconds:
        assert datetime.fromisoformat(until) == raceday.time.now() + timedelta(seconds=seconds)
        assert frame.reported.events("run.crowded")[0]["refusedStarts"] == number
    else:
        assert until is None
    assert raceday.document("locks", "tester-seen") is None


@pytest.mark.parametrize(("takeovers", "seconds"), [(1, 0), (2, 280 + 60), (3, 280 + 120), (4, 280 + 240)])
def test_deaths_in_quick_succession_make_a_backoff_beyond_the_lock(
    raceday: Raceday, takeovers: int, seconds: float
) -> None:
    raceday.put("locks", "tester-lock", owner="dead", generation=takeovers, takeovers=takeovers - 1)
    raceday.time.sleep(300)
    frame = begin(raceday)

    assert frame.run.note_crowding() == seconds
    assert (lock_document(raceday)["backoffUntil"] is not None) is (seconds > 0)


@pytest.mark.parametrize("error", [None, Fatal("no list"), Stop("enough"), ValueError("x")], ids=str)
@pytest.mark.parametrize("writes", [True, False])
def test_after_a_run_the_refused_starts_are_counted_again(
    raceday: Raceday, error: Exception | None, writes: bool
) -> None:
    note_refused(raceday, 5, 10)
    frame = begin(raceday)

    def work(run: Run) -> None:
        if writes:
            run.documents.write([Write("meetings", "m", {"trackCondition": "Soft5"}, "update")])
        if error is not None:
            raise error

    frame.perform(work)

    assert raceday.document("locks", "tester-seen") is None
    assert [each["refusedStarts"] for each in frame.reported.events("run.crowded")] == [5]


def test_a_run_that_looks_for_refused_starts_by_itself_asks_for_nothing_at_its_end(raceday: Raceday) -> None:
    note_refused(raceday, 5, 10)

    def work(run: Run) -> None:
        run.looks_for_crowds = True

    frame = begin(raceday)
    frame.perform(work)

    assert frame.run.client.requests == 0
    assert (raceday.document("locks", "tester-seen") or {})["attempts"] == 5


def test_a_run_that_lost_its_lock_leaves_the_refused_starts_to_the_owner(raceday: Raceday) -> None:
    note_refused(raceday, 5, 10)

    def work(run: Run) -> None:
        raceday.client.patch(LOCK, {"data": {"owner": "other", "generation": 2}})
        run.phase("any", save=True)
        run.going_on()

    assert begin(raceday).perform(work).body["outcome"] == "lock_lost"
    assert (raceday.document("locks", "tester-seen") or {})["attempts"] == 5


def test_refused_starts_that_cannot_be_counted_again_do_not_spoil_the_run(raceday: Raceday) -> None:
    note_refused(raceday, 5, 10)
    raceday.server.server.faults.add(RequestFault(path="*/transactions*", times=99, status=401, type="x"))
    frame = begin(raceday)

    assert frame.perform(lambda _: None).body["outcome"] == "done"
    assert len(frame.reported.events("run.summary")) == 1


@pytest.mark.parametrize("function", ["daily-meetings", "daily-races", "daily-initial-data", "meeting-status-poller"])
def test_no_function_leaves_an_old_count_of_refused_starts_behind(raceday: Raceday, function: str) -> None:
    raceday.put("locks", f"{function}-seen", owner="x", generation=0, attempts=1)

    raceday.call(function)

    assert raceday.document("locks", f"{function}-seen") is None


def test_a_death_alone_asks_for_nothing(raceday: Raceday) -> None:
    raceday.put("locks", "tester-lock", owner="dead", generation=1, takeovers=0)
    raceday.time.sleep(300)
    frame = begin(raceday)
    requests = frame.held.requests

    assert (frame.run.note_deaths(), frame.held.requests) == (0, requests)


def test_a_backoff_is_asked_for_once(raceday: Raceday) -> None:
    raceday.put("locks", "tester-lock", owner="dead", generation=2, takeovers=1)
    raceday.time.sleep(300)
    frame = begin(raceday)

    assert frame.run.note_deaths() == frame.run.note_crowding() == 340
    assert len(frame.reported.events("run.crowded")) == 1


# Waiting for a server that asks for patience.


@pytest.mark.parametrize(("wish", "waits"), [(30, 8), (1, None)])
def test_no_request_waits_past_the_end_of_the_lease(raceday: Raceday, wish: int, waits: int | None) -> None:
    path = "*/collections/races/documents*"
    fault = RequestFault("GET", path, times=999, status=503, retry_after=wish)
    frame = begin(raceday)

    def work(run: Run) -> None:
        raceday.server.server.faults.add(fault)
        while run.held.remaining() > CLOSING + wish:
            try:
                run.client.get(path_of("databases", "raceday-db", "collections", "races", "documents"))
            except AppwriteError as error:
                trouble = error
        raise trouble

    began = raceday.time.now()
    outcome = frame.perform(work)

    assert (outcome.status, outcome.body["category"]) == (500, "retryable")
    assert raceday.time.now() - began <= timedelta(seconds=275 - CLOSING)
    assert raceday.document("locks", "tester-lock") is None


def test_a_wish_that_is_longer_than_what_is_left_is_not_waited_for(raceday: Raceday) -> None:
    frame = begin(raceday)
    raceday.time.sleep(275 - CLOSING - 20)
    fault = RequestFault("GET", "*/races/documents*", times=9, status=503, retry_after=20)
    raceday.server.server.faults.add(fault)
    before = raceday.time.now()

    with pytest.raises(AppwriteError):
        frame.run.client.get(path_of("databases", "raceday-db", "collections", "races", "documents"))

    assert (raceday.time.now(), fault.times) == (before, 8)


# Progress.


def test_progress_is_kept_for_the_next_run_of_the_day(raceday: Raceday) -> None:
    first = begin(raceday)
    first.perform(_stops_after({"chunk": 3}))

    second = begin(raceday)

    assert second.run.earlier_progress() == {"chunk": 3}


def _stops_after(progress: dict[str, Any]) -> Any:
    def work(run: Run) -> None:
        run.earlier_progress()
        run.phase("chunks", progress)
        raise Stop("on purpose")

    return work


def test_progress_of_another_day_is_not_gone_on_with(raceday: Raceday) -> None:
    begin(raceday).perform(_stops_after({"chunk": 3}))
    raceday.time.sleep(86_400)

    assert begin(raceday).run.earlier_progress() == {}


def test_progress_of_a_killed_run_is_inherited_with_its_lock(raceday: Raceday) -> None:
    killed = begin(raceday)
    killed.run.phase("chunks", {"chunk": 5}, save=True)
    raceday.time.sleep(61)

    assert begin(raceday).run.earlier_progress()["chunk"] == 5


def test_progress_of_a_run_that_was_killed_on_another_day_is_not_gone_on_with(raceday: Raceday) -> None:
    """The card of 17 July, in both: the next day begins an hour after midnight."""
    live_until(raceday, 2025, 7, 17, 12, 59)
    killed = begin(raceday)
    killed.run.phase("chunks", {"chunk": 5}, save=True)
    raceday.time.sleep(61)

    frame = begin(raceday)

    assert (killed.run.day.isoformat(), frame.run.day.isoformat()) == ("2025-07-17", "2025-07-18")
    assert frame.run.earlier_progress() == {}
    assert (lock_document(raceday)["nzDate"], lock_document(raceday)["progress"]) == ("2025-07-18", "{}")
    (event,) = frame.reported.events("midnight.crossed")
    assert (event["at"], event["before"], event["after"]) == ("takeover", "2025-07-17", "2025-07-18")
    assert frame.run.counts["midnight.crossed"] == 1


def test_a_run_whose_work_does_not_resume_leaves_no_progress(raceday: Raceday) -> None:
    def work(run: Run) -> None:
        run.phase("half", {"done": 1})
        raise Stop("on purpose")

    begin(raceday).perform(work)

    assert raceday.document("locks", "tester-progress") is None


def test_without_an_earlier_run_there_is_no_progress(raceday: Raceday) -> None:
    assert begin(raceday).run.earlier_progress() == {}


def test_a_run_without_progress_leaves_none(raceday: Raceday) -> None:
    begin(raceday).perform(_stops_after({}))

    assert raceday.document("locks", "tester-progress") is None


def test_progress_that_cannot_be_kept_does_not_spoil_the_run(raceday: Raceday) -> None:
    raceday.server.server.faults.add(RequestFault(method="PATCH", path="*/transactions/*", times=99, status=503))
    frame = begin(raceday)

    outcome = frame.perform(_stops_after({"chunk": 3}))

    assert (outcome.status, outcome.body["outcome"]) == (200, "stopped")
    assert len(frame.reported.events("progress.not_saved")) == 1


def test_a_run_that_fails_after_it_lost_its_lock_answers_and_keeps_no_progress(raceday: Raceday) -> None:
    def work(run: Run) -> None:
        run.earlier_progress()
        run.phase("half", {"done": 1})
        raceday.client.patch(LOCK, {"data": {"owner": "other", "generation": 2}})
        raise Fatal("no list")

    frame = begin(raceday)

    outcome = frame.perform(work)

    assert (outcome.status, outcome.body["outcome"]) == (500, "failed")
    assert len(frame.reported.events("run.summary")) == 1
    assert len(frame.reported.events("progress.not_saved")) == 1
    assert raceday.document("locks", "tester-progress") is None


def test_a_run_that_crashes_leaves_what_it_had_at_hand_to_the_next(raceday: Raceday) -> None:
    def work(run: Run) -> None:
        run.earlier_progress()
        run.phase("chunks", {"races": ["r1"]})
        raise RuntimeError("a defect")

    assert begin(raceday).perform(work).body["outcome"] == "crashed"

    assert begin(raceday).run.earlier_progress() == {"races": ["r1"]}


@pytest.mark.parametrize("status", [401, 404, 400, 503])
def test_progress_that_finds_no_lock_store_does_not_spoil_the_answer(raceday: Raceday, status: int) -> None:
    """Whatever became of the lock and its store, the run says how it went."""
    kind = "collection_not_found" if status == 404 else "general_unauthorized_scope" if status == 401 else "general_x"
    frame = begin(raceday)
    raceday.server.server.faults.add(RequestFault("*", "*/collections/locks/*", times=99, status=status, type=kind))

    outcome = frame.perform(_raises(Fatal("no list")))

    assert (outcome.status, outcome.body["outcome"], outcome.body["message"]) == (500, "failed", "no list")
    assert len(frame.reported.events("run.summary")) == 1
    assert len(frame.reported.events("progress.not_saved")) == 1


# How a run ends.


def _raises(error: Exception) -> Any:
    def work(run: Run) -> None:
        run.earlier_progress()
        run.phase("half", {"done": 1})
        run.counts.add("written", 2)
        raise error

    return work


ENDS = [
    (Stop("enough", left=3), 200, {"outcome": "stopped", "reason": "enough", "left": 3}),
    (BadRequest("no race"), 400, {"outcome": "refused", "message": "no race"}),
    (BadRequest("unknown", 404), 404, {"outcome": "refused", "message": "unknown"}),
    (LockLost("taken over"), 500, {"outcome": "lock_lost", "message": "taken over"}),
    (Fatal("no list"), 500, {"outcome": "failed", "category": "fatal", "message": "no list"}),
    (AppwriteError("GET /x", 503, "down", "y"), 500, {"outcome": "failed", "category": "retryable"}),
    (AppwriteError("GET /x", 401, "scope", "y"), 500, {"outcome": "failed", "category": "fatal"}),
    (Retryable("NZ TAB is away"), 500, {"outcome": "failed", "category": "retryable"}),
    (ValueError("secret of the data"), 500, {"outcome": "crashed", "message": "ValueError"}),
]


@pytest.mark.parametrize(("error", "status", "body"), ENDS, ids=[type(error).__name__ for error, *_ in ENDS])
def test_every_end_is_answered_counted_and_logged(
    raceday: Raceday, error: Exception, status: int, body: dict[str, Any]
) -> None:
    frame = begin(raceday)

    outcome = frame.perform(_raises(error))

    assert outcome.status == status
    assert outcome.body | body == outcome.body
    assert outcome.body["counts"] == {"written": 2}
    (summary,) = frame.reported.events("run.summary")
    assert (summary["outcome"], summary["phase"], summary["counts"]) == (body["outcome"], "half", {"written": 2})
    assert summary["level"] == ("error" if status >= 500 else "info")
    assert raceday.document("locks", "tester-lock") is None


@pytest.mark.parametrize(
    ("error", "kept"), [(Stop("x"), True), (Fatal("x"), True), (BadRequest("x"), False), (LockLost("x"), False)]
)
def test_progress_is_kept_when_a_later_run_can_go_on(raceday: Raceday, error: Exception, kept: bool) -> None:
    begin(raceday).perform(_raises(error))

    assert (raceday.document("locks", "tester-progress") is not None) is kept


def test_a_crash_says_where_it_happened_and_nothing_of_the_data(raceday: Raceday) -> None:
    frame = begin(raceday)

    outcome = frame.perform(_raises(KeyError("entrants")))

    (event,) = frame.reported.events("run.crashed")
    assert event["error"] == "KeyError"
    assert event["at"].startswith("work:")
    assert "entrants" not in json.dumps(outcome.body)


def test_details_of_the_work_are_in_the_answer_and_the_summary(raceday: Raceday) -> None:
    """Whatever their names: what the frame itself says about the run stands."""
    details = {"races": 3, "phase": "mine", "status": "mine", "run": 1, "name": "n", "outcome": "mine", "counts": 0}
    frame = begin(raceday)

    outcome = frame.perform(lambda _run: details)

    assert (outcome.status, outcome.body["outcome"], outcome.body["counts"]) == (200, "done", {})
    assert (outcome.body["races"], outcome.body["phase"]) == (3, "mine")
    (summary,) = frame.reported.events("run.summary")
    assert (summary["phase"], summary["races"], summary["name"]) == ("begun", 3, "n")


def test_work_without_details_is_done_too(raceday: Raceday) -> None:
    assert begin(raceday).perform(lambda _run: None).body["outcome"] == "done"


@pytest.mark.parametrize(("seconds", "slow"), [(20.0, False), (20.1, True)])
def test_a_run_that_is_slower_than_its_norm_is_reported(raceday: Raceday, seconds: float, slow: bool) -> None:
    frame = begin(raceday)

    frame.perform(lambda run: run.sleep(seconds), slow_after=20.0)

    assert bool(frame.reported.events("run.slow")) is slow


def test_the_summary_counts_requests(raceday: Raceday) -> None:
    frame = begin(raceday)
    path = path_of("databases", "raceday-db", "collections", "races", "documents")

    def work(run: Run) -> None:
        run.client.get(path)
        run.client.get(path)

    frame.perform(work)

    (summary,) = frame.reported.events("run.summary")
    # The third looks for refused starts.
    assert summary["requests"] == {"appwrite": 3, "lock": 1, "throttled": 0}


def test_in_the_quiet_window_the_work_is_not_even_begun(raceday: Raceday) -> None:
    live_until(raceday, 2025, 7, 17, 14, 0)
    begun: list[Run] = []

    outcome = begin(raceday).perform(begun.append)

    assert (outcome.body["outcome"], begun) == ("stopped", [])


# Small things.


def test_counts_leave_out_what_did_not_happen() -> None:
    counts = Counts()
    counts.add("b", 2)
    counts.add("a")
    counts.add("never", 0)

    assert (counts.as_dict(), counts["b"], counts["never"]) == ({"a": 1, "b": 2}, 2, 0)


def test_documents_are_fitted_by_the_schema_of_the_bundle(raceday: Raceday, bundles: Path) -> None:
    frame = begin(raceday, folder=str(bundles / "bundle_of_daily_races" / "src"))

    fitted = frame.run.sanitizer.fit("race-results", {"resultStatus": "x" * 300})

    assert len(fitted["resultStatus"]) == 20
    assert SETTINGS.function == frame.run.settings.function
