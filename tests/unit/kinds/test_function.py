from __future__ import annotations

from typing import Any

import pytest

from raceday_iac.diff import compare_fields
from raceday_iac.kinds import KINDS, in_words_of, on_server
from raceday_iac.kinds.fields import is_known, wire_fields
from raceday_iac.kinds.function import FIELDS, KIND, FunctionDeclaration, parse
from raceday_iac.model.server import ServerFacts

from .. import recorded
from ..declaring import address, resolved, stack_with_function

AT = address("function.f")
REQUESTS = KINDS["function"].requests
FULL = recorded.answer("functions-create", "full")


OLD, NEW = ServerFacts("1.8.1"), ServerFacts("1.9.6")
FULL_NEW = recorded.answer("functions-create", "create with every field", "1.9.6")


def wanted(server: ServerFacts = OLD, **settings: Any) -> Any:
    return on_server(resolved(stack_with_function(**settings)), server).resources[AT].fields


def fields_of(server: ServerFacts) -> set[str]:
    return {each.name for each in wire_fields(FunctionDeclaration) if is_known(each.wire, server)}


@pytest.mark.parametrize("server", [OLD, NEW])
def test_a_creation_sends_every_field_so_that_nothing_is_left_to_defaults_of_the_server(server: ServerFacts) -> None:
    settings = {"deployment_retention": 7} if server is NEW else {}
    call = REQUESTS.create(AT, wanted(server, **settings))
    assert (call.method, call.path) == ("post", "/functions")
    assert set(call.body) == {"functionId", *fields_of(server)}
    assert None not in call.body.values()


@pytest.mark.parametrize(("server", "raw"), [(OLD, FULL), (NEW, FULL_NEW)])
def test_an_update_sends_every_field_because_it_resets_what_it_omits(server: ServerFacts, raw: Any) -> None:
    call = REQUESTS.update(AT, wanted(server), parse((), raw))
    assert (call.method, call.path) == ("put", "/functions/f")
    assert set(call.body) >= fields_of(server)


def test_one_specification_means_both_to_a_newer_server() -> None:
    fields = wanted(NEW, specification="s-2vcpu-2gb")
    assert (fields["buildSpecification"], fields["runtimeSpecification"]) == ("s-2vcpu-2gb", "s-2vcpu-2gb")
    assert "specification" not in fields


def test_a_size_of_its_own_comes_before_the_one_for_both() -> None:
    fields = wanted(NEW, specification="s-2vcpu-2gb", runtime_specification="s-1vcpu-1gb")
    assert (fields["buildSpecification"], fields["runtimeSpecification"]) == ("s-2vcpu-2gb", "s-1vcpu-1gb")


def test_an_older_server_has_the_size_of_runs() -> None:
    sizes = {"specification": None, "build_specification": "s-4vcpu-4gb", "runtime_specification": "s-1vcpu-1gb"}
    fields = wanted(OLD, **sizes)
    assert {name: fields[name] for name in fields if "pecification" in name} == {"specification": "s-1vcpu-1gb"}


@pytest.mark.parametrize("server", [OLD, NEW])
def test_what_is_not_said_is_neither_wanted_nor_reset(server: ServerFacts) -> None:
    live = parse((), FULL if server is OLD else FULL_NEW)
    fields = wanted(server, specification=None)
    assert not {"specification", "buildSpecification", "runtimeSpecification", "deploymentRetention"} & set(fields)
    sent = REQUESTS.update(AT, fields, live).body
    sizes = {name: value for name, value in live.fields.items() if name in live.carried}
    assert sizes
    assert {name: sent[name] for name in sizes} == sizes


def test_a_field_that_no_version_of_ours_knows_is_sent_back() -> None:
    live = parse((), {**FULL_NEW, "region": "fra", "isWarm": False, "limits": [], "note": None, "motto": ""})
    body = REQUESTS.update(AT, wanted(NEW), live).body
    assert {"region": "fra", "isWarm": False, "limits": []}.items() <= body.items()
    assert not {"note", "motto", "vars", "live", "version", "deploymentId"} & set(body)


def test_what_was_applied_before_the_server_was_upgraded_is_known_in_its_new_words() -> None:
    fields = in_words_of(NEW, AT, parse((), FULL).fields)
    assert fields["buildSpecification"] == fields["runtimeSpecification"] == FULL["specification"]


@pytest.mark.parametrize(
    ("sent", "answer"), list(recorded.writes("functions-create", "POST", "/v1/functions", "1.9.6"))
)
def test_what_was_sent_to_a_newer_server_reads_back_as_sent(sent: dict[str, Any], answer: dict[str, Any]) -> None:
    live = parse((), answer)
    known = fields_of(NEW)
    asked = {name: tuple(value) if isinstance(value, list) else value for name, value in sent.items() if name in known}
    assert compare_fields(KIND, asked, live.fields, None) == []


def test_an_update_keeps_the_link_to_a_repository() -> None:
    live = parse((), {**FULL, "installationId": "i1", "providerRepositoryId": "r1", "providerBranch": "main"})
    body = REQUESTS.update(AT, wanted(), live).body
    assert (body["installationId"], body["providerRepositoryId"], body["providerBranch"]) == ("i1", "r1", "main")


def test_an_update_sends_no_link_where_there_is_none() -> None:
    assert "providerRepositoryId" not in REQUESTS.update(AT, wanted(), parse((), FULL)).body


@pytest.mark.parametrize(("sent", "answer"), list(recorded.writes("functions-create", "POST", "/v1/functions")))
def test_what_was_sent_reads_back_as_sent(sent: dict[str, Any], answer: dict[str, Any]) -> None:
    live = parse((), answer)
    asked = {name: tuple(value) if isinstance(value, list) else value for name, value in sent.items() if name in FIELDS}
    assert compare_fields(KIND, asked, live.fields, None) == []


def test_lists_that_mean_sets_are_sorted() -> None:
    live = parse((), {**FULL, "scopes": ["users.read", "databases.read", "users.read"]})
    assert live.fields["scopes"] == ("databases.read", "users.read")


def test_a_server_that_does_not_say_a_field_leaves_it_out() -> None:
    raw = {name: value for name, value in FULL.items() if name != "specification"}
    assert "specification" not in parse((), raw).fields
