"""What is made by the request that makes its collection, from Appwrite 1.9: found by one list, or made by itself."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from raceday_iac.applying.actions import Work
from raceday_iac.applying.recorder import Recorder
from raceday_iac.applying.scheduler import made_along, make_steps
from raceday_iac.errors import ProviderError, StateError
from raceday_iac.kinds import inline_members
from raceday_iac.model.address import Address, owners
from raceday_iac.model.resource import Desired, Fields, Live, frozen
from raceday_iac.model.server import ServerFacts
from raceday_iac.model.stack import Stack
from raceday_iac.planning import Action, Change
from raceday_iac.state.backends.local import LocalState
from raceday_iac.state.document import State, new_state

from ..applied import plan
from ..declaring import address, collection, resolved
from ..fake_appwrite import FakeAppwrite

NEW = ServerFacts("1.9.6")
PLACE = address("collection.d/c")


def schema() -> Desired:
    stack = Stack("test")
    owner = collection(stack)
    owner.string("a", 20)
    owner.integer("b", max=9)
    owner.index("i", "a", "b")
    return resolved(stack)


@dataclass
class Server(FakeAppwrite):
    """Makes what comes along with a collection, as a 1.9 does, unless it `ignores` or `refuses` it; shows it `late`."""

    ignores: bool = False
    refuses: bool = False
    late: int = 0
    other: Mapping[Address, Fields] = field(default_factory=dict)
    lists: int = 0

    def __post_init__(self) -> None:
        super().__init__()

    def create(
        self, address: Address, fields: Fields, along: Mapping[Address, Mapping[str, Any]] | None = None
    ) -> Live:
        if along and self.refuses:
            raise ProviderError("not like that", code=400)
        live = super().create(address, fields)
        for at in (along or {}) if not self.ignores else {}:
            wanted = schema().resources[at].fields
            self.resources[at] = Live(at, frozen({**wanted, **self.other.get(at, {})}))
        return live

    def inside(self, place: Address) -> Mapping[Address, Live]:
        self.lists += 1
        if self.lists <= self.late:
            return {}
        return super().inside(place)

    def unknown_attributes(
        self, database: str, collection: str, attributes: Sequence[str], relationships: Sequence[str] = ()
    ) -> Sequence[str]:
        self.log.append(f"prove {collection}")
        return super().unknown_attributes(database, collection, attributes, relationships)


@dataclass
class Ran:
    """What came of an apply: `pauses` that were asked for, `warned` what was said."""

    log: list[str]
    pauses: list[float]
    warned: list[str]
    owned: set[str]
    #: How often the state was saved.
    saves: int


def apply(server: Server, folder: Path, facts: ServerFacts = NEW) -> Ran:
    desired = schema()
    found = plan(desired, facts=facts)
    recorder = Recorder(LocalState(folder / "state"), new_state())
    warned: list[str] = []

    def warn(_change: Change, text: str) -> None:
        warned.append(text)

    work = Work(server, recorder, found, desired, {}, lambda _change, _text: None, warn)
    steps = make_steps(found.changes, desired, found.real, made_along(found, desired))
    pauses = [pause for step in steps for pause in work.perform(step)]
    return Ran(server.log, pauses, warned, {str(each) for each in recorder.state.entries}, recorder.state.serial)


def journaled(folder: Path) -> list[str]:
    lines = (folder / "state" / "journal.jsonl").read_text(encoding="utf-8").split("\n")
    return [json.loads(line)["change"] for line in lines if line]


MADE = ["create database.d", "create collection.d/c"]
SINGLY = ["create attribute.d/c/a", "create attribute.d/c/b"]
ALL = {"database.d", "collection.d/c", "attribute.d/c/a", "attribute.d/c/b", "index.d/c/i"}


def test_one_request_makes_all_of_a_collection_and_one_list_names_all_of_it(tmp_path: Path) -> None:
    server = Server()
    ran = apply(server, tmp_path)
    assert (ran.log, server.lists, ran.pauses) == (MADE, 1, [])
    assert ran.owned == ALL


def test_what_one_list_names_is_saved_once_and_only_what_is_sent_is_in_the_journal(tmp_path: Path) -> None:
    assert apply(Server(), tmp_path).saves == len(MADE) + 1
    assert journaled(tmp_path) == ["create:database.d", "create:collection.d/c"]


def test_what_was_made_and_could_not_be_saved_is_adopted_by_the_next_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = LocalState.write

    def until_the_disk_is_full(store: LocalState, state: State) -> None:
        if len(state.entries) > len(MADE):
            raise StateError("the disk is full")
        write(store, state)

    monkeypatch.setattr(LocalState, "write", until_the_disk_is_full)
    server = Server()
    with pytest.raises(StateError, match="full"):
        apply(server, tmp_path)
    saved = LocalState(tmp_path / "state").read()
    assert set(map(str, saved.entries)) == {"database.d", "collection.d/c"}
    again = plan(schema(), saved, dict(server.resources), facts=NEW)
    assert {str(each.address): each.action for each in again.changes} == dict.fromkeys(
        ALL - {"database.d", "collection.d/c"}, Action.ADOPT
    )


def test_what_is_sent_by_itself_all_the_same_is_in_the_journal(tmp_path: Path) -> None:
    assert apply(Server(ignores=True), tmp_path).saves == len(ALL)
    assert set(journaled(tmp_path)) == {f"create:{each}" for each in ALL}


def test_an_older_server_gets_one_after_the_other(tmp_path: Path) -> None:
    ran = apply(Server(), tmp_path, ServerFacts("1.8.1"))
    assert ran.log == [*MADE, *SINGLY, "prove c", "create index.d/c/i", "prove c"]
    assert ran.owned == ALL


def test_what_is_shown_late_is_waited_for(tmp_path: Path) -> None:
    ran = apply(Server(late=2), tmp_path)
    assert ran.log == MADE
    assert ran.pauses == [0.05, 0.1]


def test_where_it_was_ignored_it_is_made_by_itself_and_waited_for_only_once(tmp_path: Path) -> None:
    server = Server(ignores=True)
    ran = apply(server, tmp_path)
    assert ran.log == [*MADE, *SINGLY, "prove c", "create index.d/c/i", "prove c"]
    assert server.lists == 8
    assert ran.owned == ALL


def test_where_it_was_refused_the_collection_is_made_without_it(tmp_path: Path) -> None:
    ran = apply(Server(refuses=True), tmp_path)
    assert ran.log == [*MADE, *SINGLY, "prove c", "create index.d/c/i", "prove c"]
    assert ["not like that" in each for each in ran.warned] == [True]


def test_what_was_made_otherwise_is_an_error_with_both_values(tmp_path: Path) -> None:
    with pytest.raises(ProviderError, match=r"attribute\.d/c/b along .* not as requested: max: 7 → 9"):
        apply(Server(other={address("attribute.d/c/b"): frozen({"max": 7})}), tmp_path)
    assert {str(each) for each in LocalState(tmp_path / "state").read().entries} == ALL - {"attribute.d/c/b"}


# What can come along.


def along(stack: Stack, version: str = "1.9.6") -> dict[str, dict[str, Any]]:
    desired = resolved(stack)
    found = inline_members(list(desired.resources), desired, ServerFacts(version))
    return {at.name: dict(named) for at, named in found.get(PLACE, {}).items() if PLACE in owners(at)}


def test_types_are_named_as_appwrite_names_them_and_formats_have_a_size() -> None:
    stack = Stack("test")
    owner = collection(stack)
    owner.float("f", min=0, default=0.5)
    owner.enum("e", ["x", "y"], default="x")
    owner.line("l")
    owner.index("i", "f", "$createdAt", orders=["DESC"])
    assert along(stack) == {
        "f": {
            "key": "f",
            "type": "double",
            "required": False,
            "default": 0.5,
            "array": False,
            "min": 0.0,
            "max": sys.float_info.max,
        },
        "e": {
            "key": "e",
            "type": "string",
            "format": "enum",
            "size": 255,
            "required": False,
            "default": "x",
            "array": False,
            "elements": ["x", "y"],
        },
        "l": {"key": "l", "type": "linestring", "required": False, "array": False},
    }


@pytest.mark.parametrize(
    ("kind", "arguments", "settings"),
    [
        ("string", (200,), {"encrypt": True}),
        ("varchar", (20,), {}),
        ("text", (), {}),
        ("enum", (["0", "1"],), {}),
        ("enum", (["ā" * 200],), {}),
    ],
)
def test_what_a_server_does_not_take_there_is_made_by_itself_and_so_are_the_indexes_over_it(
    kind: str, arguments: tuple[Any, ...], settings: dict[str, Any]
) -> None:
    stack = Stack("test")
    owner = collection(stack)
    owner.integer("n")
    getattr(owner, kind)("a", *arguments, **settings)
    owner.index("i", "n", "a", lengths=[0, 10])
    owner.index("j", "n")
    assert set(along(stack)) == {"n", "j"}


@pytest.mark.parametrize(("version", "known"), [("1.8.1", set()), ("1.9.6", {"n"}), ("2.0.0", {"n", "v"})])
def test_what_can_come_along_depends_on_the_version(version: str, known: set[str]) -> None:
    stack = Stack("test")
    owner = collection(stack)
    owner.integer("n")
    owner.varchar("v", 20)
    assert set(along(stack, version)) == known


def test_a_request_holds_a_hundred_attributes_at_most() -> None:
    stack = Stack("test")
    owner = collection(stack)
    for number in range(101):
        owner.boolean(f"a{number}")
    assert len(along(stack)) == 100


def test_a_number_comes_with_both_bounds_because_one_without_takes_none_later() -> None:
    stack = Stack("test")
    owner = collection(stack)
    owner.integer("n", max=9)
    owner.float("f")
    found = along(stack)
    assert (found["n"]["min"], found["n"]["max"]) == (-(2**63), 9)
    assert found["f"]["min"] == -found["f"]["max"] < -1e308
