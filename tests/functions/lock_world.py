"""A tiny model of the lock store and of runs, to try every order in which things can happen.

Time moves in ticks that only the explorer decides. A run is the real protocol code, driven step by step. Every
request can be carried out at once, be carried out with the answer lost, be lost altogether, or be carried out later.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from _shared import lock_protocol as protocol

EPOCH = 1_800_000_000


class OneTickMargin(protocol.Numbers):
    """Numbers counted in ticks: the margin is one tick, as the server's whole seconds are one."""

    @property
    def margin(self) -> float:
        return 1.0


def stamp(tick: float) -> str:
    return datetime.fromtimestamp(EPOCH + tick, UTC).isoformat(timespec="milliseconds")


@dataclass
class Store:
    """The document store: one document, compare-and-set by its time of change."""

    document: dict[str, Any] | None = None
    writes: int = 0

    def carry_out(self, ask: protocol.Ask, now: float) -> tuple[int, dict[str, Any]]:
        if ask.verb == "create":
            if self.document is not None:
                return 409, {"type": "document_already_exists"}
            at = self._stamp(now)
            self.document = {**(ask.data or {}), "$createdAt": at, "$updatedAt": at}
            return 201, dict(self.document)
        if self.document is None:
            return 404, {"type": "document_not_found"}
        if ask.unless_newer_than is not None and self.document["$updatedAt"] > ask.unless_newer_than:
            return 409, {"type": "document_update_conflict"}
        if ask.verb == "change":
            self.document = {**self.document, **(ask.data or {}), "$updatedAt": self._stamp(now)}
        if ask.verb == "remove":
            self.document = None
            return 204, {}
        return 200, dict(self.document)

    def _stamp(self, now: float) -> str:
        # Each write gets a time of its own: the server's stamps have milliseconds, a tick has a thousand of them.
        self.writes += 1
        return stamp(now + self.writes / 1000)


@dataclass
class World:
    store: Store = field(default_factory=Store)
    now: float = 0
    #: Requests that were sent, got no answer and are still on their way.
    late: list[protocol.Ask] = field(default_factory=list)


@dataclass
class Run:
    """One run: acquire, then heartbeats and at last the release, as the explorer decides."""

    name: str
    numbers: protocol.Numbers
    lease: protocol.Lease | None = None
    over: bool = False
    steps: protocol.Steps | None = None
    waiting: protocol.Ask | None = None
    doing: str = "acquire"

    def begin(self) -> None:
        self.steps = protocol.acquiring(protocol.Claim(self.name, self.name), self.numbers)
        self._advance(None)

    def start(self, doing: str) -> None:
        assert self.lease is not None
        self.doing = doing
        self.steps = protocol.beating(self.lease, {}) if doing == "beat" else protocol.releasing(self.lease)
        self._advance(None)

    def answer(self, status: int, document: dict[str, Any], world: World, sent_at: float) -> None:
        server_now = None if status == 0 else float(EPOCH + int(world.now))
        self._advance(protocol.Reply(status, document, server_now, sent_at))

    def may_write(self, now: float) -> bool:
        return not self.over and self.lease is not None and self.doing != "release" and self.lease.writable(now)

    def _advance(self, reply: protocol.Reply | None) -> None:
        assert self.steps is not None
        try:
            step = self.steps.send(reply)  # type: ignore[arg-type]
            while isinstance(step, protocol.Pause):
                step = self.steps.send(None)  # type: ignore[arg-type]
            self.waiting = step
        except StopIteration as end:
            self._finish(end.value)
        except protocol.LockUnclear:
            self._finish(None)

    def _finish(self, outcome: Any) -> None:
        self.steps = self.waiting = None
        if self.doing == "acquire":
            self.lease = outcome if isinstance(outcome, protocol.Lease) else None
            self.over = self.lease is None
        if self.doing == "release":
            self.over = True
        self.doing = "hold"


Choice = tuple[str, Callable[[], None]]


def choices(world: World, runs: list[Run], *, faults: bool, horizon: int) -> list[Choice]:
    """Everything that may happen next."""
    found: list[Choice] = []
    for run in runs:
        if run.over:
            continue
        found += _choices_of(world, run, faults)
    for index in range(len(world.late)):
        found.append((f"late {world.late[index].verb}", lambda index=index: _land(world, index)))
    if world.now < horizon:
        found.append(("tick", lambda: _tick(world)))
    return found


def _choices_of(world: World, run: Run, faults: bool) -> list[Choice]:
    crash: list[Choice] = [(f"{run.name} crashes", lambda: _crash(run))] if faults and run.lease is not None else []
    if run.steps is None and run.lease is None:
        run.begin()
    if run.waiting is None:
        beat: Choice = (f"{run.name} beats", lambda: run.start("beat"))
        release: Choice = (f"{run.name} releases", lambda: run.start("release"))
        # The heartbeat thread beats only while the lease is writable; the release is tried in any case.
        return [*([beat] if run.lease and run.lease.writable(world.now) else []), release, *crash]
    served: list[Choice] = [(f"{run.name} {run.waiting.verb}", lambda: _serve(world, run))]
    if faults:
        served.append((f"{run.name} {run.waiting.verb}, answer lost", lambda: _serve(world, run, answered=False)))
        if run.waiting.verb != "read":
            served.append((f"{run.name} {run.waiting.verb}, delayed", lambda: _delay(world, run)))
    return served


def _serve(world: World, run: Run, *, answered: bool = True) -> None:
    assert run.waiting is not None
    status, document = world.store.carry_out(run.waiting, world.now)
    run.answer(*((status, document) if answered else (0, {})), world, world.now)


def _delay(world: World, run: Run) -> None:
    assert run.waiting is not None
    world.late.append(run.waiting)
    run.answer(0, {}, world, world.now)


def _land(world: World, index: int) -> None:
    world.store.carry_out(world.late.pop(index), world.now)


def _tick(world: World) -> None:
    world.now += 1


def _crash(run: Run) -> None:
    run.over = True
