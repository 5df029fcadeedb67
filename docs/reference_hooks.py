"""The reference pages and a picture, made from the code whenever the site is built: they cannot say anything else.

mkdocs calls `on_files`. Everything else is plain functions from the program's own tables to Markdown.
"""

from __future__ import annotations

import inspect
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from raceday_iac import errors
from raceday_iac.cli import options
from raceday_iac.cli.main import app
from raceday_iac.kinds import KINDS, Kind
from raceday_iac.linting.findings import CODES
from raceday_iac.model import declarations, limits, stack
from raceday_iac.model.catalogue import RUNTIMES, SCOPES
from raceday_iac.model.lifecycle import RENAMEABLE
from raceday_iac.model.secret import Secret
from raceday_iac.model.threshold import Threshold

#: Where this file and the pages lie.
DOCS = Path(__file__).parent
STACK = DOCS.parent / "stacks" / "raceday.py"
NOTE = "*Made from the code of this version.*\n"


def on_files(files: Any, config: Any) -> Any:
    """Add the made pages to the written ones."""
    from mkdocs.structure.files import File  # noqa: PLC0415 - the tests of this module do without mkdocs

    for path, make in {**PAGES, **PICTURES}.items():
        files.append(File.generated(config, path, content=make()))
    return files


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table."""
    cells = [[each.replace("|", "\\|").replace("\n", " ") for each in row] for row in (head, *rows)]
    lines = [f"| {' | '.join(row)} |" for row in cells]
    return "\n".join([lines[0], "|" + "---|" * len(cells[0]), *lines[1:]]) + "\n"


# Commands

_TAKES = {"int": "NUMBER", "float": "NUMBER", "str": "TEXT"}


def commands() -> Iterator[tuple[str, Any, Any]]:
    """Name, command and context of every command, as `state lock list`."""
    from typer.main import get_command  # noqa: PLC0415 - half a second, and only this page needs it

    yield from _below(get_command(app), (), None)


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


# Resources

DECLARED: Mapping[str, tuple[type[declarations.Declared], str]] = {
    "database": (declarations.DatabaseDeclaration, "`stack.database(…)`"),
    "collection": (declarations.CollectionDeclaration, "`database.collection(…)`"),
    "attribute": (
        declarations.AttributeDeclaration,
        "`collection.string(…)`, `.integer(…)` and so on, one method for each type",
    ),
    "relationship": (declarations.RelationshipDeclaration, "`collection.relationship(…)`"),
    "index": (declarations.IndexDeclaration, "`collection.index(…)`"),
    "function": (declarations.FunctionDeclaration, "`stack.function(…)`"),
    "variable": (declarations.VariableDeclaration, "`variables={KEY: value}` of a function"),
}
PATHS = {
    "database": "ID",
    "collection": "DATABASE/ID",
    "attribute": "DATABASE/COLLECTION/KEY",
    "relationship": "DATABASE/COLLECTION/KEY",
    "index": "DATABASE/COLLECTION/KEY",
    "function": "ID",
    "variable": "FUNCTION/KEY",
    "deployment": "FUNCTION",
}
#: What a change of a field does where the kind's own fields do not say it.
ELSEWHERE = {
    ("function", "code"): "a new deployment",
    ("function", "schema_of"): "a new deployment",
    ("function", "lock"): "a new deployment",
    **{("function", name): "in place, and a new deployment" for name in ("runtime", "entrypoint", "commands")},
    ("function", "variables"): "changes of the variables",
    ("function", "probe"): "nothing on the server",
    ("function", "keep_deployments"): "nothing on the server",
    ("variable", "value"): "in place",
}
#: Fields that are called otherwise in a stack file than in the declaration.
WRITTEN_AS = {"schema_of": "schema"}
AN_ID = "an [id](#ids)"
#: What a stack file need not say although the declaration always holds it.
ASSUMED = {"two_way_key": "this collection's id"}


def resources_page() -> str:
    """Every kind with the fields that may be declared of it."""
    parts = ["# Resources", NOTE, _overview()]
    parts += [_kind(kind) for kind in KINDS.values()]
    parts += [_model("Lock", declarations.LockDeclaration), _model("Probe", declarations.ProbeDeclaration)]
    parts += ["## The stack itself", _calls(), _values()]
    return "\n".join(parts)


def _overview() -> str:
    rows = [
        (
            f"[{name}](#{name})",
            f"`{name}.{PATHS[name]}`",
            "yes" if name in RENAMEABLE else "no",
            "its data" if kind.holds_data else "nothing that is data",
        )
        for name, kind in sorted(KINDS.items(), key=lambda each: each[1].stage)
    ]
    return "In the order in which they are created; deletions run the other way round.\n\n" + table(
        ("kind", "address", "can be renamed", "deleting it loses"), rows
    )


def _kind(kind: Kind) -> str:
    head = f"## {kind.name}\n"
    if kind.name not in DECLARED:
        said = "The code of a function: made where `code` names a folder. Never changed; a new one takes its place."
        return f"{head}\n{said}\n"
    model, call = DECLARED[kind.name]
    rows = [(*_field(name, field), _effect(kind, name)) for name, field in model.model_fields.items()]
    settled = " Appwrite answers before it is done; it is waited for." if kind.settles else ""
    return "\n".join(
        (head, f"Declared with {call}.{settled}\n", table(("field", "value", "default", "a change of it"), rows))
    )


def _model(title: str, model: type[declarations.Declared]) -> str:
    rows = [_field(name, field) for name, field in model.model_fields.items()]
    return f"## {title}\n\n{inspect.getdoc(model)}\n\n" + table(("field", "value", "default"), rows)


def _field(name: str, field: FieldInfo) -> tuple[str, str, str]:
    rules = [rule for each in field.metadata for rule in _rules(each)]
    kind = [] if AN_ID in rules else [_type(field.annotation)]
    if field.is_required():
        default = ASSUMED.get(name, "**required**")
    else:
        value = field.default if field.default is not PydanticUndefined else ()
        default = "" if value is None or value in ((), "") else f"`{value}`"
    return f"`{WRITTEN_AS.get(name, name)}`", "; ".join((*kind, *rules)), default


def _effect(kind: Kind, name: str) -> str:
    """What a change of a declared field leads to."""
    if name in ("id", "key"):
        return "a rename, where `stack.moved` says so" if kind.name in RENAMEABLE else "another resource"
    if (kind.name, name) in ELSEWHERE:
        return ELSEWHERE[kind.name, name]
    first, *rest = name.split("_")
    camel = first + "".join(word.capitalize() for word in rest)
    return "in place" if camel in kind.in_place or name in kind.in_place else "made anew"


def _type(annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return ", ".join(f"`{each}`" for each in arguments)
    if origin in (Union, UnionType):
        return " or ".join(_type(each) for each in arguments if each is not NoneType)
    if origin is tuple:
        return f"list of {_type(arguments[0])}" if arguments[0] in (str, int) else f"list: {_type(arguments[0])}"
    if isinstance(annotation, type) and issubclass(annotation, declarations.Declared):
        name = annotation.__name__.removesuffix("Declaration")
        return f"[{name}](#{name.lower()})"
    return {str: "text", int: "whole number", float: "number", bool: "yes or no", Any: "as the type", Secret: "secret"}[
        annotation
    ]


def _rules(rule: Any) -> Iterator[str]:
    """What a constraint of pydantic demands, in words."""
    said = {"ge": "at least {}", "gt": "above {}", "le": "at most {}", "min_length": "{} or more", "pattern": "`{}`"}
    said["max_length"] = "at most {} long"
    for name, text in said.items():
        value = getattr(rule, name, None)
        if value is not None:
            yield text.format(f"{value:,}".replace(",", " ") if isinstance(value, int) else value)
    if getattr(rule, "func", None) is declarations._resource_id:
        yield AN_ID


def _calls() -> str:
    """The methods of a stack that declare no resource of their own."""
    kept = stack.Stack
    methods: list[Callable[..., Any]] = [kept.absent, kept.moved, kept.forget, kept.protect, kept.ignore, kept.convert]
    rows = [(f"`stack.{each.__name__}({_signature(each)})`", inspect.getdoc(each) or "") for each in methods]
    return f"{inspect.getdoc(stack.Stack)}\n\n" + table(("call", ""), rows)


def _signature(method: Callable[..., Any]) -> str:
    return ", ".join(str(each).split(":")[0] for each in list(inspect.signature(method).parameters.values())[1:])


def _values() -> str:
    """The names that Appwrite 1.8.1 knows."""
    parts = [f"### Ids\n\nAn id or key has {limits.ID_RULE}.\n"]
    parts.append(f"### Thresholds\n\n{inspect.getdoc(Threshold)} See [plans](../plans.md#limits).\n")
    for title, names in (
        ("Specifications", limits.SPECIFICATIONS),
        ("Runtimes", sorted(RUNTIMES)),
        ("Scopes", sorted(SCOPES)),
    ):
        parts.append(f"### {title}\n\n{', '.join(f'`{each}`' for each in names)}\n")
    return "\n".join(parts)


# Exit codes and lint codes

#: What each constant of `errors` tells a script. A test compares the two.
MEANINGS = {
    "EXIT_OK": "Done, or nothing to do.",
    "EXIT_ERROR": "An error. What was changed until then is in the state.",
    "EXIT_CHANGES": "Changes are pending: `plan --detailed-exitcode`, `cleanup --detailed-exitcode`, `drift`.",
    "EXIT_DRIFT": "Somebody changed the server behind the stack's back: `drift`.",
    "EXIT_DRIFT_AND_CHANGES": "Both: drift, and changes that are pending.",
    "EXIT_REFUSED": "A guard said no: data would be lost, a limit is exceeded, nobody was there to ask.",
    "EXIT_LOCKED": "Somebody else is at work, or the plan is stale. Try again, or plan again.",
    "EXIT_DEGRADED": "`health` found something to look at.",
    "EXIT_UNHEALTHY": "`health` found something that is broken.",
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
    "ACC": "Acceptances",
}


def lint_codes_page() -> str:
    """Every code of `lint` with its title."""
    parts = ["# Lint codes", NOTE]
    parts.append("Severities, reasons, and how to accept a finding: [lint and schedules](../lint.md#codes).\n")
    families = dict.fromkeys(code[:3] for code in CODES)
    for family in families:
        rows = [(f"`{code}`", title) for code, title in CODES.items() if code.startswith(family)]
        parts += [f"## {FAMILIES.get(family, family)}\n", table(("code", "title"), rows)]
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
    "reference/resources.md": resources_page,
    "reference/exit-codes.md": exit_codes_page,
    "reference/lint-codes.md": lint_codes_page,
}
