"""The Appwrite SDK with its own models against the newer ages: what it could not say to 1.8 it says to these."""

from __future__ import annotations

from typing import Any

import pytest
from appwrite.client import Client
from appwrite.exception import AppwriteException
from appwrite.input_file import InputFile
from appwrite.query import Query
from appwrite.services.functions import Functions
from appwrite.services.project import Project
from appwrite.services.tables_db import TablesDB

from .archives import archive
from .client import Api
from .conftest import Targets
from .waiting import poll, status_is

CODE = archive({"main.py": "def main(c):\n return c.res.json({'ok': True})"})


@pytest.fixture(params=["1.9", "main"])
def api(request: pytest.FixtureRequest, target_of: Targets) -> Api:
    return target_of(request.param).fresh()


@pytest.fixture
def client(api: Api) -> Client:
    return Client().set_endpoint(api.endpoint).set_project(api.project).set_key(api.key)


def test_specifications_and_retention_are_set_and_read(client: Client) -> None:
    functions = Functions(client)
    two: dict[str, Any] = {"build_specification": "s-1vcpu-1gb", "runtime_specification": "s-2vcpu-2gb"}
    made = functions.create("f", "F", "python-3.12", deployment_retention=7, **two)
    assert (made.buildspecification, made.runtimespecification, made.deploymentretention) == (*two.values(), 7)


def test_a_function_is_deployed_and_run(client: Client, api: Api) -> None:
    functions = Functions(client)
    functions.create("f", "F", "python-3.12", entrypoint="main.py")
    sent = functions.create_deployment("f", InputFile.from_bytes(CODE, "code.tar.gz"), True)
    poll(lambda: api.get(f"/functions/f/deployments/{sent.id}"), status_is("ready"))
    raw = api.post("/functions/f/executions", {}, headers={"X-Appwrite-Response-Format": "2.5.0"}).body
    assert (raw["responseBody"], raw["status"]) == ('{"ok":true}', "completed")


def test_variables_of_functions_and_projects_have_ids_of_ours(client: Client) -> None:
    functions, project = Functions(client), Project(client)
    functions.create("f", "F", "python-3.12")
    assert functions.create_variable("f", "mine", "A", "1", secret=False).id == "mine"
    assert project.create_variable("ours", "B", "2", secret=False).value == "2"
    assert [each.key for each in functions.list_variables("f", [Query.equal("key", "A")]).variables] == ["A"]
    with pytest.raises(AppwriteException) as taken:
        project.create_variable("mine", "C", "3")
    assert (taken.value.code, taken.value.type) == (409, "variable_already_exists")


def test_a_table_comes_with_its_columns_and_its_rows_fit_the_models(client: Client) -> None:
    tables = TablesDB(client)
    tables.create("d", "D")
    columns: list[Any] = [
        {"key": "name", "type": "string", "size": 40, "required": True},
        {"key": "age", "type": "integer"},
    ]
    indexes: list[Any] = [{"key": "by_name", "type": "key", "attributes": ["name"]}]
    tables.create_table("d", "t", "T", columns=columns, indexes=indexes)
    assert {each["status"] for each in tables.list_columns("d", "t").to_dict()["columns"]} == {"available"}
    row = tables.create_row("d", "t", "r", {"name": "Ada", "age": 36})
    assert (row.id, row.sequence) == ("r", "1")
    assert tables.list_rows("d", "t", [Query.equal("name", "Ada")]).total == 1


def test_newer_columns_are_made_and_changed(client: Client, api: Api) -> None:
    tables = TablesDB(client)
    tables.create("d", "D")
    tables.create_table("d", "t", "T")
    tables.create_varchar_column("d", "t", "v", 20, False)
    tables.create_text_column("d", "t", "x", False)
    tables.create_big_int_column("d", "t", "b", False)
    for key in "vxb":
        poll(lambda key=key: api.get(f"/tablesdb/d/tables/t/columns/{key}"), status_is("available"))
    changed = tables.update_varchar_column("d", "t", "v", False, None, size=30)
    assert (changed.key, changed.size) == ("v", 30)
