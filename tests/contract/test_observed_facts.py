"""Facts observed on a running 1.8.1 that neither a recording nor a numbered case covers, and that clients rely on."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from .client import Answer, Api
from .conftest import Targets
from .modelling import (
    add_attribute,
    add_index,
    available_attribute,
    create_collection,
    ids,
    send_attribute,
    send_index,
    write,
    wrote,
)
from .waiting import poll, status_is

TOGETHER = 20


@pytest.fixture
def collection(api: Api) -> str:
    path = create_collection(api)
    add_attribute(api, path, "string", "title", size=64, required=True)
    add_attribute(api, path, "string", "mood", size=64, default="calm")
    add_attribute(api, path, "integer", "count")
    return path


def outcomes(api: Api, action: Callable[[Api, int], Answer], times: int = TOGETHER) -> Counter[tuple[int, str]]:
    """How often each status and error type came back from requests started together."""
    gate = threading.Barrier(times)

    def one(number: int) -> Answer:
        own = api.alone()
        gate.wait()
        return action(own, number)

    with ThreadPoolExecutor(times) as pool:
        return Counter((answer.status, answer.kind) for answer in pool.map(one, range(times)))


def test_of_concurrent_patches_of_one_state_exactly_one_wins(api: Api, collection: str) -> None:
    seen = wrote(api, collection, "lock", title="free")["$updatedAt"]

    def take(own: Api, number: int) -> Answer:
        body = {"data": {"title": f"taken by {number}"}}
        return own.patch(f"{collection}/documents/lock", body, headers={"X-Appwrite-Timestamp": seen})

    assert outcomes(api, take) == {(200, ""): 1, (409, "document_update_conflict"): TOGETHER - 1}


def test_of_concurrent_creates_exactly_one_wins_and_the_rest_are_refused(api: Api, collection: str) -> None:
    seen = outcomes(api, lambda own, number: write(own, collection, "lock", title=str(number)))
    assert seen == {(201, ""): 1, (409, "document_already_exists"): TOGETHER - 1}


def test_a_delete_that_knows_the_last_state_succeeds(api: Api, collection: str) -> None:
    seen = wrote(api, collection, "lock", title="x")["$updatedAt"]
    path = f"{collection}/documents/lock"
    assert api.delete(path, headers={"X-Appwrite-Timestamp": seen}).status == 204


def test_an_unreadable_timestamp_header_is_refused(api: Api, collection: str) -> None:
    wrote(api, collection, "one", title="x")
    answer = api.patch(
        f"{collection}/documents/one", {"data": {"title": "y"}}, headers={"X-Appwrite-Timestamp": "soon"}
    )
    assert (answer.status, answer.kind) == (400, "general_argument_invalid")


def test_many_attributes_may_be_created_at_once(api: Api, collection: str) -> None:
    seen = outcomes(api, lambda own, number: send_attribute(own, collection, "integer", f"a{number}"))
    assert seen == {(202, ""): TOGETHER}
    for number in range(TOGETHER):
        available_attribute(api, collection, f"a{number}")


def test_many_indexes_may_be_created_at_once(api: Api, collection: str) -> None:
    seen = outcomes(api, lambda own, number: send_index(own, collection, "key", ["title"], f"i{number}"))
    assert seen == {(202, ""): TOGETHER}


def test_unique_values_and_ids_ignore_case(api: Api, collection: str) -> None:
    add_index(api, collection, "unique", ["title"])
    wrote(api, collection, "one", title="Wasp")
    for document, title in (("two", "WASP"), ("ONE", "Ant")):
        answer = write(api, collection, document, title=title)
        assert (answer.status, answer.kind) == (409, "document_already_exists")


def test_a_unique_index_over_duplicates_fails_in_the_background(api: Api, collection: str) -> None:
    for document in ("one", "two"):
        wrote(api, collection, document, title="same")
    assert send_index(api, collection, "unique", ["title"], "u").status == 202
    failed = poll(lambda: api.get(f"{collection}/indexes/u"), status_is("failed"))
    assert failed["error"]


def test_patching_a_defaulted_attribute_to_null_restores_the_default(api: Api, collection: str) -> None:
    wrote(api, collection, "one", title="x", mood="angry")
    assert api.patch(f"{collection}/documents/one", {"data": {"mood": None}})["mood"] == "calm"


def test_an_upsert_needs_every_required_attribute(api: Api, collection: str) -> None:
    wrote(api, collection, "one", title="x")
    answer = api.put(f"{collection}/documents/one", {"data": {"count": 1}})
    assert (answer.status, answer.kind) == (400, "document_invalid_structure")


def test_an_upsert_of_nothing_is_refused(api: Api, collection: str) -> None:
    wrote(api, collection, "one", title="x")
    answer = api.put(f"{collection}/documents/one", {})
    assert (answer.status, answer.kind) == (400, "general_argument_invalid")


@pytest.fixture
def related(api: Api, collection: str) -> str:
    """A collection whose `owner` points to the other one."""
    path = create_collection(api, "pets")
    add_attribute(api, path, "string", "name")
    body = {"relatedCollectionId": "c", "type": "manyToOne", "key": "owner"}
    assert api.post(f"{path}/attributes/relationship", body).status == 202
    available_attribute(api, path, "owner")
    return path


def test_a_collection_with_relationships_refuses_bulk_calls(api: Api, related: str) -> None:
    path = f"{related}/documents"
    documents = {"documents": [{"$id": "a", "name": "A"}]}
    answers = [
        api.post(path, documents),
        api.put(path, documents),
        api.patch(path, {"data": {"name": "B"}}),
        api.delete(path, {}),
    ]
    assert [(each.status, each.kind) for each in answers] == [(400, "general_bad_request")] * 4


def operations(api: Api, *staged: dict[str, Any]) -> tuple[Answer, str]:
    transaction = api.post("/databases/transactions", {})
    assert transaction.status == 201, transaction.body
    path = f"/databases/transactions/{transaction['$id']}"
    return api.post(f"{path}/operations", {"operations": list(staged)}), path


def operation(action: str, collection: str, document: str | None = None, data: Any = None) -> dict[str, Any]:
    named = {"documentId": document} if document else {}
    return {"databaseId": "d", "collectionId": collection, "action": action, "data": data} | named


def test_a_transaction_refuses_bulk_upserts_of_a_collection_with_relationships(api: Api, related: str) -> None:
    staged, path = operations(api, operation("bulkUpsert", "pets", data=[{"$id": "a", "name": "A"}]))
    refused = staged if staged.status >= 400 else api.patch(path, {"commit": True})
    assert refused.status == 400


def test_a_transaction_upserts_into_a_collection_with_relationships(api: Api, related: str) -> None:
    wrote(api, "/databases/d/collections/c", "boss", title="Boss")
    data = {"$id": "a", "name": "A", "owner": "boss"}
    for _ in range(2):
        staged, path = operations(api, operation("upsert", "pets", "ignored", data))
        assert staged.status == 201, staged.body
        assert api.patch(path, {"commit": True})["status"] == "committed"
    assert ids(api.get(f"{related}/documents")) == ["a"]


def test_a_transaction_takes_a_hundred_operations(api: Api, collection: str) -> None:
    hundred = [operation("create", "c", f"d{number}", {"title": "x"}) for number in range(100)]
    too_many, _ = operations(api, *hundred, operation("create", "c", "more", {"title": "x"}))
    assert too_many.status == 400
    staged, path = operations(api, *hundred)
    assert staged["operations"] == 100
    assert api.patch(path, {"commit": True}).status == 200
    assert api.get(f"{collection}/documents")["total"] == 100


def test_a_transaction_wants_either_commit_or_rollback(api: Api) -> None:
    _, path = operations(api)
    assert api.patch(path, {}).status == 400
    assert api.patch(path, {"commit": True, "rollback": True}).status == 400


def test_a_write_in_a_transaction_is_staged(api: Api, collection: str) -> None:
    transaction = api.post("/databases/transactions", {"ttl": 60})["$id"]
    body = {"data": {"title": "later"}, "transactionId": transaction}
    assert api.put(f"{collection}/documents/one", body).status == 201
    assert api.get(f"{collection}/documents/one").status == 404
    assert api.patch(f"/databases/transactions/{transaction}", {"commit": True})["status"] == "committed"
    assert api.get(f"{collection}/documents/one")["title"] == "later"


def test_an_unknown_field_is_ignored_without_a_word(api: Api) -> None:
    body = {"functionId": "f", "name": "Test", "runtime": "python-3.12", "runtimeSpecification": "s-1vcpu-1gb"}
    created = api.post("/functions", body)
    assert created.status == 201
    assert "runtimeSpecification" not in created.body


#: What a null is answered with, where it means nothing: on 1.8.1 the rule for values, but for what may be empty.
NULLS = {
    "timeout": (400, "Invalid `timeout` param: Value must be a valid range between 1 and 900"),
    "entrypoint": (400, "Invalid `entrypoint` param: Value must be a valid string and no longer than 1028 chars"),
    "name": (
        400,
        "Invalid `name` param: Value must be a valid string and at least 1 chars and no longer than 128 chars",
    ),
    "schedule": (500, "Server Error"),
}


@pytest.mark.parametrize("field", NULLS)
def test_a_null_is_checked_like_a_value(api: Api, field: str) -> None:
    body = {"functionId": "f", "name": "Test", "runtime": "python-3.12", field: None}
    answer = api.post("/functions", body)
    assert (answer.status, answer["message"]) == NULLS[field]


@pytest.mark.parametrize("field", ["timeout", "entrypoint", "schedule"])
def test_since_1_9_a_null_crashes(target_of: Targets, field: str) -> None:
    body = {"functionId": "f", "name": "Test", "runtime": "python-3.12", field: None}
    assert target_of("1.9").fresh().post("/functions", body).status == 500


def test_roles_are_kept_as_they_were_sent(api: Api) -> None:
    body = {"functionId": "f", "name": "Test", "runtime": "python-3.12", "execute": ["any", "users", "any"]}
    assert api.post("/functions", body)["execute"] == ["any", "users", "any"]


def test_a_spatial_index_may_have_orders(api: Api) -> None:
    create_collection(api)
    collection = "/databases/d/collections/c"
    assert api.post(f"{collection}/attributes/point", {"key": "p", "required": True}).status == 202
    available_attribute(api, collection, "p")
    body = {"key": "i", "type": "spatial", "attributes": ["p"], "orders": ["ASC"]}
    assert api.post(f"{collection}/indexes", body).status == 202


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("float", 1.5),
        ("ip", "127.0.0.1"),
        ("url", "https://example.com"),
        ("point", [1.5, 2.5]),
        ("line", [[0.5, 0.5], [1.5, 1.5]]),
        ("polygon", [[[0.5, 0.5], [1.5, 0.5], [1.5, 1.5], [0.5, 0.5]]]),
    ],
)
@pytest.mark.parametrize("route", ["/databases/d/collections/c/attributes", "/tablesdb/d/tables/c/columns"])
def test_a_default_can_be_changed_whatever_the_type(api: Api, kind: str, value: Any, route: str) -> None:
    create_collection(api)
    assert api.post(f"{route}/{kind}", {"key": "a", "required": False}).status == 202
    available_attribute(api, "/databases/d/collections/c", "a")
    changed = api.patch(f"{route}/{kind}/a", {"required": False, "default": value})
    assert (changed.status, changed["default"]) == (200, value)


def test_more_than_five_thousand_are_counted_as_five_thousand(api: Api, collection: str) -> None:
    path = f"{collection}/documents"
    for start in range(0, 5100, 100):
        documents = [{"$id": f"d{start + number}", "title": "x"} for number in range(100)]
        assert api.post(path, {"documents": documents}).status == 201
    assert api.get(path)["total"] == 5000
