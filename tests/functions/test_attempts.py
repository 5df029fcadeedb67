"""Counting refused starts, against the embedded server."""

from __future__ import annotations

from pathlib import Path

import pytest
from _shared import attempts, lock, refusing
from _shared.attempts import Attempts
from _shared.connection import Connection, Credentials
from _shared.documents import Documents
from _shared.lock_protocol import Numbers

from .bundles import assemble, schema_document
from .live_project import LiveProject

SETTINGS = lock.Settings("poller", "poller-lock", "raceday-db", "locks", Numbers(120, 45, 120))


@pytest.fixture
def prepared(project: LiveProject, tmp_path: Path) -> LiveProject:
    """A project with the lock collection."""
    project.call(assemble(tmp_path, schema_document()))
    return project


def count(project: LiveProject, owner: str) -> None:
    connection = Connection(Credentials(project.endpoint, project.name, project.key))
    refusing.count(connection, SETTINGS, owner)
    connection.close()


def test_refused_starts_are_counted_and_taken_by_the_owner(prepared: LiveProject) -> None:
    held = lock.acquire(SETTINGS, Credentials(prepared.endpoint, prepared.name, prepared.key), "e")
    assert isinstance(held, lock.Lock)
    for owner in "abc":
        count(prepared, owner)

    assert attempts.read(attempts.look(prepared.client, SETTINGS)).starts == 3
    assert attempts.clear(Documents(prepared.client, "raceday-db", held), SETTINGS)
    assert attempts.look(prepared.client, SETTINGS) is None
    assert held.release()


def test_counting_leaves_the_lock_document_alone(prepared: LiveProject) -> None:
    data = {"owner": "o", "generation": 1}
    path = "/databases/raceday-db/collections/locks/documents"
    held = prepared.client.once("POST", path, {"documentId": "poller-lock", "data": data})

    count(prepared, "x")

    assert prepared.client.get(f"{path}/poller-lock")["$updatedAt"] == held["$updatedAt"]


def test_without_a_lock_store_nothing_is_counted_and_nothing_fails(project: LiveProject) -> None:
    count(project, "x")

    assert attempts.look(project.client, SETTINGS) is None


@pytest.mark.parametrize(("count", "span", "crowded"), [(2, 1, False), (3, 60, True), (3, 61, False), (9, 10, True)])
def test_many_starts_in_a_short_time_are_a_crowd(count: int, span: float, crowded: bool) -> None:
    assert Attempts(count, span).is_crowded(60) is crowded


@pytest.mark.parametrize(("count", "seconds"), [(0, 0), (2, 0), (3, 15), (4, 30), (6, 120), (50, 900)])
def test_the_backoff_doubles_up_to_its_limit(count: int, seconds: float) -> None:
    assert Attempts(count, 1).backoff(15) == seconds
