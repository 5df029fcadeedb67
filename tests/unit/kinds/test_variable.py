from __future__ import annotations

from raceday_iac.kinds import KINDS
from raceday_iac.kinds.variable import KIND
from raceday_iac.model.resource import Live, frozen
from raceday_iac.model.secret import Secret

from .. import recorded
from ..declaring import address

AT = address("variable.f/KEY")
REQUESTS = KINDS["variable"].requests
LIVE = Live(AT, frozen({"secret": False, "value": "old"}), "server-chosen-id")


def test_a_plain_variable_reads_back_with_its_value_and_the_id_that_the_server_chose() -> None:
    live = KIND.parse(("f",), recorded.answer("variables", "create non secret"))
    assert live.address == address("variable.f/PLAIN")
    assert live.fields == {"secret": False, "value": "p"}
    assert live.remote_id


def test_a_secret_variable_has_no_value_not_an_empty_one() -> None:
    assert "value" not in KIND.parse(("f",), recorded.answer("variables", "create secret")).fields


def test_a_creation_says_whether_it_is_secret_because_the_default_is_yes() -> None:
    body = REQUESTS.create(AT, frozen({"value": "v", "secret": False})).body
    assert (body["key"], body["value"], body["secret"]) == ("KEY", "v", False)


def test_a_secret_is_revealed_only_in_what_is_sent() -> None:
    call = REQUESTS.create(AT, frozen({"value": Secret("v"), "secret": True}))
    assert call.body["value"] == "v"


def test_an_update_says_the_key_and_goes_to_the_id_of_the_server() -> None:
    call = REQUESTS.update(AT, frozen({"value": "v", "secret": False}), LIVE)
    assert call.path == "/functions/f/variables/server-chosen-id"
    assert call.body["key"] == "KEY"


def test_a_deletion_goes_to_the_id_of_the_server() -> None:
    assert REQUESTS.delete(AT, LIVE).path == "/functions/f/variables/server-chosen-id"
