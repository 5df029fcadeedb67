from __future__ import annotations

from typing import Any

import pytest

from raceday_iac.diff import compare_fields
from raceday_iac.kinds import KINDS
from raceday_iac.kinds.function import FIELDS, KIND, parse

from .. import recorded
from ..declaring import address, resolved, stack_with_function

AT = address("function.f")
REQUESTS = KINDS["function"].requests
FULL = recorded.answer("functions-create", "full")


def wanted() -> Any:
    return resolved(stack_with_function()).resources[AT].fields


def test_a_declared_function_has_exactly_the_fields_of_the_kind() -> None:
    assert set(wanted()) == set(FIELDS)


def test_a_creation_sends_every_field_so_that_nothing_is_left_to_defaults_of_the_server() -> None:
    call = REQUESTS.create(AT, wanted())
    assert (call.method, call.path) == ("post", "/functions")
    assert set(call.body) == {"functionId", *FIELDS}
    assert None not in call.body.values()


def test_an_update_sends_every_field_because_it_resets_what_it_omits() -> None:
    live = parse((), FULL)
    call = REQUESTS.update(AT, wanted(), live)
    assert (call.method, call.path) == ("put", "/functions/f")
    assert set(call.body) >= set(FIELDS)


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


def test_a_server_that_does_not_tell_a_field_leaves_it_out() -> None:
    raw = {name: value for name, value in FULL.items() if name != "specification"}
    assert "specification" not in parse((), raw).fields
