"""One connection against a real socket: what is kept open, and what counts as not sent or as unclear."""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from _shared.connection import IDLE_LIMIT, WARM_LIMIT, Connection, Credentials, NotSent, Unclear

OK = b'HTTP/1.1 200 OK\r\nDate: Tue, 24 Nov 2026 20:24:26 GMT\r\nContent-Length: 11\r\n\r\n{"a": true}'
#: After an answer: the server closes the connection without having announced it.
GOODBYE = b"<goodbye>"


@contextmanager
def serving(*answers: bytes | None) -> Iterator[tuple[str, list[bytes]]]:
    """A server that gives one answer per request; None breaks the connection, after the answer before it when that ends
    with GOODBYE. Yields endpoint and requests."""
    listener = socket.create_server(("127.0.0.1", 0))
    received: list[bytes] = []
    left = list(answers)

    def serve() -> None:
        while left:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            with peer:
                received.append(b"<new connection>")
                while left and (request := _whole_request(peer)):
                    received.append(request)
                    answer = left.pop(0)
                    if answer is None:
                        break
                    peer.sendall(answer.removesuffix(GOODBYE))
                    if answer.endswith(GOODBYE):
                        break
            received.append(b"<closed>")

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1", received
    finally:
        listener.close()


def _whole_request(peer: socket.socket) -> bytes:
    """One request with its body; empty when the peer has closed."""
    received = b""
    while chunk := peer.recv(65536):
        received += chunk
        head, end, body = received.partition(b"\r\n\r\n")
        length = re.search(rb"Content-Length: (\d+)", head)
        if end and len(body) >= (int(length[1]) if length else 0):
            break
    return received


def connected(endpoint: str, **options: Any) -> Connection:
    return Connection(Credentials(endpoint, "raceday", "dynamic_key"), timeout=2, **options)


def test_a_request_carries_project_and_key_and_no_older_format_below_the_base_path() -> None:
    with serving(OK) as (endpoint, received):
        answer = connected(endpoint).send("POST", "/databases", {"name": "ü"})

    head, _, body = received[1].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v1/databases HTTP/1.1")
    assert b"X-Appwrite-Project: raceday" in head
    assert b"X-Appwrite-Key: dynamic_key" in head
    assert b"response-format" not in head.lower()
    assert body == b'{"name":"\\u00fc"}'
    assert answer.document() == {"a": True}


def test_the_server_clock_is_read_from_the_date_header() -> None:
    with serving(OK) as (endpoint, _):
        assert connected(endpoint).send("GET", "/x").server_time() == 1795551866.0


def test_the_connection_is_kept_for_the_next_request() -> None:
    with serving(OK, OK) as (endpoint, received):
        connection = connected(endpoint)
        connection.send("GET", "/1")
        connection.send("GET", "/2")

    assert received.count(b"<new connection>") == 1


@pytest.mark.parametrize(
    ("idle", "connections"), [(IDLE_LIMIT + 0.1, 1), (WARM_LIMIT, 1), (WARM_LIMIT + 0.1, 2)], ids=["", "limit", "over"]
)
@pytest.mark.parametrize("runs", [1, 2])
def test_a_connection_that_was_idle_for_very_long_is_not_used_again(idle: float, connections: int, runs: int) -> None:
    now = [0.0]
    with serving(OK, OK) as (endpoint, received):
        connection = connected(endpoint, clock=lambda: now[0])
        connection.send("GET", "/1")
        if runs == 2:
            connection.close()
            connection = connected(endpoint, clock=lambda: now[0])
        now[0] += idle
        connection.send("GET", "/2")

    assert received.count(b"<new connection>") == connections


def test_a_later_run_uses_the_connection_of_an_earlier_one_with_its_own_key() -> None:
    with serving(OK, OK) as (endpoint, received):
        first = connected(endpoint)
        first.send("GET", "/1")
        first.close()
        second = Connection(Credentials(endpoint, "raceday", "dynamic_other"), timeout=2)
        second.send("GET", "/2")

    assert received.count(b"<new connection>") == 1
    assert [b"dynamic_other" in each for each in received[1:3]] == [False, True]


def test_two_runs_at_a_time_never_share_a_connection() -> None:
    with serving(OK, OK) as (endpoint, received):
        first, second = connected(endpoint), connected(endpoint)
        first.send("GET", "/1")
        taken = first._open
        first.close()
        second.send("GET", "/2")
        third = connected(endpoint)

        assert second._open is taken
        assert third._kept_one() is None
    assert received.count(b"<new connection>") == 1


@pytest.mark.parametrize("idle", [0.0, IDLE_LIMIT + 1.0])
def test_a_connection_that_the_server_has_closed_meanwhile_is_noticed_before_anything_is_sent(idle: float) -> None:
    now = [0.0]
    with serving(OK + GOODBYE, OK) as (endpoint, received):
        first = connected(endpoint, clock=lambda: now[0])
        first.send("POST", "/1", {})
        first.close()
        _wait_for(received, b"<closed>")
        now[0] += idle
        answer = connected(endpoint, clock=lambda: now[0]).send("POST", "/2", {})

    assert answer.status == 200
    assert received.count(b"<new connection>") == 2


def test_a_connection_on_which_something_came_unasked_is_not_used_again() -> None:
    with serving(OK + OK, OK) as (endpoint, received):
        first = connected(endpoint)
        first.send("GET", "/1")
        first.close()
        connected(endpoint).send("GET", "/2")

    assert received.count(b"<new connection>") == 2


@pytest.mark.parametrize("answer", [None, OK.replace(b"Date", b"Connection: close\r\nDate")])
def test_a_connection_that_broke_or_ends_is_not_kept(answer: bytes | None) -> None:
    with serving(answer, OK) as (endpoint, received):
        first = connected(endpoint)
        with suppress(Unclear):
            first.send("GET", "/1")
        first.close()
        assert connected(endpoint)._kept_one() is None
        assert connected(endpoint).send("GET", "/2").status == 200

    assert received.count(b"<new connection>") == 2


def _wait_for(received: list[bytes], what: bytes) -> None:
    ends = time.monotonic() + 10
    while what not in received:
        assert time.monotonic() < ends
        time.sleep(0.001)


def test_a_broken_connection_leaves_the_outcome_unclear() -> None:
    with serving(None) as (endpoint, _), pytest.raises(Unclear):
        connected(endpoint).send("POST", "/x", {})


def test_a_half_answer_leaves_the_outcome_unclear() -> None:
    with serving(OK[:-5]) as (endpoint, _), pytest.raises(Unclear):
        connected(endpoint).send("POST", "/x", {})


def test_a_closed_port_means_that_nothing_was_sent() -> None:
    with serving() as (endpoint, _):
        pass

    with pytest.raises(NotSent):
        connected(endpoint).send("POST", "/x", {})


def answered(status: int, body: bytes, *headers: bytes) -> bytes:
    head = [b"HTTP/1.1 %d Said" % status, b"Content-Length: %d" % len(body), *headers]
    return b"\r\n".join([*head, b"", body])


APPWRITES = [
    (200, b'{"a": true}', {"a": True}),
    (204, b"", {}),
    (404, b'{"message": "m", "code": 404, "type": "t", "version": "1.8.1"}', None),
    (500, b'{"message": "", "code": 0, "type": "general_unknown"}', None),
]


@pytest.mark.parametrize(("status", "body", "document"), APPWRITES)
def test_what_appwrite_says_is_read(status: int, body: bytes, document: Any) -> None:
    with serving(answered(status, body)) as (endpoint, _):
        answer = connected(endpoint).send("DELETE", "/x")

    assert answer.status == status
    assert answer.document() == (document if document is not None else json.loads(body))


FOREIGN = [
    (404, b"404 page not found"),
    (404, b'{"message": "no healthy upstream"}'),
    (404, b'{"message": "m", "code": "404", "type": "t"}'),
    (404, b'{"message": "m", "code": 404, "type": null}'),
    (500, b"<html>"),
    (502, b""),
    (200, b""),
    (200, b"<html>"),
    (200, b"[]"),
    (200, b"null"),
    (200, b"7"),
    (200, b'{"a": '),
    (200, b"\xff\xfe"),
    (200, b"[" * 100_000),
    (200, b'{"a":' * 100_000),
    (200, b'{"a": %s}' % (b"9" * 10_000)),
    (301, b'{"$id": "x"}'),
    (308, b""),
]


@pytest.mark.parametrize(("status", "body"), FOREIGN, ids=[f"{status} {body[:12]!r}" for status, body in FOREIGN])
def test_what_is_not_appwrites_is_as_good_as_no_answer(status: int, body: bytes) -> None:
    with serving(answered(status, body)) as (endpoint, _):
        answer = connected(endpoint).send("GET", "/x")

    with pytest.raises(Unclear, match=f"not Appwrite's: {status}"):
        answer.document()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_named_and_the_key_goes_nowhere_else(status: int) -> None:
    with serving() as (elsewhere, received):
        place = f"Location: {elsewhere}/databases".encode()
        with serving(answered(status, b"", place)) as (endpoint, _):
            answer = connected(endpoint).send("GET", "/databases")

    with pytest.raises(Unclear, match=f"{status}, a redirect to '{elsewhere}/databases'; it was not followed"):
        answer.document()
    assert received == []


def test_the_key_is_not_shown_by_the_credentials() -> None:
    assert "geheim" not in repr(Credentials("http://x/v1", "p", "geheim"))


@pytest.mark.parametrize("endpoint", ["", "localhost/v1", "ftp://x/v1"])
def test_an_endpoint_that_is_no_address_is_refused(endpoint: str) -> None:
    with pytest.raises(ValueError, match="endpoint"):
        connected(endpoint)
