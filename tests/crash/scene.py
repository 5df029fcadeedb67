"""One run that nothing disturbs, and beside it a copy of its world, in which another run can begin at any moment."""

from __future__ import annotations

import gc
import shutil
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from raceday_iac import diff
from raceday_iac.applying import actions, deploy, run, scheduler
from raceday_iac.cli import apply
from raceday_iac.cli.options import Options, use
from raceday_iac.cli.workspace import Workspace
from raceday_iac.devserver.functions.builds import Builder
from raceday_iac.packaging.bundle import Bundle
from raceday_iac.provider.appwrite import reading
from raceday_iac.refresh import deployments

from . import raceday
from .memory_server import MemoryServer, no_build
from .places import Reached, connect


@dataclass
class Scene:
    """Two environments of one stack, each with a server and a folder for the state."""

    stack: Path
    server: MemoryServer
    again: MemoryServer

    @property
    def folder(self) -> Path:
        return self.stack.parent.parent / "state" / "run"

    @property
    def folder_again(self) -> Path:
        return self.stack.parent.parent / "state" / "again"

    def apply(self, environment: str) -> tuple[int, str]:
        """The command itself, without the reading of its arguments: its exit code, and what it said."""
        options, said = Options(env=environment, stack=self.stack, json=True), StringIO()
        use(options)
        with redirect_stdout(said), redirect_stderr(said):
            code = apply.apply(auto_approve=True, parallelism=1)
        return code, said.getvalue()

    def copy(self) -> None:
        """What the run would leave behind if it were killed now becomes the world of the other one."""
        shutil.rmtree(self.folder_again, ignore_errors=True)
        if self.folder.exists():
            shutil.copytree(self.folder, self.folder_again)
            self._belong_there(self.folder_again / "state.json")
        self.again.become(self.server)

    def _belong_there(self, state: Path) -> None:
        """The copy of the world has another address, and so has what its state belongs to."""
        if state.exists():
            text = state.read_text(encoding="utf-8")
            state.write_text(text.replace(self.server.endpoint, self.again.endpoint), encoding="utf-8")


@contextmanager
def opened(folder: Path, patch: pytest.MonkeyPatch, reached: Reached) -> Iterator[Scene]:
    """The scene, with a server as Raceday's was when the tool came. `reached` is told of every request."""
    servers = [MemoryServer(folder / "server", host) for host in ("run", "again")]
    endpoints = {name: each.endpoint for name, each in zip(("run", "again"), servers, strict=True)}
    patch.setenv(raceday.KEY, servers[0].key)
    _be_quick(patch)
    with pytest.MonkeyPatch.context() as quiet:
        connect(quiet, servers, servers[0], lambda _place: None)
        raceday.furnish(raceday.Live.of(servers[0]))
    connect(patch, servers, servers[0], reached)
    with _rare_collections():
        yield Scene(raceday.lay_out(folder, **endpoints), *servers)
    for each in servers:
        each.stop()


@contextmanager
def _rare_collections() -> Iterator[None]:
    """Hundreds of plans are made, and everything that is loaded would be searched for garbage again and again."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    yield
    gc.set_threshold(*before)
    gc.unfreeze()


def _be_quick(patch: pytest.MonkeyPatch) -> None:
    """Nothing is built, waited for or packed twice, and one thread does everything, so that each run is the same."""
    patch.setattr(Builder, "_steps", no_build)
    patch.setattr(actions, "_FIRST_LOOK", 0.0)
    patch.setattr(deploy, "_FIRST_PAUSE", 0.0)
    patch.setattr(Bundle, "archive", _once(Bundle.archive, lambda bundle: bundle.digest))
    patch.setattr(diff, "_deep_diff", _once(diff._deep_diff, lambda *both, **how: f"{both} {how}"))
    load = _once(Workspace.load.__func__, lambda _cls, options: options)  # type: ignore[attr-defined]
    # Each run gets a workspace of its own: it holds the store.
    patch.setattr(Workspace, "load", classmethod(lambda cls, options: replace(load(cls, options))))
    for module in (scheduler, reading, deployments):
        patch.setattr(module, "ThreadPoolExecutor", AtOnce)
    # For the audit log alone.
    patch.setattr(apply, "snapshot_of", lambda *_plan: SimpleNamespace(id="plan"))
    make = run.make_steps
    patch.setattr(run, "make_steps", lambda *known: sorted(make(*known), key=_is_slower))


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


class AtOnce:
    """In the place of a pool of threads: work is done when it is handed over."""

    def __init__(self, max_workers: int) -> None:
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
