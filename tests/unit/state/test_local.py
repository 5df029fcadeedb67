"""State in files: atomic, locked, and honest about what it could not do."""

from __future__ import annotations

import errno
import getpass
import json
import os
import pwd
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import pytest

from raceday_iac import files
from raceday_iac.errors import EXIT_LOCKED, FencedError, LockedError, StateError
from raceday_iac.model.address import Address
from raceday_iac.model.resource import frozen
from raceday_iac.model.secret import Secret
from raceday_iac.state.backends.local import LocalState
from raceday_iac.state.document import Entry, State, new_state, to_json


@pytest.fixture
def store(tmp_path: Path) -> LocalState:
    return LocalState(tmp_path / "state" / "test")


def state_with(*names: str) -> State:
    state = new_state()
    for name in names:
        state = state.with_entry(Entry(Address("function", name), frozen({"name": name, "scopes": ("a", "b")})))
    return state


def full_disk(*_arguments: Any, **_keywords: Any) -> NoReturn:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


# Reading and writing.


def test_what_is_written_is_read_back(store: LocalState) -> None:
    state = state_with("a", "b")
    store.write(state)
    assert store.read() == state


def test_reading_makes_no_folder(store: LocalState) -> None:
    store.read()
    assert not store.folder.exists()


def test_each_resource_is_one_line(store: LocalState) -> None:
    store.write(state_with("a", "b", "c"))
    lines = store.file.read_text().splitlines()
    assert [line for line in lines if '"function.' in line] == [line for line in lines if line.startswith("  ")]
    assert sum('"function.b"' in line for line in lines) == 1


def test_the_file_holds_the_stored_form(store: LocalState) -> None:
    state = state_with("ä\n", "b")
    store.write(state)
    stored = json.loads(store.file.read_text(encoding="utf-8"))
    assert {**stored, "saved": {}} == {**to_json(state), "saved": {}}


def test_an_empty_state_can_be_written(store: LocalState) -> None:
    state = new_state()
    store.write(state)
    assert store.read() == state


def test_a_second_write_shows_what_was_added_changed_and_removed(store: LocalState) -> None:
    first = state_with("a", "b", "c")
    store.write(first)
    changed = Entry(Address("function", "b"), frozen({"name": "other"}))
    second = (
        first.without(Address("function", "a"))
        .with_entry(changed)
        .with_entry(Entry(Address("function", "d"), frozen({})))
    )
    store.write(second)
    assert store.read() == second
    assert LocalState(store.folder).read() == second


def test_two_stores_of_different_folders_do_not_mix(tmp_path: Path) -> None:
    one, two = LocalState(tmp_path / "one"), LocalState(tmp_path / "two")
    one.write(state_with("a"))
    two.write(state_with("b"))
    assert [str(each) for each in one.read().entries] == ["function.a"]


# Failures.


@pytest.mark.parametrize("where", ["fsync", "open", "replace"])
def test_a_full_disk_leaves_the_old_state_and_nothing_beside_it(
    store: LocalState, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    old = state_with("old")
    store.write(old)
    with monkeypatch.context() as patch:
        patch.setattr(
            *{"fsync": (os, "fsync"), "open": (files, "open_file"), "replace": (Path, "replace")}[where], full_disk
        )
        with pytest.raises(StateError, match="No space left on device"):
            store.write(state_with("new"))
    assert store.read() == old
    assert sorted(each.name for each in store.folder.iterdir()) == ["state.json"]


def test_a_failed_save_says_what_is_intact_and_what_to_do(store: LocalState, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(StateError, match="There was no state before"):
        store.write(state_with("new"))
    store.file.write_text("{}")
    with pytest.raises(StateError, match="The state saved last is intact") as caught:
        store.write(state_with("new"))
    assert "run apply again: it adopts what was already done" in caught.value.hint


def test_after_a_failed_save_the_next_one_works(store: LocalState, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full_disk)
        with pytest.raises(StateError):
            store.write(state_with("a"))
    store.write(state_with("b"))
    assert [str(each) for each in store.read().entries] == ["function.b"]


def test_the_new_state_reaches_the_disk_before_it_takes_the_place_of_the_old(
    store: LocalState, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def noted_fsync(number: int) -> None:
        calls.append("fsync")
        fsync(number)

    def noted_replace(self: Path, target: Path) -> Path:
        calls.append("replace")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(Path, "replace", noted_replace)
    store.write(state_with("a"))
    assert calls == ["fsync", "replace"]


def test_a_state_that_holds_a_secret_never_reaches_the_disk(store: LocalState) -> None:
    entry = Entry(Address("variable", "f/K"), frozen({"value": Secret("hidden")}))
    with pytest.raises(TypeError, match="must not be stored"):
        store.write(new_state().with_entry(entry))
    assert not store.folder.exists()


@pytest.mark.parametrize("content", ["", "{", "null", "[]", '{"format": 1}', "\x00" * 20])
def test_a_damaged_file_is_refused_with_a_way_out(store: LocalState, content: str) -> None:
    store.folder.mkdir(parents=True)
    store.file.write_text(content)
    with pytest.raises(StateError, match="cannot be used") as caught:
        store.read()
    assert f"mv {store.file}" in caught.value.hint


def test_a_damaged_file_with_a_backup_is_refused_with_both_ways_out(store: LocalState) -> None:
    store.write(state_with("a"))
    store.keep_backup()
    store.file.write_text("{")
    with pytest.raises(StateError) as caught:
        store.read()
    assert caught.value.hint.startswith(f"restore the last good state (cp {store.backup} {store.file})")


def test_a_newer_programs_state_is_not_to_be_replaced(store: LocalState) -> None:
    store.write(state_with("a"))
    store.keep_backup()
    store.file.write_text('{"format": 99}')
    with pytest.raises(StateError, match="cannot be used: it has format 99") as caught:
        store.read()
    assert caught.value.hint == "a newer raceday-iac saved it, and it is not damaged: install that version"


@pytest.mark.parametrize("content", [b"\xff\xfe", None])
def test_what_cannot_be_read_is_reported(store: LocalState, content: bytes | None) -> None:
    store.folder.mkdir(parents=True)
    if content is None:
        store.file.mkdir()
    else:
        store.file.write_bytes(content)
    with pytest.raises(StateError, match="cannot be read"):
        store.read()


# Backup.


def test_a_backup_is_the_state_as_it_was(store: LocalState) -> None:
    store.write(state_with("old"))
    store.keep_backup()
    before = store.file.read_bytes()
    store.write(state_with("new"))
    assert store.backup.read_bytes() == before


def test_without_a_state_there_is_nothing_to_back_up(store: LocalState) -> None:
    store.keep_backup()
    assert not store.backup.exists()


def test_a_failed_backup_stops_before_anything_is_changed(store: LocalState, monkeypatch: pytest.MonkeyPatch) -> None:
    store.write(state_with("a"))
    monkeypatch.setattr(files, "open_file", full_disk)
    with pytest.raises(StateError, match="could not be backed up") as caught:
        store.keep_backup()
    assert "Nothing was changed" in caught.value.message


# Journal.


def journal(store: LocalState, *lines: tuple[str, str]) -> None:
    store.folder.mkdir(parents=True, exist_ok=True)
    for what, change in lines:
        store.append_journal(json.dumps({"what": what, "change": change}))


def test_without_a_journal_nothing_was_interrupted(store: LocalState) -> None:
    assert store.interrupted_changes() == []


def test_what_was_begun_and_not_concluded_was_interrupted(store: LocalState) -> None:
    journal(store, ("intent", "a"), ("intent", "b"), ("done", "a"), ("intent", "c"), ("failed", "c"))
    assert store.interrupted_changes() == ["b"]


def test_what_was_begun_again_and_concluded_was_not(store: LocalState) -> None:
    journal(store, ("intent", "a"), ("intent", "a"), ("done", "a"))
    assert store.interrupted_changes() == []


def test_a_cut_last_line_is_passed_over(store: LocalState) -> None:
    journal(store, ("intent", "a"), ("intent", "b"))
    text = store.journal.read_text()
    store.journal.write_text(text[: text.rindex('"b"') + 2])
    assert store.interrupted_changes() == ["a"]


def test_a_line_after_a_cut_one_is_not_lost(store: LocalState) -> None:
    journal(store, ("intent", "a"))
    with store.journal.open("a") as file:
        file.write('{"what": "inte')
    journal(store, ("done", "a"), ("intent", "b"))
    assert store.interrupted_changes() == ["b"]


@pytest.mark.parametrize("line", ["{}", "[]", "5", "null", '{"what": "intent"}', '"text"'])
def test_lines_of_another_shape_are_passed_over(store: LocalState, line: str) -> None:
    journal(store, ("intent", "a"))
    store.append_journal(line)
    assert store.interrupted_changes() == ["a"]


def test_bytes_that_are_no_text_are_passed_over(store: LocalState) -> None:
    journal(store, ("intent", "a"))
    with store.journal.open("ab") as file:
        file.write(b"\xff\xfe\x00\n")
    assert store.interrupted_changes() == ["a"]


def test_a_cleared_journal_is_gone_and_may_be_cleared_again(store: LocalState) -> None:
    journal(store, ("intent", "a"))
    store.clear_journal()
    store.clear_journal()
    assert store.interrupted_changes() == []


def test_a_journal_that_cannot_be_written_is_reported(store: LocalState, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "open_file", full_disk)
    with pytest.raises(StateError, match=r"The journal could not be saved to .*: No space left on device"):
        store.append_journal("{}")


# Lock.


def test_who_holds_the_lock_is_named_with_user_and_process(store: LocalState) -> None:
    with store.locked("apply"), pytest.raises(LockedError) as caught, LocalState(store.folder).locked("destroy"):
        pass
    assert f"locked by apply by {getpass.getuser()}@" in caught.value.message
    assert f"process {os.getpid()}, since" in caught.value.message
    assert caught.value.exit_code == EXIT_LOCKED


def test_locks_of_two_environments_do_not_meet(tmp_path: Path) -> None:
    with LocalState(tmp_path / "dev").locked("apply"), LocalState(tmp_path / "prod").locked("apply"):
        pass


HOLD = """
import sys
from dataclasses import replace
from pathlib import Path
from raceday_iac.state.backends.local import LocalState
with LocalState(Path(sys.argv[1])).locked("apply"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_killed_holder_leaves_no_lock_behind(store: LocalState) -> None:
    command = [sys.executable, "-c", HOLD, str(store.folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(LockedError, match=f"process {holder.pid}"), store.locked("mine"):
            pass
        holder.kill()
        holder.wait()
        with store.locked("mine"):
            pass


def test_a_user_without_a_name_can_lock_too(store: LocalState, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container that is run under a bare number."""

    def nobody(uid: int) -> NoReturn:
        raise KeyError(f"getpwuid(): uid not found: {uid}")

    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", nobody)
    with store.locked("apply"), pytest.raises(LockedError, match=f"uid {os.getuid()}@"), store.locked("second"):
        pass


FULL = """
import resource, signal, sys
from pathlib import Path
from raceday_iac.state.backends.local import LocalState
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
store = LocalState(Path(sys.argv[1]))
store.folder.mkdir(parents=True)
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
with store.locked("apply"):
    print("held")
"""


def test_a_full_disk_does_not_keep_anybody_from_locking(store: LocalState) -> None:
    """A file size limit of nothing: the kernel refuses every byte, as on a full disk."""
    done = subprocess.run([sys.executable, "-c", FULL, str(store.folder)], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("held\n", "")


def test_a_folder_that_cannot_be_made_is_reported(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    store = LocalState(tmp_path / "state" / "test")
    with pytest.raises(StateError, match="cannot be written"), store.locked("apply"):
        pass


# History, and saves of others.


def save_once(folder: Path, name: str, serial: int, keep: int = 20) -> None:
    """One run of one save."""
    store = LocalState(folder, keep=keep)
    with store.locked("apply"):
        store.write(replace(state_with(name), serial=serial))


def test_a_file_system_without_second_names_keeps_a_history_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_names: Any) -> NoReturn:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", refused)
    for serial in (1, 2):
        save_once(tmp_path, f"f{serial}", serial)
    assert [str(each) for each in LocalState(tmp_path).version(1).entries] == ["function.f1"]


def test_an_earlier_state_does_not_change_when_the_state_file_is_edited_in_place(tmp_path: Path) -> None:
    for serial in (1, 2):
        save_once(tmp_path, f"f{serial}", serial)
    kept = LocalState(tmp_path).version(1)
    (tmp_path / "state.json").write_text("{")
    assert LocalState(tmp_path).version(1) == kept
    assert [each.serial for each in LocalState(tmp_path).history()] == [1]


@pytest.mark.parametrize(("keep", "serials"), [(1, [4]), (2, [4, 3]), (3, [4, 3, 2])])
def test_the_length_of_the_history_counts_the_current_state(tmp_path: Path, keep: int, serials: list[int]) -> None:
    for serial in range(1, 5):
        save_once(tmp_path, "f", serial, keep)
    assert [each.serial for each in LocalState(tmp_path).history()] == serials


def test_what_else_lies_in_the_history_is_passed_over(tmp_path: Path) -> None:
    for serial in (1, 2):
        save_once(tmp_path, "f", serial)
    for name in ("notes.json", "7.json", "3.txt"):
        (tmp_path / "history" / name).write_text("[]")
    assert [each.serial for each in LocalState(tmp_path).history()] == [2, 1]


def test_a_file_that_somebody_changed_meanwhile_is_not_overwritten(store: LocalState) -> None:
    store.write(state_with("a"))
    store.read()
    LocalState(store.folder).write(state_with("theirs"))
    with pytest.raises(FencedError, match="changed by somebody else since it was read") as caught:
        store.write(state_with("ours"))
    assert caught.value.exit_code == EXIT_LOCKED
    assert [str(each) for each in LocalState(store.folder).read().entries] == ["function.theirs"]


def test_a_file_that_somebody_deleted_meanwhile_is_not_written_again(store: LocalState) -> None:
    store.write(state_with("a"))
    store.file.unlink()
    with pytest.raises(FencedError):
        store.write(state_with("b"))
    assert not store.file.exists()


def test_cleared_nothing_of_the_state_is_left(store: LocalState) -> None:
    for serial in (1, 2):
        save_once(store.folder, "f", serial)
    store.keep_backup()
    store.append_journal("{}")
    store.clear()
    assert [each.name for each in store.folder.iterdir()] == ["state.lock"]
