"""The tables API: the same storage in other words."""

from __future__ import annotations

import pytest

from .databases_server import Database, db, running

__all__ = ["db", "running"]


@pytest.fixture
def tables(db: Database) -> str:
    """The path of a table with one required column, in a database of the legacy API."""
    root = f"/tablesdb/{db.name}"
    db.ok("POST", "/tables", {"tableId": "t", "name": "T", "rowSecurity": True}, root=root)
    db.ok("POST", "/tables/t/columns/string", {"key": "name", "size": 20, "required": True}, root=root)
    db.settle("t")
    return f"{root}/tables/t"


def test_a_table_answers_in_its_own_words(db: Database, tables: str) -> None:
    table = db.ok("GET", "", root=tables)
    assert table["rowSecurity"] is True
    assert [each["key"] for each in table["columns"]] == ["name"]
    assert "attributes" not in table


def test_a_table_is_a_collection(db: Database, tables: str) -> None:
    db.ok("POST", "/rows", {"rowId": "r", "data": {"name": "R"}}, root=tables)
    found = db.ok("GET", "/collections/t/documents/r")
    assert (found["name"], found["$collectionId"]) == ("R", "t")


def test_an_index_names_columns(db: Database, tables: str) -> None:
    index = db.ok("POST", "/indexes", {"key": "i", "type": "key", "columns": ["name"]}, root=tables)
    assert index["columns"] == ["name"]


def test_a_relationship_names_a_table(db: Database, tables: str) -> None:
    body = {"relatedTableId": "t", "type": "manyToOne", "key": "other", "twoWayKey": "others"}
    assert db.ok("POST", "/columns/relationship", body, root=tables)["relatedTable"] == "t"


@pytest.mark.parametrize(
    ("method", "path", "body", "outcome"),
    [
        ("POST", "/rows", {"rowId": "x"}, (400, "row_missing_data")),
        ("POST", "/rows", {"rowId": "x", "data": {"nope": 1}}, (400, "row_invalid_structure")),
        ("PATCH", "/rows/x", {"data": {"name": "y"}}, (404, "row_not_found")),
        ("PATCH", "/rows/x", {}, (400, "row_missing_payload")),
        ("GET", "/columns/x", None, (404, "column_not_found")),
        ("GET", "/indexes/x", None, (404, "column_index_not_found")),
        ("POST", "/indexes", {"key": "i", "type": "key", "columns": ["x"]}, (400, "column_unknown")),
        ("POST", "/columns/integer", {"key": "NAME", "required": False}, (409, "column_already_exists")),
    ],
)
def test_errors_have_types_of_the_tables_api(
    db: Database, tables: str, method: str, path: str, body: object, outcome: tuple[int, str]
) -> None:
    assert db.call(method, path, body, root=tables).outcome == outcome


def test_a_database_remembers_which_api_made_it(db: Database) -> None:
    made = db.ok("POST", "", {"databaseId": f"{db.name}-t", "name": "T"}, root="/tablesdb")
    assert made["type"] == "tablesdb"
    assert db.ok("GET", "")["type"] == "legacy"
