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
from .raceday import PROJECT, Raceday

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


def count_refused(raceday: Raceday) -> None:
    connection = Connection(Credentials(raceday.server.endpoint, PROJECT, raceday.server.key))
    refusing.count(connection, SETTINGS._replace(lock_id="tester-lock"), "x")
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


@pytest.mark.parametrize(
    ("count", "span", "crowded"),
    [
        *((2, 1, False), (3, 60, True), (3, 61, False), (9, 10, True)),
        *((16, 80, True), (100, 61, True), (5, 120, True), (4, 120, False), (60, 3540, False)),
    ],
)
def test_many_starts_in_a_short_time_are_a_crowd_however_they_are_spread(
    count: int, span: float, crowded: bool
) -> None:
    """Not even the instants are needed for that."""
    assert Attempts(count, span).is_crowded(60) is crowded


@pytest.mark.parametrize(
    ("instants", "most"),
    [
        ((0, 30, 60), 3),
        ((0, 30, 60.5), 2),
        ((0, 400, 410, 420, 800), 3),
        ((0, 59, 61, 62, 200), 3),
        (tuple(range(0, 600, 60)), 2),
    ],
)
def test_the_window_slides(instants: tuple[float, ...], most: int) -> None:
    assert Attempts(len(instants), instants[-1] - instants[0], instants).most_within(60) == most


@pytest.mark.parametrize(("seconds", "crowded"), [((0, 500, 20, 20, 300), True), ((0, 500, 45, 45, 300), False)])
def test_starts_are_noted_with_their_instants(raceday: Raceday, seconds: tuple[float, ...], crowded: bool) -> None:
    """A burst in the middle of a long and quiet time. `seconds` are the pauses before the starts."""
    settings = SETTINGS._replace(lock_id="tester-lock")
    for pause in seconds:
        raceday.time.sleep(pause)
        count_refused(raceday)

    found = attempts.read(attempts.look(raceday.client, settings))

    assert (found.starts, len(found.instants)) == (5, 5)
    assert found.is_crowded(attempts.CROWD_WINDOW) is crowded


@pytest.mark.parametrize("junk", ["", "no JSON", "{}", "[null]", '["x"]', "7", "[NaN]"])
def test_instants_that_cannot_be_read_leave_the_count(junk: str) -> None:
    stamps = {"$createdAt": "2025-07-17T00:00:00.000+00:00", "$updatedAt": "2025-07-17T00:00:30.000+00:00"}

    found = attempts.read({"attempts": 5, "progress": junk, **stamps})

    assert (found.starts, found.span, found.is_crowded(60)) == (5, 30, True)


def test_no_more_instants_are_kept_than_fit(raceday: Raceday) -> None:
    settings = SETTINGS._replace(lock_id="tester-lock")
    for _ in range(3):
        count_refused(raceday)
    many = ",".join(["1752692400.1"] * 500)
    raceday.put(
        "locks", "tester-seen", owner="x", generation=0, attempts=500, progress=f"[{many[:4900].rpartition(',')[0]}]"
    )

    count_refused(raceday)

    assert len(attempts.read(attempts.look(raceday.client, settings)).instants) == refusing.KEPT


@pytest.mark.parametrize(("count", "seconds"), [(0, 0), (2, 0), (3, 15), (4, 30), (6, 120), (50, 900)])
def test_the_backoff_doubles_up_to_its_limit(count: int, seconds: float) -> None:
    assert Attempts(count, 1).backoff(15) == seconds
