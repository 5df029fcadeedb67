"""Deployments over real sockets: all pages of them, which is active, uploads in pieces, builds that are stopped."""

from __future__ import annotations

import json
from typing import Any

import pytest

from raceday_iac.errors import ConflictError, NotFoundError, ProviderError
from raceday_iac.model.address import function_address
from raceday_iac.provider.appwrite import AppwriteProvider, AppwriteReader
from raceday_iac.provider.protocol import Deployment

from .. import recorded
from .answering import Answering, Asked, Reply, Slept, error, transport
from .test_reading import FACTS, FUNCTION, Routes, listed

F = function_address("f")
G = function_address("g")

PATH = "/functions/f/deployments"


@pytest.fixture
def provider(server: Answering, slept: Slept) -> AppwriteProvider:
    return AppwriteProvider(transport(server, slept, attempts=1))


def raw(name: str, **fields: Any) -> dict[str, Any]:
    return {
        "$id": name,
        "status": "ready",
        "sourceSize": 5,
        "$createdAt": "2025-07-17T01:00:00.000+00:00",
        "activate": False,
        **fields,
    }


def page(items: list[dict[str, Any]], asked: Asked) -> list[dict[str, Any]]:
    """The 100 after the cursor, in their order."""
    queries = [json.loads(value) for values in asked.query.values() for value in values]
    after = [each["values"][0] for each in queries if each["method"] == "cursorAfter"]
    start = [each["$id"] for each in items].index(after[0]) + 1 if after else 0
    return items[start : start + 100]


def test_all_deployments_are_read_page_by_page_without_their_logs(server: Answering, provider: AppwriteReader) -> None:
    items = [raw(f"d{number}", type="manual", totalSize=number) for number in range(230)]
    routes = Routes(server, {PATH: lambda asked: Reply(200, {"total": 230, "deployments": page(items, asked)})})
    found = provider.all_deployments(F)
    assert [each.id for each in found] == [each["$id"] for each in items]
    assert (found[7].type, found[7].size) == ("manual", 7)
    assert len(routes.asked) == 3
    queries = [json.loads(value) for values in routes.asked[1].query.values() for value in values]
    assert {each["method"] for each in queries} == {"orderDesc", "limit", "cursorAfter", "select"}
    assert "buildLogs" not in str(queries)


def test_the_active_deployment_is_known_by_its_function(server: Answering, provider: AppwriteReader) -> None:
    routes = {"/functions/f": {**FUNCTION, "$id": "f", "deploymentId": "b1"}, "/functions/g": {**FUNCTION, "$id": "g"}}
    Routes(server, {**routes, "/functions/nothing": error(404, "function_not_found")})
    assert (provider.active_deployment(F), provider.active_deployment(G)) == ("b1", "")
    with pytest.raises(NotFoundError):
        provider.active_deployment(function_address("nothing"))


def function_of(active: str, newest: str, status: str) -> dict[str, Any]:
    known = {"deploymentId": active, "latestDeploymentId": newest, "latestDeploymentStatus": status}
    return {**FUNCTION, "$id": "f", **known, "latestDeploymentCreatedAt": "2025"}


@pytest.mark.parametrize(
    ("function", "newest"),
    [
        (function_of("a", "b", "failed"), {F: Deployment("b", "failed", created_at="2025")}),
        (function_of("", "b", "waiting"), {F: Deployment("b", "waiting", created_at="2025")}),
        (function_of("a", "a", "ready"), {}),
        (function_of("", "", ""), {}),
        ({**FUNCTION, "$id": "f", "deploymentId": "a"}, {}),
    ],
)
def test_a_snapshot_names_newest_deployments_that_are_not_active(
    server: Answering, provider: AppwriteReader, function: dict[str, Any], newest: dict[str, Deployment]
) -> None:
    Routes(server, {**FACTS, "/functions": listed("functions", function)})
    assert provider.snapshot(()).newest == newest


def test_the_fields_that_are_read_are_those_of_a_real_answer() -> None:
    known = recorded.answer("deployments-built", "list")["deployments"][0]
    assert {"$id", "status", "sourceSize", "totalSize", "$createdAt", "activate", "type"} <= set(known)


# Writing.


def test_an_upload_in_pieces_reports_its_id_before_it_is_complete(
    server: Answering, provider: AppwriteProvider
) -> None:
    reported: list[str] = []
    answers = [Reply(202, raw("b1")), error(500)]
    server.will(*answers)
    with pytest.raises(ProviderError):
        provider.upload(F, b"x" * (6 * 1024 * 1024), {"entrypoint": "main.py", "commands": ""}, reported.append)
    assert reported == ["b1"]


@pytest.mark.parametrize("piece", [0, 1])
@pytest.mark.parametrize(
    "reply",
    [
        Reply(404, b"404 page not found", {"content-type": "text/plain"}),
        Reply(413, b"<h1>413 Request Entity Too Large</h1>", {"content-type": "text/html"}),
        Reply(200, b"<html>", {"content-type": "text/html"}),
        Reply(200, {}),
        Reply(202, b""),
        Reply(302, b"", {"location": "https://other.example/v1/functions/f/deployments"}),
    ],
)
def test_an_upload_in_pieces_is_none_where_a_piece_was_not_answered_by_appwrite(
    server: Answering, provider: AppwriteProvider, piece: int, reply: Reply
) -> None:
    server.will(*[Reply(202, raw("b1"))] * piece, reply)
    with pytest.raises(ProviderError, match="POST /functions/f/deployments"):
        provider.upload(F, b"x" * (6 * 1024 * 1024), {"entrypoint": "main.py", "commands": ""})
    assert len(server.asked) == piece + 1


def test_an_upload_in_one_piece_reports_its_id_as_well(server: Answering, provider: AppwriteProvider) -> None:
    reported: list[str] = []
    server.will(Reply(202, raw("b1")))
    assert provider.upload(F, b"x", {"entrypoint": "main.py", "commands": ""}, reported.append).id == "b1"
    assert reported == ["b1"]


def test_an_activation_that_had_no_effect_is_an_error(server: Answering, provider: AppwriteProvider) -> None:
    server.will(Reply(200, {**FUNCTION, "$id": "f", "deploymentId": "other"}))
    with pytest.raises(ProviderError, match="accepted the activation of b1, but other is active"):
        provider.activate(F, "b1")


def test_a_build_is_stopped_by_its_own_route(server: Answering, provider: AppwriteProvider) -> None:
    server.will(Reply(200, raw("b1", status="canceled")))
    provider.cancel(F, "b1")
    assert (server.asked[0].method, server.asked[0].path) == ("PATCH", f"/v1{PATH}/b1/status")


def test_a_build_that_has_ended_meanwhile_need_not_be_stopped(server: Answering, provider: AppwriteProvider) -> None:
    server.will(error(400, "build_already_completed"))
    provider.cancel(F, "b1")


def test_any_other_refusal_to_stop_a_build_is_an_error(server: Answering, provider: AppwriteProvider) -> None:
    server.will(error(409, "other"))
    with pytest.raises(ConflictError):
        provider.cancel(F, "b1")


def test_an_execution_says_where_it_goes_only_when_that_is_not_usual(
    server: Answering, provider: AppwriteProvider
) -> None:
    answer = {
        "$id": "e",
        "functionId": "f",
        "status": "waiting",
        "trigger": "http",
        "$createdAt": "2025-07-17T01:00:00.000+00:00",
    }
    server.will(Reply(202, answer))
    provider.execute("f", "", wait=False)
    provider.execute("f", "", wait=False, path="/probe", method="GET")
    usual, other = (each.json for each in server.asked)
    assert set(usual) == {"body", "async"}
    assert (other["path"], other["method"]) == ("/probe", "GET")
