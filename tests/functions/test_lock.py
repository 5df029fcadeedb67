"""Taking, keeping and giving back the lock, with answers that get lost and servers that complain."""

from __future__ import annotations

import json
from typing import Any

import pytest
from _shared import lock
from _shared.lock import Lock, LockDenied, LockLost, LockStoreMissing, LockStoreUnfit, LockUnclear, Refusal, fitted

from .lock_store import LockStore, with_compare_and_set
from .scripted import CREDENTIALS, error


@pytest.fixture
def store() -> LockStore:
    return LockStore()


def comparing(store: LockStore) -> Any:
    """A connect function whose writes are compared with the stored time."""
    return with_compare_and_set(store.transport(), store)


def test_a_free_lock_is_taken_with_one_request(store: LockStore) -> None:
    held = store.acquire()

    assert isinstance(held, Lock)
    assert held.requests == 1
    assert store.document is not None
    assert store.document["owner"] == "me"


def test_a_live_lock_is_left_alone_after_two_requests(store: LockStore) -> None:
    store.held_by("other")

    refusal = store.acquire()

    assert isinstance(refusal, Refusal)
    assert refusal.found.owner == "other"


@pytest.mark.parametrize(("age", "taken"), [(60, False), (62, True)])
def test_a_lock_without_heartbeat_is_taken_over_when_it_is_stale(store: LockStore, age: int, taken: bool) -> None:
    store.held_by("other")
    store.time.now += age

    held = store.acquire()

    assert isinstance(held, Lock) is taken


def test_a_lock_past_its_expiry_is_taken_over_although_it_beats(store: LockStore) -> None:
    store.held_by("other")
    assert store.document is not None
    store.time.now += 282
    store.document["$updatedAt"] = store.stamp()

    assert isinstance(store.acquire(), Lock)


def test_the_owner_numbers_count_for_staleness(store: LockStore) -> None:
    store.held_by("other", staleAfterSeconds=600, expirySeconds=900)
    store.time.now += 300

    assert isinstance(store.acquire(), Refusal)


def test_without_a_server_clock_nothing_is_taken_over(store: LockStore) -> None:
    store.held_by("other")
    store.time.now += 1000
    store.dated = False

    assert isinstance(store.acquire(), Refusal)


def test_a_takeover_counts_up_and_inherits_the_progress(store: LockStore) -> None:
    store.held_by("other", generation=4, takeovers=1, progress='{"chunk":3}')
    store.time.now += 100

    held = store.acquire()

    assert (held.lease.generation, held.lease.takeovers, held.inherited) == (5, 2, {"chunk": 3})


def test_of_two_contenders_for_a_stale_lock_the_second_leaves(store: LockStore) -> None:
    store.held_by("dead")
    store.time.now += 100
    connect = comparing(store)
    stale = dict(store.document or {})
    first = store.acquire("first", connect=connect)
    # The second one has read the lock before the first took it over.
    reads = iter([stale])
    transport = store.transport()
    plain = transport.handler
    transport.handler = lambda method, path, body: (
        (200, found, {"date": "Fri, 15 Jan 2027 09:00:00 GMT"})
        if method == "GET" and "?" not in path and (found := next(reads, None))
        else plain(method, path, body)
    )

    second = store.acquire("second", connect=with_compare_and_set(transport, store))

    assert isinstance(first, Lock)
    assert isinstance(second, Refusal)
    assert first.beat()


def test_a_missing_store_is_an_error_of_its_own(store: LockStore) -> None:
    store.missing = True

    with pytest.raises(LockStoreMissing, match="collection_not_found"):
        store.acquire()


@pytest.mark.parametrize(
    "foreign",
    [
        (404, "404 page not found"),
        (404, {"message": "no such route", "code": 404}),
        (404, {"message": "Route not found", "code": 404, "type": "general_route_not_found"}),
        (401, "<html>Sign in</html>"),
        (403, {"error": "forbidden"}),
        (502, "<html>Bad Gateway</html>"),
        (200, ""),
        (200, "<html>Welcome</html>"),
        (200, []),
        (201, {"documents": None}),
        (302, "", {"location": "https://elsewhere.example/v1"}),
    ],
    ids=lambda foreign: f"{foreign[0]} {str(foreign[1])[:12]}",
)
def test_an_answer_that_is_not_appwrites_says_nothing_about_the_lock(store: LockStore, foreign: Any) -> None:
    store.faults = [foreign, foreign]
    held = store.acquire()
    assert isinstance(held, Lock), "it is tried again"

    store.faults = [foreign, foreign]
    store.time.now += 10
    held.beat()
    held.check()
    assert held.beat(), "the next heartbeat is answered"

    store.faults = [foreign, foreign]
    assert held.fence() in store.fences

    store.faults = [foreign]
    assert held.release()
    assert store.documents == {}


def test_a_way_that_is_blocked_for_good_is_named_and_never_a_missing_store(store: LockStore) -> None:
    store.faults = [(404, "404 page not found")] * 50

    with pytest.raises(LockUnclear, match=r"not Appwrite's: 404 .*404 page not found"):
        store.acquire()


def test_a_redirect_is_not_followed_and_its_target_is_named(store: LockStore) -> None:
    store.faults = [(301, "", {"location": "https://elsewhere.example/v1"})] * 50

    with pytest.raises(LockUnclear, match=r"redirect to 'https://elsewhere.example/v1'; it was not followed"):
        store.acquire()


def test_the_key_is_not_repeated_when_an_answer_repeats_it(store: LockStore) -> None:
    store.faults = [(500, f"you sent {CREDENTIALS.key}")] * 50

    with pytest.raises(LockUnclear) as raised:
        store.acquire()

    assert CREDENTIALS.key not in str(raised.value)


@pytest.mark.parametrize(
    ("status", "kind", "raised"),
    [
        (400, "document_invalid_structure", LockStoreUnfit),
        (401, "general_unauthorized_scope", LockDenied),
        (404, "database_not_found", LockStoreMissing),
    ],
)
def test_a_store_that_cannot_be_used_is_never_taken_for_a_held_lock(
    store: LockStore, status: int, kind: str, raised: type[Exception]
) -> None:
    store.faults = [error(status, kind)]

    with pytest.raises(raised, match=kind):
        store.acquire()


@pytest.mark.parametrize("fault", ["cut before", "cut after", error(500, "general_unknown"), error(503, "x")])
def test_a_creation_with_a_lost_answer_still_ends_with_the_lock(store: LockStore, fault: Any) -> None:
    store.faults = [fault]

    held = store.acquire()

    assert isinstance(held, Lock)
    assert store.document is not None
    assert store.document["owner"] == "me"


def test_a_takeover_with_a_lost_answer_is_recognised(store: LockStore) -> None:
    store.held_by("dead")
    store.time.now += 100
    store.faults = [None, None, "cut after"]

    held = store.acquire(connect=comparing(store))

    assert isinstance(held, Lock)
    assert held.lease.generation == 2


def test_a_lock_that_is_released_under_our_eyes_is_taken(store: LockStore) -> None:
    store.faults = [error(409, "document_already_exists")]

    assert isinstance(store.acquire(), Lock)


def test_a_silent_server_gives_up_in_the_end(store: LockStore) -> None:
    store.faults = ["cut before"] * 50

    with pytest.raises(LockUnclear):
        store.acquire()


def test_heartbeats_keep_the_lease_and_carry_progress(store: LockStore) -> None:
    held = store.acquire()
    store.time.now += 50
    held.report({"done": 3}, phase="work", now=True)
    store.time.now += 50

    assert held.writable()
    assert store.document is not None
    assert json.loads(store.document["progress"]) == {"done": 3}
    assert store.document["phase"] == "work"


def test_a_wish_for_fewer_starts_is_stored(store: LockStore) -> None:
    held = store.acquire()

    held.report(backoff_until="2026-11-24T20:30:00.000+00:00", now=True)

    assert store.document is not None
    assert store.document["backoffUntil"] == "2026-11-24T20:30:00.000+00:00"


@pytest.mark.parametrize(("seconds", "writable"), [(54.9, True), (55.1, False)])
def test_without_heartbeats_the_owner_stops_before_anybody_may_take_over(
    store: LockStore, seconds: float, writable: bool
) -> None:
    held = store.acquire()
    store.time.now += seconds

    assert held.writable() is writable


def test_the_expiry_is_hard_however_often_it_beats(store: LockStore) -> None:
    held = store.acquire()
    for _ in range(28):
        store.time.now += 10
        held.beat()

    assert held.remaining() == 0.0
    with pytest.raises(LockLost, match="ran out"):
        held.check()


@pytest.mark.parametrize(
    "fault", ["cut after", error(500, "general_unknown"), error(429, "general_rate_limit_exceeded")]
)
def test_an_unclear_heartbeat_does_not_lose_the_lock(store: LockStore, fault: Any) -> None:
    held = store.acquire(connect=comparing(store))
    store.time.now += 10
    store.faults = [fault]

    held.beat()

    assert held.writable()
    assert held.beat()


@pytest.mark.parametrize("foreign", [(404, "404 page not found"), (404, ""), (200, "<html>Sign in</html>")])
def test_an_owner_cut_off_by_a_proxy_writes_until_its_lease_ends_and_not_longer(store: LockStore, foreign: Any) -> None:
    held = store.acquire()
    store.faults = [foreign] * 1000
    for _ in range(5):
        store.time.now += 10
        held.beat()
        held.check()
    assert held.lease.lost is None, "that the lock is gone, only Appwrite can say"

    store.time.now += 10
    held.beat()

    with pytest.raises(LockLost, match="ran out"):
        held.check()


def test_a_heartbeat_that_landed_unseen_renews_the_lease(store: LockStore) -> None:
    held = store.acquire(connect=comparing(store))
    store.time.now += 50
    store.faults = ["cut after"]
    held.beat()
    store.time.now += 50

    assert held.writable()


def test_a_lock_that_was_taken_over_is_lost_at_the_next_heartbeat(store: LockStore) -> None:
    held = store.acquire(connect=comparing(store))
    store.held_by("other")

    held.beat()

    with pytest.raises(LockLost, match="taken over by other"):
        held.check()


def test_a_lock_that_was_deleted_is_lost(store: LockStore) -> None:
    held = store.acquire()
    store.document = None

    held.beat()

    assert not held.writable()


def test_a_copy_of_our_creation_that_arrives_after_others_had_the_lock_revives_nothing(store: LockStore) -> None:
    held = store.acquire(connect=comparing(store))
    created = dict(store.document or {})
    store.time.now += 1
    store.document = {**created, "$createdAt": store.stamp(), "$updatedAt": store.stamp()}

    held.beat()

    assert not held.writable()


def test_a_lease_counts_from_before_its_request_was_sent(store: LockStore) -> None:
    transport = store.transport()
    plain = transport.handler

    def slowly(method: str, path: str, body: Any) -> Any:
        store.time.now += 3
        answer = plain(method, path, body)
        store.time.now += 3
        return answer

    transport.handler = slowly
    asked_at = store.time.now
    held = store.acquire(connect=transport.connect)

    assert (held.lease.since, held.lease.renewed) == (asked_at, asked_at)
    asked_at = store.time.now
    held.beat()

    assert held.lease.renewed == asked_at


def test_a_run_that_gives_its_lock_back_may_not_write_any_more(store: LockStore) -> None:
    transport = store.transport()
    held = store.acquire(connect=transport.connect)
    plain, seen = transport.handler, []

    def watching(*call: Any) -> Any:
        seen.append(held.writable())
        return plain(*call)

    transport.handler = watching
    held.release()

    assert seen == [False]


def test_releasing_removes_the_document(store: LockStore) -> None:
    held = store.acquire()

    assert held.release()
    assert store.document is None
    assert not held.writable()


def test_releasing_leaves_the_lock_of_another_alone(store: LockStore) -> None:
    held = store.acquire(connect=comparing(store))
    store.held_by("other")

    assert not held.release()
    assert store.document is not None
    assert store.document["owner"] == "other"


@pytest.mark.parametrize("fault", ["cut before", "cut after", error(500, "general_unknown")])
def test_releasing_goes_on_after_unclear_answers(store: LockStore, fault: Any) -> None:
    held = store.acquire(connect=comparing(store))
    store.faults = [fault]

    assert held.release()
    assert store.document is None


# The fence.


def test_a_fence_is_made_at_the_first_write_and_named_in_the_lock(store: LockStore) -> None:
    held = store.acquire()
    assert store.fences == []

    fence = held.fence()

    assert store.fences == [fence]
    assert store.document is not None
    assert store.document["fence"] == fence
    assert (held.fence(), held.requests) == (fence, 3)


def test_releasing_removes_the_fence_and_then_the_lock(store: LockStore) -> None:
    transport = store.transport()
    held = store.acquire(connect=transport.connect)
    fence = held.fence()

    assert held.release()

    removed = [path.rpartition("/")[2] for method, path in transport.calls if method == "DELETE"]
    assert removed == [fence, "f-lock"]
    assert store.documents == {}


def test_a_run_that_writes_nothing_needs_no_fence(store: LockStore) -> None:
    held = store.acquire()

    assert held.release()
    assert held.requests == 2


def test_a_takeover_removes_the_fence_of_the_owner_before_and_any_other(store: LockStore) -> None:
    dead = store.acquire("dead")
    fence = dead.fence()
    store.documents["f1-older"] = {"$id": "f1-older", "lock": "f-lock", "owner": "older"}
    store.time.now += 100

    held = store.acquire()

    assert isinstance(held, Lock)
    assert store.fences == []
    assert fence != held.fence()


def test_an_owner_of_the_version_before_is_taken_over_too(store: LockStore) -> None:
    store.held_by("old version", executionId="e")
    store.time.now += 100

    held = store.acquire()

    assert held.fence() in store.fences


def test_a_takeover_whose_fences_cannot_be_removed_is_no_lock(store: LockStore) -> None:
    store.acquire("dead").fence()
    store.time.now += 100
    store.faults = [None, None, None, *[error(503, "x")] * 50]

    with pytest.raises(LockUnclear, match="fences"):
        store.acquire()

    store.faults = []
    store.time.now += 100
    later = store.acquire("later")
    assert isinstance(later, Lock)
    assert store.fences == [], "whoever comes next removes what was left"


def test_of_a_fence_whose_creation_is_unclear_the_id_is_never_used_again(store: LockStore) -> None:
    held = store.acquire(connect=comparing(store))
    store.faults = ["cut before"]

    first, second = "f1-me", "f2-me"

    assert held.fence() == second
    held.report(now=True)
    assert store.document is not None
    assert store.document["fence"] == second
    store.documents[first] = {"$id": first, "lock": "f-lock", "owner": "me"}  # The first request arrives after all.
    assert held.release()
    assert first in store.documents
    next_one = store.acquire("next")
    next_one.fence()
    assert store.fences == ["f1-next"]


def test_a_fence_that_a_proxy_sent_twice_is_given_up(store: LockStore) -> None:
    held = store.acquire()
    store.faults = [error(409, "document_already_exists")]

    assert held.fence() == "f2-me"


def test_an_owner_that_was_taken_over_before_its_first_write_finds_out(store: LockStore) -> None:
    """As after a step of the server's clock: by its own clock its lease is good still."""
    held = store.acquire()
    store.step = 130
    other = store.acquire("other")
    assert isinstance(other, Lock)
    held.check()

    with pytest.raises(LockLost, match="taken over by other"):
        held.fence()

    assert held.release() is False
    assert store.document is not None
    assert store.document["owner"] == "other"


def test_an_owner_whose_fence_was_removed_finds_out_when_it_asks(store: LockStore) -> None:
    held = store.acquire()
    del store.documents[held.fence()]

    with pytest.raises(LockLost, match="its fence was removed"):
        held.confirm()


def test_an_owner_whose_fence_was_removed_leaves_the_lock_alone(store: LockStore) -> None:
    held = store.acquire()
    del store.documents[held.fence()]

    assert not held.release()
    assert store.document is not None


def test_a_lock_whose_fence_may_be_there_still_is_not_given_back(store: LockStore) -> None:
    held = store.acquire()
    held.fence()
    store.faults = [error(503, "x")] * 3

    assert not held.release()
    assert store.document is not None


def test_no_fence_is_made_without_the_lease(store: LockStore) -> None:
    held = store.acquire()
    store.time.now += 60

    with pytest.raises(LockLost):
        held.fence()

    assert store.fences == []


def test_the_count_of_refused_starts_is_shown_by_the_making_of_the_fence(store: LockStore) -> None:
    held = store.acquire()
    store.documents["f-seen"] = {"$id": "f-seen", "attempts": 2, "lock": "f-lock"}

    held.fence()

    assert (held.seen or {})["attempts"] == 2
    assert "f-seen" in store.documents


# The server's clock is set.


def test_a_heartbeat_of_ours_that_renewed_the_lock_of_another_renews_no_lease(store: LockStore) -> None:
    """Its condition compares dates: after the clock went back, it holds for whatever came later."""
    held = store.acquire(connect=comparing(store))
    store.step = -7200
    store.documents["f-lock"] = {**store.documents["f-lock"], "owner": "other", "generation": 2}
    store.documents["f-lock"]["$updatedAt"] = store.stamp()

    assert not held.beat()

    with pytest.raises(LockLost, match="taken over by other"):
        held.check()


def test_a_dead_owners_lock_is_free_after_its_stale_time_although_the_clock_went_back(store: LockStore) -> None:
    store.held_by("dead")
    store.step = -7200

    assert isinstance(store.acquire("first"), Refusal)
    store.time.now += 60
    assert isinstance(store.acquire("second"), Refusal), "not longer than it is stale after"
    store.time.now += 1
    assert isinstance(store.acquire("third"), Lock)


def test_a_dead_owners_lock_is_free_after_its_stale_time_although_the_server_says_no_time(store: LockStore) -> None:
    store.held_by("dead")
    store.dated = False

    assert isinstance(store.acquire("first"), Refusal)
    store.time.now += 61
    assert isinstance(store.acquire("second"), Lock)


def test_a_live_owner_keeps_its_lock_although_the_clock_went_back(store: LockStore) -> None:
    held = store.acquire(connect=comparing(store))
    store.step = -7200
    for _ in range(10):
        assert isinstance(store.acquire("other"), Refusal)
        store.time.now += 25
        assert held.beat()

    assert held.writable()


def test_what_was_seen_of_an_earlier_heartbeat_does_not_count(store: LockStore) -> None:
    store.held_by("slow")
    store.step = -7200
    store.acquire("first")
    store.time.now += 50
    store.held_by("slow", beats=1)
    store.step = -14400

    store.acquire("second")
    store.time.now += 50

    assert isinstance(store.acquire("third"), Refusal)


@pytest.mark.parametrize(("passed", "taken"), [(60, False), (61, True)])
def test_runs_of_different_machines_compare_their_calendar_clocks(store: LockStore, passed: float, taken: bool) -> None:
    store.held_by("dead")
    store.step = -7200
    store.acquire("first", machine="a", wall=lambda: 5000.0)

    second = store.acquire("second", machine="b", wall=lambda: 5000.0 + passed)

    assert isinstance(second, Lock) is taken


def test_a_calendar_clock_that_went_back_begins_to_count_again(store: LockStore) -> None:
    store.held_by("dead")
    store.step = -7200
    store.acquire("first", machine="a", wall=lambda: 5000.0)
    store.acquire("second", machine="b", wall=lambda: 1000.0)

    third = store.acquire("third", machine="c", wall=lambda: 1061.0)

    assert isinstance(third, Lock)


@pytest.mark.parametrize("noted", ["", "{", "[]", '{"updatedAt": 5}', '{"clock": "x"}'])
def test_a_note_that_cannot_be_read_is_written_again(store: LockStore, noted: str) -> None:
    store.held_by("dead")
    store.documents["f-watch"] = {"$id": "f-watch", "owner": "dead", "generation": 1, "progress": noted}
    store.step = -7200

    assert isinstance(store.acquire("first"), Refusal)
    store.time.now += 61
    assert isinstance(store.acquire("second"), Lock)


def test_as_long_as_the_clock_makes_sense_nothing_is_noted(store: LockStore) -> None:
    store.held_by("other")
    store.time.now += 30

    store.acquire("first")

    assert list(store.documents) == ["f-lock"]


# The heartbeat thread.


def test_the_thread_beats_and_ends_before_the_release(store: LockStore, monkeypatch: pytest.MonkeyPatch) -> None:
    held = store.acquire()
    beaten = []
    monkeypatch.setattr(held, "_stopping", waits := _Waits(3))
    monkeypatch.setattr(held, "beat", lambda: beaten.append(1) or True)

    with held:
        waits.finished.wait(5)

    assert len(beaten) == 3
    assert store.document is None


class _Waits:
    """Stands in for the event: a few periods pass at once, then the run is over."""

    def __init__(self, periods: int) -> None:
        import threading

        self.left = periods
        self.finished = threading.Event()

    def wait(self, _seconds: float) -> bool:
        self.left -= 1
        if self.left < 0:
            self.finished.set()
            return True
        return False

    def set(self) -> None:
        self.finished.set()


def test_settings_are_read_from_the_folder_of_the_entry_module(tmp_path: Any) -> None:
    raw = {"function": "f", "lockId": "f-lock", "databaseId": "d", "collectionId": "locks"}
    raw |= {"staleAfterSeconds": 75, "heartbeatSeconds": 30, "expirySeconds": 90, "checkTargetMs": 15}
    (tmp_path / "lock.json").write_text(json.dumps(raw))

    settings = lock.load_settings(str(tmp_path))

    assert settings.numbers == (75, 30, 90)
    assert settings.check_target_ms == 15


def test_progress_that_is_too_long_stays_json() -> None:
    text = fitted({"small": 1, "big": ["x" * 100] * 100}, limit=200)

    assert json.loads(text) == {"small": 1, "leftOut": ["big"]}


def test_every_attempt_to_run_has_an_owner_of_its_own() -> None:
    assert len({lock.new_owner() for _ in range(100)}) == 100
    assert len(lock.new_owner()) <= 36
