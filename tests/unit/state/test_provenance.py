"""Who saved a state, as far as it can be known."""

from __future__ import annotations

import os
from typing import Any

import pytest

from raceday_iac.state.document import Saved, this_process
from raceday_iac.state.store import LockInfo

GITHUB = {
    "GITHUB_SERVER_URL": "https://github.example.org",
    "GITHUB_REPOSITORY": "acme/raceday",
    "GITHUB_RUN_ID": "77",
}


def test_a_process_knows_itself() -> None:
    owner = this_process({})
    assert owner.pid == os.getpid()
    assert str(owner) == f"{owner.user}@{owner.host}"
    assert owner.run == ""


@pytest.mark.parametrize(
    ("variables", "run"),
    [
        (GITHUB, "https://github.example.org/acme/raceday/actions/runs/77"),
        ({**GITHUB, "GITHUB_RUN_ID": ""}, ""),
        ({"CI_JOB_URL": "https://gitlab.example.org/1"}, "https://gitlab.example.org/1"),
        ({"BUILD_URL": "https://jenkins.example.org/2"}, "https://jenkins.example.org/2"),
        ({"CIRCLE_BUILD_URL": "https://circle.example.org/3"}, "https://circle.example.org/3"),
        ({"CI": "true"}, ""),
    ],
)
def test_the_run_of_a_ci_system_is_found(variables: dict[str, str], run: str) -> None:
    assert this_process(variables).run == run


def test_provenance_survives_being_stored() -> None:
    saved = Saved("2026-11-25T10:00:00+00:00", "ann@host", "apply", "https://ci.example.org", "s", 7)
    assert Saved.from_json(saved.to_json()) == saved


@pytest.mark.parametrize("content", [None, [], "text", {}, {"resources": "many"}, {"at": None}])
def test_what_is_missing_or_odd_is_left_empty(content: Any) -> None:
    assert Saved.from_json(content) == Saved()


def test_a_lock_says_the_ci_run_that_holds_it() -> None:
    lock = LockInfo("id", "apply", "ci@runner", 12, "2026-11-25 10:00:00 UTC", "https://ci.example.org/7")
    assert str(lock).endswith("process 12, since 2026-11-25 10:00:00 UTC, https://ci.example.org/7")
