"""State and audit log in the console."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from urllib.parse import quote

import pytest
import requests
from crash.memory_bucket import Bucket, served

from raceday_iac.cli.main import execute
from raceday_iac.devserver.daemon import start, stop

from .conftest import TOKEN, Browser, Consoles, Shop


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
    assert "Both have the same resources" in changed.page(f"/state/compare?from={first}&to={first}")


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
    assert "None yet." in text


# State that machines share: in Appwrite, or in S3

STACK = 'from raceday_iac import Stack\n\nstack = Stack("shop")\nstack.team("staff", name="Staff")\n'
S3 = """
  backend: s3
  bucket: states
  endpoint: {endpoint}
  access_key_env: STATE_ACCESS_KEY
  secret_key_env: STATE_SECRET_KEY
"""


@dataclass(frozen=True)
class Elsewhere:
    """A project with its state in such a place. `writes` counts what was written so far, there and to Appwrite."""

    shop: Shop
    place: str
    writes: Callable[[], int]


@pytest.fixture(scope="module", params=["appwrite", "s3"])
def elsewhere(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Elsewhere]:
    folder, bucket = tmp_path_factory.mktemp(request.param), Bucket()
    stacks = folder / "stacks"
    (stacks / "environments").mkdir(parents=True)
    (stacks / "shop.py").write_text(STACK, encoding="utf-8")
    place = folder / "state" / "local" / "server"
    server = start(place, project="shop")

    def writes() -> int:
        headers = {"x-appwrite-project": "shop", "x-appwrite-key": server.key}
        recent = requests.get(f"{server.endpoint}/_dev/requests/recent", headers=headers, timeout=60).json()["requests"]
        return bucket.age + sum(each["method"] != "GET" for each in recent)

    with served(lambda: bucket) as endpoint, pytest.MonkeyPatch.context() as patch:
        for name, value in (("STATE_ACCESS_KEY", "a"), ("STATE_SECRET_KEY", "s" * 20), ("SHOP_API_KEY", server.key)):
            patch.setenv(name, value)
        state = f"state:{S3.format(endpoint=endpoint)}" if request.param == "s3" else "state: {backend: appwrite}\n"
        targets = {"local": "endpoint: embedded", "prod": f"endpoint: {server.endpoint}\napi_key_env: SHOP_API_KEY"}
        for name, target in targets.items():
            text = f"{target}\nproject: shop\n{state}"
            (stacks / "environments" / f"{name}.yaml").write_text(text, encoding="utf-8")
        yield Elsewhere(Shop(folder, server), "s3://" if request.param == "s3" else "raceday-iac-state", writes)
    stop(place)


def apply_here(shop: Shop, env: str) -> None:
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        assert execute(["apply", "--auto-approve", "--env", env, "--stack", str(shop.stack)]) == 0


def test_state_elsewhere_is_written_and_shown_by_the_console(elsewhere: Elsewhere, console_of: Consoles) -> None:
    shop, console = elsewhere.shop, console_of(elsewhere.shop)
    for name, number in (("Staff", 1), ("Crew", 1)):
        with shop.edited('name="Staff"', f'name="{name}"'):
            assert f"apply {number}" in console.planned()
            console.send("/apply", {"sentence": f"apply {number}"}, "/plan")
            assert "Applied: 1 change" in console.settled("/plan")
    text = console.page("/state")
    assert elsewhere.place in text
    assert "not locked" in text
    assert not (shop.folder / "state" / "local" / "state.json").exists()
    second, first = [int(each) for each in re.findall(r'name=to value="(\d+)"', text)][:2]
    compared = console.page(f"/state/compare?from={first}&to={second}")
    assert "<span class=old>&#34;Staff&#34;</span>" in compared
    assert "<span class=new>&#34;Crew&#34;</span>" in compared
    assert "&#34;Crew&#34;" in console.page("/state/resource?address=team.staff")
    assert f"serial {second}, not locked" in console.settled("/")


def test_state_of_a_real_server_is_looked_at_and_nothing_is_written(elsewhere: Elsewhere, console_of: Consoles) -> None:
    shop = elsewhere.shop
    empty = console_of(shop, "prod")
    before = elsewhere.writes()
    # Not even the place is made.
    assert "Nothing was saved yet." in empty.page("/state")
    assert elsewhere.writes() == before
    apply_here(shop, "prod")
    with shop.edited('name="Staff"', 'name="Crew"'):
        apply_here(shop, "prod")
    console, before = console_of(shop, "prod"), elsewhere.writes()
    text = console.page("/state")
    assert elsewhere.place in text
    second, first = [int(each) for each in re.findall(r'name=to value="(\d+)"', text)][:2]
    assert "<span class=new>&#34;Crew&#34;</span>" in console.page(f"/state/compare?from={first}&to={second}")
    assert f"serial {second}, not locked" in console.settled("/")
    assert elsewhere.writes() == before
