"""Files that a command writes for the user."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from raceday_iac.cli.workspace import write_file
from raceday_iac.errors import IacError


def test_a_file_is_replaced_as_a_whole_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    (tmp_path / "plan").write_text("old")
    before = (tmp_path / "plan").stat().st_ino
    write_file(tmp_path / "plan", "new")
    assert (tmp_path / "plan").read_text() == "new"
    assert (tmp_path / "plan").stat().st_ino != before
    assert os.listdir(tmp_path) == ["plan"]


def test_what_a_link_leads_to_is_written_and_the_link_stays(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    write_file(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"


def test_a_pipe_is_written_into_and_stays_one(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    heard: list[str] = []
    reader = threading.Thread(target=lambda: heard.append(pipe.read_text()), daemon=True)
    reader.start()
    write_file(pipe, "said")
    reader.join(60)
    assert heard == ["said"]
    assert pipe.is_fifo()


def test_a_folder_in_the_way_is_reported(tmp_path: Path) -> None:
    with pytest.raises(IacError, match="cannot be written: Is a directory"):
        write_file(tmp_path, "text")
