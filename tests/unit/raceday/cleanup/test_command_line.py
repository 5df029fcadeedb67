from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from raceday_iac.cli.main import execute
from raceday_iac.raceday.cleanup import Change, plan_cleanup
from raceday_iac.raceday.cli import cleanup as cli
from raceday_iac.raceday.cli.cleanup import read_tree, repository, write_changes

from .legacy import written


def git(folder: Path, *arguments: str) -> str:
    settings = ("-c", "user.name=Test", "-c", "user.email=test@localhost", "-c", "commit.gpgsign=false")
    return subprocess.run(["git", *settings, *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout


def content(folder: Path) -> dict[str, bytes]:
    paths = [path for path in folder.rglob("*") if path.is_file() and ".git" not in path.parts]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


@pytest.fixture
def server(tmp_path: Path) -> Path:
    """The legacy tree in a git repository, with everything committed."""
    root = written(tmp_path / "project" / "server")
    git(root.parent, "init", "-q")
    git(root.parent, "add", "-A")
    git(root.parent, "commit", "-qm", "as it was")
    return root


def cleanup(server: Path, *arguments: str) -> int:
    return execute(["cleanup", str(server), *arguments])


def test_without_write_nothing_is_changed(server: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = content(server)
    assert cleanup(server) == 0
    assert content(server) == before
    assert '-    "vars:all"' in capsys.readouterr().out


def test_pending_changes_have_an_exit_code_where_asked_for(server: Path) -> None:
    assert cleanup(server, "--detailed-exitcode") == 2
    assert cleanup(server, "--write", "--detailed-exitcode") == 0
    assert cleanup(server, "--detailed-exitcode") == 0


def test_write_does_what_was_shown(server: Path) -> None:
    assert cleanup(server, "--write") == 0
    found = content(server)
    assert len(json.loads(found["package.json"])["scripts"]) == 21
    assert len(json.loads(found["appwrite.json"])["functions"]) == 7
    assert not (server / "race-data-poller").exists()
    assert "database-setup/src/database-setup.js" in found


def test_a_second_write_needs_no_clean_tree_and_does_nothing(server: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cleanup(server, "--write")
    before = content(server)
    capsys.readouterr()
    assert cleanup(server, "--write") == 0
    assert content(server) == before
    assert "Nothing to do" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["server/new.txt", "elsewhere.txt", "server/package-lock.json"])
def test_a_dirty_tree_is_refused(server: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    (server.parent / name).write_text("mine")
    before = content(server)
    assert cleanup(server, "--write") == 1
    assert content(server) == before
    assert f"not clean: {name}. Nothing was changed" in capsys.readouterr().err


def test_a_tree_outside_of_git_is_refused_unless_allowed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = written(tmp_path / "server")
    assert cleanup(root, "--write") == 1
    assert "not in a git repository" in capsys.readouterr().err
    assert cleanup(root, "--write", "--no-git") == 0
    assert not (root / "race-data-poller").exists()


def test_a_file_that_git_ignores_is_not_edited(server: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (server.parent / ".gitignore").write_text("appwrite.json\n")
    git(server, "rm", "-q", "--cached", "appwrite.json")
    git(server.parent, "add", "-A")
    git(server.parent, "commit", "-qm", "ignored")
    assert cleanup(server, "--write") == 1
    assert "git ignores appwrite.json" in capsys.readouterr().err


def test_what_git_would_not_bring_back_is_named(server: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (server.parent / ".gitignore").write_text(".env\nnode_modules/\n")
    git(server.parent, "add", "-A")
    git(server.parent, "commit", "-qm", "ignored")
    (server / "race-data-poller" / ".env").write_text("SECRET=1\n")
    module = server / "race-data-poller" / "node_modules" / "left-pad"
    module.mkdir(parents=True)
    (module / "index.js").write_text("")
    assert cleanup(server, "--write", "--json") == 0
    document = json.loads(capsys.readouterr().out)["cleanup"]
    assert document["unkept"] == ["race-data-poller/.env", "race-data-poller/node_modules"]
    assert document["written"] is True
    assert not (server / "race-data-poller").exists()


def test_links_are_deleted_and_not_followed(server: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept.txt").write_text("kept")
    (server / "race-data-poller" / "link").symlink_to(outside)
    git(server.parent, "add", "-A")
    git(server.parent, "commit", "-qm", "link")
    assert cleanup(server, "--write") == 0
    assert (outside / "kept.txt").read_text() == "kept"
    assert not (server / "race-data-poller").exists()


def test_a_repository_inside_of_what_goes_is_not_deleted(server: Path, capsys: pytest.CaptureFixture[str]) -> None:
    git(server / "race-data-poller", "init", "-q")
    assert cleanup(server, "--write", "--no-git") == 1
    assert "a git repository of its own" in capsys.readouterr().err


def test_the_mode_of_a_file_stays(server: Path) -> None:
    (server / "package.json").chmod(0o640)
    assert cleanup(server, "--write", "--no-git") == 0
    assert (server / "package.json").stat().st_mode & 0o777 == 0o640


class Crash(BaseException):
    """The power goes."""


def crashing(after: int) -> Callable[[Change], None]:
    left = after

    def done(_: Change) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise Crash

    return done


@pytest.mark.parametrize("after", [1, 2, 5, 6, 7, 9, 15, 29])
def test_a_write_that_was_cut_short_is_finished_by_running_it_again(server: Path, after: int) -> None:
    plan, found = plan_cleanup(read_tree(server)), repository(server)
    assert found is not None
    found.begin(plan)
    with pytest.raises(Crash):
        write_changes(server, plan, crashing(after))
    assert cleanup(server, "--write") == 0
    interrupted = content(server)
    git(server.parent, "add", "-A")
    git(server.parent, "stash", "-q")
    assert cleanup(server, "--write") == 0
    assert content(server) == interrupted
    assert not (server / "race-data-poller").exists()


@pytest.mark.parametrize("is_killed", [False, True])
def test_a_file_that_was_half_written_is_written_again(
    server: Path, monkeypatch: pytest.MonkeyPatch, is_killed: bool
) -> None:
    """What a killed run leaves of it is no change of the user's."""
    replacing = Path.replace

    def crash(draft: Path, target: Path) -> Path:
        if draft.is_relative_to(server):
            raise Crash
        return replacing(draft, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", crash)
        if is_killed:
            patched.setattr(Path, "unlink", lambda *_, **__: None)
        with pytest.raises(Crash):
            cleanup(server, "--write")
    left = [path.name.partition(".new-")[0] for path in server.rglob("*.new-*")]
    assert left == (["database-setup.js"] if is_killed else [])
    assert cleanup(server, "--write") == 0


def test_other_changes_after_a_write_that_was_cut_short_are_refused(server: Path) -> None:
    plan, found = plan_cleanup(read_tree(server)), repository(server)
    assert found is not None
    found.begin(plan)
    with pytest.raises(Crash):
        write_changes(server, plan, crashing(6))
    (server / "package.json").write_text((server / "package.json").read_text() + " ")
    assert cleanup(server, "--write") == 1


def test_a_file_that_cannot_be_written_is_named(
    server: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(cli, "_write_file", full)
        assert cleanup(server, "--write") == 1
    assert "No space left on device" in capsys.readouterr().err
    assert cleanup(server, "--write") == 0


def test_a_folder_that_is_none_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cleanup(tmp_path / "nowhere") == 1
    assert "is not a folder" in capsys.readouterr().err


@pytest.mark.parametrize("content", [None, '{"projectId": "p", "functions": [{"$id": "mine"}]}'])
def test_in_another_project_there_is_nothing_to_do(
    content: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if content:
        (tmp_path / "appwrite.json").write_text(content)
    assert cleanup(tmp_path, "--write", "--detailed-exitcode") == 0
    said = capsys.readouterr()
    assert said.out.startswith("Nothing here to clean up: ")
    assert said.out.count("\n") == 1
    assert cleanup(tmp_path, "--json") == 0
    assert json.loads(capsys.readouterr().out)["cleanup"]["nothingHere"]
