"""`backup`: what was kept before it was lost. `apply` makes one of what it destroys."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from ..backup.manifest import Manifest, Section, everything_in, is_known_nowhere, new_id, resources_of, sections_of
from ..backup.restoring import RestorePlan
from ..backup.writing import Kept, Writing
from ..counting import counted
from ..errors import EXIT_ERROR, EXIT_OK, IacError
from ..kinds import kind_of, outermost
from ..model.address import Address
from ..model.resource import Live
from ..planning import Plan
from ..planning.migrations import runs
from ..provider import Reader
from ..render.backup_text import (
    damaged_lines,
    list_document,
    list_lines,
    show_document,
    show_lines,
    verify_lines,
)
from ..render.lines import Line, print_lines
from .help import addresses
from .options import begin_changes, current
from .plan import read_address, wanted_by
from .recording import record_backup
from .workspace import AutoApprove, Workspace, answer, confirmed, must_be_free, reader, write_file

app = typer.Typer(name="backup", no_args_is_help=True, rich_markup_mode=None)

NoBackup = Annotated[bool, typer.Option("--no-backup", help="Make no backup of what will be lost.")]
Name = Annotated[str, typer.Argument(metavar="BACKUP", help="Id of the backup, the beginning of its id, or latest.")]


def keep_lost(workspace: Workspace, connection: Reader, plan: Plan, plan_id: str, command: str) -> Kept | None:
    """Write what a plan would destroy or narrow to a backup; None where that is nothing, and no migration is run.
    Raises BackupError when it could not be completed."""
    desired = wanted_by(plan, workspace)
    sections = sections_of(plan, desired)
    writing = Writing(connection, workspace.backups, _head(workspace, command, plan_id))
    kept = None
    if sections or is_known_nowhere(plan.changes):
        kept = writing.run(sections, resources_of(plan.changes, plan.real))
    if kept is not None:
        _finish(workspace, kept.manifest)
    return writing.begin() if kept is None and runs(plan.changes) else kept


def finished(workspace: Workspace, kept: Kept | None, before: Manifest | None) -> Manifest | None:
    """The backup of a run that is over; None where there is none. One in which nothing was `before` is written down."""
    if kept is None or kept.is_empty:
        return None
    if before is None or not (before.sections or kept.resources):
        _finish(workspace, kept.manifest)
    return kept.manifest


def keep_overwritten(workspace: Workspace, connection: Reader, plan: RestorePlan) -> None:
    """Write what a restore writes over to a backup of its own. Raises BackupError when it could not be completed."""
    kept = Writing(connection, workspace.backups, _head(workspace, "restore")).run(plan.overwritten, {})
    if kept is not None:
        _finish(workspace, kept.manifest, plan.manifest)


def _head(workspace: Workspace, command: str, plan_id: str = "") -> Manifest:
    now = datetime.now(UTC)
    at, name = now.isoformat(timespec="seconds"), workspace.environment.name
    return Manifest(new_id(now), at, command, name, workspace.place, plan_id)


def _finish(workspace: Workspace, kept: Manifest, *needed: Manifest) -> None:
    """Write down that a backup was made, and delete what is too old or too much, but nothing that is needed."""
    record_backup(workspace.options, kept.command, kept)
    settings, spared = workspace.environment.backups, [each.id for each in (kept, *needed)]
    workspace.backups.prune(settings.keep, settings.days, datetime.now(UTC), spared)


@app.command("list")
def list_backups() -> int:
    """List all backups of the environment, newest first."""
    options = current()
    backups = Workspace.without_stack(options).backups
    manifests, damaged = backups.readable(reversed(backups.ids()))
    unfinished = backups.unfinished()
    where = backups.where
    document = list_document(manifests, unfinished, where, damaged)
    answer(options, document, list_lines(manifests, unfinished, where, damaged))
    return EXIT_OK


@app.command("show")
def show(backup: Name) -> int:
    """Show what is in a backup."""
    options = current()
    backups = Workspace.without_stack(options).backups
    manifest = backups.find(backup)
    resources = backups.resources(manifest)
    answer(options, {"backup": show_document(manifest, resources)}, show_lines(manifest, resources))
    return EXIT_OK


@app.command("verify")
def verify(backup: Name = "") -> int:
    """Read a backup, or all of them, and check that nothing is missing or changed. Exit 1 if something is."""
    options = current()
    backups = Workspace.without_stack(options).backups
    manifests, damaged = backups.readable([backups.id_of(backup)] if backup else backups.ids())
    found = {each.id: list(backups.problems(each)) for each in manifests}
    lines = [line for each in manifests for line in verify_lines(each, found[each.id])]
    found |= {name: [problem] for name, problem in damaged.items()}
    lines += damaged_lines(damaged)
    document = {"backups": [{"id": each, "whole": not wrong, "problems": wrong} for each, wrong in found.items()]}
    answer(options, document, lines or [f"There are no backups in {backups.where}."])
    return EXIT_ERROR if any(found.values()) else EXIT_OK


@app.command("delete")
def delete(
    backups: Annotated[list[str], typer.Argument(metavar="BACKUP…", help="Ids of backups, or the beginnings of ids.")],
    auto_approve: AutoApprove = False,
) -> int:
    """Delete backups for good, after asking."""
    options = current()
    workspace = Workspace.without_stack(options)
    with _locked(workspace, "backup delete"):
        names = list(dict.fromkeys(map(workspace.backups.id_of, backups)))
        found, damaged = workspace.backups.readable(names)
        lines = list_lines(found, (), workspace.backups.where, damaged)
        print_lines(() if options.json else lines, color=options.color)
        if not auto_approve and not confirmed(options, f"Delete {counted(len(names), 'backup')} for good?"):
            return EXIT_ERROR
        begin_changes("raceday-iac backup list")
        # Nobody knows what was in one whose manifest is damaged.
        unknown = (replace(_head(workspace, ""), id=name) for name in damaged)
        for each in (*found, *unknown):
            workspace.backups.delete(each.id)
            record_backup(options, "backup delete", each, "backup deleted")
    answer(options, {"deleted": names}, [f"Backup {each} is deleted." for each in names])
    return EXIT_OK


@app.command("extract")
def extract(
    backup: Name,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A new folder, which must not exist yet.")],
) -> int:
    """Write the contents of a backup to files: documents as JSON lines, sources and files as they were. What is damaged
    is left out, and named. Exit 1 then."""
    options = current()
    backups = Workspace.without_stack(options).backups
    manifest = backups.find(backup)
    must_be_free(folder, force=False)
    written: dict[str, int] = {}
    damaged: list[str] = []
    for name, content in backups.extracted(manifest, damaged):
        write_file(folder / name, content, private=True)
        written[str(folder / name)] = len(content)
    lines = [Line(f"{name} ({size} bytes)") for name, size in written.items()]
    lines += [Line(f"  ✗ {each} It was left out.", "red") for each in damaged]
    answer(options, {"backup": manifest.id, "files": written, "damaged": damaged}, lines)
    return EXIT_ERROR if damaged else EXIT_OK


@app.command("create")
def create(
    addresses: Annotated[
        list[Address],
        typer.Argument(
            parser=read_address,
            metavar="ADDRESS…",
            help="Databases, collections, attributes, relationships or buckets.",
            autocompletion=addresses,
        ),
    ],
) -> int:
    """Make a backup of the data in resources. Changes nothing on the server."""
    options = current()
    workspace = Workspace.without_stack(options)
    with workspace.target() as target, _locked(workspace, "backup create"):
        connection = reader(target)
        real = members(connection, addresses)
        found = [section for address in addresses for section in _all_of(address, real)]
        sections = [each for number, each in enumerate(found) if each not in found[:number]]
        kept = Writing(connection, workspace.backups, _head(workspace, "backup create")).run(sections, {})
        if kept is not None:
            _finish(workspace, kept.manifest)
    if kept is None:
        answer(options, {"backup": None}, ["There is no data in it, so no backup was made."])
    else:
        answer(options, {"backup": show_document(kept.manifest, {})}, show_lines(kept.manifest, {}))
    return EXIT_OK


def _all_of(address: Address, real: Mapping[Address, Live]) -> list[Section]:
    """Raises IacError where nothing of it could be kept."""
    found = list(everything_in(address, real)) if address in real else []
    if not found:
        raise IacError(
            f"{address} does not exist, or holds no data that can be backed up.",
            hint="name a database, a collection, an attribute, a relationship, or a bucket",
            unchanged=True,
        )
    return found


def members(connection: Reader, addresses: Iterable[Address]) -> dict[Address, Live]:
    """The resources of these addresses, with all that lies in their databases."""
    found: dict[Address, Live] = {}
    for place in dict.fromkeys(map(outermost, addresses)):
        live = connection.current(place)
        found |= {} if live is None else {place: live}
        found |= connection.inside(place) if live is not None and kind_of(place).is_listed_inside else {}
    return found


@contextmanager
def _locked(workspace: Workspace, reason: str) -> Iterator[None]:
    """The lock of the state; where that is in the target, the target is opened for it."""
    with ExitStack() as stack:
        if workspace.environment.state.is_in_target:
            stack.enter_context(workspace.target())
        stack.enter_context(workspace.store.locked(reason))
        yield
