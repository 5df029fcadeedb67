"""The log file: it is only ever added to."""

from __future__ import annotations

from pathlib import Path

import pytest

from raceday_iac.audit import AuditLog


def test_a_log_that_is_not_there_is_empty_and_is_made_with_its_folder(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "state" / "local")
    assert log.inspect().records == ()
    assert log.append({"event": "x"}).number == 0
    assert log.inspect().number == 1


def test_what_is_there_is_never_touched(tmp_path: Path) -> None:
    log = AuditLog(tmp_path)
    texts = []
    for _ in range(3):
        log.append({"event": "x"})
        texts.append(log.file.read_bytes())
    assert texts[2].startswith(texts[1])
    assert texts[1].startswith(texts[0])
    assert log.inspect().is_sound


def test_a_cut_last_line_does_not_swallow_the_next_record(tmp_path: Path) -> None:
    log = AuditLog(tmp_path)
    log.append({"event": "x"})
    log.append({"event": "x"})
    log.file.write_bytes(log.file.read_bytes()[:-20])
    before = log.append({"event": "after"})
    assert [each.line for each in before.breaks] == [2]
    found = log.inspect()
    assert [each.line for each in found.breaks] == [2]
    assert [each["event"] for each in found.records] == ["x", "after"]


def test_a_place_that_cannot_be_written_is_an_error_for_the_caller_to_report(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        AuditLog(tmp_path / "file" / "state").append({"event": "x"})


def test_a_disk_that_fills_up_leaves_no_half_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = AuditLog(tmp_path)
    log.append({"event": "x"})
    before = log.file.read_bytes()

    def full(_file: int) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="no space left"):
        log.append({"event": "y"})
    assert log.file.read_bytes() == before


def test_what_was_checked_before_is_checked_again_once_it_is_changed(tmp_path: Path) -> None:
    """One log appends to the end, and looks only at what is new: it must find what a fresh one finds."""
    log = AuditLog(tmp_path)
    for number in range(4):
        assert log.append({"event": f"x{number}"}).is_sound
    whole = log.file.read_bytes()
    lines = whole.splitlines(keepends=True)
    for content, broken in (
        (whole.replace(b"x1", b"y1"), [2]),
        (lines[0] + b"".join(lines[2:]), [2]),
        (b"".join(lines[:3]), []),
        (whole + b"{cut", [5]),
        (whole + lines[0], [5]),
        (b"", []),
    ):
        log.file.write_bytes(whole)
        assert log.inspect().is_sound
        log.file.write_bytes(content)
        before = log.append({"event": "after"})
        assert [each.line for each in before.breaks] == broken
        assert log.inspect() == AuditLog(tmp_path).inspect()
