"""Requests over real sockets: what is sent, what is sent again, and what a refusal says."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from raceday_iac.errors import (
    AccessError,
    ConflictError,
    NotFoundError,
    ProviderError,
    ServerFaultError,
    ThrottledError,
    UnreachableError,
)
from raceday_iac.kinds.base import ARCHIVE, Call
from raceday_iac.model.secret import Secret
from raceday_iac.provider.appwrite import RetryPolicy, Transport
from raceday_iac.waiting import WAITS

from .answering import CUT, Answering, Reply, Slept, error, transport

GET = Call("get", "/functions/f")
UPLOADED = {"$id": "b1", "status": "waiting"}
POST = Call("post", "/databases", {"databaseId": "d"})
SAFE = [Call("get", "/x"), Call("put", "/x", {"a": 1}), Call("patch", "/x", {"a": 1}), Call("delete", "/x")]


# What is sent.


def test_a_request_carries_project_and_key(server: Answering, slept: Slept) -> None:
    transport(server, slept).request(GET)
    headers = server.asked[0].headers
    assert headers["x-appwrite-project"] == "my-project"
    assert headers["x-appwrite-key"] == "my-key"


def test_no_format_is_said_so_that_a_server_speaks_its_own(server: Answering, slept: Slept) -> None:
    """The SDK has one, and a server's adapters for older ones write what nobody asked for."""
    transport(server, slept).request(GET)
    assert "x-appwrite-response-format" not in server.asked[0].headers


def test_an_anonymous_request_carries_no_key(server: Answering, slept: Slept) -> None:
    sender = transport(server, slept)
    sender.request(GET, anonymous=True)
    sender.request(GET)
    assert "x-appwrite-key" not in server.asked[0].headers
    assert server.asked[1].headers["x-appwrite-key"] == "my-key"


def test_cookies_are_not_sent_back(server: Answering) -> None:
    server.will(Reply(headers={"content-type": "application/json", "set-cookie": "route=a; Path=/"}))
    sender = transport(server, lambda _seconds: None)
    for _ in range(2):
        sender.request(GET)
    assert [each.headers.get("cookie") for each in server.asked] == [None, None]


def test_name_and_password_in_the_endpoint_are_sent(server: Answering) -> None:
    sender = Transport(f"http://shop:open@127.0.0.1:{server.port}/v1", "p", Secret("k"))
    for method in ("get", "put"):
        sender.request(Call(method, "/functions/f"))
    assert [each.headers["authorization"] for each in server.asked] == ["Basic c2hvcDpvcGVu"] * 2


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_the_environment_names_the_certificates(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)
    assert Transport("https://localhost/v1", "p", Secret("k"))._session.verify is True
    file = tmp_path / "company.pem"
    monkeypatch.setenv(variable, str(file))
    with pytest.raises(UnreachableError, match=f"{variable} names .*company.pem for certificates, which is not there"):
        Transport("https://localhost/v1", "p", Secret("k"))
    file.touch()
    assert Transport("https://localhost/v1", "p", Secret("k"))._session.verify == str(file)


def test_queries_reach_the_server_as_they_are(server: Answering) -> None:
    asked = {"queries": ['{"method":"equal","values":["a&b=c d/ä%41+"]}', "~"], "total": False}
    transport(server, lambda _seconds: None).request(Call("get", "/functions", asked))
    assert server.asked[0].query == {"queries[0]": [asked["queries"][0]], "queries[1]": ["~"], "total": ["false"]}


def test_no_proxy_is_asked_for_this_machine_itself(
    server: Answering, slept: Slept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://user:password@127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    transport(server, slept).request(GET)
    assert server.lines == ["GET /v1/functions/f"]


def test_a_proxy_that_cannot_be_reached_is_named(slept: Slept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://user:password@127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    with pytest.raises(UnreachableError) as caught:
        Transport("http://appwrite.example/v1", "p", Secret("k"), sleep=slept).request(GET)
    assert "the proxy http://127.0.0.1:1 that the environment names" in caught.value.hint


def test_a_body_is_json(server: Answering, slept: Slept) -> None:
    transport(server, slept).request(POST)
    assert server.asked[0].headers["content-type"] == "application/json"
    assert server.asked[0].json == {"databaseId": "d"}


def test_lists_in_a_query_are_numbered_as_the_server_wants_them(server: Answering, slept: Slept) -> None:
    transport(server, slept).request(Call("get", "/functions", {"queries": ['{"method":"limit"}', "b"]}))
    assert server.asked[0].query == {"queries[0]": ['{"method":"limit"}'], "queries[1]": ["b"]}


def test_a_slash_at_the_end_of_the_endpoint_makes_no_difference(server: Answering, slept: Slept) -> None:
    Transport(f"http://127.0.0.1:{server.port}/v1/", "p", Secret("k")).request(GET)
    assert server.lines == ["GET /v1/functions/f"]


# What comes back.


def test_an_answer_is_parsed(server: Answering, slept: Slept) -> None:
    server.will(Reply(200, {"$id": "f", "name": "ä"}))
    assert transport(server, slept).request(GET) == {"$id": "f", "name": "ä"}


def test_a_deletion_is_answered_by_nothing(server: Answering, slept: Slept) -> None:
    server.will(Reply(204, b""))
    assert transport(server, slept).request(Call("delete", "/x")) is None


def test_bytes_are_given_where_they_are_asked_for(server: Answering, slept: Slept) -> None:
    server.will(Reply(200, b"\x1f\x8b", {"content-type": "application/gzip"}))
    assert transport(server, slept).request(Call("get", "/x/download", answer=ARCHIVE)) == b"\x1f\x8b"


@pytest.mark.parametrize(
    "reply",
    [
        Reply(200, b"<html>console</html>", {"content-type": "text/html"}),
        Reply(200, b'{"total": '),
        Reply(200, []),
        Reply(200, "text"),
        Reply(200, 5),
    ],
    ids=["html", "cut json", "list", "text", "number"],
)
def test_an_answer_that_appwrite_would_not_give_is_reported_with_the_endpoint(
    server: Answering, slept: Slept, reply: Reply
) -> None:
    server.will(reply)
    with pytest.raises(ProviderError, match="does not answer like Appwrite to GET /functions") as caught:
        transport(server, slept).request(GET)
    assert f":{server.port}/v1" in caught.value.message
    assert "ends in /v1" in caught.value.hint


# What is sent again.


@pytest.mark.parametrize("call", SAFE, ids=lambda call: call.method)
@pytest.mark.parametrize("failure", [error(500), error(503), error(429), CUT], ids=["500", "503", "429", "cut"])
def test_what_says_what_shall_be_so_is_sent_again(server: Answering, slept: Slept, call: Call, failure: Any) -> None:
    server.will(failure, failure, Reply(204, b"") if call.method == "delete" else Reply())
    assert transport(server, slept).request(call) == (None if call.method == "delete" else {"$id": "x"})
    assert len(server.asked) == 3
    assert len(slept) == 2


def test_pauses_double_up_to_a_limit(server: Answering, slept: Slept) -> None:
    server.will(error(500))
    with pytest.raises(ServerFaultError):
        transport(server, slept, attempts=7, first_pause=1.0, longest_pause=5.0).request(GET)
    assert slept == [1.0, 2.0, 4.0, 5.0, 5.0, 5.0]


def test_it_gives_up_after_the_last_attempt(server: Answering, slept: Slept) -> None:
    server.will(error(500))
    with pytest.raises(ServerFaultError):
        transport(server, slept, attempts=3).request(GET)
    assert len(server.asked) == 3


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 408])
def test_a_plain_refusal_is_not_sent_again(server: Answering, slept: Slept, status: int) -> None:
    server.will(error(status, "some_reason"))
    with pytest.raises(ProviderError):
        transport(server, slept).request(GET)
    assert len(server.asked) == 1


@pytest.mark.parametrize("failure", [error(500), error(503), CUT], ids=["500", "503", "cut"])
def test_a_post_that_may_have_created_something_is_not_sent_again(
    server: Answering, slept: Slept, failure: Any
) -> None:
    server.will(failure, Reply(201))
    with pytest.raises((ServerFaultError, UnreachableError)):
        transport(server, slept).request(POST)
    assert len(server.asked) == 1


def test_a_post_that_was_throttled_is_sent_again(server: Answering, slept: Slept) -> None:
    server.will(error(429), Reply(201, {"$id": "d"}))
    assert transport(server, slept).request(POST) == {"$id": "d"}


@pytest.mark.parametrize("failure", [error(429, "general_rate_limit_exceeded"), error(500), CUT])
def test_the_creation_of_a_function_is_never_sent_again_for_every_attempt_counts(
    server: Answering, slept: Slept, failure: Any
) -> None:
    server.will(failure, Reply(201))
    with pytest.raises(ProviderError):
        transport(server, slept).request(Call("post", "/functions", {"functionId": "f"}))
    assert len(server.asked) == 1


def test_creations_inside_a_function_are_ordinary_posts(server: Answering, slept: Slept) -> None:
    server.will(error(429), Reply(201))
    transport(server, slept).request(Call("post", "/functions/f/variables", {"key": "K"}))
    assert len(server.asked) == 2


def closed_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def test_a_post_that_cannot_have_arrived_is_sent_again(slept: Slept) -> None:
    sender = Transport(
        f"http://127.0.0.1:{closed_port()}/v1", "p", Secret("k"), sleep=slept, patience=RetryPolicy(attempts=4)
    )
    with pytest.raises(UnreachableError):
        sender.request(POST)
    assert len(slept) == 3


# Retry-After.


def test_the_server_says_how_long_to_wait(server: Answering, slept: Slept) -> None:
    server.will(error(429, retry_after="7"), error(503, retry_after="2.5"), Reply())
    transport(server, slept).request(GET)
    assert slept == [7.0, 2.5]


@pytest.mark.parametrize(("seconds", "waits"), [("59.9", True), ("60", False), ("61", False)])
def test_a_wait_beyond_patience_is_given_up_at_once(server: Answering, slept: Slept, seconds: str, waits: bool) -> None:
    server.will(error(429, retry_after=seconds), Reply())
    sender = transport(server, slept, clock=lambda: 0.0)
    if waits:
        sender.request(GET)
        assert slept == [float(seconds)]
        return
    with pytest.raises(ThrottledError) as caught:
        sender.request(GET)
    assert caught.value.retry_after == float(seconds)
    assert slept == []


class Clock:
    """Time that passes only while somebody sleeps, or when it is asked to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_all_attempts_together_have_a_minute(server: Answering) -> None:
    """What the server asks for counts, too: 25, 25, and then 25 more would be too late."""
    clock = Clock()
    server.will(*[error(503, retry_after="25")] * 9)
    with pytest.raises(ServerFaultError):
        transport(server, clock.sleep, clock=clock).request(GET)
    assert clock.now == 50.0
    assert len(server.asked) == 3


def test_the_last_attempt_gets_no_more_time_than_is_left(server: Answering, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, given = Clock(), []
    sender = transport(server, clock.sleep, clock=clock)

    def request(*_arguments: Any, timeout: tuple[float, float], **_more: Any) -> Any:
        given.append(timeout)
        clock.now += timeout[1]
        raise requests.exceptions.ReadTimeout("nothing came")

    monkeypatch.setattr(sender._session, "request", request)
    with pytest.raises(UnreachableError, match="it did not answer in time"):
        sender.request(GET)
    assert given[0] == (5.0, 30.0)
    assert given[1] == pytest.approx((5.0, 29.8))
    assert len(given) == 2
    assert clock.now == pytest.approx(60.0)


def test_a_request_that_may_take_longer_gets_its_time(server: Answering, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, given = Clock(), []
    sender = transport(server, clock.sleep, clock=clock)

    def request(*_arguments: Any, timeout: tuple[float, float], **_more: Any) -> Any:
        given.append(timeout[1])
        clock.now += timeout[1]
        raise requests.exceptions.ReadTimeout("nothing came")

    monkeypatch.setattr(sender._session, "request", request)
    with pytest.raises(UnreachableError):
        sender.request(GET, read_timeout=90.0)
    assert given == [90.0]


def test_waiting_for_a_place_among_the_parallel_ones_counts(server: Answering) -> None:
    clock = Clock()
    sender = transport(server, clock.sleep, clock=clock)

    @contextmanager
    def acquire() -> Iterator[None]:
        clock.now += 61
        yield

    sender.gate.acquire = acquire  # type: ignore[method-assign]
    with pytest.raises(UnreachableError, match="it did not answer in time"):
        sender.request(GET)
    assert server.asked == []


def test_what_is_waited_for_is_said_with_the_number_of_the_attempt(server: Answering) -> None:
    said: list[str] = []

    def sleep(_seconds: float) -> None:
        said.append(WAITS._under_way[-1].what + ", " + WAITS._under_way[-1].note)

    server.will(error(503), error(503), Reply())
    transport(server, sleep).request(Call("get", "/databases/d/collections"))
    assert said == [
        "reading databases/d/collections, retry 1 of 4: 503",
        "reading databases/d/collections, retry 2 of 4: 503",
    ]
    assert WAITS._under_way == []


@pytest.mark.parametrize(
    ("lost", "said"),
    [
        (
            requests.exceptions.ReadTimeout("HTTPSConnectionPool(host='x', port=443): Read timed out."),
            "no answer in time",
        ),
        (requests.exceptions.ConnectTimeout("HTTPSConnectionPool(…)"), "no answer in time"),
        (
            requests.exceptions.ConnectionError("('Connection aborted.', RemoteDisconnected(…))"),
            "it closed the connection",
        ),
    ],
    ids=["no answer", "no connection", "cut"],
)
def test_why_it_is_tried_again_is_said_plainly(
    server: Answering, monkeypatch: pytest.MonkeyPatch, lost: Exception, said: str
) -> None:
    notes: list[str] = []
    sender = transport(server, lambda _seconds: notes.append(WAITS._under_way[-1].note))

    def request(*_arguments: Any, **_more: Any) -> Any:
        raise lost

    monkeypatch.setattr(sender._session, "request", request)
    with pytest.raises(UnreachableError):
        sender.request(GET)
    assert notes[0].startswith(f"retry 1 of 4: {said}")
    assert "Pool" not in notes[0]


@pytest.mark.parametrize(
    ("asked", "said"), [("61", "wait 61 s, as it asks, and"), ("", "wait and"), ("1e999", "wait and")]
)
def test_who_is_refused_for_now_learns_for_how_long(server: Answering, slept: Slept, asked: str, said: str) -> None:
    server.will(error(429, retry_after=asked))
    with pytest.raises(ThrottledError) as caught:
        transport(server, slept).request(GET)
    assert caught.value.hint.startswith(said)


@pytest.mark.parametrize("text", ["", "soon", "-5", "Wed, 21 Oct 2026 07:28:00 GMT"])
def test_a_wait_that_is_no_number_is_left_to_us(server: Answering, slept: Slept, text: str) -> None:
    server.will(error(429, retry_after=text), Reply())
    transport(server, slept, first_pause=0.5).request(GET)
    assert slept == [0.5]


# What a refusal says.


@pytest.mark.parametrize(
    ("reply", "expected", "said", "hint"),
    [
        (
            error(401, "user_unauthorized"),
            AccessError,
            "does not accept the API key for project 'my-project'",
            "api_key_env",
        ),
        (
            error(401, "general_unauthorized_scope", "missing scope (functions.write)"),
            AccessError,
            "The API key is not allowed to do this in project 'my-project': missing scope (functions.write)",
            "give the key the scope",
        ),
        (error(401, "project_key_expired"), AccessError, "The API key has expired", "create a new key"),
        (error(404, "project_not_found"), AccessError, "There is no project 'my-project'", "`project`"),
        (error(401, "general_access_forbidden"), AccessError, "does not accept the API key", "api_key_env"),
        (error(404, "function_not_found", "Function not found"), NotFoundError, "404 function_not_found", ""),
        (error(404, "general_route_not_found"), ProviderError, "404 general_route_not_found", "check the endpoint"),
        (error(404, "function_runtime_unsupported"), ProviderError, "404 function_runtime_unsupported", ""),
        # Of something else than was asked for.
        (error(404, "deployment_not_found"), ProviderError, "404 deployment_not_found", ""),
        (error(409, "collection_already_exists"), ConflictError, "409 collection_already_exists", ""),
        (error(400, "general_argument_invalid", "Invalid `x` param"), ProviderError, "Invalid `x` param", ""),
        (error(429, "general_rate_limit_exceeded"), ThrottledError, "429", "50 function creations"),
        (error(500, "general_unknown"), ServerFaultError, "500 general_unknown", ""),
        (Reply(502, b"<html>bad gateway</html>", {"content-type": "text/html"}), ServerFaultError, "502", ""),
        (Reply(500, b"[]"), ServerFaultError, "500", ""),
    ],
)
def test_an_error_is_reported_in_words_that_say_what_to_do(
    server: Answering, slept: Slept, reply: Reply, expected: type[ProviderError], said: str, hint: str
) -> None:
    server.will(reply)
    with pytest.raises(ProviderError) as caught:
        transport(server, slept, attempts=1).request(GET)
    assert type(caught.value) is expected
    assert said in caught.value.message
    assert hint in caught.value.hint


def test_an_error_carries_code_and_type(server: Answering, slept: Slept) -> None:
    server.will(error(404, "function_not_found"))
    with pytest.raises(NotFoundError) as caught:
        transport(server, slept).request(GET)
    assert (caught.value.code, caught.value.type) == (404, "function_not_found")


@pytest.mark.parametrize("reply", [error(401, "user_unauthorized"), error(500), error(404, "project_not_found"), CUT])
def test_no_error_shows_the_key(server: Answering, slept: Slept, reply: Any) -> None:
    server.will(reply)
    with pytest.raises(ProviderError) as caught:
        transport(server, slept, attempts=1).request(GET)
    assert "my-key" not in f"{caught.value.message} {caught.value.hint} {caught.value!r}"


def test_a_refused_connection_is_reported_plainly(slept: Slept) -> None:
    port = closed_port()
    sender = Transport(f"http://127.0.0.1:{port}/v1", "p", Secret("k"), sleep=slept, patience=RetryPolicy(attempts=1))
    with pytest.raises(UnreachableError) as caught:
        sender.request(GET)
    assert (
        caught.value.message == f"Appwrite at http://127.0.0.1:{port}/v1 cannot be reached: the connection was refused."
    )
    assert caught.value.code == 0
    assert caught.value.unsent


def test_a_cut_connection_is_reported_plainly(server: Answering, slept: Slept) -> None:
    server.will(CUT)
    with pytest.raises(UnreachableError, match=r"cannot be reached: it (closed|cut) the connection") as caught:
        transport(server, slept, attempts=1).request(GET)
    assert not caught.value.unsent


def test_a_server_that_does_not_answer_in_time_is_reported_plainly(slept: Slept) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/v1"
        sender = Transport(address, "p", Secret("k"), sleep=slept, patience=RetryPolicy(read=0.05, attempts=1))
        with pytest.raises(UnreachableError, match="it did not answer in time"):
            sender.request(GET)


def test_one_request_may_have_more_time_than_the_others(slept: Slept) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/v1"
        sender = Transport(address, "p", Secret("k"), sleep=slept, patience=RetryPolicy(read=3600, attempts=1))
        with pytest.raises(UnreachableError, match="it did not answer in time"):
            sender.request(GET, read_timeout=0.05)


# The gate.


def test_distress_of_the_server_narrows_the_gate_and_good_answers_widen_it(server: Answering, slept: Slept) -> None:
    sender = transport(server, slept)
    server.will(error(503), error(429), Reply())
    sender.request(GET)
    assert sender.gate.limit == 2
    for _ in range(16):
        sender.request(GET)
    assert sender.gate.limit == 3


@pytest.mark.parametrize("status", [400, 404, 409])
def test_a_plain_refusal_is_no_distress(server: Answering, slept: Slept, status: int) -> None:
    sender = transport(server, slept)
    server.will(error(status, "some_reason"))
    with pytest.raises(ProviderError):
        sender.request(GET)
    assert sender.gate.limit == sender.gate.maximum


def test_a_place_is_given_back_when_no_answer_comes(server: Answering, slept: Slept) -> None:
    sender = Transport(
        f"http://127.0.0.1:{server.port}/v1",
        "p",
        Secret("k"),
        parallelism=1,
        sleep=slept,
        patience=RetryPolicy(attempts=3),
    )
    server.will(CUT, CUT, Reply())
    assert sender.request(GET) == {"$id": "x"}


def test_many_threads_may_share_one_transport(server: Answering, slept: Slept) -> None:
    sender = transport(server, slept)
    threads = [threading.Thread(target=sender.request, args=(GET,)) for _ in range(20)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(server.asked) == 20
    assert {each.headers["x-appwrite-key"] for each in server.asked} == {"my-key"}


# Uploads.


def test_a_small_archive_is_sent_in_one_part_with_its_fields(server: Answering, slept: Slept) -> None:
    server.will(Reply(202, UPLOADED))
    fields = {"activate": False, "entrypoint": "main.py", "commands": "make"}
    assert transport(server, slept).upload("/functions/f/deployments", fields, b"\x1f\x8bcode") == UPLOADED
    (asked,) = server.asked
    assert asked.headers["content-type"].startswith("multipart/form-data; boundary=")
    assert b'name="code"; filename="code.tar.gz"' in asked.body
    assert b"\x1f\x8bcode" in asked.body
    assert b'name="activate"\r\n\r\nfalse' in asked.body
    assert "content-range" not in asked.headers


def test_a_large_archive_is_sent_in_parts_that_name_the_first(server: Answering, slept: Slept) -> None:
    server.will(Reply(202, {**UPLOADED, "chunksTotal": 3, "chunksUploaded": 1}))
    size = 12 * 1024 * 1024
    transport(server, slept).upload("/functions/f/deployments", {"activate": False}, b"x" * size)
    ranges = sorted(int(each.headers["content-range"].split()[1].split("-")[0]) for each in server.asked)
    assert ranges == [0, 5 * 1024 * 1024, 10 * 1024 * 1024]
    later = [each for each in server.asked if not each.headers["content-range"].startswith("bytes 0-")]
    assert {each.headers.get("x-appwrite-id") for each in later} == {"b1"}


@pytest.mark.parametrize("reply", [error(404, "function_not_found"), error(500), CUT], ids=["404", "500", "cut"])
def test_a_failed_upload_is_an_error_of_ours(server: Answering, slept: Slept, reply: Any) -> None:
    server.will(reply)
    with pytest.raises(ProviderError):
        transport(server, slept).upload("/functions/f/deployments", {"activate": False}, b"x")


def test_json_that_is_sent_can_hold_any_text(server: Answering, slept: Slept) -> None:
    body = {"value": "ä\u2028\n\"'", "n": [1, None, True]}
    transport(server, slept).request(Call("put", "/x", body))
    assert json.loads(server.asked[0].body) == body
