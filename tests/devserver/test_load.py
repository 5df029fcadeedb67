"""`server load`: the functions of an appwrite.json on the embedded server, and what comes of those it does not take."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from raceday_iac.devserver.control import Loaded, load_functions, load_sites
from raceday_iac.devserver.runner import start_server

from .functions_server import Client, quick


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    folder = tmp_path_factory.mktemp("load")
    with start_server(folder / "data", settings=quick(folder / "venvs")) as running:
        yield Client(running)


@pytest.fixture
def load(client: Client) -> Iterator[Any]:
    """Loads functions, and takes them away afterwards."""

    def loaded(*functions: Any) -> Loaded:
        return load_functions(functions, client.running.endpoint, client.running.project, client.running.key)

    yield loaded
    for each in client.ok("GET", "/functions")["functions"]:
        client.ok("DELETE", f"/functions/{each['$id']}")


def function(id: str, **settings: Any) -> dict[str, Any]:
    return {"$id": id, "name": id, "runtime": "python-3.12", **settings}


def test_one_that_is_refused_keeps_none_from_being_created(load: Any) -> None:
    found = load(function("a"), function("b", runtime="cobol-1.0"), 5, {"name": "no id"}, function("c"))
    assert found.created == ("a", "c")
    assert list(found.refused) == ["b", "functions[2]", "functions[3]"]
    assert "runtime" in found.refused["b"]
    again = load(function("a"))
    assert (again.created, again.skipped) == ((), ("a",))


def test_nothing_is_clipped_or_left_out_without_a_word(load: Any, client: Client) -> None:
    found = load(
        function("long", timeout=1500),
        function("longest", timeout=900),
        function("list", commands=["npm ci", "npm test"], colour="red"),
        function("odd", schedule="never", scopes=["nobody.read"], path="functions/odd", ignore=["x"]),
    )
    assert len(found.created) == 4
    assert found.changed["long"] == ("timeout 1500 s is above Appwrite's limit; 900 s is taken",)
    assert "longest" not in found.changed
    assert found.changed["list"] == (
        "commands is a list, and is joined: npm ci && npm test",
        "unknown settings are left out: colour",
    )
    assert [each.partition(" ")[0] for each in found.changed["odd"]] == ["schedule", "scopes"]
    assert client.ok("GET", "/functions/long")["timeout"] == 900
    assert client.ok("GET", "/functions/list")["commands"] == "npm ci && npm test"


@pytest.mark.parametrize(
    "given",
    [{"variables": {"A": "a", "N": 5, "": "x"}}, {"vars": [{"key": "A", "value": "a"}, {"key": "N", "value": 5}, {}]}],
)
def test_variables_come_along(load: Any, client: Client, given: dict[str, Any]) -> None:
    found = load(function("f", **given))
    variables = client.ok("GET", "/functions/f/variables")["variables"]
    assert {each["key"]: each["value"] for each in variables} == {"A": "a", "N": "5"}
    assert len(found.changed["f"]) == 1


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"specification": "s-1vcpu-1gb"}, "s-1vcpu-1gb"),
        ({"buildSpecification": "s-2vcpu-2gb", "runtimeSpecification": "s-1vcpu-1gb"}, "s-1vcpu-1gb"),
    ],
)
def test_a_specification_of_any_age_is_taken(load: Any, client: Client, given: dict[str, Any], expected: str) -> None:
    load(function("f", **given))
    answer = client.ok("GET", "/functions/f")
    assert answer.get("runtimeSpecification", answer.get("specification")) == expected


def test_a_file_in_which_something_is_wrong_is_loaded_as_far_as_it_can_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from raceday_iac.cli.main import execute

    monkeypatch.chdir(tmp_path)
    environments = tmp_path / "stacks" / "environments"
    environments.mkdir(parents=True)
    (environments / "here.yaml").write_text("endpoint: embedded\nproject: p\n")
    functions = [{"$id": "a", "name": "a", "runtime": "python-3.12"}, {"$id": "b"}]
    others = {"buckets": [{"$id": "x"}, {}], "settings": {"auth": {}}, "teams": []}
    text = "\ufeff" + json.dumps({"projectId": "p", "functions": functions, **others})
    (tmp_path / "appwrite.json").write_text(text, encoding="utf-8")
    assert execute(["server", "load", "appwrite.json", "--env", "here"]) == 1
    said = capsys.readouterr().out
    assert said.startswith("Created 1 function.\n  b was not created: ")
    assert said.endswith("not loaded, because only functions and sites are: buckets (x, number 1), settings (auth)\n")
    (tmp_path / "appwrite.json").write_text("{", encoding="utf-8")
    assert execute(["server", "load", "appwrite.json", "--env", "here"]) == 1
    assert "appwrite.json:1: is not valid JSON" in capsys.readouterr().err


def test_sites_of_a_file_are_loaded_with_their_variables_and_what_a_server_refuses_is_left_out(client: Client) -> None:
    running = client.running
    site = {"$id": "s", "name": "S", "framework": "vite", "buildRuntime": "node-22", "path": "./", "timeout": 60}
    sites = [{**site, "adapter": "sometimes", "vars": {"A": "1"}}, {"$id": "t"}, site]
    found = load_sites(sites, running.endpoint, running.project, running.key)
    assert (found.created, found.skipped, list(found.refused)) == (("s",), ("s",), ["t"])
    assert [each.partition(":")[0] for each in found.changed["s"]] == [
        "timeout 60 s is above Appwrite's limit; 30 s is taken",
        "adapter is left out",
    ]
    live = client.ok("GET", "/sites/s")
    assert (live["framework"], live["timeout"], live["vars"][0]["key"]) == ("vite", 30, "A")
    both = Loaded(("f",)).and_sites(found)
    assert (both.created, both.skipped, list(both.refused), both.sites) == (("f", "site.s"), ("site.s",), ["site.t"], 1)
