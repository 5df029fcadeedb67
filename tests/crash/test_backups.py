"""A kill around every write of a backup, of what it was made for, and of what is written back from it.

Batches are small here, so that a few documents make several of each.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from raceday_iac.applying import batches, scheduler
from raceday_iac.backup import restoring, writing
from raceday_iac.provider.appwrite import documents, reading
from raceday_iac.provider.appwrite import writing as provider_writing
from raceday_iac.state.encryption import new_key

from .places import watch_files
from .scene import AtOnce
from .test_resources import World

HEAD = """
from raceday_iac.model.stack import Stack

stack = Stack("resources")
shop = stack.database("shop", name="Shop")
rooms = shop.collection("rooms", name="Rooms")
rooms.string("name", 20)
"""
ORDERS = """
orders = shop.collection("orders", name="Orders")
orders.string("text", 20)
orders.relationship("rooms", "rooms", type="manyToMany", two_way_key="orders", on_delete="setNull")
plain = shop.collection("plain", name="Plain")
plain.string("text", 20)
"""
NUMBER, BATCH = 5, 3
LOSING = tuple(
    word for each in ("orders", "plain") for word in ("--allow-data-loss", f"collection.shop/{each}={NUMBER}")
)
APPLY = ("apply", "--auto-approve", *LOSING)
#: Writes of parts and of the manifest, each of which is begun, half done, done, and put in its place.
PLACES_OF_BACKUP = 5 * (2 * 2 + 1)
#: What destroys takes longer, so it is killed at some places alone. A prime meets all sorts of them.
STEP = 1 if os.environ.get("RACEDAY_CRASH_ALL") else 13
RESTORE = ("restore", "latest", "--auto-approve")


class Shop(World):
    """With documents that are related."""

    def declare(self, *parts: str) -> None:
        (self.folder / "stacks" / "resources.py").write_text("".join((HEAD, *parts)))

    def fill(self) -> None:
        for number in range(NUMBER):
            self._put("rooms", f"r{number}", {"name": f"Room {number}"})
            self._put("plain", f"p{number}", {"text": f"Plain {number}"})
            links = [f"r{each}" for each in range(number % 3)]
            self._put("orders", f"o{number}", {"text": f"Order {number}", "rooms": links})

    def _put(self, collection: str, identity: str, data: Mapping[str, Any]) -> None:
        content = {"documentId": identity, "data": data, "permissions": ['read("any")']}
        headers = {"x-appwrite-project": "raceday", "x-appwrite-key": self.server.key}
        path = f"/v1/databases/shop/collections/{collection}/documents"
        answer = self.server.answer(f"POST {path}", {"json": content, "headers": headers})
        assert answer.ok, answer.text

    def change(self, path: str, data: Mapping[str, Any]) -> None:
        """Somebody else changes a document."""
        headers = {"x-appwrite-project": "raceday", "x-appwrite-key": self.server.key}
        path = f"PATCH /v1/databases/shop/collections/{path}"
        answer = self.server.answer(path, {"json": {"data": data}, "headers": headers})
        assert answer.ok, answer.text

    def texts(self) -> dict[str, str]:
        return {each["$id"]: each["text"] for each in self._all("plain", ["*"])}

    def documents(self) -> dict[str, Any]:
        found = {}
        for name, paths in (("orders", ["rooms.$id"]), ("plain", []), ("rooms", [])):
            for each in self._all(name, ["*", *paths]):
                links = sorted(link["$id"] for link in each.pop("rooms", []))
                found[f"{name}/{each['$id']}"] = {key: each[key] for key in each if key != "$sequence"} | {
                    "rooms": links
                }
        return found

    def _all(self, collection: str, selected: list[str]) -> list[dict[str, Any]]:
        query = '{"method": "select", "values": ' + str(selected).replace("'", '"') + "}"
        headers = {"x-appwrite-project": "raceday", "x-appwrite-key": self.server.key}
        path = f"/v1/databases/shop/collections/{collection}/documents"
        answer = self.server.answer(f"GET {path}", {"params": [("queries[]", query)], "headers": headers})
        return list(answer.json()["documents"])


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    for module in (scheduler, reading, documents, batches, provider_writing, restoring):
        monkeypatch.setattr(module, "ThreadPoolExecutor", AtOnce)
    monkeypatch.setattr(
        documents.PageSize.__init__, "__defaults__", ((BATCH,), *documents.PageSize.__init__.__defaults__[1:])
    )
    monkeypatch.setattr(batches, "BATCH", BATCH)
    monkeypatch.setattr(writing, "PART", BATCH)
    # As with many documents: looks by pages, writes by transactions.
    monkeypatch.setattr(restoring, "MANY", 2)
    monkeypatch.setattr(provider_writing, "_FEWEST_TOGETHER", 2)
    made = Shop(tmp_path, monkeypatch)
    file = made.folder / "stacks" / "environments" / "e.yaml"
    file.write_text(file.read_text() + "backups: {keep: 2}\n")
    made.declare(ORDERS)
    assert made.run("apply", "--auto-approve") == 0
    made.fill()
    watch_files(monkeypatch, made.state / "e" / "backups", made._reached)
    yield made
    made.server.stop()
    made.kept.stop()


def backups_of(shop: Shop, capsys: pytest.CaptureFixture[str]) -> Any:
    capsys.readouterr()
    assert shop.run("backup", "list", "--json") == 0
    return json.loads(capsys.readouterr().out)


def test_a_killed_backup_is_none_and_the_next_one_is_whole(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    number, making = 0, ("backup", "create", "collection.shop/orders", "collection.shop/plain")
    while shop.dies(number, *making):
        assert shop.run("backup", "verify") == 0, f"after a kill at place {number}"
        number += 1
    listed = backups_of(shop, capsys)
    assert listed["unfinished"] == []
    assert {each["records"] for each in listed["backups"]} == {2 * NUMBER}
    assert number >= PLACES_OF_BACKUP


def test_what_a_killed_run_destroyed_can_be_restored(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    before = shop.documents()
    shop.keep()
    shop.declare()
    number = 0
    while shop.dies(number, *APPLY):
        assert shop.run(*APPLY) == 0, f"after a kill at place {number}"
        shop.declare(ORDERS)
        assert shop.run("apply", "--auto-approve") == 0
        # A run that was killed while it destroyed has taken links with it that the next one has not seen.
        for each in reversed(backups_of(shop, capsys)["backups"]):
            assert shop.run("restore", each["id"], "--auto-approve") == 0
        assert shop.documents() == before, f"after a kill at place {number}"
        shop.declare()
        number += STEP
        shop.restore()
    assert number > PLACES_OF_BACKUP


def test_a_restore_after_a_killed_one_writes_what_is_missing(shop: Shop) -> None:
    before = shop.documents()
    shop.declare()
    assert shop.run(*APPLY) == 0
    shop.declare(ORDERS)
    assert shop.run("apply", "--auto-approve") == 0
    shop.keep()
    number = 0
    while shop.dies(number, *RESTORE):
        assert shop.run(*RESTORE) == 0, f"after a kill at place {number}"
        assert shop.documents() == before, f"after a kill at place {number}"
        number += 1
        shop.restore()
    assert number > NUMBER


@pytest.fixture
def without_texts(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """An attribute went, and was made again: its values are to be written to documents that are there."""
    # As with many of them.
    monkeypatch.setattr(restoring, "FEW", 0)
    shop.declare(ORDERS.replace('plain.string("text", 20)', 'plain.string("other", 20)'))
    assert shop.run("apply", "--auto-approve", "--allow-data-loss", f"attribute.shop/plain/text={NUMBER}") == 0
    shop.declare(ORDERS)
    assert shop.run("apply", "--auto-approve") == 0
    assert set(shop.texts().values()) == {None}
    return shop


TEXTS = {f"p{each}": f"Plain {each}" for each in range(NUMBER)}


def test_values_that_a_killed_restore_wrote_together_are_not_written_again(without_texts: Shop) -> None:
    shop = without_texts
    shop.keep()
    number = 0
    while shop.dies(number, *RESTORE):
        assert shop.run(*RESTORE) == 0, f"after a kill at place {number}"
        assert shop.texts() == TEXTS, f"after a kill at place {number}"
        number += 1
        shop.restore()
    # Begun, staged and committed: each before and after, for two batches.
    assert number >= 3 * 2 * 2


def test_what_others_write_at_any_time_of_a_restore_stays(without_texts: Shop) -> None:
    shop = without_texts
    shop.keep()
    number = 0
    while True:
        shop.meddling = (number, lambda: shop.change("plain/documents/p1", {"text": "Newer"}))
        assert shop.run(*RESTORE) == 0
        if shop.meddling is not None:
            break
        assert shop.texts() == TEXTS | {"p1": "Newer"}, f"when it is written at place {number}"
        number += 1
        shop.restore()
    # Those of the writes, and the looks before and after.
    assert number > 3 * 2 * 2


def test_a_backup_is_whole_whenever_its_key_is_changed(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = shop.folder / "stacks" / "environments" / "e.yaml"
    text = file.read_text()
    for name in ("OLD_KEY", "NEW_KEY"):
        monkeypatch.setenv(name, new_key()[0].reveal())
    file.write_text(f"{text}state: {{backend: local, encryption: {{key_env: OLD_KEY}}}}\n")
    assert shop.run("state", "rekey") == 0
    assert shop.run("backup", "create", "collection.shop/plain") == 0
    assert shop.run("backup", "create", "collection.shop/rooms") == 0
    shop.keep()
    folder = shop.state / "e" / "backups"
    files = len(list(folder.glob("*/*")))
    file.write_text(f"{text}state: {{backend: local, encryption: {{key_env: NEW_KEY, previous_key_env: OLD_KEY}}}}\n")
    number = 0
    while shop.dies(number, "state", "rekey"):
        assert shop.run("backup", "verify") == 0, f"after a kill at place {number}"
        assert shop.run("state", "rekey") == 0, f"after a kill at place {number}"
        monkeypatch.setenv("PREVIOUS", os.environ["OLD_KEY"])
        monkeypatch.delenv("OLD_KEY")
        assert shop.run("backup", "verify") == 0, f"after a kill at place {number}"
        monkeypatch.setenv("OLD_KEY", os.environ["PREVIOUS"])
        assert len(backups_of(shop, capsys)["backups"]) == 2
        assert len(list(folder.glob("*/*"))) == files, f"something is left of the kill at place {number}"
        number += 1
        shop.restore()
    assert number >= 2 * (2 * 2 + 1)
