"""The provider against recorded answers: it sends what was recorded, and makes of the answers what is told here."""

from __future__ import annotations

import re
import time

import pytest

from raceday_iac.errors import ConflictError, NotFoundError
from raceday_iac.model.address import Address
from raceday_iac.model.resource import Live, frozen
from raceday_iac.model.secret import Secret
from raceday_iac.packaging.archive import digest_of_archive, make_archive
from raceday_iac.provider.appwrite import AppwriteProvider, reading

from .conftest import CASSETTES, RECORDING

DATABASE = Address("database", "cassette-db")
COLLECTION = Address("collection", "cassette-db/things")
FUNCTION = Address("function", "cassette-fn")
VARIABLE = Address("variable", "cassette-fn/TOKEN")
STRING = {"type": "string", "required": False, "default": "a", "array": False, "size": 50, "encrypt": False}
CONFIGURATION = {
    "name": "Cassette",
    "runtime": "node-22",
    "specification": "s-1vcpu-512mb",
    "execute": (),
    "events": (),
    "schedule": "",
    "timeout": 20,
    "enabled": True,
    "logging": True,
    "entrypoint": "main.js",
    "commands": "",
    "scopes": ("databases.read", "documents.read"),
}


def settled(provider: AppwriteProvider) -> dict[Address, Live]:
    """The collection, once nothing in it is pending."""
    while True:
        found = dict(provider.collection(*COLLECTION.parts))
        if all(each.status == "available" for each in found.values()):
            return found
        time.sleep(0.05 if RECORDING else 0)


def test_a_database_lives_and_goes(provider: AppwriteProvider) -> None:
    provider.create(DATABASE, frozen({"name": "Db", "enabled": True}))
    fields = {"name": "Things", "permissions": ('read("any")',), "documentSecurity": False, "enabled": True}
    provider.create(COLLECTION, frozen(fields))
    text, index = COLLECTION.child("attribute", "text"), COLLECTION.child("index", "by_text")
    assert provider.create(text, frozen(STRING)).status == "processing"
    before = settled(provider)[text]
    assert before.fields == STRING
    assert provider.update(text, frozen({**STRING, "size": 80}), before).fields["size"] == 80
    by_text = {"type": "key", "attributes": ("text",), "orders": ("DESC",), "lengths": (0,)}
    provider.create(index, frozen(by_text))
    found = settled(provider)
    assert found[index].fields == by_text
    assert set(found) == {COLLECTION, text, index}
    assert provider.count_documents(*COLLECTION.parts) == 0
    with pytest.raises(ConflictError):
        provider.create(text, frozen({**STRING, "size": 99}))
    # The same again is taken for our own lost answer.
    assert provider.create(COLLECTION, frozen(fields)).fields == fields
    snapshot = provider.snapshot(["cassette-db"])
    assert snapshot.resources[text].fields["size"] == 80
    assert snapshot.facts.version.count(".") == 2
    assert "node-22" in snapshot.facts.runtimes
    provider.delete(DATABASE, snapshot.resources[DATABASE])
    provider.delete(DATABASE, snapshot.resources[DATABASE])
    assert provider.collection(*COLLECTION.parts) == {}


def test_a_function_lives_and_goes(provider: AppwriteProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    created = provider.create(FUNCTION, frozen(CONFIGURATION))
    assert created.fields == CONFIGURATION
    assert provider.update(FUNCTION, frozen({**CONFIGURATION, "timeout": 30}), created).fields["timeout"] == 30
    variable = provider.create(VARIABLE, frozen({"value": Secret("hidden"), "secret": True}))
    assert variable.remote_id
    assert "value" not in variable.fields
    provider.update(VARIABLE, frozen({"value": Secret("other"), "secret": True}), variable)
    archive = make_archive({"main.js": b"export default async ({ res }) => res.empty();\n"})
    deployment = provider.upload("cassette-fn", archive, "main.js", "")
    assert deployment.status == "waiting"
    assert [each.id for each in provider.deployments("cassette-fn", 5)] == [deployment.id]
    assert digest_of_archive(provider.source_of("cassette-fn", deployment.id)) == digest_of_archive(archive)
    # One item a page: each further page asks from the last id on.
    monkeypatch.setattr(reading, "PAGE", 1)
    live = provider.snapshot([]).resources
    assert live[FUNCTION].fields["timeout"] == 30
    assert live[VARIABLE].remote_id == variable.remote_id
    provider.delete(VARIABLE, variable)
    provider.delete(FUNCTION, created)
    with pytest.raises(NotFoundError):
        provider.deployments("cassette-fn", 5)
    assert provider.find(FUNCTION) is None


def test_no_cassette_tells_a_key_or_a_host() -> None:
    texts = [path.read_text(encoding="utf-8") for path in CASSETTES.glob("*.yaml")]
    assert len(texts) == 2
    for text in texts:
        assert not re.search(r"standard_[0-9a-f]{16}|dynamic_|x-appwrite-key|x-appwrite-project", text, re.IGNORECASE)
        assert set(re.findall(r"uri: (\w+://[^/]+)/", text)) == {"http://appwrite.test"}
        assert set(re.findall(r'"value": "([^"]*)"', text)) <= {"***"}
