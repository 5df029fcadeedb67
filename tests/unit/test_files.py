"""Files that the tool keeps are for their owner alone, whole or not at all, and never written through a link."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from raceday_iac import files

PACKAGE = Path(files.__file__).parent


@pytest.fixture(autouse=True)
def _careless() -> Iterator[None]:
    """A user whose umask lets everybody write."""
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


Writing = Callable[[Path, str], None]
WRITERS: dict[str, Writing] = {
    "replace": files.write_private,
    "append": files.append_private,
    "append safely": lambda file, text: files.append_private(file, text, safely=True),
}


@pytest.mark.parametrize("how", WRITERS)
def test_what_the_tool_keeps_is_private_with_the_folders_that_it_makes(tmp_path: Path, how: str) -> None:
    tmp_path.chmod(0o755)
    file = tmp_path / "state" / "prod" / "x"
    WRITERS[how](file, "text")
    assert file.read_text() == "text"
    assert [mode(each) for each in (file, file.parent, file.parent.parent)] == [0o600, 0o700, 0o700]
    assert mode(tmp_path) == 0o755


@pytest.mark.parametrize("how", WRITERS)
def test_broader_modes_are_narrowed_when_something_is_written(tmp_path: Path, how: str) -> None:
    file = tmp_path / "state" / "x"
    file.parent.mkdir(mode=0o775)
    file.write_text("")
    file.chmod(0o666)
    WRITERS[how](file, "text")
    assert (mode(file), mode(file.parent)) == (0o600, 0o700)


def test_what_is_narrower_already_is_left(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    files.private_folder(tmp_path)
    assert mode(tmp_path) == 0o500


@pytest.mark.parametrize("how", WRITERS)
def test_a_link_in_its_place_is_never_written_through(tmp_path: Path, how: str) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    folder = tmp_path / "state"
    folder.mkdir()
    (folder / "x").symlink_to(victim)
    if how == "replace":
        WRITERS[how](folder / "x", "text")
        assert (folder / "x").read_text() == "text"
        assert not (folder / "x").is_symlink()
    else:
        with pytest.raises(OSError, match="it is a link"):
            WRITERS[how](folder / "x", "text")
    assert victim.read_text() == "precious"


def test_no_name_that_could_be_guessed_is_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drafts: list[str] = []
    replacing = Path.replace

    def noted(draft: Path, target: Path) -> Path:
        drafts.append(draft.name)
        assert mode(draft) == 0o600
        return replacing(draft, target)

    monkeypatch.setattr(Path, "replace", noted)
    for _ in range(2):
        files.write_private(tmp_path / "x", "text")
    assert len(set(drafts)) == 2
    assert all(files.is_draft_of(tmp_path / each, tmp_path / "x") for each in drafts)
    assert os.listdir(tmp_path) == ["x"]


def test_whoever_guesses_it_all_the_same_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files.secrets, "token_hex", lambda _size: "0")
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / "x.new-0").symlink_to(victim)
    with pytest.raises(FileExistsError):
        files.write_private(tmp_path / "x", "text")
    assert victim.read_text() == "precious"


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files.write_private(tmp_path / "x", "old")

    def full(_number: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        files.write_private(tmp_path / "x", "new")
    with pytest.raises(OSError, match="No space"):
        files.append_private(tmp_path / "x", "new", safely=True)
    assert (tmp_path / "x").read_text() == "old"
    assert os.listdir(tmp_path) == ["x"]


def test_what_killed_runs_left_is_removed(tmp_path: Path) -> None:
    for name in ("state.json", "state.json.new-0123", "other.new-ab", "news"):
        (tmp_path / name).write_text("")
    files.remove_drafts(tmp_path)
    assert sorted(os.listdir(tmp_path)) == ["news", "state.json"]


def test_a_file_in_the_place_of_the_folder_is_reported(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    with pytest.raises(OSError, match="Not a directory"):
        files.write_private(tmp_path / "state" / "x", "text")


def test_a_pipe_in_the_place_of_a_log_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x")
    with pytest.raises(OSError, match="No such device"):
        files.append_private(tmp_path / "x", "text")


# What a user names.


@pytest.mark.parametrize(("private", "expected"), [(False, 0o666), (True, 0o600)])
def test_a_report_has_the_modes_of_the_umask_and_a_plan_is_private(
    tmp_path: Path, private: bool, expected: int
) -> None:
    files.write_named(tmp_path / "new" / "x", "text", private=private)
    assert mode(tmp_path / "new" / "x") == expected


def test_the_umask_is_the_users(tmp_path: Path) -> None:
    os.umask(0o027)
    files.write_named(tmp_path / "x", "text")
    assert mode(tmp_path / "x") == 0o640


@pytest.mark.parametrize(("private", "expected"), [(False, 0o640), (True, 0o600)])
def test_a_report_that_is_there_keeps_its_mode(tmp_path: Path, private: bool, expected: int) -> None:
    (tmp_path / "x").write_text("old")
    (tmp_path / "x").chmod(0o640)
    files.write_named(tmp_path / "x", "new", private=private)
    assert mode(tmp_path / "x") == expected


def test_a_plan_that_a_link_of_the_users_leads_to_is_private_too(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("real")
    files.write_named(tmp_path / "link", "text", private=True)
    assert (tmp_path / "link").is_symlink()
    assert mode(tmp_path / "real") == 0o600


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a link for somebody else")
@pytest.mark.parametrize(("open_to_all", "owner", "is_refused"), [(1, 4321, True), (0, 4321, False), (1, 0, False)])
def test_a_link_of_somebody_elses_where_everybody_may_write_is_a_trap(
    tmp_path: Path, open_to_all: int, owner: int, is_refused: bool
) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777 if open_to_all else 0o755)
    (tmp_path / "victim").write_text("precious")
    (shared / "plan").symlink_to(tmp_path / "victim")
    os.lchown(shared / "plan", owner, owner)
    with suppress(PermissionError):
        files.write_named(shared / "plan", "text")
    assert ((tmp_path / "victim").read_text() == "precious") is is_refused


def test_a_new_file_takes_nobodys_place(tmp_path: Path) -> None:
    files.write_new(tmp_path / "deep" / "x", b"text", 0o755)
    assert mode(tmp_path / "deep" / "x") == 0o755
    (tmp_path / "y").symlink_to("elsewhere")
    for name in ("deep/x", "y"):
        with pytest.raises(FileExistsError):
            files.write_new(tmp_path / name, b"text", 0o644)
    assert not (tmp_path / "elsewhere").exists()
