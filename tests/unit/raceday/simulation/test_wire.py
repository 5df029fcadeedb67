"""The connections of a simulated run: what takes time, what is written down, and what a dead run can still do."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Any, NamedTuple
from urllib.parse import quote

import pytest

from raceday_iac.raceday.simulation.ledger import Execution, Ledger, Occupation
from raceday_iac.raceday.simulation.virtual_time import (
    Killed,
    Latencies,
    RecordingSender,
    RecordingTransport,
    VirtualTime,
    Wire,
)

NOON = datetime(2025, 7, 17, 0, 0, tzinfo=UTC)
DOCUMENTS = "/databases/raceday-db/collections/{}/documents"
LOCKS = DOCUMENTS.format("locks")
TRANSACTIONS = "/databases/transactions"
LOCK = "poller-lock"
FENCE = "f1-0123456789abcdef0123456789abcdef"


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Server:
    """Answers everything with one status, and remembers what was asked and when."""

    time: VirtualTime
    status: int = 200
    asked: list[tuple[float, str, str]] = field(default_factory=list)

    def send(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Answer:
        self.asked.append((self.time.seconds() - NOON.timestamp(), method, path))
        return Answer(self.status, {}, b"{}")

    def close(self) -> None:
        self.asked.append((0, "close", ""))


class Connected:
    """A run with one connection to Appwrite."""

    def __init__(self, **changes: Any) -> None:
        self.time, self.ledger = VirtualTime(NOON), Ledger()
        self.execution = Execution("e1", "poller", NOON.timestamp())
        self.ledger.begun(self.execution)
        self.server = Server(self.time)
        self.wire = Wire(self.time, self.ledger, self.execution, LOCK, Random(1), Latencies(), **changes)
        self.sender = RecordingSender(self.wire, self.server, Answer)

    def send(self, method: str, path: str, body: Any = None) -> Answer:
        answer: Answer = self.sender.send(method, path, body)
        return answer

    def passed(self) -> float:
        return self.time.seconds() - NOON.timestamp()

    def take_lock(self) -> None:
        self.send("POST", LOCKS, {"documentId": LOCK, "data": {"owner": "o"}})

    def commit(self, *operations: Any) -> None:
        self.stage(*operations)
        self.send("PATCH", f"{TRANSACTIONS}/t1", {"commit": True})

    def stage(self, *operations: Any) -> None:
        self.send("POST", f"{TRANSACTIONS}/t1/operations", {"operations": list(operations)})

    def held(self) -> list[str]:
        """What was held and is given back."""
        return [each.subject for each in self.execution.occupations]


@pytest.fixture
def connected() -> Connected:
    return Connected()


def upsert(collection: str, identity: str, **data: Any) -> dict[str, Any]:
    return {"action": "upsert", "collectionId": collection, "documentId": identity, "data": {**data, "$id": identity}}


def update(collection: str, identity: str, **data: Any) -> dict[str, Any]:
    return {"action": "update", "collectionId": collection, "documentId": identity, "data": data}


# Time.


@pytest.mark.parametrize(
    ("method", "body", "usual"),
    [
        ("GET", None, 0.006),
        ("PATCH", {"data": {}}, 0.012),
        ("POST", {"operations": [{"action": "update", "data": {}}]}, 0.0195),
        ("POST", {"operations": [{"action": "bulkUpsert", "data": [{"$id": "a"}, {"$id": "b"}]}]}, 0.015),
    ],
)
def test_a_request_takes_between_half_and_twice_its_usual_time(
    connected: Connected, method: str, body: Any, usual: float
) -> None:
    connected.send(method, DOCUMENTS.format("races") + "/r", body)

    assert usual / 2 <= connected.passed() <= usual * 2


def test_staging_takes_longer_for_each_operation(connected: Connected) -> None:
    connected.stage(*(update("races", f"r{number}") for number in range(100)))

    assert (0.012 + 0.75) / 2 <= connected.passed() <= (0.012 + 0.75) * 2


def test_a_request_takes_effect_in_the_middle_of_its_time(connected: Connected) -> None:
    connected.send("GET", DOCUMENTS.format("races"))

    assert connected.server.asked[0][0] == pytest.approx(connected.passed() / 2)


def test_every_request_is_counted_whatever_its_answer(connected: Connected) -> None:
    connected.send("GET", DOCUMENTS.format("races"))
    connected.server.status = 500
    connected.send("PATCH", DOCUMENTS.format("races") + "/r", {"data": {}})

    assert connected.execution.requests == 2


def test_closing_closes_the_connection_itself(connected: Connected) -> None:
    connected.sender.close()

    assert connected.server.asked == [(0, "close", "")]


# Writes.


def test_reading_is_no_write(connected: Connected) -> None:
    connected.send("GET", DOCUMENTS.format("races") + "/r")

    assert (connected.ledger.writes, connected.held()) == (0, [])


def test_a_refused_write_has_not_taken_place(connected: Connected) -> None:
    connected.server.status = 409
    connected.send("PATCH", DOCUMENTS.format("races") + "/r", {"data": {"status": "Closed"}})

    assert (connected.ledger.writes, connected.ledger.statuses, connected.held()) == (0, [], [])


@pytest.mark.parametrize(
    ("method", "path", "body", "subjects"),
    [
        ("PATCH", "races/r", {"data": {"status": "Closed"}}, ["r"]),
        ("POST", "races", {"documentId": "r", "data": {"status": "Closed"}}, ["r"]),
        ("PUT", "meetings", {"documents": [{"$id": "m"}, {"$id": "n"}]}, ["m", "n"]),
        ("PUT", "race-pools", {"documents": [{"$id": "p", "raceId": "r"}]}, ["r"]),
        ("PATCH", "odds-history/o", {"data": {"odds": 5}}, []),
        ("DELETE", "entrants/x", None, []),
    ],
)
def test_a_write_is_about_its_race_or_meeting(
    connected: Connected, method: str, path: str, body: Any, subjects: list[str]
) -> None:
    collection, _, document = path.partition("/")
    connected.send(method, DOCUMENTS.format(collection) + (f"/{document}" if document else ""), body)

    assert (connected.ledger.writes, sorted(connected.held())) == (1, subjects)


def test_a_status_is_noted_at_the_instant_when_it_takes_effect(connected: Connected) -> None:
    connected.send("PATCH", DOCUMENTS.format("races") + "/r", {"data": {"status": "Closed"}})

    (found,) = connected.ledger.statuses
    assert (found.race, found.status) == ("r", "Closed")
    assert found.at - NOON.timestamp() == connected.server.asked[0][0]


def test_starting_an_execution_is_a_write(connected: Connected) -> None:
    connected.send("POST", "/functions/poller/executions", {"async": True})

    assert connected.ledger.writes == 1


# Transactions.


def test_what_is_staged_has_not_taken_effect(connected: Connected) -> None:
    connected.stage(update("races", "r", status="Closed"))

    assert (connected.ledger.writes, connected.ledger.statuses) == (0, [])


def test_a_commit_is_one_write_of_all_that_is_staged(connected: Connected) -> None:
    connected.stage(upsert("entrants", "x", raceId="r"))
    connected.commit(update("races", "r", status="Closed"), update("races", "s", last_poll_time="now"))

    assert connected.ledger.writes == 1
    assert sorted(connected.held()) == ["r", "s"]
    assert [(each.race, each.status) for each in connected.ledger.statuses] == [("r", "Closed")]


def test_what_was_rolled_back_is_not_committed_later(connected: Connected) -> None:
    connected.stage(update("races", "r", status="Closed"))
    connected.send("PATCH", f"{TRANSACTIONS}/t1", {"rollback": True})
    connected.commit()

    assert connected.ledger.statuses == []


def test_a_refused_stage_is_not_committed(connected: Connected) -> None:
    connected.server.status = 400
    connected.stage(update("races", "r", status="Closed"))
    connected.server.status = 200
    connected.commit()

    assert connected.ledger.statuses == []


def test_transactions_do_not_mix(connected: Connected) -> None:
    connected.stage(update("races", "r", status="Closed"))
    connected.send("PATCH", f"{TRANSACTIONS}/t2", {"commit": True})

    assert connected.ledger.statuses == []


def test_beginning_a_transaction_writes_nothing(connected: Connected) -> None:
    connected.send("POST", TRANSACTIONS, {"ttl": 60})

    assert connected.ledger.writes == 0


# Locks.


def test_who_created_the_lock_may_write(connected: Connected) -> None:
    connected.take_lock()
    connected.send("PATCH", DOCUMENTS.format("races") + "/r", {"data": {}})

    assert (connected.ledger.writes, connected.ledger.unowned) == (1, [])


def test_a_takeover_passes_the_lock_on(connected: Connected) -> None:
    connected.ledger.lock_changed(LOCK, "another")
    connected.send("PATCH", f"{LOCKS}/{LOCK}", {"data": {"owner": "o", "generation": 2}})
    connected.send("PATCH", DOCUMENTS.format("races") + "/r", {"data": {}})

    assert connected.ledger.unowned == []


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", f"/{LOCK}", {"data": {"beats": 4}}),
        ("PATCH", "/poller-seen/attempts/increment", {"value": 1}),
        ("POST", "", {"documentId": "poller-seen", "data": {"owner": "o"}}),
        ("PUT", "/poller-progress", {"data": {"owner": "o"}}),
        ("GET", f"/{LOCK}", None),
    ],
)
def test_nothing_else_in_the_store_of_locks_changes_the_owner(
    connected: Connected, method: str, path: str, body: Any
) -> None:
    connected.send(method, LOCKS + path, body)
    connected.send("PATCH", DOCUMENTS.format("races") + "/r", {"data": {}})

    assert len(connected.ledger.unowned) == 1


def test_a_lock_that_somebody_else_has_is_not_got_by_asking(connected: Connected) -> None:
    connected.server.status = 409
    connected.take_lock()
    connected.server.status = 200
    connected.send("PATCH", DOCUMENTS.format("races") + "/r", {"data": {}})

    assert len(connected.ledger.unowned) == 1


def test_after_the_release_nothing_may_be_written(connected: Connected) -> None:
    connected.take_lock()
    connected.send("DELETE", f"{LOCKS}/{LOCK}")
    connected.send("PATCH", DOCUMENTS.format("races") + "/r", {"data": {}})

    assert len(connected.ledger.unowned) == 1


def test_work_on_locks_is_no_write(connected: Connected) -> None:
    connected.take_lock()

    assert connected.ledger.writes == 0


# Fences.


def test_a_transaction_behind_its_fence_is_as_it_should_be(connected: Connected) -> None:
    connected.take_lock()
    many = {"action": "bulkUpsert", "collectionId": "meetings", "data": [{"$id": "m1"}, {"$id": "m2"}]}
    connected.commit(update("locks", FENCE, owner="o"), update("races", "r1"), many)

    assert (connected.ledger.writes, connected.ledger.unfenced) == (1, [])
    assert sorted(connected.held()) == ["m1", "m2", "r1"]


@pytest.mark.parametrize(
    "operations",
    [
        [update("races", "r1")],
        [update("races", "r1"), update("locks", FENCE)],
        [upsert("locks", FENCE), update("races", "r1")],
        [update("locks", LOCK), update("races", "r1")],
    ],
)
def test_a_transaction_that_does_not_change_its_fence_first_is_noticed(
    connected: Connected, operations: list[dict[str, Any]]
) -> None:
    connected.take_lock()
    connected.commit(*operations)

    assert len(connected.ledger.unfenced) == 1


def test_a_write_outside_of_a_transaction_is_noticed(connected: Connected) -> None:
    connected.take_lock()
    connected.send("PATCH", DOCUMENTS.format("races") + "/r", {"data": {}})

    assert len(connected.ledger.unfenced) == 1


# A day without locks.


@pytest.fixture
def unlocked() -> Connected:
    return Connected(with_locks=False)


def test_without_locks_everybody_gets_the_lock(unlocked: Connected) -> None:
    created = unlocked.send("POST", LOCKS, {"documentId": LOCK, "data": {"owner": "o", "generation": 1}})
    changed = unlocked.send("PATCH", f"{LOCKS}/{LOCK}", {"data": {"beats": 1}})

    assert (created.status, changed.status) == (201, 200)
    assert json.loads(created.body) == {
        "$id": LOCK,
        "owner": "o",
        "generation": 1,
        "$createdAt": "2025-07-17T00:00:00.000+00:00",
        "$updatedAt": "2025-07-17T00:00:00.000+00:00",
    }


def test_without_locks_nobody_finds_one(unlocked: Connected) -> None:
    """A function that looks whether another works must find nobody at work, rather than fail."""
    one, listed = unlocked.send("GET", f"{LOCKS}/{LOCK}"), unlocked.send("GET", f"{LOCKS}?queries[]=x")

    assert (one.status, json.loads(one.body)["type"]) == (404, "document_not_found")
    assert (listed.status, json.loads(listed.body)) == (200, {"total": 0, "documents": []})


def test_without_locks_a_run_finds_its_own_lock_and_its_fence_and_no_other(unlocked: Connected) -> None:
    unlocked.take_lock()
    unlocked.send("POST", LOCKS, {"documentId": FENCE, "data": {"lock": LOCK}})

    queries = quote('{"method":"or"}')
    listed = json.loads(unlocked.send("GET", f"{LOCKS}?queries[]={queries}").body)

    assert [each["$id"] for each in listed["documents"]] == [LOCK, FENCE]
    # It is a real document, because the server looks for it.
    assert [path for _, method, path in unlocked.server.asked if method == "POST"] == [LOCKS]


def test_without_locks_nothing_is_sent_for_them_and_no_time_passes(unlocked: Connected) -> None:
    unlocked.take_lock()
    unlocked.send("DELETE", f"{LOCKS}/{LOCK}")

    assert (unlocked.server.asked, unlocked.execution.requests, unlocked.passed()) == ([], 0, 0)


def test_without_locks_all_else_goes_its_way(unlocked: Connected) -> None:
    unlocked.send("PATCH", DOCUMENTS.format("races") + "/r", {"data": {}})

    assert len(unlocked.server.asked) == 1


# Death.


def test_a_dead_run_sends_nothing(connected: Connected) -> None:
    connected.wire.killed = True

    with pytest.raises(Killed):
        connected.send("DELETE", f"{LOCKS}/{LOCK}")
    assert connected.server.asked == []


@pytest.mark.parametrize(("share", "is_sent"), [(0.25, False), (0.75, True)])
def test_a_run_that_dies_during_a_request_has_sent_it_or_not(connected: Connected, share: float, is_sent: bool) -> None:
    """What took effect is written down, though the run never hears of it."""
    time, seen = connected.time, list[type[BaseException]]()

    def ask() -> None:
        try:
            connected.send("PATCH", DOCUMENTS.format("races") + "/r", {"data": {"status": "Closed"}})
        except Killed as killed:
            seen.append(type(killed))

    whole = Connected()
    whole.send("PATCH", DOCUMENTS.format("races") + "/r", {"data": {}})
    task = time.start(ask, "ask")
    time.sleep(whole.passed() * share)
    connected.wire.killed = True
    task.join()

    assert seen == [Killed]
    assert (len(connected.server.asked), len(connected.ledger.statuses)) == (is_sent, is_sent)


def test_a_dead_run_wakes_from_its_sleep_dead(connected: Connected) -> None:
    time = connected.time

    def kill() -> None:
        time.sleep(5)
        connected.wire.killed = True

    time.start(kill, "kill")
    with pytest.raises(Killed):
        connected.wire.sleep(60)
    assert connected.passed() == 60


# NZ TAB.


class Url(NamedTuple):
    path: str


class Request(NamedTuple):
    url: Url


class Upstream:
    def __init__(self, trouble: Exception | None = None) -> None:
        self.trouble = trouble
        self.is_closed = False

    def handle_request(self, request: Any) -> str:
        if self.trouble is not None:
            raise self.trouble
        return f"answer to {request.url.path}"

    def close(self) -> None:
        self.is_closed = True


def event(race: str = "r") -> Request:
    return Request(Url(f"/nztab/affiliates/v1/racing/events/{race}"))


def test_fetching_a_race_is_a_poll_from_begin_to_end(connected: Connected) -> None:
    answer = RecordingTransport(connected.wire, Upstream()).handle_request(event())

    (poll,) = connected.ledger.polls
    assert answer == "answer to /nztab/affiliates/v1/racing/events/r"
    assert (poll.race, poll.begin, poll.end) == ("r", NOON.timestamp(), pytest.approx(connected.time.seconds()))
    assert 0.15 <= connected.passed() <= 0.6


def test_fetching_something_else_is_no_poll(connected: Connected) -> None:
    RecordingTransport(connected.wire, Upstream()).handle_request(Request(Url("/affiliates/v1/racing/meetings")))

    assert (connected.ledger.polls, connected.execution.holds) == ([], {})


def test_a_race_is_held_from_the_fetch_to_the_commit(connected: Connected) -> None:
    RecordingTransport(connected.wire, Upstream()).handle_request(event())
    connected.commit(update("races", "r", last_poll_time="now"))

    (held,) = connected.execution.occupations
    assert held == Occupation("r", NOON.timestamp(), pytest.approx(connected.time.seconds()))


def test_a_fetch_that_failed_is_no_poll_and_holds_the_race_all_the_same(connected: Connected) -> None:
    with pytest.raises(OSError, match="cut"):
        RecordingTransport(connected.wire, Upstream(OSError("cut"))).handle_request(event())

    assert (connected.ledger.polls, list(connected.execution.holds)) == ([], ["r"])


def test_a_dead_run_fetches_nothing(connected: Connected) -> None:
    connected.wire.killed = True

    with pytest.raises(Killed):
        RecordingTransport(connected.wire, Upstream()).handle_request(event())
    assert connected.ledger.polls == []


def test_leaving_the_transport_closes_what_is_in_it(connected: Connected) -> None:
    upstream = Upstream()
    with RecordingTransport(connected.wire, upstream):
        pass

    assert upstream.is_closed
