"""A stack without extensions: nothing of Raceday, of racing, or of New Zealand is seen of any command."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from raceday_iac.cli import main
from raceday_iac.cli.main import execute
from raceday_iac.devserver.daemon import status, stop

#: Words of one project. The program's own name is no word of them.
ALIEN = re.compile(
    r"\b(races?|racing|racetracks?|meetings?|runners?|tab|nz|nztab|nzst|nzdt|new\W?zealand|auckland|pollers?|polled|odds|"
    r"punters?|simulate|simulation|cleanup|clean-up|race\w*poller|nzdate)\b",
    re.IGNORECASE,
)
STACK = """
from raceday_iac.model.stack import Lock, Stack
stack = Stack("shop", lock_store=("shop", "locks"), keep_deployments=2{more})
database = stack.database("shop", name="Shop")
orders = database.collection("orders", name="Orders", permissions=['read("any")'])
orders.string("number", 20, required=True)
orders.datetime("placedAt")
orders.index("by_number", "number")
locks = database.collection("locks", name="Locks")
locks.string("owner", 64)
stack.function("bills", name="Bills", runtime="python-3.12", specification="s-1vcpu-512mb", timeout=20,
    entrypoint="main.py", schedule="59 23 * * *", code="functions/bills",
    lock=Lock("bills-lock", stale_after=5, heartbeat=2, expiry=15))
stack.function("mail", name="Mail", runtime="python-3.12", specification="s-1vcpu-512mb", timeout=90,
    entrypoint="main.py", schedule="*/1 * * * *", execute=["any"])
"""
HEALTH = """
functions: {bills: {slow_after: 5s}}
daily: [bills]
freshness:
- {collection: shop/orders, rule: today, attribute: placedAt}
- {collection: shop/orders, rule: newest, attribute: $createdAt, within: 1h}
"""
VIENNA = ', timezone="Europe/Vienna", quiet_hours=("22:00", "06:00")'
COMMANDS = (
    ["--help"],
    ["plan"],
    ["plan", "--json"],
    ["lint", "--verbose"],
    ["lint", "--json"],
    ["schedule"],
    ["schedule", "--json"],
    ["health"],
    ["health", "--json"],
    ["recover", "--dry-run"],
    ["recover", "--dry-run", "--json"],
    ["graph"],
    *([name, "--help"] for name in main.COMMANDS),
    ["state", "show", "--help"],
    ["state", "show", "nothing"],
)


@pytest.fixture(scope="module", params=["", VIENNA], ids=["utc", "vienna"])
def stack(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The stack, applied to a server of its own that goes on running."""
    root = tmp_path_factory.mktemp("shop")
    (root / "stacks" / "environments").mkdir(parents=True)
    (root / "functions" / "bills").mkdir(parents=True)
    (root / "functions" / "bills" / "main.py").write_text("def main(context):\n    return context.res.empty()\n")
    (root / "stacks" / "environments" / "local.yaml").write_text("endpoint: embedded\nproject: shop\n")
    (root / "stacks" / "health.yaml").write_text(HEALTH)
    (root / "stacks" / "shop.py").write_text(STACK.format(more=request.param))
    file = root / "stacks" / "shop.py"
    assert execute(["server", "start", "--stack", str(file)]) == 0
    yield file
    stop(root / "state" / "local" / "server")


@pytest.fixture(scope="module")
def applied(stack: Path) -> Path:
    assert execute(["apply", "--auto-approve", "--stack", str(stack)]) == 0
    return stack


def alien(text: str) -> set[str]:
    return {found[0].lower() for found in ALIEN.finditer(text)}


def test_the_words_would_be_noticed() -> None:
    assert alien("race.late newZealand (NZ) 07:00 NZST nzDate enhanced-race-poller") == {
        "race", "newzealand", "nz", "nzst", "nzdate", "poller"
    }  # fmt: skip
    assert alien('raceday-iac <svg class="raceday">') == set()


def test_applying_says_nothing_of_others(stack: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["apply", "--auto-approve", "--stack", str(stack)]) == 0
    said = capsys.readouterr()
    assert "function.bills" in said.out
    assert alien(said.out + said.err) == set()


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_no_command_says_anything_of_others(
    applied: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    execute([*words, "--stack", str(applied)])
    said = capsys.readouterr()
    assert said.out or said.err
    assert alien(said.out + said.err) == set()
    assert "Traceback" not in said.err


@pytest.mark.parametrize(
    "words", [["schedule", "--html"], ["schedule", "--svg"], ["health", "--html"], ["plan", "--html"]]
)
def test_no_page_says_anything_of_others(
    applied: Path, words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "page"
    execute([*words, str(file), "--stack", str(applied)])
    assert len(file.read_text(encoding="utf-8")) > 1000
    assert alien(file.read_text(encoding="utf-8")) == set()


def test_times_are_those_of_the_stacks_own_clock(applied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    zone = "Europe/Vienna" if "Vienna" in applied.read_text(encoding="utf-8") else "UTC"
    assert execute(["schedule", "--from", "2025-07-17", "--stack", str(applied), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["timezone"], found["begin"][:16]) == (
        zone, {"UTC": "2025-07-17T00:00", "Europe/Vienna": "2025-07-16T22:00"}[zone]
    )  # fmt: skip


@pytest.mark.parametrize("command", ["simulate", "cleanup"])
def test_the_commands_of_an_extension_are_none_here(
    applied: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert execute([command, "x", "--stack", str(applied)]) == 1
    assert f"No such command '{command}'" in capsys.readouterr().err


def test_the_server_plays_nothing_of_others(applied: Path) -> None:

    running = status(applied.parent.parent / "state" / "local" / "server")
    path = f"{running.endpoint.removesuffix('/v1')}/nztab/affiliates/v1/racing/meetings"
    assert requests.get(path, timeout=10).status_code == 404
