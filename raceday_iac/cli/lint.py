"""`raceday-iac lint`. It sends nothing, and with `--live` only reads."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

from ..errors import EXIT_ERROR, EXIT_OK, IacError, StackError
from ..extensions import load_part
from ..linting.acceptances import read_acceptances
from ..linting.facts import Configuration, Offered, read_configuration, read_stack
from ..linting.findings import Acceptance, Severity
from ..linting.linter import known_rules, lint
from ..linting.timetable import Timetable, agenda_of
from ..loading.environment import load_environment
from ..loading.resolve import resolve
from ..loading.stack_file import load_stack
from ..model.local_time import UTC_TIME, LocalTime, read_local_time
from ..model.problem import Diagnostic, Location
from ..model.resource import Desired, LeftOut
from ..packaging import pack_all
from ..packaging.bundle import SHARED, vendored_modules
from ..redaction import shown_document
from ..render.lines import print_json, print_lines
from ..render.lint_text import lint_document, lint_lines
from ..render.schedule_page import schedule_document, schedule_lines, schedule_page, schedule_svg
from .extensions import extensions_of
from .options import Options
from .workspace import opened, reader, write_file


@dataclass(frozen=True)
class Asked:
    """The options of the command."""

    from_appwrite_json: Path | None
    begin: str
    live: bool
    verbose: bool


def run_lint(options: Options, asked: Asked) -> int:
    """Look and report."""
    begin, today = first_day(asked.begin), first_day("")
    configuration = configuration_of(options, asked.from_appwrite_json)
    accepted = acceptances_of(options) if asked.from_appwrite_json is None else ()
    report = lint(configuration, begin, _offered(options) if asked.live else None, accepted, today)
    if options.json:
        print_json(lint_document(report))
    else:
        print_lines(lint_lines(report, verbose=asked.verbose), color=options.color)
    return EXIT_ERROR if report.count(Severity.ERROR) else EXIT_OK


def _offered(options: Options) -> Offered:
    """What the environment's server offers, by a connection that can only read."""
    with opened(load_environment(options.stack, options.env), options) as target:
        facts = reader(target).snapshot((), functions=False).facts
    return Offered(facts.runtimes or None, facts.specifications or None)


#: Beside the stack file.
POLICIES = "policies.yaml"


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


def acceptances_of(options: Options) -> tuple[Acceptance, ...]:
    """What `policies.yaml` beside the stack file accepts; nothing without one."""
    path = options.stack.parent / POLICIES
    if not path.exists():
        return ()
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise StackError([Diagnostic(Location(str(path)), "", f"cannot be read: {error}")]) from None
    return read_acceptances(text, str(path), known_rules().codes)


def first_day(text: str) -> date:
    """The day that a year is looked at from. Raises IacError for what is none."""
    if not text:
        return datetime.now(UTC).date()
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise IacError(f"--from {text!r} is not a date; write it as 2025-07-17.") from None


def _stack(options: Options) -> Configuration:
    stack, environment = load_stack(options.stack), load_environment(options.stack, options.env)
    problems: tuple[Diagnostic, ...] = ()
    desired = Desired("", {})
    files: dict[str, Mapping[str, bytes]] | None = None
    left_out: dict[str, tuple[LeftOut, ...]] = {}
    try:
        desired = resolve(stack, environment, options.root)
        bundles = pack_all(desired)
        files = {name: bundle.files for name, bundle in bundles.items()}
        left_out = {name: bundle.left_out for name, bundle in bundles.items()}
    except StackError as error:
        problems = tuple(error.problems)
    folders = {name: source.folder for name, source in desired.code.items()}
    copies = {name: _copies(folder) for name, folder in folders.items()}
    shared = {name: content for each in folders.values() for name, content in _shared(each).items()}
    configuration = read_stack(stack, environment, problems, files, copies, shared, left_out)
    extensions = (each.quiet_code for each in extensions_of(options))
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


@dataclass(frozen=True)
class ScheduleAsked:
    """The options of the command."""

    functions: Sequence[str]
    from_appwrite_json: Path | None
    begin: str
    number: int
    svg: Path | None
    html: Path | None


def run_schedule(options: Options, asked: ScheduleAsked) -> int:
    """Show the day that was asked for, or today."""
    timetable = _agenda(options, asked)
    for path, content in ((asked.svg, schedule_svg), (asked.html, schedule_page)):
        if path is not None:
            write_file(path, shown_document(content(timetable)))
    if options.json:
        print_json(schedule_document(timetable))
    else:
        print_lines(schedule_lines(timetable), color=options.color)
    return EXIT_OK


def _agenda(options: Options, asked: ScheduleAsked) -> Timetable:
    configuration = configuration_of(options, asked.from_appwrite_json)
    unknown = sorted(set(asked.functions) - {each.id for each in configuration.functions})
    if unknown:
        known = ", ".join(sorted(each.id for each in configuration.functions))
        raise IacError(f"There is no function {', '.join(unknown)}.", hint=f"functions: {known or 'none'}")
    now = datetime.now(UTC)
    day = first_day(asked.begin) if asked.begin else configuration.local_time.day_of(now)
    after = configuration.local_time.at(day, time()) if asked.begin else now
    report = lint(configuration, after.date())
    about = tuple(each for each in report.findings if each.code.startswith("SCH"))
    return agenda_of(configuration, day, after, asked.number, asked.functions, about)
