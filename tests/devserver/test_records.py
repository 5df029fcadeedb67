"""Resources that are plain documents of a project."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from raceday_iac.devserver import buckets
from raceday_iac.devserver.buckets import BUCKETS
from raceday_iac.devserver.errors import ApiError
from raceday_iac.devserver.server import Server


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return Server(tmp_path, buckets)


def test_an_id_is_taken_in_its_project_alone(server: Server) -> None:
    for project in ("mine", "theirs"):
        BUCKETS.create(server, project, "b", {"name": "B"})
    with pytest.raises(ApiError, match="409"):
        BUCKETS.create(server, "mine", "B", {"name": "B"})


def test_an_id_that_is_unique_over_the_server_is_taken_and_not_shown(server: Server) -> None:
    kept = replace(BUCKETS, is_server_wide=True)
    kept.create(server, "theirs", "b", {"name": "B"})
    with pytest.raises(ApiError, match="409 storage_bucket_already_exists"):
        kept.create(server, "mine", "B", {"name": "B"})
    assert kept.all(server, "mine") == []
    with pytest.raises(ApiError, match="404"):
        kept.find(server, "mine", "b")
