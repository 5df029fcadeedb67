"""What is written about a run: its beginning, with everything it is about to do, and its end. Pure; no secrets.

Values of variables are never written, secret or not: a log lives long and is read by many.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..applying import Applied
from ..errors import IacError
from ..importing.adoption import Adoption
from ..kinds.base import thaw
from ..model.address import Address
from ..planning import Change, Plan
from ..recovery.steps import Done, Recovery
from ..state.binding import Binding
from ..state.document import State

_HIDDEN = "***"


@dataclass(frozen=True)
class Run:
    """Who does what where. `plan` identifies the plan by the hash of its canonical form."""

    command: str
    environment: str
    plan: str
    who: str
    host: str
    version: str


def begin(run: Run, plan: Plan, at: datetime) -> dict[str, Any]:
    """Written before the first change: a run that is killed leaves this, and no end."""
    return {
        **_opening(run, "begin", at),
        "plan": run.plan,
        "lineage": plan.lineage,
        "serial": plan.serial,
        "changes": [_change(each) for each in plan.changes],
    }


def end(run: Run, begun: int, applied: Applied, at: datetime) -> dict[str, Any]:
    """What came of the run that the record `begun` began."""
    result = "success" if applied.complete else "interrupted" if applied.interrupted else "failed"
    return {
        **_ending(run, begun, result, at),
        "serial": applied.state.serial,
        "done": [each.key for each in applied.done],
        "failed": [{"change": each.key, "error": _error(error, each)} for each, error in applied.failed]
        + [{"change": "", "error": _error(error)} for error in applied.unsettled],
        "skipped": [each.key for each in applied.skipped],
    }


def broken_off(run: Run, begun: int, reason: str, at: datetime) -> dict[str, Any]:
    """A run that ended by an error outside its changes: the state could not be saved, and the like."""
    return {**_ending(run, begun, "failed", at), "error": reason}


def imported(run: Run, adoption: Adoption, at: datetime) -> dict[str, Any]:
    """An import changes the state alone, in one step."""
    return {
        **_opening(run, "import", at),
        "lineage": adoption.state.lineage,
        "serial": adoption.state.serial,
        "adopted": sorted(map(str, (*adoption.adopted, *(each.address for each in adoption.differing)))),
    }


def rebound(run: Run, before: Binding, state: State, at: datetime) -> dict[str, Any]:
    """The state belongs to another endpoint, project or stack from now on."""
    return {
        **_opening(run, "rebind", at),
        "lineage": state.lineage,
        "serial": state.serial,
        "before": before.to_json(),
        "after": state.bound.to_json(),
    }


def cleaned(run: Run, address: Address, outcome: Mapping[str, str], at: datetime) -> dict[str, Any]:
    """Orphaned deployments of a function were deleted; `outcome` has what went wrong with each, or nothing."""
    return {
        **_opening(run, "clean", at),
        "address": str(address),
        "deleted": [name for name, problem in outcome.items() if not problem],
        "failed": {name: problem.partition("\n")[0] for name, problem in outcome.items() if problem},
    }


def recovering(run: Run, recovery: Recovery, at: datetime) -> dict[str, Any]:
    """Written before the first step of a recovery."""
    return {
        **_opening(run, "begin", at),
        "plan": run.plan,
        "steps": [{"step": each.key, "what": each.what, "why": each.why} for each in recovery.steps],
    }


def recovered(run: Run, begun: int, done: Sequence[Done], at: datetime) -> dict[str, Any]:
    """What came of the steps."""
    failed = [{"step": each.step.key, "error": each.problem.partition("\n")[0]} for each in done if each.problem]
    return {
        **_ending(run, begun, "failed" if failed else "success", at),
        "done": [each.step.key for each in done if not each.problem and each.was_needed],
        "failed": failed,
        "skipped": [each.step.key for each in done if not each.was_needed],
    }


def _opening(run: Run, event: str, at: datetime) -> dict[str, Any]:
    return {
        "at": at.isoformat(timespec="milliseconds"),
        "event": event,
        "command": run.command,
        "environment": run.environment,
        "who": run.who,
        "host": run.host,
        "version": run.version,
    }


def _ending(run: Run, begun: int, result: str, at: datetime) -> dict[str, Any]:
    return {
        "at": at.isoformat(timespec="milliseconds"),
        "event": "end",
        "command": run.command,
        "begun": begun,
        "plan": run.plan,
        "result": result,
    }


def _change(change: Change) -> dict[str, Any]:
    is_variable = change.address.kind == "variable"
    return {
        "address": str(change.address),
        "action": str(change.action),
        "reason": change.reason,
        "fields": [
            {
                "name": each.name,
                "before": _HIDDEN if is_variable else thaw(each.before),
                "after": _HIDDEN if is_variable else thaw(each.after),
            }
            for each in change.fields
        ],
    }


def _error(error: IacError, change: Change | None = None) -> str:
    """The first line of a message; of a variable only what sort of error it was, for messages repeat values."""
    if change is not None and change.address.kind == "variable":
        return type(error).__name__
    return error.message.partition("\n")[0]
