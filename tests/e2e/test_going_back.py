"""Locks are taken away and come back with the code: a function of Raceday's, beside a lock that somebody holds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from .conftest import OpenProject
from .here import look
from .project import Project
from .raceday import declare_raceday
from .ruins import clock_of
from .target import Target, needs
from .walk import Walk

FUNCTION, LOCK = "database-setup", "database-setup-lock"
#: What the function was before: it never looks at the lock.
OLD = "def main(context):\n    return context.res.json({'outcome': 'without a lock'})\n"


@pytest.fixture(scope="module")
def walk(target: Target, open_project: OpenProject, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walk]:
    needs("only the embedded server's clock can be set", not target.is_live)
    with open_project(tmp_path_factory.mktemp("back")) as project, clock_of(target.server.server) as set_clock:
        yield _walked(Walk(project), target.server.server.clock, set_clock)


def _walked(walk: Walk, clock: Any, set_clock: Any) -> Walk:
    project = walk.project
    declare_raceday(project, (FUNCTION,))
    entry = project.root / "functions" / FUNCTION / "src" / "main.py"
    new = entry.read_text(encoding="utf-8")
    entry.write_text(OLD, encoding="utf-8")
    look(walk, "before", "apply", "--auto-approve")
    entry.write_text(new, encoding="utf-8")
    look(walk, "with locks", "apply", "--auto-approve")
    _run(walk, "free")
    walk.seen["left by the run"] = _is_locked(project)
    _hold_lock(project)
    _run(walk, "held")
    look(walk, "back", "rollback", project.id(FUNCTION), "--auto-approve")
    _run(walk, "old code")
    walk.seen["still held"] = _is_locked(project)
    look(walk, "forth", "apply", "--auto-approve")
    _run(walk, "held again")
    set_clock(clock.now() + timedelta(minutes=10))
    _run(walk, "stale")
    walk.seen["left at the end"] = _is_locked(project)
    return walk


def _run(walk: Walk, name: str) -> None:
    look(walk, name, "run", walk.project.id(FUNCTION), "--json")


def _locks(project: Project) -> str:
    return f"/databases/{project.id('raceday-db')}/collections/locks/documents"


def _is_locked(project: Project) -> bool:
    return project.api.has(f"{_locks(project)}/{LOCK}")


def _hold_lock(project: Project) -> None:
    """As a run does that is at work elsewhere."""
    numbers = {"generation": 3, "beats": 1, "takeovers": 0, "staleAfterSeconds": 60, "expirySeconds": 280}
    data = {"owner": "o" * 32, "executionId": "another", "nzDate": "2030-01-16", **numbers}
    project.api.post(_locks(project), {"documentId": LOCK, "data": data})


def answer(walk: Walk, name: str) -> Any:
    """What the function answered."""
    return json.loads(walk.json(name)["execution"]["responseBody"])


def test_code_with_a_lock_takes_it_gives_it_back_and_respects_another_holder(walk: Walk) -> None:
    walk.must_end("with locks")
    assert answer(walk, "free")["healthy"]
    assert walk.seen["left by the run"] is False
    assert answer(walk, "held")["duplicate"] is True


def test_the_code_of_before_is_back_at_once_and_runs_beside_the_lock(walk: Walk) -> None:
    walk.must_end("back")
    (write,) = walk.writes("back")
    assert (write.method, write.path.rpartition("/")[2]) == ("PATCH", "deployment")
    assert answer(walk, "old code")["outcome"] == "without a lock"
    assert walk.seen["still held"] is True


def test_going_forth_again_builds_nothing_and_finds_the_lock_as_it_was(walk: Walk) -> None:
    walk.must_end("forth")
    assert not [each for each in walk.writes("forth") if each.path.endswith("/deployments")]
    assert answer(walk, "held again")["duplicate"] is True


def test_a_lock_that_was_left_over_is_taken_over_when_it_is_stale(walk: Walk) -> None:
    assert answer(walk, "stale")["healthy"]
    assert walk.seen["left at the end"] is False
