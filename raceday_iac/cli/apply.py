"""`apply`, `destroy` and `rollback`: the commands that change the server by a plan."""

from __future__ import annotations

import dataclasses
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Annotated

import typer

from ..applying import Applied, apply_plan
from ..applying.scheduler import Observer
from ..backup.manifest import Forecast, Manifest
from ..counting import counted
from ..errors import EXIT_ERROR, EXIT_OK, EXIT_REFUSED, IacError
from ..files import PRIVATE_FILE, write_whole
from ..kinds import code_of, kind_of
from ..model.address import Address
from ..model.resource import Live, frozen
from ..model.secret import Secret
from ..planning import Plan, PlanOptions
from ..planning.build import choose, must_be_managed, must_run, plan_destruction, plan_rollback
from ..planning.saved import SavedPlan, must_be_sealed, verify
from ..provider import Provider
from ..refresh import refresh
from ..refresh.deployments import Remembered, Role, read_deployments
from ..refresh.snapshot import Counting
from ..render.backup_text import kept_lines
from ..render.lines import Line, print_json, print_lines, printable
from ..render.plan_text import AS_DECLARED, applied_document, applied_lines
from ..render.progress import progress
from ..state.document import State
from .backup import NoBackup, finished, keep_lost
from .commits import at_commit
from .help import addresses, functions
from .options import Options, begin_changes, current, with_environment
from .plan import (
    Confirmed,
    DataLoss,
    Excluded,
    LookAt,
    RefreshOnly,
    Replaced,
    Targets,
    Verbose,
    kept_before,
    load_plan,
    plan_options_of,
    read_code_owner,
    read_owner,
    show_plan,
    snapshot_of,
)
from .recording import recorded
from .workspace import AutoApprove, Target, Workspace, confirmed, make_plan, provider

app = typer.Typer()

FunctionName = Annotated[str, typer.Argument(metavar="FUNCTION", help="Function id.", autocompletion=functions)]


@app.command("apply")
def apply(
    file: Annotated[Path | None, typer.Argument(metavar="[PLAN]", help="A plan saved by plan --out.")] = None,
    auto_approve: AutoApprove = False,
    parallelism: Annotated[int, typer.Option(min=1, max=64, help="How many requests may run at the same time.")] = 8,
    verbose: Verbose = False,
    target: Targets = [],  # noqa: B006 - typer copies it
    exclude: Excluded = [],  # noqa: B006
    replace: Replaced = [],  # noqa: B006
    refresh_only: RefreshOnly = False,
    allow_data_loss: DataLoss = [],  # noqa: B006
    confirm: Confirmed = [],  # noqa: B006
    look_at: LookAt = 0,
    no_backup: NoBackup = False,
    secrets_out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the secrets that Appwrite creates to this file (mode 0600)."),
    ] = None,
) -> int:
    """Plan, ask, apply, and look again. A saved plan in `file` was reviewed: it is run as it is, or not at all."""
    made_secrets = None if secrets_out is None else SecretsFile(secrets_out)
    saved = None if file is None else load_plan(file)
    plan_options = plan_options_of(target, exclude, replace, refresh_only, allow_data_loss, confirm, look_at)
    if saved is None:
        plan_options = needing_numbers(plan_options, auto_approve=auto_approve)
        return plan_and_apply(
            Workspace.load(current()),
            plan_options,
            auto_approve=auto_approve,
            parallelism=parallelism,
            verbose=verbose,
            keeps=not no_backup,
            made_secrets=made_secrets,
        )
    _refuse_options(current(), plan_options, saved)
    destroys = saved.plan_options.destroy
    with _of_plan(with_environment(current(), saved.environment), saved, sending=not destroys) as workspace:
        return plan_and_apply(
            workspace,
            saved.plan_options,
            auto_approve=True,
            parallelism=parallelism,
            verbose=verbose,
            saved=saved,
            file=file,
            keeps=not no_backup,
            made_secrets=made_secrets,
        )


@contextmanager
def _of_plan(options: Options, saved: SavedPlan, *, sending: bool) -> Iterator[Workspace]:
    """The stack that a saved plan was made from: of a commit, or as it is checked out."""
    if not saved.commit:
        yield Workspace.load(options, sending=sending)
        return
    with at_commit(options, saved.commit, reading=False, sending=sending) as workspace:
        yield workspace


class SecretsFile:
    """The file of `--secrets-out`: secrets by address in JSON, for its owner alone. What it held before stays. Raises
    IacError where it cannot be written, before anything is sent."""

    def __init__(self, file: Path) -> None:
        self._file, self._writing = file, threading.Lock()
        try:
            self._kept = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
            if not isinstance(self._kept, dict):
                raise ValueError("it does not contain a JSON object")
            self._write()
        except (OSError, ValueError) as error:
            raise IacError(
                f"{file} cannot be used for the secrets: {error}",
                hint="name a new file, or one that an earlier apply wrote",
                unchanged=True,
            ) from None

    def keep(self, address: Address, secret: Secret) -> None:
        """Add one, and see it on the disk. Raises IacError."""
        with self._writing:
            self._kept[str(address)] = secret.reveal()
            try:
                self._write()
            except OSError as error:
                raise IacError(
                    f"{address} was created, but its secret could not be written to {self._file}: {error}",
                    hint="make the file writable and apply again: a secret that Appwrite still shows is written then",
                ) from None

    def _write(self) -> None:
        write_whole(self._file, f"{json.dumps(self._kept, indent=2, sort_keys=True)}\n", PRIVATE_FILE)


def plan_and_apply(
    workspace: Workspace,
    plan_options: PlanOptions,
    *,
    auto_approve: bool,
    parallelism: int,
    verbose: bool,
    saved: SavedPlan | None = None,
    file: Path | None = None,
    made_secrets: SecretsFile | None = None,
    keeps: bool,
    origin: str = "",
) -> int:
    """Plan, ask, apply, and look again: what `apply` and `destroy` do. A `saved` plan, of `file`, is run as it is. For
    `origin` see `make_and_show`."""
    options, destroys = workspace.options, plan_options.destroy
    command = "destroy" if destroys else "apply"
    with workspace.target() as server, workspace.store.locked(command):
        _mention_interrupted_run(options, workspace)
        state = workspace.read_state()
        connection = provider(server, parallelism)
        if saved is not None:
            must_be_sealed(saved, str(file), state.lineage, state.salt if state.serial else "")
        plan = make_plan(workspace, state, connection, plan_options, saved.evidence if saved is not None else None)
        if saved is not None:
            verify(saved, snapshot_of(plan, workspace, server, state))
        question = "Delete all of this for good?" if destroys else "Do you want to perform these actions?"
        code = approve(
            options,
            plan,
            server,
            question,
            state,
            kept_before(plan, workspace),
            auto_approve=auto_approve,
            keeps=keeps,
            verbose=verbose,
            origin=origin,
        )
        if code is not None:
            if plan.is_empty and not plan.refusals:
                workspace.store.clear_journal()
                _note_revision(workspace, plan, state)
            return code
        return carry_out(
            options,
            workspace,
            plan,
            server,
            connection,
            state,
            parallelism,
            command=command,
            keeps=keeps,
            keep_secret=made_secrets.keep if made_secrets is not None else None,
        )


def approve(
    options: Options,
    plan: Plan,
    server: Target,
    question: str,
    state: State,
    kept: Forecast | None = None,
    *,
    auto_approve: bool,
    keeps: bool = True,
    verbose: bool = False,
    origin: str = "",
) -> int | None:
    """Show the plan, and what will be `kept` before it if it `keeps` any, and ask. None when it may be carried out;
    otherwise the exit code."""
    # With --json, an approved plan is reported by its progress and outcome.
    if not (options.json and auto_approve) or plan.refusals:
        show_plan(options, plan, server, kept if keeps else None, verbose=verbose, origin=origin)
        if kept is not None and not keeps and not options.json:
            text = "No backup is made (--no-backup): what is deleted cannot be restored."
            print_lines([Line(text, "yellow"), Line()], color=options.color)
    if plan.refusals:
        return EXIT_REFUSED
    if plan.is_empty:
        if options.json and auto_approve:
            # The outcome, for machines that were not shown the plan.
            nothing = Applied(state, (), (), (), interrupted=False)
            print_json({"applied": {**applied_document(nothing, (), 0.0), "backup": None}}, in_one_line=True)
        return EXIT_OK
    if not auto_approve and not confirmed(options, question):
        return EXIT_ERROR
    return None


def _note_revision(workspace: Workspace, plan: Plan, state: State) -> None:
    """Nothing has to be done for the commit that is checked out: the environment runs that one by now."""
    options = plan.plan_options
    if not state.serial or options.is_partial or options.refresh_only or options.destroy:
        return
    revision = workspace.revision
    if revision.commit and not revision.is_dirty and revision != state.revision:
        workspace.store.write(dataclasses.replace(state, serial=state.serial + 1, revision=revision))


def _refuse_options(options: Options, plan_options: PlanOptions, saved: SavedPlan) -> None:
    if plan_options != PlanOptions():
        raise IacError(
            "A saved plan is applied as it is. Give options that change a plan to `plan --out`.", unchanged=True
        )
    if options.env_named and options.env != saved.environment:
        raise IacError(
            f"The saved plan is for environment {saved.environment}, but --env names {options.env}.", unchanged=True
        )


def needing_numbers(plan_options: PlanOptions, *, auto_approve: bool) -> PlanOptions:
    """The options, which require numbers in permissions to lose data if nobody is asked: a person who is asked sees
    them."""
    return dataclasses.replace(plan_options, numbers_needed=auto_approve or not sys.stdin.isatty())


def _mention_interrupted_run(options: Options, workspace: Workspace) -> None:
    begun = workspace.store.interrupted_changes()
    if not begun or options.json:
        return
    names = ", ".join(begun[:3]) + (f" and {len(begun) - 3} more" if len(begun) > 3 else "")
    print_lines(
        [Line(f"An earlier run was interrupted during {names}. This run finds what it did, and adopts it.", "yellow")],
        color=options.color,
        stream=sys.stderr,
    )


def carry_out(
    options: Options,
    workspace: Workspace,
    plan: Plan,
    server: Target,
    connection: Provider,
    state: State,
    parallelism: int = 8,
    *,
    command: str = "apply",
    claim: str = "",
    keeps: bool = True,
    keep_secret: Callable[[Address, Secret], None] | None = None,
) -> int:
    """Apply an approved plan, look again, and say what came of it. `command` is for the audit log. A `claim` is what
    may be said of success instead; then nothing is looked at again. What is lost by it is kept before in a backup, if
    it `keeps` any. `keep_secret` takes the secrets that the server makes."""
    begun = time.monotonic()
    watching = progress(len(plan.changes), as_json=options.json, color=options.color)
    applied, kept = perform(
        workspace,
        plan,
        connection,
        state,
        watching,
        parallelism,
        plan_id=snapshot_of(plan, workspace, server, state).id,
        command=command,
        keeps=keeps,
        keep_secret=keep_secret,
    )
    seconds = time.monotonic() - begun
    left = what_is_left(workspace, connection, applied, plan) if not claim else ()
    if options.json:
        document = {**applied_document(applied, left, seconds), "backup": kept.id if kept is not None else None}
        print_json({"applied": document}, in_one_line=True)
    else:
        print_lines(kept_lines(kept), color=options.color)
        again = "apply" if command == "watch" else command
        print_lines(applied_lines(applied, left, seconds, claim or claim_of(plan), again), color=options.color)
        _repeat_failure(applied)
    if applied.complete:
        workspace.store.clear_journal()
    return EXIT_ERROR if left and applied.complete else applied.exit_code


#: Commands that bring an environment to what the stack says.
_BY_STACK = ("apply", "watch", "console")


def perform(
    workspace: Workspace,
    plan: Plan,
    connection: Provider,
    state: State,
    watching: AbstractContextManager[Observer],
    parallelism: int = 8,
    *,
    plan_id: str,
    command: str,
    keeps: bool = True,
    keep_secret: Callable[[Address, Secret], None] | None = None,
) -> tuple[Applied, Manifest | None]:
    """Apply an approved plan, written down in the audit log, with a backup of what is lost if it `keeps` any. The
    journal is left to who looks at what came of it."""
    workspace.store.keep_backup()
    if command in _BY_STACK and workspace.desired.name and not plan.plan_options.refresh_only:
        state = dataclasses.replace(state, revision=workspace.revision)
    with recorded(workspace.options, command, plan, plan_id) as report:
        kept = keep_lost(workspace, connection, plan, plan_id, command) if keeps else None
        before = kept.manifest if kept is not None else None
        begin_changes()
        with watching as observer:
            applied = apply_plan(
                plan,
                workspace.desired,
                workspace.bundles,
                connection,
                workspace.store,
                state,
                observer,
                parallelism,
                workspace.archives(connection),
                keep_secret,
                kept,
            )
            report(applied)
        manifest = finished(workspace, kept, before)
    return applied, manifest


def what_is_left(workspace: Workspace, connection: Provider, applied: Applied, plan: Plan) -> tuple[str, ...]:
    """The keys of changes that a new plan still finds after a complete apply: there should be none."""
    if not applied.complete:
        return ()
    asked = plan.plan_options
    options = PlanOptions(refresh_only=asked.refresh_only, destroy=asked.destroy)
    again = make_plan(workspace, applied.state, connection, options)
    # A part of a change can be left out: code, and with it the schedule that waits for it.
    planned = {change.address for change in plan.changes} - {change.address for change in plan.left_out}
    return tuple(change.key for change in again.changes if change.address in planned)


def claim_of(plan: Plan) -> str:
    """The sentence after a complete apply."""
    if plan.plan_options.refresh_only:
        return "The state matches Appwrite."
    if plan.plan_options.destroy:
        named = ", ".join(sorted(map(str, plan.plan_options.targets)))
        return f"{named} is deleted." if named else "No managed resource is left."
    if plan.left_out:
        number = len(plan.left_out)
        return f"{counted(number, 'change')} {'was' if number == 1 else 'were'} left out; see: raceday-iac plan"
    return AS_DECLARED


def _repeat_failure(applied: Applied) -> None:
    """One line on standard error, for those who look only there."""
    if applied.failed:
        change, error = applied.failed[0]
        first = error.message.partition("\n")[0]
        how = "were stopped" if len(applied.stopped) == len(applied.failed) else "failed"
        how = "was stopped" if how != "failed" and len(applied.failed) == 1 else how
        count = f"{len(applied.failed)} of {counted(len(applied.failed) + len(applied.done), 'change')} {how}"
        print(printable(f"Error: {count}; {change.key}: {first}"), file=sys.stderr)  # noqa: T201


@app.command("destroy")
def destroy(
    what: Annotated[
        str,
        typer.Argument(metavar="[FUNCTION|ADDRESS]", help="A function's id, or an address.", autocompletion=addresses),
    ] = "",
    everything: Annotated[bool, typer.Option("--all", help="Delete everything that is managed.")] = False,
    auto_approve: AutoApprove = False,
    allow_data_loss: DataLoss = [],  # noqa: B006
    no_backup: NoBackup = False,
) -> int:
    """Delete one function, something else with what lies in it, or all, after asking."""
    plan_options = needing_numbers(plan_options_of(allow_data_loss=allow_data_loss), auto_approve=auto_approve)
    if bool(what) == everything:
        raise IacError(
            "Say what to destroy: a function, an address, or --all for everything that is managed.",
            hint="see what would be deleted: raceday-iac plan --destroy",
            unchanged=True,
        )
    address = None if everything else read_owner(what)
    if address is not None and kind_of(address).has_runs:
        return _destroy_function(address, plan_options, auto_approve=auto_approve, keeps=not no_backup)
    targets = frozenset() if address is None else frozenset({address})
    plan_options = dataclasses.replace(plan_options, targets=targets, destroy=True)
    return plan_and_apply(
        Workspace.load(current(), sending=False),
        plan_options,
        auto_approve=auto_approve,
        parallelism=8,
        verbose=False,
        keeps=not no_backup,
    )


def _destroy_function(address: Address, plan_options: PlanOptions, *, auto_approve: bool, keeps: bool) -> int:
    options = current()
    workspace = Workspace.load(options, sending=False)
    with workspace.target() as target, workspace.store.locked("destroy"):
        state = workspace.read_state()
        connection = provider(target)
        archives = workspace.archives(connection)
        snapshot = refresh(connection, workspace.desired, state, archives)
        counting = Counting(connection, state, archives, plan_options.look_at)
        name = workspace.environment.name
        plan = plan_destruction(name, address, workspace.desired, state, snapshot, counting, plan_options)
        question, kept = f"Delete {address} for good?", kept_before(plan, workspace)
        code = approve(options, plan, target, question, state, kept, auto_approve=auto_approve, keeps=keeps)
        if code is not None:
            return code
        code = carry_out(
            options,
            workspace,
            plan,
            target,
            connection,
            state,
            command="destroy",
            claim=f"{address} is deleted.",
            keeps=keeps,
        )
        if address in workspace.desired.resources and not options.json:
            text = f"The stack still declares {address}: the next apply creates it again."
            print_lines(
                [Line(text), Line("To keep it from coming back, declare stack.absent(...) instead.")],
                color=options.color,
            )
        return code


@app.command("rollback")
def rollback(
    function: FunctionName,
    to: Annotated[
        str, typer.Option(metavar="DEPLOYMENT", help="Id of the deployment; default: the previous one.")
    ] = "",
    auto_approve: AutoApprove = False,
) -> int:
    """Activate an earlier deployment, after asking."""
    options = current()
    workspace = Workspace.without_stack(options)
    owner = read_code_owner(function)
    with workspace.target() as target, workspace.store.locked("rollback"):
        state = workspace.read_state()
        must_be_managed(owner, state)
        connection = provider(target)
        plan = rollback_to(workspace, connection, state, owner, to)
        question = f"Activate this deployment of {owner}?"
        code = approve(options, plan, target, question, state, auto_approve=auto_approve)
        if code is not None:
            return code
        claim = "That deployment is active."
        code = carry_out(options, workspace, plan, target, connection, state, command="rollback", claim=claim)
        if code == EXIT_OK and not options.json:
            text = (
                "The stack was not changed: if it declares the code that was active before, the next apply activates "
                "that code again."
            )
            print_lines([Line(text)], color=options.color)
        return code


def rollback_to(workspace: Workspace, connection: Provider, state: State, owner: Address, to: str) -> Plan:
    """The plan that activates a deployment, or the one before where none is named. Raises IacError."""
    archives = workspace.archives(connection)
    remembered = Remembered.of(state, owner)
    classified = read_deployments(connection, archives, owner, remembered, old_after=0.0)
    chosen = choose(owner, classified, remembered, to)
    live = connection.find(owner)
    if live is not None:
        deployment = connection.deployment(owner, chosen.deployment.id)
        must_run(owner, deployment, str(live.fields.get("runtime", "")))
    active = next((each.deployment.id for each in classified if each.role is Role.ACTIVE), "")
    address = code_of(owner)
    before = archives.origin(owner, active).digest if active else ""
    now = Live(address, frozen({"digest": before}), active)
    digest = archives.origin(owner, chosen.deployment.id).digest
    return plan_rollback(workspace.environment.name, state, now, chosen, digest)
