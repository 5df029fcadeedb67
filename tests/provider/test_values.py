"""Names that change, and values of documents: what renames, evidence and conversions ask of a server."""

from __future__ import annotations

import pytest

from raceday_iac.errors import ConflictError, ProviderError
from raceday_iac.kinds.base import Call
from raceday_iac.model.address import Address, variable_address
from raceday_iac.model.resource import frozen
from raceday_iac.model.secret import Secret
from raceday_iac.provider import Condition, NewValues, Written
from raceday_iac.provider.appwrite import AppwriteProvider, documents, writing

from .conftest import PREFIX
from .test_databases import COLLECTION, DATABASE, OTHER, THINGS, attribute, settled

DOCUMENTS = f"/databases/{THINGS.path.replace('/', '/collections/')}/documents"
TEXT = attribute("string", size=200, encrypt=False)


@pytest.fixture
def things(provider: AppwriteProvider) -> AppwriteProvider:
    """A collection with a text, a list, a number, and three documents."""
    provider.create(DATABASE, frozen({"name": "Db", "enabled": True}))
    provider.create(THINGS, frozen(COLLECTION))
    provider.create(THINGS.child("attribute", "text"), frozen(TEXT))
    provider.create(THINGS.child("attribute", "list"), frozen({**TEXT, "array": True}))
    provider.create(THINGS.child("attribute", "hidden"), frozen({**TEXT, "encrypt": True}))
    provider.create(THINGS.child("attribute", "count"), frozen(attribute("integer", min=None, max=None)))
    settled(provider)
    rows = {"x": {"text": "one", "count": 1}, "y": {"text": "two", "list": ["a"]}, "z": {"text": None}}
    for identity, data in rows.items():
        provider._transport.request(Call("post", DOCUMENTS, {"documentId": identity, "data": data}))
    return provider


def test_an_attribute_is_renamed_with_its_values_and_its_indexes(things: AppwriteProvider) -> None:
    index = THINGS.child("index", "i")
    things.create(
        index, frozen({"type": "key", "attributes": ("text", "count"), "orders": ("ASC", "ASC"), "lengths": (0, 0)})
    )
    old, new = THINGS.child("attribute", "text"), THINGS.child("attribute", "name")
    before = settled(things)[old]
    assert things.rename(old, new, before).fields == before.fields
    after = settled(things)
    assert old not in after
    assert after[index].fields["attributes"] == ("name", "count")
    assert [each["name"] for each in things.documents(*THINGS.parts, only=("name",))] == ["one", "two", None]
    # The two are of one index, so Appwrite refuses the index and does not say that the name is taken.
    with pytest.raises(ConflictError, match="count already exists") as caught:
        things.rename(new, THINGS.child("attribute", "count"), after[new])
    assert (caught.value.code, caught.value.type) == (400, "index_invalid")
    with pytest.raises(ConflictError) as caught:
        things.rename(new, THINGS.child("attribute", "list"), after[new])
    assert (caught.value.code, caught.value.type) == (409, "attribute_already_exists")


def test_a_relationship_is_renamed_and_keeps_what_it_does_on_deletion(things: AppwriteProvider) -> None:
    things.create(OTHER, frozen({**COLLECTION, "name": "Other"}))
    old, new = THINGS.child("relationship", "other"), THINGS.child("relationship", "friend")
    fields = {
        "relatedCollection": "other",
        "relationType": "manyToOne",
        "twoWay": True,
        "twoWayKey": "things",
        "onDelete": "cascade",
    }
    things.create(old, frozen(fields))
    assert things.rename(old, new, settled(things)[old]).fields == fields
    found = settled(things)
    assert found[new].fields == fields
    assert old not in found


def test_a_secret_variable_is_renamed_without_its_value(provider: AppwriteProvider) -> None:
    function = Address("function", f"{PREFIX}fn")
    fields = {
        "name": "Fn",
        "runtime": "node-22",
        "execute": (),
        "events": (),
        "schedule": "",
        "timeout": 15,
        "enabled": True,
        "logging": True,
        "entrypoint": "main.js",
        "commands": "",
        "scopes": (),
        "specification": "s-1vcpu-512mb",
    }
    provider.create(function, frozen(fields))
    old, new = variable_address(function.path, "OLD"), variable_address(function.path, "NEW")
    created = provider.create(old, frozen({"value": Secret("hidden"), "secret": True}))
    renamed = provider.rename(old, new, created)
    assert (renamed.remote_id, renamed.fields) == (created.remote_id, {"secret": True})
    assert provider.find(old) is None


def test_documents_are_counted_by_conditions(things: AppwriteProvider) -> None:
    def count(*conditions: Condition) -> int:
        return things.count_documents(*THINGS.parts, *conditions)

    assert count() == 3
    assert count(Condition("isNotNull", "text")) == 2
    assert count(Condition("isNull", "count")) == 2
    assert count(Condition("equal", "text", ("one", "two"))) == 2
    assert count(Condition("lessThan", "count", (1,))) == 0
    assert count(Condition("greaterThan", "count", (0,)), Condition("isNotNull", "text")) == 1


def test_what_cannot_be_queried_is_refused_and_can_be_read(things: AppwriteProvider) -> None:
    for condition in (Condition("isNotNull", "hidden"), Condition("equal", "list", ("a",))):
        with pytest.raises(ProviderError) as caught:
            things.count_documents(*THINGS.parts, condition)
        assert (caught.value.code, caught.value.type) == (400, "general_query_invalid")
    assert [each["list"] for each in things.documents(*THINGS.parts, only=("list",))] == [[], ["a"], []]


def test_documents_are_read_page_by_page_with_only_what_is_asked_for(
    things: AppwriteProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(things, "_sizes", documents.PageSize((2,)))
    found = list(things.documents(*THINGS.parts, only=("text",)))
    assert [(each["$id"], each["text"]) for each in found] == [("x", "one"), ("y", "two"), ("z", None)]
    assert all("count" not in each for each in found)


def test_values_are_written_together_and_where_one_is_refused_one_by_one(
    things: AppwriteProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    def counts() -> dict[str, object]:
        return {each["$id"]: each["count"] for each in things.documents(*THINGS.parts, only=("count",))}

    def change(**values: object) -> Written:
        read = {each["$id"]: each["$updatedAt"] for each in things.documents(*THINGS.parts, only=("$updatedAt",))}
        return things.change_values(
            *THINGS.parts, {each: NewValues({"count": new}, read.get(each, "")) for each, new in values.items()}
        )

    monkeypatch.setattr(writing, "_FEWEST_TOGETHER", 2)
    assert change(x=5, y=6) == Written()
    assert counts() == {"x": 5, "y": 6, "z": None}
    written = change(x="no", gone=1, z=7)
    assert (list(written.refused), written.changed) == (["x"], frozenset())
    assert "document_invalid_structure" in written.refused["x"]
    assert counts() == {"x": 5, "y": 6, "z": 7}
