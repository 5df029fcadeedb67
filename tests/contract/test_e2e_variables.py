"""Cases 27 to 37: function variables."""

from __future__ import annotations

from typing import Any

import pytest

from .client import Answer, Api
from .deploying import create_function, deployed_function


@pytest.fixture
def variables(api: Api) -> str:
    """The path of an empty set of variables."""
    return f"/functions/{create_function(api)}/variables"


def add(api: Api, variables: str, key: str = "K", value: str = "v", **fields: Any) -> Answer:
    return api.post(variables, {"key": key, "value": value} | fields)


def added(api: Api, variables: str, **fields: Any) -> str:
    """The path of a new variable."""
    answer = add(api, variables, **fields)
    assert answer.status == 201, answer.body
    return f"{variables}/{answer['$id']}"


def shown(answer: Answer) -> tuple[Any, ...]:
    return answer.status, answer["key"], answer["value"], answer["secret"]


def test_case_027_a_plain_variable_shows_its_value(api: Api, variables: str) -> None:
    answer = add(api, variables, "APP_TEST", "TESTINGVALUE", secret=False)
    assert shown(answer) == (201, "APP_TEST", "TESTINGVALUE", False)


def test_case_028_a_secret_variable_hides_its_value_at_once(api: Api, variables: str) -> None:
    assert shown(add(api, variables, "APP_TEST_1", "v", secret=True)) == (201, "APP_TEST_1", "", True)
    assert shown(add(api, variables, "APP_TEST_2", "v")) == (201, "APP_TEST_2", "", True)


def test_case_029_a_key_can_be_taken_once(api: Api, variables: str) -> None:
    add(api, variables)
    again = add(api, variables)
    assert (again.status, again.kind) == (409, "variable_already_exists")


def test_case_030_keys_and_values_have_a_longest_length(api: Api, variables: str) -> None:
    assert add(api, variables, "K" * 256).kind == "general_argument_invalid"
    assert add(api, variables, "LONG", "v" * 8193).kind == "general_argument_invalid"
    assert add(api, variables, "K" * 255).status == 201
    assert add(api, variables, "LONG", "v" * 5900).status == 201
    # Behind the parameter's limit stands that of the encrypted value's column.
    assert add(api, variables, "LONGER", "v" * 8192).kind == "general_unknown"
    assert add(api, variables, "EMPTY", "").status == 201


def test_case_031_variables_are_listed_in_creation_order(api: Api, variables: str) -> None:
    add(api, variables, "Z", "plain", secret=False)
    add(api, variables, "A", "hidden", secret=True)
    listed = api.get(variables)
    assert listed["total"] == 2
    assert [(each["key"], each["value"]) for each in listed["variables"]] == [("Z", "plain"), ("A", "")]


def test_case_032_a_secret_stays_hidden_and_an_unknown_id_is_not_found(api: Api, variables: str) -> None:
    assert shown(api.get(added(api, variables, secret=True))) == (200, "K", "", True)
    missing = api.get(f"{variables}/unknown")
    assert (missing.status, missing.kind) == (404, "variable_not_found")


def test_case_033_an_update_keeps_the_value_it_omits(api: Api, variables: str) -> None:
    path = added(api, variables, secret=False)
    assert shown(api.put(path, {"key": "APP_TEST_UPDATE", "value": "U"})) == (200, "APP_TEST_UPDATE", "U", False)
    assert shown(api.put(path, {"key": "K2"})) == (200, "K2", "U", False)


def test_case_034_a_variable_can_become_secret_but_not_plain_again(api: Api, variables: str) -> None:
    path = added(api, variables, secret=False)
    assert shown(api.put(path, {"key": "K", "secret": True})) == (200, "K", "", True)
    back = api.put(path, {"key": "K", "secret": False})
    assert (back.status, back.kind) == (400, "variable_cannot_unset_secret")


@pytest.mark.parametrize("body", [{}, {"value": "x"}])
def test_case_035_an_update_needs_the_key(api: Api, variables: str, body: dict[str, str]) -> None:
    answer = api.put(added(api, variables), body)
    assert (answer.status, answer.kind) == (400, "general_argument_invalid")


def test_case_036_a_deleted_variable_is_gone(api: Api, variables: str) -> None:
    path = added(api, variables)
    assert api.delete(path).status == 204
    assert api.delete(path).kind == "variable_not_found"


def test_case_037_every_variable_write_makes_the_function_need_a_deployment(api: Api) -> None:
    function = deployed_function(api)

    def is_live_again() -> bool:
        # An update of the function itself sets `live` although nothing was deployed (1.8.1, Functions/Update.php).
        return bool(api.put(f"/functions/{function}", {"name": "Test"})["live"])

    assert api.get(f"/functions/{function}")["live"] is True
    path = added(api, f"/functions/{function}/variables")
    assert api.get(f"/functions/{function}")["live"] is False
    assert is_live_again()
    assert api.put(path, {"key": "K2"}).status == 200
    assert api.get(f"/functions/{function}")["live"] is False
    assert is_live_again()
    assert api.delete(path).status == 204
    assert api.get(f"/functions/{function}")["live"] is False
