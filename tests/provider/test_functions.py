"""Functions with variables, code and runs."""

from __future__ import annotations

import pytest

from raceday_iac.model.address import Address, function_address
from raceday_iac.model.resource import frozen
from raceday_iac.model.secret import Secret
from raceday_iac.packaging.bundle import digest_of_archive, make_archive
from raceday_iac.provider.appwrite import AppwriteProvider, reading

from .conftest import PREFIX, wait

NAME = f"{PREFIX}fn"
OWNER = function_address(NAME)
FUNCTION = Address("function", NAME)
PLAIN, TOKEN = Address("variable", f"{NAME}/PLAIN"), Address("variable", f"{NAME}/TOKEN")
CONFIGURATION = {
    "name": "Recorded",
    "runtime": "python-3.12",
    "specification": "s-1vcpu-512mb",
    "execute": ("any",),
    "events": ("databases.*.create",),
    "schedule": "",
    "timeout": 20,
    "enabled": True,
    "logging": True,
    "entrypoint": "main.py",
    "commands": "",
    "scopes": ("databases.read", "documents.read"),
}
CODE = b"def main(context):\n    context.log('it runs')\n    return context.res.text(context.req.body_text)\n"


@pytest.fixture
def function(provider: AppwriteProvider) -> AppwriteProvider:
    """A provider, and a function that is there."""
    provider.create(FUNCTION, frozen(CONFIGURATION))
    return provider


def test_a_function_is_created_changed_found_and_deleted(provider: AppwriteProvider) -> None:
    created = provider.create(FUNCTION, frozen(CONFIGURATION))
    assert created.fields == CONFIGURATION
    fields = {**CONFIGURATION, "timeout": 30, "schedule": "0 3 * * *", "execute": (), "events": (), "scopes": ()}
    changed = provider.update(FUNCTION, frozen(fields), created)
    assert changed.fields == fields
    assert provider.find(FUNCTION) == changed
    provider.delete(FUNCTION, changed)
    assert provider.find(FUNCTION) is None


def test_variables_are_created_changed_found_by_key_and_deleted(function: AppwriteProvider) -> None:
    plain = function.create(PLAIN, frozen({"value": "***", "secret": False}))
    token = function.create(TOKEN, frozen({"value": Secret("hidden"), "secret": True}))
    assert plain.remote_id != token.remote_id
    assert "value" not in token.fields
    function.update(TOKEN, frozen({"value": Secret("other"), "secret": True}), token)
    found = function.find(PLAIN)
    assert found is not None
    assert found.remote_id == plain.remote_id
    function.delete(PLAIN, plain)
    assert function.find(PLAIN) is None
    assert function.find(TOKEN) is not None


def test_code_is_uploaded_aside_read_back_activated_and_run(function: AppwriteProvider) -> None:
    archive = make_archive({"main.py": CODE})
    uploaded = function.upload(OWNER, archive, {"entrypoint": "main.py", "commands": ""})
    while (built := function.deployment(OWNER, uploaded.id)).status != "ready":
        assert built.status not in ("failed", "canceled"), built.log
        wait()
    assert not built.activate
    assert [each.id for each in function.deployments(OWNER, 5)] == [uploaded.id]
    assert digest_of_archive(function.source_of(OWNER, uploaded.id)) == digest_of_archive(archive)
    active = Address("deployment", NAME)
    assert active not in function.snapshot([]).resources
    function.activate(OWNER, uploaded.id)
    assert function.snapshot([]).resources[active].remote_id == uploaded.id

    done = function.execute(NAME, "echo", wait=True)
    assert (done.status, done.response_status, done.response_body) == ("completed", 200, "echo")
    started = function.execute(NAME, "echo", wait=False)
    while (later := function.execution(NAME, started.id)).status not in ("completed", "failed"):
        wait()
    # Appwrite does not store the answers of asynchronous runs.
    assert (later.status, later.response_body) == ("completed", "")
    assert "it runs" in later.logs
    assert [each.id for each in function.executions(NAME, 5)] == [started.id, done.id]


def test_a_snapshot_reads_functions_page_by_page_with_their_variables(
    function: AppwriteProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = [Address("function", f"{NAME}{number}") for number in (1, 2)]
    for each in more:
        function.create(each, frozen(CONFIGURATION))
    variable = function.create(PLAIN, frozen({"value": "***", "secret": False}))
    monkeypatch.setattr(reading, "PAGE", 2)
    found = function.snapshot([]).resources
    assert {FUNCTION, *more} <= set(found)
    assert found[PLAIN].remote_id == variable.remote_id
