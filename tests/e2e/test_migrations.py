"""Migrations of data: run once in each environment, at their place in the plan."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping
from typing import Any

import pytest
from unit.docs.schemas import must_fit

from raceday_iac.errors import EXIT_INTERRUPTED, EXIT_LOCKED, EXIT_REFUSED

from .project import Project, actions

BEFORE = """
    shop = stack.database(P + "shop", name="Shop")
    people = shop.collection("people", name="People")
    people.string("name", 50)
"""
AFTER = """
    shop = stack.database(P + "shop", name="Shop")
    people = shop.collection("people", name="People")
    people.string("first", 50)
    people.string("last", 50, required=True)
    C = f"collection.{P}shop/people"
    A = f"attribute.{P}shop/people"
    stack.migration("0001-split", "migrations/0001_split.py", needs=[A + "/first"], before=[A + "/last", A + "/name"])
"""
SPLIT = """
    def run(data):
        shop = {place!r}
        for page in data.pages(shop, only=["name"]):
            data.update(shop, {{each["$id"]: split(each["name"]) for each in page}})

    def split(name):
        first, _, last = name.rpartition(" ")
        return {{"first": first or None, "last": last}}

    def undo(data):
        shop = {place!r}
        for page in data.pages(shop, only=["first", "last"]):
            data.update(shop, {{each["$id"]: {{"name": joined(each)}} for each in page}})

    def joined(each):
        return " ".join(filter(None, (each["first"], each["last"])))
"""
PEOPLE = {"a": "Ada Lovelace", "b": "Grace Brewster Hopper", "c": "Plato"}
NAME = "migration.0001-split"


def documents(project: Project) -> str:
    return f"/databases/{project.id('shop')}/collections/people/documents"


def fill(project: Project, people: Mapping[str, str] = PEOPLE) -> None:
    for identity, name in people.items():
        project.api.post(documents(project), {"documentId": identity, "data": {"name": name}})


def people(project: Project) -> dict[str, dict[str, Any]]:
    found = project.api.get(documents(project), {"method": "limit", "values": [5000]})["documents"]
    return {each["$id"]: {key: value for key, value in each.items() if not key.startswith("$")} for each in found}


def write(project: Project, text: str = SPLIT, file: str = "0001_split.py") -> None:
    folder = project.root / "migrations"
    folder.mkdir(exist_ok=True)
    place = f"{project.id('shop')}/people"
    (folder / file).write_text(textwrap.dedent(text.format(place=place)))


def losing(project: Project) -> tuple[str, ...]:
    return ("--allow-data-loss", f"attribute.{project.id('shop')}/people/name={len(PEOPLE)}")


@pytest.fixture
def shop(project: Project) -> Project:
    """A shop whose people have one name, and are to have two."""
    project.declare(BEFORE)
    project.apply()
    fill(project)
    project.declare(AFTER)
    write(project)
    return project


def migrations(project: Project) -> Any:
    return json.loads(project.state_file.read_text())["migrations"]


def test_an_attribute_is_split_into_two_in_one_plan(shop: Project) -> None:
    planned = shop.plan(*losing(shop))
    place = f"attribute.{shop.id('shop')}/people"
    assert [f"{each['action']} {each['address']}" for each in planned["changes"]] == [
        f"create {place}/first",
        f"create {place}/last",
        f"migrate {NAME}",
        f"update {place}/last",
        f"delete {place}/name",
    ]
    done = shop.apply("--json", *losing(shop)).documents[-1]["applied"]
    assert done["complete"], done
    assert people(shop) == {
        "a": {"first": "Ada", "last": "Lovelace"},
        "b": {"first": "Grace Brewster", "last": "Hopper"},
        "c": {"first": None, "last": "Plato"},
    }
    record = migrations(shop)[NAME]
    assert record["stage"] == "done"
    assert record["counts"]["updated"] == 3
    shop.must_be_clean()


def test_a_migration_runs_once_and_is_forgotten_by_nobody(shop: Project) -> None:
    shop.apply(*losing(shop))
    record = migrations(shop)
    shop.declare(AFTER.rpartition("    stack.migration")[0])
    shop.must_be_clean()
    assert migrations(shop) == record
    shop.declare(AFTER)
    shop.must_be_clean()


def test_in_a_new_environment_everything_is_made_and_the_migration_finds_nothing(project: Project) -> None:
    project.declare(AFTER)
    write(project)
    assert actions(project.plan())[NAME] == "migrate"
    project.apply()
    assert migrations(project)[NAME]["stage"] == "done"
    project.must_be_clean()


def edit(project: Project, before: str, after: str, file: str = "0001_split.py") -> None:
    place = project.root / "migrations" / file
    text = place.read_text()
    assert before in text
    place.write_text(text.replace(before, after))


def test_a_file_that_was_changed_since_it_ran_is_refused_until_that_is_said_to_mean_nothing(shop: Project) -> None:
    shop.apply(*losing(shop))
    edit(shop, "def undo", "# A comment.\ndef undo")
    refused = shop.iac("plan", code=EXIT_REFUSED)
    assert "was changed since it ran" in refused.out
    assert "raceday-iac migration mark 0001-split --env e2e" in refused.out
    shop.apply(code=EXIT_REFUSED)
    listed = shop.iac("migration", "list", "--json").json
    must_fit(listed, "migration-list")
    assert [each["standing"] for each in listed["migrations"]] == ["changed"]
    marked = shop.iac("migration", "mark", "0001-split", "--json").json
    must_fit(marked, "migration-mark")
    shop.must_be_clean()
    assert "counts as run already" in shop.iac("migration", "mark", "0001-split").out


def test_a_saved_plan_runs_the_very_file_that_was_planned(shop: Project) -> None:
    shop.plan("--out", "saved.plan", *losing(shop))
    edit(shop, "first or None", "first")
    stale = shop.iac("apply", "saved.plan", code=EXIT_LOCKED)
    assert f"{NAME} was changed in the stack" in stale.err
    edit(shop, '"first": first', '"first": first or None')
    shop.iac("apply", "saved.plan")
    assert people(shop)["c"]["first"] is None


def test_a_rehearsal_shows_what_would_change_and_writes_nothing(shop: Project) -> None:
    before = people(shop)
    shop.proxy.forget()
    planned = shop.plan("--rehearse", *losing(shop))
    assert shop.proxy.writes() == 0
    must_fit(planned, "plan")
    (found,) = planned["rehearsal"]
    assert found["problem"] is None
    assert found["counts"] == {"read": 3, "updated": 3}
    assert found["examples"][2] == {
        "collection": f"collection.{shop.id('shop')}/people",
        "id": "c",
        "action": "update",
        "changes": {"last": {"before": None, "after": "Plato"}},
    }
    assert planned["backup"]["migrations"] == [NAME]
    reported = shop.iac("plan", "--rehearse", *losing(shop)).out
    assert f"Values that {NAME} overwrites are written to a backup in " in reported
    assert f"Rehearsed {NAME}: 3 read, 3 updated. Nothing was written." in reported
    assert '        last: null → "Plato"' in reported
    shop.iac("plan", "--rehearse", "--markdown", "plan.md", "--html", "plan.html", *losing(shop))
    for file, plato in (("plan.md", '`last`: `null` → `"Plato"`'), ("plan.html", "&#34;Plato&#34;")):
        text = (shop.root / file).read_text(encoding="utf-8")
        assert plato in text
        assert "3 read, 3 updated. Nothing was written." in text
        assert f"Values that {NAME} overwrites are written to a backup in " in text
    assert people(shop) == before


def test_what_fails_in_a_rehearsal_is_said_with_its_line(shop: Project) -> None:
    edit(shop, 'name.rpartition(" ")', "name.no_such_thing()")
    failed = shop.iac("plan", "--rehearse", *losing(shop), code=1)
    assert f"{NAME} failed at migrations/0001_split.py:8: AttributeError" in failed.out


def test_where_the_code_fails_what_follows_it_is_not_done_and_a_corrected_file_begins_again(shop: Project) -> None:
    edit(shop, "    return {", "    if name == 'Plato': raise ValueError('Plato has one name')\n    return {")
    failed = shop.apply(*losing(shop), code=1)
    assert "failed at migrations/0001_split.py:9: ValueError\n" in failed.out
    assert "Plato has one name" in failed.out
    assert "correct migrations/0001_split.py, then run the command again" in failed.out
    assert set(people(shop)["a"]) == {"first", "last", "name"}
    assert "Plato" not in (shop.state_folder / "audit.jsonl").read_text()
    assert migrations(shop)[NAME]["stage"] == "begun"
    edit(shop, "if name == 'Plato'", "if False")
    assert "its file was changed since, so it begins again" in shop.iac("plan", *losing(shop)).out
    shop.apply(*losing(shop))
    assert people(shop)["c"] == {"first": None, "last": "Plato"}


def test_what_it_leaves_without_a_value_does_not_become_required(shop: Project) -> None:
    edit(shop, "def split(name):", "def split(name):\n    if name == 'Plato': return {}")
    failed = shop.apply(*losing(shop), code=EXIT_REFUSED)
    assert "update of attribute" in failed.out
    assert "1 document has no value, which would be required" in failed.out
    assert migrations(shop)[NAME]["stage"] == "done"
    shop.api.patch(f"{documents(shop)}/c", {"data": {"last": "Plato"}})
    shop.apply(*losing(shop))
    shop.must_be_clean()


def test_what_it_writes_over_is_in_a_backup_and_can_be_written_back(shop: Project) -> None:
    write(
        shop,
        'def run(data):\n    data.update({place!r}, {{each["$id"]: {{"name": "?", "last": "?"}}'
        " for each in data.documents({place!r})}})\n",
    )
    shop.declare(AFTER.replace('people.string("last', 'people.string("name", 50)\n    people.string("last'))
    applied = shop.apply("--json").documents[-1]
    must_fit(applied, "applied")
    backup = applied["applied"]["backup"]
    assert {each["name"] for each in people(shop).values()} == {"?"}
    assert shop.iac("backup", "verify", backup).code == 0
    restored = shop.iac("restore", backup, "--auto-approve", "--json").json["restored"]
    assert restored["complete"], restored
    assert {each: data["name"] for each, data in people(shop).items()} == PEOPLE
    audit = (shop.state_folder / "audit.jsonl").read_text()
    assert backup in audit
    assert "Lovelace" not in audit


def test_what_others_write_before_it_deletes_that_is_kept(shop: Project) -> None:
    write(shop, 'def run(data):\n    data.delete({place!r}, ["a", "b"])\n')
    shop.declare(BEFORE + '    stack.migration("0001-split", "migrations/0001_split.py")\n')
    late = {"data": {"name": "Ada King"}}
    shop.proxy.call(lambda: shop.api.patch(f"{documents(shop)}/a", late), "DELETE", "*/documents/a")
    assert "2 deleted" in shop.apply().out
    assert set(people(shop)) == {"c"}
    assert "2 documents of 1 address" in shop.iac("backup", "verify").out
    shop.iac("restore", "latest", "--auto-approve")
    assert {each: data["name"] for each, data in people(shop).items()} == {**PEOPLE, "a": "Ada King"}


def test_what_was_written_after_it_is_newer_than_the_backup(shop: Project) -> None:
    write(shop, 'def run(data):\n    data.update({place!r}, {{"a": {{"name": "?"}}, "b": {{"name": "?"}}}})\n')
    shop.declare(BEFORE + '    stack.migration("0001-split", "migrations/0001_split.py")\n')
    shop.apply()
    shop.api.patch(f"{documents(shop)}/b", {"data": {"name": "newer"}})
    shop.iac("restore", "latest", "--auto-approve", code=None)
    assert {each: data["name"] for each, data in people(shop).items()} == {**PEOPLE, "b": "newer"}


def test_without_a_backup_none_is_made(shop: Project) -> None:
    shop.apply("--no-backup", *losing(shop))
    assert shop.iac("backup", "list", "--json").json["backups"] == []


def test_it_is_taken_back_and_runs_again(shop: Project) -> None:
    shop.declare(AFTER.replace('people.string("last', 'people.string("name", 50)\n    people.string("last'))
    shop.apply()
    edit(shop, '"first": first or None', '"first": first or None')
    for each in PEOPLE:
        shop.api.patch(f"{documents(shop)}/{each}", {"data": {"name": None}})
    undone = shop.iac("migration", "undo", "0001-split", "--auto-approve", "--json").documents[-1]
    must_fit(undone, "applied")
    assert undone["applied"]["done"] == [f"undo:{NAME}"]
    assert {each: data["name"] for each, data in people(shop).items()} == PEOPLE
    assert migrations(shop) == {}
    assert actions(shop.plan()) == {NAME: "migrate"}
    shop.apply()
    refused = shop.iac("migration", "undo", "0002", "--auto-approve", code=1)
    assert "There is no migration 0002" in refused.err


def test_one_that_was_done_by_hand_is_marked(shop: Project) -> None:
    shop.iac("migration", "mark", "0001-split")
    shown = shop.iac("migration", "show", "0001-split", "--json").json
    must_fit(shown, "migration-show")
    assert shown["migration"]["standing"] == "marked"
    assert NAME not in actions(shop.plan(*losing(shop), code=None))
    shop.iac("migration", "mark", "0001-split", "--not-run")
    assert "0001-split  has not run" in shop.iac("migration", "list").out
    assert shop.iac("state", "verify").code == 0


def test_after_a_lost_state_it_does_not_run_unasked(shop: Project) -> None:
    shop.apply(*losing(shop))
    before = people(shop)
    shop.lose_state()
    refused = shop.apply(code=EXIT_REFUSED)
    assert "may have run" in refused.out
    shop.iac("migration", "mark", "0001-split")
    shop.apply()
    assert people(shop) == before
    shop.must_be_clean()


def test_where_everything_is_destroyed_nothing_has_run(shop: Project) -> None:
    shop.apply(*losing(shop))
    allowed = f"database.{shop.id('shop')}=3"
    shop.iac("destroy", "--all", "--auto-approve", "--allow-data-loss", allowed)
    assert migrations(shop) == {}
    assert actions(shop.plan())[NAME] == "migrate"


LINKED = """
    shop = stack.database(P + "shop", name="Shop")
    people = shop.collection("people", name="People")
    people.string("name", 50)
    cities = shop.collection("cities", name="Cities")
    cities.string("name", 50, required=True)
    people.relationship("city", "cities", type="manyToOne", on_delete="setNull")
    stack.migration("0001-split", "migrations/0001_split.py", needs=[f"relationship.{P}shop/people/city"])
"""
LINKING = """
    def run(data):
        people, cities = {place!r}, {place!r}.replace("people", "cities")
        for page in data.pages(people, size=2):
            towns = {{each["$id"]: each["name"].split()[0].lower() for each in page}}
            data.upsert(cities, {{each: {{"name": each, "$permissions": ['read("any")']}} for each in towns.values()}})
            data.update(people, {{each: {{"city": town}} for each, town in towns.items()}})
        assert data.get(people, "a")["city"] == "ada"
        assert data.count(cities) == 3
        assert [each["city"] for each in data.documents(people, only=["city"], where={{"name": "Plato"}})] == ["plato"]
        data.create(cities, {{"plato": {{"name": "other"}}, "rome": {{"name": "Rome"}}}})
        data.delete(cities, ["rome", "nowhere"])
        data.note("linked")
"""


def test_documents_are_linked_made_and_deleted(project: Project) -> None:
    project.declare(BEFORE)
    project.apply()
    fill(project)
    project.declare(LINKED)
    write(project, LINKING)
    assert "linked" in project.apply().out
    assert migrations(project)[NAME]["counts"] == {
        "read": 3,
        "created": 4,
        "updated": 3,
        "unchanged": 1,
        "deleted": 1,
        "gone": 1,
    }
    path = documents(project).replace("people", "cities")
    found = project.api.get(path)["documents"]
    assert {each["$id"]: each["name"] for each in found} == {"ada": "ada", "grace": "grace", "plato": "plato"}
    assert {tuple(each["$permissions"]) for each in found} == {('read("any")',)}
    project.must_be_clean()


@pytest.mark.parametrize(
    ("code", "reported"),
    [
        ('data.update(shop, {{"a": {{"nme": 1}}}})', "has no attribute 'nme' (did you mean 'name'?)"),
        ('list(data.pages(shop, only=["nme"]))', "has no attribute 'nme' (did you mean 'name'?)"),
        ('data.update("people", {{}})', "'people' is not a collection: write database/collection"),
        ("data.update(shop, {{1: {{}}}})", "1 is not the id of a document"),
        ('data.update(shop, {{"a": 1}})', "update takes the values of each document by id, not int"),
        ('data.update(shop, {{"a": {{"name": "x" * 51}}}})', "Appwrite refuses a document of collection"),
        (
            "try: data.update(shop, {{'a': {{'name': 'x' * 51}}}}); data.count(shop)\n    except Exception: pass",
            "Appwrite refuses a document of collection",
        ),
        ("exit(3)", "SystemExit"),
        ("import no_such_module", "ModuleNotFoundError"),
    ],
)
def test_a_mistake_is_said_without_a_traceback(shop: Project, code: str, reported: str) -> None:
    shop.declare(BEFORE + '    stack.migration("0001-split", "migrations/0001_split.py")\n')
    write(shop, "def run(data):\n    shop = {place!r}\n    " + code + "\n")
    failed = shop.apply(code=1)
    assert reported in failed.out, failed
    assert {each: data["name"] for each, data in people(shop).items()} == PEOPLE


def test_an_interrupted_migration_is_left_after_a_page_and_goes_on(shop: Project) -> None:
    edit(shop, 'only=["name"]', 'only=["name"], size=1')
    run = shop.start("apply", "--auto-approve", *losing(shop))
    shop.proxy.call(run.interrupt, "PATCH", "*/documents/*", when="after")
    shop.proxy.call(run.interrupt, "PATCH", "*/transactions/*", when="after")
    ended = run.end()
    assert ended.code == EXIT_INTERRUPTED, ended
    left = f"Left in the middle: migrate:{NAME}: 1 read, 1 updated. The next run continues from there."
    assert left in ended.out
    assert f"Not started: migrate:{NAME}" not in ended.out
    shop.proxy.forget()
    record = migrations(shop)[NAME]
    assert (record["stage"], record["counts"]["updated"]) == ("begun", 1)
    assert "it goes on from there" in shop.iac("plan", *losing(shop)).out
    shop.apply(*losing(shop))
    assert migrations(shop)[NAME]["counts"] == {"read": 3, "updated": 3}
    assert people(shop)["c"] == {"first": None, "last": "Plato"}


def test_what_it_writes_over_twice_is_written_back_as_it_was_first(shop: Project) -> None:
    code = (
        "def run(data):\n"
        "    for text in ('one', 'two', 'three'):\n"
        "        for page in data.pages({place!r}):\n"
        "            data.update({place!r}, {{each['$id']: {{'name': text}} for each in page}})\n"
    )
    write(shop, code)
    shop.declare(BEFORE + '    stack.migration("0001-split", "migrations/0001_split.py")\n')
    shop.apply()
    assert {data["name"] for data in people(shop).values()} == {"three"}
    shop.iac("restore", "latest", "--auto-approve")
    assert {each: data["name"] for each, data in people(shop).items()} == PEOPLE
