"""State and audit log in the console."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest

from .conftest import TOKEN, Browser, Shop


@pytest.fixture(scope="module")
def changed(applied: Browser, shop: Shop) -> Browser:
    """The shop, applied twice."""
    with shop.edited('name="Staff"', 'name="<b>Crew"'):
        applied.planned()
        applied.send("/apply", {"sentence": "apply 1"}, "/plan")
        applied.settled("/plan")
    return applied


def test_what_is_owned_is_listed_with_the_run_that_changed_it_last(changed: Browser) -> None:
    text = changed.page("/state")
    runs = [int(each) for each in re.findall(rf'/{TOKEN}/state/runs/(\d+)"', text)]
    last = re.search(r'address=team\.staff">team staff</a> <a class=faint href="[^"]*/runs/(\d+)"', text)
    assert last
    assert int(last[1]) == max(runs)
    assert "success" in text


def test_a_resource_has_its_values_and_its_runs(changed: Browser) -> None:
    text = changed.page(f"/state/resource?address={quote('team.staff')}")
    assert "&lt;b&gt;Crew" in text
    assert len(set(re.findall(r"/state/runs/(\d+)", text))) == 2


def test_two_states_are_compared_value_by_value(changed: Browser) -> None:
    first, second = [int(each) for each in re.findall(r'name=to value="(\d+)"', changed.page("/state"))][:2]
    text = changed.page(f"/state/compare?from={second}&to={first}")
    assert "team.staff" in text
    assert "<span class=old>&#34;Staff&#34;</span>" in text
    assert "<span class=new>&#34;&lt;b&gt;Crew&#34;</span>" in text
    assert "They own the same" in changed.page(f"/state/compare?from={first}&to={first}")


def test_a_run_has_its_changes(changed: Browser) -> None:
    number = re.findall(r"/state/runs/(\d+)", changed.page("/state"))[0]
    text = changed.page(f"/state/runs/{number}")
    assert "team.staff" in text
    assert "Crew" in text
    assert "<b>Crew" not in text


@pytest.mark.parametrize(
    "path",
    [
        "/state/resource?address=team.nobody",
        "/state/resource?address=%3Cscript%3E",
        "/state/resource",
        "/state/compare?from=x&to=1",
        "/state/compare?from=1",
        "/state/compare?from=99999&to=99999",
        "/state/runs/99999",
        "/state/runs/x",
    ],
)
def test_what_is_not_kept_is_said(changed: Browser, path: str) -> None:
    answer = changed.get(f"/{TOKEN}{path}")
    assert answer.status_code in (400, 404)
    assert "This did not work" in answer.text
    assert "<script>" not in answer.text


def test_a_project_of_which_nothing_was_saved_has_an_empty_page(far: Browser) -> None:
    text = far.page("/state")
    assert "Nothing was saved yet." in text
    assert "There was none yet." in text
