"""HTTP as it really comes: in pieces, in chunks, without a length, garbled, and behind TLS."""

from __future__ import annotations

import itertools
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from _shared import wire
from _shared.connection import Connection, Credentials, parse_date
from _shared.wire import Garbled, Response, Wire


@contextmanager
def answering(
    *pieces: bytes, secured: Callable[[socket.socket], socket.socket] | None = None, in_turn: bool = False
) -> Iterator[int]:
    """A server that sends these pieces to whoever has sent a request, and closes. `in_turn`: one for each request."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        peer, _ = listener.accept()
        try:
            with peer if secured is None else secured(peer) as talking:
                talking.recv(65536)
                for number, piece in enumerate(pieces):
                    if in_turn and number:
                        talking.recv(65536)
                    talking.sendall(piece)
        except OSError:
            return  # the client has left, which some tests want

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.close()


@contextmanager
def answering_forever(piece: bytes) -> Iterator[int]:
    with answering(*itertools.repeat(piece, 100_000)) as port:
        yield port


def asked(*pieces: bytes, method: str = "GET") -> Response:
    with answering(*pieces) as port:
        connection = Wire("127.0.0.1", port, secure=False, timeout=5)
        try:
            return connection.exchange(method, "/v1/x", {"Accept": "application/json"}, None)
        finally:
            connection.close()


def test_a_body_of_known_length_may_come_in_pieces() -> None:
    found = asked(b"HTTP/1.1 200 OK\r\nContent-Le", b"ngth: 6\r\nX: 1\r\nx:2\r\n\r\nabc", b"def")

    assert found == (200, {"content-length": "6", "x": "1, 2"}, b"abcdef", True)


def test_chunks_are_put_together_and_what_follows_them_is_left_out() -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

    found = asked(head, b"3;note=1\r\nabc\r\n", b"A\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n")

    assert (found.body, found.kept) == (b"abc0123456789", True)


def test_without_a_length_the_body_goes_on_until_the_end_of_the_connection() -> None:
    found = asked(b"HTTP/1.1 200 OK\r\n\r\nabc", b"def")

    assert (found.body, found.kept) == (b"abcdef", False)


LARGE = b"x" * 1_000_000


@pytest.mark.parametrize(
    "pieces",
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99000000000\r\n\r\n", LARGE),
        (b"HTTP/1.1 200 OK\r\n\r\n", *[LARGE] * 34),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", *[b"F4240\r\n" + LARGE + b"\r\n"] * 34),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFF\r\n", LARGE),
    ],
    ids=["announced", "without an end", "chunks", "one chunk"],
)
def test_a_body_without_measure_is_not_read_to_its_end(pieces: tuple[bytes, ...]) -> None:
    with pytest.raises(Garbled, match="more than 32000000 bytes"):
        asked(*pieces)


def test_an_answer_that_drips_in_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each piece comes in time, and the answer never ends."""
    monkeypatch.setattr(wire, "LONGEST_EXCHANGE", 0.05)
    news = b"HTTP/1.1 103 Early Hints\r\n\r\n" * 100

    with answering_forever(news) as port:
        connection = Wire("127.0.0.1", port, secure=False, timeout=5)
        with pytest.raises(Garbled, match="not at its end"):
            connection.exchange("GET", "/v1/x", {}, None)
        connection.close()


@pytest.mark.parametrize("status", [204, 304])
def test_some_answers_have_no_body_whatever_they_say(status: int) -> None:
    assert asked(f"HTTP/1.1 {status} x\r\nContent-Length: 5\r\n\r\n".encode()).body == b""


def test_news_before_the_answer_are_passed_over() -> None:
    news = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"

    assert asked(news, b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n").status == 201


@pytest.mark.parametrize(
    ("first", "kept"),
    [
        (b"HTTP/1.1 200 OK\r\nConnection: close", False),
        (b"HTTP/1.0 200 OK", False),
        (b"HTTP/1.0 200 OK\r\nConnection: Keep-Alive", True),
        (b"HTTP/1.1 200", True),
    ],
)
def test_the_connection_is_kept_only_when_the_server_keeps_it(first: bytes, kept: bool) -> None:
    assert asked(first + b"\r\nContent-Length: 0\r\n\r\n").kept is kept


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0-OpenSSH_9\r\n\r\n",
        b"HTTP/1.1 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\nabcde",
        b"HTTP/1.1 200 OK\r\nno header\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 201 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nx: " + b"y" * 70_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
    ],
)
def test_what_is_no_whole_answer_is_none(answer: bytes) -> None:
    with pytest.raises(Garbled):
        asked(answer)


@pytest.mark.parametrize(
    ("target", "headers"), [("/a b", {}), ("/a\r\nX: y", {}), ("/a", {"X": "1\r\nY: 2"}), ("/a", {"X\n": "1"})]
)
def test_nothing_can_be_smuggled_into_a_request(target: str, headers: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="not fit"):
        wire._request("GET", target, headers, None)


def test_a_write_without_a_body_says_so() -> None:
    assert b"\r\nContent-Length: 0\r\n" in wire._request("POST", "/x", {}, None)
    assert b"Content-Length" not in wire._request("GET", "/x", {}, None)


@pytest.mark.parametrize(
    ("endpoint", "parts"),
    [
        ("http://appwrite/v1", ("appwrite", 80, "/v1", False)),
        ("https://cloud.example.org/v1/", ("cloud.example.org", 443, "/v1", True)),
        ("HTTP://localhost:8080", ("localhost", 8080, "", False)),
        ("http://[::1]:8080/v1", ("::1", 8080, "/v1", False)),
    ],
)
def test_addresses_are_taken_apart(endpoint: str, parts: tuple[Any, ...]) -> None:
    found = Connection(Credentials(endpoint, "p", "k"))

    assert (found._place[1], found._place[2], found._base, found._place[0]) == parts


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://user:secret@host/v1",
        "http://:80/v1",
        "http://host/v1?x=1",
        "http:///v1",
        "http://h:x/",
        "http://[::1]8/",
    ],
)
def test_other_addresses_are_refused(endpoint: str) -> None:
    with pytest.raises(ValueError, match="endpoint"):
        Connection(Credentials(endpoint, "p", "k"))


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("Tue, 24 Nov 2026 20:24:26 GMT", 1795551866.0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
        ("Tue, 24 Foo 2026 20:24:26 GMT", None),
        ("Tue, 31 Feb 2026 20:24:26 GMT", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_dates_are_read_as_servers_write_them(text: str, instant: float | None) -> None:
    assert parse_date(text) == instant


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("a certificate is made with openssl, which is not installed")
    folder = tmp_path_factory.mktemp("tls")
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    command = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *names, *files]
    subprocess.run(command, check=True, capture_output=True)
    return folder


@pytest.mark.parametrize("trusted", [True, False])
def test_tls_is_used_and_the_certificate_checked(
    certificate: Path, monkeypatch: pytest.MonkeyPatch, trusted: bool
) -> None:
    monkeypatch.setattr(wire, "_trusted", None)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate / "cert.pem") if trusted else "/dev/null")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

    with answering(answer, secured=lambda peer: context.wrap_socket(peer, server_side=True)) as port:
        if not trusted:
            with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
                Wire("localhost", port, secure=True, timeout=5)
            return
        connection = Wire("localhost", port, secure=True, timeout=5)
        assert connection.exchange("GET", "/", {}, None).body == b"ok"
        connection.close()


def test_over_tls_a_later_run_needs_no_handshake_of_its_own(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "_trusted", None)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate / "cert.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
    shaken: list[str] = []

    def secured(peer: socket.socket) -> socket.socket:
        made = context.wrap_socket(peer, server_side=True)
        shaken.append(made.version() or "")
        return made

    # The first piece answers the first request, the second one waits for the next.
    with answering(answer, answer, secured=secured, in_turn=True) as port:
        for _ in range(2):
            connection = Connection(Credentials(f"https://localhost:{port}/v1", "p", "k"), timeout=5)
            assert connection.send("GET", "/x").status == 200
            connection.close()

    assert len(shaken) == 1
