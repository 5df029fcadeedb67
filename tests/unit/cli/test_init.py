"""A project to begin with."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from raceday_iac.cli.main import execute
from raceday_iac.errors import EXIT_ERROR, EXIT_OK
from raceday_iac.loading.environment import load_environment
from raceday_iac.loading.resolve import resolve
from raceday_iac.loading.stack_file import load_stack
from raceday_iac.model.resource import Desired

REAL = ("--endpoint", "https://appwrite.example/v1", "--project", "my-shop", "--key-variable", "SHOP_KEY")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder called `corner-shop`."""
    place = tmp_path / "corner-shop"
    place.mkdir()
    monkeypatch.chdir(place)
    for name in ("RACEDAY_IAC_STACK", "RACEDAY_IAC_ENV", "SHOP_KEY"):
        monkeypatch.delenv(name, raising=False)
    return place


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def files(folder: Path) -> set[str]:
    return {str(each.relative_to(folder)) for each in folder.rglob("*") if each.is_file()}


def desired(folder: Path, name: str) -> Desired:
    stack = folder / "stacks" / f"{name}.py"
    return resolve(load_stack(stack), load_environment(stack, "local"), folder)


def test_without_a_word_it_begins_with_the_embedded_server_under_the_name_of_the_folder(folder: Path) -> None:
    assert execute(["init"]) == EXIT_OK
    assert files(folder) == {"stacks/corner-shop.py", "stacks/environments/local.yaml", ".gitignore"}
    assert desired(folder, "corner-shop").resources == {}
    assert (folder / ".gitignore").read_text() == "state/\n.env\n"


def test_what_it_writes_is_the_default_stack_of_every_folder_below(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert execute(["init", "--example", "shop"]) == EXIT_OK
    below = folder / "functions" / "checkout"
    monkeypatch.chdir(below)
    capsys.readouterr()
    assert execute(["graph"]) == EXIT_OK
    assert "function.checkout" in capsys.readouterr().out


def test_a_real_appwrite_is_an_environment_of_its_own(folder: Path) -> None:
    assert execute(["init", "shop", *REAL]) == EXIT_OK
    environment = load_environment(folder / "stacks" / "shop.py", "prod")
    assert (environment.endpoint, environment.project) == ("https://appwrite.example/v1", "my-shop")
    assert environment.api_key({"SHOP_KEY": "secret"}).reveal() == "secret"
    assert load_environment(folder / "stacks" / "shop.py", "local").is_embedded


@pytest.mark.parametrize("project", ["123", "1e3", "null", "yes", "a.b-c_d"])
def test_a_project_that_yaml_takes_for_something_else_is_a_text(folder: Path, project: str) -> None:
    assert execute(["init", "shop", *REAL[:2], "--project", project]) == EXIT_OK
    assert load_environment(folder / "stacks" / "shop.py", "prod").project == project


def test_env_names_the_environment(folder: Path) -> None:
    assert execute(["init", "shop", *REAL, "--env", "staging"]) == EXIT_OK
    assert "stacks/environments/staging.yaml" in files(folder)


def test_a_person_is_asked(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal("https://appwrite.example/v1\nmy-shop\nSHOP_KEY\n"))
    assert execute(["init"]) == EXIT_OK
    environment = load_environment(folder / "stacks" / "corner-shop.py", "prod")
    assert (environment.project, environment.api_key_env) == ("my-shop", "SHOP_KEY")
    assert "export SHOP_KEY=…" in capsys.readouterr().out


def test_the_example_is_whole_and_lint_finds_no_error_in_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["init", "--example", "shop", "--json"]) == EXIT_OK
    document = json.loads(capsys.readouterr().out)["init"]
    assert set(document["written"]) == files(folder)
    assert document["next"][0] == "raceday-iac server start"
    found = desired(folder, "shop")
    assert {"function.checkout", "function.daily-report", "collection.shop/orders"} <= set(map(str, found.resources))
    assert execute(["lint"]) == EXIT_OK


def test_an_appwrite_json_becomes_the_stack_and_names_its_project(folder: Path) -> None:
    function = {"$id": "pay", "name": "Pay", "runtime": "node-22", "entrypoint": "main.js", "execute": ["any"]}
    content = {"projectId": "my-shop", "endpoint": "https://appwrite.example/v1", "functions": [function]}
    (folder / "appwrite.json").write_text(json.dumps(content))
    assert execute(["init", "shop", "--from-appwrite-json", "appwrite.json"]) == EXIT_OK
    assert list(map(str, desired(folder, "shop").resources)) == ["function.pay"]
    assert load_environment(folder / "stacks" / "shop.py", "prod").project == "my-shop"


def test_what_is_there_is_never_replaced(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["init", "shop"]) == EXIT_OK
    (folder / "stacks" / "shop.py").write_text("mine = True\n")
    before = files(folder)
    assert execute(["init", "--example", "shop"]) == EXIT_ERROR
    assert "exists already. Nothing was written." in capsys.readouterr().err
    assert (folder / "stacks" / "shop.py").read_text() == "mine = True\n"
    assert files(folder) == before


def test_what_is_ignored_already_stays_and_is_not_repeated(folder: Path) -> None:
    (folder / ".gitignore").write_text("node_modules\nstate/")
    assert execute(["init", "shop"]) == EXIT_OK
    assert (folder / ".gitignore").read_text() == "node_modules\nstate/\n.env\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--example", "shpo"], "There is no example 'shpo' (did you mean 'shop'?)."),
        (["--example", "shop", "--from-live", *REAL], "cannot be combined."),
        (["--from-live"], "name it with --endpoint and --project"),
        (["--endpoint", "appwrite.example", "--project", "x"], "did you mean https://appwrite.example/v1?"),
        (["--endpoint", "https://appwrite.example", "--project", "x"], "did you mean https://appwrite.example/v1?"),
        (["--endpoint", "https://appwrite.example/v1"], "An endpoint needs a project: name it with --project ID."),
        (["--endpoint", "https://appwrite.example/v1", "--project", "my shop"], "is not the id of a project"),
        ([*REAL[:4], "--key-variable", "standard_1234-5"], "not the key itself"),
        ([*REAL, "--env", "local"], "The environment local is the embedded server"),
        (["../shop"], "cannot be the name of a stack"),
        (["--from-appwrite-json", "none.json"], "none.json"),
        ([*REAL, "--from-live"], "SHOP_KEY"),
    ],
)
def test_a_mistake_is_reported_and_nothing_is_written(
    folder: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    assert execute(["init", *words]) == EXIT_ERROR
    assert said in capsys.readouterr().err
    assert files(folder) == set()
