"""Wrong answers to every kind of request that the functions make, of what lies before Appwrite and of the NZ TAB: none
is believed, no run ends without a summary, and what is wrong with one race stays with that race."""

from __future__ import annotations

import gzip
import importlib
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from functions.poller_day import POLLER, put_race, put_side_by_side
from functions.raceday import Called, package_of
from functions.standin_run import Sent

from raceday_iac.devserver.faults import RequestFault

from .harness import Elsewhere

SCHEDULER, MEETINGS, RACES, STATUS = "master-race-scheduler", "daily-meetings", "daily-races", "meeting-status-poller"
ALWAYS = 1_000_000
#: Appwrite's own, of a server that lacks the route: it says nothing about what was asked for, and waiting is no use.
NO_ROUTE = "404-route"
LOCKS = "*/collections/locks/documents"
#: What may come back for any request.
FOREIGN = (
    *("404-text 404-html 404-json 404-half 409-text 401-html 403-html 500-html 502-html".split()),
    *("200-html 200-text 200-empty 200-null 200-list 200-string 200-object 204-empty 204-body".split()),
    *("json-cut json-deep json-latin not-http bad-chunks body-cut head-cut bomb bomb-twice huge".split()),
    *("redirect:301:https://appwrite.example", "redirect:307:/console/login"),
)


def upset(raceday: Any, method: str, path: str, answer: str, times: int = ALWAYS) -> None:
    """From now on such requests are answered wrongly."""
    raceday.server.server.faults.add(RequestFault(method=method, path=path, answer=answer, times=times))


def ended(called: Called) -> dict[str, Any]:
    """The summary, of which every run that got its lock has exactly one, and no crash."""
    assert called.context.events("run.crashed") == []
    (summary,) = called.context.events("run.summary")
    return summary


def a_due_race(raceday: Any) -> str:
    put_race(raceday, "r1", raceday.time.now() + timedelta(minutes=10))
    return "r1"


# The lock.


@pytest.mark.parametrize("answer", [*FOREIGN, NO_ROUTE])
def test_no_wrong_answer_is_taken_for_a_missing_lock_store_or_for_a_held_lock(raceday: Any, answer: str) -> None:
    upset(raceday, "*", f"{LOCKS}*", answer)

    called = raceday.call(SCHEDULER)

    assert called.status == 500
    (event,) = called.context.events("lock.unusable")
    assert event["error"] == "LockUnclear"
    assert raceday.documents("races") == []


@pytest.mark.parametrize("answer", [*FOREIGN, NO_ROUTE])
def test_a_wrong_answer_to_the_creation_of_the_lock_costs_one_attempt(raceday: Any, answer: str) -> None:
    upset(raceday, "POST", LOCKS, answer, times=1)

    called = raceday.call(SCHEDULER)

    assert (called.status, called.outcome) == (200, "done")
    assert raceday.document("locks", f"{SCHEDULER}-lock") is None


@pytest.mark.parametrize(
    "answer", ["404-text", "404-html", "404-route", "502-html", "200-empty", "204-empty", "200-list"]
)
def test_a_wrong_answer_to_a_sign_of_life_does_not_lose_the_lock(raceday: Any, answer: str) -> None:
    put_side_by_side(raceday, 1, minutes=1)
    lock = f"{LOCKS}/{POLLER}-lock"
    upset(raceday, "PATCH", lock, answer, times=1)
    upset(raceday, "GET", lock, answer, times=1)

    called = raceday.call(POLLER)

    assert (called.outcome, called.body["polls"]) == ("done", 7)
    assert called.context.events("lock.released")[0]["released"]


@pytest.mark.parametrize("answer", ["404-text", "502-html", "200-empty", "204-body", "200-object"])
def test_a_wrong_answer_to_giving_the_lock_back_is_asked_for_again(raceday: Any, answer: str) -> None:
    upset(raceday, "DELETE", f"{LOCKS}/*", answer, times=1)
    upset(raceday, "GET", f"{LOCKS}/*", answer, times=1)

    called = raceday.call(MEETINGS)

    assert called.context.events("lock.released")[0]["released"]
    assert raceday.documents("locks") == []


# Reading.


@pytest.mark.parametrize(
    "answer", [*FOREIGN, 'set:total="1"', "without:total", "without:documents", "set:documents.0=null"]
)
def test_no_wrong_list_of_races_is_taken_for_a_day_without_races(raceday: Any, answer: str) -> None:
    a_due_race(raceday)
    upset(raceday, "GET", "*/races/documents", answer)

    called = raceday.call(SCHEDULER)

    assert (called.status, called.outcome, called.body["category"]) == (500, "failed", "retryable")
    assert ended(called)["phase"] == "begun"


def test_a_server_without_the_route_is_no_day_without_races_either(raceday: Any) -> None:
    a_due_race(raceday)
    upset(raceday, "GET", "*/races/documents", NO_ROUTE)

    called = raceday.call(SCHEDULER)

    assert (called.status, called.outcome, called.body["category"]) == (500, "failed", "fatal")


@pytest.mark.parametrize("answer", ["404-text", "200-empty", "200-object", "without:documents", "502-html"])
def test_the_poller_is_not_started_when_nobody_knows_whether_it_works(raceday: Any, answer: str) -> None:
    a_due_race(raceday)
    upset(raceday, "GET", LOCKS, answer)

    called = raceday.call(SCHEDULER)

    assert (called.status, called.outcome) == (500, "failed")
    ended(called)


@pytest.mark.parametrize("answer", ["404-text", "404-route", "200-object", "redirect:302:/login"])
def test_a_database_that_cannot_be_seen_is_not_made_once_more(raceday: Any, answer: str) -> None:
    upset(raceday, "GET", "*/databases/raceday-db", answer)
    before = raceday.requests()[("POST", "/v1/databases")]

    called = _set_up(raceday)

    assert called["healthy"] is False
    assert called["created"] == 0
    assert raceday.requests()[("POST", "/v1/databases")] == before


def _set_up(raceday: Any) -> dict[str, Any]:
    from functions.runtime import context

    reported = context(raceday.server.key, "{}")
    module = importlib.import_module(f"{package_of('database-setup')}.src.main")
    # It waits between its attempts, in real time.
    backoff = importlib.import_module(f"{package_of('database-setup')}.src.vendor.backoff")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(backoff.Backoff, "wait", lambda *_: 0.0)
        answer: dict[str, Any] = json.loads(module.handle(reported)["body"])
    return answer


# Writing.


@pytest.mark.parametrize("answer", [*FOREIGN[:18], 'set:status="pending"', "without:status"])
def test_what_is_not_known_to_be_written_is_written_again(raceday: Any, answer: str) -> None:
    upset(raceday, "PATCH", "*/transactions/*", answer, times=1)

    called = raceday.call(MEETINGS)

    assert called.outcome == "done"
    assert (len(raceday.documents("meetings")), len(raceday.documents("races"))) == (12, 96)


@pytest.mark.parametrize("path", ["*/transactions", "*/transactions/*/operations", "*/transactions/*"])
def test_a_race_whose_writes_are_never_confirmed_stays_unstamped(raceday: Any, path: str) -> None:
    (race,) = put_side_by_side(raceday, 1, minutes=1)
    upset(raceday, "POST" if path != "*/transactions/*" else "PATCH", path, "404-text")

    called = raceday.call(POLLER)

    assert (called.status, called.outcome, called.body["category"]) == (500, "failed", "retryable")
    ended(called)
    assert raceday.document("races", race)["last_poll_time"] is None


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_the_key_goes_to_nobody_whom_an_answer_points_to(raceday: Any, other: Elsewhere, status: int) -> None:
    a_due_race(raceday)
    upset(raceday, "*", "*/races/documents", f"redirect:{status}:{other.address}")

    called = raceday.call(SCHEDULER)

    assert called.outcome == "failed"
    assert "redirect" in called.body["message"]
    assert other.headers == []


def test_an_answer_that_drips_in_is_given_up(raceday: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    a_due_race(raceday)
    wire = importlib.import_module(f"{package_of(SCHEDULER)}.src.vendor.wire")
    monkeypatch.setattr(wire, "LONGEST_EXCHANGE", 0.05)
    upset(raceday, "GET", "*/races/documents", "drip:0.01")

    called = raceday.call(SCHEDULER)

    assert (called.outcome, called.body["category"]) == ("failed", "retryable")


# What the NZ TAB sends.

BOMB = gzip.compress(b" " * 60_000_000, 1)
Spoil = Callable[[httpx.Response], httpx.Response]


def packed(content: bytes, encoding: str) -> Spoil:
    return lambda _: httpx.Response(200, headers={"content-encoding": encoding}, stream=Sent([content]))


def dripping(_: httpx.Response) -> httpx.Response:
    def parts() -> Iterator[bytes]:
        yield b'{"data":'
        raise httpx.ReadError("the connection broke")

    return httpx.Response(200, stream=Sent(parts()))


def garbled(_: httpx.Response) -> httpx.Response:
    raise httpx.DecodingError("not what it says")


BAD_BODIES: dict[str, Spoil] = {
    "a bomb": packed(BOMB, "gzip"),
    "a bomb in a bomb": packed(gzip.compress(BOMB), "gzip, gzip"),
    "three times packed": packed(gzip.compress(gzip.compress(BOMB)), "gzip,gzip,gzip"),
    "packed in a way that nobody asked for": packed(b"\x1b\x03\x00", "br"),
    "broken packing": packed(b"\x1f\x8b\x08 no gzip at all", "gzip"),
    "packing without its end": packed(gzip.compress(b'{"data": {}}')[:-6], "gzip"),
    "a body that breaks off": dripping,
    "what the library cannot decode": garbled,
    "deep json": lambda _: httpx.Response(200, stream=Sent([b"[" * 200_000])),
}


def spoiling(spoil: Spoil, *races: str) -> Callable[[Any], Any]:
    """A transport that spoils the answers about these races."""

    class Spoiling(httpx.BaseTransport):
        def __init__(self, inner: Any) -> None:
            self._inner = inner

        def handle_request(self, request: httpx.Request) -> httpx.Response:
            response: httpx.Response = self._inner.handle_request(request)
            if not any(race in request.url.path for race in races):
                return response
            # What is never read would keep its connection, of which there are only a few.
            response.close()
            return spoil(response)

        def close(self) -> None:
            self._inner.close()

    return Spoiling


@pytest.mark.parametrize("bad", BAD_BODIES)
def test_a_bad_body_costs_the_poll_of_its_own_race(raceday: Any, bad: str) -> None:
    spoilt, *others = put_side_by_side(raceday, 4, minutes=1)

    called = raceday.call(POLLER, transport=spoiling(BAD_BODIES[bad], spoilt))

    assert called.outcome == "done"
    ended(called)
    polls = {race: raceday.document("races", race)["last_poll_time"] for race in (spoilt, *others)}
    assert all(polls[race] for race in others)
    assert called.body["polls"] >= 3 * 7
    assert {raceday.nztab.polls[race] for race in others} == {7}


@pytest.mark.parametrize("bad", BAD_BODIES)
def test_a_bad_body_costs_the_import_of_its_own_race(raceday: Any, bad: str) -> None:
    spoilt, *others = put_side_by_side(raceday, 3, minutes=120)

    called = raceday.call(RACES, transport=spoiling(BAD_BODIES[bad], spoilt))

    ended(called)
    dated = {each["$id"] for each in raceday.documents("races") if each["raceDateNz"]}
    assert dated == set(others)


@pytest.mark.parametrize("bad", BAD_BODIES)
def test_a_bad_list_of_meetings_is_no_day_without_meetings(raceday: Any, bad: str) -> None:
    called = raceday.call(MEETINGS, transport=spoiling(BAD_BODIES[bad], "/meetings"))

    assert (called.status, called.outcome) == (500, "failed")
    ended(called)
    assert raceday.documents("meetings") == []
