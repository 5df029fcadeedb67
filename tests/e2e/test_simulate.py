"""A slice of a race day through the real command line: what it reports, what it proves, and how it refuses."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from raceday_iac.cli.main import execute
from raceday_iac.raceday.simulation.recording import read_recording

from .command import PROGRAM, Ended, Run

ROOT = Path(__file__).parents[2]
#: Until then one race of four has been run.
SLICE = ("--races", "4", "--until", "13:00")
#: Until then the old schedule has met a run of the poller once, at 12:40.
SHORTER = ("--races", "4", "--until", "12:45", "--legacy-schedules")


def environment(scratch: Path) -> dict[str, str]:
    """Of this machine, but with a folder of its own for what is temporary."""
    scratch.mkdir(parents=True, exist_ok=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("APPWRITE_", "NZTAB_"))}
    return {**kept, "TMPDIR": str(scratch)}


def start(scratch: Path, *words: str) -> Run:
    return Run(("simulate", *words), ROOT, environment(scratch), ())


def simulate(scratch: Path, *words: str) -> Ended:
    return start(scratch, *words).end()


@dataclass(frozen=True)
class Slices:
    """The same hours lived three times: as they are, with the old schedule, and with that but without locks."""

    folder: Path
    locked: Ended
    old_schedule: Ended
    unlocked: Ended


@pytest.fixture(scope="module")
def slices(tmp_path_factory: pytest.TempPathFactory) -> Slices:
    folder = tmp_path_factory.mktemp("slices")
    files = ("--html", str(folder / "new" / "day.html"), "--svg", str(folder / "day.svg"))
    recorded = ("--record", str(folder / "day.json"))
    runs = (
        start(folder / "one", *SLICE, *files, *recorded, "--json"),
        start(folder / "two", *SHORTER, "--json"),
        start(folder / "three", *SHORTER, "--without-locks"),
    )
    return Slices(folder, *(run.end() for run in runs))


@pytest.fixture(scope="module")
def report(slices: Slices) -> dict[str, Any]:
    found: dict[str, Any] = slices.locked.json
    return found


# A slice of a day.


def test_a_day_on_which_everything_holds_ends_with_0(slices: Slices) -> None:
    assert slices.locked.code == 0, slices.locked
    assert slices.locked.err == ""


def test_the_day_is_written_down_to_be_played_again(slices: Slices, report: dict[str, Any]) -> None:
    found = read_recording(json.loads((slices.folder / "day.json").read_text(encoding="utf-8")))
    counts = {name: each.count for name, each in found.report.executions.items()}
    assert counts == {name: each["count"] for name, each in report["executions"].items()}
    assert found.report.conflicts.legacy == report["conflicts"]["legacy"]
    assert sum(len(each.polls) for each in found.card) > 10
    noon = datetime(2025, 7, 17, 0, 30, tzinfo=UTC).timestamp()
    assert all(each.document_at(noon) is not None for each in found.card)


def test_the_report_has_everything_that_was_promised(report: dict[str, Any]) -> None:
    assert report["executions"]["master-race-scheduler"]["count"] > 700
    for name in ("overlaps", "conflicts"):
        assert report[name].keys() >= {"legacy", "with_locks", "reduction"}
    assert report["appwrite_requests"].keys() >= {"total", "by_function"}
    assert report["lock_latency_ms"]["p50"] <= report["lock_latency_ms"]["p95"] <= report["lock_latency_ms"]["p99"]
    assert [each["violations"] for each in report["invariants"]] == [0] * len(report["invariants"])
    assert (report["races"], report["options"]["until"]) == (4, "13:00")


def test_all_six_functions_worked_and_none_failed(report: dict[str, Any]) -> None:
    assert report["executions"].keys() == {
        "daily-initial-data",
        "daily-meetings",
        "daily-races",
        "enhanced-race-poller",
        "master-race-scheduler",
        "meeting-status-poller",
    }
    assert {each["failed"] for each in report["executions"].values()} == {0}


def test_all_but_midnight_was_there_to_be_checked(report: dict[str, Any]) -> None:
    assert [each["name"] for each in report["invariants"] if not each["checked"]] == ["nothing is lost at midnight"]


def test_there_is_less_of_everything_than_there_was(report: dict[str, Any]) -> None:
    assert report["overlaps"]["with_locks"] == report["conflicts"]["with_locks"] == 0
    assert 0 < report["overlaps"]["legacy"] < report["conflicts"]["legacy"]
    assert report["appwrite_requests"]["total"] < report["appwrite_requests"]["legacy"]


def test_the_page_and_the_picture_are_written_into_folders_that_are_made(slices: Slices) -> None:
    page = (slices.folder / "new" / "day.html").read_text(encoding="utf-8")

    assert "<svg" in page
    assert "no two writers" in page
    assert ElementTree.parse(slices.folder / "day.svg").getroot().tag.endswith("svg")


def test_nothing_temporary_is_left(slices: Slices) -> None:
    assert [path for name in ("one", "two", "three") for path in (slices.folder / name).iterdir()] == []


# What holds it together.


def test_a_run_that_the_old_schedule_starts_beside_another_is_refused_and_counted(slices: Slices) -> None:
    assert slices.old_schedule.code == 0, slices.old_schedule
    found = slices.old_schedule.json

    assert found["executions"]["enhanced-race-poller"]["refused"] == found["duplicates"]["refused"] > 0
    assert found["duplicates"]["saved"]["polls"] > 0
    assert found["violations"] == 0
    assert found["options"] == {"locks": True, "legacy_schedules": True, "until": "12:45"}


def test_without_the_lock_the_same_run_violates_what_the_lock_holds(slices: Slices) -> None:
    ended = slices.unlocked

    assert ended.code == 1, ended
    broken = {line.split("  ")[2].strip() for line in ended.out.splitlines() if line.startswith("  VIOLATED")}
    assert broken >= {"no two writers", "no two runs on one race", "no race is polled twice at once"}
    # The runs themselves did all they should: it is only the lock that is missing.
    assert not broken & {"no run fails", "the whole card is imported", "the daily runs do their work"}


def test_for_people_the_hours_pass_on_standard_error(slices: Slices) -> None:
    reported = slices.unlocked.err.splitlines()

    assert "Thu 00:00 in New Zealand" in reported
    assert "Thu 12:00 in New Zealand" in reported
    assert "Race day Thursday 17 July 2025" in slices.unlocked.out


# What makes no sense.


NONSENSE = (
    (("--day", "nonsense"), "not a date"),
    (("--races", "0"), "1 to 400"),
    (("--until", "nonsense"), "not a clock time"),
)
MORE_NONSENSE = (
    (("--day", "2025-02-30"), "not a date"),
    (("--day", "0001-01-01"), "1975 to 2099"),
    (("--day", "9999-12-31"), "1975 to 2099"),
    (("--races", "-1"), "1 to 400"),
    (("--races", "401"), "1 to 400"),
    (("--races", "many"), "integer"),
    (("--until", "25:00"), "not a clock time"),
    (("--until", "00:00"), "when the day begins"),
    (("--env", "production"), "production"),
)


@pytest.mark.parametrize(("words", "said"), NONSENSE)
def test_what_makes_no_sense_is_refused_with_a_sentence(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    ended = simulate(tmp_path / "scratch", *words)

    assert ended.code == 1, ended
    assert said in ended.err
    assert ended.out == ""


@pytest.mark.parametrize(("words", "said"), MORE_NONSENSE)
def test_no_other_nonsense_is_lived_through_either(
    words: tuple[str, ...], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In this process, which is quicker."""
    monkeypatch.chdir(ROOT)

    assert execute(["simulate", *words]) == 1
    captured = capsys.readouterr()
    assert said in captured.err
    assert captured.out == ""


def test_the_old_schedule_needs_the_poller(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "environments").mkdir()
    (tmp_path / "environments" / "local.yaml").write_text("endpoint: embedded\nproject: x\n", encoding="utf-8")
    stack = "from raceday_iac.model.stack import Stack\n\nstack = Stack('empty', extensions=['raceday_iac.raceday'])\n"
    (tmp_path / "stack.py").write_text(stack, encoding="utf-8")
    monkeypatch.chdir(tmp_path)

    assert execute(["simulate", "--stack", "stack.py", "--legacy-schedules"]) == 1
    assert "enhanced-race-poller, and the stack has none" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--html", "--svg"])
def test_a_file_that_cannot_be_written_is_known_before_the_day_begins(
    tmp_path: Path, option: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    (tmp_path / "file").write_text("in the way", encoding="utf-8")

    for path in (tmp_path / "file" / "day", tmp_path):
        assert execute(["simulate", *SLICE, option, str(path)]) == 1
        said = capsys.readouterr().err
        assert f"{path} cannot be written" in said
        assert "Setting up" not in said


# Interruption.


@pytest.fixture
def under_way(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A day that has come to its second hour."""
    process = subprocess.Popen(
        [str(PROGRAM), "simulate", "--races", "2"],
        cwd=ROOT,
        env=environment(tmp_path / "scratch"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        start_new_session=True,
    )
    try:
        assert process.stderr is not None
        for line in process.stderr:
            if "01:00" in line:
                break
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def test_ctrl_c_ends_the_day_with_a_sentence_and_leaves_nothing(
    under_way: subprocess.Popen[str], tmp_path: Path
) -> None:
    under_way.send_signal(signal.SIGINT)
    out, err = under_way.communicate(timeout=60)

    assert under_way.returncode == 130, err
    assert "Interrupted. Nothing was changed." in err
    assert "Traceback" not in err
    assert out == ""
    assert list((tmp_path / "scratch").iterdir()) == []
    with pytest.raises(ProcessLookupError):
        os.killpg(under_way.pid, 0)


def test_the_folder_of_the_tests_is_a_folder_for_temporary_files(tmp_path: Path) -> None:
    """Otherwise nothing would be said by its being empty."""
    code = "import tempfile; print(tempfile.gettempdir())"
    scratch = environment(tmp_path / "scratch")
    found = subprocess.run(
        [str(PROGRAM.parent / "python"), "-c", code], env=scratch, capture_output=True, text=True, check=True
    )

    assert found.stdout.strip() == str(tmp_path / "scratch") != tempfile.gettempdir()
