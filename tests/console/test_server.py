"""The embedded server in the console: requests, faults, clock, load, reset."""

from __future__ import annotations

import json
import re

import pytest
import requests

from raceday_iac.console.server import PRESETS

from .conftest import TOKEN, Browser, Shop


def ask(shop: Shop, path: str, method: str = "GET") -> requests.Response:
    headers = {"x-appwrite-project": "shop", "x-appwrite-key": shop.server.key}
    return requests.request(method, f"{shop.server.endpoint}{path}", headers=headers, timeout=60)


def test_the_front_page_of_the_server_says_what_it_is(shop: Shop) -> None:
    answer = requests.get(shop.server.endpoint.removesuffix("/v1") + "/", timeout=60)
    assert answer.status_code == 200
    assert "raceday-iac console" in answer.text


def test_requests_are_shown_with_status_and_key_and_without_those_of_the_console_itself(
    console: Browser, shop: Shop
) -> None:
    ask(shop, "/teams?search=<b>")
    ask(shop, "/teams/nobody")
    requests.get(f"{shop.server.endpoint}/teams", headers={"x-appwrite-project": "shop"}, timeout=60)
    rows = re.findall(r"<tr>.*?</tr>", console.page("/server/requests"), re.DOTALL)[1:]
    assert ["guest" in each for each in rows[:3]] == [True, False, False]
    assert 'title="/v1/teams/{teamId}">GET /v1/teams/nobody<' in rows[1]
    assert "404" in rows[1]
    assert "standard" in rows[2]
    assert not any("_dev" in each for each in rows)


@pytest.mark.parametrize("name", PRESETS)
def test_every_fault_is_switched_on_named_and_switched_off(console: Browser, name: str) -> None:
    answer = console.send("/server/faults", {"fault": name, "path": "/v1/nowhere/<b>"}, "/server")
    assert f"Switched on: {PRESETS[name].title.split(',')[0].split(chr(39))[0]}" in answer.text
    assert "None is switched on." not in answer.text
    assert "/<b>" not in answer.text
    console.send("/server/faults", {"off": "1"}, "/server")
    assert "None is switched on." in console.page("/server")


def test_a_fault_strikes_the_requests_that_it_names_and_no_more(console: Browser, shop: Shop) -> None:
    fault = {"fault": "429", "method": "GET", "path": "/v1/teams*", "times": "2"}
    console.send("/server/faults", fault, "/server")
    assert [ask(shop, "/teams").status_code for _ in range(3)] == [429, 429, 200]


def test_the_clock_is_moved_and_put_back(console: Browser) -> None:
    assert "+1.5 h" in console.send("/server/clock", {"hours": "1.5"}, "/server").text
    assert "as this machine" in console.send("/server/clock", {"hours": ""}, "/server").text
    for hours in ("soon", "nan", "9000"):
        assert console.send("/server/clock", {"hours": hours}, "/server").status_code == 400
    assert "as this machine" in console.page("/server")


def test_functions_of_a_file_are_loaded(console: Browser, shop: Shop) -> None:
    content = {"functions": [{"$id": "loaded", "name": "Loaded", "runtime": "python-3.12"}]}
    text = console.send("/server/load", {"file": json.dumps(content)}, "/server").text
    assert "Created 1 function." in text
    assert ask(shop, "/functions/loaded").status_code == 200
    assert "This did not work" in console.send("/server/load", {"file": "{"}, "/server").text


def test_a_console_of_another_environment_has_no_server_page(far: Browser) -> None:
    assert "/server" not in far.page("/health")
    for path in ("/server", "/server/requests"):
        assert far.get(f"/{TOKEN}{path}").status_code == 404
    assert far.post(f"/{TOKEN}/server/reset", {"sentence": "delete everything"}).status_code == 404


def test_everything_is_deleted_once_it_was_typed_and_the_server_goes_on(console: Browser, shop: Shop) -> None:
    answer = console.send("/server/reset", {"sentence": "delete"}, "/server")
    assert "Nothing was deleted" in answer.text
    answer = console.send("/server/reset", {"sentence": "delete everything"}, "/server")
    assert "is empty, and so is its state" in answer.text
    assert "There are no functions on the server" in console.page("/functions")
