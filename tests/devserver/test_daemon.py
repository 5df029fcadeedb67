"""The server as a process of its own: one to a folder, found by whoever comes next, gone when it is stopped."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.request import Request, urlopen

from raceday_iac.devserver.daemon import reset, start, status, stop


def _databases(endpoint: str, project: str, key: str) -> int:
    headers = {"X-Appwrite-Project": project, "X-Appwrite-Key": key}
    with urlopen(Request(f"{endpoint}/databases", headers=headers)) as answer:
        total: int = json.load(answer)["total"]
        return total


def test_a_server_is_started_once_serves_its_project_and_is_stopped_once(tmp_path: Path) -> None:
    started = start(
        tmp_path, project="operations", plugins=["raceday_iac.raceday.nztab.player:NztabPlugin"], appwrite="1.9"
    )
    try:
        assert (started.running, started.project) == (True, "operations")
        assert _databases(started.endpoint, "operations", started.key) == 0
        assert start(tmp_path).pid == status(tmp_path).pid == started.pid
        with urlopen(f"{started.endpoint.removesuffix('/v1')}/nztab/affiliates/v1/racing/meetings") as answer:
            assert json.load(answer)["data"]["meetings"]
        with urlopen(
            Request(f"{started.endpoint}/health/version", headers={"X-Appwrite-Project": "operations"})
        ) as answer:
            assert json.load(answer) == {"version": "1.9.6"}
        assert oct((tmp_path / "server.json").stat().st_mode & 0o777) == "0o600"
    finally:
        assert stop(tmp_path)
    assert not status(tmp_path).running
    assert not stop(tmp_path)
    assert not reset(tmp_path)
