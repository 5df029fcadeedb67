"""Running the command line in this process: for looks between the steps of a walk, whose starts would cost minutes."""

from __future__ import annotations

import io
from contextlib import redirect_stderr, redirect_stdout

import pytest

from .command import Ended
from .project import ENVIRONMENT, Project
from .walk import Walk


def look(walk: Walk, name: str, *words: str) -> Ended:
    """A step that runs here. Standard input is no terminal."""
    walk.project.proxy.forget()
    walk.outcome[name] = run_here(walk.project, *words)
    walk.requests[name] = walk.project.proxy.exchanges()
    return walk.outcome[name]


def run_here(project: Project, *words: str, answer: str = "") -> Ended:
    """A whole run, however it ends. `answer` is what stands on its standard input."""
    from raceday_iac.cli.main import execute

    out, err = io.StringIO(), io.StringIO()
    command = [*words, "--env", ENVIRONMENT, "--stack", str(project.stack_file)]
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        for name, value in {**project._own_variables(), **project.variables}.items():
            patch.setenv(name, value)
        patch.setattr("sys.stdin", io.StringIO(answer))
        code = execute(command)
    return Ended(" ".join(["raceday-iac", *command]), code, out.getvalue(), err.getvalue())
