"""`raceday-iac apply`."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable

from ..applying import Applied, apply_plan
from ..errors import EXIT_ERROR, EXIT_INTERRUPTED, EXIT_OK, EXIT_REFUSED, RefusedError
from ..planning import Plan
from ..provider import Provider
from ..render.lines import Line, print_json, print_lines
from ..render.outcome import applied_document, applied_lines
from ..render.progress import progress
from ..state.document import State
from .options import Options, begin_changes
from .plan import addresses, show
from .workspace import Workspace, make_plan, provider


def run(options: Options, auto_approve: bool, parallelism: int, verbose: bool, allow_data_loss: Iterable[str]) -> int:
    """Plan, ask, apply, and look again."""
    workspace = Workspace.load(options)
    allowed = addresses(allow_data_loss)
    with workspace.target() as target, workspace.store.locked("apply"):
        _mention_interrupted_run(options, workspace)
        state = workspace.store.read()
        connection = provider(target, parallelism)
        plan = make_plan(workspace, state, connection, allowed)
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
        return carry_out(options, workspace, plan, connection, state, parallelism)


def carry_out(
    options: Options,
    workspace: Workspace,
    plan: Plan,
    connection: Provider,
    state: State,
    parallelism: int = 8,
    *,
    look_again: bool = True,
) -> int:
    """Apply an approved plan, look again, and say what came of it."""
    workspace.store.keep_backup()
    begin_changes()
    begun = time.monotonic()
    with progress(len(plan.changes), as_json=options.json, color=options.color) as observer:
        applied = apply_plan(
            plan, workspace.desired, workspace.bundles, connection, workspace.store, state, observer, parallelism
        )
    seconds = time.monotonic() - begun
    left = _what_is_left(workspace, connection, applied, plan) if look_again else ()
    if options.json:
        print_json({"applied": applied_document(applied, left, seconds)})
    else:
        print_lines(applied_lines(applied, left, seconds), color=options.color)
        _repeat_failure(applied)
    if applied.complete:
        workspace.store.clear_journal()
    if applied.interrupted:
        return EXIT_INTERRUPTED
    if applied.failed:
        return applied.failed[0][1].exit_code
    return EXIT_OK if applied.complete and not left else EXIT_ERROR


def _what_is_left(workspace: Workspace, connection: Provider, applied: Applied, plan: Plan) -> tuple[str, ...]:
    """After a complete apply everything must be as planned: look, do not assume."""
    if not applied.complete:
        return ()
    again = make_plan(workspace, applied.state, connection)
    planned = {change.address for change in plan.changes}
    return tuple(change.key for change in again.changes if change.address in planned)


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
        count = f"{len(applied.failed)} of {len(applied.failed) + len(applied.done)} changes failed"
        print(f"Error: {count}; {change.key}: {first}", file=sys.stderr)  # noqa: T201


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
