"""`raceday-iac apply`."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path

from ..applying import Applied, apply_plan
from ..counting import counted
from ..errors import EXIT_ERROR, EXIT_OK, EXIT_REFUSED, IacError, RefusedError
from ..planning import Plan, Wishes
from ..planning.saved import SavedPlan, must_be_sealed, verify
from ..provider import Provider
from ..render.lines import Line, print_json, print_lines, printable
from ..render.outcome import AS_DECLARED, applied_document, applied_lines
from ..render.progress import progress
from ..state.document import State
from .auditing import recorded
from .options import Options, begin_changes, with_environment
from .plan import load_plan, show, snapshot_of
from .wishing import Asked, wishes_of
from .workspace import Workspace, make_plan, provider


def run(
    options: Options, asked: Asked, auto_approve: bool, parallelism: int, verbose: bool, file: Path | None = None
) -> int:
    """Plan, ask, apply, and look again. A saved plan in `file` was reviewed: it is run as it is, or not at all."""
    saved = None if file is None else load_plan(file)
    if saved is not None:
        _refuse_options(options, asked, saved)
        options, auto_approve = with_environment(options, saved.environment), True
    wishes = asked_wishes(asked, saved, auto_approve=auto_approve)
    workspace = Workspace.load(options)
    with workspace.target() as target, workspace.store.locked("apply"):
        _mention_interrupted_run(options, workspace)
        state = workspace.read_state()
        connection = provider(target, parallelism)
        if saved is not None:
            must_be_sealed(saved, str(file), state.lineage, state.salt if state.serial else "")
        plan = make_plan(workspace, state, connection, wishes, saved.evidence if saved is not None else None)
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


def asked_wishes(asked: Asked, saved: SavedPlan | None, *, auto_approve: bool) -> Wishes:
    """What is asked for. A saved plan was shown with its numbers; otherwise they are only where somebody is asked."""
    if saved is not None:
        return saved.wishes
    return replace(wishes_of(asked), numbers_needed=auto_approve or not sys.stdin.isatty())


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
    again = make_plan(workspace, applied.state, connection, Wishes(refresh_only=plan.wishes.refresh_only))
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
    if plan.wishes.refresh_only:
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
