"""What comes back when it is not the store that answers: never "no state", "no lock" or "saved"."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from unit.provider.answering import Answering, Asked, Reply, Slept, answering

from raceday_iac.errors import StateError
from raceday_iac.model.secret import Secret
from raceday_iac.state.backends import PreconditionFailed, StateVersion
from raceday_iac.state.backends.s3 import S3Backend, S3Place, _ForeignError

XML = {"content-type": "application/xml"}
EMPTY = Reply(200, b"<ListBucketResult><KeyCount>0</KeyCount></ListBucketResult>", XML)


def reported(status: int, code: str) -> Reply:
    """An error in S3's own words."""
    return Reply(status, f"<Error><Code>{code}</Code><Message>{code}.</Message></Error>".encode(), XML)


NOT_THERE = reported(404, "NoSuchKey")
STORED = Reply(
    200, b'{"a": 1}', {"etag": '"t"', "last-modified": "Wed, 25 Nov 2026 10:05:00 GMT", "x-amz-meta-note": "n"}
)
PAGES = {
    "404 text": Reply(404, b"404 page not found\n", {"content-type": "text/plain"}),
    "404 page": Reply(404, b"<html><body>404</body></html>", {"content-type": "text/html"}),
    "404 empty": Reply(404, b""),
    "403 page": Reply(403, b"<html><body>no</body></html>", {"content-type": "text/html"}),
    "200 page": Reply(200, b"<html><body>hello</body></html>", {"content-type": "text/html", "etag": '"p"'}),
}


class Store:
    """Answers lists, and reads of objects by name, as said."""

    def __init__(self, server: Answering) -> None:
        self.lists: list[Any] = [EMPTY]
        self.reads: dict[str, list[Any]] = {}
        self.writes: list[Any] = [reported(500, "InternalError")]
        self.asked: list[Asked] = []
        server.next = self.next  # type: ignore[method-assign]

    def next(self, asked: Asked) -> Any:
        self.asked.append(asked)
        if asked.method in ("PUT", "DELETE"):
            queue = self.writes
        elif "list-type" in asked.query:
            queue = self.lists
        else:
            queue = self.reads.get(asked.path.removeprefix("/b/e/"), [NOT_THERE])
        return queue.pop(0) if len(queue) > 1 else queue[0]


@pytest.fixture
def server() -> Iterator[Answering]:
    with answering() as found:
        yield found


@pytest.fixture
def store(server: Answering) -> Store:
    return Store(server)


@pytest.fixture
def slept() -> Slept:
    return Slept()


@pytest.fixture
def backend(server: Answering, store: Store, slept: Slept) -> S3Backend:
    keys = {"access_key": Secret("a"), "secret_key": Secret("the-key")}
    return S3Backend(S3Place("b", "e", endpoint=f"http://127.0.0.1:{server.port}", retries=2, **keys), slept)


def test_an_empty_store_is_empty(backend: S3Backend) -> None:
    assert backend.newest() is None
    assert backend.read_lock() is None


@pytest.mark.parametrize("page", PAGES)
def test_a_page_for_a_list_is_not_no_state(store: Store, backend: S3Backend, page: str) -> None:
    store.lists, store.reads = [PAGES[page]], {"states/0.json": [PAGES[page]]}
    for act in (backend.newest, backend.serials, backend.versions):
        with pytest.raises(_ForeignError, match="does not answer like S3 to") as caught:
            act()
        assert backend.place.endpoint in caught.value.message
        assert "s3://b/e" in caught.value.message
        assert "the-key" not in f"{caught.value.message}{caught.value.hint}"


@pytest.mark.parametrize("page", PAGES)
def test_a_page_for_an_object_is_neither_its_content_nor_its_absence(
    store: Store, backend: S3Backend, page: str
) -> None:
    store.reads = {"lock.json": [PAGES[page]], "states/7.json": [PAGES[page]]}
    for act in (backend.read_lock, lambda: backend.read(7)):
        with pytest.raises(_ForeignError, match="does not answer like S3 to GET"):
            act()


@pytest.mark.parametrize("page", PAGES)
def test_a_page_on_the_way_is_asked_past(store: Store, backend: S3Backend, slept: Slept, page: str) -> None:
    store.reads = {"states/7.json": [PAGES[page], PAGES[page], STORED]}
    assert backend.read(7) == StateVersion(7, "n", '{"a": 1}')
    assert slept == [0.2, 0.4]


@pytest.mark.parametrize("page", [name for name in PAGES if name[0] == "4"])
def test_a_refusal_that_is_not_the_stores_is_not_somebody_elses_write(
    store: Store, backend: S3Backend, page: str
) -> None:
    store.writes = [PAGES[page]]
    for act in (lambda: backend.add(StateVersion(1, "", "x")), lambda: backend.write_lock("mine", '"t"')):
        with pytest.raises(StateError) as caught:
            act()
        assert not isinstance(caught.value, PreconditionFailed)


@pytest.mark.parametrize("status", [409, 412])
def test_nor_is_a_conflict_without_the_stores_words(store: Store, backend: S3Backend, status: int) -> None:
    store.writes = [Reply(status, b"conflict", {"content-type": "text/plain"})]
    with pytest.raises(_ForeignError):
        backend.add(StateVersion(1, "", "x"))
    store.writes = [reported(status, "PreconditionFailed")]
    with pytest.raises(PreconditionFailed):
        backend.add(StateVersion(1, "", "x"))


def test_a_lock_that_the_store_says_is_gone_was_taken(store: Store, backend: S3Backend) -> None:
    store.writes = [NOT_THERE]
    with pytest.raises(PreconditionFailed):
        backend.write_lock("mine", '"t"')


def test_a_key_that_the_store_refuses_is_distinguished_from_a_page(store: Store, backend: S3Backend) -> None:
    store.reads = {"states/7.json": [reported(403, "AccessDenied")]}
    with pytest.raises(StateError, match="does not accept the key: AccessDenied"):
        backend.read(7)


def test_a_store_without_a_bucket_says_so(store: Store, backend: S3Backend) -> None:
    store.lists = store.reads["states/7.json"] = [reported(404, "NoSuchBucket")]
    for act in (backend.newest, lambda: backend.read(7)):
        with pytest.raises(StateError, match="There is no bucket 'b'"):
            act()


def test_a_redirect_takes_no_key_along(server: Answering, store: Store, backend: S3Backend) -> None:
    with answering() as other:
        store.reads["states/7.json"] = [
            Reply(302, b"", {"location": f"http://127.0.0.1:{other.port}/b/e/states/7.json"})
        ]
        other.will(PAGES["200 page"])
        with pytest.raises(_ForeignError):
            replace(backend, place=replace(backend.place, retries=0)).read(7)
        assert not [each for each in other.asked if "authorization" in each.headers]
