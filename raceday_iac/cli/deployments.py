"""`raceday-iac deployments FUNCTION`. Works without the stack, as `rollback` does."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ..applying.cleaning import clean
from ..applying.recorder import Recorder
from ..errors import EXIT_ERROR, EXIT_OK, IacError, NotFoundError
from ..model.address import deployment_address
from ..provider import Provider, Reader
from ..refresh.deployments import Judged, Remembered, Role, line_of, read_deployments, server_now
from ..render.deployments import deployment_lines, deployments_document
from ..render.lines import Line, print_json, print_lines
from .apply import confirmed
from .auditing import record_cleaning
from .options import Options, begin_changes
from .workspace import Workspace, provider, reader
from .writing import write_file


@dataclass(frozen=True)
class _Found:
    function: str
    judged: list[Judged]
    line: tuple[str, ...]
    now: datetime | None

    @property
    def orphans(self) -> int:
        return sum(each.role is Role.ORPHAN for each in self.judged)


def run(options: Options, function: str, cleaning: bool, older_than: float, auto_approve: bool) -> int:
    """List all deployments; with `cleaning`, delete the orphans after asking."""
    workspace = Workspace.without_stack(options)
    function = function.removeprefix("function.")
    with ExitStack() as stack:
        target = stack.enter_context(workspace.target())
        if cleaning:
            # Under the lock nothing of ours is under way, at least from this state.
            stack.enter_context(workspace.store.locked("deployments --clean"))
        connection = provider(target)
        found = _read(workspace, connection, function, older_than)
        # With --json, an approved cleaning is told by its outcome.
        if not (options.json and cleaning and auto_approve):
            _show(options, found)
        return _clean(options, workspace, connection, found, auto_approve) if cleaning else EXIT_OK


def save_source(options: Options, function: str, file: Path | None, wanted: str) -> int:
    """Save the source archive of a deployment as it was uploaded. It may hold secrets: it is for its owner alone."""
    if file is None:
        raise IacError("--of names the deployment for --download.", hint="add --download FILE")
    workspace = Workspace.without_stack(options)
    function = function.removeprefix("function.")
    if file.exists():
        raise IacError(f"{file} exists already. Nothing was written.", hint="name another file")
    with workspace.target() as target:
        connection = reader(target)
        name = wanted or _active(connection, function)
        content = connection.source_of(function, name)
    write_file(file, content, private=True)
    if options.json:
        print_json({"download": {"function": function, "deployment": name, "file": str(file), "bytes": len(content)}})
    else:
        print_lines([Line(f"Saved the source of {name} as {file} ({len(content):,} bytes).")], color=options.color)
    return EXIT_OK


def _active(connection: Reader, function: str) -> str:
    try:
        name = connection.active_deployment(function)
    except NotFoundError:
        raise IacError(f"There is no function {function!r} in this project.") from None
    if not name:
        hint = f"name one with --of; see all: raceday-iac deployments {function}"
        raise IacError(f"function.{function} has no active deployment. Nothing was written.", hint=hint)
    return name


def _read(workspace: Workspace, connection: Provider, function: str, older_than: float) -> _Found:
    remembered = Remembered.of(workspace.read_state(), function)
    try:
        judged = read_deployments(connection, workspace.archives(connection), function, remembered, older_than * 60)
    except NotFoundError:
        raise IacError(f"There is no function {function!r} in this project.") from None
    return _Found(function, judged, line_of(judged, remembered), server_now(connection))


def _show(options: Options, found: _Found) -> None:
    if options.json:
        print_json(deployments_document(found.function, found.judged, found.line, found.now))
    else:
        print_lines(deployment_lines(found.function, found.judged, found.line, found.now), color=options.color)


def _clean(options: Options, workspace: Workspace, connection: Provider, found: _Found, auto_approve: bool) -> int:
    if found.orphans and not auto_approve and not confirmed(f"Delete {found.orphans} for good?"):
        print_lines([Line("Nothing was changed.")], color=options.color)
        return EXIT_ERROR
    begin_changes(f"raceday-iac deployments {found.function}")
    outcome = clean(connection, Recorder(workspace.store, workspace.read_state()), found.function, found.judged)
    if outcome:
        record_cleaning(options, deployment_address(found.function), outcome)
    if options.json:
        print_json(deployments_document(found.function, found.judged, found.line, found.now, outcome))
    elif not outcome:
        print_lines([Line("There are no orphans.")], color=options.color)
    else:
        deleted = sum(not problem for problem in outcome.values())
        lines = [Line(f"Deleted {deleted} of {len(outcome)}.", "bold")]
        lines += [Line(f"  ✗ {name}: {problem}", "red") for name, problem in outcome.items() if problem]
        print_lines(lines, color=options.color)
    return EXIT_ERROR if any(outcome.values()) else EXIT_OK
