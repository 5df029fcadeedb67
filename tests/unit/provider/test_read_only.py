"""A transport built for reading, asked to do everything that a transport can do."""

from __future__ import annotations

from typing import Any

import pytest

from raceday_iac.errors import ProviderError
from raceday_iac.kinds.base import Call
from raceday_iac.model.address import Address
from raceday_iac.model.resource import frozen
from raceday_iac.model.secret import Secret
from raceday_iac.provider.appwrite import AppwriteProvider, AppwriteReader, ReadingTransport, Transport

from .answering import Answering


def reading(server: Answering) -> ReadingTransport:
    return ReadingTransport(f"http://127.0.0.1:{server.port}/v1", "my-project", Secret("my-key"))


def test_a_get_goes_out_as_from_any_other_transport(server: Answering) -> None:
    asked = Call("get", "/functions", {"queries": ['{"method":"limit"}']})
    assert reading(server).request(asked) == {"$id": "x"}
    assert server.asked[0].headers["x-appwrite-key"] == "my-key"
    assert server.lines == ["GET /v1/functions"]


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete", "POST", "Delete", "options", "head"])
def test_nothing_else_leaves(server: Answering, method: str) -> None:
    with pytest.raises(ProviderError, match=f"can only read; {method.upper()} /v1/functions/f was not sent"):
        reading(server).request(Call(method, "/functions/f", {"name": "x"}))
    assert server.asked == []


def test_the_way_of_the_sdk_is_closed_too(server: Answering) -> None:
    with pytest.raises(ProviderError, match="can only read"):
        reading(server).call("post", "/functions", {"content-type": "application/json"}, {"functionId": "f"})
    assert server.asked == []


def test_the_upload_of_an_archive_is_closed_too(server: Answering) -> None:
    with pytest.raises(ProviderError, match="can only read"):
        reading(server).upload("/functions/f/deployments", {"activate": False}, b"archive")
    assert server.asked == []


def test_even_a_provider_cannot_write_through_it(server: Answering) -> None:
    provider = AppwriteProvider(reading(server), sleep=lambda seconds: None)
    with pytest.raises(ProviderError, match="can only read"):
        provider.create(Address("database", "d"), frozen({"name": "D", "enabled": True}))
    assert server.asked == []


def test_only_the_guarded_adapters_are_in_its_session(server: Answering) -> None:
    """Whatever address a request goes to, one of these two sends it."""
    guards = reading(server)._session.adapters
    assert sorted(guards) == ["http://", "https://"]
    assert {type(each).__name__ for each in guards.values()} == {"_GetOnly"}


def test_the_commands_that_look_hold_such_a_transport() -> None:
    from raceday_iac.cli.workspace import Target, reader

    connection = reader(Target("http://127.0.0.1:9/v1", "p", Secret("k")))
    assert type(connection) is AppwriteReader
    assert type(connection._transport) is ReadingTransport


def test_state_in_appwrite_is_read_through_such_a_transport_too() -> None:
    from raceday_iac.cli.options import Options
    from raceday_iac.cli.workspace import Target, open_store
    from raceday_iac.loading.environment import Environment
    from raceday_iac.state.backends.appwrite import AppwriteSettings

    kept = AppwriteSettings(backend="appwrite")
    environment = Environment(name="prod", endpoint="http://127.0.0.1:9/v1", project="p", state=kept)
    target = Target(environment.endpoint, environment.project, Secret("k"))
    kinds = {}
    for wish in (True, False):
        store: Any = open_store(environment, Options(), lambda: target, reading=wish)
        kinds[wish] = type(store._backend._connect())
    assert kinds == {True: ReadingTransport, False: Transport}
