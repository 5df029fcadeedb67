"""The embedded server that runs must be that of the environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from raceday_iac.cli.options import Options
from raceday_iac.cli.workspace import opened
from raceday_iac.devserver import daemon
from raceday_iac.errors import IacError
from raceday_iac.loading.environment import load_environment


def _opened_with(project: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The project of the target, while a server of the project `served` runs."""
    (folder / "environments").mkdir()
    (folder / "environments" / "local.yaml").write_text(f"endpoint: embedded\nproject: {project}\n")
    running = daemon.Status(True, folder, "http://127.0.0.1:1/v1", "served", "key", 1, "")
    monkeypatch.setattr(daemon, "status", lambda _folder: running)
    options = Options(stack=folder / "x.py")
    with opened(load_environment(options.stack, options.env), options) as target:
        return target.project


def test_a_running_server_of_the_environments_project_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _opened_with("served", tmp_path, monkeypatch) == "served"


def test_a_running_server_of_another_project_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(IacError, match="serves project served, but the environment names project other"):
        _opened_with("other", tmp_path, monkeypatch)
