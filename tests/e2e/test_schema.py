"""Databases through their life: created with few requests, drifted, changed, replaced, guarded.

What concerns single types of attributes is in `test_attributes.py`.
"""

from __future__ import annotations

import pytest

from .mixed import INLINE
from .project import Project, actions
from .raceday import declare_raceday
from .table import SCHEMA

pytestmark = pytest.mark.live

STACK = """
    database = stack.database(P + "db", name="Shop")
    other = database.collection("other", name="Other")
    other.string("name", 20)
    things = database.collection("things", name="Things", permissions=['read("any")', 'write("users")'])
    things.string("text", 50, default="a")
    things.string("long", 20000)
    things.string("tags", 30, array=True)
    things.string("label", 30)
    things.integer("count", default=3)
    things.integer("free")
    things.relationship("other", "other", type="manyToOne", two_way=True, two_way_key="things", on_delete="setNull")
    things.index("by_text", "text", "$createdAt", orders=["DESC", "ASC"])
    things.index("by_label", "label")
    things.index("one_count", "count", type="unique")
    things.index("words", "long", type="fulltext")
"""
OBJECTS = 1 + 2 + 7 + 1 + 4
#: Collections of Raceday; requests of one look at a whole project, and of one wait for one collection.
COLLECTIONS, LOOK, POLLS = 11, 8, 40
#: Requests of an apply of all of it to an empty project, its looks included, where collections come whole.
INLINE_REQUESTS = 40


@pytest.fixture
def applied(project: Project) -> Project:
    """A project in which the stack above is applied."""
    project.declare(STACK)
    project.apply()
    return project


def changed(project: Project, *pairs: tuple[str, str]) -> None:
    """Declare the stack with some texts in it replaced."""
    text = STACK
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    project.declare(text)


def without(project: Project, *words: str) -> None:
    """Declare the stack without the lines that hold one of the words."""
    project.declare("\n".join(line for line in STACK.splitlines() if not any(word in line for word in words)))


def member(project: Project, kind: str, key: str, collection: str = "things") -> str:
    return f"{kind}.{project.id('db')}/{collection}/{key}"


@pytest.mark.shows("plan", "apply", kinds=SCHEMA)
def test_the_whole_schema_comes_from_nothing_by_few_writes(project: Project) -> None:
    """One for each object; from 1.9 on, a collection comes with what is in it."""
    declare_raceday(project, functions=())
    planned = [each["address"] for each in project.plan("--detailed-exitcode", code=2)["changes"]]
    project.proxy.forget()
    project.apply()
    if project.api.version < INLINE:
        assert project.proxy.writes() == len(planned)
    else:
        assert len(project.proxy.exchanges()) <= INLINE_REQUESTS
    # Two looks at the project, and three waits of a collection: for attributes, relationships and indexes.
    assert project.proxy.count("GET") <= 2 * LOOK + COLLECTIONS * 3 * POLLS
    project.proxy.forget()
    project.must_be_clean()
    assert len(project.proxy.exchanges()) <= LOOK, project.proxy.exchanges()
    assert project.iac("state", "list").out.split() == sorted(planned)


def test_an_apply_with_nothing_to_do_writes_nothing(applied: Project) -> None:
    applied.proxy.forget()
    assert "No changes" in applied.apply().out
    assert applied.proxy.writes() == 0


def test_after_loss_of_the_state_what_differs_is_changed_and_the_rest_adopted(applied: Project) -> None:
    applied.lose_state()
    changed(applied, ('name="Things"', 'name="Renamed"'))
    planned = actions(applied.plan())
    assert planned.pop(f"collection.{applied.id('db')}/things") == "update"
    assert set(planned.values()) == {"adopt"}
    assert len(planned) == OBJECTS - 1
    applied.apply()
    applied.must_be_clean()


def test_a_changed_type_is_replaced_and_its_index_with_it(applied: Project) -> None:
    changed(applied, ('things.integer("count", default=3)', 'things.float("count")'))
    wanted = {member(applied, "attribute", "count"): "replace", member(applied, "index", "one_count"): "replace"}
    assert applied.carried_out() == wanted
    applied.must_be_clean()


def test_what_happens_on_deletion_is_changed_in_a_relationship_that_stays(applied: Project) -> None:
    changed(applied, ('on_delete="setNull"', 'on_delete="cascade"'))
    assert applied.carried_out() == {member(applied, "relationship", "other"): "update"}
    applied.must_be_clean()


def test_a_relationship_of_another_shape_is_replaced_with_its_mirror(applied: Project) -> None:
    old = 'type="manyToOne", two_way=True, two_way_key="things"'
    changed(applied, (old, 'type="oneToOne", two_way=True, two_way_key="stuff"'))
    assert applied.carried_out() == {member(applied, "relationship", "other"): "replace"}
    changed(applied, (old, 'type="oneToOne", two_way=False, two_way_key="stuff"'))
    assert applied.carried_out() == {member(applied, "relationship", "other"): "replace"}
    applied.must_be_clean()


def test_a_changed_index_is_replaced_without_asking_for_data(applied: Project) -> None:
    document = {"documentId": "unique()", "data": {"text": "a"}}
    applied.api.post(f"/databases/{applied.id('db')}/collections/things/documents", document)
    changed(applied, ('"$createdAt", orders=["DESC", "ASC"]', 'orders=["DESC"]'), ('type="fulltext"', "lengths=[30]"))
    wanted = {member(applied, "index", "by_text"): "replace", member(applied, "index", "words"): "replace"}
    assert applied.carried_out() == wanted
    applied.must_be_clean()


def test_a_relationship_takes_the_key_of_a_dropped_attribute(applied: Project) -> None:
    new = 'things.relationship("free", "other", type="oneToOne", two_way_key="free_things")'
    changed(applied, ('things.integer("free")', new))
    applied.apply()
    applied.must_be_clean()


def test_a_renamed_relationship_takes_over_the_mirror_of_the_old_one(applied: Project) -> None:
    changed(applied, ('things.relationship("other", "other",', 'things.relationship("renamed", "other",'))
    applied.apply()
    applied.must_be_clean()


def test_what_the_stack_drops_is_deleted_with_its_indexes_first(applied: Project) -> None:
    without(applied, '"label"', '"words"')
    planned = [(each["action"], each["address"]) for each in applied.plan()["changes"]]
    assert planned[-1] == ("delete", member(applied, "attribute", "label"))
    assert ("delete", member(applied, "index", "by_label")) in planned
    applied.apply()
    applied.must_be_clean()


@pytest.mark.parametrize(
    ("dropped", "kind", "loss"),
    [
        ('"free"', "attribute", "would lose its values"),
        ("things", "collection", "would be deleted"),
    ],
)
def test_losing_data_is_refused_with_numbers_until_it_is_allowed(
    applied: Project, dropped: str, kind: str, loss: str
) -> None:
    documents = f"/databases/{applied.id('db')}/collections/things/documents"
    for number in range(3):
        applied.api.post(documents, {"documentId": "unique()", "data": {"count": number, "free": number}})
    without(applied, dropped)
    address = f"{kind}.{applied.id('db')}/things" + ("/free" if kind == "attribute" else "")
    applied.proxy.forget()
    refused = applied.apply(code=5)
    assert applied.proxy.writes() == 0
    assert f"{address} is refused: 3 documents {loss}" in refused.out
    assert f"--allow-data-loss {address}=3" in refused.out
    applied.apply("--allow-data-loss", f"{address}=3")
    applied.must_be_clean()


def test_another_type_would_lose_values_and_is_refused_too(applied: Project) -> None:
    documents = f"/databases/{applied.id('db')}/collections/things/documents"
    applied.api.post(documents, {"documentId": "one", "data": {"free": 7}})
    changed(applied, ('things.integer("free")', 'things.string("free", 10)'))
    assert "1 document would lose its values" in applied.apply(code=5).out
    assert applied.api.get(f"{documents}/one")["free"] == 7


@pytest.mark.shows("drift", kinds=["database", "collection"])
def test_permissions_and_switches_of_a_collection_drift_and_are_healed(applied: Project) -> None:
    path = f"/databases/{applied.id('db')}/collections/things"
    applied.api.put(path, {"name": "By hand", "permissions": ['delete("any")'], "documentSecurity": True})
    applied.api.put(f"/databases/{applied.id('db')}", {"name": "By hand, too"})
    drift = applied.iac("drift", code=3)
    assert 'name: "By hand" → "Things"' in drift.out
    assert "documentSecurity: true → false" in drift.out
    assert f"database.{applied.id('db')}" in drift.out
    applied.apply()
    assert applied.iac("drift").code == 0


@pytest.mark.shows("drift", kinds=["collection", "attribute", "relationship", "index"])
def test_what_vanished_from_the_server_is_drift_and_comes_back(applied: Project) -> None:
    collections = f"/databases/{applied.id('db')}/collections"
    for gone in ("/things/indexes/by_text", "/things/attributes/other"):
        applied.api.delete(collections + gone)
        applied.api.until_gone(collections + gone)
    applied.api.delete(f"{collections}/other")
    assert applied.iac("drift", code=3).out.count("it was deleted on the server") == 4
    applied.apply()
    applied.must_be_clean()


def test_an_attribute_made_by_hand_is_named_as_unmanaged_and_left_alone(applied: Project) -> None:
    path = f"/databases/{applied.id('db')}/collections/other/attributes/boolean"
    applied.api.post(path, {"key": "byhand", "required": False})
    plan = applied.plan()
    assert plan["changes"] == []
    assert member(applied, "attribute", "byhand", "other") in plan["unmanaged"]
