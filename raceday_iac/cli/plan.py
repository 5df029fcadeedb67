"""`raceday-iac plan` and `raceday-iac show`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from ..errors import EXIT_CHANGES, EXIT_OK, EXIT_REFUSED, RefusedError
from ..loading.state_settings import LocalSettings
from ..planning import Plan, Wishes
from ..planning.restored import restored
from ..planning.saved import SavedPlan, read_plan, saved_plan
from ..render.lines import Line, print_json, print_lines
from ..render.plan_json import plan_document
from ..render.plan_text import plan_lines
from ..render.saved_text import saved_lines
from ..state.document import State
from .options import Options
from .reading import read_text
from .reports import Reports
from .target import Target
from .wishing import Asked, wishes_of
from .workspace import Workspace, make_plan, reader
from .writing import write_file


def run(
    options: Options,
    asked: Asked,
    detailed_exitcode: bool,
    verbose: bool,
    out: Path | None,
    reports: Reports,
) -> int:
    """Show the plan, and save it where that was asked for."""
    wishes = wishes_of(asked)
    reports.check(options)
    workspace = Workspace.load(options, reading=True)
    with workspace.target() as target:
        state = workspace.read_state()
        if out is not None and not state.serial:
            state = _with_key(workspace, state, wishes)
        plan = make_plan(workspace, state, reader(target), wishes)
        saved = None if out is None or plan.refusals else snapshot_of(plan, workspace, target, state)
        if out is not None and saved is not None:
            write_file(out, saved.to_text(), private=True)
        _report(reports, plan, where(plan, target))
        if not reports.to_stdout:
            show(options, plan, target, verbose=verbose, **_where_saved(saved, out))
    if out is not None and not options.json and not reports.to_stdout:
        print_lines(_saved_lines(saved, out), color=options.color)
    if plan.refusals:
        return EXIT_REFUSED
    return EXIT_CHANGES if detailed_exitcode and not plan.is_empty else EXIT_OK


def _with_key(workspace: Workspace, state: State, wishes: Wishes) -> State:
    """A state that can seal a plan. Where it is kept by this machine, an empty one is begun; elsewhere, a command that
    only looks cannot write it. Raises RefusedError for options that nothing could prove."""
    if isinstance(workspace.environment.state, LocalSettings):
        with workspace.store.locked("plan --out"):
            found = workspace.read_state()
            if not found.serial:
                found = replace(found, serial=1)
                workspace.store.write(found)
            return found
    if wishes != Wishes():
        raise RefusedError(
            "There is no state yet that could seal the options of this plan, so whoever applies it could not tell "
            "whether they were added later. Nothing was saved.",
            hint="save a plan without options, or begin the state: raceday-iac import --all",
        )
    return state


def _report(reports: Reports, plan: Plan, place: str) -> None:
    if not reports.are_wanted:
        return
    # Not needed by most runs, and each start pays for what is imported.
    from ..render.plan_graph import plan_svg
    from ..render.plan_markdown import plan_markdown
    from ..render.plan_page import plan_page

    reports.write(
        {
            "markdown": lambda: plan_markdown(plan, place),
            "html": lambda: plan_page(plan, place),
            "svg": lambda: plan_svg(plan, place),
        }
    )


def run_show(options: Options, file: Path, reports: Reports) -> int:
    """Show a saved plan. Needs no server."""
    reports.check(options)
    saved = load_plan(file)
    _report(reports, restored(saved), _where_made(saved))
    if reports.to_stdout:
        return EXIT_OK
    if options.json:
        print_json({"id": saved.id, **saved.content})
    else:
        print_lines(saved_lines(saved), color=options.color)
    return EXIT_OK


def show(options: Options, plan: Plan, target: Target, *, verbose: bool, **more: object) -> None:
    """Print a plan in the form asked for. Machines are told `more`."""
    if options.json:
        print_json({**plan_document(plan), **more})
        return
    print_lines(plan_lines(plan, where(plan, target), verbose=verbose), color=options.color)
    if not plan.is_empty and not plan.refusals:
        print_lines([Line()], color=options.color)


def where(plan: Plan, target: Target) -> str:
    version = f", Appwrite {plan.server_version}" if plan.server_version else ""
    return f"project {target.project} at {target.endpoint}{version}"


def _where_made(saved: SavedPlan) -> str:
    content = saved.content
    version = f", Appwrite {content['serverVersion']}" if content["serverVersion"] else ""
    return f"project {content['project']} at {content['endpoint']}{version}; saved plan {saved.id[:12]}"


def snapshot_of(plan: Plan, workspace: Workspace, target: Target, state: State) -> SavedPlan:
    """The plan as it is saved, or as it is compared with a saved one."""
    return saved_plan(plan, workspace.desired, workspace.environment.endpoint, target.project, state.salt)


def load_plan(file: Path) -> SavedPlan:
    """Read a plan file. Raises IacError when it is none."""
    return read_plan(read_text(file, f"The plan {file}"), str(file))


def _where_saved(saved: SavedPlan | None, out: Path | None) -> dict[str, object]:
    return {} if saved is None else {"saved": {"file": str(out), "id": saved.id}}


def _saved_lines(saved: SavedPlan | None, out: Path) -> Iterator[Line]:
    if saved is None:
        yield Line(f"Not saved as {out}: a plan that is refused cannot be applied.", "red")
    else:
        yield Line(f"Saved as {out} (plan {saved.id[:12]}). To run exactly this: raceday-iac apply {out}")
