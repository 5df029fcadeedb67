"""Cases 97 to 106: documents."""

from __future__ import annotations

from typing import Any

import pytest

from .client import Answer, Api, q
from .modelling import add_attribute, add_index, create_collection, ids, write, wrote

INVALID = (400, "document_invalid_structure")


@pytest.fixture
def collection(api: Api) -> str:
    """Films: a required title, and one optional attribute of each checked kind."""
    path = create_collection(api)
    add_attribute(api, path, "string", "title", size=64, required=True)
    add_attribute(api, path, "integer", "year", min=1900, max=2100)
    add_attribute(api, path, "datetime", "shownAt")
    add_attribute(api, path, "email", "mail")
    add_attribute(api, path, "ip", "address")
    add_attribute(api, path, "url", "link")
    add_attribute(api, path, "enum", "kind", elements=["a", "b"])
    return path


@pytest.fixture
def films(api: Api, collection: str) -> str:
    for document, title, year in (
        ("one", "Captain America", 1944),
        ("two", "Spider-Man", 2017),
        ("three", "Wasp", None),
    ):
        wrote(api, collection, document, title=title, year=year)
    return f"{collection}/documents"


def outcome(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.kind


def test_case_097_a_document_shows_its_attributes_at_the_top(api: Api, collection: str) -> None:
    created = wrote(api, collection, "one", title="Wasp", shownAt="2021-03-04T05:06:07+02:00")
    assert isinstance(created["$sequence"], int)
    assert (created["$collectionId"], created["$databaseId"], created["$permissions"]) == ("c", "d", [])
    assert (created["title"], created["year"], created["mail"]) == ("Wasp", None, None)
    assert api.get(f"{collection}/documents/one")["shownAt"] == "2021-03-04T03:06:07.000+00:00"


@pytest.mark.parametrize(
    "data",
    [
        {"year": 2000},
        {"title": "x", "colour": "red"},
        {"title": "x", "mail": "nobody"},
        {"title": "x", "kind": "z"},
        {"title": "x", "address": "999.1.1.1"},
        {"title": "x", "link": "nope"},
        {"title": "x", "year": 1800},
    ],
    ids=["missing required", "unknown", "email", "enum", "ip", "url", "range"],
)
def test_case_098_a_document_that_does_not_fit_is_refused(api: Api, collection: str, data: dict[str, Any]) -> None:
    assert outcome(write(api, collection, "one", **data)) == INVALID


def test_case_099_a_document_id_can_be_taken_once_and_data_are_needed(api: Api, collection: str) -> None:
    wrote(api, collection, "one", title="x")
    assert outcome(write(api, collection, "one", title="y")) == (409, "document_already_exists")
    assert outcome(write(api, collection, "empty")) == (400, "document_missing_data")


def test_case_100_documents_are_found_by_queries(api: Api, collection: str, films: str) -> None:
    add_index(api, collection, "fulltext", ["title"])
    assert ids(api.get(films, q("search", "title", "spider"))) == ["two"]
    assert ids(api.get(films, q("contains", "title", "pi"))) == ["two"]
    assert ids(api.get(films, q("equal", "year", 1944))) == ["one"]
    assert ids(api.get(films, q("notEqual", "year", 1944))) == ["two"]  # a null is not unequal either, as in SQL
    assert ids(api.get(films, q("isNull", "year"))) == ["three"]


def test_case_100_malformed_and_overlong_queries_are_refused(api: Api, films: str) -> None:
    """Five hundred values fit into the 4096 characters of one query only when they are short."""
    assert outcome(api.get(films, "not a query")) == (400, "general_query_invalid")
    assert api.get(films, q("equal", "year", *[1] * 500)).status == 200
    assert api.get(films, q("equal", "year", *[1] * 501)).status == 400


def test_case_101_a_patch_keeps_what_it_omits(api: Api, collection: str, films: str) -> None:
    changed = api.patch(f"{films}/one", {"data": {"title": "New"}})
    assert (changed.status, changed["title"], changed["year"]) == (200, "New", 1944)
    assert outcome(api.patch(f"{films}/one", {})) == (400, "document_missing_payload")
    cleared = api.patch(f"{films}/one", {"permissions": []})
    assert (cleared.status, cleared["$permissions"]) == (200, [])


def test_case_102_a_patch_based_on_an_older_state_conflicts(api: Api, films: str) -> None:
    seen = api.get(f"{films}/one")["$updatedAt"]
    assert api.patch(f"{films}/one", {"data": {"title": "a"}}, headers={"X-Appwrite-Timestamp": seen}).status == 200
    outdated = {"X-Appwrite-Timestamp": "2020-01-01T00:00:00.000+00:00"}
    stale = api.patch(f"{films}/one", {"data": {"title": "b"}}, headers=outdated)
    assert outcome(stale) == (409, "document_update_conflict")
    assert outcome(api.delete(f"{films}/one", headers=outdated)) == (409, "document_update_conflict")


def test_case_103_an_upsert_creates_and_then_changes(api: Api, films: str) -> None:
    created = api.put(f"{films}/new", {"data": {"title": "first", "year": 2000}})
    assert (created.status, created["title"]) == (200, "first")
    changed = api.put(f"{films}/new", {"data": {"title": "second"}})
    assert (changed.status, changed["title"], changed["year"]) == (200, "second", 2000)


def test_case_104_a_number_is_incremented_up_to_its_bound(api: Api, films: str) -> None:
    path = f"{films}/one/year/increment"
    assert api.patch(path, {})["year"] == 1945
    assert api.patch(path, {"value": 4})["year"] == 1949
    assert outcome(api.patch(path, {"max": 1949})) == (400, "attribute_limit_exceeded")
    assert api.patch(f"{films}/nope/year/increment", {}).status == 404
    assert api.patch(path, {"value": 0}).status == 400
    assert api.patch(f"{films}/one/year/decrement", {"value": 5})["year"] == 1944


def test_case_105_documents_are_created_in_bulk(api: Api, collection: str) -> None:
    path = f"{collection}/documents"
    sent = [{"$id": "a", "title": "A"}, {"$id": "b", "title": "B"}, {"title": "C"}]
    created = api.post(path, {"documents": sent})
    assert (created.status, created["total"]) == (201, 3)
    assert [each["title"] for each in created["documents"]] == ["A", "B", "C"]
    assert created["documents"][2]["$id"]
    both = api.post(path, {"documentId": "d", "data": {"title": "D"}, "documents": sent})
    assert both.status == 400


def test_case_105_documents_are_changed_and_deleted_in_bulk(api: Api, films: str) -> None:
    for number in range(6):
        api.put(f"{films}/f{number}", {"data": {"title": "filler"}})
    upserted = api.put(films, {"documents": [{"$id": "one", "title": "changed"}, {"$id": "new", "title": "made"}]})
    assert (upserted.status, upserted["total"]) == (200, 2)
    assert api.get(f"{films}/one")["title"] == "changed"
    patched = api.patch(films, {"data": {"title": "patched"}, "queries": [text("limit", 5)]})
    assert (patched.status, patched["total"]) == (200, 5)
    assert api.get(films, q("equal", "title", "patched"))["total"] == 5
    before = api.get(films)["total"]
    deleted = api.delete(films, {"queries": [text("limit", 2)]})
    assert (deleted.status, deleted["total"]) == (200, 2)
    assert api.get(films)["total"] == before - 2


def text(method: str, value: int) -> str:
    """A query as it stands in a body."""
    return f'{{"method":"{method}","values":[{value}]}}'


def test_case_106_a_deleted_document_is_gone(api: Api, films: str) -> None:
    assert api.delete(f"{films}/one").status == 204
    assert outcome(api.get(f"{films}/one")) == (404, "document_not_found")
