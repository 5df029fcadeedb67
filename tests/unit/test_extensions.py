"""Extensions: found by the name that a stack gives, imported when they are needed, and reported when they are
broken."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from raceday_iac.cli.main import execute
from raceday_iac.errors import EXIT_ERROR, EXIT_OK, IacError
from raceday_iac.extensions import extensions_named_in, load_extensions, load_part

STACK = "from raceday_iac.model.stack import Stack\nstack = Stack('shop', extensions={names})\n"
COMMANDS = """
import typer
app = typer.Typer()
@app.command()
def greet(name: str) -> None:
    "Say it."
    typer.echo(f"Good day, {name}.")
"""
EXTENSION = """
from raceday_iac.extensions import Extension
extension = Extension(commands={"greet": ("shop_extras_commands", "Say good day.")})
"""


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Path]:
    """A stack with an extension of its own beside it."""
    (tmp_path / "stacks").mkdir()
    file = tmp_path / "stacks" / "shop.py"
    file.write_text(STACK.format(names=["shop_extras"]), encoding="utf-8")
    (tmp_path / "stacks" / "shop_extras.py").write_text(EXTENSION, encoding="utf-8")
    (tmp_path / "shop_extras_commands.py").write_text(COMMANDS, encoding="utf-8")
    before = set(sys.modules)
    yield file
    for name in set(sys.modules) - before:
        del sys.modules[name]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("stack = Stack('x')", ()),
        ("stack = Stack('x', extensions=['a.b', 'c'])", ("a.b", "c")),
        ("stack = Stack('x', extensions=('a.b',))", ("a.b",)),
        ("stack = Stack('x', extensions=names())", None),
        ("stack = Stack('x', extensions=[1])", None),
        ("stack = Stack('x', extensions=", ()),
    ],
)
def test_what_a_stack_names_is_read_without_running_it(
    tmp_path: Path, text: str, found: tuple[str, ...] | None
) -> None:
    (tmp_path / "x.py").write_text(text, encoding="utf-8")
    assert extensions_named_in(tmp_path / "x.py") == found


def test_without_a_stack_there_are_none(tmp_path: Path) -> None:
    assert extensions_named_in(tmp_path / "none.py") == ()


@pytest.mark.parametrize("value", ["['shop_extras']", "(lambda: ['shop_extras'])()"])
def test_a_command_of_an_extension_is_offered_and_run(
    stack: Path, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    stack.write_text(STACK.format(names=value), encoding="utf-8")
    assert execute(["--help", "--stack", str(stack)]) == EXIT_OK
    assert "greet" in capsys.readouterr().out
    assert execute(["greet", "Ada", "--stack", str(stack)]) == EXIT_OK
    assert capsys.readouterr().out == "Good day, Ada.\n"


def test_a_stack_that_does_not_name_it_has_no_such_command(stack: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stack.write_text(STACK.format(names=()), encoding="utf-8")
    assert execute(["greet", "Ada", "--stack", str(stack)]) == EXIT_ERROR
    assert "No such command 'greet'" in capsys.readouterr().err
    assert execute(["greet", "Ada", "--stack", str(stack), "--extension", "shop_extras"]) == EXIT_OK
    # A later run in the same process knows nothing of it.
    assert execute(["greet", "Ada", "--stack", str(stack)]) == EXIT_ERROR
    assert "No such command 'greet'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no_such_package.extras", "There is no extension no_such_package.extras"),
        ("not a name", "is not the name of a package"),
        ("json", "json is not an extension: it has no variable `extension`"),
        ("broken_extras", "The extension broken_extras cannot be imported: ZeroDivisionError: division by zero."),
        ("needing_extras", "The extension needing_extras cannot be imported: ModuleNotFoundError"),
    ],
)
def test_an_extension_that_cannot_be_used_is_one_sentence(
    stack: Path, name: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (stack.parent / "broken_extras.py").write_text("1 / 0\n", encoding="utf-8")
    (stack.parent / "needing_extras.py").write_text("import no_such_module\n", encoding="utf-8")
    stack.write_text(STACK.format(names=[name]), encoding="utf-8")
    assert execute(["greet", "Ada", "--stack", str(stack)]) == EXIT_ERROR
    said = capsys.readouterr().err
    assert message in said
    assert "Traceback" not in said
    # Help is shown all the same.
    assert execute(["--help", "--stack", str(stack)]) == EXIT_OK


def test_a_part_that_is_not_there_is_named(stack: Path) -> None:
    assert len(load_extensions(["shop_extras"], stack)) == 1
    with pytest.raises(IacError, match="shop_extras_commands has no nothing"):
        load_part("shop_extras_commands:nothing", stack)


RULES = """
from raceday_iac.linting.findings import Severity
from raceday_iac.linting.rules import RuleSet, functions, violation
RULES = RuleSet()
@RULES.rule("SHOP01", Severity.ERROR, "a function without a nice name", each=functions)
def nice_name(function):
    '''People call it by that.

    Fix: name it nicely.
    '''
    yield violation(function, "is not nice", "name it nicely")
"""
FUNCTION = """
stack.function("f", name="F", runtime="python-3.12", specification="s-1vcpu-1gb", timeout=9, entrypoint="main.py")
"""


def test_rules_of_an_extension_are_linted_by_and_can_be_accepted(
    stack: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (stack.parent / "shop_rules.py").write_text(RULES, encoding="utf-8")
    lint_rules = "from raceday_iac.extensions import Extension\nextension = Extension(lint_rules='shop_rules:RULES')\n"
    (stack.parent / "shop_extras.py").write_text(lint_rules, encoding="utf-8")
    stack.write_text(STACK.format(names=["shop_extras"]) + FUNCTION, encoding="utf-8")
    (stack.parent / "environments").mkdir()
    (stack.parent / "environments" / "local.yaml").write_text("endpoint: embedded\nproject: p\n", encoding="utf-8")
    assert execute(["lint", "--stack", str(stack)]) == EXIT_ERROR
    assert "SHOP01  function.f: a function without a nice name" in capsys.readouterr().out
    accepted = "accepted:\n- {code: SHOP01, subject: '*', reason: we like it, until: 2999-01-01}\n"
    (stack.parent / "policies.yaml").write_text(accepted, encoding="utf-8")
    assert execute(["lint", "--stack", str(stack)]) == EXIT_OK
