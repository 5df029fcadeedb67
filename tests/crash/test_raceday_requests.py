"""Raceday's whole apply (schema, functions and code, onto the project grown by hand): a kill before and after every
request.

Before a request nothing is new but what is on the disk, and `test_raceday_files.py` looks at all of that. After one, a
new run is begun on what is there, if the server is another.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from .journals import Tail
from .restarts import Restarts
from .scene import opened


def test_raceday_is_finished_by_the_next_run_after_a_kill_at_any_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places: Counter[str] = Counter()
    seen: set[int] = set()

    def reached(place: str) -> None:
        if restarts.is_over:
            return
        moment, method, _ = place.split(maxsplit=2)
        places[f"{moment} {method}"] += 1
        if method != "GET":
            # The new run can say what was cut short.
            assert journal.cut_short() == [restarts.undisturbed.under_way], place
        if scene.server.age not in seen:
            seen.add(scene.server.age)
            restarts.begin(place)

    with opened(tmp_path, monkeypatch, reached) as scene:
        restarts, journal = Restarts(scene), Tail(scene.folder / "journal.jsonl", tmp_path / "tail")
        restarts.watch(monkeypatch)
        # Where nothing is new, a new run is the undisturbed one.
        seen.add(scene.server.age)
        restarts.make_the_undisturbed_run()
    writes = sum(number for place, number in places.items() if place.startswith("after") and "GET" not in place)
    sent = [change for change in restarts.undisturbed.owned if not change.startswith("adopt:")]
    # Code takes two writes. After each there was a new run.
    assert writes == len(sent) + len([change for change in sent if change.startswith("deploy:")]) > 270
    assert sum(restarts.done.values()) >= writes
    assert places["before GET"] == places["after GET"] > 0
