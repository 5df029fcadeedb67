"""Who may ask the console, and from where."""

from __future__ import annotations

import pytest

from .conftest import TOKEN, Browser


@pytest.mark.parametrize(
    "path", ["/", "/plan", f"/{TOKEN}x/plan", f"/{TOKEN[:-1]}/", f"/static/{TOKEN}/plan", "/style.css"]
)
def test_without_the_token_nothing_is_shown(console: Browser, path: str) -> None:
    answer = console.get(path)
    assert answer.status_code == 403
    assert "Open the link" in answer.text
    assert TOKEN not in answer.text


@pytest.mark.parametrize("host", ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "[::1]:{port}"])
def test_a_name_that_only_leads_here_is_refused(console: Browser, host: str) -> None:
    answer = console.get(f"/{TOKEN}/plan", host=host.format(port=console.port))
    assert answer.status_code == 421


def test_the_other_name_of_this_machine_is_taken(console: Browser) -> None:
    assert console.get(f"/{TOKEN}/plan", host=f"localhost:{console.port}").status_code == 200


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "", "https://127.0.0.1:{port}", "http://127.0.0.1:1"]
)
def test_a_form_of_another_origin_does_nothing(console: Browser, origin: str) -> None:
    before = console.tasks.latest("health")
    answer = console.send("/look", {}, "/plan", origin=origin.format(port=console.port))
    assert answer.status_code == 403
    assert console.tasks.latest("health") is before


def test_a_form_without_its_token_does_nothing(console: Browser) -> None:
    before = console.tasks.latest("health")
    for token in ("", "x", None):
        form = {"what": "health"} if token is None else {"what": "health", "token": token}
        answer = console.post(f"/{TOKEN}/look", form)
        assert answer.status_code == 403
    assert console.tasks.latest("health") is before


def test_a_form_that_is_too_large_is_not_read(console: Browser) -> None:
    answer = console.send("/look", {"what": "x" * 4_000_001}, "/plan")
    assert answer.status_code == 413


@pytest.mark.parametrize("path", [f"/{TOKEN}/", f"/{TOKEN}/plan", f"/{TOKEN}/nothing", f"/{TOKEN}/style.css", "/"])
def test_every_answer_forbids_what_is_from_elsewhere(console: Browser, path: str) -> None:
    headers = console.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "http" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"


def test_every_form_has_the_token_and_no_script_stands_in_a_page(applied: Browser) -> None:
    for path in ("/", "/plan", "/health", "/schedule"):
        text = applied.settled(path)
        assert text.count("<form") == text.count("<input type=hidden name=token")
        assert text.count("<script") == text.count("<script src=") == 1
        assert " onclick" not in text


def test_an_unknown_page_is_said_to_be_none(console: Browser) -> None:
    answer = console.get(f"/{TOKEN}/nothing/<b>here")
    assert answer.status_code == 404
    assert "/nothing/&lt;b&gt;here" in answer.text


def test_a_page_takes_no_forms(console: Browser) -> None:
    answer = console.post(f"/{TOKEN}/health", {})
    assert answer.status_code == 404
    assert "Nothing was changed" in answer.text
