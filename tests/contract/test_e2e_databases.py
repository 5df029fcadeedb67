"""Cases 68 to 74: databases and collections."""

from __future__ import annotations

from .client import Api, q
from .modelling import add_attribute, create_collection, create_database, ids, wrote

READ_ANY = 'read("any")'


def test_case_068_a_database_id_can_be_taken_once(api: Api) -> None:
    created = api.post("/databases", {"databaseId": "first", "name": "Test 1"})
    assert (created.status, created["$id"], created["name"]) == (201, "first", "Test 1")
    assert (created["enabled"], created["type"]) == (True, "legacy")
    again = api.post("/databases", {"databaseId": "first", "name": "Test 1"})
    assert (again.status, again.kind) == (409, "database_already_exists")


def test_case_069_databases_are_listed_by_queries(api: Api) -> None:
    for database, name in (("first", "Test 1"), ("second", "Test 2")):
        api.post("/databases", {"databaseId": database, "name": name})
    assert ids(api.get("/databases", q("equal", "name", "Test 1", "Test 2"))) == ["first", "second"]
    assert ids(api.get("/databases", q("equal", "$id", "first"))) == ["first"]
    assert ids(api.get("/databases", q("orderDesc", ""))) == ["second", "first"]
    assert ids(api.get("/databases", query=[("search", "Nonexistent")])) == []
    assert api.get("/databases", q("cursorAfter", None, "unknown")).status == 400


def test_case_070_an_update_that_omits_enabled_enables(api: Api) -> None:
    path = create_database(api)
    off = api.put(path, {"name": "New", "enabled": False})
    assert (off.status, off["name"], off["enabled"]) == (200, "New", False)
    assert api.put(path, {"name": "New"})["enabled"] is True


def test_case_071_a_deleted_database_is_gone(api: Api) -> None:
    path = create_database(api)
    assert api.delete(path).status == 204
    assert api.get(path).kind == "database_not_found"


def test_case_072_a_collection_starts_empty_and_closed(api: Api) -> None:
    database = create_database(api)
    created = api.post(f"{database}/collections", {"collectionId": "c", "name": "C"})
    assert created.status == 201
    shown = [created[name] for name in ("$permissions", "documentSecurity", "attributes", "indexes", "enabled")]
    assert shown == [[], False, [], [], True]
    again = api.post(f"{database}/collections", {"collectionId": "c", "name": "C"})
    assert (again.status, again.kind) == (409, "collection_already_exists")
    elsewhere = api.post("/databases/nope/collections", {"collectionId": "c", "name": "C"})
    assert (elsewhere.status, elsewhere.kind) == (404, "database_not_found")


def test_case_073_a_disabled_collection_stays_open_to_keys(api: Api) -> None:
    path = create_collection(api)
    add_attribute(api, path, "string", "title")
    updated = api.put(path, {"name": "C", "enabled": False, "documentSecurity": True})
    assert (updated.status, updated["enabled"], updated["documentSecurity"]) == (200, False, True)
    wrote(api, path, "one", title="x")
    assert ids(api.get(f"{path}/documents")) == ["one"]


def test_case_074_an_update_keeps_permissions_and_resets_the_rest(api: Api) -> None:
    path = create_collection(api, permissions=[READ_ANY], documentSecurity=True, enabled=False)
    updated = api.put(path, {"name": "C"})
    assert updated["$permissions"] == [READ_ANY]
    assert (updated["documentSecurity"], updated["enabled"]) == (False, True)
