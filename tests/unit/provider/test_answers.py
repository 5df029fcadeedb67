"""What counts as an answer of Appwrite's: shapes, the words for absence, bounds, and pages that are read again."""

from __future__ import annotations

import gzip
import json
import re
import socket
import threading
from contextlib import suppress
from typing import Any

import pytest

from raceday_iac.errors import ForeignAnswerError, NotFoundError, ProviderError, RedirectedError, UnreachableError
from raceday_iac.kinds import (
    KINDS,
    Kind,
    attribute,
    collection,
    database,
    deployment,
    function,
    index,
    relationship,
    variable,
)
from raceday_iac.kinds.base import ARCHIVE, OBJECT, Call, Shape, is_finite, is_instant, listing, misfit
from raceday_iac.model.address import Address, function_address
from raceday_iac.model.secret import Secret
from raceday_iac.provider.appwrite import AppwriteReader, RetryPolicy, Transport, answers, documents, reading
from raceday_iac.provider.appwrite.answers import endpoint_of, says_absent

from .. import recorded
from .answering import Answering, Asked, Reply, Slept, error, transport
from .test_reading import FUNCTION, Routes, listed, paged
from .test_reading import NOTHING as EMPTY

F = function_address("f")
G = function_address("g")

GET = Call("get", "/functions/f")
JSON = {"content-type": "application/json"}


# Shapes.

#: The answers to requests whose `METHOD /path` is like that.
SHAPES: list[tuple[str, Shape]] = [
    (r"(POST /databases|(GET|PUT) /databases/[^/]+)", database.SHAPE),
    (r"GET /databases", listing("databases", database.SHAPE)),
    (r"(POST .*/collections|PUT .*/collections/[^/]+)", collection.SHAPE),
    (r"GET .*/collections/[^/]+", reading._COLLECTION),
    (r"GET .*/collections", listing("collections", reading._COLLECTION)),
    (r"(POST .*/attributes/\w+|GET .*/attributes/\w+|PATCH .*/attributes/\w+/\w+)", attribute.SHAPE),
    (r"GET .*/attributes", listing("attributes", attribute.SHAPE)),
    (r"(POST .*/indexes|GET .*/indexes/\w+)", index.SHAPE),
    (r"GET .*/indexes", listing("indexes", index.SHAPE)),
    (r"(POST /functions|(GET|PUT) /functions/(?!runtimes|spec|templ)[^/]+|PATCH .*/deployment)", function.SHAPE),
    (r"GET /functions", listing("functions", function.SHAPE)),
    (r"(POST .*/variables|(GET|PUT) .*/variables/[^/]+)", variable.SHAPE),
    (r"GET .*/variables", listing("variables", variable.SHAPE)),
    (r"(POST .*/deployments|GET .*/deployments/[^/]+)", deployment.SHAPE),
    (r"GET .*/deployments", listing("deployments", deployment.SHAPE)),
    (r"(POST .*/executions|GET .*/executions/[^/]+)", reading.EXECUTION),
    (r"(POST .*/documents|PATCH .*/documents/[^/]+)", reading.DOCUMENT),
]


def shape_of(method: str, path: str) -> Shape | None:
    line = f"{method} {path.partition('?')[0].removeprefix('/v1')}"
    return next((shape for pattern, shape in SHAPES if re.fullmatch(pattern, line)), None)


def test_everything_that_a_real_server_answered_has_the_shape_that_is_asked_for() -> None:
    seen = 0
    for file in sorted((recorded.DATA / "transcripts").glob("[a-z]*.json")):
        for step in recorded.steps(file.stem):
            request, response = step["request"], step.get("response") or {}
            shape = shape_of(request["method"], request["path"]) if response.get("status", 400) < 300 else None
            # Through the route of another type, an attribute is answered without its size.
            if shape is not None and response.get("body") and step["label"] != "wrong type route":
                seen += 1
                assert misfit(response["body"], shape) == "", f"{file.stem}: {step['label']}"
    assert seen > 300


_ATTRIBUTES = recorded.answer("attributes-create", "collection shows attributes")["attributes"]
_RELATIONS = recorded.answer("relationships", "list")["attributes"]
OBJECTS: list[tuple[Shape, dict[str, Any]]] = [
    (database.SHAPE, recorded.answer("databases", "create")),
    (collection.SHAPE, recorded.answer("collections", "create minimal")),
    (function.SHAPE, FUNCTION),
    (index.SHAPE, recorded.answer("indexes", "collection shows indexes")["indexes"][0]),
    (deployment.SHAPE, recorded.answer("deployments-built", "list")["deployments"][0]),
    *((attribute.SHAPE, each) for each in (*_ATTRIBUTES, *_RELATIONS)),
    *((relationship._FOUND, each) for each in _RELATIONS if each["type"] == "relationship"),
]


@pytest.mark.parametrize(("shape", "answer"), OBJECTS)
def test_without_any_of_the_needed_fields_it_does_not_fit(shape: Shape, answer: dict[str, Any]) -> None:
    for name in {**shape.fields, **shape.more(answer)}:
        less = {key: value for key, value in answer.items() if key != name}
        assert misfit(less, shape) == f"{name} is missing"
        assert misfit({**answer, name: {"odd": [1]}}, shape).startswith(name)
    for name in shape.maybe:
        assert misfit({key: value for key, value in answer.items() if key != name}, shape) == ""
        assert misfit({**answer, name: {"odd": [1]}}, shape).startswith(name)


@pytest.mark.parametrize(
    ("value", "wrong"),
    [
        ({"total": 1, "functions": [{"$id": "f"}]}, ""),
        ({"functions": []}, "total is missing"),
        ({"total": True, "functions": []}, "total is true or false, which does not fit there"),
        ({"total": "1", "functions": []}, "total is a text, which does not fit there"),
        ({"total": 0, "functions": None}, "functions is null, which does not fit there"),
        ({"total": 2, "functions": [{"$id": "f"}, None]}, "functions[1] is null, which does not fit there"),
        ({"total": 1, "functions": [{"$id": 7}]}, "functions[0].$id is a number, which does not fit there"),
        ([], " is a list, which does not fit there"),
    ],
)
def test_what_does_not_fit_is_named_with_its_place(value: Any, wrong: str) -> None:
    assert misfit(value, listing("functions", OBJECT)) == wrong


@pytest.mark.parametrize("value", ["2026-11-25T10:00:00.500+00:00", "2025-01-31 10:20:30.123"])
def test_an_instant_can_be_read(value: str) -> None:
    assert is_instant(value)


@pytest.mark.parametrize("value", ["yesterday", "", None, 7, [], "2025-13-01T00:00:00Z"])
def test_what_cannot_be_read_is_no_instant(value: Any) -> None:
    assert not is_instant(value)


def test_a_number_is_one_that_can_be_reckoned_with() -> None:
    assert [is_finite(each) for each in (0, -1.5, True, "1", float("inf"), float("nan"))] == [True, True] + [False] * 4


# Absence.


@pytest.mark.parametrize(
    ("path", "kinds"),
    [
        ("/functions/f", ["function_not_found"]),
        ("/functions/f/variables/v", ["function_not_found", "variable_not_found"]),
        ("/functions/f/deployments/d/download", ["function_not_found", "deployment_not_found"]),
        ("/functions/f/deployment", ["function_not_found", "deployment_not_found"]),
        ("/databases/d/collections", ["database_not_found"]),
        (
            "/databases/d/collections/c/attributes/a",
            ["database_not_found", "collection_not_found", "attribute_not_found"],
        ),
        (
            "/databases/d/collections/c/documents/x",
            ["database_not_found", "collection_not_found", "document_not_found"],
        ),
    ],
)
def test_only_what_the_path_names_can_be_absent(path: str, kinds: list[str]) -> None:
    every = {
        *answers.absences().values(),
        "general_route_not_found",
        "project_not_found",
        "function_runtime_unsupported",
    }
    found = {kind for kind in every if says_absent(Call("get", path), kind)}
    assert set(kinds) <= found
    assert not found & {"general_route_not_found", "project_not_found", "function_runtime_unsupported"}
    assert len(found) <= len(kinds) + 1


OF_THEIR_OWN = [
    each.name for each in KINDS.values() if each.listing and not each.is_setting and each.found_in is Kind.found_in
]


@pytest.mark.parametrize("kind", OF_THEIR_OWN)
def test_each_kind_with_a_list_can_be_absent(kind: str) -> None:
    assert says_absent(KINDS[kind].requests.read(Address(kind, "x")), KINDS[kind].absent)


def test_a_run_of_code_that_is_not_there_does_not_mean_that_the_function_is_not(
    server: Answering, slept: Slept
) -> None:
    server.will(error(404, "deployment_not_found"))
    with pytest.raises(ProviderError) as caught:
        transport(server, slept).request(Call("post", "/functions/f/executions"))
    assert type(caught.value) is ProviderError
    assert caught.value.type == "deployment_not_found"


# Answers that are not Appwrite's.


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete"])
def test_what_says_what_shall_be_so_is_sent_again_after_a_wrong_answer(
    server: Answering, slept: Slept, method: str
) -> None:
    page = Reply(404, b"404 page not found", {"content-type": "text/plain"})
    server.will(page, page, Reply(204, b"") if method == "delete" else Reply())
    transport(server, slept).request(Call(method, "/functions/f"))
    assert len(server.asked) == 3


def test_a_creation_is_not_sent_again_after_a_wrong_answer(server: Answering, slept: Slept) -> None:
    server.will(Reply(200, b"<html>", {"content-type": "text/html"}), Reply())
    with pytest.raises(ForeignAnswerError):
        transport(server, slept).request(Call("post", "/databases", {"databaseId": "d"}))
    assert len(server.asked) == 1


def test_a_wrong_answer_is_distress_and_says_no_time(server: Answering, slept: Slept) -> None:
    sender = transport(server, slept, attempts=1)
    server.will(Reply(404, b"404 page not found", {"content-type": "text/plain"}))
    with pytest.raises(ForeignAnswerError) as caught:
        sender.request(GET)
    assert caught.value.code == 0
    assert sender.gate.limit < sender.gate.maximum
    assert sender.server_time is None


def test_a_wrong_answer_is_reported_with_request_server_and_its_beginning(server: Answering, slept: Slept) -> None:
    page = b"<html><head><title>Sign in\n | Company</title></head><body>" + b"x" * 9000
    server.will(Reply(403, page, {"content-type": "text/html; charset=utf-8"}))
    with pytest.raises(ForeignAnswerError) as caught:
        transport(server, slept, attempts=1).request(GET)
    expected = f"http://127.0.0.1:{server.port}/v1 does not answer like Appwrite to GET /functions/f: "
    assert caught.value.message == f"{expected}403 text/html, “Sign in | Company”."


@pytest.mark.parametrize(
    ("call", "reply"),
    [
        (Call("delete", "/x"), Reply(200, {"$id": "x"})),
        (Call("delete", "/x"), Reply(204, b"", {"content-length": "9"})),
        (GET, Reply(204, b"")),
        (GET, Reply(206, {"$id": "f"})),
        (GET, Reply(304, b"")),
        (GET, Reply(301, b"")),
        (Call("get", "/x", answer=ARCHIVE), Reply(200, b"<html>", {"content-type": "text/html"})),
        (Call("get", "/x", answer=ARCHIVE), Reply(200, {"$id": "x"})),
        (Call("get", "/x", answer=ARCHIVE), Reply(200, b"", {"content-type": "application/gzip"})),
    ],
)
def test_a_status_or_kind_that_does_not_belong_to_the_call(
    server: Answering, slept: Slept, call: Call, reply: Reply
) -> None:
    server.will(reply)
    with pytest.raises(ForeignAnswerError):
        transport(server, slept, attempts=1).request(call)


def nested(levels: int) -> bytes:
    return b'{"$id":"x","y":' + b"[" * levels + b"]" * levels + b"}"


@pytest.mark.parametrize("levels", [1, answers.DEEPEST - 2])
def test_json_may_be_nested_as_documents_are(server: Answering, slept: Slept, levels: int) -> None:
    server.will(Reply(200, nested(levels)))
    assert transport(server, slept).request(GET)["$id"] == "x"


@pytest.mark.parametrize("levels", [answers.DEEPEST + 1, 900, 200_000])
def test_json_that_is_nested_deeper_is_not_read(server: Answering, slept: Slept, levels: int) -> None:
    server.will(Reply(200, nested(levels)))
    with pytest.raises(ForeignAnswerError):
        transport(server, slept, attempts=1).request(GET)


@pytest.mark.parametrize(
    "text",
    [b'{"$id":"\\ud800"}', b'{"$id":"\xff"}', b'{"$id":"x","n":NaN}', b'{"$id":"x","n":Infinity}',
     b'{"$id":"\xed\xa0\x80"}', b'{"$id":"x","n":' + b"9" * 5000 + b"}", b'\xef\xbb\xbf{"$id":"x"}',
     b'{"$id":"x"} {"$id":"y"}'],
)  # fmt: skip
def test_what_could_be_read_but_not_be_worked_with_is_not_read(server: Answering, slept: Slept, text: bytes) -> None:
    server.will(Reply(200, text))
    with pytest.raises(ForeignAnswerError):
        transport(server, slept, attempts=1).request(GET)


def test_pairs_of_escapes_are_characters(server: Answering, slept: Slept) -> None:
    server.will(Reply(200, b'{"$id":"x","name":"\\ud83d\\udc0e"}'))
    assert transport(server, slept).request(GET)["name"] == "🐎"


# Bounds.


def test_a_body_may_be_as_long_as_allowed_and_no_longer(
    server: Answering, slept: Slept, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = json.dumps({"$id": "x", "more": "y" * 1000}).encode()
    server.will(Reply(200, body))
    monkeypatch.setattr(answers, "LONGEST", len(body))
    assert transport(server, slept).request(GET)["$id"] == "x"
    monkeypatch.setattr(answers, "LONGEST", len(body) - 1)
    with pytest.raises(ForeignAnswerError, match="longer than"):
        transport(server, slept, attempts=1).request(GET)


def test_a_packed_body_may_be_as_long_as_allowed_when_unpacked(
    server: Answering, slept: Slept, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = json.dumps({"$id": "x", "more": "y" * 100_000}).encode()
    server.will(Reply(200, gzip.compress(body), {"content-encoding": "gzip"}))
    monkeypatch.setattr(answers, "LONGEST", len(body))
    assert transport(server, slept).request(GET)["$id"] == "x"
    monkeypatch.setattr(answers, "LONGEST", len(body) - 1)
    with pytest.raises(ForeignAnswerError, match="when unpacked"):
        transport(server, slept, attempts=1).request(GET)


_PACKED = gzip.compress(b"{}", mtime=0)


@pytest.mark.parametrize(
    ("body", "encoding"),
    [(b"{}", "gzip"), (_PACKED[:-4], "gzip"), (gzip.compress(_PACKED, mtime=0), "gzip, gzip"), (b"{}", "br")],
    ids=["not packed", "cut", "packed twice", "another way"],
)
def test_what_cannot_be_unpacked_is_not_read(server: Answering, slept: Slept, body: bytes, encoding: str) -> None:
    server.will(Reply(200, body, {"content-encoding": encoding}))
    with pytest.raises(ForeignAnswerError):
        transport(server, slept, attempts=1).request(GET)


def test_a_file_has_a_bound_of_its_own(server: Answering, slept: Slept, monkeypatch: pytest.MonkeyPatch) -> None:
    server.will(Reply(200, b"x" * 100, {"content-type": "application/gzip"}))
    monkeypatch.setattr(answers, "LONGEST", 10)
    assert len(transport(server, slept).request(Call("get", "/x", answer=ARCHIVE))) == 100
    monkeypatch.setattr(answers, "LONGEST_FILE", 99)
    with pytest.raises(ForeignAnswerError):
        transport(server, slept, attempts=1).request(Call("get", "/x", answer=ARCHIVE))


def test_an_answer_that_only_drips_is_given_up(slept: Slept) -> None:
    """Each byte comes in time, and all of them never."""
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def drip() -> None:
            connection = listener.accept()[0]
            connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 999999\r\n\r\n")
            while not stop.wait(0.01):
                connection.sendall(b" ")

        threading.Thread(target=drip, daemon=True).start()
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        sender = Transport(address, "p", Secret("k"), sleep=slept, patience=RetryPolicy(read=0.1, attempts=1))
        try:
            with pytest.raises(UnreachableError, match=r"did not answer in time \(GET /functions/f\)"):
                sender.request(GET)
        finally:
            stop.set()


def test_connections_are_used_again(server: Answering, slept: Slept) -> None:
    """Bodies are read to their end, whatever they are."""
    sender = transport(server, slept, attempts=1)
    for reply in (
        Reply(),
        error(404, "function_not_found"),
        Reply(404, b"no", {"content-type": "text/plain"}),
        Reply(),
    ):
        server.will(reply)
        with suppress(ProviderError):
            sender.request(GET)
    (pool,) = sender._session.get_adapter(sender.endpoint).poolmanager.pools._container.values()
    assert (pool.num_requests, pool.num_connections) == (4, 1)


# Redirects.


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete"])
def test_a_redirect_is_neither_followed_nor_tried_again(
    server: Answering, slept: Slept, status: int, method: str
) -> None:
    server.will(Reply(status, b"", {"location": f"http://127.0.0.1:{server.port}/v1/elsewhere"}))
    with pytest.raises(RedirectedError, match="Redirects are not followed"):
        transport(server, slept).request(Call(method, "/functions/f"))
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("location", "endpoint"),
    [
        ("https://a.example/v1/functions/f", "https://a.example/v1"),
        ("https://a.example/base/v1/functions/f?x=1", "https://a.example/base/v1"),
        ("http://user:word@a.example:8080/v1/functions/f", "http://a.example:8080/v1"),
        ("https://a.example/login", ""),
        ("ftp://a.example/v1/functions/f", ""),
        ("/v1/functions/f", ""),
    ],
)
def test_an_endpoint_is_reported_where_a_redirect_leads_to_the_same_route(location: str, endpoint: str) -> None:
    assert endpoint_of(location, GET) == endpoint


@pytest.mark.parametrize(
    "location", ["http://[::1", "https://\udcff", "//", "http:///v1/functions/f", "\t", "a" * 9000]
)
def test_a_redirect_to_nowhere_is_an_error_too(server: Answering, slept: Slept, location: str) -> None:
    server.will(Reply(302, b"", {"location": location}))
    with pytest.raises(ProviderError) as caught:
        transport(server, slept, attempts=1).request(GET)
    assert len(caught.value.message) < 700


# Pages.


class Moving:
    """A list of functions from which one is deleted as soon as the page that ends with it was given."""

    def __init__(self, count: int, *, losses: int = 1) -> None:
        self.items = [{**FUNCTION, "$id": f"f{number:03}"} for number in range(count)]
        self.losses = losses
        self.pages = 0

    def __call__(self, asked: Asked) -> Reply:
        self.pages += 1
        said = [json.loads(value) for values in asked.query.values() for value in values]
        after = next((each["values"][0] for each in said if each["method"] == "cursorAfter"), "")
        if after and after not in [each["$id"] for each in self.items]:
            return error(400, "general_cursor_not_found")
        reply = paged("functions", self.items)(asked)
        page = reply.body["functions"]
        if len(page) == reading.PAGE and self.losses:
            self.losses -= 1
            self.items.remove(page[-1])
        return reply


@pytest.fixture
def reader(server: Answering, slept: Slept) -> AppwriteReader:
    return AppwriteReader(transport(server, slept, attempts=1))


@pytest.mark.parametrize(("count", "losses"), [(101, 1), (250, 1), (250, 2), (250, 3)])
def test_a_list_whose_cursor_was_deleted_is_read_again_without_holes_or_repeats(
    server: Answering, reader: AppwriteReader, count: int, losses: int
) -> None:
    moving = Moving(count, losses=losses)
    Routes(server, {**EMPTY, "/functions": moving})
    found = [each.path for each in reader.snapshot(()).resources if each.kind == "function"]
    assert len(found) == len(set(found))
    assert {each["$id"] for each in moving.items} <= set(found)


def test_documents_are_read_again_one_by_one_as_they_are_asked_for(server: Answering, reader: AppwriteReader) -> None:
    moving = Moving(250)
    path = "/databases/d/collections/c/documents"

    def answered(asked: Asked) -> Reply:
        reply = moving(asked)
        return Reply(200, {"total": 250, "documents": reply.body["functions"]}) if reply.status == 200 else reply

    Routes(server, {path: answered})
    reader._sizes = documents.PageSize((reading.PAGE,))
    found = [each["$id"] for each in reader.documents("d", "c")]
    assert found == [f"f{number:03}" for number in range(250)]


def test_a_list_that_loses_its_cursor_all_the_time_is_given_up(server: Answering, reader: AppwriteReader) -> None:
    moving = Moving(150, losses=10**6)
    Routes(server, {**EMPTY, "/functions": moving})
    # It can only be asked so often because there are always enough to fill a page.
    moving.items += [{**FUNCTION, "$id": f"g{number:03}"} for number in range(200)]
    with pytest.raises(ProviderError, match="general_cursor_not_found"):
        reader.snapshot(())
    assert moving.pages == 2 * (documents._REREADS + 1)


def test_another_error_of_a_page_is_not_tried_again(server: Answering, reader: AppwriteReader) -> None:
    routes = Routes(server, {**EMPTY, "/functions": error(400, "general_query_invalid")})
    with pytest.raises(ProviderError, match="general_query_invalid"):
        reader.snapshot(())
    assert len(routes.of("/functions")) == 1


# Facts that a key may not ask.


def test_a_page_of_a_proxy_is_not_taken_for_what_a_key_may_not_ask(server: Answering, reader: AppwriteReader) -> None:
    page = Reply(404, b"404 page not found", {"content-type": "text/plain"})
    Routes(server, {**EMPTY, "/functions/specifications": page})
    with pytest.raises(ForeignAnswerError, match="GET /functions/specifications"):
        reader.snapshot(())


def test_a_function_that_is_gone_is_distinguished_from_one_that_a_proxy_does_not_find(
    server: Answering, reader: AppwriteReader
) -> None:
    Routes(server, {"/functions/f": error(404, "function_not_found"), "/functions/g": error(404, "")})
    with pytest.raises(NotFoundError):
        reader.active_deployment(F)
    with pytest.raises(ForeignAnswerError):
        reader.active_deployment(G)


def test_listed_is_what_the_shapes_want() -> None:
    assert misfit(listed("functions", FUNCTION), listing("functions", function.SHAPE)) == ""
