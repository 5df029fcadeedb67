"""`raceday-iac apply`."""

from __future__ import annotations

import getpass
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from .. import __version__
from ..applying import Applied, apply_plan
from ..audit import AuditLog, Inspection, Run, begin, broken_off, cleaned, end, imported, rebound, recovered, recovering
from ..counting import counted
from ..errors import EXIT_ERROR, EXIT_OK, EXIT_REFUSED, IacError, RefusedError
from ..importing.adoption import Adoption
from ..kinds import KINDS
from ..model.address import Address, deployment_address, function_address
from ..model.resource import Live, frozen
from ..planning import Plan, PlanOptions
from ..planning.rollback import choose, must_be_managed, must_run, plan_destruction, plan_rollback
from ..planning.saved import SavedPlan, must_be_sealed, verify
from ..provider import Provider
from ..recovery.planning import Done, Recovery
from ..refresh import refresh
from ..refresh.deployments import Remembered, Role, read_deployments
from ..refresh.snapshot import Counting
from ..render.lines import Line, print_json, print_lines, printable
from ..render.plan_text import AS_DECLARED, applied_document, applied_lines
from ..render.progress import progress
from ..state.document import Binding, State
from .options import Options, begin_changes, with_environment
from .plan import Asked, load_plan, plan_options_of, show, snapshot_of
from .workspace import Workspace, make_plan, provider


def run_apply(
    options: Options, asked: Asked, auto_approve: bool, parallelism: int, verbose: bool, file: Path | None = None
) -> int:
    """Plan, ask, apply, and look again. A saved plan in `file` was reviewed: it is run as it is, or not at all."""
    saved = None if file is None else load_plan(file)
    if saved is not None:
        _refuse_options(options, asked, saved)
        options, auto_approve = with_environment(options, saved.environment), True
    plan_options = asked_options(asked, saved, auto_approve=auto_approve)
    workspace = Workspace.load(options)
    with workspace.target() as target, workspace.store.locked("apply"):
        _mention_interrupted_run(options, workspace)
        state = workspace.read_state()
        connection = provider(target, parallelism)
        if saved is not None:
            must_be_sealed(saved, str(file), state.lineage, state.salt if state.serial else "")
        plan = make_plan(workspace, state, connection, plan_options, saved.evidence if saved is not None else None)
        if saved is not None:
            verify(saved, snapshot_of(plan, workspace, target, state))
        # With --json, an approved plan is told by its progress and outcome.
        if not (options.json and auto_approve) or plan.refusals:
            show(options, plan, target, verbose=verbose)
        if plan.refusals:
            return EXIT_REFUSED
        if plan.is_empty:
            workspace.store.clear_journal()
            tell_nothing_done(options, auto_approve, state)
            return EXIT_OK
        if not auto_approve and not confirmed("Apply this plan?"):
            print_lines([Line("Nothing was changed.")], color=options.color)
            return EXIT_ERROR
        plan_id = snapshot_of(plan, workspace, target, state).id
        return carry_out(options, workspace, plan, connection, state, parallelism, plan_id=plan_id)


def asked_options(asked: Asked, saved: SavedPlan | None, *, auto_approve: bool) -> PlanOptions:
    """What is asked for. A saved plan was shown with its numbers; otherwise they are only where somebody is asked."""
    if saved is not None:
        return saved.plan_options
    return replace(plan_options_of(asked), numbers_needed=auto_approve or not sys.stdin.isatty())


def carry_out(
    options: Options,
    workspace: Workspace,
    plan: Plan,
    connection: Provider,
    state: State,
    parallelism: int = 8,
    *,
    plan_id: str,
    command: str = "apply",
    claim: str = "",
) -> int:
    """Apply an approved plan, look again, and say what came of it. `command` and `plan_id` are for the audit log.
    A `claim` is what may be said of success instead; then nothing is looked at again."""
    workspace.store.keep_backup()
    begin_changes()
    begun = time.monotonic()
    watching = progress(len(plan.changes), as_json=options.json, color=options.color)
    with recorded(options, command, plan, plan_id) as tell, watching as observer:
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
        )
        tell(applied)
    seconds = time.monotonic() - begun
    left = _what_is_left(workspace, connection, applied, plan) if not claim else ()
    if options.json:
        print_json({"applied": applied_document(applied, left, seconds)})
    else:
        print_lines(applied_lines(applied, left, seconds, claim or _claim(plan)), color=options.color)
        _repeat_failure(applied)
    if applied.complete:
        workspace.store.clear_journal()
    return EXIT_ERROR if left and applied.complete else applied.exit_code


def _what_is_left(workspace: Workspace, connection: Provider, applied: Applied, plan: Plan) -> tuple[str, ...]:
    """After a complete apply everything must be as planned: look, do not assume."""
    if not applied.complete:
        return ()
    again = make_plan(workspace, applied.state, connection, PlanOptions(refresh_only=plan.plan_options.refresh_only))
    # A part of a change can be left out: code, and with it the schedule that waits for it.
    planned = {change.address for change in plan.changes} - {change.address for change in plan.left_out}
    return tuple(change.key for change in again.changes if change.address in planned)


def _refuse_options(options: Options, asked: Asked, saved: SavedPlan) -> None:
    if not asked.is_plain:
        raise IacError(
            "A saved plan is applied as it is: options that shape a plan belong to `plan --out`. Nothing was changed."
        )
    if options.env_named and options.env != saved.environment:
        raise IacError(
            f"The plan is for the environment {saved.environment}, --env says {options.env}. Nothing was changed."
        )


def _claim(plan: Plan) -> str:
    """What may be said after a complete apply."""
    if plan.plan_options.refresh_only:
        return "The state is as Appwrite is."
    if plan.left_out:
        number = len(plan.left_out)
        return f"{counted(number, 'change')} {'was' if number == 1 else 'were'} left out; see: raceday-iac plan"
    return AS_DECLARED


def tell_nothing_done(options: Options, auto_approve: bool, state: State) -> None:
    """The outcome of an empty plan, for machines that were not shown the plan."""
    if options.json and auto_approve:
        nothing = Applied(state, (), (), (), interrupted=False)
        print_json({"applied": applied_document(nothing, (), 0.0)})


def _repeat_failure(applied: Applied) -> None:
    """One line on standard error, for those who look only there."""
    if applied.failed:
        change, error = applied.failed[0]
        first = error.message.partition("\n")[0]
        how = "were stopped" if len(applied.stopped) == len(applied.failed) else "failed"
        how = "was stopped" if how != "failed" and len(applied.failed) == 1 else how
        count = f"{len(applied.failed)} of {counted(len(applied.failed) + len(applied.done), 'change')} {how}"
        print(printable(f"Error: {count}; {change.key}: {first}"), file=sys.stderr)  # noqa: T201


def confirmed(question: str) -> bool:
    """Ask on the terminal; anything but yes is no. Raises RefusedError when there is nobody to ask."""
    if not sys.stdin.isatty():
        raise RefusedError(
            "There is no terminal to ask for approval. Nothing was changed.",
            hint="read the plan above, then run the command again with --auto-approve",
        )
    print(f"{question} Only 'yes' is taken for a yes: ", end="", flush=True)  # noqa: T201
    return sys.stdin.readline().strip().lower() == "yes"


def _mention_interrupted_run(options: Options, workspace: Workspace) -> None:
    begun = workspace.store.interrupted_changes()
    if not begun or options.json:
        return
    names = ", ".join(begun[:3]) + (f" and {len(begun) - 3} more" if len(begun) > 3 else "")
    print_lines(
        [Line(f"An earlier run ended in the middle of {names}. What it did is found and adopted.", "yellow")],
        color=options.color,
        stream=sys.stderr,
    )


_Outcome = TypeVar("_Outcome")


@contextmanager
def recorded(options: Options, command: str, plan: Plan, plan_id: str) -> Iterator[Callable[[Applied], None]]:
    """Write the beginning of a run, and its end: tell the outcome to what the block is given. A block that ends by an
    error is written down as failed."""
    run = _run(options, command, plan_id)
    with _written(options, run, begin(run, plan, _now()), end) as tell:
        yield tell


@contextmanager
def recorded_recovery(options: Options, recovery: Recovery) -> Iterator[Callable[[Sequence[Done]], None]]:
    """The same for a recovery, which has steps instead of a plan."""
    run = _run(options, "recover", "")
    with _written(options, run, recovering(run, recovery, _now()), recovered) as tell:
        yield tell


@contextmanager
def _written(
    options: Options,
    run: Run,
    beginning: Mapping[str, Any],
    ending: Callable[[Run, int, _Outcome, datetime], Mapping[str, Any]],
) -> Iterator[Callable[[_Outcome], None]]:
    log = AuditLog(options.state_folder)
    begun = _append(log, beginning)
    told = False

    def tell(outcome: _Outcome) -> None:
        nonlocal told
        told = True
        _append(log, ending(run, begun, outcome, _now()), quiet=True)

    try:
        yield tell
    except BaseException as error:
        if not told:
            _append(log, broken_off(run, begun, _reason(error), _now()), quiet=True)
        raise


def record_import(options: Options, adoption: Adoption) -> None:
    """Write down what was taken into the state."""
    _append(AuditLog(options.state_folder), imported(_run(options, "import", ""), adoption, _now()))


def record_rebinding(options: Options, before: Binding, state: State) -> None:
    """Write down that the state belongs to something else now."""
    _append(AuditLog(options.state_folder), rebound(_run(options, "state rebind", ""), before, state, _now()))


def record_cleaning(options: Options, address: Address, outcome: Mapping[str, str]) -> None:
    """Write down which deployments were deleted because they were of no use."""
    _append(AuditLog(options.state_folder), cleaned(_run(options, "deployments", ""), address, outcome, _now()))


def _reason(error: BaseException) -> str:
    return error.message.partition("\n")[0] if isinstance(error, IacError) else type(error).__name__


def _append(log: AuditLog, content: Mapping[str, Any], *, quiet: bool = False) -> int:
    """Add a record and return its number; 0 when it could not be written."""
    try:
        before = log.append(content)
    except OSError as error:
        _warn(f"the audit log {log.file} cannot be written: {error.strerror or error}. The run goes on without it.")
        return 0
    if before.breaks and not quiet:
        _warn(damage(log.file, before))
    return before.number + 1


def damage(file: Path, inspection: Inspection) -> str:
    """The sentence about a log that does not hold."""
    return f"the audit log {file} is damaged at {inspection.breaks[0]}. Look closer: raceday-iac state verify"


def _warn(text: str) -> None:
    print(printable(f"Warning: {text}"), file=sys.stderr)  # noqa: T201


def _run(options: Options, command: str, plan_id: str) -> Run:
    return Run(command, options.env, plan_id, _user(), socket.gethostname(), __version__)


def _user() -> str:
    """The login name, or the number of a user that has none (usual in containers)."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def _now() -> datetime:
    return datetime.now(UTC)


def run_destroy(options: Options, function: str, asked: Asked, auto_approve: bool) -> int:
    """Delete one function, after asking."""
    plan_options = asked_options(asked, None, auto_approve=auto_approve)
    workspace = Workspace.load(options)
    address = _address(function)
    with workspace.target() as target, workspace.store.locked("destroy"):
        state = workspace.read_state()
        connection = provider(target)
        archives = workspace.archives(connection)
        snapshot = refresh(connection, workspace.desired, state, archives)
        counting = Counting(connection, state, archives)
        name = workspace.environment.name
        plan = plan_destruction(name, address, workspace.desired, state, snapshot, counting, plan_options)
        if not (options.json and auto_approve) or plan.refusals:
            show(options, plan, target, verbose=False)
        if plan.refusals:
            return EXIT_REFUSED
        if plan.is_empty:
            tell_nothing_done(options, auto_approve, state)
            return EXIT_OK
        if not auto_approve and not confirmed(f"Delete {address} for good?"):
            print_lines([Line("Nothing was changed.")], color=options.color)
            return EXIT_ERROR
        plan_id = snapshot_of(plan, workspace, target, state).id
        code = carry_out(
            options, workspace, plan, connection, state, plan_id=plan_id, command="destroy", claim=f"{address} is gone."
        )
        if address in workspace.desired.resources and not options.json:
            text = f"The stack still declares {address}: the next apply creates it again."
            print_lines([Line(text), Line("To keep it away, declare stack.absent(...) instead.")], color=options.color)
        return code


def _address(function: str) -> Address:
    """The function's address; its id alone is enough."""
    if function.startswith("function."):
        return Address.parse(function)
    if function.partition(".")[0] in KINDS:
        raise IacError(
            f"destroy takes a function, not {function}. Nothing was changed.",
            hint="remove the resource from the stack and run apply",
        )
    return function_address(function)


def run_rollback(options: Options, function: str, to: str, auto_approve: bool) -> int:
    """Activate an earlier deployment, after asking. Nothing is built."""
    workspace = Workspace.without_stack(options)
    function = function.removeprefix("function.")
    with workspace.target() as target, workspace.store.locked("rollback"):
        state = workspace.read_state()
        must_be_managed(function, state)
        connection = provider(target)
        plan = _plan(workspace, connection, state, function, to)
        if not (options.json and auto_approve):
            show(options, plan, target, verbose=False)
        if plan.is_empty:
            tell_nothing_done(options, auto_approve, state)
            return EXIT_OK
        if not auto_approve and not confirmed(f"Activate this deployment of function.{function}?"):
            print_lines([Line("Nothing was changed.")], color=options.color)
            return EXIT_ERROR
        plan_id = snapshot_of(plan, workspace, target, state).id
        code = carry_out(
            options,
            workspace,
            plan,
            connection,
            state,
            plan_id=plan_id,
            command="rollback",
            claim="That deployment is active.",
        )
        if code == EXIT_OK and not options.json:
            text = "The stack is as it was: if it still declares the code that was active, apply activates that again."
            print_lines([Line(text)], color=options.color)
        return code


def _plan(workspace: Workspace, connection: Provider, state: State, function: str, to: str) -> Plan:
    archives = workspace.archives(connection)
    remembered = Remembered.of(state, function)
    judged = read_deployments(connection, archives, function, remembered, old_after=0.0)
    chosen = choose(function, judged, remembered, to)
    live = connection.find(function_address(function))
    if live is not None:
        deployment = connection.deployment(function, chosen.deployment.id)
        must_run(function, deployment, str(live.fields.get("runtime", "")))
    active = next((each.deployment.id for each in judged if each.role is Role.ACTIVE), "")
    address = deployment_address(function)
    before = archives.origin(function, active).digest if active else ""
    now = Live(address, frozen({"digest": before}), active)
    digest = archives.origin(function, chosen.deployment.id).digest
    return plan_rollback(workspace.environment.name, state, now, chosen, digest)
