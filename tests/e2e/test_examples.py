"""The examples that `init` begins with, from nothing to applied by one command."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from raceday_iac.cli.main import execute

from .target import needs


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the online shop, and the secret that it needs."""
    monkeypatch.chdir(tmp_path)
    for name in ("RACEDAY_IAC_STACK", "RACEDAY_IAC_ENV"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WAREHOUSE_SIGNATURE", "a-signature-nobody-sees")
    assert execute(["init", "--example", "online-shop"]) == 0
    return tmp_path


def test_the_online_shop_is_applied_by_one_command_and_then_there_is_nothing_to_do(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert execute(["apply", "--auto-approve"]) == 0
    assert "Appwrite matches the configuration" in capsys.readouterr().out
    assert execute(["plan", "--detailed-exitcode"]) == 0
    state = json.loads(next((shop / "state").rglob("state.json")).read_text())
    kinds = {each.partition(".")[0] for each in state["resources"]}
    assert kinds >= {"function", "bucket", "site", "team", "topic", "webhook", "platform", "policy", "document"}
    assert "a-signature-nobody-sees" not in "".join(
        each.read_text(errors="replace") for each in (shop / "state").rglob("*.json")
    )


def test_what_the_online_shop_needs_first_is_said_by_init(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert execute(["init", "--example", "online-shop", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)["init"]["next"]
    assert said == [
        "export WAREHOUSE_SIGNATURE=…",
        "raceday-iac server start",
        "raceday-iac plan",
        "raceday-iac apply",
    ]


def test_the_functions_of_the_online_shop_answer_where_there_is_node(
    shop: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    needs("no node on this machine", shutil.which("node") is not None)
    assert execute(["apply", "--auto-approve"]) == 0
    assert execute(["run", "checkout", "--body", '{"product": "none", "quantity": 1, "customer": "kim@example.org"}'])
    assert "there is no product none" in capsys.readouterr().out
    execute(["run", "daily-report"])
    assert '"orders": 0' in capsys.readouterr().out
    monkeypatch.setattr("shutil.which", lambda *_words, **_named: None)
    execute(["run", "daily-report"])
    assert "has no node to run functions with" in capsys.readouterr().out


def test_an_environment_that_names_an_appwrite_that_is_not_played_is_refused(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = shop / "stacks" / "environments" / "local.yaml"
    file.write_text(file.read_text().replace("1.9", "1.7"))
    assert execute(["plan"]) == 1
    assert "The embedded server does not play Appwrite 1.7" in capsys.readouterr().err


def test_a_server_that_lets_no_key_make_another_says_so_and_nothing_is_ours(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = shop / "stacks" / "environments" / "local.yaml"
    file.write_text(file.read_text().replace('"1.9"', "main"))
    key = 'stack.key("k", name="K", scopes=["users.read"], expire="2099-01-01T00:00:00Z")'
    (shop / "stacks" / "shop.py").write_text(f'from raceday_iac import Stack\nstack = Stack("shop")\n{key}\n')
    assert execute(["apply", "--auto-approve"]) == 1
    said = capsys.readouterr()
    assert "create it in the console with this id" in said.out
    assert "key_creation_denied" in said.err
    assert execute(["plan", "--detailed-exitcode"]) == 2
