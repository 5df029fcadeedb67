"""One connection against a real socket: what is kept open, and what counts as not sent or as unclear."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from _shared.connection import IDLE_LIMIT, Connection, Credentials, NotSent, Unclear

OK = b'HTTP/1.1 200 OK\r\nDate: Tue, 24 Nov 2026 20:24:26 GMT\r\nContent-Length: 11\r\n\r\n{"a": true}'


@contextmanager
def serving(*answers: bytes | None) -> Iterator[tuple[str, list[bytes]]]:
    """A server that gives one answer per request; None breaks the connection. Yields endpoint and requests."""
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
                    peer.sendall(answer)

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


def test_a_request_carries_project_key_and_format_below_the_base_path() -> None:
    with serving(OK) as (endpoint, received):
        answer = connected(endpoint).send("POST", "/databases", {"name": "ü"})

    head, _, body = received[1].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v1/databases HTTP/1.1")
    assert b"X-Appwrite-Project: raceday" in head
    assert b"X-Appwrite-Key: dynamic_key" in head
    assert b"X-Appwrite-Response-Format: 1.8.0" in head
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


def test_a_connection_that_was_idle_too_long_is_not_used_again() -> None:
    now = [0.0]
    with serving(OK, OK) as (endpoint, received):
        connection = connected(endpoint, clock=lambda: now[0])
        connection.send("GET", "/1")
        now[0] += IDLE_LIMIT + 0.1
        connection.send("GET", "/2")

    assert received.count(b"<new connection>") == 2


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
