"""`lint` and `schedule`. They send nothing, and with `--live` lint only reads."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import EXIT_ERROR, EXIT_OK, IacError, StackError
from ..extensions import load_part
from ..kinds import kind_of
from ..linting.expansion import Timetable, timetable_of
from ..linting.facts import Configuration, Offered, read_configuration, read_stack
from ..linting.findings import Severity
from ..linting.linter import known_rules
from ..linting.linter import lint as lint_of
from ..loading.environment import load_environment
from ..loading.resolve import resolve
from ..loading.stack_file import load_stack
from ..model.declarations import nearest
from ..model.local_time import UTC_TIME, LocalTime, read_local_time
from ..model.resource import Desired, Diagnostic, LeftOut
from ..model.secret import Lenient, shown_document
from ..packaging import pack_all
from ..packaging.bundle import SHARED, vendored_modules
from ..render.lines import Line
from ..render.lint_text import lint_document, lint_lines
from ..render.schedule_page import schedule_document, schedule_lines, schedule_page, schedule_svg
from .help import functions as function_names
from .options import Options, current, extensions_of, lint_rules_of
from .workspace import acceptances_of, answer, first_day, opened, reader, write_file

app = typer.Typer()

FromJson = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Check an appwrite.json instead of the stack. Needs no stack.")
]
Begin = Annotated[str, typer.Option("--from", metavar="DATE", help="First day of the year to check; default: today.")]


@app.command("lint")
def lint(
    from_appwrite_json: FromJson = None,
    begin: Begin = "",
    live: Annotated[bool, typer.Option("--live", help="Also ask the server what it offers. Reads only.")] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Also show what is answered, accepted or for information.")
    ] = False,
    explain: Annotated[
        str, typer.Option(metavar="CODE", help="Explain a rule, and how to fix what it finds. Checks nothing.")
    ] = "",
) -> int:
    """Look and report."""
    if explain:
        return _explain(current(), explain)
    options, first, today = current(), first_day(begin), first_day("")
    configuration = configuration_of(options, from_appwrite_json)
    accepted = acceptances_of(options) if from_appwrite_json is None else ()
    offered, rules = _offered(options) if live else None, lint_rules_of(options)
    report = lint_of(configuration, first, offered, accepted, today, rules)
    answer(options, lint_document(report), lint_lines(report, verbose=verbose))
    return EXIT_ERROR if report.count(Severity.ERROR) else EXIT_OK


def _explain(options: Options, code: str) -> int:
    """Say what a rule is for. Raises IacError for one that there is not."""
    rules = {each.code: each for each in known_rules(lint_rules_of(options))}
    rule = rules.get(code.upper())
    if rule is None:
        near = nearest(code.upper(), rules)
        raise IacError(
            f"There is no rule {code}{near}.", hint="" if near else f"rules: {', '.join(rules)}", unchanged=True
        )
    content = {"code": rule.code, "severity": str(rule.severity), "title": rule.title, "why": rule.why, "fix": rule.fix}
    lines = [
        Line(f"{rule.severity} {rule.code}: {rule.title}", "bold"),
        Line(f"  {' '.join(rule.why.split())}"),
        Line(f"  → {' '.join(rule.fix.split())}"),
        Line("  To accept one finding of it, name it in stacks/policies.yaml with a reason and a date.", "dim"),
    ]
    answer(options, {"rule": content}, lines)
    return EXIT_OK


@app.command("schedule")
def schedule(
    functions: Annotated[
        list[str] | None, typer.Argument(metavar="[FUNCTION]...", autocompletion=function_names, show_default=False)
    ] = None,
    from_appwrite_json: FromJson = None,
    begin: Begin = "",
    number: Annotated[
        int, typer.Option("--number", "-n", min=1, max=1000, help="How many next runs to show of each function.")
    ] = 3,
    svg: Annotated[Path | None, typer.Option(help="Write the timeline as a picture (SVG).")] = None,
    html: Annotated[Path | None, typer.Option(help="Write the timeline and the next runs as an HTML page.")] = None,
) -> int:
    """Show the day that is asked for, or today."""
    options = current()
    timetable = timetable_for(configuration_of(options, from_appwrite_json), functions or (), begin, number)
    for path, content in ((svg, schedule_svg), (html, schedule_page)):
        if path is not None:
            write_file(path, shown_document(content(timetable)))
    answer(options, schedule_document(timetable), schedule_lines(timetable))
    return EXIT_OK


def timetable_for(
    configuration: Configuration, functions: Sequence[str] = (), begin: str = "", number: int = 3
) -> Timetable:
    """That of a day, or of today, with the next runs. Raises IacError."""
    unknown = sorted(set(functions) - {each.id for each in configuration.functions})
    if unknown:
        known = ", ".join(sorted(each.id for each in configuration.functions))
        near = nearest(unknown[0], [each.id for each in configuration.functions])
        raise IacError(f"There is no function {', '.join(unknown)}{near}.", hint=f"functions: {known or 'none'}")
    now = datetime.now(UTC)
    day = first_day(begin) if begin else configuration.local_time.day_of(now)
    after = configuration.local_time.at(day, time()) if begin else now
    report = lint_of(configuration, after.date())
    about = tuple(each for each in report.findings if each.code.startswith("SCH"))
    return timetable_of(configuration, day, after, number, functions, about)


def _offered(options: Options) -> Offered:
    """What the environment's server offers, by a connection that can only read."""
    with opened(load_environment(options.stack, options.env), options) as target:
        facts = reader(target).snapshot((), functions=False).facts
    return Offered(facts.runtimes or None, facts.specifications or None)


# What `lint` and `schedule` look at: the stack in its environment, or an appwrite.json.


def configuration_of(options: Options, file: Path | None) -> Configuration:
    """Read it. Raises IacError for what cannot be read at all; mistakes in a stack become part of the result."""
    if file is None:
        return _stack(options)
    return replace(read_configuration(_json(file), str(file)), local_time=_local_time(options))


def _local_time(options: Options) -> LocalTime:
    """That of the stack, where there is one that can be read: an appwrite.json says nothing of it."""
    try:
        stack = load_stack(options.stack)
    except IacError:
        return UTC_TIME
    return read_local_time(stack.timezone, stack.quiet_hours)[0]


def _stack(options: Options) -> Configuration:
    stack, environment = load_stack(options.stack), load_environment(options.stack, options.env)
    problems: tuple[Diagnostic, ...] = ()
    desired = Desired("", {})
    files: dict[str, Mapping[str, bytes]] | None = None
    left_out: dict[str, tuple[LeftOut, ...]] = {}
    try:
        desired = resolve(stack, environment, options.root, Lenient(os.environ))
        bundles = pack_all(desired)
        files = {owner.path: bundle.files for owner, bundle in bundles.items() if kind_of(owner).has_runs}
        left_out = {owner.path: bundle.left_out for owner, bundle in bundles.items() if kind_of(owner).has_runs}
    except StackError as error:
        problems = tuple(error.problems)
    folders = {owner.path: source.folder for owner, source in desired.code.items() if kind_of(owner).has_runs}
    copies = {name: _copies(folder) for name, folder in folders.items()}
    shared = {name: content for each in folders.values() for name, content in _shared(each).items()}
    configuration = read_stack(stack, environment, problems, files, copies, shared, left_out)
    extensions = (each.quiet_code for each in extensions_of(options, tuple(stack.extensions)))
    minds = tuple(load_part(each, options.stack) for each in extensions if each)
    return replace(configuration, quiet_code=minds)


def _shared(folder: Path) -> dict[str, bytes]:
    return vendored_modules(folder.parent / SHARED)


def _copies(folder: Path) -> dict[str, bytes]:
    """Copies of shared modules that lie in a function's own folder."""
    paths = sorted(path for path in folder.rglob("vendor/*.py") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise IacError(f"{path} cannot be read: {error.strerror or error}.") from None
    except ValueError as error:
        raise IacError(f"{path} is not valid JSON: {error}.") from None
