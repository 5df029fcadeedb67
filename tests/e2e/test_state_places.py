"""The same runs with the state in Appwrite itself, and in an S3-compatible store."""

from __future__ import annotations

import signal
from typing import Any

import pytest
from state.s3_server import S3Server

from raceday_iac.state.encryption import new_key

from .here import run_here
from .mixed import SCHEMA, SCHEMA_OBJECTS
from .places import documents_of, here, keep_in_appwrite, keep_state
from .project import Project, actions

live = pytest.mark.live


def keep_in_s3(project: Project, server: S3Server) -> None:
    project.variables["STATE_ACCESS_KEY"] = server.access_key
    project.secret("STATE_SECRET_KEY", server.secret_key)
    keep_state(
        project,
        f"""
        backend: s3
        bucket: {server.bucket}
        prefix: {project.prefix}
        endpoint: {server.endpoint}
        access_key_env: STATE_ACCESS_KEY
        secret_key_env: STATE_SECRET_KEY
        """,
    )


@pytest.fixture(params=["appwrite", "s3"])
def remote(project: Project, request: pytest.FixtureRequest) -> Project:
    """A project with the schema declared, and its state in a place that machines share."""
    project.declare(SCHEMA)
    if request.param == "appwrite":
        keep_in_appwrite(project)
    else:
        keep_in_s3(project, request.getfixturevalue("s3"))
    return project


@pytest.fixture
def inside(project: Project) -> Project:
    """The same, with the state in Appwrite."""
    project.declare(SCHEMA)
    keep_in_appwrite(project)
    return project


def owned(project: Project) -> list[str]:
    resources: list[str] = here(project, "state", "list", "--json").json["resources"]
    return resources


def test_a_stack_is_applied_once_and_every_other_machine_knows_it(remote: Project) -> None:
    here(remote, "apply", "--auto-approve")
    assert not remote.state_file.exists()
    assert len(owned(remote)) == SCHEMA_OBJECTS
    remote.lose_state()
    remote.must_be_clean()
    remote.must_keep_no_secret()
    (entry,) = here(remote, "state", "history", "--json").json["history"]
    assert (entry["command"], entry["resources"]) == ("apply", SCHEMA_OBJECTS)


def test_a_killed_run_leaves_a_lock_that_is_reported_and_released_and_the_next_run_finishes(remote: Project) -> None:
    run = remote.start("apply", "--auto-approve")
    remote.proxy.call(lambda: run.signal(signal.SIGKILL), "POST", "*/attributes/*", skip=5)
    assert run.end().code == -signal.SIGKILL
    remote.proxy.forget()
    refused = here(remote, "apply", "--auto-approve", code=6)
    assert "locked by apply by" in refused.err
    (lock,) = here(remote, "state", "lock", "list", "--json").json["locks"]
    assert lock["id"] in refused.err
    assert 0 < lock["expiresIn"] <= 300
    asked = here(remote, "state", "lock", "release", lock["id"], code=5)
    assert "--yes" in asked.err
    here(remote, "state", "lock", "release", lock["id"], "--yes")
    here(remote, "apply", "--auto-approve")
    remote.must_be_clean()
    assert len(owned(remote)) == SCHEMA_OBJECTS


def test_a_run_whose_lock_was_released_under_it_saves_no_more_and_loses_nothing(remote: Project) -> None:
    released: list[Any] = []

    def release() -> None:
        released.append(run_here(remote, "state", "lock", "release", "--yes"))

    remote.proxy.call(release, "POST", "*/attributes/string", skip=3)
    ended = remote.start("apply", "--auto-approve").end()
    assert [each.code for each in released] == [0], released
    assert ended.code == 6, ended
    assert "refused" in ended.text
    assert "run plan again" in ended.text
    # What it had done and could not save is found and adopted.
    assert "adopt" in actions(here(remote, "plan", "--json").json).values()
    here(remote, "apply", "--auto-approve")
    remote.must_be_clean()
    assert len(owned(remote)) == SCHEMA_OBJECTS


def test_of_two_applies_at_once_one_wins_and_the_other_changes_nothing(remote: Project) -> None:
    others: list[Any] = []
    collections = f"/databases/{remote.id('db')}/collections"

    def meanwhile() -> None:
        others.append(run_here(remote, "apply", "--auto-approve"))
        others.append(run_here(remote, "plan"))

    remote.proxy.call(meanwhile, "POST", collections)
    remote.apply()
    loser, plan = others
    assert loser.code == 6, loser
    assert "locked by apply" in loser.err
    assert plan.code == 0, plan
    remote.must_be_clean()


def test_states_are_changed_by_hand_there_too(remote: Project) -> None:
    here(remote, "apply", "--auto-approve")
    text = here(remote, "state", "pull").out
    here(remote, "state", "rm", f"collection.{remote.id('db')}/two")
    assert len(owned(remote)) == SCHEMA_OBJECTS - 8
    (remote.root / "kept.json").write_text(text, encoding="utf-8")
    assert "it is older" in here(remote, "state", "push", str(remote.root / "kept.json"), code=5).err
    here(remote, "state", "push", str(remote.root / "kept.json"), "--force")
    assert len(owned(remote)) == SCHEMA_OBJECTS
    history = here(remote, "state", "history", "--json").json["history"]
    assert [each["command"] for each in history] == ["state push", "state rm", "apply"]
    remote.must_be_clean()


# In Appwrite.


@live
def test_where_the_state_is_kept_is_nobodys_resource(inside: Project) -> None:
    here(inside, "apply", "--auto-approve")
    assert inside.api.has(f"/databases/{inside.id('state')}")
    for command in (("plan", "--json"), ("drift", "--json")):
        assert not [each for each in here(inside, *command).json["unmanaged"] if inside.prefix in each]
    assert inside.id("state") not in here(inside, "import", "--write", str(inside.root / "stacks" / "all.py")).text
    assert inside.id("state") not in (inside.root / "stacks" / "all.py").read_text(encoding="utf-8")


def test_nobody_may_read_it_without_a_key(inside: Project) -> None:
    here(inside, "apply", "--auto-approve")
    collection = inside.api.get(f"/databases/{inside.id('state')}/collections/states")
    assert (collection["$permissions"], collection["documentSecurity"]) == ([], False)


def test_a_plan_reads_the_state_with_one_request_and_writes_nothing(inside: Project) -> None:
    here(inside, "apply", "--auto-approve")
    inside.proxy.forget()
    here(inside, "plan")
    assert inside.proxy.count("*", f"{documents_of(inside)}*") == 1
    assert inside.proxy.writes() == 0


def test_a_plan_before_the_first_apply_makes_nothing(inside: Project) -> None:
    here(inside, "plan")
    assert inside.proxy.writes() == 0


@pytest.mark.parametrize("skip", [0, 1, 2, 7])
def test_answers_of_saves_that_are_lost_are_not_taken_for_somebody_elses(inside: Project, skip: int) -> None:
    inside.proxy.lose("after", "POST", documents_of(inside), skip=skip)
    inside.proxy.lose("after", "PATCH", f"{documents_of(inside)}/*", skip=skip % 2)
    here(inside, "apply", "--auto-approve")
    inside.must_be_clean()
    assert len(owned(inside)) == SCHEMA_OBJECTS


def test_a_half_made_collection_is_finished(inside: Project) -> None:
    """The first run was killed while it made the place for its state."""
    run = inside.start("apply", "--auto-approve")
    inside.proxy.call(lambda: run.signal(signal.SIGKILL), "POST", "*/states/attributes/*", skip=1, when="after")
    assert run.end().code == -signal.SIGKILL
    inside.proxy.forget()
    here(inside, "plan")
    here(inside, "apply", "--auto-approve")
    inside.must_be_clean()


def test_a_stack_that_declares_the_states_own_database_is_refused(inside: Project) -> None:
    keep_in_appwrite(inside)
    inside.declare('stack.database(P + "state", name="Mine")')
    refused = here(inside, "plan", code=1)
    assert "the state of environment 'e2e' is kept in this database" in refused.err
    assert inside.proxy.exchanges() == []


def test_a_key_that_may_not_write_documents_is_reported(inside: Project) -> None:
    here(inside, "apply", "--auto-approve")
    if not inside.site.narrow_key:
        pytest.skip("no second key")
    refused = inside.iac("apply", "--auto-approve", code=1, APPWRITE_API_KEY=inside.site.narrow_key)
    assert "documents.write" in refused.err


# In S3.


def test_a_wrong_key_and_a_store_that_is_not_there_are_reported(project: Project, s3: S3Server) -> None:
    project.declare(SCHEMA)
    keep_in_s3(project, s3)
    refused = project.iac("plan", code=1, STATE_SECRET_KEY="wrong")
    assert "does not accept the key: SignatureDoesNotMatch" in refused.err
    missing = project.iac("apply", "--auto-approve", code=1, STATE_SECRET_KEY="")
    assert "STATE_SECRET_KEY is empty. It must hold the secret key of the state." in missing.err
    assert project.proxy.writes() == 0


NOTES = """
    shop = stack.database(P + "shop", name="Shop")
    notes = shop.collection("notes", name="Notes")
    notes.string("text", 50)
"""


def lose_notes(project: Project) -> str:
    """Delete a collection with a note; the path of its documents."""
    path = f"/databases/{project.id('shop')}/collections/notes/documents"
    project.declare(NOTES)
    here(project, "apply", "--auto-approve")
    project.api.post(path, {"documentId": "a", "data": {"text": "a note"}})
    project.declare("")
    here(project, "apply", "--auto-approve", "--allow-data-loss", f"database.{project.id('shop')}=1")
    return path


def get_notes_back(project: Project, path: str) -> None:
    project.declare(NOTES)
    here(project, "apply", "--auto-approve")
    here(project, "backup", "verify")
    here(project, "restore", "latest", "--auto-approve")
    assert project.api.get(f"{path}/a")["text"] == "a note"


def test_a_backup_is_beside_an_encrypted_state_in_s3_for_every_machine(project: Project, s3: S3Server) -> None:
    key, _ = new_key()
    project.secret("STATE_KEY", key.reveal())
    keep_in_s3(project, s3)
    file = project.root / "stacks" / "environments" / "e2e.yaml"
    file.write_text(file.read_text() + "  encryption: {key_env: STATE_KEY}\n")
    path = lose_notes(project)
    assert not (project.state_folder / "backups").exists()
    project.lose_state()
    get_notes_back(project, path)
    file.write_text(file.read_text().replace("  encryption: {key_env: STATE_KEY}\n", ""))
    assert "names no key" in here(project, "backup", "show", "latest", code=1).err


def test_with_a_state_in_appwrite_the_backup_is_on_the_machine_that_made_it(project: Project) -> None:
    keep_in_appwrite(project)
    path = lose_notes(project)
    assert list((project.state_folder / "backups").glob("*/manifest.json"))
    get_notes_back(project, path)
    here(project, "backup", "create", f"collection.{project.id('shop')}/notes")
    here(project, "backup", "delete", "latest", "--auto-approve")
    assert len(here(project, "backup", "list", "--json").json["backups"]) == 1
