"""`restore`: write back what a backup has."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from typing import Annotated

import typer

from ..backup.manifest import Manifest
from ..backup.restoring import Goal, Restoring, goal_of, goals_of_variables, must_be_one, variables_in, wanted_of
from ..errors import EXIT_CHANGES, EXIT_ERROR, EXIT_OK, Interrupted, RefusedError
from ..model.address import Address, owners
from ..model.resource import frozen
from ..provider import Provider, Reader
from ..render.backup_text import restore_document, restore_lines, restored_lines
from .backup import Name, NoBackup, keep_overwritten, members
from .options import begin_changes, current
from .plan import AllowedLoss, read_address, read_allowed
from .recording import recorded_restore
from .workspace import AutoApprove, Workspace, answer, confirmed, make_plan, provider

app = typer.Typer()


@app.command("restore")
def restore(
    backup: Name,
    address: Annotated[
        list[Address],
        typer.Option(
            metavar="ADDRESS", parser=read_address, help="Restore only this resource, and what is in it; repeatable."
        ),
    ] = [],  # noqa: B006 - typer copies it
    into: Annotated[
        Address | None,
        typer.Option(metavar="ADDRESS", parser=read_address, help="Write to this collection or attribute instead."),
    ] = None,
    overwrite: Annotated[
        list[AllowedLoss],
        typer.Option(
            metavar="ADDRESS[=NUMBER]",
            parser=lambda text: read_allowed(text, "--overwrite"),
            help="Also overwrite values that are newer than the backup, as many as were shown; repeatable.",
        ),
    ] = [],  # noqa: B006
    keep_timestamps: Annotated[
        bool | None,
        typer.Option(
            "--keep-timestamps/--new-timestamps",
            show_default="kept for sections of up to 1000 documents",
            help="Whether existing documents keep their $updatedAt, which needs a request for each.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would be written. Exit 2 if there is something to write.")
    ] = False,
    auto_approve: AutoApprove = False,
    no_backup: NoBackup = False,
) -> int:
    """Compare with what is live, say what would be written back, ask, write, and look again."""
    options = current()
    workspace = Workspace.load(options, sending=False)
    manifest = workspace.backups.find(backup)
    must_fit(manifest, workspace)
    with workspace.target() as target, ExitStack() as stack:
        if not dry_run:
            stack.enter_context(workspace.store.locked("restore"))
        connection = provider(target)
        restoring = _restoring(workspace, connection, manifest, address, into, overwrite, keep_timestamps)
        plan = restoring.look()
        plan.must_cover(dict(overwrite), numbers_needed=auto_approve or not sys.stdin.isatty())
        if dry_run or plan.is_empty or not (options.json and auto_approve):
            answer(options, {"restore": restore_document(plan)}, restore_lines(plan))
        if plan.is_empty:
            return EXIT_OK if plan.is_whole else EXIT_ERROR
        if dry_run:
            return EXIT_CHANGES
        if not auto_approve and not confirmed(options, "Write this back?"):
            return EXIT_ERROR
        begun = time.monotonic()
        with recorded_restore(options, plan) as report:
            if not no_backup:
                keep_overwritten(workspace, connection, plan)
            begin_changes()
            try:
                done = restoring.write()
            except Interrupted:
                hint = f"to continue from there: raceday-iac restore {manifest.id}"
                raise Interrupted("Interrupted. What was written back before stays on Appwrite.", hint) from None
            report(done)
        seconds = time.monotonic() - begun
        left = _plan_left(workspace, connection)
    answer(options, {"restored": {**restore_document(done), "plan": left}}, restored_lines(plan, done, left, seconds))
    return EXIT_OK if done.is_whole else EXIT_ERROR


def must_fit(manifest: Manifest, workspace: Workspace) -> None:
    """Raise RefusedError for the backup of another project."""
    found = [each for each in manifest.bound.differences(workspace.place) if each[0] != "stack"]
    for name, own, other in found:
        raise RefusedError(
            f"The backup {manifest.id} was made with another {name}: {own}. This environment has {other}.",
            hint="choose the environment that it was made in: --env",
            unchanged=True,
        )


def _restoring(
    workspace: Workspace,
    connection: Provider,
    manifest: Manifest,
    wanted: Sequence[Address],
    into: Address | None,
    overwrite: Iterable[AllowedLoss],
    keep_timestamps: bool | None,
) -> Restoring:
    sections = wanted_of(manifest, wanted)
    if into is not None:
        must_be_one(sections, into)
    real = members(connection, [*(each.place for each in sections), *([into] if into is not None else [])])
    goals = [goal_of(each, real, into) for each in sections]
    goals += [] if into is not None else _goals_of_variables(workspace, connection, manifest, wanted)
    over = frozenset(each.address for each in overwrite)
    return Restoring(connection, workspace.backups, manifest, goals, over, keep_timestamps)


def _goals_of_variables(
    workspace: Workspace, connection: Reader, manifest: Manifest, wanted: Sequence[Address]
) -> list[Goal]:
    found = variables_in(manifest, wanted)
    # Only they need the settings to be opened.
    resources = workspace.backups.resources(manifest) if found else {}
    holders = {each for at in found for each in owners(at) if connection.current(each) is not None}
    return list(goals_of_variables({each: frozen(resources[str(each)]) for each in found}, holders))


def _plan_left(workspace: Workspace, connection: Reader) -> list[str]:
    """What a plan would change now, by key."""
    plan = make_plan(workspace, workspace.read_state(), connection)
    return [each.key for each in plan.changes]
