"""`raceday-iac plan` and `raceday-iac show`."""

from __future__ import annotations

from pathlib import Path

from ..errors import EXIT_CHANGES, EXIT_OK, EXIT_REFUSED, IacError
from ..planning import Plan
from ..planning.saved import SavedPlan, read_plan, saved_plan
from ..render.lines import Line, print_json, print_lines
from ..render.plan_json import plan_document
from ..render.plan_text import plan_lines
from ..render.saved_text import saved_lines
from ..state.document import State
from .options import Options
from .target import Target
from .wishing import Asked, wishes_of
from .workspace import Workspace, make_plan, reader


def run(options: Options, asked: Asked, detailed_exitcode: bool, verbose: bool, out: Path | None) -> int:
    """Show the plan, and save it where that was asked for."""
    wishes = wishes_of(asked)
    workspace = Workspace.load(options)
    with workspace.target() as target:
        state = workspace.store.read()
        plan = make_plan(workspace, state, reader(target), wishes)
        show(options, plan, target, verbose=verbose)
    if plan.refusals:
        return EXIT_REFUSED
    if out is not None:
        _save(options, snapshot_of(plan, workspace, target, state), out)
    return EXIT_CHANGES if detailed_exitcode and not plan.is_empty else EXIT_OK


def run_show(options: Options, file: Path) -> int:
    """Show a saved plan. Needs no server."""
    saved = load_plan(file)
    if options.json:
        print_json({"id": saved.id, **saved.content})
    else:
        print_lines(saved_lines(saved), color=options.color)
    return EXIT_OK


def show(options: Options, plan: Plan, target: Target, *, verbose: bool) -> None:
    """Print a plan in the form asked for."""
    if options.json:
        print_json(plan_document(plan))
        return
    print_lines(plan_lines(plan, where(plan, target), verbose=verbose), color=options.color)
    if not plan.is_empty and not plan.refusals:
        print_lines([Line()], color=options.color)


def where(plan: Plan, target: Target) -> str:
    version = f", Appwrite {plan.server_version}" if plan.server_version else ""
    return f"project {target.project} at {target.endpoint}{version}"


def snapshot_of(plan: Plan, workspace: Workspace, target: Target, state: State) -> SavedPlan:
    """The plan as it is saved, or as it is compared with a saved one."""
    return saved_plan(plan, workspace.desired, workspace.environment.endpoint, target.project, state.salt)


def load_plan(file: Path) -> SavedPlan:
    """Read a plan file. Raises IacError when it is none."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise IacError(f"The plan {file} cannot be read: {reason}. Nothing was changed.") from None
    return read_plan(text, str(file))


def _save(options: Options, saved: SavedPlan, out: Path) -> None:
    try:
        out.write_text(saved.to_text(), encoding="utf-8")
    except OSError as error:
        raise IacError(f"The plan could not be saved to {out}: {error.strerror or error}.") from None
    if not options.json:
        text = f"Saved as {out} (plan {saved.id[:12]}). To run exactly this: raceday-iac apply {out}"
        print_lines([Line(text)], color=options.color)
