"""Applying whole plans to a server in memory, with state, journal and observer."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from raceday_iac.applying import Applied, Event, EventKind, apply_plan
from raceday_iac.errors import AccessError, ProviderError
from raceday_iac.model.address import Address
from raceday_iac.model.evidence import Answer
from raceday_iac.model.resource import Desired, Fields, Live
from raceday_iac.model.stack import FromEnvironment, Stack
from raceday_iac.packaging import pack_all, with_deployments
from raceday_iac.planning import build_plan
from raceday_iac.state.backends.local import LocalState

from ..declaring import address, collection, function, resolved, stack_with_function
from ..fake_appwrite import FakeAppwrite


class Project:
    """A server, a state, and the events of the last apply."""

    def __init__(self, folder: Path, server: FakeAppwrite | None = None) -> None:
        self.server = server or FakeAppwrite()
        # Ready at the first look: these tests are not about waiting.
        self.server.build_statuses = ("ready",)
        self.store = LocalState(folder / "state")
        self.root = folder
        self.store.folder.mkdir()
        self.events: list[Event] = []

    def apply(self, stack: Stack, parallelism: int = 4, **settings: Any) -> Applied:
        checked = resolved(stack, root=self.root, **settings)
        bundles = pack_all(checked)
        desired = with_deployments(checked, bundles)
        state = self.store.read()
        plan = build_plan("test", desired, state, self.server.snapshot(()), lambda _each: Answer(0))
        return apply_plan(
            plan, desired, bundles, self.server, self.store, state, self.events.append, parallelism=parallelism
        )

    def left(self, desired: Desired) -> tuple[str, ...]:
        plan = build_plan("test", desired, self.store.read(), self.server.snapshot(()), lambda _each: Answer(0))
        return tuple(each.key for each in plan.changes)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def schema(type: str = "integer") -> Stack:
    stack = Stack("test")
    owner = collection(stack)
    getattr(owner, type)("a")
    owner.relationship("r", "c", type="oneToOne", two_way_key="back")
    owner.index("i", "a")
    function(stack, variables={"K": "v"})
    return stack


def test_after_an_apply_nothing_is_left_to_do(project: Project) -> None:
    applied = project.apply(schema())
    assert applied.complete
    assert project.left(resolved(schema())) == ()
    assert len(applied.done) == len(resolved(schema()).resources)


def test_the_state_on_disk_is_the_state_returned(project: Project) -> None:
    assert project.apply(schema()).state == project.store.read()


def test_every_change_is_reported_to_begin_and_to_end(project: Project) -> None:
    applied = project.apply(schema())
    for instant in (EventKind.STARTED, EventKind.DONE):
        reported = sorted(event.change.key for event in project.events if event.kind is instant)
        assert reported == sorted(change.key for change in applied.done)


def test_nothing_is_interrupted_after_a_complete_apply(project: Project) -> None:
    project.apply(schema())
    assert project.store.interrupted_changes() == []


def test_a_replacement_is_one_change_although_it_has_two_steps(project: Project) -> None:
    project.apply(schema("integer"))
    applied = project.apply(schema("boolean"))
    assert applied.complete
    keys = [change.key for change in applied.done]
    assert sorted(keys) == ["replace:attribute.d/c/a", "replace:index.d/c/i"]
    assert project.server.log[-4:] == [
        "delete index.d/c/i",
        "delete attribute.d/c/a",
        "create attribute.d/c/a",
        "create index.d/c/i",
    ]


class Refusing(FakeAppwrite):
    """Refuses to create one resource."""

    def __init__(self, at: str, error: ProviderError) -> None:
        super().__init__()
        self.at, self.error = at, error

    def create(self, address: Address, fields: Fields) -> Live:
        if str(address) == self.at:
            raise self.error
        return super().create(address, fields)


def test_a_failure_is_in_the_result_with_what_it_took_down(tmp_path: Path) -> None:
    error = ProviderError("no")
    project = Project(tmp_path, Refusing("attribute.d/c/a", error))
    applied = project.apply(schema())
    assert [(change.key, each) for change, each in applied.failed] == [("create:attribute.d/c/a", error)]
    assert {change.key for change in applied.skipped} == {"create:index.d/c/i", "create:relationship.d/c/r"}
    assert address("variable.f/K") in applied.state.entries
    assert not applied.complete


def test_what_failed_is_reported_and_concluded(tmp_path: Path) -> None:
    project = Project(tmp_path, Refusing("attribute.d/c/a", ProviderError("no")))
    project.apply(schema())
    (reported,) = [event for event in project.events if event.kind is EventKind.FAILED]
    assert (reported.change.key, reported.note) == ("create:attribute.d/c/a", "no")
    assert project.store.interrupted_changes() == []


def test_the_next_apply_does_the_rest(tmp_path: Path) -> None:
    server = Refusing("attribute.d/c/a", ProviderError("no"))
    project = Project(tmp_path, server)
    project.apply(schema())
    server.at = ""
    applied = project.apply(schema())
    assert {change.key for change in applied.done} == {
        "create:attribute.d/c/a",
        "create:index.d/c/i",
        "create:relationship.d/c/r",
    }
    assert project.left(resolved(schema())) == ()


def test_a_wrong_key_stops_everything_else(tmp_path: Path) -> None:
    project = Project(tmp_path, Refusing("database.d", AccessError("key", code=401)))
    applied = project.apply(schema(), parallelism=1)
    assert [change.key for change, _ in applied.failed] == ["create:database.d"]
    assert applied.done == ()
    assert not applied.interrupted


class Breaking(FakeAppwrite):
    """Lets an attribute fail after it was accepted."""

    def members(self, *place: Any) -> Any:
        seen = dict(super().members(*place))
        at = address("attribute.d/c/a")
        if at in seen:
            seen[at] = Live(at, seen[at].fields, status="failed", error="disk full")
        return seen


def test_what_was_accepted_but_failed_later_is_reported_with_the_servers_reason(tmp_path: Path) -> None:
    project = Project(tmp_path, Breaking())
    applied = project.apply(schema())
    (error,) = applied.unsettled
    assert "attribute.d/c/a is failed: disk full" in error.message
    assert "run apply again" in error.hint
    assert not applied.complete


def test_deleting_from_the_stack_deletes_from_the_server(project: Project) -> None:
    project.apply(schema())
    applied = project.apply(Stack("test"))
    assert applied.complete
    assert project.server.resources == {}
    assert project.store.read().entries == {}


def test_a_secret_reaches_the_server_and_not_the_disk(project: Project) -> None:
    stack = stack_with_function(variables={"K": FromEnvironment("NAME")})
    project.apply(stack, variables={"NAME": "hidden-value"})
    sent = project.server.resources[address("variable.f/K")].fields["value"]
    assert sent.reveal() == "hidden-value"
    files = [each for each in project.store.folder.rglob("*") if each.is_file()]
    assert files
    assert all(b"hidden-value" not in each.read_bytes() for each in files)


def with_code(project: Project, body: str, **settings: Any) -> Stack:
    (project.root / "code").mkdir(exist_ok=True)
    (project.root / "code" / "main.py").write_text(body)
    return stack_with_function(code="code", **settings)


def test_code_goes_live_after_the_schema_and_is_scheduled_after_that(project: Project) -> None:
    stack = with_code(project, "x = 1\n", schedule="0 1 * * *")
    assert project.apply(stack).complete
    log = project.server.log
    assert log.index("create collection.d/locks") < log.index("activate f") < log.index("update function.f")
    assert project.server.resources[address("function.f")].fields["schedule"] == "0 1 * * *"


def test_a_function_is_not_scheduled_before_its_code_is_active(project: Project) -> None:
    seen: list[str] = []
    activate = project.server.activate

    def watched(function: str, deployment: str) -> None:
        seen.append(project.server.resources[address("function.f")].fields["schedule"])
        activate(function, deployment)

    project.server.activate = watched  # type: ignore[method-assign]
    project.apply(with_code(project, "x = 1\n", schedule="0 1 * * *"))
    assert seen == [""]


def test_a_failed_build_leaves_the_schedule_unarmed(project: Project) -> None:
    project.server.build_statuses = ("failed",)
    applied = project.apply(with_code(project, "x = 1\n", schedule="0 1 * * *"))
    assert [change.key for change, _ in applied.failed] == ["deploy:deployment.f"]
    assert project.server.resources[address("function.f")].fields["schedule"] == ""


def test_the_same_code_is_not_uploaded_twice(project: Project) -> None:
    for _ in range(2):
        assert project.apply(with_code(project, "x = 1\n")).complete
    assert project.server.log.count("upload f") == 1


def test_new_code_is_uploaded_and_the_old_deployment_remembered(project: Project) -> None:
    project.apply(with_code(project, "x = 1\n"))
    applied = project.apply(with_code(project, "x = 2\n"))
    assert applied.state.entries[address("deployment.f")].deployments == ("build-2", "build-1")


def test_signal_handlers_are_as_before(project: Project) -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    project.apply(schema())
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


@pytest.mark.parametrize(("before", "ends"), [(signal.SIG_DFL, True), (signal.SIG_IGN, False)])
def test_a_terminal_that_is_closed_ends_a_run_in_order_unless_it_is_to_go_on(
    project: Project, before: Any, ends: bool
) -> None:
    create = project.server.create

    def hung_up(at: Address, fields: Fields) -> Live:
        for _ in range(2 if at.kind == "collection" else 0):
            os.kill(os.getpid(), signal.SIGHUP)
        return create(at, fields)

    project.server.create = hung_up  # type: ignore[method-assign]
    found = signal.signal(signal.SIGHUP, before)
    try:
        applied = project.apply(schema(), parallelism=1)
        assert signal.getsignal(signal.SIGHUP) == before
    finally:
        signal.signal(signal.SIGHUP, found)
    assert applied.interrupted == ends
    assert address("collection.d/c") in project.store.read().entries


def test_an_interrupt_finishes_what_is_under_way_and_leaves_the_rest(project: Project, capsys: Any) -> None:

    create = project.server.create

    def interrupted(at: Address, fields: Fields) -> Live:
        if at.kind == "collection":
            os.kill(os.getpid(), signal.SIGINT)
        return create(at, fields)

    project.server.create = interrupted  # type: ignore[method-assign]
    applied = project.apply(schema(), parallelism=1)
    assert applied.interrupted
    assert address("collection.d/c") in project.store.read().entries
    assert "create:attribute.d/c/a" in {change.key for change in applied.skipped}
    assert "Interrupted: finishing what is under way" in capsys.readouterr().err
    project.server.create = create  # type: ignore[method-assign]
    assert project.apply(schema()).complete
    assert project.left(resolved(schema())) == ()
