"""A new run after a kill, from every place of a run that nothing disturbs.

What a kill leaves is what is on the disk and on the server. So the undisturbed run is not killed: at each place both
are copied, and a new run is begun on the copy. It goes on until it cannot be distinguished from the undisturbed one:
the server is the same, the state is the same, and the same changes are left to be made by a process that knows no more
than that. Then it would end as that one ends. A run that becomes another goes to its own end, and so does one of
`THOROUGH`, with Appwrite's worker behind. Each end is looked at: an empty plan, no orphan, no duplicate, no lost
document.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import pytest

from raceday_iac.applying import Event, EventKind
from raceday_iac.cli import apply
from raceday_iac.cli.workspace import Workspace
from raceday_iac.errors import EXIT_LOCKED
from raceday_iac.kinds import KINDS
from raceday_iac.planning import Action, Change, Plan
from raceday_iac.state.document import State

from .keepers import EXPIRY
from .raceday import Live, must_be_whole
from .scene import Scene, World

#: One of so many new runs goes to its end, though it need not.
THOROUGH = 140
#: Seconds by which a lock's age may be wrong: Appwrite says its time to the second.
LATER = 1.5


#: How far a new run is followed: it reads the state; it takes the lock, and would plan; it plans, and so on.
NOTHING, READS, STARTS, PLANS = range(4)


class Caught(BaseException):
    """A run that goes on as the undisturbed one would. Nothing catches it."""


@dataclass
class Undisturbed:
    """How far the undisturbed run has come: what is under way, what is left (with that), what it has owned by then."""

    under_way: str = ""
    #: What had been written when that was begun: requests to the server, and the state.
    begun: tuple[int, str] = (0, "")
    left: dict[str, Change] = field(default_factory=dict)
    planned: bool = False
    #: What the state said when a change was done, by its key.
    owned: dict[str, Any] = field(default_factory=dict)

    def after(self, key: str) -> dict[str, Change]:
        """What is left when that is done."""
        return {each: change for each, change in self.left.items() if each != key}


@dataclass
class Restarts:
    """Makes new runs. `done` counts them by what came of them."""

    scene: Scene
    undisturbed: Undisturbed = field(default_factory=Undisturbed)
    done: Counter[str] = field(default_factory=Counter)
    #: Whether there is nothing to be killed any more.
    is_over: bool = False
    _expected: list[tuple[str, Any, str]] = field(default_factory=list)
    _first_plans: list[tuple[dict[str, Change], str]] = field(default_factory=list)
    _place: str = ""
    _is_thorough: bool = False
    _depth: int = 0
    _adoption: Change | None = None
    #: What became of locks that dead runs had left.
    locks: Counter[str] = field(default_factory=Counter)

    def watch(self, patch: pytest.MonkeyPatch) -> None:
        """Follow what is planned and applied, in both worlds."""
        make_plan, apply_plan = apply.make_plan, apply.apply_plan

        def planned(workspace: Workspace, *rest: Any) -> Plan:
            is_new = self.scene.here is self.scene.again
            if is_new and self._depth == STARTS:
                self._compare_state(rest[0])
            plan = make_plan(workspace, *rest)
            if is_new:
                self._compare(plan)
            elif not self.undisturbed.planned:
                self._begin_with(plan)
            return plan

        def applied(plan: Plan, *rest: Any) -> Any:
            observed = self._note if self.scene.here is self.scene.run else self._wait
            return apply_plan(plan, *rest[:5], observed(rest[5]), *rest[6:])

        patch.setattr(apply, "make_plan", planned)
        patch.setattr(apply, "apply_plan", applied)

    def begin(self, place: str, depth: int = PLANS, to_its_end: bool = False) -> None:
        """A new run after a kill at a place, followed as far as `depth` says."""
        self._place, self._depth = place, depth
        if depth <= READS:
            if depth == READS:
                self._read()
            return
        number = sum(self.done.values())
        self._is_thorough = to_its_end or (number % THOROUGH == THOROUGH // 2 and depth == PLANS)
        with self.scene.copied():
            # Appwrite's worker may be behind, too.
            self.scene.again.server.is_slow = self._is_thorough
            self._meet_the_lock(number)
            try:
                code, said = self.scene.apply()
            except Caught as caught:
                self.done[str(caught)] += 1
                return
            assert code == 0, f"after a kill at: {place}\n{said}"
            self.done["went to its own end"] += 1
            must_be_finished(self.scene, place)

    def _read(self) -> None:
        """What everybody reads: nothing that was owned is lost, but for what is being changed."""
        run = self.undisturbed
        found = _owned(self.scene, self.scene.run)
        before = run.owned[next(reversed(run.owned))] if run.owned else {}
        address = run.under_way.partition(":")[2]
        # The function remembers what is being uploaded.
        changing = {address, address.replace("deployment.", "function.")}
        other = {key for key in {*found, *before} if found.get(key) != before.get(key)}
        assert other <= changing, f"after a kill at: {self._place}"
        self.done["reads what was saved last"] += 1

    def _meet_the_lock(self, number: int) -> None:
        """That of the run that was killed is respected until it has expired, or somebody says that the run is dead."""
        age = self.scene.lock_age()
        if age is None:
            return
        self.scene.again.clock.advance(seconds=EXPIRY - LATER - age)
        code, said = self.scene.apply()
        assert code == EXIT_LOCKED, f"after a kill at: {self._place}\n{said}"
        assert "locked by apply by" in said
        self.locks["refused"] += 1
        if number % 2:
            code, said = self.scene.release_lock()
            assert code == 0, f"after a kill at: {self._place}\n{said}"
            self.locks["released"] += 1
        else:
            self.scene.again.clock.advance(seconds=2 * LATER)
            self.locks["expired"] += 1

    def make_the_undisturbed_run(self) -> None:
        """The whole of it. Somebody calls `begin` meanwhile. At last, what new runs were expected to own is compared
        with what this one came to own."""
        code, said = self.scene.apply()
        self.is_over = True
        assert code == 0, said
        for change, owned, place in self._expected:
            assert owned == self.undisturbed.owned[change], f"after a kill at: {place}"
        must_be_finished(self.scene)

    def _begin_with(self, plan: Plan) -> None:
        """The undisturbed run has planned. Before that, nothing could have changed what there is to be done."""
        self.undisturbed.planned = True
        self.undisturbed.left = {change.key: change for change in plan.changes}
        for planned, place in self._first_plans:
            assert _same(planned, self.undisturbed.left), f"after a kill at: {place}"

    def _note(self, observer: Any) -> Any:
        run = self.undisturbed

        def noted(event: Event) -> None:
            if event.kind is EventKind.STARTED:
                run.under_way, run.begun = event.change.key, self._written()
            elif event.kind is EventKind.DONE:
                run.left = run.after(event.change.key)
                run.owned[event.change.key] = _owned(self.scene, self.scene.run)
            observer(event)

        return noted

    def _compare(self, plan: Plan) -> None:
        """Whether the new run is caught already, or will be when it has adopted what was under way."""
        self._adoption = None
        run = self.undisturbed
        mine = {change.key: change for change in plan.changes}
        if self._is_thorough or (run.planned and not run.left):
            return
        if not run.planned:
            self._first_plans.append((mine, self._place))
            raise Caught("plans what the run that was killed would have planned")
        # Only a slow worker leaves something to be waited for.
        assert not _has_pending(plan), f"after a kill at: {self._place}"
        after = run.after(run.under_way)
        if _same(mine, run.left) and (run.under_way not in run.left or run.begun == self._written()):
            raise Caught("begins with the change that is next")
        if _same(mine, after):
            self._will_own(run.under_way, self.scene.run)
            raise Caught("goes on after the change that was under way")
        adoption = next((each for each in plan.changes if each.action is Action.ADOPT), None)
        if adoption is not None and _same({key: mine[key] for key in mine if key != adoption.key}, after):
            self._adoption = adoption
            return
        # Code takes several requests. Of everything else, nothing but the one change may be open.
        more = [key for key in mine if key not in run.left]
        assert run.under_way.startswith("deploy:"), f"after a kill at: {self._place}, there is also to be done: {more}"

    def _wait(self, observer: Any) -> Any:
        """For the adoption."""
        run, adoption = self.undisturbed, self._adoption
        if adoption is None:
            return observer

        def waiting(event: Event) -> None:
            observer(event)
            if event.kind is EventKind.DONE:
                assert (event.change, self.scene.again.server.writes) == (adoption, 0)
                self._will_own(run.under_way, self.scene.again)
                raise Caught("adopts what was under way")

        return waiting

    def _will_own(self, change: str, world: World) -> None:
        """When that change is done, the undisturbed run must own the very same."""
        self._expected.append((change, _owned(self.scene, world), self._place))

    def _written(self) -> tuple[int, str]:
        return self.scene.run.server.writes, self.scene.newest(self.scene.run)

    def _compare_state(self, state: State) -> None:
        """A new run reads what the one that was killed has saved last."""
        saved = _owned(self.scene, self.scene.run)
        assert [str(each) for each in state.entries] == list(saved), f"after a kill at: {self._place}"
        assert _owned(self.scene, self.scene.again) == saved, f"after a kill at: {self._place}"
        raise Caught("starts with what was saved last")


def must_be_finished(scene: Scene, place: str = "nowhere") -> None:
    """Everything is as declared, and a last run finds nothing to do."""
    world, when = scene.here, f"after a kill at: {place}"
    before = world.server.writes, scene.newest(world)
    code, said = scene.apply()
    after = world.server.writes, scene.newest(world)
    assert (code, json.loads(said)["applied"]["done"], after) == (0, [], before), f"{when}\n{said}"
    assert not (world.folder / "journal.jsonl").exists()
    assert scene.lock_age() is None, when
    with scene.looking(world):
        must_be_whole(Live.of(world.server), after[1], when)


def _owned(scene: Scene, world: World) -> Any:
    return _resources(scene.newest(world))


@lru_cache(maxsize=1)
def _resources(state: str) -> Any:
    """Those of a state. What is looked at after a save, and again when the change is done, is mostly the same text."""
    return json.loads(state)["resources"] if state else {}


def _has_pending(plan: Plan) -> bool:
    """Whether Appwrite's worker has something left to do that would have to be waited for."""
    return any(KINDS[address.kind].is_async and live.status == "processing" for address, live in plan.real.items())


def _same(some: Mapping[str, Change], others: Mapping[str, Change]) -> bool:
    """Whether two runs will do the same. What a change comes after counts only while that is to come."""
    return some.keys() == others.keys() and all(
        _within(some, change) == _within(others, others[key]) for key, change in some.items()
    )


def _within(left: Mapping[str, Change], change: Change) -> object:
    comes_after = [[key for key in keys if key in left] for keys in (change.requires, change.needs)]
    return change.action, change.address, change.origin, change.fields, change.reason, change.drifted, comes_after
