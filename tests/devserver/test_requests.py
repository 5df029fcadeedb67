"""Requests that no honest client sends: each gets an answer of Appwrite's form, none is a crash."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from raceday_iac.devserver.runner import RunningServer, start_server
from raceday_iac.devserver.server import Settings
from raceday_iac.raceday.nztab.player import NztabPlugin


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder: Path = tmp_path_factory.mktemp("data")
    with start_server(
        folder, settings=Settings(scheduler=False, function_creation_limit=0, plugins=(NztabPlugin(),))
    ) as found:
        yield found


def send(running: RunningServer, method: str, path: str, content: bytes = b"", **headers: str) -> requests.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    known = {"x-appwrite-project": running.project, "x-appwrite-key": running.key, "content-type": "application/json"}
    sent = {name: value for name, value in (known | named).items() if value}
    return requests.request(method, running.endpoint + path, data=content, headers=sent, timeout=30)


def said(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"]


# What is remembered of requests.


def test_requests_are_remembered_with_route_status_and_key_also_where_the_connection_was_cut(
    running: RunningServer,
) -> None:
    fault = json.dumps({"path": "/v1/teams/cut", "cut": "before"}).encode()
    assert send(running, "POST", "/_dev/faults", fault).status_code == 201
    with pytest.raises(requests.ConnectionError):
        send(running, "GET", "/teams/cut")
    send(running, "GET", "/teams/none")
    send(running, "GET", "/teams/none", x_appwrite_key="")
    send(running, "GET", "/nowhere")
    found = send(running, "GET", "/_dev/requests/recent").json()["requests"]
    kept = [(each["path"], each["route"], each["status"], each["key"]) for each in found[:4]]
    assert kept == [
        ("/v1/nowhere", "/v1/nowhere", 404, ""),
        ("/v1/teams/none", "/v1/teams/{teamId}", 401, "guest"),
        ("/v1/teams/none", "/v1/teams/{teamId}", 404, "standard"),
        ("/v1/teams/cut", "/v1/teams/{teamId}", 0, ""),
    ]
    assert [each["number"] for each in found] == sorted((each["number"] for each in found), reverse=True)


def test_database_workers_are_counted_and_go_back_to_what_the_server_began_with(running: RunningServer) -> None:
    for number, status in ((1, 200), (2, 200), (64, 200), (0, 400), (65, 400)):
        answer = send(running, "PATCH", "/_dev/faults", json.dumps({"databaseWorkers": number}).encode())
        assert answer.status_code == status
        assert status != 200 or answer.json()["databaseWorkers"] == number
    assert send(running, "DELETE", "/_dev/faults").status_code == 204
    assert send(running, "GET", "/_dev/faults").json()["databaseWorkers"] == 1


# Hosts and origins.


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "[::2]"])
@pytest.mark.parametrize("path", ["/functions", "/health/version", "/nothing", "/_dev/faults"])
def test_another_host_is_refused_on_every_path(running: RunningServer, host: str, path: str) -> None:
    answer = send(running, "GET", path, host=host)
    assert said(answer) == (401, "general_access_forbidden")
    assert "Router protection" in answer.json()["message"]


def test_the_played_upstream_is_not_there_for_another_host_either(running: RunningServer) -> None:
    base = running.endpoint.removesuffix("/v1")
    answer = requests.get(f"{base}/nztab/affiliates/v1/racing/meetings", headers={"host": "evil.example"}, timeout=30)
    assert answer.status_code == 401


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "LOCALHOST:1234", "[::1]:80"])
def test_this_machine_may_be_called_by_all_its_names(running: RunningServer, host: str) -> None:
    assert send(running, "GET", "/functions", host=host).status_code == 200


WRITE = b'{"functionId": "x", "name": "x", "runtime": "node-22"}'


@pytest.mark.parametrize("header", ["origin", "referer"])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_page_from_elsewhere_may_not_write_without_a_key(running: RunningServer, header: str, method: str) -> None:
    path = "/functions" if method == "POST" else "/functions/x"
    if method == "PATCH":
        path = "/functions/x/deployment"
    answer = send(running, method, path, WRITE, x_appwrite_key="", **{header: "https://evil.example/page"})
    assert said(answer) == (403, "general_unknown_origin")
    assert "(evil.example)" in answer.json()["message"]


def test_an_origin_that_is_none_is_elsewhere_too(running: RunningServer) -> None:
    assert said(send(running, "POST", "/functions", WRITE, x_appwrite_key="", origin="null"))[0] == 403


@pytest.mark.parametrize("headers", [{"origin": "http://localhost:3000"}, {"origin": "http://127.0.0.1"}, {}])
def test_a_page_of_this_machine_is_checked_like_any_client(running: RunningServer, headers: dict[str, str]) -> None:
    answer = send(running, "POST", "/functions", WRITE, x_appwrite_key="", **headers)
    assert said(answer) == (401, "general_unauthorized_scope")


def test_a_key_is_enough_wherever_the_page_is_from(running: RunningServer) -> None:
    """Appwrite looks at the origin only where there is no key."""
    answer = send(running, "GET", "/functions", origin="https://evil.example")
    assert answer.status_code == 200


def test_a_page_from_elsewhere_cannot_read_the_answer(running: RunningServer) -> None:
    elsewhere = send(running, "GET", "/health/version", x_appwrite_key="", origin="https://evil.example")
    own = send(running, "GET", "/health/version", x_appwrite_key="", origin="http://localhost:3000")
    assert elsewhere.headers["access-control-allow-origin"] == "http://localhost"
    assert own.headers["access-control-allow-origin"] == "http://localhost:3000"
    assert "access-control-allow-origin" not in send(running, "GET", "/functions").headers


# Bodies.


def nested(depth: int, inner: str = "1") -> bytes:
    return b'{"name": ' + b"[" * depth + inner.encode() + b"]" * depth + b"}"


UNREADABLE: dict[str, bytes] = {
    "deep": nested(600),
    "far too deep": nested(200_000),
    "half a character": b'{"name": "\\ud800", "functionId": "x", "runtime": "node-22"}',
    "the other half": b'{"functionId": "a\\udc00b", "name": "x", "runtime": "node-22"}',
    "half a character in a key": b'{"\\ud83d": 1, "functionId": "x", "name": "x", "runtime": "node-22"}',
    "half a character as bytes": b'{"name": "\xed\xa0\x80", "functionId": "x", "runtime": "node-22"}',
    "no text": b'{"name": "\xff\xfe", "functionId": "x", "runtime": "node-22"}',
    "not a number": b'{"functionId": "x", "name": "x", "runtime": "node-22", "timeout": NaN}',
    "endless": b'{"functionId": "x", "name": "x", "runtime": "node-22", "timeout": Infinity}',
    "a number of ten thousand digits": b'{"functionId": "x", "name": "x", "timeout": ' + b"9" * 10_000 + b"}",
    "cut": b'{"functionId": "x"',
    "a list": b"[1]",
    "text": b'"x"',
    "other bytes": '{"functionId": "x"}'.encode("utf-16"),
}


@pytest.mark.parametrize("what", UNREADABLE)
def test_a_body_that_php_cannot_read_counts_as_empty(running: RunningServer, what: str) -> None:
    answer = send(running, "POST", "/functions", UNREADABLE[what])
    assert said(answer) == (400, "general_argument_invalid")
    assert answer.json()["message"] == 'Param "functionId" is not optional.'


def test_a_whole_character_of_two_halves_is_text(running: RunningServer) -> None:
    body = {"functionId": "whole", "name": "🏇", "runtime": "node-22"}
    answer = send(running, "POST", "/functions", json.dumps(body).encode())
    assert answer.json()["name"] == "🏇"


@pytest.mark.parametrize(("depth", "status"), [(511, 201), (513, 400)])
def test_what_is_as_deep_as_php_reads_is_read(running: RunningServer, depth: int, status: int) -> None:
    """512 levels, the outermost included."""
    body = b'{"databaseId": "deep%d", "name": "x", "extra": ' % depth + b"[" * depth + b"]" * depth + b"}"
    assert send(running, "POST", "/databases", body).status_code == status


PART = b'--x\r\ncontent-disposition: form-data; name="a"\r\n\r\n1\r\n'
MULTIPART: dict[str, tuple[str, bytes]] = {
    "without a boundary": ("multipart/form-data", b"--x\r\n\r\n"),
    "with an empty boundary": ("multipart/form-data; boundary=", b"--\r\n"),
    "with another boundary": (
        "multipart/form-data; boundary=y",
        b'--x\r\ncontent-disposition: form-data; name="a"\r\n\r\n1\r\n',
    ),
    "without a name": (
        "multipart/form-data; boundary=x",
        b"--x\r\ncontent-disposition: form-data\r\n\r\n1\r\n--x--\r\n",
    ),
    "of one byte": ("multipart/form-data; boundary=x", b"-"),
    "with a charset that does not exist": (
        "multipart/form-data; boundary=x; charset=nonsense",
        PART + b"--x--\r\n",
    ),
}


@pytest.mark.parametrize("what", MULTIPART)
def test_a_form_that_cannot_be_taken_apart_counts_as_empty(running: RunningServer, what: str) -> None:
    kind, content = MULTIPART[what]
    send(running, "POST", "/functions", b'{"functionId": "f", "name": "F", "runtime": "node-22"}')
    answer = send(running, "POST", "/functions/f/deployments", content, content_type=kind)
    assert answer.status_code == 400, answer.text
    assert answer.json()["type"].startswith(("general_argument_invalid", "storage_"))


QUERIES: dict[str, str] = {
    "deep": "queries[0]=" + "[" * 3000,
    "deep and whole": 'queries[0]={"method":"equal","attribute":"name","values":' + "[" * 600 + "]" * 600 + "}",
    "half a character": 'queries[0]={"method":"equal","attribute":"name","values":["\\ud800"]}',
    "not a number": 'queries[0]={"method":"limit","values":[NaN]}',
}


@pytest.mark.parametrize("what", QUERIES)
@pytest.mark.parametrize("path", ["/functions", "/databases"])
def test_a_query_that_cannot_be_read_is_refused(running: RunningServer, path: str, what: str) -> None:
    answer = send(running, "GET", f"{path}?{QUERIES[what]}")
    assert said(answer) == (400, "general_argument_invalid")


@pytest.mark.parametrize("name", ["queries" + "[0]" * 5000, "queries" + "[" * 5000, "a[" + "]" * 5000])
def test_names_that_are_nested_without_end_are_passed_over(running: RunningServer, name: str) -> None:
    assert send(running, "GET", f"/functions?{name}=1").status_code == 200


@pytest.mark.parametrize("value", ["[" * 5000, '{"a": "\\ud800"}', "{", "NaN"])
def test_a_document_as_text_that_cannot_be_read_is_refused(running: RunningServer, value: str) -> None:
    send(running, "POST", "/databases", b'{"databaseId": "d", "name": "D"}')
    send(running, "POST", "/databases/d/collections", b'{"collectionId": "c", "name": "C"}')
    body = json.dumps({"documentId": "x", "data": value}).encode()
    answer = send(running, "POST", "/databases/d/collections/c/documents", body)
    assert answer.status_code == 400, answer.text


@pytest.mark.parametrize("key", ["dynamic_é.x.y", "é", "dynamic_", "dynamic_a.b.c"])
def test_a_key_that_is_none_is_refused(running: RunningServer, key: str) -> None:
    answer = send(running, "GET", "/functions", x_appwrite_key=key.encode().decode("latin-1"))
    assert answer.status_code == 401


@pytest.mark.parametrize(("threshold", "status"), [("1", 200), ("0", 503), ("-1", 400), ("x", 400)])
def test_a_queue_may_not_be_longer_than_asked(running: RunningServer, threshold: str, status: int) -> None:
    assert send(running, "GET", f"/health/queue/builds?threshold={threshold}").status_code == status


def test_only_queues_that_there_are_can_have_failed_jobs(running: RunningServer) -> None:
    assert send(running, "GET", "/health/queue/failed/v1-builds").json() == {"size": 0}
    assert said(send(running, "GET", "/health/queue/failed/nothing")) == (400, "general_argument_invalid")


#: For every field of a request.
ANYTHING: list[Any] = [None, True, -1, 2**70, 1.5, "", "x" * 9_000, "\u202e\0", [], {}, [None], [[{}]], {"$id": 1}]
WHOLE: dict[str, dict[str, Any]] = {
    "POST /functions": {
        "functionId": "unique()", "name": "x", "runtime": "node-22", "execute": [], "events": [], "schedule": "",
        "timeout": 5, "scopes": [], "entrypoint": "m.js", "commands": "", "specification": "s-1vcpu-512mb",
    },
    "POST /functions/whole/variables": {"key": "K", "value": "v", "secret": False},
    "POST /functions/whole/executions": {"body": "", "async": False, "path": "/", "headers": {}, "scheduledAt": ""},
    "POST /databases/d/collections": {"collectionId": "unique()", "name": "x", "permissions": []},
    "POST /databases/d/collections/c/attributes/string": {"key": "k", "size": 5, "required": False, "default": "x"},
    "POST /databases/d/collections/c/indexes": {"key": "i", "type": "key", "attributes": ["k"], "orders": []},
    "POST /databases/d/collections/c/documents": {"documentId": "unique()", "data": {}, "permissions": []},
}  # fmt: skip


@pytest.mark.parametrize("request_line", WHOLE)
def test_no_value_in_any_field_crashes_the_server(
    running: RunningServer, request_line: str, caplog: pytest.LogCaptureFixture
) -> None:
    send(running, "POST", "/functions", b'{"functionId": "whole", "name": "x", "runtime": "node-22"}')
    send(running, "POST", "/databases", b'{"databaseId": "d", "name": "D"}')
    send(running, "POST", "/databases/d/collections", b'{"collectionId": "c", "name": "C"}')
    method, _, path = request_line.partition(" ")
    headers = {"x-appwrite-project": running.project, "x-appwrite-key": running.key}
    with requests.Session() as session:
        for field in WHOLE[request_line]:
            for value in ANYTHING:
                body = WHOLE[request_line] | {field: value}
                session.request(method, running.endpoint + path, json=body, headers=headers, timeout=30)
    assert [str(each.exc_info[1]) for each in caplog.records if each.exc_info] == []


def test_a_server_without_the_extension_has_neither_its_paths_nor_its_control_routes(tmp_path: Path) -> None:
    with start_server(tmp_path) as plain:
        key = {"x-appwrite-project": plain.project, "x-appwrite-key": plain.key}
        base = plain.endpoint.removesuffix("/v1")
        paths = (f"{base}/nztab/affiliates/v1/racing/meetings", f"{plain.endpoint}/_dev/nztab")
        answers = [requests.get(path, headers=key, timeout=30) for path in paths]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert {answer.json()["type"] for answer in answers} == {"general_route_not_found"}
