"""Batched writes, against the embedded server: complete, repeatable, with the bad ones named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from _shared.appwrite_http import AppwriteError
from _shared.documents import upsert_all

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
BOTH = pytest.mark.parametrize(("name", "related"), [("plain", False), ("linked", True)])


@pytest.fixture
def prepared(project: LiveProject, tmp_path: Path) -> LiveProject:
    """A project with one collection of each kind."""
    answer, _, _ = project.call(assemble(tmp_path, SCHEMA))
    assert answer["healthy"], answer
    return project


def documents(count: int, **extra: Any) -> dict[str, dict[str, Any]]:
    return {f"d{number}": {"name": f"n{number}", "rank": number, **extra} for number in range(count)}


def stored(project: LiveProject, name: str) -> dict[str, Any]:
    path = f"/databases/raceday-db/collections/{name}/documents"
    found = project.client.get(path, [{"method": "limit", "values": [500]}])
    return {each["$id"]: each["rank"] for each in found["documents"]}


@BOTH
def test_all_documents_are_written_with_few_requests(prepared: LiveProject, name: str, related: bool) -> None:
    before = prepared.client.requests

    written = upsert_all(prepared.client, "raceday-db", name, documents(250), related=related)

    assert (written.count, written.refused) == (250, {})
    assert prepared.client.requests - before == (9 if related else 3)
    assert len(stored(prepared, name)) == 250


@BOTH
def test_writing_again_makes_no_doubles(prepared: LiveProject, name: str, related: bool) -> None:
    for rank in (1, 2):
        upsert_all(prepared.client, "raceday-db", name, {"a": {"name": "a", "rank": rank}}, related=related)

    assert stored(prepared, name) == {"a": 2}


@BOTH
def test_a_refused_document_is_named_and_the_others_are_written(
    prepared: LiveProject, name: str, related: bool
) -> None:
    batch = documents(20) | {"bad": {"name": "much too long for it", "rank": 1}}

    written = upsert_all(prepared.client, "raceday-db", name, batch, related=related)

    assert written.count == 20
    assert list(written.refused) == ["bad"]
    assert set(stored(prepared, name)) == set(documents(20))


@pytest.mark.parametrize("cut", ["before", "after"])
@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("PUT", "*/plain/documents", "plain"),
        ("POST", "*/transactions", "linked"),
        ("POST", "*/operations", "linked"),
        ("PATCH", "*/transactions/*", "linked"),
    ],
)
def test_a_lost_answer_at_any_step_is_survived(
    prepared: LiveProject, cut: str, method: str, path: str, name: str
) -> None:
    prepared.faults().add(RequestFault(method=method, path=path, cut=cut))

    written = upsert_all(prepared.client, "raceday-db", name, documents(5), related=name == "linked")

    assert written.count == len(stored(prepared, name)) == 5


def test_a_missing_collection_is_raised_and_not_taken_for_bad_documents(prepared: LiveProject) -> None:
    with pytest.raises(AppwriteError) as raised:
        upsert_all(prepared.client, "raceday-db", "nothing", documents(2), related=False)

    assert raised.value.status == 404


def test_a_relationship_is_written_by_id(prepared: LiveProject) -> None:
    upsert_all(prepared.client, "raceday-db", "plain", {"p": {"name": "p"}}, related=False)

    upsert_all(prepared.client, "raceday-db", "linked", {"l": {"name": "l", "plain": "p"}}, related=True)

    path = "/databases/raceday-db/collections/linked/documents"
    found = prepared.client.get(path, [{"method": "equal", "attribute": "plain", "values": ["p"]}])
    assert [each["$id"] for each in found["documents"]] == ["l"]
