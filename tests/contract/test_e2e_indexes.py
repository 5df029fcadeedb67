"""Cases 91 to 96: indexes."""

from __future__ import annotations

import pytest

from .client import Answer, Api
from .modelling import add_attribute, add_index, create_collection, patch_attribute, send_index, write, wrote


@pytest.fixture
def collection(api: Api) -> str:
    path = create_collection(api)
    add_attribute(api, path, "string", "title", size=128)
    add_attribute(api, path, "integer", "releaseYear")
    add_attribute(api, path, "string", "actors", size=256, array=True)
    return path


def outcome(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.kind


def test_case_091_an_index_may_mix_own_and_system_attributes(api: Api, collection: str) -> None:
    sent = send_index(api, collection, "key", ["releaseYear", "$createdAt"], "latest")
    assert (sent.status, sent["status"], sent["attributes"]) == (202, "processing", ["releaseYear", "$createdAt"])
    assert add_index(api, collection, "key", ["releaseYear", "$createdAt"], "again")["status"] == "available"


@pytest.mark.parametrize(
    ("kind", "attributes", "error"),
    [
        ("fulltext", ["releaseYear"], "index_invalid"),
        ("key", [], "index_invalid"),
        ("key", ["title", "title"], "index_invalid"),
        ("key", ["long1", "long2"], "index_invalid"),
        ("fulltext", ["actors"], "index_invalid"),
        ("key", ["unknown"], "attribute_unknown"),
    ],
    ids=["fulltext on integer", "none", "twice", "too long", "fulltext on array", "unknown"],
)
def test_case_092_an_impossible_index_is_refused(
    api: Api, collection: str, kind: str, attributes: list[str], error: str
) -> None:
    add_attribute(api, collection, "string", "long1", size=512)
    add_attribute(api, collection, "string", "long2", size=512)
    assert outcome(send_index(api, collection, kind, attributes)) == (400, error)


def test_case_093_index_lengths_are_checked_and_forced_on_arrays(api: Api, collection: str) -> None:
    add_attribute(api, collection, "string", "wide", size=256)
    sent = send_index(api, collection, "key", ["title", "wide"], "two", lengths=[128, 200])
    assert (sent.status, sent["lengths"]) == (202, [128, 200])
    forced = send_index(api, collection, "key", ["actors"], "array", lengths=[120])
    assert (forced.status, forced["lengths"]) == (202, [255])
    assert send_index(api, collection, "key", ["title"], "more", lengths=[10, 20]).status == 400
    assert send_index(api, collection, "key", ["title"], "negative", lengths=[-1]).status == 400


def test_case_094_a_collection_takes_58_indexes(api: Api, collection: str) -> None:
    for number in range(58):
        assert send_index(api, collection, "key", ["title"], f"i{number}").status == 202
    refused = send_index(api, collection, "key", ["title"], "i58")
    assert outcome(refused) == (400, "index_limit_exceeded")
    assert "Index limit exceeded" in refused["message"]


def test_case_095_a_unique_value_can_be_taken_once(api: Api, collection: str) -> None:
    add_index(api, collection, "unique", ["title"])
    wrote(api, collection, "one", title="Captain America")
    assert outcome(write(api, collection, "two", title="Captain America")) == (409, "document_already_exists")
    wrote(api, collection, "two", title="Captain Australia")
    patched = api.patch(f"{collection}/documents/two", {"data": {"title": "Captain America"}})
    assert outcome(patched) == (409, "document_already_exists")


def test_case_096_an_indexed_string_grows_only_to_the_index_limit(api: Api, collection: str) -> None:
    add_index(api, collection, "key", ["title"])
    grown = patch_attribute(api, collection, "string", "title", required=False, default=None, size=2048)
    assert outcome(grown) == (400, "index_invalid")
