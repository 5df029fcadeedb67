"""Reading over real sockets: pages, facts, and what is left out."""

from __future__ import annotations

import json
from typing import Any

import pytest

from raceday_iac.errors import AccessError, ProviderError, ServerFaultError
from raceday_iac.model.address import Address, function_address
from raceday_iac.provider.appwrite import AppwriteReader
from raceday_iac.provider.appwrite.documents import query

from .. import recorded
from ..declaring import address
from .answering import Answering, Asked, Reply, Slept, error, transport

F = function_address("f")


class Routes:
    """Answers by path, for reads that come in any order."""

    def __init__(self, server: Answering, routes: dict[str, Any]) -> None:
        self.routes = routes
        server.next = self.next  # type: ignore[method-assign]
        self.asked: list[Asked] = []

    def next(self, asked: Asked) -> Any:
        self.asked.append(asked)
        answer = self.routes.get(asked.path.removeprefix("/v1"), error(404, "general_route_not_found"))
        return answer(asked) if callable(answer) else answer if isinstance(answer, Reply) else Reply(200, answer)

    def of(self, path: str) -> list[Asked]:
        return [each for each in self.asked if each.path == f"/v1{path}"]


def listed(plural: str, *items: dict[str, Any]) -> dict[str, Any]:
    """A list as Appwrite answers it."""
    return {"total": len(items), plural: [*items]}


FACTS = {
    "/health/version": {"version": "1.8.1"},
    "/functions/runtimes": {"total": 2, "runtimes": [{"$id": "python-3.12"}, {"$id": "node-22"}]},
    "/functions/specifications": {
        "total": 2,
        "specifications": [{"slug": "s-1vcpu-1gb", "enabled": True}, {"slug": "s-8vcpu-8gb", "enabled": False}],
    },
}
NOTHING: dict[str, Any] = {**FACTS, "/functions": listed("functions"), "/databases": listed("databases")}
FUNCTION = recorded.answer("functions-create", "minimal")
COLLECTION = recorded.answer("collections", "create minimal")
RELATIONS = recorded.answer("relationships", "list")["attributes"]


@pytest.fixture
def reader(server: Answering, slept: Slept) -> AppwriteReader:
    return AppwriteReader(transport(server, slept, attempts=1))


def paged(plural: str, items: list[dict[str, Any]]) -> Any:
    """Answers a list like Appwrite: a page of `limit` after the cursor."""

    def answer(asked: Asked) -> Reply:
        queries = [json.loads(value) for values in asked.query.values() for value in values]
        said = {each["method"]: each["values"][0] for each in queries}
        ids = [each["$id"] for each in items]
        start = ids.index(said["cursorAfter"]) + 1 if "cursorAfter" in said else 0
        return Reply(200, {"total": len(items), plural: items[start : start + said.get("limit", 25)]})

    return answer


def test_a_query_is_written_in_the_form_of_appwrite() -> None:
    assert json.loads(query("equal", "x", attribute="name")) == {
        "method": "equal",
        "attribute": "name",
        "values": ["x"],
    }
    assert json.loads(query("limit", 5)) == {"method": "limit", "values": [5]}


@pytest.mark.parametrize("count", [0, 1, 99, 100, 101, 250])
def test_every_page_is_read(server: Answering, reader: AppwriteReader, count: int) -> None:
    functions = [{**FUNCTION, "$id": f"f{number}"} for number in range(count)]
    routes = Routes(server, {**NOTHING, "/functions": paged("functions", functions)})
    found = reader.snapshot(()).resources
    assert len([each for each in found if each.kind == "function"]) == count
    assert len(routes.of("/functions")) == count // 100 + 1


def test_one_list_shows_functions_variables_and_active_deployments(server: Answering, reader: AppwriteReader) -> None:
    variable = {"$id": "v1", "key": "K", "value": "v", "secret": False}
    functions = [{**FUNCTION, "$id": "f", "vars": [variable], "deploymentId": "b1"}, {**FUNCTION, "$id": "g"}]
    Routes(server, {**NOTHING, "/functions": listed("functions", *functions)})
    found = reader.snapshot(()).resources
    assert {str(each) for each in found} == {"function.f", "variable.f/K", "deployment.f", "function.g"}
    assert found[address("deployment.f")].remote_id == "b1"


def test_collections_show_everything_in_them_but_mirrors(server: Answering, reader: AppwriteReader) -> None:
    raw = {**COLLECTION, "$id": "a", "databaseId": "d-rel", "attributes": RELATIONS}
    there = listed("databases", {"$id": "d-rel", "name": "D", "enabled": True})
    Routes(server, {**NOTHING, "/databases": there, "/databases/d-rel/collections": listed("collections", raw)})
    found = reader.snapshot(["d-rel"]).resources
    keys = {each.name for each in found if each.kind == "relationship"}
    assert keys == {each["key"] for each in RELATIONS if each.get("side") == "parent"}
    assert [each.name for each in found if each.kind == "attribute"] == ["name"]
    assert any(each.get("side") == "child" for each in RELATIONS)


def test_no_request_is_made_for_a_single_attribute(server: Answering, reader: AppwriteReader) -> None:
    raw = {**COLLECTION, "$id": "a", "databaseId": "d", "attributes": RELATIONS}
    there = listed("databases", {"$id": "d", "name": "D", "enabled": True})
    routes = Routes(server, {**NOTHING, "/databases": there, "/databases/d/collections": listed("collections", raw)})
    reader.snapshot(["d"])
    assert len(routes.asked) == len(FACTS) + 3


def test_a_database_that_is_not_there_holds_nothing(server: Answering, reader: AppwriteReader) -> None:
    Routes(server, {**NOTHING, "/databases/d/collections": error(404, "database_not_found")})
    assert reader.snapshot(["d"]).resources == {}


def test_facts_are_version_runtimes_and_enabled_specifications(server: Answering, reader: AppwriteReader) -> None:
    Routes(server, NOTHING)
    facts = reader.snapshot(()).facts
    assert facts.version == "1.8.1"
    assert facts.runtimes == {"python-3.12", "node-22"}
    assert facts.specifications == {"s-1vcpu-1gb"}


def test_the_version_is_asked_without_a_key_because_a_key_lacks_the_scope(
    server: Answering, reader: AppwriteReader
) -> None:
    routes = Routes(server, NOTHING)
    reader.snapshot(())
    assert "x-appwrite-key" not in routes.of("/health/version")[0].headers
    assert "x-appwrite-key" in routes.of("/functions")[0].headers


@pytest.mark.parametrize(
    "reply", [error(401, "general_unauthorized_scope"), error(404, "general_route_not_found"), error(501)]
)
def test_facts_that_a_key_may_not_ask_stay_empty(server: Answering, reader: AppwriteReader, reply: Reply) -> None:
    Routes(server, {**NOTHING, **dict.fromkeys(FACTS, reply)})
    facts = reader.snapshot(()).facts
    assert (facts.version, facts.runtimes, facts.specifications) == ("", frozenset(), frozenset())


def test_a_server_in_distress_is_not_taken_for_one_that_does_not_say(server: Answering, reader: AppwriteReader) -> None:
    Routes(server, {**NOTHING, "/functions/runtimes": error(500)})
    with pytest.raises(ServerFaultError):
        reader.snapshot(())


def test_functions_that_may_not_be_read_are_an_error(server: Answering, reader: AppwriteReader) -> None:
    Routes(server, {**NOTHING, "/functions": error(401, "general_unauthorized_scope")})
    with pytest.raises(AccessError):
        reader.snapshot(())


@pytest.mark.parametrize("answer", [{}, {"total": 0, "functions": None}, {"functions": []}, {"total": 0}])
def test_an_answer_without_its_list_is_not_taken_for_an_empty_one(
    server: Answering, reader: AppwriteReader, answer: dict[str, Any]
) -> None:
    Routes(server, {**NOTHING, "/functions": answer})
    with pytest.raises(ProviderError, match="does not answer like Appwrite"):
        reader.snapshot(())


PLACE = "/databases/d/collections/c"


def raw_member(key: str) -> dict[str, Any]:
    plain = {"key": key, "type": "boolean", "status": "available", "error": "", "required": False, "array": False}
    return {**plain, "default": None}


def test_members_are_read_from_the_list_by_one_request(server: Answering, reader: AppwriteReader) -> None:
    raw = [raw_member("a"), *RELATIONS]
    routes = Routes(server, {f"{PLACE}/attributes": {"total": len(raw), "attributes": raw}})
    found = reader.members("d", "c", "attributes")
    parents = {f"relationship.d/c/{each['key']}" for each in RELATIONS if each.get("side") == "parent"}
    plain = {f"attribute.d/c/{each['key']}" for each in RELATIONS if "side" not in each}
    assert {str(each) for each in found} == {"attribute.d/c/a", *plain, *parents}
    assert len(routes.asked) == 1


def test_only_what_is_watched_is_asked_for_and_more_than_a_default_page_of_it(
    server: Answering, reader: AppwriteReader
) -> None:
    routes = Routes(server, {f"{PLACE}/indexes": {"total": 0, "indexes": []}})
    reader.members("d", "c", "indexes", ["i", "j"])
    queries = [json.loads(values[0]) for values in routes.asked[0].query.values()]
    assert {"method": "equal", "attribute": "key", "values": ["i", "j"]} in queries
    assert {"method": "limit", "values": [100]} in queries


def test_a_list_longer_than_a_page_is_read_on_from_the_last_key(server: Answering, reader: AppwriteReader) -> None:
    raw = [raw_member(f"a{number}") for number in range(130)]

    def answer(asked: Asked) -> Reply:
        said = {
            each["method"]: each["values"][0] for values in asked.query.values() for each in map(json.loads, values)
        }
        start = [each["key"] for each in raw].index(said["cursorAfter"]) + 1 if "cursorAfter" in said else 0
        return Reply(200, {"total": 130, "attributes": raw[start : start + said["limit"]]})

    Routes(server, {f"{PLACE}/attributes": answer})
    assert len(reader.members("d", "c", "attributes")) == 130


def test_a_collection_that_is_not_there_has_no_members(server: Answering, reader: AppwriteReader) -> None:
    Routes(server, {f"{PLACE}/attributes": error(404, "collection_not_found")})
    assert reader.members("d", "c", "attributes") == {}


class Knowing:
    """A list of documents of a collection that knows some names only. `asked` is what was selected, each time."""

    def __init__(self, *known: str, refusal: Reply | None = None) -> None:
        self.known, self.asked = {*known, "$id"}, []  # type: tuple[set[str], list[list[str]]]
        self.refusal = refusal or error(400, "general_query_invalid")

    def __call__(self, asked: Asked) -> Reply:
        queries = [json.loads(value) for values in asked.query.values() for value in values]
        (selected,) = [each["values"] for each in queries if each["method"] == "select"]
        assert not [each for each in queries if each["method"] in ("isNull", "isNotNull")]
        assert {"method": "limit", "values": [1]} in queries
        self.asked.append(selected)
        names = {each.partition(".")[0] for each in selected}
        return Reply(200, {"total": 0, "documents": []}) if names <= self.known else self.refusal


def test_one_read_proves_that_documents_know_all_attributes(server: Answering, reader: AppwriteReader) -> None:
    knowing = Knowing("a", "b", "r")
    Routes(server, {f"{PLACE}/documents": knowing})
    assert reader.unknown_attributes("d", "c", ["a", "b"], ["r"]) == []
    assert knowing.asked == [["a", "b", "r.$id"]]


def test_what_documents_do_not_know_is_named(server: Answering, reader: AppwriteReader) -> None:
    Routes(server, {f"{PLACE}/documents": Knowing("a", "c")})
    assert reader.unknown_attributes("d", "c", ["a", "b", "c", "d"], ["r"]) == ["b", "d", "r"]


def test_a_column_that_is_not_there_is_unknown_as_well(server: Answering, reader: AppwriteReader) -> None:
    """The server runs into an error that it does not foresee."""
    Routes(server, {f"{PLACE}/documents": Knowing("a", refusal=error(500, "general_unknown"))})
    assert reader.unknown_attributes("d", "c", ["a", "b"]) == ["b"]


def test_a_server_that_is_ill_is_no_proof_of_anything(server: Answering, reader: AppwriteReader) -> None:
    Routes(server, {f"{PLACE}/documents": error(500, "general_unknown")})
    with pytest.raises(ServerFaultError):
        reader.unknown_attributes("d", "c", ["a", "b"])


def test_more_names_than_a_query_holds_take_more_reads(server: Answering, reader: AppwriteReader) -> None:
    keys = [f"{'k' * 32}{number:04}" for number in range(200)]
    knowing = Knowing(*keys)
    Routes(server, {f"{PLACE}/documents": knowing})
    assert reader.unknown_attributes("d", "c", keys) == []
    assert [key for each in knowing.asked for key in each] == keys
    assert max(len(query("select", *each)) for each in knowing.asked) < 4096


def test_documents_are_counted_without_reading_them(server: Answering, reader: AppwriteReader) -> None:
    routes = Routes(server, {"/databases/d/collections/c/documents": {"total": 42, "documents": []}})
    assert reader.count_documents("d", "c") == 42
    assert routes.asked[0].query == {"queries[0]": [query("limit", 1)]}


def test_a_collection_that_is_not_there_has_no_documents(server: Answering, reader: AppwriteReader) -> None:
    Routes(server, {"/databases/d/collections/c/documents": error(404, "collection_not_found")})
    assert reader.count_documents("d", "c") == 0


def test_a_source_is_downloaded_as_bytes(server: Answering, reader: AppwriteReader) -> None:
    path = "/functions/f/deployments/b1/download"
    routes = Routes(server, {path: Reply(200, b"\x1f\x8b{}", {"content-type": "application/gzip"})})
    assert reader.source_of(F, "b1") == b"\x1f\x8b{}"
    assert routes.asked[0].query == {"type": ["source"]}


def test_deployments_are_listed_newest_first_without_their_logs(server: Answering, reader: AppwriteReader) -> None:
    raw = {
        "$id": "b1",
        "status": "ready",
        "sourceSize": 5,
        "$createdAt": "2025-07-17T01:00:00.000+00:00",
        "activate": True,
    }
    routes = Routes(server, {"/functions/f/deployments": listed("deployments", raw)})
    (found,) = reader.deployments(F, 3)
    assert (found.id, found.status, found.source_size, found.activate) == ("b1", "ready", 5, True)
    queries = [json.loads(values[0]) for values in routes.asked[0].query.values()]
    assert {each["method"] for each in queries} == {"orderDesc", "limit", "select"}
    assert "buildLogs" not in str(queries)


def test_an_execution_is_read_whatever_is_missing_of_it(server: Answering, reader: AppwriteReader) -> None:
    raw = {
        "$id": "e",
        "functionId": "f",
        "status": "waiting",
        "trigger": "http",
        "$createdAt": "2025-07-17T01:00:00.000+00:00",
    }
    Routes(server, {"/functions/f/executions/e": raw})
    found = reader.execution("f", "e")
    assert (found.response_status, found.duration, found.logs) == (0, 0.0, "")


def test_every_recorded_collection_can_be_read(server: Answering, reader: AppwriteReader) -> None:
    for scenario, label in (
        ("attributes-create", "collection shows attributes"),
        ("indexes", "collection shows indexes"),
    ):
        raw = recorded.answer(scenario, label)
        path = f"/databases/{raw['databaseId']}/collections/{raw['$id']}"
        lists = ("attributes", "indexes")
        Routes(server, {f"{path}/{listed}": {"total": len(raw[listed]), **raw} for listed in lists})
        found = [
            each
            for listed in ("attributes", "indexes")
            for each in reader.members(raw["databaseId"], raw["$id"], listed)
        ]
        assert len(found) == len(raw["attributes"]) + len(raw["indexes"])
        assert all(isinstance(each, Address) for each in found)


def test_databases_of_other_kinds_are_named_where_everything_is_asked_for(server: Answering, slept: Slept) -> None:
    others = {
        "/documentsdb": listed("databases", {"$id": "docs", "name": "D"}, {"$id": "more", "name": "M"}),
        "/vectorsdb": listed("databases", {"$id": "vectors", "name": "V"}),
    }
    routes = Routes(server, {**NOTHING, **others})
    reader = AppwriteReader(transport(server, slept, attempts=1))
    assert list(map(str, reader.snapshot([], named=True).foreign)) == [
        "documentsdb.docs",
        "documentsdb.more",
        "vectorsdb.vectors",
    ]
    routes.asked.clear()
    assert reader.snapshot([]).foreign == ()
    assert routes.of("/documentsdb") == []


@pytest.mark.parametrize(
    "reply",
    [
        error(401, "general_unauthorized_scope"),
        error(404, "general_route_not_found"),
        # As 1.9.6 answers where it has no such route.
        Reply(404, "<!DOCTYPE html><title>Error</title>", {"content-type": "text/html"}),
    ],
)
def test_a_server_without_databases_of_other_kinds_is_asked_once(server: Answering, slept: Slept, reply: Reply) -> None:
    routes = Routes(server, {**NOTHING, "/documentsdb": reply, "/vectorsdb": reply})
    assert AppwriteReader(transport(server, slept, attempts=3)).snapshot([], named=True).foreign == ()
    assert len(routes.of("/documentsdb")) == 1
