"""Raceday's whole apply (schema, functions and code, onto the project grown by hand): a kill before, in the middle of
and after every write to a file that it keeps.

A new run is begun on what is there, if more is new than the journal or a file that is yet to take its place. Of a
journal, a new run must read what was written in whole; `test_raceday_requests.py` looks at what must be written.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from .journals import Tail
from .places import watch_files
from .restarts import Restarts
from .scene import opened

#: Files that are complete at any time, or else not read.
_READ = ("state.json", "state.json.backup", "audit.jsonl", "archives.json")


def test_raceday_is_finished_by_the_next_run_after_a_kill_at_any_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places: Counter[str] = Counter()
    seen: set[object] = set()
    cut_short: list[str] = []

    def reached(place: str) -> None:
        if restarts.is_over:
            return
        places[_kind(place)] += 1
        if "journal.jsonl" in place:
            _follow(cut_short, place)
            assert journal.cut_short() == cut_short, place
            journal.must_go_on()
            return
        found = _written(scene.folder)
        if found not in seen:
            seen.add(found)
            # What was cut in the audit log is met when the new run writes there.
            restarts.begin(place, to_its_end=place == "half of audit.jsonl")

    with opened(tmp_path, monkeypatch, lambda _place: None) as scene:
        watch_files(monkeypatch, scene.folder, reached)
        restarts, journal = Restarts(scene), Tail(scene.folder / "journal.jsonl", tmp_path / "tail")
        restarts.watch(monkeypatch)
        # Where nothing is new, a new run is the undisturbed one.
        seen.add(_written(scene.folder))
        restarts.make_the_undisturbed_run()
    owned = restarts.undisturbed.owned
    sent = [change for change in owned if not change.startswith("adopt:")]
    for moment in ("half of", "wrote"):
        assert places[f"{moment} journal.jsonl intent"] == len(sent) > 260
        assert places[f"{moment} journal.jsonl done"] == len(owned)
        assert places[f"{moment} state.json.new"] == places["after replacing state.json"] >= len(owned)
    assert sum(restarts.done.values()) >= places["after replacing state.json"]


def _follow(cut_short: list[str], place: str) -> None:
    """What a journal says when that line of it is complete."""
    if place.startswith("wrote"):
        *_, what, change = place.split()
        cut_short[:] = [change] if what == "intent" else []


def _written(folder: Path) -> object:
    files = [each for each in folder.rglob("*") if each.name in _READ]
    return frozenset((each.name, each.stat().st_mtime_ns, each.stat().st_size) for each in files)


def _kind(place: str) -> str:
    """Without the number in a name, and without what it is about."""
    return " ".join(word.rstrip("0123456789") for word in place.split()[:4] if ":" not in word)
