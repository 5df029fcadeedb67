"""What is read, and which deployments are worth a download."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import pytest

from raceday_iac.errors import NotFoundError
from raceday_iac.kinds.deployment import REPLACED, UNFINISHED
from raceday_iac.model.address import Address, deployment_address, function_address
from raceday_iac.model.resource import Desired, Live, frozen
from raceday_iac.model.stack import Stack
from raceday_iac.packaging import pack_all, with_deployments
from raceday_iac.packaging.bundle import digest_of_files, make_archive
from raceday_iac.provider import ServerFacts, Snapshot
from raceday_iac.provider.protocol import Deployment
from raceday_iac.refresh import refresh
from raceday_iac.refresh.deployments import Archives
from raceday_iac.state.document import Entry, State, new_state

from ..declaring import address, collection, resolved, stack_with_function

FILES = {"main.py": b"x = 1\n"}
AT = deployment_address("f")


class Reading:
    """A reader that notes what it was asked for."""

    def __init__(self, archive: bytes | None = make_archive(FILES)) -> None:
        self.archive = archive
        self.asked: tuple[str, ...] = ()
        self.downloads: list[str] = []

    def snapshot(
        self,
        databases: Collection[str],
        *,
        functions: bool = True,
        others: Collection[str] = (),
        named: bool = False,
        offers: bool = True,
    ) -> Snapshot:
        self.asked = tuple(databases)
        return Snapshot({AT: Live(AT, frozen({}), "build-1")}, ServerFacts("1.8.1"))

    def source_of(self, function: str, deployment: str) -> bytes:
        self.downloads.append(deployment)
        if self.archive is None:
            raise NotFoundError("gone", code=404)
        return self.archive


def read(reader: Reading, desired: Desired, state: State | None = None) -> Snapshot:
    return refresh(reader, desired, state or new_state())  # type: ignore[arg-type]


def owning(*texts: str) -> State:
    state = new_state()
    for text in texts:
        state = state.with_entry(Entry(Address.parse(text), frozen({})))
    return state


def with_code(tmp_path: Path) -> Desired:
    (tmp_path / "main.py").write_text("x = 1\n")
    return resolved(stack_with_function(code="."), root=tmp_path)


def test_declared_databases_are_read() -> None:
    reader = Reading()
    stack = Stack("test")
    collection(stack)
    read(reader, resolved(stack))
    assert reader.asked == ("d",)


def test_owned_databases_are_read_although_no_longer_declared() -> None:
    reader = Reading()
    read(reader, resolved(Stack("test")), owning("attribute.old/c/a", "function.f"))
    assert reader.asked == ("old",)


@pytest.mark.parametrize("text", ["database.old", "collection.old/c", "attribute.old/c/a"])
def test_databases_of_tombstones_are_read(text: str) -> None:
    reader = Reading()
    stack = Stack("test")
    stack.absent(text, reason="x")
    read(reader, resolved(stack))
    assert reader.asked == ("old",)


def test_facts_of_the_server_are_kept() -> None:
    assert read(Reading(), resolved(Stack("test"))).facts.version == "1.8.1"


def test_a_deployment_that_the_state_knows_is_not_downloaded(tmp_path: Path) -> None:
    reader = Reading()
    state = new_state().with_entry(Entry(AT, frozen({"digest": "known"}), "build-1"))
    assert read(reader, with_code(tmp_path), state).resources[AT].fields == {"digest": "known"}
    assert reader.downloads == []


def test_a_deployment_that_the_state_does_not_know_is_downloaded_and_hashed(tmp_path: Path) -> None:
    reader = Reading()
    found = read(reader, with_code(tmp_path))
    assert found.resources[AT].fields == {"digest": digest_of_files(FILES)}
    assert found.resources[AT].remote_id == "build-1"


def test_a_deployment_of_somebody_else_is_downloaded(tmp_path: Path) -> None:
    reader = Reading()
    state = new_state().with_entry(Entry(AT, frozen({"digest": "known"}), "another"))
    assert read(reader, with_code(tmp_path), state).resources[AT].fields == {"digest": digest_of_files(FILES)}


def test_a_deployment_whose_source_is_gone_has_an_unknown_digest(tmp_path: Path) -> None:
    assert read(Reading(None), with_code(tmp_path)).resources[AT].fields == {"digest": ""}


def test_deployments_of_code_that_is_kept_are_not_downloaded() -> None:
    reader = Reading()
    read(reader, resolved(stack_with_function()))
    assert reader.downloads == []


def test_a_function_without_a_deployment_has_none(tmp_path: Path) -> None:
    reader = Reading()
    reader.snapshot = lambda databases, **more: Snapshot({})  # type: ignore[method-assign]
    assert address("deployment.f") not in read(reader, with_code(tmp_path)).resources


# Code that is live, as far as it can be checked.


def with_digest(folder: Path) -> Desired:
    desired = with_code(folder)
    return with_deployments(desired, pack_all(desired))


def test_what_a_run_activated_and_did_not_accept_is_unfinished(tmp_path: Path) -> None:
    state = new_state().with_entry(Entry(function_address("f"), frozen({}), uploads=("build-1",)))
    assert read(Reading(), with_digest(tmp_path), state).resources[AT].status == UNFINISHED


class Replaced(Reading):
    """Active is somebody else's code; before it, other deployments were made, by id and status."""

    def __init__(self, wanted: Desired, *others: tuple[str, str]) -> None:
        super().__init__()
        (bundle,) = pack_all(wanted).values()
        self.own = bundle.archive()
        self.others = others

    def deployments(self, function: str, limit: int) -> list[Deployment]:
        return [Deployment("build-1", "ready"), *(Deployment(*each) for each in self.others)]

    def source_of(self, function: str, deployment: str) -> bytes:
        self.downloads.append(deployment)
        return self.own if deployment.startswith("own") else make_archive(FILES)


def status(folder: Path, *others: tuple[str, str], state: State | None = None) -> str:
    desired = with_digest(folder)
    return read(Replaced(desired, *others), desired, state).resources[AT].status


def test_without_a_state_other_code_after_that_of_the_stack_was_put_there_by_somebody(tmp_path: Path) -> None:
    assert status(tmp_path, ("other", "ready"), ("own", "ready")) == REPLACED


def test_without_a_state_other_code_than_ever_deployed_says_nothing(tmp_path: Path) -> None:
    assert status(tmp_path, ("other", "ready")) == "available"
    assert status(tmp_path, ("own", "failed")) == "available"


def test_with_a_state_there_is_nothing_to_look_for(tmp_path: Path) -> None:
    state = new_state().with_entry(Entry(AT, frozen({"digest": "x"}), "another"))
    assert status(tmp_path, ("own", "ready"), state=state) == "available"


def test_what_was_read_before_is_not_downloaded_again(tmp_path: Path) -> None:
    desired, reader = with_digest(tmp_path), Reading(make_archive({"main.py": b"x"}))
    reader.deployments = lambda function, limit: []  # type: ignore[attr-defined]
    for _ in range(2):
        refresh(reader, desired, new_state(), Archives(reader, tmp_path / "archives.json"))  # type: ignore[arg-type]
    assert reader.downloads == ["build-1"]
