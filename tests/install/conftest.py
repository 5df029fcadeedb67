"""The wheel, built and installed once for all tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from .wheel import Machine, build, install, sources


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(sources(tmp_path_factory.mktemp("sources")), tmp_path_factory.mktemp("wheel"), "wheel")


@pytest.fixture(scope="session")
def machine(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Machine:
    return install(wheel, tmp_path_factory.mktemp("machine"))
