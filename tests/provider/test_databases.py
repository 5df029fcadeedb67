"""Databases, collections, attributes, relationships and indexes: created, read, changed and deleted."""

from __future__ import annotations

from typing import Any

import pytest

from raceday_iac.model.address import Address
from raceday_iac.model.resource import Live, frozen
from raceday_iac.provider.appwrite import AppwriteProvider, reading

from .conftest import PREFIX, wait

DATABASE = Address("database", f"{PREFIX}db")
THINGS = Address("collection", f"{PREFIX}db/things")
OTHER = Address("collection", f"{PREFIX}db/other")
COLLECTION = {"name": "Things", "permissions": ('read("any")',), "documentSecurity": False, "enabled": True}


def attribute(type: str, default: Any = None, **more: Any) -> dict[str, Any]:
    return {"type": type, "required": False, "default": default, "array": False, **more}


#: By key: as created, and as updated.
ATTRIBUTES = {
    "text": (attribute("string", "a", size=50, encrypt=False), attribute("string", "b", size=80, encrypt=False)),
    "count": (attribute("integer", 3, min=0, max=9), attribute("integer", 4, min=None, max=None)),
    "price": (attribute("float", 1.5, min=0.5, max=None), attribute("float", None, min=None, max=2.0)),
    "on": (attribute("boolean", False), attribute("boolean", True)),
    "at": (attribute("datetime", "2025-01-31T10:20:30.000+00:00"), attribute("datetime")),
    "mail": (attribute("email"), attribute("email", "a@example.org")),
    "link": (attribute("url"), attribute("url", "https://example.org")),
    "address": (attribute("ip"), attribute("ip", "192.0.2.1")),
    "kind": (attribute("enum", "a", elements=("a", "b")), attribute("enum", "b", elements=("b", "c"))),
    "place": (attribute("point"), {**attribute("point"), "required": True}),
    "way": (attribute("line"), {**attribute("line"), "required": True}),
    "area": (attribute("polygon"), {**attribute("polygon"), "required": True}),
}


def settled(provider: AppwriteProvider, collection: Address = THINGS) -> dict[Address, Live]:
    """What is in the collection, once nothing in it is pending."""
    while True:
        found = dict(provider.collection(*collection.parts))
        if all(each.status == "available" for each in found.values()):
            return found
        wait()


@pytest.fixture
def things(provider: AppwriteProvider) -> AppwriteProvider:
    """A provider, and a collection that is there."""
    provider.create(DATABASE, frozen({"name": "Db", "enabled": True}))
    provider.create(THINGS, frozen(COLLECTION))
    return provider


def test_a_database_is_created_changed_found_and_deleted(provider: AppwriteProvider) -> None:
    created = provider.create(DATABASE, frozen({"name": "Db", "enabled": True}))
    changed = provider.update(DATABASE, frozen({"name": "New", "enabled": False}), created)
    assert changed.fields == {"name": "New", "enabled": False}
    assert provider.find(DATABASE) == changed
    provider.delete(DATABASE, changed)
    assert provider.find(DATABASE) is None


def test_a_collection_is_created_changed_and_deleted(things: AppwriteProvider) -> None:
    (found,) = things.collection(*THINGS.parts).values()
    assert found.fields == COLLECTION
    fields = {"name": "New", "permissions": ('delete("users")',), "documentSecurity": True, "enabled": False}
    assert things.update(THINGS, frozen(fields), found).fields == fields
    things.delete(THINGS, found)
    assert things.collection(*THINGS.parts) == {}


def test_every_type_of_attribute_is_created_changed_and_deleted(things: AppwriteProvider) -> None:
    for key, (first, _) in ATTRIBUTES.items():
        assert things.create(THINGS.child("attribute", key), frozen(first)).status == "processing"
    before = settled(things)
    for key, (first, second) in ATTRIBUTES.items():
        address = THINGS.child("attribute", key)
        assert before[address].fields == first
        assert things.update(address, frozen(second), before[address]).fields == second
    for address in before:
        if address.kind == "attribute":
            things.delete(address, before[address])
    while len(things.collection(*THINGS.parts)) > 1:
        wait()


def test_an_index_is_created_and_deleted(things: AppwriteProvider) -> None:
    things.create(THINGS.child("attribute", "text"), frozen(ATTRIBUTES["text"][0]))
    settled(things)
    address = THINGS.child("index", "by_text")
    fields = {"type": "key", "attributes": ("text",), "orders": ("DESC",), "lengths": (20,)}
    assert things.create(address, frozen(fields)).status == "processing"
    found = settled(things)[address]
    assert found.fields == fields
    things.delete(address, found)
    while address in things.collection(*THINGS.parts):
        wait()


def test_a_relationship_is_created_changed_and_deleted_and_its_mirror_is_not_seen(things: AppwriteProvider) -> None:
    things.create(OTHER, frozen({**COLLECTION, "name": "Other"}))
    address = THINGS.child("relationship", "other")
    fields = {
        "relatedCollection": "other",
        "relationType": "manyToOne",
        "twoWay": True,
        "twoWayKey": "things",
        "onDelete": "restrict",
    }
    things.create(address, frozen(fields))
    found = settled(things)[address]
    assert found.fields == fields
    assert set(settled(things, OTHER)) == {OTHER}
    assert things.update(address, frozen({**fields, "onDelete": "cascade"}), found).fields["onDelete"] == "cascade"
    things.delete(address, found)
    while address in things.collection(*THINGS.parts):
        wait()


def test_documents_are_counted(things: AppwriteProvider) -> None:
    assert things.count_documents(*THINGS.parts) == 0
    assert things.count_documents(f"{PREFIX}db", "nothing") == 0


def test_a_snapshot_reads_lists_page_by_page(things: AppwriteProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(4):
        things.create(Address("collection", f"{PREFIX}db/more{number}"), frozen(COLLECTION))
    monkeypatch.setattr(reading, "PAGE", 2)
    found = things.snapshot([DATABASE.path], functions=False)
    collections = [each.path.rpartition("/")[2] for each in found.resources if each.kind == "collection"]
    assert collections == ["things", "more0", "more1", "more2", "more3"]
    assert found.resources[DATABASE].fields["name"] == "Db"
    assert found.facts.version.count(".") == 2
    assert "node-22" in found.facts.runtimes
    assert "s-1vcpu-512mb" in found.facts.specifications


def test_a_snapshot_of_a_database_that_is_not_there_is_empty(provider: AppwriteProvider) -> None:
    assert not [each for each in provider.snapshot([DATABASE.path]).resources if each.path.startswith(PREFIX)]
