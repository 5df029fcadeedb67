"""What fails about one race, meeting or runner stays its own, whatever raises it and whatever it is."""

from __future__ import annotations

import gzip
import json
import ssl
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from .poller_day import POLLER, RECORDED, polled, put_side_by_side, recorded
from .standin_run import Sent
from .test_daily_meetings import by_id, meeting, race, upstream
from .test_poller_bad_data import look

#: Nothing that the HTTP library, TLS or the interpreter may raise about one answer is listed in our code.
ERRORS: list[BaseException] = [
    httpx.DecodingError("Error -3 while decompressing data"),
    httpx.CookieConflict("two of one name"),
    RecursionError("maximum recursion depth exceeded"),
    UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
    MemoryError(),
    ssl.SSLError("bad record"),
    KeyError("content-type"),
    RuntimeError("generator raised StopIteration"),
]
BROKEN_BODIES: list[tuple[bytes, dict[str, str]]] = [
    (b"no gzip", {"content-encoding": "gzip"}),
    (gzip.compress(b'{"data": {}}', mtime=0)[:-6], {"content-encoding": "gzip"}),
    (b"\xff\xfe{", {}),
    (b'{"data":' + b"[" * 200_000, {}),
]


def nested(depth: int) -> Any:
    """Lists in lists: Python's JSON reads it, and writing it out may be too deep."""
    found: Any = []
    for _ in range(depth):
        found = [found]
    return found


def spoiling(ids: set[str], spoil: Callable[[], httpx.Response]) -> Callable[[Any], Any]:
    """For the `transport` of a runtime: answers about these ids are spoilt, all others are as they are."""

    def transport(real: Any) -> httpx.MockTransport:
        def answer(request: httpx.Request) -> httpx.Response:
            return spoil() if request.url.path.rpartition("/")[2] in ids else real.handle_request(request)

        return httpx.MockTransport(answer)

    return transport


def raising(error: BaseException) -> Callable[[], httpx.Response]:
    def spoil() -> httpx.Response:
        raise error

    return spoil


def broken(body: bytes, headers: dict[str, str]) -> Callable[[], httpx.Response]:
    return lambda: httpx.Response(200, headers=headers, stream=Sent([body]))


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_the_poller_polls_all_other_races_on_time(raceday: Any, error: BaseException) -> None:
    bad, *good = put_side_by_side(raceday, 3, minutes=1)

    called = raceday.call(POLLER, transport=spoiling({bad}, raising(error)))

    assert (called.outcome, polled(raceday)) == ("done", set(good))
    assert called.body["polls"] == 2 * 7
    assert len(called.context.events("run.summary")) == 1


@pytest.mark.parametrize(("body", "headers"), BROKEN_BODIES, ids=["no gzip", "cut gzip", "no text", "deep"])
def test_any_number_of_broken_bodies_hold_up_no_race_that_is_whole(
    raceday: Any, body: bytes, headers: dict[str, str]
) -> None:
    good, *bad = put_side_by_side(raceday, 8, minutes=1)

    called = raceday.call(POLLER, transport=spoiling(set(bad), broken(body, headers)))

    assert (called.outcome, polled(raceday), called.body["polls"]) == ("done", {good}, 7)
    assert "nztab.circuit_open" not in called.counts


def test_three_races_that_fail_at_every_request_hold_up_no_other(raceday: Any) -> None:
    good, *bad = put_side_by_side(raceday, 4, minutes=1)

    called = raceday.call(POLLER, transport=spoiling(set(bad), raising(httpx.ConnectError("down"))))

    assert (called.outcome, polled(raceday), called.body["polls"]) == ("done", {good}, 7)
    assert "nztab.circuit_open" not in called.counts


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_daily_races_imports_all_other_races(raceday: Any, error: BaseException) -> None:
    raceday.nztab.use(races=6)
    raceday.call("daily-meetings")
    bad = min(by_id(raceday, "races"))

    called = raceday.call("daily-races", transport=spoiling({bad}, raising(error)))

    assert (called.outcome, called.body["imported"], called.body["failed"]) == ("done", 5, 1)
    dated = {each["$id"] for each in raceday.documents("races") if each["raceDateNz"]}
    assert dated == set(by_id(raceday, "races")) - {bad}


DEEP = nested(900)
ODD: list[Any] = [DEEP, {"a": DEEP}, [{}], {"x": []}, 10**400, float("inf"), float("nan"), "\ud800", True]


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: type(odd).__name__)
def test_daily_meetings_imports_all_other_meetings_and_races(raceday: Any, odd: Any) -> None:
    keys = ("meeting", "name", "country", "category", "category_name", "date", "races")
    bad = [meeting(race(50 + n), **{"meeting": f"meeting-{50 + n}", key: odd}) for n, key in enumerate(keys)]
    keys = ("id", "race_number", "start_time", "status", "name", "weather", "distance")
    bad_races = [race(20 + n, **{key: odd}) for n, key in enumerate(keys)]
    listed = [meeting(race(1), *bad_races, race(2)), *bad, meeting(race(3), meeting="meeting-2")]

    called = raceday.call("daily-meetings", transport=upstream(*listed, body=encoded))

    assert called.outcome == "done"
    assert set(by_id(raceday, "meetings")) >= {"meeting-1", "meeting-2"}
    assert set(by_id(raceday, "races")) >= {"race-1", "race-2", "race-3"}


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: type(odd).__name__)
def test_the_status_poller_refreshes_all_other_meetings(raceday: Any, odd: Any) -> None:
    keys = ("meeting", "date", "track_condition", "rail_position", "races")
    names = [f"meeting-{n}" for n in range(len(keys) + 1)]
    raceday.call("daily-meetings", transport=upstream(*(meeting(race(n), meeting=n_) for n, n_ in enumerate(names))))
    bad = [meeting(**{"meeting": name, key: odd}) for name, key in zip(names, keys, strict=False)]

    called = raceday.call(
        "meeting-status-poller",
        transport=upstream(*bad, meeting(meeting=names[-1], track_condition="Heavy9"), body=encoded),
    )

    assert called.outcome == "done"
    assert by_id(raceday, "meetings")[names[-1]]["trackCondition"] == "Heavy9"


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: type(odd).__name__)
@pytest.mark.parametrize("key", ["entrant_id", "runner_number", "name", "gear", "odds", "scratch_time", "weight"])
def test_a_poll_keeps_all_other_runners(bundles: Any, key: str, odd: Any) -> None:
    event = recorded()
    event["runners"][0][key] = odd

    found, _ = look(bundles, event)

    entrants = {write.identity for write in found.all_writes if write.collection == "entrants"}
    assert len(entrants) >= 7
    assert found.all_writes[-1].identity == RECORDED


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: type(odd).__name__)
@pytest.mark.parametrize("key", ["event_id", "status", "actual_start"])
def test_a_race_that_cannot_be_understood_is_stamped(bundles: Any, key: str, odd: Any) -> None:
    event = recorded()
    event["race"][key] = odd

    found, _ = look(bundles, event)

    assert found.all_writes[-1].data["last_poll_time"]


def encoded(envelope: Any) -> bytes:
    """As JSON, however deep: what cannot be written out here is written by hand."""
    hole = '"DEEP"'
    text = json.dumps(_without_deep(envelope)).replace(hole, "[" * 901 + "]" * 901)
    return text.encode()


def _without_deep(value: Any) -> Any:
    if value is DEEP:
        return "DEEP"
    if isinstance(value, dict):
        return {key: _without_deep(each) for key, each in value.items()}
    return [_without_deep(each) for each in value] if isinstance(value, list) else value
