"""Answers that are not Appwrite's, as the embedded server plays them: byte for byte, for as many requests as asked."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from raceday_iac.devserver import faults
from raceday_iac.devserver.runner import RunningServer, start_server

from .functions_server import Client

FUNCTIONS = "/functions"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with start_server(tmp_path_factory.mktemp("foreign")) as server:
        yield server


@pytest.fixture
def own(running: RunningServer) -> Iterator[Client]:
    yield Client(running)
    running.call(lambda server: server.faults.clear())


def arm(own: Client, answer: str, **more: object) -> None:
    own.ok("POST", "/_dev/faults", {"path": "/v1/functions*", "answer": answer, **more})


def raw(own: Client, method: str = "GET", path: str = FUNCTIONS, *, most: int = 1 << 20) -> bytes:
    """What comes over the wire for one request, until the connection ends or `most` bytes have come."""
    place = urlsplit(own.running.endpoint)
    head = f"{method} /v1{path} HTTP/1.1\r\nhost: localhost\r\nx-appwrite-project: {own.running.project}\r\n"
    with socket.create_connection((place.hostname or "", place.port or 0), timeout=20) as connection:
        connection.sendall(f"{head}x-appwrite-key: {own.running.key}\r\n\r\n".encode())
        received = b""
        while len(received) < most and (part := connection.recv(65536)):
            received += part
        return received


def test_a_proxy_in_front_answers_in_text(own: Client) -> None:
    arm(own, "404-text")
    head, _, body = raw(own).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 404 Not Found\r\ncontent-type: text/plain")
    assert body == b"404 page not found\n"


def test_an_answer_is_given_as_often_as_asked_and_after_as_many_as_asked(own: Client) -> None:
    arm(own, "502-html", skip=1, times=2)
    assert [own.call("GET", FUNCTIONS).status_code for _ in range(5)] == [200, 502, 502, 200, 200]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_leads_to_the_same_path_elsewhere(own: Client, status: int) -> None:
    arm(own, f"redirect:{status}:https://appwrite.example")
    answer = own.call("GET", f"{FUNCTIONS}?a=1", allow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (status, "https://appwrite.example/v1/functions?a=1")


def test_a_redirect_to_a_place_of_its_own(own: Client) -> None:
    arm(own, "redirect:302:/login")
    assert own.call("GET", FUNCTIONS, allow_redirects=False).headers["location"] == "/login"


def test_what_is_given_instead_is_not_carried_out(own: Client) -> None:
    own.ok("POST", "/databases", {"databaseId": "kept", "name": "Kept"})
    own.ok("POST", "/_dev/faults", {"path": "/v1/databases/kept", "answer": "404-text"})
    assert own.call("DELETE", "/databases/kept", {}).status_code == 404
    assert own.ok("GET", "/databases/kept")["name"] == "Kept"


def test_what_is_spoilt_is_carried_out(own: Client) -> None:
    own.ok("POST", "/databases", {"databaseId": "gone", "name": "Gone"})
    own.ok("POST", "/_dev/faults", {"path": "/v1/databases/gone", "answer": "status:200"})
    assert own.call("DELETE", "/databases/gone", {}).status_code == 200
    assert own.call("GET", "/databases/gone").status_code == 404


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("without:total", {"databases": [{"$id": "a", "name": "A"}, {"$id": "b", "name": "B"}]}),
        ('set:total="2"', {"total": "2", "databases": [{"$id": "a", "name": "A"}, {"$id": "b", "name": "B"}]}),
        ("set:databases.0=null", {"total": 2, "databases": [None, {"$id": "b", "name": "B"}]}),
        ("without:databases.*.name", {"total": 2, "databases": [{"$id": "a"}, {"$id": "b"}]}),
        ("without:databases.1.$id", {"total": 2, "databases": [{"$id": "a", "name": "A"}, {"name": "B"}]}),
        ("without:nothing.7.at.all", {"total": 2, "databases": [{"$id": "a", "name": "A"}, {"$id": "b", "name": "B"}]}),
    ],
)
def test_an_answer_is_spoilt_in_one_place(answer: str, expected: object) -> None:
    import json

    whole = {"total": 2, "databases": [{"$id": "a", "name": "A"}, {"$id": "b", "name": "B"}]}
    given = faults.Answer(200, {"content-type": "application/json"}, json.dumps(whole).encode())
    (wire,) = faults.spoilt(answer, given)
    assert isinstance(wire, bytes)
    assert json.loads(wire.partition(b"\r\n\r\n")[2]) == expected


def test_the_date_can_be_taken_away_and_be_another(own: Client) -> None:
    arm(own, "date:")
    arm(own, "date:Thu, 01 Jan 1970 00:00:00 GMT")
    dates = [own.call("GET", FUNCTIONS).headers.get("date") for _ in range(2)]
    assert dates == [None, "Thu, 01 Jan 1970 00:00:00 GMT"]


@pytest.mark.parametrize("answer", ["drip:0.001", "huge"])
def test_what_has_no_end_ends_when_the_client_leaves(own: Client, answer: str) -> None:
    arm(own, answer)
    assert len(raw(own, most=300)) >= 300
    assert own.ok("GET", FUNCTIONS)["total"] == 0


def test_what_is_no_http_is_sent_as_it_is(own: Client) -> None:
    arm(own, "not-http")
    assert raw(own) == b"SSH-2.0-OpenSSH_9.6\r\n"


@pytest.mark.parametrize("name", [*faults._INSTEAD, *faults._SPOILT])
def test_every_answer_can_be_asked_for(own: Client, name: str) -> None:
    arguments = {"redirect": ":301:/x", "set": ":total=1", "without": ":total", "deep": ":total", "status": ":200"}
    arm(own, f"{name}{arguments.get(name, '')}", times=1)
    assert raw(own, most=10)


def test_one_that_does_not_exist_is_refused(own: Client) -> None:
    refused = own.call("POST", "/_dev/faults", {"answer": "418-teapot"})
    assert refused.status_code == 400
    assert "there is no answer '418-teapot'" in refused.json()["message"]
