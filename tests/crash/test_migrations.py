"""A kill around every write of a migration: its backup, its batches, and what the state says of how far it came.

Pages and batches are small here, so that a few documents make several of each.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from raceday_iac.applying import batches, scheduler
from raceday_iac.provider.appwrite import documents, reading
from raceday_iac.provider.appwrite import writing as provider_writing

from .places import watch_files
from .scene import AtOnce
from .test_resources import World

STACK = """
from raceday_iac.model.stack import Stack

stack = Stack("resources")
shop = stack.database("shop", name="Shop")
people = shop.collection("people", name="People")
people.string("name", 20)
people.string("remark", 20)
gone = shop.collection("gone", name="Gone")
gone.string("name", 20)
"""
LINK = 'people.relationship("other", "gone", type="manyToOne", on_delete="setNull")\n'
MIGRATION = """
people.string("first", 20)
people.string("last", 20, required=True)
copies = shop.collection("copies", name="Copies")
copies.string("name", 20)
stack.migration("m", "migrations/m.py", needs=["collection.shop/copies", "attribute.shop/people/first"],
    before=["attribute.shop/people/last"])
"""
CODE = """
def run(data):
    for page in data.pages("shop/people", only=["name"], size=3):
        data.update("shop/people", {each["$id"]: dict(zip(("first", "last"), each["name"].split())) for each in page})
        data.create("shop/copies", {each["$id"]: {"name": each["name"]} for each in page})
    for page in data.pages("shop/gone", size=2):
        data.delete("shop/gone", [each["$id"] for each in page])


def undo(data):
    for page in data.pages("shop/people", only=["first", "last"], size=3):
        data.update("shop/people", {each["$id"]: {"name": f"{each['last']} {each['first']}"} for each in page})
"""
NUMBER, BATCH = 5, 2
#: One way of writing is killed at each place, the others at some of them: a prime meets all sorts.
STEPS = {"together": 1, "singly": 7, "related": 7}
UNDO = ("migration", "undo", "m", "--auto-approve")
AFTER = {
    f"p{each}": {"name": f"F{each} L{each}", "remark": None, "first": f"F{each}", "last": f"L{each}"}
    for each in range(NUMBER)
}


class Shop(World):
    """With people, who are to have two names. It is killed at each place whose number is one of `step`."""

    step = 1

    def declare(self, *parts: str) -> None:
        (self.folder / "stacks" / "resources.py").write_text("".join((STACK, *parts)))

    def fill(self) -> None:
        for number in range(NUMBER):
            self._put("people", f"p{number}", f"F{number} L{number}")
        for number in range(3):
            self._put("gone", f"g{number}", f"Gone {number}")

    def _put(self, collection: str, identity: str, name: str) -> None:
        self._ask("POST", collection, {"json": {"documentId": identity, "data": {"name": name}}})

    def change(self, identity: str, values: dict[str, Any]) -> None:
        """Somebody else changes a document. An attribute that is not there yet is no reason to complain."""
        self._ask("PATCH", f"people/documents/{identity}", {"json": {"data": values}})

    def _ask(self, method: str, at: str, content: dict[str, Any]) -> Any:
        headers = {"x-appwrite-project": "raceday", "x-appwrite-key": self.server.key}
        path = f"/v1/databases/shop/collections/{at if '/' in at else f'{at}/documents'}"
        answer = self.server.answer(f"{method} {path}", {**content, "headers": headers})
        return answer.json() if answer.ok else {"documents": []}

    def all(self, collection: str) -> dict[str, dict[str, Any]]:
        found = self._ask("GET", collection, {})["documents"]
        return {each["$id"]: each for each in found}

    def values(self, collection: str) -> dict[str, dict[str, Any]]:
        return {
            at: {key: value for key, value in each.items() if not key.startswith("$") and key != "other"}
            for at, each in self.all(collection).items()
        }

    def ran(self) -> Any:
        return json.loads((self.state / "e" / "state.json").read_text())["migrations"].get("migration.m")

    def kept_texts(self) -> str:
        """What is in its backups."""
        target = self.folder / "extracted"
        shutil.rmtree(target, ignore_errors=True)
        if self.run("backup", "extract", "latest", str(target)) != 0:
            return ""
        return "".join(each.read_text() for each in target.rglob("*") if each.is_file())

    def must_be_done(self, when: str) -> None:
        assert self.values("people") == AFTER, when
        assert self.values("copies") == {at: {"name": each["name"]} for at, each in AFTER.items()}, when
        assert self.values("gone") == {}, when
        record = self.ran()
        assert record["stage"] == "done", when
        # What a killed run did and could not say is not done again.
        counts = record["counts"]
        assert counts["updated"] + counts.get("unchanged", 0) >= NUMBER, when


@pytest.fixture(params=STEPS)
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Shop]:
    for module in (scheduler, reading, documents, batches, provider_writing):
        monkeypatch.setattr(module, "ThreadPoolExecutor", AtOnce)
    monkeypatch.setattr(batches, "BATCH", BATCH)
    monkeypatch.setattr(provider_writing, "_FEWEST_TOGETHER", BATCH + 1 if request.param == "singly" else BATCH)
    made = Shop(tmp_path, monkeypatch)
    made.step = 1 if os.environ.get("RACEDAY_CRASH_ALL") else STEPS[request.param]
    (made.folder / "migrations").mkdir()
    (made.folder / "migrations" / "m.py").write_text(CODE)
    parts = (LINK,) if request.param == "related" else ()
    made.declare(*parts)
    assert made.run("apply", "--auto-approve") == 0
    made.fill()
    made.declare(*parts, MIGRATION)
    watch_files(monkeypatch, made.state / "e" / "backups", made._reached)
    yield made
    made.server.stop()
    made.kept.stop()


def test_a_run_after_a_killed_one_finishes_it_and_migrates_each_document_once(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    shop.keep()
    number, resumed = 0, 0
    while shop.dies(number):
        when = f"after a kill at place {number}"
        done = {at: each["$updatedAt"] for at, each in shop.all("people").items() if each.get("last")}
        record = shop.ran()
        resumed += record is not None and bool(record.get("passes"))
        assert shop.run("apply", "--auto-approve") == 0, f"{when}\n{capsys.readouterr().err}"
        shop.must_be_done(when)
        now = {at: each["$updatedAt"] for at, each in shop.all("people").items()}
        assert {at: now[at] for at in done} == done, when
        assert shop.run("plan", "--detailed-exitcode") == 0, when
        assert shop.run("backup", "verify") == 0, when
        number += shop.step
        shop.restore()
    assert number > 40
    assert resumed > 20 // shop.step


def test_a_killed_undo_is_finished_and_nothing_else_runs_before(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    assert shop.run("apply", "--auto-approve") == 0
    shop.keep()
    number, stopped = 0, 0
    while shop.dies(number, *UNDO):
        when = f"after a kill at place {number}"
        if shop.ran() is not None:
            if shop.ran()["stage"] == "undoing":
                assert shop.run("plan") == 5, when
                stopped += 1
            assert shop.run(*UNDO) == 0, f"{when}\n{capsys.readouterr().err}"
        assert shop.ran() is None, when
        assert {each["name"] for each in shop.values("people").values()} == {f"L{n} F{n}" for n in range(NUMBER)}, when
        number += shop.step
        shop.restore()
    assert number > 10
    assert stopped > 5 // shop.step


@pytest.mark.parametrize("shop", ["together", "singly"], indirect=True)
def test_what_others_write_at_any_time_of_a_migration_stays_or_is_in_its_backup(shop: Shop) -> None:
    """Another attribute keeps the value. The migration's own gets what it makes of the document as it was read, so what
    somebody wrote into that meanwhile is kept in the backup like any value that is written over."""

    def meddle() -> None:
        shop.change("p1", {"remark": "Newer"})
        shop.change("p1", {"first": "Theirs"})
        was_written.append(shop.values("people")["p1"].get("first") == "Theirs")

    shop.keep()
    number, was_written, kept, stayed = 0, list[bool](), 0, 0
    while True:
        when = f"when it is written at place {number}"
        was_written.clear()
        shop.meddling = (number, meddle)
        assert shop.run("apply", "--auto-approve") == 0, when
        if shop.meddling is not None:
            break
        now = shop.values("people")
        assert now["p1"].pop("remark") == "Newer", when
        first = now["p1"].pop("first")
        expected = {at: dict(each) for at, each in AFTER.items()}
        del expected["p1"]["remark"], expected["p1"]["first"]
        assert now == expected, when
        if first == "Theirs":
            stayed += 1
        elif was_written == [True]:
            assert first == "F1", when
            assert "Theirs" in shop.kept_texts(), when
            kept += 1
        number += 1 if shop.step == 1 else 5
        shop.restore()
    # Before it is written, and after it.
    assert kept > 1
    assert stayed > 1
