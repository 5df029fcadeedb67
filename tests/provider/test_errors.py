"""What Appwrite refuses, as one of our own errors; and what looks like a refusal and is none."""

from __future__ import annotations

import pytest

from raceday_iac.errors import AccessError, ConflictError, NotFoundError, ProviderError
from raceday_iac.kinds.base import Call
from raceday_iac.model.address import Address, function_address
from raceday_iac.model.resource import frozen
from raceday_iac.model.secret import Secret
from raceday_iac.provider.appwrite import AppwriteProvider, AppwriteReader, Transport

from .conftest import PREFIX
from .recorder import Place
from .test_databases import COLLECTION, DATABASE, THINGS


def test_a_key_that_is_none_is_distinguished_from_a_project_that_is_none(
    provider: AppwriteProvider, place: Place
) -> None:
    with pytest.raises(AccessError, match="does not accept the API key") as wrong_key:
        AppwriteReader(Transport(place.endpoint, place.project, Secret("standard_wrong"))).count_documents("a", "b")
    assert wrong_key.value.code == 401
    with pytest.raises(AccessError, match="There is no project"):
        AppwriteReader(Transport(place.endpoint, "nobodys", Secret(place.key))).count_documents("a", "b")


def test_what_is_not_there_is_distinguished_by_type(provider: AppwriteProvider) -> None:
    with pytest.raises(NotFoundError) as caught:
        provider.deployments(function_address(f"{PREFIX}nothing"), 5)
    assert (caught.value.code, caught.value.type) == (404, "function_not_found")
    assert provider.find(DATABASE) is None


def test_deleting_what_is_gone_is_fine(provider: AppwriteProvider) -> None:
    created = provider.create(DATABASE, frozen({"name": "Db", "enabled": True}))
    provider.delete(DATABASE, created)
    provider.delete(DATABASE, created)


def test_a_creation_that_exists_as_wanted_is_taken_for_our_own_lost_answer(provider: AppwriteProvider) -> None:
    created = provider.create(DATABASE, frozen({"name": "Db", "enabled": True}))
    assert provider.create(DATABASE, frozen({"name": "Db", "enabled": True})) == created


def test_a_creation_that_exists_otherwise_is_a_conflict(provider: AppwriteProvider) -> None:
    provider.create(DATABASE, frozen({"name": "Db", "enabled": True}))
    with pytest.raises(ConflictError) as caught:
        provider.create(DATABASE, frozen({"name": "Another", "enabled": True}))
    assert caught.value.type == "database_already_exists"


def test_a_refused_value_is_reported_in_appwrites_own_words(provider: AppwriteProvider) -> None:
    with pytest.raises(ProviderError, match="general_argument_invalid") as caught:
        provider.create(Address("database", "x" * 37), frozen({"name": "Db", "enabled": True}))
    assert caught.value.code == 400


def test_an_index_on_an_attribute_that_is_not_there_is_refused(provider: AppwriteProvider) -> None:
    provider.create(DATABASE, frozen({"name": "Db", "enabled": True}))
    provider.create(THINGS, frozen(COLLECTION))
    fields = {"type": "key", "attributes": ("nothing",), "orders": ("ASC",), "lengths": (0,)}
    with pytest.raises(ProviderError) as caught:
        provider.create(THINGS.child("index", "i"), frozen(fields))
    assert (caught.value.code, caught.value.type) == (400, "attribute_unknown")


def test_a_path_that_appwrite_does_not_have_hints_at_the_endpoint(provider: AppwriteProvider, place: Place) -> None:
    transport = Transport(place.endpoint, place.project, Secret(place.key))
    with pytest.raises(ProviderError) as caught:
        transport.request(Call("get", "/no/such/route"))
    assert not isinstance(caught.value, NotFoundError)
    assert "check the endpoint" in caught.value.hint
