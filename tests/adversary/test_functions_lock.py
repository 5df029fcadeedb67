"""What happens to a run that lost its lock without knowing it: clocks that are set, writes that arrive late, documents
that somebody removed. Nothing of it is written after the next owner's, and the run ends with a clear answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest
from functions.poller_day import LOCK, POLLER, put_side_by_side
from functions.raceday import DATABASE, Called

LOCKS = f"/databases/{DATABASE}/collections/locks/documents"
MEETINGS, RACES = "daily-meetings", "daily-races"


class Set:
    """The server's clock, set by so many seconds; nobody else's is."""

    def __init__(self, clock: Any, seconds: float) -> None:
        self._clock, self._by = clock, timedelta(seconds=seconds)

    def now(self) -> datetime:
        instant: datetime = self._clock.now() + self._by
        return instant

    def __getattr__(self, name: str) -> Any:
        return getattr(self._clock, name)


def set_clock(raceday: Any, seconds: float) -> None:
    server = raceday.server.server
    server.clock = Set(raceday.time, seconds)


def lost(called: Called) -> bool:
    """Whether the run said so, once and in its answer."""
    (summary,) = called.context.events("run.summary")
    assert called.context.events("run.crashed") == []
    return (called.status, called.outcome, summary["outcome"]) == (500, "lock_lost", "lock_lost")


def die(raceday: Any, function: str = POLLER) -> None:
    """A run that takes the lock and is not heard of again."""
    raceday.put("locks", f"{function}-lock", owner="dead", generation=1, fence="f1-dead")
    raceday.put("locks", "f1-dead", owner="dead", generation=1, lock=f"{function}-lock")


Before = Callable[[str, str, Any], None]


def watched(raceday: Any, function: str, before: Before, carried_out: list[int] | None = None) -> Any:
    """Connections of a function that say what they are about to send, and what became of each commit."""
    real = raceday.runtime(of=function).connect

    class HealthConfig:
        def __init__(self, credentials: Any) -> None:
            self._inner = real(credentials)

        def send(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Any:
            before(method, path, body)
            answer = self._inner.send(method, path, body, headers)
            if is_commit(method, path, body) and carried_out is not None:
                carried_out.append(answer.status)
            return answer

        def close(self) -> None:
            self._inner.close()

    return HealthConfig


def once(action: Callable[[], object], when: Callable[[str, str, Any], bool]) -> Before:
    """Something that happens right before the first such request is sent."""
    done: list[int] = []

    def before(method: str, path: str, body: Any) -> None:
        if not done and when(method, path, body):
            done.append(1)
            action()

    return before


def is_commit(method: str, path: str, body: Any) -> bool:
    return method == "PATCH" and "/transactions/" in path and body == {"commit": True}


def is_staging(method: str, path: str, body: Any) -> bool:
    return path.endswith("/operations")


def is_beginning(method: str, path: str, body: Any) -> bool:
    return method == "POST" and path.endswith("/transactions")


# Writes that arrive late.


@pytest.mark.parametrize("when", [is_commit, is_staging, is_beginning])
@pytest.mark.parametrize("function", [MEETINGS, POLLER])
def test_nothing_is_written_after_another_run_has_the_lock(
    raceday: Any, function: str, when: Callable[[str, str, Any], bool]
) -> None:
    """It is on its way when a second run takes over, because it believes the first one dead, and does all the work."""
    (race,) = put_side_by_side(raceday, 1, minutes=1)
    second: list[Called] = []
    commits: list[int] = []

    def take_over() -> None:
        set_clock(raceday, 1000)
        second.append(raceday.call(function))

    called = raceday.call(function, connect=watched(raceday, function, once(take_over, when), commits))

    assert 200 not in commits, "what was on its way was carried out"
    assert commits or when is not is_commit
    assert second[0].outcome == "done"
    assert lost(called)
    assert called.counts.get("polls", 0) == 0
    assert sum(called.counts.get(f"written:{each}", 0) for each in ("meetings", "races", "entrants")) == 0
    stamped = raceday.document("races", race)
    assert (stamped["last_poll_time"] is not None) is (function == POLLER)


def test_what_an_owner_wrote_before_it_lost_its_lock_stays(raceday: Any) -> None:
    races = put_side_by_side(raceday, 1, minutes=1)
    commits: list[int] = []

    def before(method: str, path: str, body: Any) -> None:
        if is_commit(method, path, body):
            commits.append(1)
            if len(commits) == 3:
                set_clock(raceday, 130)
                raceday.client.patch(f"{LOCKS}/{LOCK}", {"data": {"owner": "other", "generation": 2}})
                fences = [each for each in raceday.documents("locks") if each["lock"] == LOCK]
                raceday.client.delete(f"{LOCKS}/{fences[0]['$id']}")

    called = raceday.call(POLLER, connect=watched(raceday, POLLER, before))

    assert lost(called)
    assert (called.counts["polls"], len(commits)) == (2, 3)
    assert raceday.document("races", races[0])["last_poll_time"] is not None
    assert raceday.document("locks", LOCK)["owner"] == "other"


# The server's clock is set.


@pytest.mark.parametrize("seconds", [130, -7200])
def test_a_run_at_work_ends_well_or_lost_when_the_servers_clock_is_set(raceday: Any, seconds: float) -> None:
    """Meanwhile others try for its lock. However it ends, no two write."""
    (race,) = put_side_by_side(raceday, 1, minutes=1)
    ran: list[Called] = []
    first = raceday.time.start(lambda: ran.append(raceday.call(POLLER)), "first")
    raceday.time.sleep(20)
    set_clock(raceday, seconds)
    others = []
    for _ in range(4):
        raceday.time.sleep(5)
        others.append(raceday.call(POLLER))
    first.join()

    if seconds > 0:
        # It looked dead, so another one took over; the first one found its fence gone at its next write.
        assert lost(ran[0])
        assert others[0].outcome == "done"
    else:
        assert ran[0].outcome == "done"
        assert {each.outcome for each in others} == {"duplicate"}
    assert raceday.document("races", race)["last_poll_time"] is not None
    assert {each["$id"] for each in raceday.documents("locks")} <= {f"{POLLER}-seen", f"{POLLER}-watch"}


def test_after_the_clock_went_back_a_dead_runs_lock_is_free_within_its_stale_time(raceday: Any) -> None:
    put_side_by_side(raceday, 1, minutes=1)
    die(raceday)
    set_clock(raceday, -7200)

    outcomes = []
    for _ in range(4):
        outcomes.append(raceday.call(POLLER).outcome)
        raceday.time.sleep(60)

    assert outcomes == ["duplicate", "duplicate", "duplicate", "done"]
    assert raceday.document("locks", "f1-dead") is None


def test_a_server_that_says_no_time_does_not_block_a_dead_runs_lock_for_ever(raceday: Any) -> None:
    from raceday_iac.devserver.faults import RequestFault

    put_side_by_side(raceday, 1, minutes=1)
    die(raceday)
    raceday.server.server.faults.add(RequestFault(method="GET", path="*/locks/documents/*", answer="date:", times=999))

    outcomes = []
    for _ in range(4):
        outcomes.append(raceday.call(POLLER).outcome)
        raceday.time.sleep(60)

    assert outcomes == ["duplicate", "duplicate", "duplicate", "done"]


# Somebody removes or spoils documents.


@pytest.mark.parametrize("which", ["lock", "fence", "both"])
def test_a_run_whose_lock_was_removed_by_hand_writes_no_more(raceday: Any, which: str) -> None:
    put_side_by_side(raceday, 1, minutes=1)
    commits: list[int] = []

    def before(method: str, path: str, body: Any) -> None:
        if not is_commit(method, path, body):
            return
        commits.append(1)
        if len(commits) == 2:
            for each in raceday.documents("locks"):
                if which == "both" or (each["$id"] == LOCK) is (which == "lock"):
                    raceday.client.delete(f"{LOCKS}/{each['$id']}")

    called = raceday.call(POLLER, connect=watched(raceday, POLLER, before))

    assert lost(called)
    # Without its lock it finds out at the next heartbeat, 45 seconds after the start; without its fence at once.
    assert called.counts["polls"] <= (4 if which == "lock" else 1)
    assert not [each for each in raceday.documents("locks") if each["lock"] == LOCK], "its fence is gone"


@pytest.mark.parametrize(
    "spoilt",
    [
        {"generation": -5},
        {"generation": 2**62},
        {"beats": -1, "takeovers": -7},
        {"staleAfterSeconds": 0, "expirySeconds": 0},
        {"staleAfterSeconds": 2**40, "expirySeconds": 2**40},
        {"acquiredAt": "2099-01-01T00:00:00.000+00:00"},
        {"owner": ""},
        {"fence": "../../meetings", "lock": "somebody-elses"},
        {"progress": "{not json", "phase": "\u202e"},
    ],
    ids=str,
)
def test_a_spoilt_lock_document_blocks_nobody_for_ever(raceday: Any, spoilt: dict[str, Any]) -> None:
    put_side_by_side(raceday, 1, minutes=30)
    raceday.put("locks", LOCK, **{"owner": "x", "generation": 1, **spoilt})

    outcomes = []
    for _ in range(20):
        outcomes.append(raceday.call(POLLER).outcome)
        if outcomes[-1] != "duplicate":
            break
        raceday.time.sleep(60)

    assert outcomes[-1] == "done"
    assert raceday.document("locks", LOCK) is None


def test_fences_that_nobody_removed_are_removed_by_the_next_owner(raceday: Any) -> None:
    put_side_by_side(raceday, 1, minutes=1)
    for number in range(120):
        raceday.put("locks", f"f1-left-{number}", owner="x", generation=1, lock=LOCK)
    raceday.put("locks", "f1-of-another", owner="x", generation=1, lock="daily-races-lock")

    called = raceday.call(POLLER)

    assert called.outcome == "done"
    assert [each["$id"] for each in raceday.documents("locks")] == ["f1-of-another"]
