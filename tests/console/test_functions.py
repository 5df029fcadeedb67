"""Functions in the console: run, read, gone back."""

from __future__ import annotations

import re

import pytest
import requests

from .conftest import TOKEN, Browser, Consoles, Shop

HOSTILE = "<script>alert('x')</script><img src=x onerror=alert(1)> \u202e \x1b[31m"


def test_functions_are_listed_with_their_schedules(applied: Browser) -> None:
    text = applied.page("/functions")
    assert f'href="/{TOKEN}/functions/checkout"' in text
    assert "0 5 * * *" in text


def test_locks_are_known_without_a_look_at_the_page_of_health(
    applied: Browser, shop: Shop, console_of: Consoles
) -> None:
    console = console_of(shop)
    assert "Checking runs, locks and data" in console.page("/functions")
    assert console.tasks.latest("health") is not None
    assert "data-running" not in console.settled("/functions")


def test_a_function_is_run_and_its_answer_and_log_are_shown_as_text(applied: Browser) -> None:
    applied.send("/functions/echo/run", {"body": HOSTILE}, "/functions/echo")
    text = applied.settled("/functions/echo")
    assert "completed 200" in text
    assert text.count("&lt;script&gt;alert(&#39;x&#39;)") >= 3
    assert "<script>alert" not in text
    assert "<img" not in text
    assert "\u202e" not in text


def test_a_key_in_a_log_is_hidden(applied: Browser, shop: Shop) -> None:
    applied.send("/functions/echo/run", {"body": f"key {shop.server.key}"}, "/functions/echo")
    text = applied.settled("/functions/echo")
    assert "key ***" in text
    assert shop.server.key not in text


def test_a_run_that_is_refused_is_said(applied: Browser, shop: Shop) -> None:
    fault = {"method": "POST", "path": "/v1/functions/echo/executions", "status": 400, "message": "Not <b>now"}
    headers = {"x-appwrite-project": "shop", "x-appwrite-key": shop.server.key}
    requests.post(f"{shop.server.endpoint}/_dev/faults", json=fault, headers=headers, timeout=60).raise_for_status()
    applied.send("/functions/echo/run", {"body": "x"}, "/functions/echo")
    assert "Not &lt;b&gt;now" in applied.settled("/functions/echo")


def test_a_build_log_has_a_page(applied: Browser) -> None:
    found = re.search(r"/functions/echo/builds/\w+", applied.page("/functions/echo"))
    assert found
    assert "ready" in applied.page(found[0])


def test_an_earlier_deployment_is_gone_back_to(applied: Browser, shop: Shop) -> None:
    code = shop.folder / "functions" / "echo" / "main.py"
    code.write_text(code.read_text(encoding="utf-8") + "\n# another\n", encoding="utf-8")
    sentence = re.search(r'data-wanted="([^"]+)"', applied.planned())
    assert sentence
    applied.send("/apply", {"sentence": sentence[1]}, "/plan")
    applied.settled("/plan")
    before = applied.page("/functions/echo")
    answer = applied.send("/functions/echo/activate", {}, "/functions/echo")
    assert "is active. The stack was not changed." in answer.text
    rows = re.findall(r"builds/(\w+)\">.*?</th><td>(\w+)</td>", before)
    assert rows[0][1] == "active"
    assert (rows[1][0], "active") in re.findall(r"builds/(\w+)\">.*?</th><td>(\w+)</td>", answer.text)


@pytest.mark.parametrize("path", ["/functions/nothing", "/functions/echo/builds/nothing"])
def test_what_is_not_there_is_said_to_be_missing(applied: Browser, path: str) -> None:
    answer = applied.get(f"/{TOKEN}{path}")
    assert answer.status_code == 404
    assert "This did not work" in answer.text


def test_a_name_that_leads_out_of_its_path_is_none(applied: Browser) -> None:
    for path in ("/functions/%2e%2e", "/functions/..%2fhealth", "/functions/echo/builds/%2e%2e"):
        assert applied.get(f"/{TOKEN}{path}").status_code in (403, 404)


def test_functions_elsewhere_can_only_be_looked_at(applied: Browser, far: Browser) -> None:
    text = far.page("/functions/echo")
    assert "<form" not in text
    for path in ("/functions/echo/run", "/functions/echo/activate"):
        assert far.post(f"/{TOKEN}{path}", {}).status_code == 404
