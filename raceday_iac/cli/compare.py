"""`compare` and `promote`: environments beside each other, and what one runs brought to another."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from ..comparison import Side, compare_sides, declared_side, live_side, planned_side
from ..errors import IacError
from ..loading.environment import environment_file, load_environment
from ..loading.stack_file import load_stack
from ..model.evidence import Answer
from ..model.secret import Lenient
from ..planning import build_plan
from ..refresh import refresh
from ..render.comparison_text import comparison_document, comparison_lines, comparison_markdown, comparison_page
from ..waiting import ThreadPoolExecutor
from .commits import files_of, full_commit
from .completion import environments
from .options import Options, current, with_environment
from .plan import Html, Markdown, Reports, Unmanaged, load_plan, where
from .workspace import Target, Workspace, answer, reader

app = typer.Typer()

First = Annotated[str, typer.Argument(metavar="A", help="An environment.", autocompletion=environments)]


@app.command("compare")
def compare(
    first: First,
    second: Annotated[
        str,
        typer.Argument(metavar="[B]", help="Another one, or a plan saved by plan --out.", autocompletion=environments),
    ] = "",
    commit: Annotated[
        str, typer.Option(metavar="REV", help="Instead of B: what the stack of this commit says of A.")
    ] = "",
    exact: Annotated[
        bool, typer.Option("--exact", help="Exit 2 also where they differ only in what is declared so.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="A line for everything.")] = False,
    unmanaged: Unmanaged = False,
    markdown: Markdown = None,
    html: Html = None,
) -> int:
    """Refresh both, and show what differs, with both values and why."""
    options, reports = current(), Reports(markdown, html)
    reports.check(options)
    _must_be_two(options, first, second, commit)
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


def _must_be_two(options: Options, first: str, second: str, commit: str) -> None:
    """Raises IacError unless the command line names two sides."""
    if options.env_named:
        raise IacError(
            "--env says nothing here: both sides are named.",
            hint=f"raceday-iac compare {first} {second or '…'}",
            unchanged=True,
        )
    if bool(second) == bool(commit):
        raise IacError(
            "Name a second environment, a saved plan, or --commit REV; one of them.",
            hint=f"raceday-iac compare {first} prod, or raceday-iac compare {first} --commit HEAD~1",
            unchanged=True,
        )
    if first == second:
        raise IacError(
            f"{first} is the same environment twice.",
            hint=f"whether it is as its stack says: raceday-iac drift --env {first}",
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


@contextmanager
def at_commit(options: Options, commit: str, *, sending: bool = False) -> Iterator[Workspace]:
    """The stack of a commit (a whole hash) in an environment, for as long as the block lasts: code is read from its
    files. Where the environment is, and where its state is kept, is as it is said now; what it overrides, as the commit
    says. Raises IacError."""
    now, root = load_environment(options.stack, options.env), options.root
    variables = os.environ if sending else Lenient(os.environ)
    with files_of(root, commit) as files:
        stack_file = files / options.stack.resolve().relative_to(root)
        if not stack_file.is_file():
            raise IacError(f"Commit {commit[:12]} has no {stack_file.relative_to(files)}.", unchanged=True)
        environment = now
        if environment_file(stack_file, options.env).is_file():
            then = load_environment(stack_file, options.env)
            environment = now.model_copy(update={name: getattr(then, name) for name in _OF_COMMIT})
        workspace = Workspace.of(options, load_stack(stack_file), environment, variables, root=files)
        yield replace(workspace, reading=not sending)


#: What an environment file says that belongs to the stack; the rest says how it is reached.
_OF_COMMIT = ("schedules", "build_patience", "overrides", "file")


def _look(workspace: Workspace, target: Target, *, every_kind: bool) -> Side:
    """What is live in an environment. Nothing is counted, for nothing will be lost."""
    with _saying_which(workspace):
        state, connection = workspace.read_state(), reader(target)
        desired, name = workspace.desired, workspace.environment.name
        snapshot = refresh(connection, desired, state, workspace.archives(connection), every_kind=every_kind)
        plan = build_plan(name, desired, state, snapshot, lambda _: Answer(0))
        return live_side(name, where(plan, target), desired, state, snapshot, plan)


@contextmanager
def _saying_which(workspace: Workspace) -> Iterator[None]:
    """An error says of which of the environments it is."""
    try:
        yield
    except IacError as error:
        error.message = f"Environment {workspace.environment.name}: {error.message}"
        raise
