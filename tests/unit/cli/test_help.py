"""What a person reads before the first command, and what the tab key offers."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from raceday_iac.cli import options
from raceday_iac.cli.help import EXAMPLES, GROUPS, first_sentence
from raceday_iac.cli.main import COMMANDS, execute, whole_program
from raceday_iac.errors import EXIT_OK
from raceday_iac.render.lines import printable, repeat_environment

STACK = """
from raceday_iac import FromEnvironment, Stack

stack = Stack("shop")
stack.database("shop", name="Shop").collection("orders", name="Orders")
function = dict(name="F", runtime="node-22", specification="s-0.5vcpu-512mb", timeout=9, entrypoint="main.js")
stack.function("checkout", variables={"KEY": FromEnvironment("NOT_SET")}, **function)
stack.function("report", **function)
"""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "stacks" / "environments").mkdir(parents=True)
    (tmp_path / "stacks" / "shop.py").write_text(STACK)
    for name in ("local", "prod", "preview"):
        (tmp_path / "stacks" / "environments" / f"{name}.yaml").write_text("endpoint: embedded\nproject: shop\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RACEDAY_IAC_ENV", raising=False)
    monkeypatch.delenv("RACEDAY_IAC_STACK", raising=False)
    return tmp_path


def commands(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    """The command, or all below it."""
    below = getattr(command, "commands", None)
    if below is None:
        yield name, command
    for each, inner in (below or {}).items():
        yield from commands(f"{name} {each}", inner)


PROGRAM = whole_program()
FOUND = {key: command for name in (*COMMANDS, "version") for key, command in commands(name, PROGRAM.commands[name])}


def test_every_command_stands_below_a_heading_and_has_examples() -> None:
    placed = {name for names in GROUPS.values() for name in names}
    assert set(COMMANDS) - placed == set()
    assert set(FOUND) - set(EXAMPLES) == set()


@pytest.mark.parametrize("line", [line for lines in EXAMPLES.values() for line in lines])
def test_an_example_is_a_line_that_can_be_typed(line: str, shop: Path) -> None:
    words = shlex.split(line.removeprefix('eval "$(').removesuffix(')"'))
    name = next(name for number in (4, 3, 2) if (name := " ".join(words[1:number])) in FOUND)
    _, rest = options.take_globals(words[1:])
    command = FOUND[name]
    command.make_context(name, rest[len(name.split()) :])
    assert command.epilog
    assert line in command.epilog


@pytest.mark.parametrize("words", [["-h"], ["--help"], ["plan", "-h"], ["state", "-h"], ["server", "start", "-h"]])
def test_help_is_asked_for_by_either_word(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(words) == EXIT_OK
    assert "-h, --help" in capsys.readouterr().out


def test_nothing_in_the_list_of_commands_is_cut(capsys: pytest.CaptureFixture[str]) -> None:
    execute(["--help"])
    said = capsys.readouterr().out
    assert "..." not in said.partition("Reconcile:")[2]
    flat = " ".join(said.split())
    for heading in ("Reconcile", "Inspect", "Operate", "State", "Local server"):
        assert f"\n{heading}:\n" in said
    for _, text in COMMANDS.values():
        assert first_sentence(text) in flat


def test_the_version_is_an_option_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["--version"]) == EXIT_OK
    first = capsys.readouterr().out
    assert execute(["version"]) == EXIT_OK
    assert capsys.readouterr().out == first


@pytest.mark.parametrize(
    ("text", "reported"),
    [
        ("see: raceday-iac plan", "see: raceday-iac plan --env prod"),
        ("raceday-iac logs pay --execution 1", "raceday-iac logs pay --execution 1 --env prod"),
        ("raceday-iac state list shows it", "raceday-iac state list --env prod shows it"),
        ("raceday-iac import --all --env dev", "raceday-iac import --all --env dev"),
        ("raceday-iac plan, or raceday-iac apply.", "raceday-iac plan --env prod, or raceday-iac apply --env prod."),
        ("a defect of raceday-iac; import the rest", "a defect of raceday-iac; import the rest"),
        ("changed outside of raceday-iac plan-like", "changed outside of raceday-iac plan-like"),
        (
            "or now with: raceday-iac state lock release ab12",
            "or now with: raceday-iac state lock release ab12 --env prod",
        ),
        ("x: raceday-iac deployments pay --clean; or", "x: raceday-iac deployments pay --clean --env prod; or"),
        ("x: raceday-iac plan --out FILE", "x: raceday-iac plan --out FILE --env prod"),
        ("raceday-iac recover --dry-run shows it", "raceday-iac recover --dry-run --env prod shows it"),
        ("raceday-iac apply release.plan", "raceday-iac apply release.plan"),
        ("to put it back: raceday-iac apply.", "to put it back: raceday-iac apply --env prod."),
        ("raceday-iac show release.plan", "raceday-iac show release.plan"),
        ("mean: raceday-iac migration mark 0001-a.b.", "mean: raceday-iac migration mark 0001-a.b --env prod."),
        ("finish it: raceday-iac migration undo 01", "finish it: raceday-iac migration undo 01 --env prod"),
        ("no command", "no command"),
    ],
)
def test_commands_in_messages_say_the_environment_again(text: str, reported: str) -> None:
    repeat_environment("prod", COMMANDS)
    try:
        assert printable(text) == reported
    finally:
        repeat_environment("")
    assert printable(text) == text


def offered(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], line: str) -> list[str]:
    words = line.split(" ")
    monkeypatch.setenv("_RACEDAY_IAC_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(len(words) - 1))
    with pytest.raises(SystemExit):
        execute([])
    return capsys.readouterr().out.split()


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("raceday-iac plan --env ", ["local", "preview", "prod"]),
        ("raceday-iac --env pr", ["preview", "prod"]),
        ("raceday-iac plan --env p", ["preview", "prod"]),
        ("raceday-iac run ", ["checkout", "report"]),
        ("raceday-iac --env prod logs che", ["checkout"]),
        ("raceday-iac rollback --env prod r", ["report"]),
        ("raceday-iac plan --target collection.", ["collection.shop/orders"]),
        ("raceday-iac apply --env prod --allow-data-loss function.c", ["function.checkout"]),
        ("raceday-iac state show variable.", ["variable.checkout/KEY"]),
        ("raceday-iac plan --env prod --stack st", ["stacks/shop.py"]),
        ("raceday-iac ini", ["init"]),
        ("raceday-iac plan --no", ["--no-color"]),
    ],
)
def test_the_tab_key_offers_names(
    line: str, names: list[str], shop: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert offered(monkeypatch, capsys, line) == names


def test_nothing_is_offered_or_said_where_the_stack_is_broken(
    shop: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (shop / "stacks" / "shop.py").write_text("stack = Stack(")
    assert offered(monkeypatch, capsys, "raceday-iac run ") == []
    assert capsys.readouterr().err == ""
