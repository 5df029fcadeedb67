"""Executions that the server has lost. Pure.

Appwrite has no endpoint that ends an execution: deleting one that waits or is processing is refused (1.8.1: 400
execution_in_progress). So a lost one stays in the list, and what can be mended is what it left undone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from ..health.daily import did_its_work, is_under_way
from ..health.observations import FunctionSeen, Observation, moment
from ..health.runs import standing
from ..health.watched import Watched
from ..provider.protocol import Execution
from .steps import Left, Recovery, Remedy, Step

_NO_ENDPOINT = "Appwrite has no endpoint that ends it (its deletion is refused while it is in progress)"


def execution_steps(observation: Observation, watched: Watched, held: Collection[str]) -> Recovery:
    """`held` are functions whose lock is held by a run that lives."""
    steps: list[Step] = []
    left: list[Left] = []
    for seen in observation.functions:
        lost = []
        for each in seen.unfinished:
            state = standing(each, seen.timeout, watched.grace, observation.now)
            if state == "expired":
                steps.append(_forget(seen, each))
            elif state:
                lost.append(each)
        if not lost:
            continue
        reason = _why_not_again(seen, lost[0], observation, watched, held)
        if reason:
            left += _told(seen, lost, reason)
        else:
            steps.append(_again(seen, lost[0]))
            left += _told(seen, lost, "it is started once more instead")
    return Recovery(tuple(steps), tuple(left))


def _forget(seen: FunctionSeen, execution: Execution) -> Step:
    why = (
        f"it was to begin at {execution.scheduled_at[:16]} UTC, which has passed: Appwrite does not make up for it, "
        "and nothing of it has run"
    )
    what = f"delete the scheduled execution {execution.id}"
    return Step(Remedy.DELETE_EXECUTION, f"function.{seen.id}", execution.id, what, why)


def _again(seen: FunctionSeen, lost: Execution) -> Step:
    why = (
        f"execution {lost.id} was lost by the server, nothing has done its work since, and health.yaml says that "
        "starting it once more is safe"
    )
    return Step(Remedy.RUN, f"function.{seen.id}", "", f"start {seen.id} once more", why, chain=seen.id)


def _why_not_again(
    seen: FunctionSeen, lost: Execution, observation: Observation, watched: Watched, held: Collection[str]
) -> str:
    """Why it is not started once more; nothing when it is."""
    since = moment(lost.created_at)
    later = [each for each in seen.executions if moment(each.created_at) > since]
    if any(did_its_work(each) for each in later):
        return "a later run has done the work"
    if any(is_under_way(each, seen, watched, observation.now) for each in later):
        return "another run is under way"
    if seen.id in watched.daily:
        return "whether its day has to be made up for is decided with the daily runs"
    if seen.id in held:
        return "its lock is held by a run that lives"
    if not watched.of(seen.id).restart:
        return f"health.yaml does not say that {seen.id} may be started once more (restart: true)"
    return "" if seen.active else "it has no active deployment"


def _told(seen: FunctionSeen, lost: list[Execution], reason: str) -> Iterator[Left]:
    for each in lost:
        what = f"execution {each.id} is {each.status} since {each.created_at[:16]} UTC"
        yield Left(f"function.{seen.id}", what, f"{_NO_ENDPOINT}; {reason}")
