"""Makes the shared code importable as `_shared`, as a bundle has it as `vendor`, and starts an embedded server."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from workers import made_once

FUNCTIONS = Path(__file__).parents[2] / "functions"
sys.path.insert(0, str(FUNCTIONS))

_projects = itertools.count()


@pytest.fixture(scope="session")
def devserver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """One embedded server for all tests that need a real one."""
    from raceday_iac.devserver.runner import start_server
    from raceday_iac.devserver.server import Settings

    server = start_server(tmp_path_factory.mktemp("server"), settings=Settings(processing_delay=0.01, scheduler=False))
    yield server
    server.stop()


@pytest.fixture
def project(devserver: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An empty project of its own, named in the environment as the runtime does."""
    from .live_project import LiveProject

    made = LiveProject(devserver, f"project-{next(_projects)}")
    monkeypatch.setenv("APPWRITE_FUNCTION_API_ENDPOINT", made.endpoint)
    monkeypatch.setenv("APPWRITE_FUNCTION_PROJECT_ID", made.name)
    yield made
    made.faults().clear()


@pytest.fixture(scope="session")
def bundle_modules(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The modules of one assembled bundle."""
    from .bundles import assemble
    from .setting_up import Bundle
    from .small_schema import small_schema

    return Bundle.of(assemble(tmp_path_factory.mktemp("modules"), small_schema()))


@pytest.fixture
def server() -> Any:
    """An empty in-memory server."""
    from .fake_appwrite import FakeAppwrite

    return FakeAppwrite()


@pytest.fixture
def built(bundle_modules: Any, server: Any) -> Any:
    """An in-memory server on which the small schema is set up."""
    from .setting_up import run
    from .small_schema import small_schema

    assert run(bundle_modules, server, small_schema()).report.healthy
    return server


@pytest.fixture(scope="session")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundles of the real stack, laid out as they are deployed."""
    from .raceday import lay_out_bundles

    return made_once(tmp_path_factory, "bundles", lay_out_bundles)


@pytest.fixture(scope="session")
def raceday_data(tmp_path_factory: pytest.TempPathFactory, bundles: Path) -> Path:
    """The data folder of a server with the whole schema and no documents; to be copied."""
    from .raceday import set_up_database

    return made_once(tmp_path_factory, "raceday-data", lambda data: set_up_database(data, bundles))


@pytest.fixture
def raceday(tmp_path: Path, raceday_data: Path, bundles: Path) -> Iterator[Any]:
    """Raceday at 07:00 on the recorded day (17 July 2025, NZST), on a server of its own, in virtual time."""
    from .raceday import Raceday, fresh

    made = Raceday(fresh(raceday_data, tmp_path / "data"), bundles, datetime(2025, 7, 16, 19, 0, tzinfo=UTC))
    yield made
    made.close()
