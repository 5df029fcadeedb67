"""Planning and applying without threads and without time: which step goes on next is left to chance."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from raceday_iac.applying.actions import Work
from raceday_iac.applying.recorder import Recorder
from raceday_iac.applying.scheduler import Step, made_along, make_steps
from raceday_iac.kinds.schema_rules import Turns
from raceday_iac.model.evidence import Answer
from raceday_iac.model.resource import Desired
from raceday_iac.packaging import Bundle
from raceday_iac.planning import Plan, PlanOptions, build_plan
from raceday_iac.planning.plan import Refusal
from raceday_iac.provider import Provider
from raceday_iac.refresh import refresh
from raceday_iac.refresh.deployments import Archives
from raceday_iac.refresh.snapshot import Counting
from raceday_iac.state.document import State


class MemoryStore:
    """A store that keeps only the last state."""

    def __init__(self) -> None:
        self.saved: State | None = None

    def write(self, state: State) -> None:
        self.saved = state

    def append_journal(self, line: str) -> None:
        """There is nobody who would read it."""


def plan(provider: Provider, desired: Desired, state: State) -> Plan:
    """The plan of somebody who knows what he does: everything may lose data, and every number is confirmed."""
    snapshot = refresh(provider, desired, state)
    every = dict.fromkeys([*desired.resources, *snapshot.resources, *state.entries], Answer(None))
    counting = Counting(provider, state, Archives(provider))

    def made(plan_options: PlanOptions) -> Plan:
        return build_plan("test", desired, state, snapshot, counting, plan_options)

    first = made(PlanOptions(every))
    return made(PlanOptions(every, confirmed=_numbers(first.refusals))) if first.refusals else first


def _numbers(refusals: Iterable[Refusal]) -> dict[str, int]:
    """What the thresholds ask to be repeated, as a user copies it from the screen."""
    asked = [re.search(r'--confirm "(.+)=(\d+)"', refusal.hint) for refusal in refusals]
    return {found[1]: int(found[2]) for found in asked if found}


def carry_out(
    of: Plan,
    desired: Desired,
    provider: Provider,
    state: State,
    chance: random.Random,
    bundles: Mapping[str, Bundle] | None = None,
    store: Any = None,
) -> State:
    """Run all steps, choosing by chance which one goes on whenever there is a choice. Raises what a step raises."""
    recorder = Recorder(store or MemoryStore(), state)
    work = Work(provider, recorder, of, desired, bundles or {}, lambda change, text: None)
    run = Run(make_steps(of.changes, desired, of.real, made_along(of, desired)), work)
    while run.choices():
        run.advance(chance.choice(run.choices()))
    assert not run.waiting, f"nothing can go on; waiting: {sorted(run.waiting)}"
    return recorder.state


class Run:
    """Steps on their way."""

    def __init__(self, steps: list[Step], work: Work) -> None:
        self.waiting = {step.key: step for step in steps}
        self.under_way: dict[str, Iterator[float]] = {}
        self._keys = set(self.waiting)
        self._steps, self._turns = dict(self.waiting), Turns()
        self._needs = {step.key: self._keys & (step.requires | step.after) for step in steps}
        self._dependents: dict[str, list[str]] = {key: [] for key in self._keys}
        for key, needs in self._needs.items():
            for each in needs:
                self._dependents[each].append(key)
        self._startable = [key for key in self.waiting if not self._needs[key]]
        self._work = work

    def choices(self) -> list[str]:
        """Keys of steps that can go on. Who cannot have a turn has to wait."""
        return [*self.under_way, *(key for key in self._startable if self._can_begin(key))]

    def _can_begin(self, key: str) -> bool:
        can = self._turns.take(key, self._steps[key].turn)
        if can:
            self._turns.give_back(key)
        return can

    def advance(self, key: str) -> None:
        """Let one step go on to its next pause, or its end."""
        if key in self.waiting:
            assert self._turns.take(key, self._steps[key].turn)
            self._startable.remove(key)
            self.under_way[key] = self._work.perform(self.waiting.pop(key))
        if next(self.under_way[key], None) is None:
            del self.under_way[key]
            self._turns.give_back(key)
            for other in self._dependents[key]:
                self._needs[other].discard(key)
                if not self._needs[other]:
                    self._startable.append(other)
