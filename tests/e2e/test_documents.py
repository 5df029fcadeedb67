"""Documents that a stack declares: the few rows that configuration needs."""

from __future__ import annotations

from typing import Any

import pytest

from .here import run_here
from .project import Project, actions
from .target import Target, needs
from .test_resources import apply, fields_of, here


@pytest.fixture(scope="session")
def target(newer_target: Target) -> Target:
    """A new collection is made there with all that is in it, by one request."""
    return newer_target


SCHEMA = """
database = stack.database(P + "db", name="D")
settings = database.collection("settings", name="S", permissions=['read("any")'], document_security=True)
settings.string("title", 40, required=True)
settings.string("tags", 20, array=True)
settings.integer("limit", min=0, max=9_000_000_000_000_000_000)
settings.float("rate")
settings.boolean("on", default=True)
settings.datetime("begins")
settings.enum("mode", ["fast", "safe"])
settings.string("note", 100)
"""
VALUES: dict[str, Any] = {
    "title": "Main",
    "tags": ["a", "b"],
    "limit": 9_000_000_000_000_000_000,
    "rate": 5,
    "begins": "2026-01-31T12:00:00+13:00",
    "mode": "safe",
}


def document(**changed: Any) -> str:
    return f'settings.document("main", { ({**VALUES, **changed})!r})\n'


def path(project: Project, identity: str = "main") -> str:
    return f"/databases/{project.id('db')}/collections/settings/documents/{identity}"


def address(project: Project) -> str:
    return f"document.{project.id('db')}/settings/main"


@pytest.mark.shows("plan", "apply", kinds=["document"])
@pytest.mark.live
def test_one_is_made_with_its_schema_changed_and_left_alone_where_nothing_is_said(project: Project) -> None:
    project.declare(SCHEMA + document())
    apply(project)
    project.must_be_clean()
    project.api.patch(path(project), {"data": {"note": "of somebody else"}})
    project.api.post(path(project).rpartition("/")[0], {"documentId": "theirs", "data": {"title": "Theirs"}})
    project.must_be_clean()
    project.declare(SCHEMA + document(title="Second", tags=[], rate=0.5))
    plan = here(project, "plan", "--json").json
    assert fields_of(plan) == {
        "title": ("Main", "Second", "config"),
        "tags": (["a", "b"], [], "config"),
        "rate": (5, 0.5, "config"),
    }
    apply(project)
    project.must_be_clean()
    now = project.api.get(path(project))
    assert (now["title"], now["note"], now["limit"]) == ("Second", "of somebody else", VALUES["limit"])
    assert project.api.get(path(project, "theirs"))["title"] == "Theirs"


@pytest.mark.shows("drift", kinds=["document"])
@pytest.mark.live
def test_what_somebody_changed_is_drift_and_is_taken_back(project: Project) -> None:
    project.declare(SCHEMA + document())
    apply(project)
    project.api.patch(path(project), {"data": {"mode": "fast"}})
    assert address(project) in here(project, "drift", code=3).out
    assert fields_of(here(project, "plan", "--json").json) == {"mode": ("fast", "safe", "drift")}
    apply(project)
    project.api.delete(path(project))
    assert actions(here(project, "plan", "--json").json) == {address(project): "create"}
    apply(project)
    project.must_be_clean()


def test_deleting_one_asks_as_for_all_data(project: Project) -> None:
    project.declare(SCHEMA + document())
    apply(project)
    project.declare(SCHEMA)
    refused = apply(project, code=5)
    assert f"delete of {address(project)} is refused: 1 document would be deleted" in refused.out
    assert project.api.has(path(project))
    apply(project, "--allow-data-loss", f"{address(project)}=1")
    assert not project.api.has(path(project))
    project.must_be_clean()


def test_permissions_are_compared_where_they_are_declared(project: Project) -> None:
    project.declare(SCHEMA + 'settings.document("main", {"title": "T"}, permissions=[\'write("user:a")\'])\n')
    apply(project)
    project.must_be_clean()
    assert sorted(project.api.get(path(project))["$permissions"]) == ['delete("user:a")', 'update("user:a")']
    project.api.patch(path(project), {"permissions": ['read("any")']})
    assert fields_of(here(project, "plan", "--json").json)["$permissions"][2] == "drift"
    project.declare(SCHEMA + 'settings.document("main", {"title": "T"})\n')
    project.must_be_clean()


@pytest.mark.shows("import", kinds=["document"])
def test_a_lost_state_is_imported_and_one_may_be_forgotten_and_ignored(project: Project) -> None:
    project.declare(SCHEMA + document())
    apply(project)
    project.lose_state()
    here(project, "import", "--all")
    project.must_be_clean()
    assert address(project) in project.state()
    project.declare(SCHEMA + document(mode="fast") + f'stack.ignore("{address(project)}", "mode")\n')
    project.must_be_clean()
    project.declare(SCHEMA + f'stack.forget("{address(project)}", reason="theirs now")\n')
    apply(project)
    assert (address(project) in project.state(), project.api.has(path(project))) == (False, True)


def test_documents_of_a_collection_are_read_together_and_only_where_some_are_declared(project: Project) -> None:
    project.declare(SCHEMA + document() + 'settings.document("other", {"title": "O"})\n')
    apply(project)
    project.proxy.forget()
    project.must_be_clean()
    assert project.proxy.count("GET", "*/documents") == 1
    project.declare(SCHEMA + f'stack.forget("{address(project)}", reason="r")\n')
    apply(project, "--allow-data-loss", f"document.{project.id('db')}/settings/other=1")
    project.declare(SCHEMA)
    project.proxy.forget()
    project.must_be_clean()
    assert project.proxy.count("GET", "*/documents") == 0


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"title": "T", "nope": 1}, "has no attribute 'nope'"),
        ({"mode": "safe"}, "title is missing, but its collection requires it"),
        ({"title": None}, "title: it is required"),
        ({"title": "x" * 41}, "is longer than the size 40"),
        ({"title": 5}, "does not fit type string"),
        ({"title": "T", "tags": "a"}, "tags: a list is required"),
        ({"title": "T", "limit": -1}, "limit: -1 is outside the bounds"),
        ({"title": "T", "mode": "slow"}, "is not one of fast, safe"),
        ({"title": "T", "on": None}, "Appwrite replaces None with the default"),
        ({"title": "T", "begins": "soon"}, "does not fit type datetime"),
    ],
)
def test_values_are_checked_before_anything_is_sent(project: Project, values: dict[str, Any], message: str) -> None:
    project.declare(SCHEMA + f'settings.document("main", {values!r})\n')
    assert message in run_here(project, "plan").err


def test_who_may_create_is_said_of_the_collection(project: Project) -> None:
    project.declare(SCHEMA + 'settings.document("main", {"title": "T"}, permissions=[\'create("any")\'])\n')
    assert "the permission to create belongs to the collection" in run_here(project, "plan").err


LINKED = """
database = stack.database(P + "db", name="D")
shelves = database.collection("shelves", name="Shelves")
shelves.string("name", 20, required=True)
shelves.relationship("below", "shelves", type="oneToMany", two_way=True, two_way_key="above")
shelves.relationship("goods", "goods", type="oneToMany", two_way=True, two_way_key="shelf")
goods = database.collection("goods", name="Goods")
goods.string("name", 20, required=True)
goods.relationship("farm", "farms", type="manyToOne")
goods.relationship("tags", "tags", type="manyToMany")
goods.relationship("parts", "tags", type="oneToMany", two_way_key="of")
farms = database.collection("farms", name="Farms")
farms.string("name", 20, required=True)
tags = database.collection("tags", name="Tags")
tags.string("name", 20, required=True)
"""
SHELVES = """
shelves.document("one", {"name": "One", "above": "two"})
shelves.document("two", {"name": "Two"})
"""
FARMS = """
farms.document("kim", {"name": "Kim"})
farms.document("lee", {"name": "Lee"})
"""


def goods(**changed: Any) -> str:
    return f'goods.document("tea", { ({"name": "Tea", "farm": "kim", "shelf": "one", **changed})!r})\n'


def of(project: Project, collection: str, identity: str) -> str:
    return f"document.{project.id('db')}/{collection}/{identity}"


@pytest.mark.live
def test_a_document_leads_to_another_that_is_written_before_it_and_deleted_after_it(project: Project) -> None:
    project.declare(LINKED + goods() + SHELVES + FARMS)
    apply(project, "--parallelism", "1")
    project.must_be_clean()
    place = f"/databases/{project.id('db')}/collections/goods/documents/tea"
    found = project.api.get(place)
    assert (found["farm"], found["shelf"]) == ("kim", "one")
    project.declare(LINKED + goods(farm="lee", shelf=None) + SHELVES + FARMS)
    assert fields_of(here(project, "plan", "--json").json) == {
        "farm": ("kim", "lee", "config"),
        "shelf": ("one", None, "config"),
    }
    apply(project)
    project.must_be_clean()
    project.api.patch(place, {"data": {"farm": "kim"}})
    assert fields_of(here(project, "plan", "--json").json) == {"farm": ("kim", "lee", "drift")}
    apply(project)
    project.declare(LINKED + SHELVES)
    # A farm that a document leads to cannot be deleted: the relationship restricts it.
    gone = [of(project, "goods", "tea"), of(project, "farms", "kim"), of(project, "farms", "lee")]
    apply(project, "--parallelism", "1", *(word for each in gone for word in ("--allow-data-loss", f"{each}=1")))
    project.must_be_clean()
    assert not project.api.has(place)


def test_values_that_go_with_a_replaced_column_are_written_again(project: Project) -> None:
    first = LINKED + goods() + SHELVES + FARMS
    project.declare(first)
    apply(project)
    second = first.replace('"farm", "farms", type="manyToOne"', '"farm", "farms", type="oneToOne"')
    second = second.replace('goods.string("name", 20, required=True)', 'goods.string("name", 160, encrypt=True)')
    assert second.count("oneToOne") == second.count("encrypt") == 1
    project.declare(second)
    plan = here(project, "plan", "--json", code=5).json
    assert {each["address"].partition(".")[0]: each["action"] for each in plan["changes"]} == {
        "attribute": "replace",
        "relationship": "replace",
        "document": "update",
    }
    columns = [f"attribute.{project.id('db')}/goods/name=1", f"relationship.{project.id('db')}/goods/farm=1"]
    apply(project, *(word for each in columns for word in ("--allow-data-loss", each)))
    project.must_be_clean()
    found = project.api.get(f"/databases/{project.id('db')}/collections/goods/documents/tea")
    assert (found["name"], found["farm"], found["shelf"]) == ("Tea", "kim", "one")


def test_one_that_another_goes_on_leading_to_is_not_deleted_unasked(project: Project) -> None:
    project.declare(LINKED + goods() + SHELVES + FARMS)
    apply(project)
    without = 'goods.document("tea", {"name": "Tea"})\n'
    lee = 'farms.document("lee", {"name": "Lee"})\n'
    project.declare(LINKED + without + SHELVES + lee)
    kim = of(project, "farms", "kim")
    refused = apply(project, "--allow-data-loss", f"{kim}=1", code=5)
    assert f"delete of {kim} is refused: {of(project, 'goods', 'tea')} refers to it by farm" in refused.out
    lets_go = LINKED.replace('"farms", type="manyToOne"', '"farms", type="manyToOne", on_delete="setNull"')
    project.declare(lets_go + without + SHELVES + lee)
    assert here(project, "plan", "--allow-data-loss", f"{kim}=1").code == 0
    project.declare(LINKED + goods(farm="lee") + SHELVES + lee)
    apply(project, "--allow-data-loss", f"{kim}=1")
    project.must_be_clean()


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (goods(farm="ghost"), "/farms/ghost, which is not declared"),
        (goods(farm={"name": "New"}), "it refers to one document of collection."),
        (goods(tags=["red"]), "tags is a manyToMany relationship: Appwrite shows its links in no document"),
        (goods(parts=["red"]), "make it two-way, and set the other side"),
        ('shelves.document("three", {"name": "T", "goods": ["tea"]})\n', "set shelf of each of them"),
        ('shelves.document("three", {"name": "T", "below": ["one"]})\n', "know only the key of the other side"),
        ('shelves.document("three", {"name": "T", "above": "four"})\n'
         'shelves.document("four", {"name": "F", "above": "three"})\n', "it refers to itself through document."),
    ],
)  # fmt: skip
def test_what_a_document_cannot_lead_to_is_refused_before_anything_is_sent(
    project: Project, said: str, message: str
) -> None:
    project.declare(LINKED + SHELVES + FARMS + said)
    assert message in run_here(project, "plan").err


def test_one_is_protected_and_buried(project: Project) -> None:
    rule = f'stack.protect("{address(project)}", reason="the only one")\n'
    project.declare(SCHEMA + document() + rule)
    apply(project)
    project.declare(SCHEMA + rule)
    assert "is protected (the only one)" in apply(project, code=5).out
    project.declare(SCHEMA + f'stack.absent("{address(project)}", reason="removed")\n')
    assert actions(here(project, "plan", "--json", code=5).json) == {address(project): "delete"}
    apply(project, "--allow-data-loss", f"{address(project)}=1")
    assert not project.api.has(path(project))
    project.must_be_clean()


def test_a_database_that_the_tables_api_made_is_no_other(project: Project) -> None:
    needs("it has that API since 1.8", project.api.version >= (1, 8))
    project.api.post("/tablesdb", {"databaseId": project.id("db"), "name": "D"})
    project.api.post(f"/tablesdb/{project.id('db')}/tables", {"tableId": "settings", "name": "S"})
    project.declare(SCHEMA + document())
    apply(project)
    project.must_be_clean()
    row = project.api.get(f"/tablesdb/{project.id('db')}/tables/settings/rows/main")
    assert (row["title"], row["tags"], row["limit"]) == (VALUES["title"], VALUES["tags"], VALUES["limit"])


def test_a_key_that_may_not_read_documents_is_reported_once(project: Project, faults: Any) -> None:
    from raceday_iac.devserver.faults import RequestFault

    project.declare(SCHEMA + document() + 'settings.document("other", {"title": "O"})\n')
    apply(project)
    said = {"status": 401, "type": "general_unauthorized_scope", "message": "not here", "times": 1000}
    faults.add(RequestFault(path="*/documents*", **said))
    assert (
        here(project, "plan", code=5).out.count("2 documents cannot be managed: The API key is not allowed to do this")
        == 1
    )
