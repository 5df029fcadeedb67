"""Executions and build logs for people and machines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ..provider.protocol import Deployment, Execution
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
        yield from (Line(f"    {text}") for text in _readable(execution.response_body).splitlines())


def _readable(body: str) -> str:
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


def build_lines(function: str, deployment: Deployment) -> Iterator[Line]:
    """A deployment's build log."""
    yield Line(f"{function}  deployment {deployment.id}  {deployment.status}", "bold")
    yield from (Line(f"    {text}") for text in printable(deployment.log).strip().splitlines())
