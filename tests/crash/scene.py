"""One run that nothing disturbs, and beside it a copy of its world, in which another run can begin at any instant."""

from __future__ import annotations

import gc
import os
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar

import pytest

from raceday_iac import diff
from raceday_iac.applying import actions, deploy, run, scheduler
from raceday_iac.cli import apply
from raceday_iac.cli.options import Options, use
from raceday_iac.cli.state import release_lock
from raceday_iac.cli.workspace import Workspace
from raceday_iac.devserver.functions.builds import Builder
from raceday_iac.devserver.server import ManualClock
from raceday_iac.errors import IacError
from raceday_iac.packaging.bundle import Bundle
from raceday_iac.provider.appwrite import reading
from raceday_iac.refresh import deployments
from raceday_iac.state.backends import remote

from . import raceday
from .keepers import ENVIRONMENT, VARIABLES, Keeper, keeper_of
from .memory_bucket import Bucket, served
from .memory_server import MemoryServer, no_build
from .places import Reached, connect, watch_objects

#: Seconds that a request takes.
REQUEST = 0.05
#: Values of a frame, for which CPython asks for memory for 65 536: the others are for the frames above it.
_ROOM = 40_000
_Function = TypeVar("_Function", bound=Callable[..., Any])


def _with_room(function: _Function) -> _Function:
    """CPython asks for memory for 2048 values whenever the stack grows over the end of what it has, and gives it back
    with the return from there. A run within a run is so deep that one call in a few is at such an end: hundreds of
    thousands of them, which take the system longer than all files. Above one frame so large there is no such end."""
    function.__code__ = function.__code__.replace(co_stacksize=_ROOM)  # type: ignore[attr-defined]
    return function


@dataclass
class World:
    """A machine with the project, and the servers that it talks to. Time is that of all of them."""

    root: Path
    clock: ManualClock
    server: MemoryServer
    bucket: Bucket

    @classmethod
    def made(cls, root: Path, server: Path) -> World:
        clock = ManualClock(datetime.now(UTC))
        return cls(root, clock, MemoryServer(server, clock), Bucket(clock.now))

    @property
    def stack(self) -> Path:
        return self.root / "stacks" / "raceday.py"

    @property
    def folder(self) -> Path:
        """The environment's own: the state that is kept in files, the journal, what was read of archives."""
        return self.root / "state" / ENVIRONMENT

    @property
    def age(self) -> object:
        """Another one means other content on the servers."""
        return self.server.age, self.bucket.age

    def become(self, other: World) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        if other.folder.exists():
            shutil.copytree(other.folder, self.folder)
        self.server.become(other.server)
        self.bucket.become(other.bucket)
        self.clock.instant = other.clock.instant


@dataclass
class Scene:
    """Two worlds that cannot be distinguished from within. What is asked for goes to the one that is `here`; `reached`
    is checked for every request in the first one."""

    run: World
    again: World
    reached: Reached
    here: World
    keeper: Keeper = field(default_factory=lambda: Keeper("files"))
    _is_looking: bool = False
    _newest: dict[object, str] = field(default_factory=dict)

    def passed(self, place: str) -> None:
        """A request comes to a place. Each takes an instant."""
        if place.startswith("before"):
            self.here.clock.advance(seconds=REQUEST)
        if self.here is self.run and not self._is_looking:
            self.reached(place)

    def apply(self) -> tuple[int, str]:
        """The command itself, without the reading of its arguments: its exit code, and what it said."""
        return self._command(lambda: apply.apply(auto_approve=True, parallelism=1))

    def release_lock(self) -> tuple[int, str]:
        return self._command(lambda: release_lock(yes=True))

    @contextmanager
    def copied(self) -> Iterator[None]:
        """What the run would leave behind if it were killed now becomes the other world, which is here for a block."""
        self.again.become(self.run)
        with self.looking(self.again):
            self._is_looking = False
            yield

    @contextmanager
    def looking(self, world: World) -> Iterator[None]:
        """Requests for a block are those of a bystander, in that world."""
        before = self.here, self._is_looking
        self.here, self._is_looking = world, True
        try:
            yield
        finally:
            self.here, self._is_looking = before

    def newest(self, world: World) -> str:
        """The state saved last; empty where there is none."""
        if self.keeper.backend is None:
            return self.keeper.newest(world.folder)
        name = id(world), world.age
        if name not in self._newest:
            with self.looking(world):
                self._newest = {name: self.keeper.newest(world.folder)}
        return self._newest[name]

    def lock_age(self) -> float | None:
        """See `Keeper.lock_age`."""
        with self.looking(self.here):
            return self.keeper.lock_age()

    @_with_room
    def _command(self, command: Callable[[], int]) -> tuple[int, str]:
        use(Options(env=ENVIRONMENT, stack=self.here.stack, json=True))
        said = StringIO()
        with redirect_stdout(said), redirect_stderr(said):
            try:
                code = command()
            except IacError as error:
                return error.exit_code, f"{error.message} {error.hint}"
        return code, said.getvalue()


@contextmanager
def opened(folder: Path, patch: pytest.MonkeyPatch, keeper: str, reached: Reached) -> Iterator[Scene]:
    """The scene, with a server as Raceday's was when the tool came, and the state in the place of that name."""
    run, again = (World.made(folder / name, folder / "server") for name in ("run", "again"))
    scene = Scene(run, again, reached, run)
    for name, value in {raceday.KEY: run.server.key, **VARIABLES}.items():
        patch.setenv(name, value)
    _be_quick(patch, scene)
    connect(patch, lambda: scene.here.server, scene.passed)
    watch_objects(patch, scene.passed)
    with ExitStack() as stack:
        for world in (run, again):
            stack.callback(world.server.stop)
        stack.enter_context(_rare_collections())
        store = stack.enter_context(served(lambda: scene.here.bucket)) if keeper == "s3" else ""
        scene.keeper = keeper_of(keeper, run.server.endpoint, run.server.key, store)
        for world in (run, again):
            raceday.lay_out(world.root, world.server.endpoint, scene.keeper.settings)
        with scene.looking(run):
            raceday.furnish(raceday.Live.of(run.server))
        yield scene


@contextmanager
def _rare_collections() -> Iterator[None]:
    """Hundreds of plans are made, and what they leave would be searched for garbage again and again."""
    before = gc.get_threshold()
    gc.set_threshold(50_000, 20, 100)
    yield
    gc.set_threshold(*before)


def _be_quick(patch: pytest.MonkeyPatch, scene: Scene) -> None:
    """Nothing is built, waited for or packed twice, and one thread does everything, so that each run is the same: also
    the renewing of the lock, which comes of itself only with what is saved when time enough has passed."""
    # Nothing here is cut off from electricity.
    patch.setattr(os, "fsync", lambda _handle: None)
    clock = partial(remote.RemoteLock, clock=lambda: scene.here.clock.now().timestamp())
    patch.setattr(remote, "RemoteLock", clock)
    patch.setattr(remote, "threading", SimpleNamespace(**{**vars(threading), "Thread": _NoThread}))
    patch.setattr(Builder, "_steps", no_build)
    patch.setattr(actions, "_FIRST_LOOK", 0.0)
    patch.setattr(deploy, "_FIRST_PAUSE", 0.0)
    patch.setattr(Bundle, "archive", _once(Bundle.archive, lambda bundle: bundle.digest))
    patch.setattr(diff, "_deep_diff", _once(diff._deep_diff, lambda *both, **how: f"{both} {how}"))
    load = _once(Workspace.load.__func__, lambda _cls, options, **how: f"{options} {how}")  # type: ignore[attr-defined]
    # Each run gets a workspace of its own: it holds the store.
    patch.setattr(Workspace, "load", classmethod(lambda cls, options, **how: replace(load(cls, options, **how))))
    for module in (scheduler, reading, deployments):
        patch.setattr(module, "ThreadPoolExecutor", AtOnce)
    # For the audit log alone.
    patch.setattr(apply, "snapshot_of", lambda *_plan: SimpleNamespace(id="plan"))
    make = run.make_steps
    patch.setattr(run, "make_steps", lambda *known, **more: sorted(make(*known, **more), key=_is_slower))


def _is_slower(step: run.Step) -> bool:
    """What touches only the state comes last in a plan, but waits for nothing: with threads enough it would be done
    before anything is answered. So it is here, and that a run was killed is soon forgotten (see `restarts.py`)."""
    return step.change is None or step.change.touches_server


def _once(function: Callable[..., Any], name: Callable[..., Any]) -> Callable[..., Any]:
    known: dict[Any, Any] = {}

    def remembered(*arguments: Any, **more: Any) -> Any:
        key = name(*arguments, **more)
        if key not in known:
            known[key] = function(*arguments, **more)
        return known[key]

    return remembered


class _NoThread:
    """In the place of a thread that would have nothing to do for minutes."""

    def __init__(self, **_: object) -> None:
        pass

    def start(self) -> None:
        pass


class AtOnce:
    """In the place of a pool of threads: work is done when it is handed over."""

    def __init__(self, max_workers: int, thread_name_prefix: str = "") -> None:
        pass

    def __enter__(self) -> AtOnce:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def submit(self, work: Callable[..., Any], *arguments: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(work(*arguments))
        except BaseException as error:  # noqa: BLE001 - as a pool does
            future.set_exception(error)
        return future

    def map(self, work: Callable[..., Any], many: Iterable[Any]) -> Iterator[Any]:
        return map(work, many)
