"""The proof that a written stack changes nothing: loaded as any stack file, its plan is empty."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from ..errors import IacError, StackError
from ..importing.adoption import adopt, chosen
from ..importing.project import Project
from ..importing.source import PLAIN, Source
from ..loading.environment import Environment
from ..loading.resolve import resolve
from ..loading.stack_file import load_stack
from ..model.address import Address
from ..model.evidence import Answer
from ..model.resource import Desired, Live
from ..planning import Plan, build_plan
from ..provider import Snapshot
from ..state.document import new_state


def must_change_nothing(source: Source, project: Project) -> None:
    """Raises IacError when the plan of the source, adopted, is not empty. That is a defect of this tool."""
    changes = _plan(_loaded(source, PLAIN), project.resources).changes
    if changes:
        raise IacError(
            f"The source would not have come out as what is there ({changes[0].key}: {changes[0].reason}). "
            "Nothing was written.",
            hint="this is a defect of raceday-iac; import the rest by naming addresses",
        )


def differs_in(environment: Environment, source: Source, project: Project) -> list[str]:
    """What the environment's own settings make different from what was found."""
    try:
        changes = _plan(_loaded(source, environment), project.resources).changes
    except StackError as error:
        return [f"environment {environment.name}: {problem}" for problem in error.problems]
    return [f"environment {environment.name} makes a difference: {each.key}" for each in changes]


def _loaded(source: Source, environment: Environment) -> Desired:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "imported.py"
        file.write_text(source.text, encoding="utf-8")
        return resolve(load_stack(file), environment, Path(folder), dict.fromkeys(source.secrets, "unknown"))


def _plan(desired: Desired, real: Mapping[Address, Live]) -> Plan:
    """The plan after adopting everything. Nothing is lost by a plan that must be empty, so nothing is counted."""
    state = adopt(desired, new_state(), real, chosen(desired, ())).state
    return build_plan("import", desired, state, Snapshot(real), lambda _question: Answer(None))
