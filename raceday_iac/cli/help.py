"""What helps while a command is typed: what `--help` says beside what the commands say of themselves (groups of
commands, and examples of each), and what the tab key offers."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from contextlib import redirect_stderr, redirect_stdout, suppress
from io import StringIO
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.main import get_command

from . import options

#: Headings, and the commands below them. What an extension adds stands below the last one.
GROUPS: Mapping[str, tuple[str, ...]] = {
    "Reconcile": ("init", "plan", "apply", "watch", "destroy", "drift", "compare", "promote", "import", "rollback"),
    "Inspect": ("show", "graph", "lint", "schedule", "export", "vendor"),
    "Operate": ("run", "logs", "deployments", "health", "recover", "console"),
    "Data": ("migration", "backup", "restore"),
    "State": ("state",),
    "Local server": ("server",),
    "This program": ("version",),
    "Extensions of the stack": (),
}
#: By command. Each is a line to type; a test reads them all.
EXAMPLES: Mapping[str, tuple[str, ...]] = {
    "init": (
        "raceday-iac init --example shop",
        "raceday-iac init shop --endpoint https://cloud.appwrite.io/v1 --project my-shop --key-variable SHOP_API_KEY",
        "raceday-iac init shop --endpoint https://appwrite.example/v1 --project my-shop --from-live",
        "raceday-iac init --from-appwrite-json appwrite.json",
    ),
    "plan": (
        "raceday-iac plan",
        "raceday-iac plan --env prod --out release.plan",
        "raceday-iac plan --target function.checkout",
        "raceday-iac plan --rehearse",
        "raceday-iac plan --destroy",
    ),
    "apply": (
        "raceday-iac apply",
        "raceday-iac apply release.plan",
        "raceday-iac apply --env prod --auto-approve --allow-data-loss attribute.shop/orders/note=12",
    ),
    "watch": ("raceday-iac watch", "raceday-iac watch --env dev"),
    "show": ("raceday-iac show release.plan", "raceday-iac show release.plan --html plan.html"),
    "destroy": (
        "raceday-iac destroy checkout",
        "raceday-iac destroy collection.shop/orders",
        "raceday-iac destroy --all --env preview",
    ),
    "drift": ("raceday-iac drift --env prod", "raceday-iac drift --env prod --markdown drift.md"),
    "compare": (
        "raceday-iac compare staging prod",
        "raceday-iac compare prod release.plan",
        "raceday-iac compare prod --commit v1.4",
    ),
    "promote": (
        "raceday-iac promote staging prod --out release.plan",
        "raceday-iac promote dev staging --apply",
    ),
    "import": (
        "raceday-iac import --all",
        "raceday-iac import --write stacks/shop.py --env prod",
        "raceday-iac import function.checkout",
        "raceday-iac import --from-tfstate terraform.tfstate --env prod",
    ),
    "export": ("raceday-iac export --appwrite-json appwrite.json",),
    "graph": ("raceday-iac graph", "raceday-iac graph --format mermaid --all"),
    "run": ('raceday-iac run checkout --body \'{"product": "tea"}\'', "raceday-iac run daily-report --async"),
    "logs": ("raceday-iac logs checkout --limit 20", "raceday-iac logs checkout --build latest"),
    "vendor": ("raceday-iac vendor checkout --out build/checkout",),
    "rollback": ("raceday-iac rollback checkout --env prod",),
    "deployments": ("raceday-iac deployments checkout", "raceday-iac deployments checkout --clean"),
    "lint": (
        "raceday-iac lint",
        "raceday-iac lint --explain SCH001",
        "raceday-iac lint --from-appwrite-json appwrite.json",
    ),
    "schedule": ("raceday-iac schedule", "raceday-iac schedule daily-report --number 5"),
    "health": ("raceday-iac health --env prod", "raceday-iac health --env prod --watch"),
    "recover": ("raceday-iac recover --env prod --dry-run",),
    "migration list": ("raceday-iac migration list --env prod",),
    "migration show": ("raceday-iac migration show 0001-split-names",),
    "migration undo": ("raceday-iac migration undo 0001-split-names --env dev",),
    "migration mark": (
        "raceday-iac migration mark 0001-split-names --env prod",
        "raceday-iac migration mark 0001-split-names --not-run --env dev",
    ),
    "backup list": ("raceday-iac backup list --env prod",),
    "backup show": ("raceday-iac backup show latest",),
    "backup extract": ("raceday-iac backup extract latest kept",),
    "backup verify": ("raceday-iac backup verify",),
    "backup delete": ("raceday-iac backup delete 20261130T1345",),
    "backup create": ("raceday-iac backup create collection.shop/orders --env prod",),
    "restore": (
        "raceday-iac restore latest --dry-run",
        "raceday-iac restore latest --address collection.shop/orders",
        "raceday-iac restore 20261130T1345 --address attribute.shop/orders/note --into attribute.shop/orders/remark",
    ),
    "console": ("raceday-iac console", "raceday-iac console --env prod --port 8123"),
    "version": ("raceday-iac version --json",),
    "state list": ("raceday-iac state list --env prod",),
    "state show": ("raceday-iac state show function.checkout",),
    "state verify": ("raceday-iac state verify",),
    "state mv": ("raceday-iac state mv function.pay function.checkout",),
    "state rm": ("raceday-iac state rm function.checkout",),
    "state restore": ("raceday-iac state restore 41",),
    "state push": ("raceday-iac state push state.json",),
    "state rebind": ("raceday-iac state rebind --env prod",),
    "state history": ("raceday-iac state history",),
    "state pull": ("raceday-iac state pull --env prod",),
    "state keys": ("raceday-iac state keys --env prod",),
    "state rekey": ("raceday-iac state rekey --env prod",),
    "state lock list": ("raceday-iac state lock list --env prod",),
    "state lock release": ("raceday-iac state lock release --env prod",),
    "server start": ("raceday-iac server start", "raceday-iac server start --port 8080 --appwrite 1.8"),
    "server stop": ("raceday-iac server stop",),
    "server status": ("raceday-iac server status", 'eval "$(raceday-iac server status --env-vars)"'),
    "server reset": ("raceday-iac server reset",),
    "server load": ("raceday-iac server load appwrite.json",),
}


def with_examples(name: str, command: Any) -> None:
    """Let a command, or each in a group, end its help with examples."""
    below = getattr(command, "commands", {})
    for each, inner in below.items():
        with_examples(f"{name} {each}", inner)
    if name in EXAMPLES and not below:
        command.epilog = epilog(name)


def epilog(name: str) -> str:
    """The end of a command's help."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in EXAMPLES[name])


def grouped(commands: Iterable[tuple[str, str]]) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """The commands with the first sentence of what is said of them, below their headings."""
    said = {name: first_sentence(text) for name, text in commands}
    placed = {name for names in GROUPS.values() for name in names}
    for heading, names in GROUPS.items():
        rows = [(name, said[name]) for name in names or [each for each in said if each not in placed] if name in said]
        if rows:
            yield heading, rows


def first_sentence(text: str) -> str:
    """Up to the first full stop that ends one."""
    return re.split(r"(?<=\.)\s", text.strip(), maxsplit=1)[0].removesuffix(".")


# What the tab key offers beside commands and options: environments, stack files, functions and addresses.
#
# Nothing is asked of a server: names come from the environment files, the stack, and state that lies in files. Whatever
# is wrong there, nothing is offered, and nothing is said.


_ASKED = "_RACEDAY_IAC_COMPLETE"


def completion_is_asked() -> bool:
    """Whether this run is a shell's that asks what could come next."""
    return os.environ.get(_ASKED, "").startswith("complete")


def typed() -> list[str]:
    """What stands on the shell's line before the word that is being typed."""
    if "COMP_WORDS" in os.environ:
        words, number = os.environ["COMP_WORDS"], int(os.environ.get("COMP_CWORD", "0"))
        return _words(words)[1:number]
    return _words(os.environ.get("_TYPER_COMPLETE_ARGS", ""))[1:]


def _words(line: str) -> list[str]:
    with suppress(ValueError):
        return shlex.split(line)
    return line.split()


def use_what_is_typed() -> None:
    """Make the global options on the shell's line known. One without its value is the one that is being typed."""
    words = typed()
    while words:
        try:
            options.use(options.take_globals(words)[0])
        except Exception:  # noqa: BLE001 - nothing may be said to a shell
            words = words[:-1]
        else:
            return
    with suppress(Exception):
        options.use(options.take_globals([])[0])


def environments(incomplete: str) -> list[str]:
    """Names of environment files."""
    folder = options.current().stack.parent / "environments"
    return _beginning(incomplete, (each.stem for each in folder.glob("*.yaml")))


def stacks(incomplete: str) -> list[str]:
    """Stack files."""
    folder = Path(incomplete).parent if "/" in incomplete else options.current().stack.parent
    return _beginning(incomplete, (str(each) for each in folder.glob("*.py")))


def addresses(incomplete: str) -> list[str]:
    """What is declared, and what is owned."""
    return _beginning(incomplete, _known())


def functions(incomplete: str) -> list[str]:
    """Ids of functions that are declared or owned."""
    mark = "function."
    return _beginning(incomplete, (each.removeprefix(mark) for each in _known() if each.startswith(mark)))


def migrations(incomplete: str) -> list[str]:
    """Names of migrations that are declared or ran."""
    mark = "migration."
    return _beginning(incomplete, (each.removeprefix(mark) for each in _known() if each.startswith(mark)))


def _beginning(incomplete: str, names: Iterable[str]) -> list[str]:
    return sorted({name for name in names if name.startswith(incomplete)})


def _known() -> set[str]:
    from ..loading.environment import load_environment
    from ..loading.resolve import resolve
    from ..loading.stack_file import load_stack
    from ..model.secret import Lenient
    from ..state.backends.local import LocalState

    current, found = options.current(), set[str]()
    with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
        with suppress(Exception):
            stack, environment = load_stack(current.stack), load_environment(current.stack, current.env)
            desired = resolve(stack, environment, current.root, Lenient())
            found.update(map(str, (*desired.resources, *desired.migrations)))
        with suppress(Exception):
            state = LocalState(current.state_folder).read()
            found.update(map(str, (*state.entries, *state.migrations)))
    return found


_globals = typer.Typer()


@_globals.command()
def _of_all(
    env: Annotated[str, typer.Option(autocompletion=environments)] = "",
    stack: Annotated[str, typer.Option(autocompletion=stacks)] = "",
    extension: Annotated[str, typer.Option()] = "",
    log_level: Annotated[
        str, typer.Option(autocompletion=lambda incomplete: _beginning(incomplete, options.LOG_LEVELS))
    ] = "",
    json: Annotated[bool, typer.Option("--json")] = False,
    no_color: Annotated[bool, typer.Option("--no-color")] = False,
) -> None:
    """The global options, as a shell sees them."""


def with_globals(command: Any) -> None:
    """Let a command, and all below it, be completed with the global options too."""
    for each in getattr(command, "commands", {}).values():
        with_globals(each)
    own = {name for parameter in command.params for name in parameter.opts}
    command.params += [each for each in get_command(_globals).params if not own & set(each.opts)]
