from __future__ import annotations

import subprocess
from pathlib import Path

from raceday_iac.raceday.cleanup import Action, plan_cleanup
from raceday_iac.raceday.cleanup.tree import Change
from raceday_iac.raceday.cli.cleanup import cleanup_document, cleanup_lines, unified

from ..cleanup.legacy import tree


def text(*, written: bool = False, unkept: tuple[str, ...] = ()) -> str:
    lines = cleanup_lines(plan_cleanup(tree()), "server", written=written, unkept=unkept)
    return "\n".join(line.text for line in lines)


def test_counts_folders_and_the_next_command_are_reported() -> None:
    reported = text()
    assert "functions  9 → 6, and 1 added" in reported
    assert "scripts    36 → 19, and 2 added" in reported
    assert "  - race-data-poller/ with 7 files" in reported
    assert "  > daily-meetings/src/database-setup.js moves to database-setup/src/database-setup.js" in reported
    assert "Dry run: nothing was changed. To do it: raceday-iac cleanup server --write" in reported


def test_a_moved_file_is_not_reported_as_deleted() -> None:
    assert "- daily-meetings/src/database-setup.js:" not in text()


def test_what_cannot_be_brought_back_is_reported() -> None:
    assert "could not restore:\n    race-data-poller/.env" in text(unkept=("race-data-poller/.env",))


def test_what_was_written_is_reported_as_done() -> None:
    reported = text(written=True)
    assert "Done: 5 edited, 1 moved, 23 deleted." in reported
    assert "Dry run" not in reported


def test_the_document_holds_the_same_as_the_text() -> None:
    document = cleanup_document(plan_cleanup(tree()), "server", written=False, unkept=())
    assert document["scripts"] == {"before": 36, "removed": 17, "kept": 19, "added": 2}
    assert {each["path"] for each in document["changes"] if "diff" in each} >= {"package.json", "appwrite.json"}
    assert [each["file"] for each in document["byHand"]] == ["appwrite.json", "daily-meetings/src/main.js"]


def test_differences_can_be_patched_in(tmp_path: Path) -> None:
    """Also those of files without a last newline, with foreign line ends and odd separators."""
    changes = list(plan_cleanup(tree()).of(Action.EDIT))
    changes.append(Change(Action.EDIT, "odd.txt", "", "a\r\nb\u2028\x0cb\nc", "a\r\nb\u2028\x0cb\nd"))
    for change in changes:
        file = tmp_path / change.path
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(change.before.encode())
    patch = "".join(f"{line}\n" for change in changes for line in unified(change))
    subprocess.run(["git", "apply", "-"], cwd=tmp_path, input=patch.encode(), check=True)
    assert [(tmp_path / each.path).read_bytes() for each in changes] == [each.after.encode() for each in changes]
