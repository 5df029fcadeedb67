"""Resources that are plain documents of a project."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests

from raceday_iac.devserver import buckets
from raceday_iac.devserver.ages import V1_9
from raceday_iac.devserver.buckets import BUCKETS
from raceday_iac.devserver.errors import ApiError
from raceday_iac.devserver.runner import start_server
from raceday_iac.devserver.server import Server, Settings


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


def test_a_phone_is_one_users_and_gets_messages(tmp_path: Path) -> None:
    with start_server(tmp_path, settings=Settings(age=V1_9, scheduler=False)) as running:
        headers = {"x-appwrite-project": running.project, "x-appwrite-key": running.key}

        def post(path: str, body: Mapping[str, Any]) -> Any:
            return requests.post(running.endpoint + path, json=body, headers=headers, timeout=10).json()

        user = post("/users", {"userId": "ann", "phone": "+4930901820"})
        assert user["phone"] == "+4930901820"
        assert [(each["providerType"], each["identifier"]) for each in user["targets"]] == [("sms", "+4930901820")]
        assert post("/users", {"userId": "bob", "phone": "+4930901820"})["type"] == "user_already_exists"
        assert "must start with a '+'" in post("/users", {"userId": "bob", "phone": "030901820"})["message"]
        post("/teams", {"teamId": "t", "name": "T"})
        member = post("/teams/t/memberships", {"phone": "+4930901820", "roles": ["owner"]})
        assert member["userId"] == "ann"
        made = post("/teams/t/memberships", {"phone": "+4930901821", "roles": ["owner"], "name": "Cy"})
        assert (made["userName"], made["userPhone"]) == ("Cy", "+4930901821")
