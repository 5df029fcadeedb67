"""The unmodified published SDK 27 against the server.

SDK 27 is newer than any 1.8 server: its document and row models want `$sequence` as a text, where 1.8 answers an
integer, so they refuse valid answers after the server has done the work. Documents are therefore read through
`Client.call`, and the refusal itself is asserted.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from typing import Any, cast

import pydantic
import pytest
import requests
from appwrite.client import Client
from appwrite.exception import AppwriteException
from appwrite.id import ID
from appwrite.input_file import InputFile
from appwrite.permission import Permission
from appwrite.query import Query
from appwrite.role import Role
from appwrite.services.databases import Databases
from appwrite.services.functions import Functions
from appwrite.services.tables_db import TablesDB

from .archives import archive, noise
from .client import Answer, Api, Exchange
from .deploying import HELLO, RUNTIME, built
from .modelling import available_attribute, ids
from .waiting import poll, status_is

CHUNK = 5 * 1024 * 1024
DOCUMENTS = "/databases/d/collections/c/documents"
ROWS = "/tablesdb/d/tables/t/rows"


class Quiet:
    """A service of the SDK without its deprecation warnings: legacy calls are what 1.8 servers are used with."""

    def __init__(self, service: Any) -> None:
        self._service = service

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._service, name)

        def call(*arguments: Any, **options: Any) -> Any:
            with warnings.catch_warnings(record=True):
                return method(*arguments, **options)

        return call


@pytest.fixture
def client(api: Api, monkeypatch: pytest.MonkeyPatch) -> Client:
    """The SDK's client for the test's project. What it receives is checked like everything else."""
    plain = requests.request

    def watched(method: str, url: str, **options: Any) -> requests.Response:
        response = plain(method, url, **options)
        body = response.json() if response.content and "json" in response.headers["content-type"] else None
        answer = Answer(response.status_code, response.headers, response.content, body)
        query = tuple((options.get("params") or {}).items())
        headers = {name.lower(): value for name, value in options["headers"].items()}
        for observe in api.observers:
            path = url.removeprefix(api.endpoint)
            observe(Exchange(method.upper(), path, query, answer, json_or_none(options.get("data")), headers))
        return response

    monkeypatch.setattr(requests, "request", watched)
    return Client().set_endpoint(api.endpoint).set_project(api.project).set_key(api.key)


@pytest.fixture
def functions(client: Client) -> Functions:
    return Functions(client)


@pytest.fixture
def databases(client: Client, api: Api) -> Databases:
    """The legacy service with a collection of films."""
    service = cast("Databases", Quiet(Databases(client)))
    service.create("d", "Films")
    service.create_collection("d", "c", "Films", permissions=[Permission.read(Role.any())])
    service.create_string_attribute("d", "c", "title", 64, True)
    service.create_integer_attribute("d", "c", "year", False, min=1900, max=2100)
    for key in ("title", "year"):
        available_attribute(api, "/databases/d/collections/c", key)
    return service


def json_or_none(data: Any) -> Any:
    return json.loads(data) if isinstance(data, str) and data.startswith("{") else None


def call(client: Client, method: str, path: str, **params: Any) -> Any:
    """The SDK's transport without its models; the project header is the caller's business."""
    headers = {"X-Appwrite-Project": client.get_config("project"), "content-type": "application/json"}
    return client.call(method, path, headers, params)


def refused_by_the_model(action: Callable[[], Any]) -> None:
    """The one refusal of the SDK that is known: an integer `$sequence`."""
    with pytest.raises(pydantic.ValidationError) as refusal:
        action()
    assert {error["loc"][-1] for error in refusal.value.errors()} == {"$sequence"}
    assert {error["type"] for error in refusal.value.errors()} == {"string_type"}


def test_functions_are_created_changed_listed_and_deleted(functions: Functions) -> None:
    created = functions.create("f", "Test", RUNTIME, execute=["any"], timeout=20, entrypoint="main.py")
    assert (created.id, created.timeout, created.execute) == ("f", 20, ["any"])
    changed = functions.update("f", "Renamed", schedule="0 0 1 1 *")
    assert (changed.name, changed.schedule, changed.timeout) == ("Renamed", "0 0 1 1 *", 15)
    assert [each.id for each in functions.list([Query.equal("name", "Renamed")]).functions] == ["f"]
    functions.delete("f")
    with pytest.raises(AppwriteException) as missing:
        functions.get("f")
    assert (missing.value.code, missing.value.type) == (404, "function_not_found")


def test_specification_is_out_of_reach_of_the_sdk(functions: Functions, client: Client) -> None:
    created = functions.create("f", "Test", RUNTIME, build_specification="s-1vcpu-1gb")
    largest = functions.list_specifications().specifications[-1].slug
    assert created.to_dict()["specification"] == largest
    raw = call(client, "put", "/functions/f", name="Test", specification="s-1vcpu-1gb")
    assert raw["specification"] == "s-1vcpu-1gb"


def test_variables_are_written_and_secrets_stay_hidden(functions: Functions) -> None:
    functions.create("f", "Test", RUNTIME)
    plain = functions.create_variable("f", ID.unique(), "PLAIN", "seen", secret=False)
    secret = functions.create_variable("f", ID.unique(), "SECRET", "unseen")
    assert (plain.value, secret.value, secret.secret) == ("seen", "", True)
    assert functions.update_variable("f", plain.id, key="PLAIN", value="new").value == "new"
    assert [each.key for each in functions.list_variables("f").variables] == ["PLAIN", "SECRET"]
    functions.delete_variable("f", plain.id)
    with pytest.raises(AppwriteException) as missing:
        functions.get_variable("f", plain.id)
    assert missing.value.type == "variable_not_found"


def test_a_small_archive_is_deployed_and_run(functions: Functions, api: Api) -> None:
    functions.create("f", "Test", RUNTIME, entrypoint="main.py")
    code = InputFile.from_bytes(archive({"main.py": HELLO}), "code.tar.gz")
    deployment = functions.create_deployment("f", code, activate=True)
    assert deployment.status.value == "waiting"
    built(api, "f", deployment.id)
    assert functions.get("f").deploymentid == deployment.id
    done = functions.create_execution("f", xasync=False, path="/", method="GET")
    assert (done.status.value, done.responsebody) == ("completed", "hello")
    assert [each.id for each in functions.list_executions("f").executions] == [done.id]


def test_a_large_archive_is_deployed_in_parallel_chunks(functions: Functions, api: Api) -> None:
    functions.create("f", "Test", RUNTIME, entrypoint="main.py")
    content = archive({"main.py": HELLO, "noise.bin": noise(2 * CHUNK + 1000)})
    progress: list[Any] = []
    deployment = functions.create_deployment(
        "f", InputFile.from_bytes(content, "code.tar.gz"), activate=True, on_progress=progress.append
    )
    assert progress[-1]["chunksTotal"] == 3
    ready = built(api, "f", deployment.id)
    assert ready["sourceSize"] == len(content)
    assert functions.get_deployment_download("f", deployment.id) == content
    assert functions.list_deployments("f", [Query.equal("status", "ready")]).total == 1
    functions.delete_deployment("f", deployment.id)
    assert functions.get("f").deploymentid == ""


def test_an_async_execution_is_watched_until_it_ends(functions: Functions, api: Api) -> None:
    functions.create("f", "Test", RUNTIME, entrypoint="main.py")
    code = InputFile.from_bytes(archive({"main.py": HELLO}), "code.tar.gz")
    built(api, "f", functions.create_deployment("f", code, activate=True).id)
    sent = functions.create_execution("f", xasync=True)
    done = poll(lambda: api.get(f"/functions/f/executions/{sent.id}"), status_is("completed"))
    assert functions.get_execution("f", sent.id).logs == done["logs"] != ""


def test_a_newer_client_is_warned(functions: Functions, capsys: pytest.CaptureFixture[str]) -> None:
    functions.list()
    assert "The current SDK is built for Appwrite 2.5.0" in capsys.readouterr().err


def test_a_client_that_announces_1_8_is_not_warned(client: Client, capsys: pytest.CaptureFixture[str]) -> None:
    client.add_header("X-Appwrite-Response-Format", "1.8.0")
    Functions(client).list()
    assert capsys.readouterr().err == ""


def test_collections_attributes_and_indexes_are_managed(databases: Databases, api: Api) -> None:
    assert databases.get_collection("d", "c").permissions == ['read("any")']
    assert databases.list_attributes("d", "c").total == 2
    created = databases.create_index("d", "c", "by_year", "key", ["year"], orders=["DESC"])
    assert (created.key, created.orders) == ("by_year", ["DESC"])
    poll(lambda: api.get("/databases/d/collections/c/indexes/by_year"), status_is("available"))
    changed = databases.update_string_attribute("d", "c", "title", False, None, size=128)
    assert (changed.size, changed.default) == (128, None)
    databases.delete_index("d", "c", "by_year")
    poll(lambda: api.get("/databases/d/collections/c/indexes/by_year"), lambda answer: answer.status == 404)
    assert [each.id for each in databases.list([Query.equal("name", ["Films"])]).databases] == ["d"]


def test_document_models_refuse_an_integer_sequence_after_the_work_is_done(databases: Databases, api: Api) -> None:
    refused_by_the_model(lambda: databases.create_document("d", "c", "one", {"title": "Wasp"}))
    refused_by_the_model(lambda: databases.upsert_document("d", "c", "two", {"title": "Ant"}))
    refused_by_the_model(lambda: databases.update_document("d", "c", "one", {"year": 1944}))
    refused_by_the_model(lambda: databases.get_document("d", "c", "one"))
    refused_by_the_model(lambda: databases.list_documents("d", "c"))
    assert ids(api.get(DOCUMENTS)) == ["one", "two"]
    assert api.get(f"{DOCUMENTS}/one")["year"] == 1944
    databases.delete_document("d", "c", "one")
    assert databases.list_documents("d", "c", [Query.equal("$id", "one")]).total == 0


def test_documents_are_read_through_the_transport(databases: Databases, client: Client) -> None:
    for number in range(1, 6):
        call(
            client, "post", DOCUMENTS, documentId=f"f{number}", data={"title": f"Film {number}", "year": 2000 + number}
        )
    queries = [
        Query.or_queries([Query.less_than("year", 2002), Query.greater_than("year", 2004)]),
        Query.order_desc("year"),
        Query.limit(10),
    ]
    found = call(client, "get", DOCUMENTS, queries=queries)
    assert [each["$id"] for each in found["documents"]] == ["f5", "f1"]
    page = call(client, "get", DOCUMENTS, queries=[Query.cursor_after("f2"), Query.limit(2), Query.select(["title"])])
    assert [each["title"] for each in page["documents"]] == ["Film 3", "Film 4"]
    grown = call(client, "patch", f"{DOCUMENTS}/f1/year/increment", value=3)
    assert grown["year"] == 2004


def test_errors_carry_code_type_and_text(databases: Databases) -> None:
    with pytest.raises(AppwriteException) as refused:
        databases.create_document("d", "c", "one", {"colour": "red"})
    assert (refused.value.code, refused.value.type) == (400, "document_invalid_structure")
    assert "Invalid document structure" in refused.value.message
    with pytest.raises(AppwriteException) as taken:
        databases.create("d", "Again")
    assert (taken.value.code, taken.value.type) == (409, "database_already_exists")


def operation(action: str, document: str, **data: Any) -> dict[str, Any]:
    return {"databaseId": "d", "collectionId": "c", "action": action, "documentId": document, "data": data}


def test_a_transaction_is_staged_and_committed(databases: Databases, api: Api) -> None:
    transaction = databases.create_transaction(ttl=60)
    assert (transaction.status, transaction.operations) == ("pending", 0)
    staged = databases.create_operations(
        transaction.id, [operation("create", "one", title="One"), operation("create", "two", title="Two")]
    )
    assert staged.operations == 2
    assert ids(api.get(DOCUMENTS)) == []
    assert databases.update_transaction(transaction.id, commit=True).status == "committed"
    assert ids(api.get(DOCUMENTS)) == ["one", "two"]


def test_a_transaction_conflict_writes_nothing(databases: Databases, api: Api) -> None:
    api.post(DOCUMENTS, {"documentId": "one", "data": {"title": "before"}})
    transaction = databases.create_transaction()
    databases.create_operations(
        transaction.id, [operation("create", "two", title="Two"), operation("create", "one", title="again")]
    )
    with pytest.raises(AppwriteException) as conflict:
        databases.update_transaction(transaction.id, commit=True)
    assert (conflict.value.code, conflict.value.type) == (409, "transaction_conflict")
    assert ids(api.get(DOCUMENTS)) == ["one"]
    assert api.get(f"{DOCUMENTS}/one")["title"] == "before"


def test_a_rolled_back_transaction_is_recorded_as_failed(databases: Databases, api: Api) -> None:
    transaction = databases.create_transaction()
    databases.create_operations(transaction.id, [operation("create", "one", title="One")])
    assert databases.update_transaction(transaction.id, rollback=True).status == "failed"
    assert ids(api.get(DOCUMENTS)) == []


def test_upserts_in_a_transaction_take_the_id_from_the_data(databases: Databases, api: Api) -> None:
    """`documentId` is ignored for `upsert` (observed on 1.8.1): without `$id` every retry makes a new document."""
    for title in ("first", "second"):
        transaction = databases.create_transaction()
        upsert = operation("upsert", "ignored", title=title) | {"data": {"$id": "one", "title": title}}
        databases.create_operations(transaction.id, [upsert])
        databases.update_transaction(transaction.id, commit=True)
    assert ids(api.get(DOCUMENTS)) == ["one"]
    assert api.get(f"{DOCUMENTS}/one")["title"] == "second"


def test_tables_and_collections_are_the_same_storage(client: Client, api: Api) -> None:
    tables = cast("TablesDB", Quiet(TablesDB(client)))
    assert tables.create("d", "Films").type.value == "tablesdb"
    tables.create_table("d", "t", "Films", row_security=True)
    assert tables.create_string_column("d", "t", "title", 64, True).status.value == "processing"
    poll(lambda: api.get("/tablesdb/d/tables/t/columns/title"), status_is("available"))
    assert tables.create_index("d", "t", "by_title", "unique", ["title"]).columns == ["title"]
    poll(lambda: api.get("/tablesdb/d/tables/t/indexes/by_title"), status_is("available"))
    refused_by_the_model(lambda: tables.create_row("d", "t", "one", {"title": "Wasp"}))
    row = call(client, "get", f"{ROWS}/one")
    assert (row["$tableId"], row["title"]) == ("t", "Wasp")
    document = api.get("/databases/d/collections/t/documents/one")
    assert (document["$collectionId"], document["title"]) == ("t", "Wasp")
    assert api.get("/databases/d/collections/t")["documentSecurity"] is True


def test_rows_speak_of_rows_in_their_errors(client: Client, api: Api) -> None:
    tables = cast("TablesDB", Quiet(TablesDB(client)))
    tables.create("d", "Films")
    tables.create_table("d", "t", "Films")
    missing = {
        "table_not_found": lambda: tables.get_table("d", "nope"),
        "column_not_found": lambda: tables.get_column("d", "t", "nope"),
        "column_index_not_found": lambda: tables.get_index("d", "t", "nope"),
        "row_not_found": lambda: tables.get_row("d", "t", "nope"),
    }
    seen = {}
    for kind, action in missing.items():
        with pytest.raises(AppwriteException) as refusal:
            action()
        seen[kind] = (refusal.value.code, refusal.value.type)
    assert seen == {kind: (404, kind) for kind in missing}
