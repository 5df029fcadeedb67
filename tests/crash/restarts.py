"""A new run after a kill, from every place of a run that nothing disturbs.

What a kill leaves is what is on the disk and on the server. So the undisturbed run is not killed: at each place both
are copied, and a new run is begun on the copy. It goes on until it cannot be told apart from the undisturbed one: the
server is the same, the state is the same, and the same changes are left to be made by a process that knows no more than
that. Then it would end as that one ends. A run that becomes another goes to its own end, and so does one of `THOROUGH`,
with Appwrite's worker behind. Each end is looked at: an empty plan, no orphan, no duplicate, no lost document.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from raceday_iac.applying import Event, EventKind
from raceday_iac.cli import apply
from raceday_iac.cli.workspace import Workspace
from raceday_iac.kinds import KINDS
from raceday_iac.planning import Action, Change, Plan

from .raceday import Live, must_be_whole
from .scene import Scene

#: One of so many new runs goes to its end, though it need not.
THOROUGH = 140


class Caught(BaseException):
    """A run that goes on as the undisturbed one would. Nothing catches it."""


@dataclass
class Undisturbed:
    """How far the undisturbed run has come: what is under way, what is left (with that), what it has owned by then."""

    under_way: str = ""
    #: What had been written when that was begun: requests to the server, and the state.
    begun: tuple[int, bytes] = (0, b"")
    left: dict[str, Change] = field(default_factory=dict)
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
    _place: str = ""
    _is_thorough: bool = False
    _adoption: Change | None = None

    def watch(self, patch: pytest.MonkeyPatch) -> None:
        """Follow what is planned and applied, in both environments."""
        make_plan, apply_plan = apply.make_plan, apply.apply_plan

        def planned(workspace: Workspace, *rest: Any) -> Plan:
            plan = make_plan(workspace, *rest)
            if plan.environment == "again":
                self._compare(plan)
            elif not self.undisturbed.owned:
                self.undisturbed.left = {change.key: change for change in plan.changes}
            return plan

        def applied(plan: Plan, *rest: Any) -> Any:
            observed = self._note if plan.environment == "run" else self._wait
            return apply_plan(plan, *rest[:5], observed(rest[5]), *rest[6:])

        patch.setattr(apply, "make_plan", planned)
        patch.setattr(apply, "apply_plan", applied)

    def begin(self, place: str, *, to_its_end: bool = False) -> None:
        """A new run after a kill at a place."""
        self._place = place
        self.scene.copy()
        number = sum(self.done.values())
        # Appwrite's worker may be behind, too.
        self.scene.again.is_slow = self._is_thorough = to_its_end or number % THOROUGH == THOROUGH // 2
        try:
            code, said = self.scene.apply("again")
        except Caught as caught:
            self.done[str(caught)] += 1
            return
        assert code == 0, f"after a kill at: {place}\n{said}"
        self.done["went to its own end"] += 1
        must_be_finished(self.scene, "again", place)

    def make_the_undisturbed_run(self) -> None:
        """The whole of it. Somebody calls `begin` meanwhile. At last, what new runs were expected to own is compared
        with what this one came to own."""
        code, said = self.scene.apply("run")
        self.is_over = True
        assert code == 0, said
        for change, owned, place in self._expected:
            assert owned == self.undisturbed.owned[change], f"after a kill at: {place}"
        must_be_finished(self.scene, "run")

    def _note(self, observer: Any) -> Any:
        run = self.undisturbed

        def noted(event: Event) -> None:
            if event.moment is EventKind.STARTED:
                run.under_way, run.begun = event.change.key, self._written()
            elif event.moment is EventKind.DONE:
                run.left = run.after(event.change.key)
                run.owned[event.change.key] = _owned(self.scene, "run")
            observer(event)

        return noted

    def _compare(self, plan: Plan) -> None:
        """Whether the new run is caught already, or will be when it has adopted what was under way."""
        self._adoption = None
        run = self.undisturbed
        mine = {change.key: change for change in plan.changes}
        if self._is_thorough or not run.left:
            return
        # Only a slow worker leaves something to be waited for.
        assert not _has_pending(plan), f"after a kill at: {self._place}"
        after = run.after(run.under_way)
        if _same(mine, run.left) and (run.under_way not in run.left or run.begun == self._written()):
            raise Caught("begins with the change that is next")
        if _same(mine, after):
            self._will_own(run.under_way, "run")
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
            if event.moment is EventKind.DONE:
                assert (event.change, self.scene.again.writes) == (adoption, 0)
                self._will_own(run.under_way, "again")
                raise Caught("adopts what was under way")

        return waiting

    def _will_own(self, change: str, environment: str) -> None:
        """When that change is done, the undisturbed run must own the very same."""
        self._expected.append((change, _owned(self.scene, environment), self._place))

    def _written(self) -> tuple[int, bytes]:
        file = self.scene.folder / "state.json"
        return self.scene.server.writes, file.read_bytes() if file.exists() else b""


def must_be_finished(scene: Scene, environment: str, place: str = "nowhere") -> None:
    """Everything is as declared, and a last run finds nothing to do."""
    server = scene.server if environment == "run" else scene.again
    folder = scene.folder if environment == "run" else scene.folder_again
    before = server.writes
    code, said = scene.apply(environment)
    assert (code, json.loads(said)["applied"]["done"], server.writes) == (0, [], before), (
        f"after a kill at: {place}\n{said}"
    )
    assert not (folder / "journal.jsonl").exists()
    must_be_whole(Live.of(server), folder / "state.json", f"after a kill at: {place}")


def _owned(scene: Scene, environment: str) -> Any:
    folder = scene.folder if environment == "run" else scene.folder_again
    file = folder / "state.json"
    return json.loads(file.read_text(encoding="utf-8"))["resources"]


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
