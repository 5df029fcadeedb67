"""Databases through their life: created with few requests, drifted, changed in place, replaced, guarded."""

from __future__ import annotations

import pytest

from .project import Project, actions
from .raceday import declare_raceday

pytestmark = pytest.mark.live

EVERY_TYPE = """
    database = stack.database(P + "db", name="Types")
    other = database.collection("other", name="Other")
    other.string("name", 20)
    things = database.collection("things", name="Things", permissions=['read("any")', 'write("users")'])
    things.string("text", {size}, default="a")
    things.string("long", 20000)
    things.string("hidden", 200, encrypt=True)
    things.string("tags", 30, array=True)
    things.integer("count", min=0, max={top}, default=3)
    things.integer("free")
    things.float("price", min=0.5, default=1)
    things.boolean("on", default=False)
    things.datetime("at", default="2025-01-31T10:20:30+13:00")
    things.email("mail")
    things.url("link")
    things.ip("address")
    things.enum("kind", ["a", "b"{more}], default="a")
    things.relationship("other", "other", type="manyToOne", two_way=True, two_way_key="things", on_delete="setNull")
    things.index("by_text", "text", "$createdAt", orders=["DESC", "ASC"])
    things.index("by_tags", "tags")
    things.index("one_count", "count", type="unique")
    things.index("words", "long", type="fulltext")
"""


def every_type(size: int = 50, top: int = 9, more: str = "") -> str:
    return EVERY_TYPE.format(size=size, top=top, more=more)


def test_the_whole_schema_costs_one_write_per_object_and_a_bounded_number_of_polls(project: Project) -> None:
    declare_raceday(project, functions=())
    planned = project.plan()["changes"]
    project.proxy.forget()
    project.apply()
    writes, collections = project.proxy.writes(), 11
    assert writes == len([each for each in planned if each["action"] != "forget"])
    # Each collection waits at most three times: for attributes, relationships and indexes.
    assert project.proxy.count("GET") <= 2 * 8 + collections * 3 * 40
    project.must_be_clean()
    assert len(project.state()) == writes


def test_every_type_of_attribute_is_created_and_then_left_alone(project: Project) -> None:
    project.declare(every_type())
    project.apply()
    project.must_be_clean()


def test_values_that_appwrite_can_change_are_updated_in_place(project: Project) -> None:
    project.declare(every_type())
    project.apply()
    project.declare(every_type(size=80, top=20, more=', "c"'))
    planned = actions(project.plan())
    things = f"attribute.{project.id('db')}/things"
    assert planned == {f"{things}/{key}": "update" for key in ("text", "count", "kind")}
    project.apply()
    project.must_be_clean()


def test_a_changed_type_is_replaced_and_its_index_with_it(project: Project) -> None:
    project.declare(every_type())
    project.apply()
    project.declare(every_type().replace('things.integer("count", min=0, max=9, default=3)', 'things.float("count")'))
    planned = actions(project.plan())
    owner = f"{project.id('db')}/things"
    assert planned == {f"attribute.{owner}/count": "replace", f"index.{owner}/one_count": "replace"}
    project.apply()
    project.must_be_clean()


def test_a_change_of_relationship_or_index_is_carried_out(project: Project) -> None:
    project.declare(every_type())
    project.apply()
    changed = every_type().replace('on_delete="setNull"', 'on_delete="cascade"').replace('"$createdAt", ', "")
    project.declare(changed.replace('orders=["DESC", "ASC"]', 'orders=["DESC"]'))
    owner = f"{project.id('db')}/things"
    assert actions(project.plan()) == {f"relationship.{owner}/other": "update", f"index.{owner}/by_text": "replace"}
    project.apply()
    project.must_be_clean()


def test_what_the_stack_drops_is_deleted_with_its_indexes_first(project: Project) -> None:
    project.declare(every_type())
    project.apply()
    kept = [line for line in every_type().splitlines() if '"tags"' not in line and '"words"' not in line]
    project.declare("\n".join(kept))
    planned = [(each["action"], each["address"]) for each in project.plan()["changes"]]
    owner = f"{project.id('db')}/things"
    assert planned[-1] == ("delete", f"attribute.{owner}/tags")
    assert ("delete", f"index.{owner}/by_tags") in planned
    project.apply()
    project.must_be_clean()


def test_losing_values_is_refused_with_their_number_until_it_is_allowed(project: Project) -> None:
    project.declare(every_type())
    project.apply()
    documents = f"/databases/{project.id('db')}/collections/things/documents"
    for number in range(3):
        project.api.post(documents, {"documentId": "unique()", "data": {"count": number}})
    kept = [line for line in every_type().splitlines() if '"free"' not in line]
    project.declare("\n".join(kept))
    address = f"attribute.{project.id('db')}/things/free"
    project.proxy.forget()
    refused = project.apply(code=5)
    assert project.proxy.writes() == 0
    assert "3 documents" in refused.out
    assert f"--allow-data-loss {address}" in refused.out
    project.apply("--allow-data-loss", address)
    project.must_be_clean()


def test_permissions_and_switches_of_a_collection_drift_and_are_healed(project: Project) -> None:
    project.declare(every_type())
    project.apply()
    path = f"/databases/{project.id('db')}/collections/things"
    project.api.put(path, {"name": "Renamed", "permissions": ['delete("any")'], "documentSecurity": True})
    drift = project.iac("drift", code=3)
    assert 'name: "Renamed" → "Things"' in drift.out
    assert "documentSecurity: true → false" in drift.out
    project.apply()
    assert project.iac("drift").code == 0


def test_what_vanished_from_the_server_is_drift_and_comes_back(project: Project) -> None:
    project.declare(every_type())
    project.apply()
    project.api.delete(f"/databases/{project.id('db')}/collections/things/indexes/by_text")
    drift = project.iac("drift", code=3)
    assert "it was deleted on the server" in drift.out
    project.apply()
    project.must_be_clean()


def test_an_attribute_made_by_hand_is_named_as_unmanaged_and_left_alone(project: Project) -> None:
    project.declare(every_type())
    project.apply()
    path = f"/databases/{project.id('db')}/collections/other/attributes/boolean"
    project.api.post(path, {"key": "byhand", "required": False})
    plan = project.plan()
    assert plan["changes"] == []
    assert f"attribute.{project.id('db')}/other/byhand" in plan["unmanaged"]
