"""The whole function against the embedded server: complete, repeatable, alone, and after being killed."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from raceday_iac.devserver.faults import RequestFault

from .bundles import assemble, schema_document
from .live_project import LiveProject, names_of, wait_until
from .small_schema import attribute, collection, index, size, small_schema

SMALL = small_schema()


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return assemble(tmp_path_factory.mktemp("live"), SMALL)


def test_an_empty_project_becomes_the_declared_database(project: LiveProject, bundle: Path) -> None:
    answer, status, _ = project.call(bundle)

    assert (status, answer["healthy"]) == (200, True), answer
    assert answer["created"] == size(SMALL)
    statuses = {each["status"] for found in project.collections().values() for each in found["attributes"]}
    assert statuses == {"available"}


def test_the_lock_is_given_back(project: LiveProject, bundle: Path) -> None:
    project.call(bundle)

    assert project.lock_document() is None


def test_a_second_run_changes_nothing(project: LiveProject, bundle: Path) -> None:
    project.call(bundle)
    before = project.collections()
    documents = project.client.get("/databases/raceday-db/collections/schema-versions/documents")

    answer, status, _ = project.call(bundle)

    assert (status, answer["created"], answer["updated"], answer["unchanged"]) == (200, 0, 0, size(SMALL))
    assert project.collections() == before
    assert project.client.get("/databases/raceday-db/collections/schema-versions/documents") == documents


def test_verify_and_health_agree_with_the_set_up(project: LiveProject, bundle: Path) -> None:
    project.call(bundle)

    verified, verify_status, _ = project.call(bundle, action="verify")
    health, health_status, _ = project.call(bundle, action="health")

    assert (verify_status, verified["problems"]) == (200, [])
    assert (health_status, health["version"], health["lock"]) == (200, 1, {"held": False})


def test_verifying_an_empty_project_is_unhealthy_and_writes_nothing(project: LiveProject, bundle: Path) -> None:
    answer, status, _ = project.call(bundle, action="verify")

    assert (status, answer["healthy"]) == (500, False)
    assert project.client.get("/databases")["total"] == 0


def test_an_unknown_action_is_refused(project: LiveProject, bundle: Path) -> None:
    answer, status, _ = project.call(bundle, action="drop")

    assert (status, answer["error"]) == (400, "unknown_action")


def test_a_held_lock_ends_the_run_at_once_and_successfully(project: LiveProject, bundle: Path) -> None:
    project.call(bundle)
    _hold_lock(project)

    answer, status, reported = project.call(bundle)

    assert (status, answer["duplicate"]) == (200, True)
    (event,) = reported.events("lock.refused")
    assert event["holder"]["owner"] == "somebody"
    assert event["saved"]["appwriteRequests"] > 0


def test_a_stale_lock_is_taken_over(project: LiveProject, tmp_path: Path) -> None:
    bundle = assemble(tmp_path, SMALL, staleAfterSeconds=1)
    project.call(bundle)
    _hold_lock(project, staleAfterSeconds=1)
    wait_until(lambda: not _is_duplicate(project, bundle), "the stale lock is taken over")

    assert project.lock_document() is None


def _is_duplicate(project: LiveProject, bundle: Path) -> bool:
    return "duplicate" in project.call(bundle)[0]


def _hold_lock(project: LiveProject, **fields: Any) -> None:
    data = {"owner": "somebody", "generation": 1, **fields}
    path = "/databases/raceday-db/collections/locks/documents"
    project.client.once("POST", path, {"documentId": "database-setup-lock", "data": data})


@pytest.mark.parametrize("status", [429, 500, 503])
def test_bursts_of_complaints_are_survived(project: LiveProject, bundle: Path, status: int) -> None:
    fault = RequestFault(method="POST", path="*/attributes/*", times=12, status=status, retry_after=0)
    project.faults().add(fault)

    answer, code, _ = project.call(bundle)

    assert (code, answer["created"]) == (200, size(SMALL)), answer


@pytest.mark.parametrize("cut", ["before", "after"])
def test_cut_connections_are_survived_without_doubles(project: LiveProject, bundle: Path, cut: str) -> None:
    for path in ("*/locks/documents*", "*/attributes/*", "*/indexes", "*/collections"):
        project.faults().add(RequestFault(method="POST", path=path, times=2, cut=cut))

    answer, code, _ = project.call(bundle)

    assert (code, answer["created"]) == (200, size(SMALL)), answer


def test_a_failing_attribute_is_isolated_and_what_was_made_is_taken_back(project: LiveProject, bundle: Path) -> None:
    project.faults().failing_attributes = {"distance"}

    answer, status, _ = project.call(bundle)

    assert status == 500
    assert [each["address"] for each in answer["problems"]] == ["attribute.raceday-db/races/distance"]
    assert answer["rolledBack"] > 0
    assert set(project.collections()) == {"locks", "schema-versions"}


def test_without_rollback_everything_else_stays(project: LiveProject, bundle: Path) -> None:
    project.faults().failing_attributes = {"distance"}

    project.call(bundle, rollback=False)

    made = names_of(project.collections(), "attributes")
    assert ("races", "startTime") in made
    assert ("results", "race") in made


def test_a_run_goes_on_after_the_fault_is_gone(project: LiveProject, bundle: Path) -> None:
    project.faults().failing_attributes = {"distance"}
    project.call(bundle)
    project.faults().clear()

    answer, status, _ = project.call(bundle)

    assert (status, answer["version"]) == (200, 1), answer


def test_two_runs_at_once_are_one_worker_and_one_that_leaves(project: LiveProject, bundle: Path) -> None:
    project.call(bundle)
    project.client.delete("/databases/raceday-db/collections/results")
    project.faults().add(RequestFault(method="POST", path="*/attributes/*", times=1, delay=1.5))

    runs = [project.start(bundle) for _ in range(3)]
    answers = [json.loads(run.communicate(timeout=60)[0]) for run in runs]

    assert sorted(answer.get("duplicate", False) for answer in answers) == [False, True, True]
    assert [answer["healthy"] for answer in answers if not answer.get("duplicate")] == [True]


def test_two_runs_on_an_empty_project_make_it_once(project: LiveProject, bundle: Path) -> None:
    runs = [project.start(bundle) for _ in range(2)]
    answers = [json.loads(run.communicate(timeout=60)[0]) for run in runs]

    assert any(answer["healthy"] for answer in answers)
    assert all(answer["healthy"] or answer.get("duplicate") for answer in answers), answers
    assert project.call(bundle, action="verify")[0]["healthy"]


def test_a_killed_run_is_taken_over_and_completed(project: LiveProject, tmp_path: Path) -> None:
    bundle = assemble(tmp_path, SMALL, staleAfterSeconds=2, heartbeatSeconds=1)
    project.faults().add(RequestFault(method="POST", path="*/attributes/integer", times=1, delay=5))
    run = project.start(bundle)
    wait_until(lambda: _half_done(project), "the run has created attributes")
    run.send_signal(signal.SIGKILL)
    run.communicate()

    wait_until(lambda: not _is_duplicate(project, bundle), "the lock of the killed run is taken over")

    assert project.call(bundle, action="health")[1] == 200


def _half_done(project: LiveProject) -> bool:
    found = project.client.find("/databases/raceday-db/collections/meetings")
    return found is not None and any(each["key"] == "meetingId" for each in found["attributes"])


def test_an_interrupted_bootstrap_of_the_lock_store_is_completed(project: LiveProject, bundle: Path) -> None:
    project.client.once("POST", "/databases", {"databaseId": "raceday-db", "name": "RaceDay Database"})
    project.client.once("POST", "/databases/raceday-db/collections", {"collectionId": "locks", "name": "Locks"})

    answer, status, reported = project.call(bundle)

    assert (status, answer["healthy"]) == (200, True), answer
    assert reported.events("lock.store_not_ready")


def test_a_key_without_scopes_is_an_error_and_no_duplicate(
    project: LiveProject, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(project, "key", project.server.create_key(project.name, ["databases.read"]))

    answer, status, _ = project.call(bundle)

    assert (status, answer["error"]) == (500, "lock_unusable")


def test_no_secret_appears_in_logs_and_answers(project: LiveProject, bundle: Path) -> None:
    answer, _, reported = project.call(bundle)

    assert project.key not in "".join([*reported.logs, *reported.errors, json.dumps(answer)])


def test_every_log_line_is_json_with_the_execution(project: LiveProject, bundle: Path) -> None:
    _, _, reported = project.call(bundle)

    assert {json.loads(line)["execution"] for line in [*reported.logs, *reported.errors]} == {"execution-1"}


def test_an_update_of_a_populated_database_keeps_its_documents(project: LiveProject, tmp_path: Path) -> None:
    first = schema_document(collection("things", [attribute("name", size=20), attribute("rank", "integer")]))
    later = schema_document(
        collection(
            "things",
            [attribute("name", size=40), attribute("rank", "integer", default=1), attribute("more", "boolean")],
            indexes=[index("idx_name", "name")],
        )
    )
    project.call(assemble(tmp_path, first))
    path = "/databases/raceday-db/collections/things/documents"
    project.client.once("POST", path, {"documentId": "d1", "data": {"name": "a", "rank": 7}})

    answer, status, _ = project.call(assemble(tmp_path, later))

    assert (status, answer["created"], answer["updated"], answer["version"]) == (200, 2, 2, 2), answer
    assert project.client.get(path + "/d1")["rank"] == 7


def test_the_deployed_function_does_it_all_with_its_dynamic_key(project: LiveProject, bundle: Path) -> None:
    project.deploy(bundle)

    first = project.execute()
    second = project.execute(action="health")

    assert (first["status"], first["responseStatusCode"]) == ("completed", 200), first
    assert json.loads(first["responseBody"])["created"] == size(SMALL)
    assert json.loads(second["responseBody"])["healthy"]
