"""One embedded server for the whole run, and a settled project of its own for each case."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from functions.conftest import bundles, raceday, raceday_data  # noqa: F401 - what the functions' tests live on
from workers import shared_folder

from .harness import Arena, Elsewhere, Settled, elsewhere, make_quick, opened


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from raceday_iac.devserver.runner import start_server
    from raceday_iac.devserver.server import Settings

    # All workers of one run share the virtual environments of builds.
    settings = Settings(scheduler=False, venv_folder=shared_folder(tmp_path_factory) / "venvs")
    with start_server(tmp_path_factory.mktemp("server"), settings=settings) as running:
        yield running


@pytest.fixture
def empty(server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Arena]:
    """A project with nothing in it, and nothing declared."""
    make_quick(monkeypatch)
    with opened(server, tmp_path) as arena:
        yield arena


@pytest.fixture(scope="session")
def losing_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """It has two database workers, which take long enough between reading and writing a schema to lose changes."""
    from raceday_iac.devserver.runner import start_server
    from raceday_iac.devserver.server import Settings

    settings = Settings(scheduler=False, processing_delay=0.0, schema_window=0.01, database_workers=2)
    with start_server(tmp_path_factory.mktemp("losing"), settings=settings) as running:
        yield running


@pytest.fixture
def losing(losing_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Arena]:
    """An empty project on that server. The first look at what it makes of something comes early."""
    make_quick(monkeypatch)
    monkeypatch.setattr("raceday_iac.applying.actions._FIRST_LOOK", 0.015)
    with opened(losing_server, tmp_path) as arena:
        yield arena


@pytest.fixture(scope="session")
def settled(server: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settled]:
    with Settled(server, lambda: tmp_path_factory.mktemp("arena")).kept() as found:
        yield found


@pytest.fixture
def arena(settled: Settled, monkeypatch: pytest.MonkeyPatch) -> Iterator[Arena]:
    """A project that is applied, with documents. Cases that leave it as it was share it."""
    make_quick(monkeypatch)
    yield settled.arena()
    settled.give_back()


@pytest.fixture
def other() -> Iterator[Elsewhere]:
    """Another server, to which requests may be sent away."""
    with elsewhere() as found:
        yield found
