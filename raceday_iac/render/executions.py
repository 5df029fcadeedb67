"""Executions and build logs for people and machines."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from ..kinds import as_typed
from ..model.address import Address
from ..provider.protocol import Deployment, Execution
from ..recovery.planning import Done, Recovery
from ..refresh.deployments import Classified, Role, age
from .lines import Line, printable


def execution_lines(execution: Execution, *, with_body: bool = False) -> Iterator[Line]:
    """One execution: how it ended, its logs, its errors, and its answer when there is one."""
    failed = execution.status == "failed" or execution.response_status >= 400
    yield Line(
        f"{execution.created_at[:19]}  {execution.function}  {execution.status} {execution.response_status or ''}  "
        f"{execution.duration:.2f} s  {execution.trigger}  {execution.id}",
        "bold red" if failed else "bold green",
    )
    yield from (Line(f"    {text}") for text in execution.logs.strip().splitlines())
    yield from (Line(f"    ! {text}", "red") for text in execution.errors.strip().splitlines())
    if with_body and execution.response_body:
        yield Line("  answer:")
        yield from (Line(f"    {text}") for text in readable(execution.response_body).splitlines())


def readable(body: str) -> str:
    """JSON on several lines; anything else as it is."""
    try:
        return json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except ValueError:
        return body


def execution_document(execution: Execution) -> dict[str, Any]:
    return {
        "id": execution.id,
        "function": execution.function,
        "status": execution.status,
        "trigger": execution.trigger,
        "responseStatusCode": execution.response_status,
        "responseBody": execution.response_body,
        "logs": execution.logs,
        "errors": execution.errors,
        "seconds": execution.duration,
        "createdAt": execution.created_at,
    }


def build_lines(owner: Address, deployment: Deployment) -> Iterator[Line]:
    """A deployment's build log."""
    yield Line(f"{as_typed(owner)}  deployment {deployment.id}  {deployment.status}", "bold")
    yield from (Line(f"    {text}") for text in printable(deployment.log).strip().splitlines())


# Deployments for people and machines.


_STYLES = {
    Role.ACTIVE: "bold green",
    Role.PREVIOUS: "",
    Role.UNFINISHED: "cyan",
    Role.ORPHAN: "yellow",
    Role.FOREIGN: "dim",
}
_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


def deployment_lines(
    owner: Address, classified: Sequence[Classified], line: Sequence[str], now: datetime | None
) -> Iterator[Line]:
    """One line each, newest first. `line` are those that a rollback goes through, the next one first. Without `now`
    nobody knows how old they are."""
    if not classified:
        yield Line(f"{owner} has no deployments.")
        return
    yield Line(f"Deployments of {owner}, newest first", "bold")
    for each in classified:
        found = each.deployment
        why = each.why or ("the next rollback activates this" if line and found.id == line[0] else "")
        text = (
            f"  {found.id:<22} {each.role:<11} {found.status:<11} {_age(found, now):>8}  "
            f"{_size(found.size or found.source_size):>9}  {why}"
        )
        yield Line(text.rstrip(), _STYLES[each.role])
    if now is None:
        yield Line(
            "The server does not send its time (no `Date` in its answers): none of them counts as old.", "yellow"
        )
    orphans = sum(each.role is Role.ORPHAN for each in classified)
    if orphans:
        yield Line()
        plural = f"{orphans} orphans" if orphans > 1 else "1 orphan"
        yield Line(f"{plural}: not needed by anything. Delete with: raceday-iac deployments {as_typed(owner)} --clean")


def deployments_document(
    owner: Address,
    classified: Sequence[Classified],
    line: Sequence[str],
    now: datetime | None,
    cleaned: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The same for machines; `cleaned` has what came of deleting each orphan, an empty text for success."""
    document: dict[str, Any] = {
        owner.kind: owner.path,
        "deployments": [_document(each, now) for each in classified],
        "rollback": list(line),
    }
    if cleaned is not None:
        document["deleted"] = [name for name, problem in cleaned.items() if not problem]
        document["notDeleted"] = {name: problem for name, problem in cleaned.items() if problem}
    return document


def _document(classified: Classified, now: datetime | None) -> dict[str, Any]:
    found = classified.deployment
    return {
        "id": found.id,
        "role": str(classified.role),
        "status": found.status,
        "type": found.type,
        "createdAt": found.created_at,
        "ageSeconds": None if now is None else round(age(found, now)),
        "sourceBytes": found.source_size,
        "totalBytes": found.size or found.source_size,
        "why": classified.why,
    }


def _age(deployment: Deployment, now: datetime | None) -> str:
    """In the largest unit of which there are two."""
    if now is None:
        return "?"
    seconds = age(deployment, now)
    for name, length in _UNITS:
        if seconds >= 2 * length or length == 1:
            return f"{int(seconds // length)} {name}"
    return ""


def _size(count: int) -> str:
    return (
        f"{count} B" if count < 10_000 else f"{count / 1000:.0f} kB" if count < 10_000_000 else f"{count / 1e6:.0f} MB"
    )


# A recovery for people and machines: what is done, why that is safe, and what is left alone.


def recovery_lines(recovery: Recovery) -> Iterator[Line]:
    """What would be done."""
    if not recovery.steps and not recovery.left:
        yield Line("Nothing is stuck.", "bold green")
        return
    for number, step in enumerate(recovery.steps, 1):
        yield Line(f"{number}. {step.subject}: {step.what}", "bold")
        yield Line(f"     because {step.why}")
        if step.then:
            yield Line(f"     then    {step.then}")
    if recovery.left:
        yield Line()
        yield Line("Not touched:", "yellow")
    for left in recovery.left:
        yield Line(f"  {left.subject}: {left.what}", "yellow")
        yield Line(f"     because {left.why}")
    if not recovery.steps:
        yield Line()
        yield Line("Nothing can be done safely from here.")


def done_line(done: Done) -> Line:
    """One step as it was done."""
    if done.problem:
        return Line(f"  ✗ {done.step.subject}: {done.step.what}: {done.problem.partition(chr(10))[0]}", "red")
    note = f" ({done.note})" if done.note else ""
    if not done.was_needed:
        return Line(f"  - {done.step.subject}: not needed any more{note}")
    return Line(f"  ✓ {done.step.subject}: {done.step.what}{note}", "green")


def outcome_lines(done: Sequence[Done]) -> Iterator[Line]:
    """The sum of it."""
    failed = sum(bool(each.problem) for each in done)
    well = sum(not each.problem and each.was_needed for each in done)
    yield Line(f"Did {well} of {len(done)}{f', {failed} failed' if failed else ''}.", "bold red" if failed else "bold")
    yield Line("Look again: raceday-iac health")


def recovery_document(recovery: Recovery, done: Sequence[Done] | None = None) -> dict[str, Any]:
    """The same as JSON; with `done`, what came of it."""
    content: dict[str, Any] = {
        "steps": [
            {
                "remedy": str(each.remedy),
                "subject": each.subject,
                "id": each.identity,
                "what": each.what,
                "why": each.why,
                "then": each.then,
            }
            for each in recovery.steps
        ],
        "left": [{"subject": each.subject, "what": each.what, "why": each.why} for each in recovery.left],
    }
    if done is not None:
        content["done"] = [
            {"step": each.step.key, "problem": each.problem, "wasNeeded": each.was_needed, "note": each.note}
            for each in done
        ]
    return {"recovery": content}
