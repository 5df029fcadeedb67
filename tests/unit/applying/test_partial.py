"""Applying parts of plans to a server in memory: what was left out stays as it was, and the rest can follow."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from raceday_iac.applying import Applied, actions, apply_plan, deploy
from raceday_iac.model.address import Address
from raceday_iac.model.evidence import Answer
from raceday_iac.model.resource import Desired, Live
from raceday_iac.model.stack import Stack
from raceday_iac.packaging import pack_all, with_deployments
from raceday_iac.planning import Plan, PlanOptions, build_plan
from raceday_iac.planning.plan import lies_in
from raceday_iac.state.backends.local import LocalState

from ..declaring import address, function, resolved
from ..fake_appwrite import FakeAppwrite
from ..projects import plan_options, projects

CODE = address("deployment.f")
FUNCTION = address("function.f")


class Project:
    """A server with nothing on it, and a state."""

    def __init__(self, folder: Path) -> None:
        self.root = folder
        self.server = FakeAppwrite()
        self.server.build_statuses = ("ready",)
        self.store = LocalState(folder / "state")
        self.store.folder.mkdir()
        (folder / "code").mkdir()
        (folder / "code" / "main.py").write_text("pass\n")

    def plan(self, desired: Desired, asked: PlanOptions | None = None) -> Plan:
        snapshot = self.server.snapshot(())
        return build_plan("test", desired, self.store.read(), snapshot, lambda _each: Answer(0), asked or PlanOptions())

    def apply(self, stack: Stack, asked: PlanOptions | None = None) -> Applied:
        checked = resolved(stack, root=self.root)
        bundles = pack_all(checked)
        desired = with_deployments(checked, bundles)
        made = self.plan(desired, asked)
        return apply_plan(
            made, desired, bundles, self.server, self.store, self.store.read(), lambda _event: None, parallelism=4
        )

    def live(self, address: Address) -> Live:
        return self.server.resources[address]


@pytest.fixture(autouse=True, scope="module")
def _nothing_is_waited_for() -> Iterator[None]:
    """Everything is ready at the first look."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(actions, "_FIRST_LOOK", 0.0)
        patch.setattr(deploy, "_FIRST_PAUSE", 0.0)
        yield


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def scheduled(*, timeout: int = 60, schedule: str = "0 1 * * *") -> Stack:
    stack = Stack("test")
    function(stack, timeout=timeout, schedule=schedule, code="code")
    return stack


WITHOUT_CODE = PlanOptions(excluded=frozenset({CODE}))


def test_a_new_function_without_its_code_is_not_started_by_a_schedule(project: Project) -> None:
    assert project.apply(scheduled(), WITHOUT_CODE).complete
    assert project.live(FUNCTION).fields["schedule"] == ""
    assert CODE not in project.server.resources


def test_its_code_and_its_schedule_follow(project: Project) -> None:
    project.apply(scheduled(), WITHOUT_CODE)
    done = [change.key for change in project.apply(scheduled()).done]
    assert done == ["deploy:deployment.f", "schedule:function.f"]
    assert project.live(FUNCTION).fields["schedule"] == "0 1 * * *"


def test_a_schedule_that_waits_for_code_left_out_stays_as_it_was_while_the_rest_changes(project: Project) -> None:
    project.apply(scheduled())
    (project.root / "code" / "main.py").write_text("pass  # new\n")
    project.apply(scheduled(timeout=90, schedule="0 2 * * *"), WITHOUT_CODE)
    fields = project.live(FUNCTION).fields
    assert (fields["timeout"], fields["schedule"]) == (90, "0 1 * * *")


def test_the_state_takes_over_what_was_changed_and_nothing_is_sent(project: Project) -> None:
    project.apply(scheduled())
    live = project.live(FUNCTION)
    project.server.update(FUNCTION, {**live.fields, "timeout": 99}, live)
    sent = len(project.server.log)
    assert project.apply(scheduled(), PlanOptions(refresh_only=True)).complete
    assert project.server.log[sent:] == []
    assert project.store.read().entries[FUNCTION].fields["timeout"] == 99


@settings(max_examples=40)
@given(st.data())
def test_after_any_part_the_rest_can_follow(data: st.DataObject) -> None:
    first, second = data.draw(projects()), data.draw(projects())
    asked = data.draw(plan_options(resolved(first), resolved(second)))
    with tempfile.TemporaryDirectory() as folder:
        project = Project(Path(folder))
        assert project.apply(first).complete
        before = dict(project.server.resources)
        part = project.apply(second, asked)
        assert part.complete
        for excluded in asked.excluded:
            inside = {each: live for each, live in before.items() if lies_in(each, [excluded])}
            assert inside == {
                each: live for each, live in project.server.resources.items() if lies_in(each, [excluded])
            }
        assert project.apply(second).complete
        assert project.plan(resolved(second)).changes == ()
