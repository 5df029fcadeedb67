"""Reading from NZ TAB: who we say we are, what is tried again, what is given up, and what is never believed."""

from __future__ import annotations

import gzip
import json
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from _shared import nztab
from _shared.errors import Fatal, Retryable, Skip
from _shared.nztab import LONGEST_BODY, LONGEST_READ, MOST_PAGES, PAGE, NzTab
from _shared.runtime import Runtime

from .standin_run import Sent, StandInRun

DAY = date(2025, 7, 17)
GOOD = {"header": {"generated_time": "2025-07-17T10:48:11.805562713Z"}, "data": {"race": {"event_id": "r1"}}}
Answer = httpx.Response | Exception | Callable[[httpx.Request], httpx.Response]


class Upstream:
    """Answers with the given answers in turn; the last one for ever."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        answer = self.answers[min(len(self.requests), len(self.answers) - 1)]
        self.requests.append(request)
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, httpx.Response) else answer(request)


def good(data: Any = None) -> Answer:
    """A new answer each time: one that was read cannot be read again."""
    return lambda _: httpx.Response(200, json=GOOD if data is None else {"data": data})


def body(content: bytes) -> Answer:
    return lambda _: httpx.Response(200, content=content)


def status(number: int, **headers: str) -> Answer:
    return lambda _: httpx.Response(number, headers={name.replace("_", "-"): value for name, value in headers.items()})


def asked(*answers: Answer, environ: dict[str, str] | None = None) -> tuple[StandInRun, Upstream, NzTab]:
    upstream = Upstream(*answers)
    run = StandInRun(upstream)
    return run, upstream, NzTab(run, environ or {"NZTAB_API_BASE_URL": "https://tab.test"})  # type: ignore[arg-type]


def test_an_event_is_asked_for_with_the_wanted_flags() -> None:
    _, upstream, nztab = asked(good())

    data = nztab.event("r1", flags=("with_money_tracker", "with_will_pays"))

    assert data == GOOD["data"]
    address = "https://tab.test/affiliates/v1/racing/events/r1?with_money_tracker=true&with_will_pays=true"
    assert str(upstream.requests[0].url) == address
    assert nztab.generated == "2025-07-17T10:48:11.805562713Z"


def test_we_say_who_we_are() -> None:
    environ = {"NZTAB_CONTACT": "racing@example.com", "NZTAB_PARTNER": "Us", "NZTAB_PARTNER_ID": "us-1"}
    _, upstream, nztab = asked(good(), environ=environ | {"NZTAB_USER_AGENT": "Raceday/2"})
    nztab.event("r1", flags=())

    headers = upstream.requests[0].headers
    reported = {name: headers[name] for name in ("accept", "user-agent", "from", "x-partner", "x-partner-id")}
    assert reported == {
        "accept": "application/json",
        "user-agent": "Raceday/2",
        "from": "racing@example.com",
        "x-partner": "Us",
        "x-partner-id": "us-1",
    }


@pytest.mark.parametrize(
    ("setting", "base"),
    [
        ({}, "https://api.tab.co.nz"),
        ({"NZTAB_API_BASE_URL": ""}, "https://api.tab.co.nz"),
        ({"NZTAB_API_BASE_URL": "/nztab"}, "http://appwrite.test/nztab"),
        ({"NZTAB_API_BASE_URL": "https://other.test/api/"}, "https://other.test/api"),
    ],
)
def test_the_address_is_a_setting_that_may_lie_beside_appwrite(setting: dict[str, str], base: str) -> None:
    run = StandInRun(upstream := Upstream(good()))
    NzTab(run, setting).event("r1", flags=())  # type: ignore[arg-type]

    assert str(upstream.requests[0].url) == f"{base}/affiliates/v1/racing/events/r1"


@pytest.mark.parametrize("number", [408, 429, 500, 502, 503, 504])
def test_what_may_pass_is_asked_for_again(number: int) -> None:
    run, upstream, nztab = asked(status(number), good())

    assert nztab.event("r1", flags=()) == GOOD["data"]
    assert len(upstream.requests) == 2
    assert run.counts.as_dict() == {"nztab.requests": 2, f"nztab.status_{number}": 1}


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (httpx.ReadTimeout("slow"), "timeout"),
        (httpx.ConnectTimeout("slow"), "timeout"),
        (httpx.ConnectError("down"), "unreachable"),
        (httpx.RemoteProtocolError("cut"), "unreachable"),
    ],
)
def test_a_network_in_trouble_is_tried_again(error: Exception, kind: str) -> None:
    run, _, nztab = asked(error, good())

    assert nztab.event("r1", flags=()) == GOOD["data"]
    assert run.counts[f"nztab.{kind}"] == 1


def test_the_server_says_how_long_to_wait() -> None:
    run, _, nztab = asked(status(429, retry_after="7"), good())
    nztab.event("r1", flags=())

    assert run.slept == [7.0]


def test_the_server_may_say_until_when_to_wait() -> None:
    run, upstream, nztab = asked(good())
    upstream.answers.insert(0, status(503, retry_after=formatdate(run.instant + 11, usegmt=True)))
    nztab.event("r1", flags=())

    assert run.slept == [11.0]


def test_without_a_wish_waits_grow() -> None:
    run, _, nztab = asked(status(500), status(500), good())
    nztab.event("r1", flags=())

    assert run.slept == [0.25, 0.5]


@pytest.mark.parametrize(
    "content",
    [
        json.dumps(GOOD).encode()[:40],
        b"<!DOCTYPE html><html><body>Just an instant...</body></html>",
        b"",
        b"\xff\xfe\x00",
        b"[" * 200_000,
    ],
    ids=["truncated", "html", "empty", "binary", "nested"],
)
def test_what_is_no_json_is_asked_for_again(content: bytes) -> None:
    run, upstream, nztab = asked(body(content), good())

    assert nztab.event("r1", flags=()) == GOOD["data"]
    assert (len(upstream.requests), run.counts["nztab.not_json"]) == (2, 1)


@pytest.mark.parametrize("content", [b"[]", b"null", b"{}", b'{"data":null}', b'{"data":[]}', b'{"data":"x"}'])
def test_an_answer_without_data_skips_the_item_at_once(content: bytes) -> None:
    run, upstream, nztab = asked(body(content))

    with pytest.raises(Skip, match="no data"):
        nztab.event("r1", flags=())
    assert (len(upstream.requests), run.counts["nztab.no_data"]) == (1, 1)


@pytest.mark.parametrize("data", [{"runners": []}, {"race": None}, {"race": [1]}])
def test_an_event_without_a_race_is_skipped(data: dict[str, Any]) -> None:
    run, _, nztab = asked(good(data))

    with pytest.raises(Skip, match="no race"):
        nztab.event("r1", flags=())
    assert run.counts["nztab.no_race"] == 1


@pytest.mark.parametrize("number", [400, 404, 410, 301, 204])
def test_an_item_that_cannot_be_had_is_skipped_at_once(number: int) -> None:
    run, upstream, nztab = asked(status(number))

    with pytest.raises(Skip, match=str(number)):
        nztab.event("r1", flags=())
    assert (len(upstream.requests), run.counts[f"nztab.status_{number}"]) == (1, 1)


@pytest.mark.parametrize("number", [401, 403])
def test_a_client_that_is_refused_stops(number: int) -> None:
    _, upstream, nztab = asked(status(number))

    with pytest.raises(Fatal, match=str(number)):
        nztab.event("r1", flags=())
    assert len(upstream.requests) == 1


def test_a_body_that_is_too_large_is_not_read_to_its_end() -> None:
    sent = 0

    def endless(_: httpx.Request) -> httpx.Response:
        def parts() -> Any:
            nonlocal sent
            for _ in range(1000):
                sent += 1_000_000
                yield b"x" * 1_000_000

        return httpx.Response(200, content=parts())

    run, upstream, nztab = asked(endless)
    with pytest.raises(Skip, match="bytes"):
        nztab.event("r1", flags=())

    assert LONGEST_BODY < sent <= LONGEST_BODY + 1_000_000
    assert (len(upstream.requests), run.counts["nztab.too_large"]) == (1, 1)


def test_a_body_that_drips_in_is_given_up_and_asked_for_again() -> None:
    run, upstream, nztab = asked(good())

    def dripping(_: httpx.Request) -> httpx.Response:
        def parts() -> Any:
            while True:
                run.instant += LONGEST_READ / 3
                yield b" "

        return httpx.Response(200, content=parts())

    upstream.answers.insert(0, dripping)
    assert nztab.event("r1", flags=()) == GOOD["data"]
    assert run.counts["nztab.slow"] == 1


def packed(content: bytes, encoding: str = "gzip") -> Answer:
    """A packed body, as it comes over the network."""
    headers = {"content-encoding": encoding}
    return lambda _: httpx.Response(200, headers=headers, stream=Sent([content]))


#: Unpacks to 60 MB, which is many times what is kept; and packed once more, which makes it a few hundred bytes.
BOMB = gzip.compress(b" " * 60_000_000, 1)
NESTED = gzip.compress(BOMB)


def test_a_packed_body_is_unpacked() -> None:
    _, upstream, nztab = asked(packed(gzip.compress(json.dumps(GOOD).encode())))

    assert nztab.event("r1", flags=()) == GOOD["data"]
    assert upstream.requests[0].headers["accept-encoding"] == "gzip"


@pytest.mark.parametrize(
    "content",
    [b"no gzip", gzip.compress(b"{}")[:-4], gzip.compress(b'{"data": 1}')[:12], b""],
    ids=["another", "without its end", "cut in its middle", "empty"],
)
def test_a_body_that_cannot_be_unpacked_is_asked_for_again(content: bytes) -> None:
    run, upstream, nztab = asked(packed(content), good())

    assert nztab.event("r1", flags=()) == GOOD["data"]
    assert (len(upstream.requests), run.counts["nztab.not_unpacked"]) == (2, 1)


def test_a_body_that_can_never_be_unpacked_is_this_items_trouble() -> None:
    _, _, nztab = asked(packed(b"no gzip"))

    with pytest.raises(Retryable, match="not_unpacked"):
        nztab.event("r1", flags=(), attempts=2)


def test_a_few_bytes_that_unpack_to_too_many_are_not_unpacked() -> None:
    run, upstream, nztab = asked(packed(BOMB))

    tracemalloc.start()
    try:
        with pytest.raises(Skip, match="bytes"):
            nztab.event("r1", flags=())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert (len(upstream.requests), run.counts["nztab.too_large"]) == (1, 1)
    assert peak < 2.5 * LONGEST_BODY


@pytest.mark.parametrize("encoding", ["gzip, gzip", "gzip,gzip,gzip", "deflate", "br", "zstd", "x-gzip-bomb"])
def test_a_body_that_is_packed_otherwise_than_asked_is_not_unpacked(encoding: str) -> None:
    run, upstream, nztab = asked(packed(NESTED, encoding))

    with pytest.raises(Skip, match="not requested"):
        nztab.event("r1", flags=())

    assert (len(upstream.requests), run.counts["nztab.encoding"]) == (1, 1)


@pytest.mark.parametrize("size", [LONGEST_BODY, LONGEST_BODY + 1])
def test_the_limit_counts_what_comes_out(size: int) -> None:
    good_one = json.dumps(GOOD).encode()
    _, _, nztab = asked(packed(gzip.compress(good_one + b" " * (size - len(good_one)))))

    if size <= LONGEST_BODY:
        assert nztab.event("r1", flags=()) == GOOD["data"]
    else:
        with pytest.raises(Skip, match="bytes"):
            nztab.event("r1", flags=())


@pytest.mark.parametrize("error", [httpx.DecodingError("x"), httpx.TooManyRedirects("x"), httpx.StreamError("x")])
def test_whatever_the_library_raises_is_about_this_answer_alone(error: Exception) -> None:
    run, _, nztab = asked(error, good())

    assert nztab.event("r1", flags=()) == GOOD["data"]
    assert run.counts["nztab.unreachable"] == 1


def test_after_three_failures_nothing_is_asked_for_a_while() -> None:
    run, upstream, nztab = asked(status(500), status(500), status(500), good())

    with pytest.raises(Retryable, match="paused"):
        nztab.event("r1", flags=())
    with pytest.raises(Retryable, match="paused"):
        nztab.event("r2", flags=())
    assert (len(upstream.requests), run.counts["nztab.circuit_open"]) == (3, 2)

    run.instant += nztab.paused_for()
    assert nztab.event("r1", flags=()) == GOOD["data"]
    assert nztab.paused_for() == 0


def test_items_that_are_skipped_do_not_open_the_circuit() -> None:
    _, upstream, nztab = asked(status(404), status(404), status(404), status(404), good())

    for _ in range(4):
        with pytest.raises(Skip):
            nztab.event("r1", flags=())
    assert nztab.event("r1", flags=()) == GOOD["data"]
    assert len(upstream.requests) == 5


def test_a_run_at_its_end_does_not_try_again() -> None:
    run, upstream, nztab = asked(status(500))
    run.budget = 0

    with pytest.raises(Retryable, match="status_500"):
        nztab.event("r1", flags=())
    assert (len(upstream.requests), run.slept) == (1, [])


def page(size: int) -> Callable[[httpx.Request], httpx.Response]:
    def answer(request: httpx.Request) -> httpx.Response:
        offset, limit = (int(request.url.params[name]) for name in ("offset", "limit"))
        return httpx.Response(
            200, json={"data": {"meetings": [{"meeting": f"m{n}"} for n in range(size)][offset : offset + limit]}}
        )

    return answer


@pytest.mark.parametrize(
    ("size", "requests"), [(0, 1), (76, 1), (PAGE - 1, 1), (PAGE, 2), (PAGE + 1, 2), (2 * PAGE + 5, 3)]
)
def test_meetings_are_read_page_by_page(size: int, requests: int) -> None:
    _, upstream, nztab = asked(page(size))

    assert [meeting["meeting"] for meeting in nztab.meetings(DAY)] == [f"m{n}" for n in range(size)]
    assert len(upstream.requests) == requests
    assert upstream.requests[0].url.params["date_from"] == upstream.requests[0].url.params["date_to"] == "2025-07-17"


def test_a_server_that_ignores_the_offset_does_not_keep_us_for_ever() -> None:
    full = {"meetings": [{"meeting": f"m{n}"} for n in range(PAGE)]}
    run, upstream, nztab = asked(good(full))

    assert len(list(nztab.meetings(DAY))) == MOST_PAGES * PAGE
    assert (len(upstream.requests), run.counts["nztab.too_many_pages"]) == (MOST_PAGES, 1)


@pytest.mark.parametrize("meetings", [None, {}, "none", 3])
def test_an_answer_without_a_list_of_meetings_is_fatal(meetings: Any) -> None:
    _, _, nztab = asked(good({"meetings": meetings}))

    with pytest.raises(Fatal, match="no list of meetings"):
        list(nztab.meetings(DAY))


def test_entries_that_are_no_meetings_are_left_out() -> None:
    _, _, nztab = asked(good({"meetings": [None, {"meeting": "m1"}, "m2", 3, []]}))

    assert list(nztab.meetings(DAY)) == [{"meeting": "m1"}]


@pytest.mark.parametrize("error", [RuntimeError("x"), RecursionError(), UnicodeError("x"), OSError("x"), KeyError("x")])
def test_what_no_documentation_lists_is_about_this_answer_too(error: Exception) -> None:
    run, _, nztab = asked(error, good())

    assert nztab.event("r1", flags=()) == GOOD["data"]
    assert run.counts["nztab.unreachable"] == 1


def test_broken_bodies_do_not_open_the_circuit() -> None:
    _, upstream, nztab = asked(body(b"<html>"))

    for _ in range(3):
        with pytest.raises(Retryable, match="not_json"):
            nztab.event("r1", flags=(), attempts=2)
    assert (len(upstream.requests), nztab.paused_for()) == (6, 0.0)


# Connections.


class Networked(StandInRun):
    """Asks over a real network."""

    @property
    def runtime(self) -> Runtime:
        return super().runtime._replace(transport=lambda transport: transport)


@contextmanager
def listening(*, closes: bool = False) -> Iterator[tuple[str, list[tuple[str, int]]]]:
    """A server that knows every race, and from which places it was asked. `closes`: after each answer, unannounced."""
    places: list[tuple[str, int]] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            places.append(self.client_address[:2])
            content = b'{"data": {"race": {}}}'
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
            self.close_connection = closes

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", places
        server.shutdown()
        nztab._kept_transport.cache_clear()


@pytest.mark.parametrize(("closes", "connections"), [(False, 1), (True, 2)])
def test_a_later_run_goes_on_with_the_connection_of_an_earlier_one_while_it_is_open(
    closes: bool, connections: int
) -> None:
    nztab._kept_transport.cache_clear()
    with listening(closes=closes) as (address, places):
        runs = [Networked(), Networked()]
        for run in runs:
            with NzTab(run, {"NZTAB_API_BASE_URL": address}) as client:
                client.event("r1", flags=())
            while closes and not _is_closed():
                time.sleep(0.001)

    assert len(set(places)) == connections
    assert [run.counts["nztab.requests"] for run in runs] == [1, 1]


def _is_closed() -> bool:
    """Whether the goodbye of the server has arrived at the kept connection."""
    kept = nztab._kept_transport()._pool.connections
    return not kept or all(each.has_expired() for each in kept)
