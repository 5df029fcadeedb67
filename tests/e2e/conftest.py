"""A project for every test, on a server for the whole run; and nothing left behind on a server that is not ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from .budget import LIVE_LIMIT, Creations
from .building import _builds_functions, _runs_functions, can_build
from .cleaning import remove
from .forking import prepare
from .project import Project
from .proxy import Proxy
from .target import CREATIONS, Target, named_server, needs, newer_target, target

__all__ = ["_builds_functions", "_runs_functions", "can_build", "newer_target", "target"]

OpenProject = Callable[[Path], AbstractContextManager[Project]]


def pytest_configure(config: pytest.Config) -> None:
    is_live = bool(named_server(config.option.markexpr))
    config.stash[CREATIONS] = Creations(LIVE_LIMIT if is_live else 0)


def pytest_collection_finish(session: pytest.Session) -> None:
    option = session.config.option
    if option.workers > 1 and not option.collectonly:
        prepare()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    creations = config.stash[CREATIONS]
    if creations.limit:
        terminalreporter.write_line(f"e2e: {creations.count} of at most {creations.limit} functions created")


@pytest.fixture(scope="session", autouse=True)
def _tidy(target: Target) -> Iterator[None]:
    """On a server that is not ours: take away what a crashed run left, and at the end what this one left."""
    if not target.is_live:
        yield
        return
    api = target.site().api()
    remove(api)
    yield
    remove(api)


@contextmanager
def opened(target: Target, folder: Path) -> Iterator[Project]:
    """A project that lives as long as a `with` block."""
    site = target.site()
    proxy = Proxy(site.endpoint, site.creations).start()
    project = Project(folder, site, proxy)
    try:
        yield project
    finally:
        proxy.stop()
        if target.is_live:
            remove(project.api, project.prefix)


@pytest.fixture(scope="module")
def open_project(target: Target) -> OpenProject:
    """Makes projects that live as long as a `with` block. A module may have a target of its own."""
    return partial(opened, target)


@pytest.fixture
def faults(target: Target) -> Iterator[Any]:
    """What the embedded server itself is to do wrong. A real server takes no such orders."""
    needs("only the embedded server does wrong on demand", not target.is_live)
    yield target.server.server.faults
    target.server.server.faults.clear()


@pytest.fixture
def project(target: Target, tmp_path: Path) -> Iterator[Project]:
    """An empty project, for one test."""
    with opened(target, tmp_path) as project:
        yield project
