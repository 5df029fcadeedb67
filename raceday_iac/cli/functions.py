"""`run`, `logs`, `deployments` and `vendor`: the code of functions and what came of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from ..applying.actions import clean
from ..applying.recorder import Recorder
from ..counting import counted
from ..errors import (
    EXIT_ERROR,
    EXIT_OK,
    IacError,
    Interrupted,
    NotFoundError,
    ProviderError,
    ServerFaultError,
    UnreachableError,
)
from ..files import write_new
from ..kinds import as_typed, code_of, kind_of
from ..loading.environment import load_environment
from ..model.address import Address, function_address
from ..model.declarations import nearest
from ..model.resource import LeftOut
from ..provider import Provider, Reader
from ..provider.protocol import Execution
from ..refresh.deployments import Classified, Remembered, Role, line_of, read_deployments, server_now
from ..render.executions import build_lines, deployment_lines, deployments_document, execution_document, execution_lines
from ..render.lines import Line
from .help import functions
from .options import Options, begin_changes, current
from .plan import read_code_owner
from .recording import record_cleaning
from .workspace import AutoApprove, Workspace, answer, confirmed, know_secrets, opened, provider, reader, write_file

app = typer.Typer()

FunctionName = Annotated[str, typer.Argument(metavar="FUNCTION", help="Function id.", autocompletion=functions)]


@app.command("run")
def run(
    function: FunctionName,
    body: Annotated[str, typer.Option(help="Request body, usually JSON.")] = "",
    asynchronous: Annotated[bool, typer.Option("--async", help="Start it, and do not wait for its end.")] = False,
) -> int:
    """Execute a function. Exit 1 when it failed or answered 400 or above."""
    options = current()
    environment = load_environment(options.stack, options.env)
    know_secrets(options, environment)
    with opened(environment, options) as target:
        try:
            execution = provider(target).execute(function, body, wait=not asynchronous)
        except ProviderError as error:
            if error.type == "function_not_found":
                raise _not_there(reader(target), function_address(function)) from None
            raise _explained(error, function) from None
        except Interrupted:
            raise Interrupted("Interrupted. The execution may still be running.", hint=_unknown(function)) from None
    started = f"Started {execution.id}. Look later: raceday-iac logs {function} --execution {execution.id}"
    lines = [Line(started)] if asynchronous else execution_lines(execution, with_body=True)
    answer(options, {"execution": execution_document(execution)}, lines)
    return EXIT_OK if _went_well(execution) else EXIT_ERROR


def _went_well(execution: Execution) -> bool:
    return execution.status != "failed" and execution.response_status < 400


def _not_there(connection: Reader, owner: Address) -> IacError:
    """The error for one that is not on the server, with those that are."""
    kind = kind_of(owner)
    others = (owner.kind,) if kind.listing else ()
    known = sorted(each.path for each in connection.snapshot((), others=others).resources if each.kind == owner.kind)
    return IacError(
        f"There is no {owner.kind} {owner.path!r} in this project{nearest(owner.path, known)}.",
        hint=f"{kind.plural}: {', '.join(known)}"
        if known
        else "the project has none yet: declare it in the stack, then: raceday-iac apply",
        unchanged=True,
    )


def _explained(error: ProviderError, function: str) -> ProviderError:
    hints = {
        "deployment_not_found": "it has no active deployment; deploy its code first",
        "build_not_ready": "its deployment is not built yet",
        "function_synchronous_timeout": "Appwrite waits 30 s at most, and the execution may still be running. "
        "Start it with --async",
    }
    error.message = f"function.{function} could not be executed completely: {error.message}"
    error.hint = hints.get(error.type, error.hint)
    is_lost = isinstance(error, UnreachableError) and not error.unsent
    if is_lost or (isinstance(error, ServerFaultError) and not error.type):
        # Nobody who knows has said so.
        error.hint = _unknown(function)
    return error


def _unknown(function: str) -> str:
    return f"it may have been started; see: raceday-iac logs {function}"


@app.command("logs")
def logs(
    function: FunctionName,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=100, help="How many executions to show.")] = 5,
    execution: Annotated[str, typer.Option(metavar="ID", help="Only this execution.")] = "",
    build: Annotated[
        str, typer.Option(metavar="ID", help="The build log of a deployment; `latest` for the newest.")
    ] = "",
) -> int:
    """Show executions, newest first, or a build log."""
    options = current()
    environment = load_environment(options.stack, options.env)
    know_secrets(options, environment)
    with opened(environment, options) as target:
        connection = reader(target)
        try:
            owner = read_code_owner(function)
            if build:
                _show_build(options, connection, owner, build)
                return EXIT_OK
            if execution:
                found = [connection.execution(function, execution)]
            else:
                found = list(connection.executions(function, limit))
        except NotFoundError as error:
            if error.type == kind_of(owner).absent:
                raise _not_there(connection, owner) from None
            raise
    lines = [line for each in found for line in execution_lines(each)]
    document = {"executions": [execution_document(each) for each in found]}
    answer(options, document, lines if found else [f"function.{function} has no executions."])
    return EXIT_OK


def _show_build(options: Options, connection: Reader, owner: Address, build: str) -> None:
    newest = connection.deployments(owner, 1) if build == "latest" else ()
    if build == "latest" and not newest:
        raise IacError(f"{owner} has no deployments.")
    deployment = connection.deployment(owner, newest[0].id if newest else build)
    document = {"deployment": {"id": deployment.id, "status": deployment.status, "log": deployment.log}}
    answer(options, document, build_lines(owner, deployment))


@dataclass(frozen=True)
class _Found:
    owner: Address
    classified: list[Classified]
    line: tuple[str, ...]
    now: datetime | None

    @property
    def orphans(self) -> int:
        return sum(each.role is Role.ORPHAN for each in self.classified)


@app.command("deployments")
def deployments(
    function: FunctionName,
    cleaning: Annotated[bool, typer.Option("--clean", help="Delete orphans, after asking.")] = False,
    older_than: Annotated[
        float, typer.Option(metavar="MINUTES", min=0, help="Age at which an unfinished deployment counts as abandoned.")
    ] = 60,
    auto_approve: AutoApprove = False,
    download: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Save the source of the active deployment as FILE (.tar.gz).")
    ] = None,
    of: Annotated[str, typer.Option(metavar="DEPLOYMENT", help="With --download: the deployment to save.")] = "",
) -> int:
    """List all deployments; with `cleaning`, delete the orphans after asking. Works without the stack."""
    options = current()
    owner = read_code_owner(function)
    if download is not None or of:
        return _save_source(options, owner, download, of)
    workspace = Workspace.without_stack(options)
    with ExitStack() as stack:
        target = stack.enter_context(workspace.target())
        if cleaning:
            # Under the lock nothing of ours is under way, at least from this state.
            stack.enter_context(workspace.store.locked("deployments --clean"))
        connection = provider(target)
        found = _read(workspace, connection, owner, older_than)
        # With --json, the document of a cleaning has the outcome too.
        if not (options.json and cleaning):
            document = deployments_document(found.owner, found.classified, found.line, found.now)
            answer(options, document, deployment_lines(found.owner, found.classified, found.line, found.now))
        return _clean(options, workspace, connection, found, auto_approve) if cleaning else EXIT_OK


def _save_source(options: Options, owner: Address, file: Path | None, wanted: str) -> int:
    """Save the source archive of a deployment as it was uploaded. It may hold secrets: it is for its owner alone."""
    if file is None:
        raise IacError("--of has no effect without --download.", hint="add --download FILE")
    workspace = Workspace.without_stack(options)
    if file.exists():
        raise IacError(f"{file} exists already. Nothing was written.", hint="name another file")
    with workspace.target() as target:
        connection = reader(target)
        name = wanted or _active(connection, owner)
        content = connection.source_of(owner, name)
    write_file(file, content, private=True)
    document = {owner.kind: owner.path, "deployment": name, "file": str(file), "bytes": len(content)}
    text = f"Saved the source of {name} as {file} ({len(content):,} bytes)."
    answer(options, {"download": document}, [text])
    return EXIT_OK


def _active(connection: Reader, owner: Address) -> str:
    try:
        name = connection.active_deployment(owner)
    except NotFoundError:
        raise _not_there(connection, owner) from None
    if not name:
        hint = f"name one with --of; see all: raceday-iac deployments {as_typed(owner)}"
        raise IacError(f"{owner} has no active deployment. Nothing was written.", hint=hint)
    return name


def _read(workspace: Workspace, connection: Provider, owner: Address, older_than: float) -> _Found:
    remembered = Remembered.of(workspace.read_state(), owner)
    try:
        classified = read_deployments(connection, workspace.archives(connection), owner, remembered, older_than * 60)
    except NotFoundError:
        raise _not_there(connection, owner) from None
    return _Found(owner, classified, line_of(classified, remembered), server_now(connection))


def _clean(options: Options, workspace: Workspace, connection: Provider, found: _Found, auto_approve: bool) -> int:
    listing = f"raceday-iac deployments {as_typed(found.owner)}"
    if found.orphans and not auto_approve:
        look = f"{listing} --json" if options.json else ""
        if not confirmed(options, f"Delete {counted(found.orphans, 'orphan')} for good?", look):
            return EXIT_ERROR
    begin_changes(listing)
    outcome = clean(connection, Recorder(workspace.store, workspace.read_state()), found.owner, found.classified)
    if outcome:
        record_cleaning(options, code_of(found.owner), outcome)
    document = deployments_document(found.owner, found.classified, found.line, found.now, outcome)
    answer(options, document, _cleaned_lines(outcome))
    return EXIT_ERROR if any(outcome.values()) else EXIT_OK


def _cleaned_lines(outcome: Mapping[str, str]) -> Iterator[Line]:
    if not outcome:
        yield Line("There are no orphans.")
        return
    yield Line(
        f"Deleted {sum(not problem for problem in outcome.values())} of {counted(len(outcome), 'orphan')}.", "bold"
    )
    yield from (Line(f"  ✗ {name}: {problem}", "red") for name, problem in outcome.items() if problem)


@app.command("vendor")
def vendor(
    function: FunctionName,
    out: Annotated[Path, typer.Option(help="Folder to write to; created when missing.")],
) -> int:
    """Write a bundle's files to a folder, to read or run them as they will be deployed."""
    bundles = Workspace.load(current(), sending=False).bundles
    owner, known = read_code_owner(function), sorted(map(as_typed, bundles))
    if owner not in bundles:
        raise IacError(
            f"The code of {owner} is not managed by the stack{nearest(as_typed(owner), known)}.",
            hint=f"with managed code: {', '.join(known) or 'none'}",
        )
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise IacError(f"{out} is not empty; nothing was written.", hint="name a new folder")
    bundle = bundles[owner]
    for name, content in bundle.files.items():
        try:
            write_new(out / name, content, 0o755 if name in bundle.executable else 0o644)
        except OSError as error:
            raise IacError(f"{out / name} cannot be written: {error.strerror or error}.") from None
    left_out = [{"path": each.path, "why": str(each.why), "detail": each.detail} for each in bundle.left_out]
    text = f"{len(bundle.files)} files of {owner} written to {out} (digest {bundle.digest[:12]})"
    document = {owner.kind: owner.path, "digest": bundle.digest, "files": sorted(bundle.files), "leftOut": left_out}
    answer(current(), document, [text, *_left_out_lines(bundle.left_out)])
    return EXIT_OK


def _left_out_lines(left_out: Sequence[LeftOut]) -> Iterator[Line]:
    if left_out:
        yield Line("Left out of its bundle:")
    for each in left_out:
        yield Line(f"  {each.path}: {each.why}{f' {each.detail}' if each.detail else ''}", "dim")
