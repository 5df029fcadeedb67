"""Batched writes behind a fence, against the embedded server: complete, repeatable, with the bad ones named, and never
carried out after somebody else has the lock."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from _shared import lock
from _shared.appwrite_http import AppwriteError, Client
from _shared.connection import Answer, Connection, Credentials
from _shared.documents import BATCH, LIMIT, Documents, Write
from _shared.lock import LockLost
from _shared.lock_protocol import Numbers
from _shared.runtime import REAL

from raceday_iac.devserver.faults import RequestFault

from .bundles import assemble, schema_document
from .live_project import LiveProject
from .small_schema import attribute, collection, relationship

SCHEMA = schema_document(
    collection("plain", [attribute("name", size=10, required=True), attribute("rank", "integer")]),
    collection(
        "linked",
        [attribute("name", size=10, required=True), attribute("rank", "integer")],
        [relationship("plain", "plain", twoWayKey="linkedOnes")],
    ),
)
SETTINGS = lock.Settings("writer", "writer-lock", "raceday-db", "locks", Numbers(60, 20, 280))
LOCKS = "/databases/raceday-db/collections/locks/documents"
BOTH = pytest.mark.parametrize("name", ["plain", "linked"])
Before = Callable[[str, str, Any], None]


class HealthConfig:
    """A connection that says what it sends, before it sends it."""

    def __init__(self, credentials: Credentials, before: Before) -> None:
        self._real, self._before = Connection(credentials), before

    def send(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Answer:
        self._before(method, path, body)
        return self._real.send(method, path, body, headers)

    def close(self) -> None:
        self._real.close()


class Writer:
    """One run that holds the lock, and what it writes."""

    def __init__(self, project: LiveProject, before: Before = lambda *_: None) -> None:
        self.project = project
        credentials = Credentials(project.endpoint, project.name, project.key)
        runtime = REAL._replace(connect=lambda each: HealthConfig(each, before), sleep=lambda _: time.sleep(0.001))
        held = lock.acquire(SETTINGS, credentials, "execution", runtime=runtime)
        assert isinstance(held, lock.Lock)
        self.held = held
        self.client = Client(credentials, runtime=runtime, permit=held.check)
        self.documents = Documents(self.client, "raceday-db", held)

    def write(self, name: str, documents: Mapping[str, Mapping[str, Any]]) -> Any:
        if name == "plain":
            return self.documents.put_all(name, documents)
        return self.documents.write([Write(name, identity, data) for identity, data in documents.items()])

    def is_taken_over(self) -> None:
        """Somebody else has the lock from now on, whatever this run believes."""
        data = {"owner": "other", "generation": 2}
        self.project.client.patch(f"{LOCKS}/writer-lock", {"data": data})
        self.project.client.delete(f"{LOCKS}/{self.held.lease.fence}")


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory, devserver: Any) -> Any:
    """A project with one collection of each kind, for all tests here: each cleans up what it wrote."""
    with pytest.MonkeyPatch.context() as patched:
        made = LiveProject(devserver, "documents")
        patched.setenv("APPWRITE_FUNCTION_API_ENDPOINT", made.endpoint)
        patched.setenv("APPWRITE_FUNCTION_PROJECT_ID", made.name)
        answer, _, _ = made.call(assemble(tmp_path_factory.mktemp("documents"), SCHEMA))
        assert answer["healthy"], answer
        yield made


@pytest.fixture
def prepared(schema: LiveProject) -> Any:
    yield schema
    schema.faults().clear()
    for name in ("linked", "plain", "locks"):
        path = f"/databases/raceday-db/collections/{name}/documents"
        while found := schema.client.get(path, [{"method": "limit", "values": [500]}])["documents"]:
            for each in found:
                schema.client.delete(f"{path}/{each['$id']}")


@pytest.fixture
def writer(prepared: LiveProject) -> Writer:
    return Writer(prepared)


def documents(count: int, **extra: Any) -> dict[str, dict[str, Any]]:
    return {f"d{number}": {"name": f"n{number}", "rank": number, **extra} for number in range(count)}


def stored(project: LiveProject, name: str) -> dict[str, Any]:
    path = f"/databases/raceday-db/collections/{name}/documents"
    found = project.client.get(path, [{"method": "limit", "values": [500]}])
    return {each["$id"]: each["rank"] for each in found["documents"]}


@pytest.mark.parametrize(("name", "size"), [("plain", LIMIT), ("linked", BATCH)])
def test_all_documents_are_written_with_three_requests_a_batch(writer: Writer, name: str, size: int) -> None:
    written = writer.write(name, documents(size + 1))

    assert (written.count, written.refused) == (size + 1, {})
    assert writer.client.requests == 6
    assert len(stored(writer.project, name)) == size + 1


@BOTH
def test_writing_again_makes_no_doubles(writer: Writer, name: str) -> None:
    for rank in (1, 2):
        writer.write(name, {"a": {"name": "a", "rank": rank}})

    assert stored(writer.project, name) == {"a": 2}


@BOTH
def test_a_refused_document_is_named_and_the_others_are_written(writer: Writer, name: str) -> None:
    written = writer.write(name, documents(9) | {"bad": {"name": "much too long for it", "rank": 1}})

    assert written.count == 9
    assert list(written.refused) == ["bad"]
    assert set(stored(writer.project, name)) == set(documents(9))


@pytest.mark.parametrize("cut", ["before", "after"])
@pytest.mark.parametrize("name", ["plain", "linked"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "*/locks/documents"),
        ("GET", "*/locks/documents"),
        ("POST", "*/transactions"),
        ("POST", "*/operations"),
        ("PATCH", "*/transactions/*"),
    ],
)
def test_a_lost_answer_at_any_step_is_survived(writer: Writer, cut: str, name: str, method: str, path: str) -> None:
    writer.project.faults().add(RequestFault(method=method, path=path, cut=cut))

    written = writer.write(name, documents(5))

    assert written.count == len(stored(writer.project, name)) == 5


def test_a_missing_collection_is_raised_and_not_taken_for_bad_documents(writer: Writer) -> None:
    with pytest.raises(AppwriteError) as raised:
        writer.documents.put_all("nothing", documents(2))

    assert raised.value.status == 404


def test_a_relationship_is_written_by_id(writer: Writer) -> None:
    writer.write("plain", {"p": {"name": "p"}})

    writer.write("linked", {"l": {"name": "l", "plain": "p"}})

    path = "/databases/raceday-db/collections/linked/documents"
    found = writer.client.get(path, [{"method": "equal", "attribute": "plain", "values": ["p"]}])
    assert [each["$id"] for each in found["documents"]] == ["l"]


def test_documents_are_changed_and_deleted_beside_others(writer: Writer) -> None:
    writer.write("plain", documents(2))

    writer.documents.write([Write("plain", "d0", {"rank": 7}, "update"), Write("plain", "d1", {}, "delete")])

    assert stored(writer.project, "plain") == {"d0": 7}


# The fence.


@BOTH
def test_every_transaction_changes_the_fence_first(prepared: LiveProject, name: str) -> None:
    sent = []
    writer = Writer(prepared, lambda _method, _path, body: sent.extend([body] if "operations" in (body or {}) else []))

    writer.write(name, documents(150))

    fence = writer.held.lease.fence
    firsts = [body["operations"][0] for body in sent]
    assert [(each["action"], each["collectionId"], each["documentId"]) for each in firsts] == [
        ("update", "locks", fence)
    ] * 2
    assert max(len(body["operations"]) for body in sent) <= 100


@BOTH
def test_a_transaction_that_is_committed_after_a_takeover_writes_nothing(prepared: LiveProject, name: str) -> None:
    """It is checked, staged and on its way when somebody else gets the lock."""
    writer = Writer(prepared, lambda *sent: sent[2] == {"commit": True} and writer.is_taken_over())

    with pytest.raises(LockLost, match="taken over by other"):
        writer.write(name, documents(5))

    assert stored(prepared, name) == {}
    assert not writer.held.writable()


@BOTH
def test_after_a_takeover_nothing_is_staged_any_more(writer: Writer, name: str) -> None:
    writer.write(name, {"before": {"name": "a", "rank": 1}})
    writer.is_taken_over()

    with pytest.raises(LockLost, match="taken over by other"):
        writer.write(name, documents(5))
    with pytest.raises(LockLost):
        writer.write(name, documents(5))

    assert stored(writer.project, name) == {"before": 1}


def test_a_fence_that_was_removed_by_hand_ends_the_run_too(writer: Writer) -> None:
    writer.write("plain", documents(1))
    writer.project.client.delete(f"{LOCKS}/{writer.held.lease.fence}")

    with pytest.raises(LockLost, match="its fence was removed"):
        writer.write("plain", documents(5))


def test_another_document_that_is_gone_is_not_taken_for_the_fence(writer: Writer) -> None:
    changes = [Write("plain", "gone", {"rank": 1}, "update"), Write("plain", "new", {"name": "n", "rank": 2})]

    written = writer.documents.write(changes)

    assert (written.count, list(written.refused)) == (1, ["gone"])
    assert stored(writer.project, "plain") == {"new": 2}


def test_whether_the_fence_is_there_is_asked_until_it_is_known(writer: Writer) -> None:
    writer.write("plain", documents(1))
    writer.project.faults().add(RequestFault(method="GET", path="*/locks/documents", status=503, times=2))

    written = writer.documents.write([Write("plain", "gone", {"rank": 1}, "update")])

    assert list(written.refused) == ["gone"]


def test_a_fence_of_which_nothing_is_known_is_a_trouble_that_passes(writer: Writer) -> None:
    writer.project.faults().add(RequestFault(method="POST", path="*/locks/documents", status=503, times=24))

    with pytest.raises(AppwriteError) as raised:
        writer.write("plain", documents(1))

    assert raised.value.retryable
    assert writer.write("plain", documents(1)).count == 1


@pytest.mark.parametrize("times", [1, 3])
def test_a_conflict_is_repeated(writer: Writer, times: int) -> None:
    fault = {"status": 409, "type": "transaction_conflict", "times": times}
    writer.project.faults().add(RequestFault(method="PATCH", path="*/transactions/*", **fault))

    assert writer.write("linked", documents(5)).count == 5
    assert len(stored(writer.project, "linked")) == 5


def test_conflicts_without_end_are_given_up(writer: Writer) -> None:
    fault = {"status": 409, "type": "transaction_conflict", "times": 99}
    writer.project.faults().add(RequestFault(method="PATCH", path="*/transactions/*", **fault))

    written = writer.write("linked", documents(1))

    assert (written.count, list(written.refused)) == (0, ["d0"])


def test_a_transaction_that_expired_is_repeated(writer: Writer) -> None:
    fault = {"status": 500, "type": "transaction_expired"}
    writer.project.faults().add(RequestFault(method="PATCH", path="*/transactions/*", **fault))

    assert writer.write("linked", documents(5)).count == 5


def test_a_commit_counts_only_when_it_is_confirmed(writer: Writer) -> None:
    """As when something in front gives the answer to another request."""
    wrong = 'set:status="pending"'
    writer.project.faults().add(RequestFault(method="PATCH", path="*/transactions/*", answer=wrong))

    assert writer.write("linked", documents(5)).count == 5
    # Three, one to roll back what is not known to be committed, and three again.
    assert writer.client.requests == 7
    assert len(stored(writer.project, "linked")) == 5


def test_one_run_commits_one_transaction_after_the_other(prepared: LiveProject) -> None:
    guard, open_now, most = threading.Lock(), set[str](), [0]

    def note(method: str, path: str, body: Any) -> None:
        with guard:
            if path.endswith("/operations"):
                open_now.add(path.split("/")[-2])
                most[0] = max(most[0], len(open_now))
            elif body == {"commit": True}:
                open_now.discard(path.rpartition("/")[2])

    writer = Writer(prepared, note)
    threads = [threading.Thread(target=writer.write, args=("plain", {f"d{n}": {"name": "x"}})) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert most == [1]
    assert len(stored(prepared, "plain")) == 6
