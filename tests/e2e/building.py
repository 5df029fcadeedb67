"""Whether the server can build functions. A live server without an executor cannot; then such tests are skipped."""

from __future__ import annotations

import time

import pytest

from .api import Api
from .project import new_prefix
from .target import Target, needs

PATIENCE = 180.0
_FINAL = ("ready", "failed", "canceled")


@pytest.fixture(scope="session")
def can_build(target: Target) -> bool:
    """Found out once, with a function of our own. The embedded server must be able to."""
    if not target.is_live:
        return True
    api, name = target.site().api(), f"{new_prefix()}probe"
    api.post("/functions", {"functionId": name, "name": "Probe", "runtime": "python-3.12", "entrypoint": "main.py"})
    try:
        return _builds(api, name)
    finally:
        api.delete(f"/functions/{name}")


@pytest.fixture
def _builds_functions(can_build: bool) -> None:
    needs("this server does not build functions (a probe was not ready)", can_build)


@pytest.fixture
def _runs_functions(can_build: bool, target: Target) -> None:
    needs("this server does not build functions (a probe was not ready)", can_build)
    needs("this server does not run functions (LIVE_EXECUTION=0)", target.executes)


def _builds(api: Api, name: str) -> bool:
    from raceday_iac.packaging.bundle import make_archive

    archive = make_archive({"main.py": b"def main(context):\n    return context.res.empty()\n"})
    deployment = api.upload(name, archive, activate=False)["$id"]
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        status = api.get(f"/functions/{name}/deployments/{deployment}")["status"]
        if status in _FINAL:
            return bool(status == "ready")
        time.sleep(0.3)
    return False
