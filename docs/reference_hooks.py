"""The reference pages and a picture, made from the code whenever the site is built: they cannot say anything else.

mkdocs calls `on_files`. Everything else is plain functions from the program's own tables to Markdown.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import redirect_stdout
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any

from reference_resources import kind_page, resources_page, settings_page
from reference_routes import routes_page
from reference_tables import NOTE, table

from raceday_iac import errors
from raceday_iac.cli import options
from raceday_iac.cli.main import whole_program
from raceday_iac.kinds import KINDS
from raceday_iac.linting.findings import DRIFT_CODES
from raceday_iac.linting.linter import known_rules

#: Where this file and the pages lie.
DOCS = Path(__file__).parent
STACK = DOCS.parent / "stacks" / "raceday.py"
RESOURCES, KIND_PAGES = "reference/resources.md", "reference/kinds"


def on_config(config: Any) -> Any:
    """Put the page of each kind below that of all resources."""
    kinds = [f"{KIND_PAGES}/{name}.md" for name in sorted(KINDS)]
    for section in config["nav"]:
        for pages in section.values():
            if isinstance(pages, list) and RESOURCES in pages:
                pages[pages.index(RESOURCES)] = {"Resources": [{"All kinds": RESOURCES}, *kinds]}
    return config


def on_files(files: Any, config: Any) -> Any:
    """Add the made pages to the written ones."""
    from mkdocs.structure.files import File  # noqa: PLC0415 - the tests of this module do without mkdocs

    for path, make in {**PAGES, **PICTURES}.items():
        files.append(File.generated(config, path, content=make()))
    return files


# Commands

_TAKES = {"int": "NUMBER", "float": "NUMBER", "str": "TEXT"}


def commands() -> Iterator[tuple[str, Any, Any]]:
    """Name, command and context of every command, as `state lock list`."""
    yield from _below(whole_program(), (), None)


def _below(command: Any, path: tuple[str, ...], parent: Any) -> Iterator[tuple[str, Any, Any]]:
    context = command.context_class(command, info_name=path[-1] if path else "raceday-iac", parent=parent)
    if hasattr(command, "commands"):
        for name, each in command.commands.items():
            yield from _below(each, (*path, name), context)
    elif not command.hidden:
        yield " ".join(path), command, context


def commands_page() -> str:
    """Every command with its arguments and options, and the global options."""
    found = list(commands())
    rows = [(f"[`{name}`](#{_anchor(name)})", _first_sentence(command.help)) for name, command, _ in found]
    parts = ["# Commands", NOTE, table(("command", ""), rows), "## Global options", _global_options()]
    parts += [_command(name, command, context) for name, command, context in found]
    return "\n".join(parts)


def _global_options() -> str:
    lines = [line.strip() for line in options.HELP.splitlines() if line.startswith("  --")]
    rows = [re.split(r"\s{2,}", line, maxsplit=1) for line in lines]
    return "They may stand before or after the command.\n\n" + table(
        ("option", ""), [(f"`{name}`", said) for name, said in rows]
    )


def _command(name: str, command: Any, context: Any) -> str:
    usage = " ".join(["[OPTIONS]", *(_usage(each) for each in command.params if each.param_type_name == "argument")])
    parts = [
        f"## {name} {{ #{_anchor(name)} }}",
        f"```text\nraceday-iac {name} {usage}\n```",
        command.help.strip() + "\n",
    ]
    for title, kind in (("argument", "argument"), ("option", "option")):
        rows = [_parameter(each, context) for each in command.params if each.param_type_name == kind]
        if rows:
            parts.append(table((title, ""), rows))
    return "\n".join(parts)


def _usage(argument: Any) -> str:
    """An argument as it stands in a usage line: `FUNCTION`, `[PLAN]`, `[ADDRESS]...`."""
    name = (argument.metavar or argument.name.upper()).strip("[].")
    return (name if argument.required else f"[{name}]") + ("..." if argument.nargs == -1 else "")


def _parameter(parameter: Any, context: Any) -> tuple[str, str]:
    """Its name, with what it takes, and what is said of it."""
    name, said = parameter.get_help_record(context)
    if parameter.param_type_name == "argument":
        return f"`{_usage(parameter)}`", parameter.help or ""
    name = re.sub(r"<([a-z]+)[^>]*>", lambda found: _TAKES.get(found[1], found[1].upper()), name)
    return f"`{name}`", said.replace("  [", " [").replace("[", "\\[").replace("<", "&lt;")


def _anchor(name: str) -> str:
    return name.replace(" ", "-")


def _first_sentence(text: str) -> str:
    return re.split(r"(?<=\.)\s", text.strip(), maxsplit=1)[0]


# Exit codes and lint codes

#: What each constant of `errors` means for a script. A test compares the two.
MEANINGS = {
    "EXIT_OK": "Done, or nothing to do.",
    "EXIT_ERROR": "An error. Changes made before it are in the state.",
    "EXIT_CHANGES": "Changes are pending: `plan` or `cleanup --detailed-exitcode`, `drift`, `compare`.",
    "EXIT_DRIFT": "Somebody changed the server outside of raceday-iac: `drift`, `compare`.",
    "EXIT_DRIFT_AND_CHANGES": "Both: drift, and changes that are pending.",
    "EXIT_REFUSED": "A guard refused: data would be lost, a limit is exceeded, nobody could be asked.",
    "EXIT_LOCKED": "Another run holds the lock, or the plan is stale. Try again, or plan again.",
    "EXIT_DEGRADED": "`health` found warnings.",
    "EXIT_UNHEALTHY": "`health` found errors.",
    "EXIT_INTERRUPTED": "Ctrl-C.",
}


def exit_codes() -> dict[str, int]:
    """The constants by name."""
    return {name: value for name, value in vars(errors).items() if name.startswith("EXIT_")}


def exit_codes_page() -> str:
    """What a command ends with, and which errors lead to it."""
    rows = [(f"`{value}`", MEANINGS[name]) for name, value in exit_codes().items()]
    raised = [(f"`{each.__name__}`", f"`{each.exit_code}`", _first_sentence(each.__doc__ or "")) for each in _tree()]
    return "\n".join(
        (
            "# Exit codes",
            NOTE,
            table(("code", "meaning"), rows),
            "With `--json`, an error is an object with `message`, `hint` and `kind`; `kind` is one of these.\n",
            table(("kind", "code", ""), raised),
        )
    )


def _tree(base: type[errors.IacError] = errors.IacError) -> Iterator[type[errors.IacError]]:
    for each in base.__subclasses__():
        if each.__module__ == errors.__name__:
            yield each
            yield from _tree(each)


FAMILIES = {
    "STK": "The stack",
    "SCH": "Schedules and locks",
    "POL": "Policies",
    "BND": "Code folders",
    **{danger.code[:3]: kind.plural.capitalize() for kind in KINDS.values() for danger in kind.dangers},
    "DOC": "Documents of a stack",
    "SVC": "Services that are off",
    "MIG": "Migrations of data",
    "ACC": "Acceptances",
    "DRF": "Drift",
}


def lint_codes_page() -> str:
    """Every rule of `lint` with its docs, and the codes of `drift`."""
    parts = ["# Lint codes", NOTE]
    parts.append("How findings are answered and accepted: [lint and schedules](../lint.md).\n")
    rules = list(known_rules())
    for family in (each for each in FAMILIES if each != "DRF"):
        rows = [
            (f"`{each.code}`", each.title, each.severity.value, each.why, each.fix)
            for each in rules
            if each.code.startswith(family)
        ]
        parts += [f"## {FAMILIES[family]}\n", table(("code", "title", "severity", "why it matters", "fix"), rows)]
    rows = [(f"`{code}`", title) for code, title in DRIFT_CODES.items()]
    parts += [f"## {FAMILIES['DRF']}\n", table(("code", "title"), rows)]
    parts.append("[Drift in CI](../ci.md#drift) explains what `drift` finds.\n")
    return "\n".join(parts)


def schedule_picture() -> str:
    """The functions' schedules on a day on which the New Zealand clock changes, as the command draws it."""
    from raceday_iac.cli.main import execute  # noqa: PLC0415 - lint reads all code, which only a build needs

    with tempfile.TemporaryDirectory() as folder, redirect_stdout(StringIO()):
        picture = Path(folder) / "day.svg"
        code = execute(["schedule", "--from", "2025-09-28", "--svg", str(picture), "--stack", str(STACK)])
        if code:
            raise RuntimeError(f"schedule ended with {code}")
        return picture.read_text(encoding="utf-8")


PICTURES: Mapping[str, Callable[[], str]] = {"explanation/day-of-23-hours.svg": schedule_picture}
PAGES: Mapping[str, Callable[[], str]] = {
    "reference/commands.md": commands_page,
    RESOURCES: resources_page,
    "reference/settings.md": settings_page,
    "reference/exit-codes.md": exit_codes_page,
    "reference/lint-codes.md": lint_codes_page,
    "reference/routes.md": routes_page,
    **{f"{KIND_PAGES}/{name}.md": partial(kind_page, kind) for name, kind in KINDS.items()},
}
