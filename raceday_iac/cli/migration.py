"""`migration`: what ran in an environment, taking one back, and saying that one counts as run."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated

import typer

from ..errors import EXIT_OK, IacError
from ..kinds.migration import migration_address
from ..model.address import Address
from ..model.declarations import nearest
from ..planning.migrations import Standing, Stands, plan_undo, standings
from ..render.lines import Line, print_lines
from ..render.migration_text import list_lines, migration_document, show_lines
from ..state.document import MigrationRecord, Stage, this_process
from .apply import approve, carry_out
from .backup import NoBackup
from .help import migrations
from .options import Options, begin_changes, current
from .recording import record_marking
from .workspace import AutoApprove, Workspace, answer, opened_store, provider

app = typer.Typer(name="migration", no_args_is_help=True, rich_markup_mode=None)

Name = Annotated[
    str, typer.Argument(metavar="NAME", help="Name of a migration in the stack.", autocompletion=migrations)
]


@app.command("list")
def list_migrations() -> int:
    """List all migrations with their status in the environment, in the order in which they run."""
    options = current()
    workspace, found = _standings(options)
    documents = [migration_document(at, *each) for at, each in found.items()]
    answer(options, {"migrations": documents}, list_lines(found, workspace.environment.name))
    return EXIT_OK


@app.command("show")
def show(name: Name) -> int:
    """Show one migration: its place in a plan, when it ran, by whom, and what it did."""
    options = current()
    _, found = _standings(options)
    at = _named(name, found)
    answer(options, {"migration": migration_document(at, *found[at])}, show_lines(at, *found[at]))
    return EXIT_OK


@app.command("undo")
def undo(name: Name, auto_approve: AutoApprove = False, no_backup: NoBackup = False) -> int:
    """Run `undo(data)` of a migration that ran, after asking. Then it counts as not run."""
    options = current()
    workspace = Workspace.load(options, sending=False)
    with workspace.target() as target, workspace.store.locked("migration undo"):
        state = workspace.read_state()
        at = _named(name, standings(workspace.desired, state))
        connection = provider(target)
        plan = plan_undo(workspace.environment.name, state, workspace.desired, at)
        code = approve(options, plan, target, f"Undo {at}?", state, auto_approve=auto_approve)
        if code is not None:
            return code
        code = carry_out(
            options,
            workspace,
            plan,
            target,
            connection,
            state,
            command="migration undo",
            claim=f"{at} counts as not run.",
            keeps=not no_backup,
        )
        if code == EXIT_OK and not options.json:
            text = "The stack still declares it: the next apply runs it again, unless you remove it from the stack."
            print_lines([Line(text)], color=options.color)
        return code


@app.command("mark")
def mark(
    name: Name,
    not_run: Annotated[
        bool, typer.Option("--not-run", help="Mark it as not run: the next apply runs it again.")
    ] = False,
) -> int:
    """Mark a migration as run, with its file as it is now, without running it. Changes the state only."""
    options = current()
    workspace = Workspace.load(options, sending=False)
    with opened_store(options) as store, store.locked("migration mark"):
        state = store.read()
        state.bound.must_fit(workspace.place, store.where)
        found = standings(workspace.desired, state)
        at = _named(name, found)
        migration, known, standing = found[at]
        record = None
        if not not_run:
            if migration is None:
                raise IacError(f"{at} is not in the stack, so there is no file to mark.", unchanged=True)
            owner = this_process()
            now = datetime.now(UTC).isoformat(timespec="seconds")
            record = MigrationRecord(migration.digest, Stage.DONE, now, str(owner), owner.run, was_run=False)
        is_same = known is None if not_run else standing in (Standing.DONE, Standing.MARKED)
        if not is_same:
            state = replace(state.with_migration(at, record), serial=state.serial + 1)
            state = replace(state, bound=state.bound.filled(workspace.place))
            store.keep_backup()
            begin_changes()
            store.write(state)
            record_marking(options, at, record.digest if record is not None else "", state)
    how = "not run" if not_run else "run"
    when = "already" if is_same else "now"
    text = f"{at} counts as {how} {when}. Nothing ran, and no data was changed."
    document = {"address": str(at), "run": not not_run, "changed": not is_same, "serial": state.serial}
    answer(options, {"marked": document}, [text])
    return EXIT_OK


def _standings(options: Options) -> tuple[Workspace, dict[Address, Stands]]:
    workspace = Workspace.load(options, reading=True, sending=False)
    with opened_store(options) as store:
        return workspace, standings(workspace.desired, store.read())


def _named(name: str, known: dict[Address, Stands]) -> Address:
    """Raises IacError for what is no migration of the stack or the state."""
    at = migration_address(name.removeprefix("migration."))
    if at not in known:
        names = [each.name for each in known]
        raise IacError(
            f"There is no migration {at.name}{nearest(at.name, names)}.",
            hint=f"migrations: {', '.join(names)}" if names else "the stack declares none, and none has run",
            unchanged=True,
        )
    return at
