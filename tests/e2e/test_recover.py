"""What is stuck for good is ended by a safe step, and everything else is left alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from raceday_iac.errors import EXIT_CHANGES, EXIT_DEGRADED, EXIT_ERROR, EXIT_OK

from .here import run_here
from .mixed import declare_function
from .project import Project
from .target import Target
from .test_orphans import be_patient_for

FUNCTION = """
    stack.function(
        P + "fn", name="Fn", runtime="python-3.12", specification="s-1vcpu-512mb", timeout=20,
        entrypoint="main.py", code="functions/fn", variables={"A": "a", "TOKEN": FromEnvironment("E2E_TOKEN")},
    )
"""


@pytest.fixture
def clock(target: Target, faults: Any) -> Iterator[Any]:
    """Moves the server's clock forward, by seconds."""
    server = target.server.server

    def later(seconds: float) -> None:
        server.clock.offset += timedelta(seconds=seconds)

    yield later
    server.clock.offset = timedelta()


def deployments(project: Project) -> list[str]:
    found: list[str] = project.api.ids(f"/functions/{project.id('fn')}/deployments", "deployments")
    return found


def audit(project: Project) -> list[dict[str, Any]]:
    text = (project.state_folder / "audit.jsonl").read_text(encoding="utf-8")
    return [record for line in text.splitlines() if (record := json.loads(line))["command"] == "recover"]


def test_a_build_that_never_ends_is_told_and_then_cancelled_and_deleted(
    project: Project, faults: Any, clock: Any
) -> None:
    declare_function(project, FUNCTION)
    project.prepare("apply", "--auto-approve")
    active = project.api.get(f"/functions/{project.id('fn')}")["deploymentId"]
    faults.stuck_builds = 1
    project.code("fn", main="def main(context):\n    return context.res.text('new')\n")
    be_patient_for(project, 0.3)
    assert run_here(project, "apply", "--auto-approve").code == EXIT_ERROR
    (stuck,) = set(deployments(project)) - {active}
    assert run_here(project, "recover", "--dry-run").code == EXIT_OK
    clock(3 * 3600)

    told = run_here(project, "health")
    assert told.code == EXIT_DEGRADED, told
    assert f"deployment {stuck}: it is building, begun 3 h ago" in told.out
    planned = run_here(project, "recover", "--dry-run")
    assert planned.code == EXIT_CHANGES, planned
    assert f"cancel the build of deployment {stuck}" in planned.out

    done = run_here(project, "recover", "--auto-approve")
    assert done.code == EXIT_OK, done
    assert deployments(project) == [active]
    begun, ended = audit(project)
    assert [each["step"] for each in begun["steps"]] == ended["done"]
    assert ended["result"] == "success"
    assert run_here(project, "recover", "--dry-run").code == EXIT_OK
