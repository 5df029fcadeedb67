"""One stack applied to a server of each age, through real requests: what is sent, how often, and what stays."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from raceday_iac.applying.run import Applied, apply_plan
from raceday_iac.importing.source import PLAIN
from raceday_iac.kinds.base import Call, Shape
from raceday_iac.loading.resolve import resolve
from raceday_iac.loading.stack_file import load_stack
from raceday_iac.model.evidence import Answer
from raceday_iac.model.resource import Desired
from raceday_iac.model.secret import Secret
from raceday_iac.model.stack import Stack
from raceday_iac.planning import Plan, PlanOptions, build_plan
from raceday_iac.provider.appwrite import AppwriteProvider, Transport
from raceday_iac.refresh.snapshot import refresh
from raceday_iac.state.document import State, new_state

ROOT = Path(__file__).parents[2]
AGES = ("1.8", "1.9", "main")


class MemoryStore:
    """A store that keeps only the last state."""

    def write(self, state: State) -> None:
        self.saved = state

    def append_journal(self, line: str) -> None:
        """There is nobody who would read it."""


class Counted(Transport):
    """Notes what is asked."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.asked: list[str] = []

    def request(self, call: Call, **settings: Any) -> Any:
        self.asked.append(str(call))
        return super().request(call, **settings)


class Project:
    """A project on a server of one age."""

    def __init__(self, server: Any) -> None:
        self.transport = Counted(server.endpoint, server.project, Secret(server.key))
        self.provider = AppwriteProvider(self.transport)
        self.state: State = new_state()

    def plan(self, desired: Desired) -> Plan:
        snapshot = refresh(self.provider, desired, self.state)
        options = PlanOptions(allowed=dict.fromkeys(snapshot.resources, Answer(None)))
        return build_plan("test", desired, self.state, snapshot, lambda _question: Answer(0), options)

    def apply(self, desired: Desired) -> Applied:
        """Plan and apply. Everything must be done."""
        plan = self.plan(desired)
        assert plan.refusals == ()
        applied = apply_plan(plan, desired, {}, self.provider, MemoryStore(), self.state, lambda _event: None, 8)  # type: ignore[arg-type]
        self.state = applied.state
        assert [str(error) for _, error in applied.failed] == []
        return applied

    def raw(self, method: str, path: str, **body: Any) -> Any:
        return self.transport.request(Call(method, path, body))

    def count(self, method: str = "") -> int:
        return len([each for each in self.transport.asked if each.startswith(method)])

    def clear(self) -> None:
        for listed, key in (("functions", "functions"), ("databases", "databases"), ("tablesdb", "databases")):
            answer = self.transport.request(Call("get", f"/{listed}", answer=Shape({})))
            for each in answer[key]:
                self.transport.request(Call("delete", f"/{listed}/{each['$id']}"))


@pytest.fixture
def on(server_of_age: Callable[[str], Any]) -> Iterator[Callable[[str], Project]]:
    """An empty project of an age."""
    made: list[Project] = []

    def project(age: str) -> Project:
        made.append(Project(server_of_age(age)))
        return made[-1]

    yield project
    for each in made:
        each.clear()


def resolved(stack: Stack) -> Desired:
    return resolve(stack, PLAIN, ROOT, {})


def raceday_schema() -> Desired:
    stack = load_stack(ROOT / "stacks" / "raceday.py")
    stack.declarations = [each for each in stack.declarations if each.kind != "function"]
    return resolved(stack)


@pytest.mark.parametrize("age", AGES)
def test_the_schema_of_raceday_is_made_and_then_nothing_is_left_to_do(on: Callable[[str], Project], age: str) -> None:
    project, desired = on(age), raceday_schema()
    project.apply(desired)
    asked = project.count()
    assert project.plan(desired).is_empty
    assert project.count() - asked <= 8
