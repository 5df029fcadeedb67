"""Two programs apply the same declaration: after either of them, the other sees nothing to do."""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path
from typing import Any

import pytest

from raceday_iac.applying import apply_plan
from raceday_iac.cli.options import Options
from raceday_iac.cli.workspace import Workspace, make_plan
from raceday_iac.model.address import function_address
from raceday_iac.model.secret import Secret
from raceday_iac.packaging.bundle import Bundle
from raceday_iac.planning import Action, Plan
from raceday_iac.provider.appwrite import AppwriteProvider, Transport
from raceday_iac.state.backends.local import LocalState
from raceday_iac.state.document import new_state

from .live_project import ROOT, LiveProject

SCHEMA_KINDS = {"database", "collection", "attribute", "relationship", "index"}
_names = itertools.count()


@pytest.fixture
def workspace(project: LiveProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """The real stack, pointed at the test's project."""
    for folder in ("stacks", "functions"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setenv("RACEDAY_DEV_ENDPOINT", project.endpoint)
    monkeypatch.setenv("RACEDAY_DEV_PROJECT_ID", project.name)
    monkeypatch.setenv("RACEDAY_DEV_API_KEY", project.full_key)
    return Workspace.load(Options(env="dev", stack=tmp_path / "stacks" / "raceday.py"))


def unpacked(bundle: Bundle, target: Path) -> Path:
    """The files of the bundle that would be deployed."""
    folder = target / f"packed_{next(_names)}"
    for name, content in bundle.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def plan_of(workspace: Workspace, project: LiveProject) -> tuple[Plan, Any]:
    connection = AppwriteProvider(Transport(project.endpoint, project.name, Secret(project.full_key)))
    return make_plan(workspace, new_state(), connection), connection


def test_after_the_function_the_reconciler_has_nothing_to_do_but_adopt(
    workspace: Workspace, project: LiveProject, tmp_path: Path
) -> None:
    answer, status, _ = project.call(unpacked(workspace.bundles[function_address("database-setup")], tmp_path))
    plan, _ = plan_of(workspace, project)

    schema_changes = [change for change in plan.changes if change.address.kind in SCHEMA_KINDS]
    assert (status, answer["problems"]) == (200, [])
    assert answer["created"] == len(schema_changes) > 200
    assert {change.action for change in schema_changes} == {Action.ADOPT}


def test_after_the_reconciler_the_function_has_nothing_to_do(
    workspace: Workspace, project: LiveProject, tmp_path: Path
) -> None:
    plan, connection = plan_of(workspace, project)
    only_schema = Plan(
        plan.environment,
        plan.lineage,
        plan.serial,
        tuple(change for change in plan.changes if change.address.kind in SCHEMA_KINDS),
        real=plan.real,
        server_version=plan.server_version,
    )
    store = LocalState(tmp_path / "state")
    with store.locked("apply"):
        apply_plan(only_schema, workspace.desired, workspace.bundles, connection, store, new_state(), lambda _: None, 8)

    answer, status, _ = project.call(unpacked(workspace.bundles[function_address("database-setup")], tmp_path))

    assert (status, answer["created"], answer["updated"], answer["problems"]) == (200, 0, 0, [])
    assert answer["unchanged"] == len(only_schema.changes)
