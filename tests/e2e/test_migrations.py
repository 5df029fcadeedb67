"""Migrations of data: run once in each environment, at their place in the plan."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from .project import Project, actions

SCHEMAS = Path(__file__).parents[2] / "docs" / "schemas"
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
    lines = text.format(place=f"{project.id('shop')}/people").split("\n")
    (folder / file).write_text("\n".join(each.removeprefix("    ") for each in lines))


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
