"""A large local state: a save is a line, a run ends with one file, and a kill at any instant loses nothing saved."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from raceday_iac.applying.recorder import Recorder
from raceday_iac.errors import FencedError, StateError
from raceday_iac.model.address import Address
from raceday_iac.model.resource import frozen
from raceday_iac.state.backends import local
from raceday_iac.state.backends.local import LocalState
from raceday_iac.state.codec import Codec
from raceday_iac.state.document import Entry, MigrationRecord, Revision, Stage, State
from raceday_iac.state.encryption import new_key

from .test_encryption import cipher

FEW = 20


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "LARGE", FEW)


def entry(number: int, size: int = 1) -> Entry:
    return Entry(Address("attribute", f"d/c/a{number:05}"), frozen({"type": "string", "size": size}), str(number))


class Killed(BaseException):
    pass


@contextmanager
def killed(folder: Path, codec: Codec | None = None) -> Iterator[Recorder]:
    """A run that owns many resources, and ends without the chance to tidy up."""
    store = LocalState(folder, codec)
    recorder = Recorder(store, store.read())
    store._archived = False
    for number in range(FEW):
        recorder.put(entry(number))
    yield recorder


def test_a_save_of_a_large_state_does_not_write_it_whole(tmp_path: Path) -> None:
    with killed(tmp_path) as recorder:
        before = (tmp_path / "state.json").read_bytes()
        recorder.put(entry(FEW))
        recorder.put(entry(3, size=7))
        recorder.drop(entry(5).address)
        assert (tmp_path / "state.json").read_bytes() == before
        assert (tmp_path / "state.changes.jsonl").stat().st_mode & 0o777 == 0o600
    found = LocalState(tmp_path).read()
    assert found == recorder.state
    assert list(found.entries) == list(recorder.state.entries)


def test_what_is_written_grows_with_what_changes_and_not_with_the_square(tmp_path: Path) -> None:
    def written(count: int) -> int:
        folder = tmp_path / str(count)
        with killed(folder) as recorder:
            total = whole = 0
            for number in range(FEW, count):
                changes = folder / "state.changes.jsonl"
                size = changes.stat().st_size if changes.exists() else 0
                recorder.put(entry(number))
                after = changes.stat().st_size if changes.exists() else 0
                whole += not after
                total += after - size if after else (folder / "state.json").stat().st_size
        assert whole < count // 5
        return total

    assert written(240) < 3 * written(120)


def test_a_run_that_ends_leaves_one_file_and_the_next_one_too(tmp_path: Path) -> None:
    store = LocalState(tmp_path)
    with store.locked("apply"):
        recorder = Recorder(store, store.read())
        for number in range(FEW + 5):
            recorder.put(entry(number))
        assert store.changes.exists()
    assert not store.changes.exists()
    assert LocalState(tmp_path).read() == recorder.state
    assert json.loads(store.file.read_text())["serial"] == recorder.state.serial


@pytest.mark.parametrize("encrypted", [False, True])
def test_a_kill_in_the_middle_of_any_line_loses_nothing_that_was_saved(tmp_path: Path, *, encrypted: bool) -> None:
    codec = Codec(cipher(new_key()[0]) if encrypted else None)
    states: list[State] = []
    sizes: list[int] = []
    with killed(tmp_path, codec) as recorder:
        changes = tmp_path / "state.changes.jsonl"
        for number in range(FEW, FEW + 4):
            states.append(recorder.state)
            sizes.append(changes.stat().st_size if changes.exists() else 0)
            recorder.put(entry(number))
        states.append(recorder.state)
    whole = changes.read_bytes()
    assert (b'"put"' in whole) != encrypted
    for cut in range(sizes[0], len(whole), 17):
        changes.write_bytes(whole[:cut])
        saved = next(state for state, size in reversed(list(zip(states, sizes, strict=False))) if size <= cut)
        assert LocalState(tmp_path, codec).read() in (saved, states[states.index(saved) + 1])
    changes.write_bytes(whole)
    store = LocalState(tmp_path, codec)
    with store.locked("plan"):
        assert not store.changes.exists()
        assert store.read() == states[-1]
        store.keep_backup()
    assert codec.decode(store.backup.read_text()).state == states[-1]


def test_lines_that_are_older_than_the_state_count_for_nothing(tmp_path: Path) -> None:
    """A kill between the two steps of writing it whole."""
    with killed(tmp_path) as recorder:
        recorder.put(entry(FEW))
    old = (tmp_path / "state.changes.jsonl").read_bytes()
    store = LocalState(tmp_path)
    with store.locked("apply"):
        state = store.read()
        store.write(replace(state, serial=state.serial + 1, entries={}))
    (tmp_path / "state.changes.jsonl").write_bytes(old)
    assert LocalState(tmp_path).read().entries == {}


def test_history_says_the_serial_that_was_saved_last(tmp_path: Path) -> None:
    with killed(tmp_path) as recorder:
        recorder.put(entry(FEW))
        recorder.put(entry(FEW + 1))
    store = LocalState(tmp_path)
    assert store.history()[0].serial == recorder.state.serial
    assert store.version(recorder.state.serial) == recorder.state


def test_a_save_after_somebody_else_added_a_line_is_refused(tmp_path: Path) -> None:
    with killed(tmp_path) as recorder:
        recorder.put(entry(FEW))
        (tmp_path / "state.changes.jsonl").open("a").write("{}\n")
        with pytest.raises(FencedError):
            recorder.put(entry(FEW + 1))


@pytest.mark.parametrize(
    "spoil", [lambda text: "x" + text, lambda text: text.replace('"before": ', '"before": 9')], ids=["cut", "gap"]
)
def test_lines_that_are_damaged_are_an_error_and_no_other_state(tmp_path: Path, spoil: object) -> None:
    assert callable(spoil)
    with killed(tmp_path) as recorder:
        recorder.put(entry(FEW))
        recorder.put(entry(FEW + 1))
    changes = tmp_path / "state.changes.jsonl"
    changes.write_text(spoil(changes.read_text()))
    with pytest.raises(StateError, match="cannot be used"):
        LocalState(tmp_path).read()


def test_what_lies_in_something_goes_with_it_and_nothing_else(tmp_path: Path) -> None:
    others = [Address("collection", "d/c"), Address("collection", "d/cc"), Address("attribute", "d/cc/a")]
    store = LocalState(tmp_path)
    recorder = Recorder(store, store.read())
    for address in [*others, entry(1).address]:
        recorder.put(Entry(address, frozen({}), "x"))
    recorder.drop(others[0])
    assert set(LocalState(tmp_path).read().entries) == set(others[1:])


def test_another_revision_is_not_lost_in_a_line(tmp_path: Path) -> None:
    with killed(tmp_path) as recorder:
        recorder.put(entry(FEW))
        recorder._state = replace(recorder.state, revision=Revision("a" * 40))
        recorder.put(entry(FEW + 1))
        recorder.put(entry(FEW + 2))
    assert LocalState(tmp_path).read().revision == Revision("a" * 40)


def test_a_line_says_what_became_of_migrations(tmp_path: Path) -> None:
    one, two = Address("migration", "one"), Address("migration", "two")
    with killed(tmp_path) as recorder:
        before = (tmp_path / "state.json").read_bytes()
        recorder.note_migration(one, MigrationRecord("0", Stage.BEGUN, passes={"1 d/c": "2"}))
        recorder.note_migration(two, MigrationRecord("1", Stage.DONE))
        recorder.put(entry(FEW))
        assert (tmp_path / "state.json").read_bytes() == before
    found = LocalState(tmp_path).read()
    assert found.migrations == recorder.state.migrations
    assert found.migrations[one].passes == {"1 d/c": "2"}
    assert len(found.entries) == FEW + 1
