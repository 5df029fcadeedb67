"""Every put is in the saved state when it returns, also when many threads put at once."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from raceday_iac.applying.recorder import Recorder
from raceday_iac.errors import StateError
from raceday_iac.model.address import Address, function_address
from raceday_iac.model.resource import frozen
from raceday_iac.planning import Action, Change, Reason
from raceday_iac.state.backends.local import LocalState
from raceday_iac.state.document import Entry, State, new_state

from ..declaring import address

F = function_address("f")


def entry(name: str) -> Entry:
    return Entry(Address("function", name), frozen({"name": name}))


@pytest.fixture
def store(tmp_path: Path) -> LocalState:
    store = LocalState(tmp_path / "state")
    store.folder.mkdir()
    return store


class SlowStore:
    """Holds back its first save until it is asked to go on, and counts saves."""

    def __init__(self) -> None:
        self.saves: list[State] = []
        self.saving, self.go_on = threading.Event(), threading.Event()

    def write(self, state: State) -> None:
        self.saves.append(state)
        if len(self.saves) == 1:
            self.saving.set()
            self.go_on.wait(10)

    def append_journal(self, line: str) -> None:
        raise NotImplementedError


def test_a_put_is_on_the_disk_when_it_returns(store: LocalState) -> None:
    Recorder(store, new_state()).put(entry("f"))
    assert address("function.f") in LocalState(store.folder).read().entries


def test_every_put_of_many_threads_is_saved_when_it_returns(store: LocalState) -> None:
    recorder = Recorder(store, new_state())

    def put(number: int) -> bool:
        recorder.put(entry(f"f{number}"))
        return address(f"function.f{number}") in LocalState(store.folder).read().entries

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(put, range(60)))
    assert len(store.read().entries) == 60


def test_threads_that_finish_during_a_save_share_the_next_one() -> None:
    store = SlowStore()
    recorder = Recorder(store, new_state())  # type: ignore[arg-type]
    with ThreadPoolExecutor(9) as pool:
        first = pool.submit(recorder.put, entry("first"))
        store.saving.wait(10)
        others = [pool.submit(recorder.put, entry(f"f{number}")) for number in range(8)]
        # All eight have changed the state and wait for the save that is under way.
        while len(recorder.state.entries) < 9:
            threading.Event().wait(0.001)
        store.go_on.set()
        for each in [first, *others]:
            each.result(10)
    assert len(store.saves) == 2
    assert len(store.saves[-1].entries) == 9


def test_each_save_has_the_next_serial(store: LocalState) -> None:
    recorder = Recorder(store, new_state())
    serials = []
    for name in "abc":
        recorder.put(entry(name))
        serials.append(store.read().serial)
    assert serials == [1, 2, 3]


def test_a_put_whose_save_fails_raises() -> None:
    class FullStore:
        def write(self, state: State) -> None:
            raise StateError("full")

    recorder = Recorder(FullStore(), new_state())  # type: ignore[arg-type]
    with pytest.raises(StateError):
        recorder.put(entry("f"))


def test_after_a_failed_save_the_next_one_saves_both(store: LocalState, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = Recorder(store, new_state())

    def full(state: State) -> None:
        raise StateError("full")

    with monkeypatch.context() as patch:
        patch.setattr(store, "write", full)
        with pytest.raises(StateError):
            recorder.put(entry("a"))
    recorder.put(entry("b"))
    assert {each.path for each in store.read().entries} == {"a", "b"}


def test_dropping_an_owner_drops_what_lay_in_it(store: LocalState) -> None:
    recorder = Recorder(store, new_state())
    for at in ("database.d", "collection.d/c", "attribute.d/c/a", "index.d/c/i", "collection.d/cc", "function.d"):
        recorder.put(Entry(address(at), frozen({})))
    recorder.drop(address("collection.d/c"))
    assert {str(each) for each in store.read().entries} == {"database.d", "collection.d/cc", "function.d"}


def test_dropping_what_is_not_there_is_fine(store: LocalState) -> None:
    Recorder(store, new_state()).drop(address("function.f"))
    assert store.read().entries == {}


def change(name: str) -> Change:
    return Change(Address("function", name), Action.CREATE, "why", why=Reason.DECLARED)


def test_what_is_intended_and_not_concluded_was_interrupted(store: LocalState) -> None:
    recorder = Recorder(store, new_state())
    for name in "abc":
        recorder.intend(change(name))
    recorder.conclude(change("a"), "done")
    recorder.conclude(change("c"), "failed")
    assert store.interrupted_changes() == ["create:function.b"]


def test_journal_lines_carry_the_time(store: LocalState) -> None:
    Recorder(store, new_state(), lambda: datetime(2025, 7, 17, 12, tzinfo=UTC)).intend(change("a"))
    assert json.loads(store.journal.read_text())["at"] == "2025-07-17T12:00:00+00:00"


def test_lines_of_many_threads_do_not_mix(store: LocalState) -> None:
    recorder = Recorder(store, new_state())
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: recorder.intend(change(f"f{number}")), range(100)))
    assert len(store.interrupted_changes()) == 100


def test_an_upload_is_saved_when_it_is_begun_and_once_only(store: LocalState) -> None:
    recorder = Recorder(store, new_state())
    for _ in range(3):
        recorder.begin_upload(entry("f"), "u")
    assert store.read().uploads_of(F) == ("u",)
    assert store.read().serial == 1


def test_a_deployment_that_is_owned_is_no_longer_begun(store: LocalState) -> None:
    recorder = Recorder(store, new_state())
    recorder.begin_upload(entry("f"), "u")
    recorder.begin_upload(entry("f"), "v")
    recorder.put(Entry(address("deployment.f"), frozen({}), "v", ("v",)))
    assert store.read().uploads_of(F) == ("u",)


def test_uploads_that_are_gone_are_forgotten(store: LocalState) -> None:
    recorder = Recorder(store, new_state())
    recorder.begin_upload(entry("f"), "u")
    recorder.forget_uploads(F, ["other"])
    assert store.read().uploads_of(F) == ("u",)
    recorder.forget_uploads(F, ["u"])
    assert store.read().uploads_of(F) == ()
