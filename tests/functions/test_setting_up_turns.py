"""Set-ups where Appwrite loses schema changes that overlap: it has two database workers that take long to write."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from second_copy import SecondCopy, unknown

from raceday_iac.devserver.faults import RequestFault
from raceday_iac.devserver.runner import start_server
from raceday_iac.devserver.server import Settings

from .bundles import assemble, schema_document
from .live_project import LiveProject
from .small_schema import attribute, collection, index, relationship, size, small_schema, without

SMALL = small_schema()
_projects = itertools.count()


@pytest.fixture(scope="module")
def losing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    settings = Settings(processing_delay=0.0, schema_window=0.01, database_workers=2, scheduler=False)
    with start_server(tmp_path_factory.mktemp("losing"), settings=settings) as running:
        yield running


@pytest.fixture
def two_workers(losing: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[LiveProject]:
    """An empty project on the server that loses."""
    made = LiveProject(losing, f"turns-{next(_projects)}")
    monkeypatch.setenv("APPWRITE_FUNCTION_API_ENDPOINT", made.endpoint)
    monkeypatch.setenv("APPWRITE_FUNCTION_PROJECT_ID", made.name)
    yield made
    made.faults().clear()


def copy_of(project: LiveProject, name: str) -> SecondCopy:
    return SecondCopy(project.server, project.name, "raceday-db", name)


def must_be_usable(project: LiveProject) -> None:
    """Documents know all attributes that are listed, and the metadata has all indexes."""
    for name, listed in project.collections().items():
        copy = copy_of(project, name)
        assert unknown(copy, listed) == set(), name
        indexes = {each["key"] for each in listed["indexes"]}
        assert indexes <= set(copy.index_keys()), name


def test_everything_is_usable_after_a_first_set_up(two_workers: LiveProject, tmp_path: Path) -> None:
    answer, status, reported = two_workers.call(assemble(tmp_path, SMALL))
    assert (status, answer["created"]) == (200, size(SMALL)), answer
    must_be_usable(two_workers)
    # What was sent together was lost there, and made again one by one.
    remade = {each["address"] for each in reported.events("setup.remake")}
    assert "collection.raceday-db/races" in remade
    assert "collection.raceday-db/locks" not in remade


def test_what_is_added_to_collections_that_exist_is_usable(two_workers: LiveProject, tmp_path: Path) -> None:
    less = without(without(SMALL, "races", "odds", "contact", "link", "kind"), "meetings", "tags")
    for each in less["collections"]:
        each["indexes"] = [] if each["id"] in ("races", "meetings") else each["indexes"]
    two_workers.call(assemble(tmp_path, less))
    before = two_workers.collections()["races"]["$createdAt"]
    answer, status, _ = two_workers.call(assemble(tmp_path, SMALL))
    assert status == 200, answer
    assert two_workers.collections()["races"]["$createdAt"] == before
    must_be_usable(two_workers)


def test_settings_that_change_beside_attributes_and_indexes_are_in_force(
    two_workers: LiveProject, tmp_path: Path
) -> None:
    first = schema_document(collection("things", [attribute("name", size=20), attribute("other", size=20)]))
    grown = collection(
        "things",
        [attribute("name", size=40), attribute("other", size=60), attribute("more", "boolean")],
        indexes=[index("idx_name", "name"), index("idx_other", "other")],
    )
    two_workers.call(assemble(tmp_path, first))
    answer, status, _ = two_workers.call(assemble(tmp_path, schema_document({**grown, "documentSecurity": True})))
    assert status == 200, answer
    must_be_usable(two_workers)
    known = copy_of(two_workers, "things").known()
    assert known.document_security
    assert [each["size"] for each in known.attributes if each["type"] == "string"] == [40, 60]


def test_relationships_count_for_both_collections(two_workers: LiveProject, tmp_path: Path) -> None:
    names = ("a", "b", "c")
    bare = [collection(name, [attribute("name", size=20)]) for name in names]
    two_workers.call(assemble(tmp_path, schema_document(*bare)))
    related = [
        {**each, "relationships": [relationship(other, other, twoWay=True, twoWayKey=f"of_{name}")]}
        for each, name, other in zip(bare, names, ("b", "c", "a"), strict=True)
    ]
    answer, status, _ = two_workers.call(assemble(tmp_path, schema_document(*related)))
    assert status == 200, answer
    must_be_usable(two_workers)


def test_a_collection_that_lost_an_attribute_is_named_with_what_heals_it(
    two_workers: LiveProject, tmp_path: Path
) -> None:
    bundle = assemble(tmp_path, SMALL)
    two_workers.call(bundle)
    copy_of(two_workers, "races").lose("odds", "meeting")
    before = two_workers.collections()
    for action in ("verify", "health"):
        answer, status, _ = two_workers.call(bundle, action=action)
        assert status == 500
        (problem,) = answer["problems"]
        assert problem["address"] == "collection.raceday-db/races"
        assert "documents do not know odds, meeting" in problem["message"]
        assert "a new collection" in problem["message"]
    assert two_workers.collections() == before


def test_a_set_up_that_writes_to_a_collection_proves_it(two_workers: LiveProject, tmp_path: Path) -> None:
    two_workers.call(assemble(tmp_path, without(SMALL, "races", "link")))
    copy_of(two_workers, "races").lose("odds")
    answer, status, _ = two_workers.call(assemble(tmp_path, SMALL))
    assert status == 500
    assert [each["address"] for each in answer["problems"]] == ["collection.raceday-db/races"], answer
    assert answer["version"] == 1, "a version was recorded over a broken collection"


def test_a_collection_with_documents_is_never_made_again(two_workers: LiveProject, tmp_path: Path) -> None:
    two_workers.call(assemble(tmp_path, without(SMALL, "races", "link")))
    path = "/databases/raceday-db/collections/races/documents"
    two_workers.client.once("POST", path, {"documentId": "d1", "data": {"raceId": "r1"}})
    copy_of(two_workers, "races").lose("odds")
    two_workers.call(assemble(tmp_path, SMALL))
    assert two_workers.client.get(path + "/d1")["raceId"] == "r1"


def test_nothing_more_is_written_where_the_end_of_a_write_was_not_seen(
    two_workers: LiveProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server never finishes one attribute. What would be written to the same collection waits for the next run."""
    less = without(SMALL, "races", "odds", "contact", "link", "kind")
    two_workers.call(assemble(tmp_path, less))
    bundle = assemble(tmp_path, SMALL)
    _impatient(bundle)
    two_workers.faults().stuck_attributes = {"odds"}
    answer, status, _ = two_workers.call(bundle)
    assert status == 500
    reasons = {each["address"]: each["message"] for each in answer["problems"]}
    assert "still being created" in reasons["attribute.raceday-db/races/odds"]
    assert "they would lose each other" in reasons["attribute.raceday-db/races/kind"]


def test_what_is_taken_back_loses_nothing_that_stays(two_workers: LiveProject, tmp_path: Path) -> None:
    less = without(SMALL, "races", "odds", "contact", "link", "kind")
    for each in less["collections"]:
        each["indexes"] = [] if each["id"] == "meetings" else each["indexes"]
    two_workers.call(assemble(tmp_path, less))
    two_workers.faults().failing_attributes = {"odds"}
    answer, status, _ = two_workers.call(assemble(tmp_path, SMALL))
    assert (status, answer["rolledBack"] > 3) == (500, True), answer
    must_be_usable(two_workers)
    for name in ("races", "meetings"):
        listed = two_workers.collections()[name]
        known = {each["key"] for each in copy_of(two_workers, name).known().attributes if not each.get("hidden")}
        assert known == {each["key"] for each in listed["attributes"]}
        assert set(copy_of(two_workers, name).index_keys()) == {each["key"] for each in listed["indexes"]}
    two_workers.faults().clear()
    answer, status, _ = two_workers.call(assemble(tmp_path, SMALL))
    assert status == 200, answer


def test_documents_without_a_shape_are_counted_before_it_becomes_required(
    two_workers: LiveProject, tmp_path: Path
) -> None:
    """A null query on it answers 500."""
    place = collection("places", [attribute("name", size=20), attribute("where", "point")])
    two_workers.call(assemble(tmp_path, schema_document(place)))
    path = "/databases/raceday-db/collections/places/documents"
    for number in range(3):
        two_workers.client.once("POST", path, {"documentId": f"d{number}", "data": {"name": "a"}})
    two_workers.client.once("POST", path, {"documentId": "d3", "data": {"where": [174.7, -36.8]}})
    place["attributes"][1]["required"] = True
    answer, status, _ = two_workers.call(assemble(tmp_path, schema_document(place)))
    assert status == 500
    (problem,) = answer["problems"]
    assert problem["message"].startswith("3 stored documents would become invalid"), problem


def test_single_reads_that_are_stale_hold_nothing_up(two_workers: LiveProject, tmp_path: Path) -> None:
    """A single attribute, index or collection says `processing` for ever; only the lists show it."""
    two_workers.faults().stale_answers = {"*"}
    answer, status, _ = two_workers.call(assemble(tmp_path, SMALL))
    assert (status, answer["created"]) == (200, size(SMALL)), answer
    must_be_usable(two_workers)


@pytest.mark.parametrize("cut", ["before", "after"])
def test_cut_connections_lose_nothing(two_workers: LiveProject, tmp_path: Path, cut: str) -> None:
    for path in ("*/attributes/*", "*/indexes", "*/collections"):
        two_workers.faults().add(RequestFault(method="POST", path=path, times=3, cut=cut))
    answer, status, _ = two_workers.call(assemble(tmp_path, SMALL))
    assert (status, answer["created"]) == (200, size(SMALL)), answer
    must_be_usable(two_workers)


def _impatient(bundle: Path) -> None:
    file = bundle / "src" / "work.py"
    text = file.read_text()
    assert "patience: float = 30.0" in text
    file.write_text(text.replace("patience: float = 30.0", "patience: float = 0.5"))
