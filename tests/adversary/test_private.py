"""What others on the machine, or at the other end of a connection, must never get to see or to do."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from .harness import Arena


def open_to_others(folder: Path) -> list[str]:
    """Everything below a folder that anybody but its owner may use."""
    return [
        f"{stat.filemode(each.lstat().st_mode)} {each.relative_to(folder)}"
        for each in sorted(folder.rglob("*"))
        if not each.is_symlink() and stat.S_IMODE(each.lstat().st_mode) & 0o077
    ]


# Files.


@pytest.fixture
def careless() -> Iterator[None]:
    """A umask that lets everybody read and write."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("careless")
def test_nothing_that_the_tool_keeps_is_open_to_others(empty: Arena) -> None:
    empty.declare('stack.database(P + "db", name="Db")')
    empty.prepare("apply", "--auto-approve")
    empty.declare('stack.database(P + "db", name="Renamed")')
    empty.prepare("plan", "--out", str(empty.root / "state" / "plan.json"))
    empty.prepare("apply", "--auto-approve")
    kept = {each.name for each in (empty.root / "state").rglob("*") if each.is_file()}
    assert {"state.json", "state.json.backup", "audit.jsonl", "state.lock", "plan.json"} <= kept
    assert open_to_others(empty.root / "state") == []


@pytest.mark.usefixtures("careless")
def test_what_an_older_version_left_open_is_closed(empty: Arena) -> None:
    empty.declare('stack.database(P + "db", name="Db")')
    empty.prepare("apply", "--auto-approve")
    for each in [empty.state_folder, *empty.state_folder.rglob("*")]:
        each.chmod(0o755 if each.is_dir() else 0o644)
    empty.declare('stack.database(P + "db", name="Renamed")')
    empty.prepare("apply", "--auto-approve")
    assert open_to_others(empty.state_folder) == []
    assert stat.S_IMODE(empty.state_folder.stat().st_mode) == 0o700


@pytest.mark.parametrize("name", ["state.json", "state.json.backup", "journal.jsonl", "audit.jsonl", "state.lock"])
def test_a_link_in_the_place_of_a_file_never_overwrites_what_it_leads_to(empty: Arena, name: str) -> None:
    empty.declare('stack.database(P + "db", name="Db")')
    empty.prepare("apply", "--auto-approve")
    victim = empty.root / "victim"
    victim.write_text("precious")
    (empty.state_folder / name).unlink(missing_ok=True)
    (empty.state_folder / name).symlink_to(victim)
    empty.declare('stack.database(P + "db", name="Renamed")')
    empty.run("apply", "--auto-approve")
    assert victim.read_text() == "precious"


@pytest.mark.parametrize("name", [".plan.json.new", "plan.json.new", ".plan.json.tmp"])
def test_nor_does_one_beside_a_file_that_is_written(empty: Arena, name: str) -> None:
    victim = empty.root / "victim"
    victim.write_text("precious")
    (empty.root / name).symlink_to(victim)
    empty.declare('stack.database(P + "db", name="Db")')
    empty.prepare("plan", "--out", str(empty.root / "plan.json"), "--markdown", str(empty.root / "plan.md"))
    assert victim.read_text() == "precious"
    assert stat.S_IMODE((empty.root / "plan.json").stat().st_mode) == 0o600


def test_devices_pipes_and_links_of_the_users_are_still_written_into(empty: Arena) -> None:
    empty.declare('stack.database(P + "db", name="Db")')
    (empty.root / "link.md").symlink_to("real.md")
    empty.prepare("plan", "--out", "/dev/null", "--markdown", str(empty.root / "link.md"))
    assert Path("/dev/null").is_char_device()
    assert (empty.root / "link.md").is_symlink()
    assert "database" in (empty.root / "real.md").read_text()
    said = empty.iac("plan", "--markdown", "/dev/stdout").out
    assert "<details>" in said
