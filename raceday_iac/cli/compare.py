"""`compare` and `promote`: environments beside each other, and what one runs brought to another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from ..comparison import Side, compare_sides, declared_side, live_side, planned_side
from ..drift import Verdict, accept, classify
from ..errors import EXIT_OK, NOTHING_CHANGED, IacError, RefusedError, StackError
from ..loading.environment import environment_file, load_environment
from ..model.evidence import Answer
from ..planning import Plan, build_plan
from ..refresh import refresh
from ..render.comparison_text import comparison_document, comparison_lines, comparison_markdown, comparison_page
from ..state.document import UNKNOWN_REVISION, Revision
from ..waiting import ThreadPoolExecutor
from .backup import NoBackup
from .commits import at_commit, full_commit
from .help import environments
from .options import Options, current, with_environment
from .plan import (
    Confirmed,
    DataLoss,
    DetailedExitCode,
    Html,
    LookAt,
    Markdown,
    Rehearse,
    Reports,
    Svg,
    Unmanaged,
    Verbose,
    load_plan,
    make_and_show,
    plan_options_of,
    where,
)
from .workspace import AutoApprove, Target, Workspace, acceptances_of, answer, first_day, make_plan, reader

app = typer.Typer()

First = Annotated[str, typer.Argument(metavar="A", help="The first environment.", autocompletion=environments)]


@app.command("compare")
def compare(
    first: First,
    second: Annotated[
        str,
        typer.Argument(
            metavar="[B]", help="The second environment, or a plan saved by plan --out.", autocompletion=environments
        ),
    ] = "",
    commit: Annotated[
        str, typer.Option(metavar="REV", help="Instead of B: compare A with the stack of this commit.")
    ] = "",
    exact: Annotated[bool, typer.Option("--exact", help="Exit 2 also when every difference is declared.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show every difference on its own line.")] = False,
    unmanaged: Unmanaged = False,
    markdown: Markdown = None,
    html: Html = None,
) -> int:
    """Refresh both, and show what differs, with both values and why."""
    options, reports = current(), Reports(markdown, html)
    reports.check(options)
    _must_be_two(options, first, second)
    if bool(second) == bool(commit):
        raise IacError(
            "Name exactly one of these: a second environment, a saved plan, --commit REV.",
            hint=f"raceday-iac compare {first} prod, or raceday-iac compare {first} --commit HEAD~1",
            unchanged=True,
        )
    if commit:
        sides = _beside_commit(options, first, commit, every_kind=unmanaged)
    elif not environment_file(options.stack, second).is_file() and Path(second).is_file():
        sides = _beside_plan(options, first, Path(second), every_kind=unmanaged)
    else:
        sides = _both_live(options, first, second, every_kind=unmanaged)
    found = compare_sides(*sides, exact=exact or bool(commit))
    reports.write({"markdown": lambda: comparison_markdown(found), "html": lambda: comparison_page(found)})
    if not reports.to_stdout:
        answer(options, comparison_document(found), comparison_lines(found, verbose=verbose))
    return found.exit_code


def _must_be_two(options: Options, first: str, second: str) -> None:
    """Raises IacError unless the command line names two environments, and only where they belong."""
    if options.env_named:
        raise IacError("--env has no effect here: both environments are named.", hint="leave it out", unchanged=True)
    if first == second:
        raise IacError(
            f"Both environments are {first}.",
            hint=f"to compare it with its own stack: raceday-iac drift --env {first}",
            unchanged=True,
        )


def _both_live(options: Options, first: str, second: str, *, every_kind: bool) -> tuple[Side, Side]:
    """Both environments, looked at at once."""
    workspaces = [_loaded(with_environment(options, name, "compare")) for name in (first, second)]
    with ExitStack() as opened, ThreadPoolExecutor(max_workers=len(workspaces)) as pool:
        looks = []
        for workspace in workspaces:
            with _saying_which(workspace):
                target = opened.enter_context(workspace.target())
            looks.append(pool.submit(_look, workspace, target, every_kind=every_kind))
        one, other = (each.result() for each in looks)
    return one, other


def _beside_commit(options: Options, first: str, commit: str, *, every_kind: bool) -> tuple[Side, Side]:
    """An environment, and what a commit's stack says of it. Here that is its own stack."""
    chosen = with_environment(options, first, "compare")
    with at_commit(chosen, full_commit(options.root, commit)) as workspace, workspace.target() as target:
        side = _look(workspace, target, every_kind=every_kind)
    return side, declared_side(f"commit {commit}", workspace.desired)


def _beside_plan(options: Options, first: str, file: Path, *, every_kind: bool) -> tuple[Side, Side]:
    """An environment, and what a saved plan says of what it changes."""
    saved = load_plan(file)
    workspace = _loaded(with_environment(options, first, "compare"))
    with workspace.target() as target:
        return _look(workspace, target, every_kind=every_kind), planned_side(file.name, saved)


def _loaded(options: Options) -> Workspace:
    return Workspace.load(options, reading=True, sending=False)


def _look(workspace: Workspace, target: Target, *, every_kind: bool) -> Side:
    """What is live in an environment. Nothing is counted, for nothing will be lost."""
    with _saying_which(workspace):
        state, connection = workspace.read_state(), reader(target)
        desired, name = workspace.desired, workspace.environment.name
        snapshot = refresh(connection, desired, state, workspace.archives(connection), every_kind=every_kind)
        plan = build_plan(name, desired, state, snapshot, lambda _: Answer(0))
        applied = f", {state.revision}" if state.revision.commit else ""
        verdict = _verdict_of(workspace, plan)
        return live_side(name, f"{where(plan, target)}{applied}", desired, state, snapshot, plan, verdict)


def _verdict_of(workspace: Workspace, plan: Plan) -> Verdict:
    """What differs from its own stack, with what is accepted set apart as `drift` does."""
    return accept(classify(plan), acceptances_of(workspace.options), first_day(""))


@contextmanager
def _saying_which(workspace: Workspace) -> Iterator[None]:
    """An error says of which of the environments it is."""
    try:
        yield
    except IacError as error:
        error.message = f"Environment {workspace.environment.name}: {error.message}"
        raise


# What one environment runs, for another one.


@app.command("promote")
def promote(
    first: Annotated[
        str, typer.Argument(metavar="A", help="The environment that runs the commit.", autocompletion=environments)
    ],
    second: Annotated[
        str, typer.Argument(metavar="B", help="The environment to bring it to.", autocompletion=environments)
    ],
    out: Annotated[Path | None, typer.Option(help="Save the plan, to apply exactly this later.")] = None,
    apply: Annotated[bool, typer.Option("--apply", help="Apply the plan, after asking.")] = False,
    auto_approve: AutoApprove = False,
    detailed_exitcode: DetailedExitCode = False,
    verbose: Verbose = False,
    allow_data_loss: DataLoss = [],  # noqa: B006 - typer copies it
    confirm: Confirmed = [],  # noqa: B006
    look_at: LookAt = 0,
    rehearse: Rehearse = False,
    no_backup: NoBackup = False,
    markdown: Markdown = None,
    html: Html = None,
    svg: Svg = None,
) -> int:
    """Plan for B what A runs: the stack of that very commit, with its code."""
    options, reports = current(), Reports(markdown, html, svg)
    reports.check(options)
    _must_be_two(options, first, second)
    if auto_approve and not apply:
        raise IacError("--auto-approve has no effect without --apply.", unchanged=True)
    if apply and (out is not None or reports.are_wanted or rehearse):
        raise IacError(
            "--apply cannot be combined with --out, --rehearse or a report. Save the plan first, then apply it.",
            unchanged=True,
        )
    plan_options = plan_options_of(allow_data_loss=allow_data_loss, confirm=confirm, look_at=look_at)
    chosen = with_environment(options, second, "promote")
    load_environment(chosen.stack, second)
    commit = _runs(with_environment(options, first, "promote"))
    origin = f"; commit {commit[:12]}, which {first} runs"
    is_sent = apply or out is not None
    with at_commit(chosen, commit, reading=not apply, sending=is_sent) as workspace:
        if not apply:
            return make_and_show(
                workspace,
                plan_options,
                reports,
                out=out,
                verbose=verbose,
                detailed=detailed_exitcode,
                rehearses=rehearse,
                origin=origin,
                promoted={"from": first, "commit": commit},
            )
        from .apply import needing_numbers, plan_and_apply

        plan_options = needing_numbers(plan_options, auto_approve=auto_approve)
        return plan_and_apply(
            workspace,
            plan_options,
            auto_approve=auto_approve,
            parallelism=8,
            verbose=verbose,
            keeps=not no_backup,
            origin=origin,
        )


def _runs(options: Options) -> str:
    """The commit that an environment runs: its stack makes an empty plan there. The one that is checked out is asked
    first, then the one that was applied last. Raises RefusedError where it runs neither."""
    name, applied, broken_off = options.env, *_applied(options)
    if broken_off:
        raise _not_clean(name, [f"an apply was interrupted during {broken_off[0]}"])
    now = _checked_out(options)
    asked = [now.commit] if now.commit and not now.is_dirty else []
    if applied.commit and not applied.is_dirty and applied.commit not in asked:
        asked.append(applied.commit)
    reasons: list[str] = []
    for commit in asked:
        with at_commit(options, commit) as workspace, _saying_which(workspace), workspace.target() as target:
            plan = make_plan(workspace, workspace.read_state(), reader(target))
        if _verdict_of(workspace, plan).exit_code == EXIT_OK and not plan.refusals:
            return commit
        reasons = list(_left(plan, commit))
    if now.is_dirty:
        reasons.append(f"the checked-out files are {now}, which are not committed (see git status)")
    if not applied.commit:
        reasons.append("its state does not name the commit that was applied last")
    elif applied.is_dirty:
        reasons.append(f"what was applied last was {applied}, which were not committed")
    raise _not_clean(name, reasons)


def _checked_out(options: Options) -> Revision:
    try:
        return _loaded(options).revision
    except StackError:
        # What is being written here is nobody's business.
        return UNKNOWN_REVISION


def _applied(options: Options) -> tuple[Revision, Sequence[str]]:
    """What was applied last, and what an apply has left in the middle."""
    workspace = replace(Workspace.without_stack(options), reading=True)
    with _saying_which(workspace), workspace.target():
        return workspace.read_state().revision, workspace.store.interrupted_changes()


def _left(plan: Plan, commit: str) -> Iterator[str]:
    """Why an environment does not run a commit."""
    for change in plan.changes[:_SHOWN]:
        drift = " (drift)" if change.drifted else ""
        yield f"by commit {commit[:12]}: {change.action} {change.address}: {change.reason}{drift}"
    if len(plan.changes) > _SHOWN:
        yield f"by commit {commit[:12]}: and {len(plan.changes) - _SHOWN} more"
    yield from (f"by commit {commit[:12]}: {each.message}" for each in plan.refusals[:_SHOWN])


_SHOWN = 5


def _not_clean(name: str, reasons: Iterable[str]) -> RefusedError:
    lines = "".join(f"\n  - {each}" for each in reasons)
    return RefusedError(
        f"Environment {name} does not run exactly what a commit says, so it cannot be promoted. "
        f"{NOTHING_CHANGED}{lines}",
        hint=f"commit what should run, then: raceday-iac apply --env {name}; to see the differences: "
        f"raceday-iac drift --env {name}",
    )
