"""Raceday's whole apply (schema, functions and code, onto the project grown by hand), with the state in each place that
can keep it: a kill before and after each request, also those about the state itself, and before, in the middle of and
after each write to a file.

A new run is begun on what is there, if more is new than the journal or a file that is yet to take its place. Of a
journal, a new run must read what was written in whole, and before each request that changes something it must say so.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest
from e2e.table import SCHEMA

from raceday_iac.planning import Change

from .journals import Tail
from .keepers import NAMES, is_own
from .places import watch_files
from .restarts import NOTHING, PLANS, READS, STARTS, Restarts
from .scene import Scene, opened

#: Files that are complete at any time, or else not read.
_READ = ("state.json", "state.json.backup", "audit.jsonl", "archives.json")
#: After a save in a file, the state alone is new. A new run must begin with it; what it plans over it is seen when the
#: next change is on the server and not yet in the state, and after one save in so many.
SAVES = 12
#: Of creations that are alike in all but their names (the 205 attributes are of 35 sorts), the first and one in so
#: many are followed so far; at the others it is seen what the state says, and what the journal does.
ALIKE = 8
#: With the state on a server there are three times as many places, most of them about saves. After each save the state
#: is read; one save in so many also sees a new run start, and one place in so many a new run that plans, and goes on.
#: The rare places, and the first of each kind of request and change, see all of that. With RACEDAY_CRASH_ALL=1 each
#: place does, wherever the state is.
STARTING, PLANNING = 10, 48
ALL = os.environ.get("RACEDAY_CRASH_ALL") == "1"


@pytest.mark.shows(
    "crash",
    kinds=["function", "variable", "deployment", *SCHEMA],
)
@pytest.mark.parametrize("keeper", NAMES)
def test_raceday_is_finished_by_the_next_run_after_a_kill_at_any_request_and_any_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keeper: str
) -> None:
    places: Counter[str] = Counter()
    changes: Counter[str] = Counter()
    alike: Counter[str] = Counter()
    seen: set[object] = set()
    cut_short: list[str] = []

    def reached(place: str) -> None:
        if restarts.is_over:
            return
        kind = _kind(place)
        places[kind] += 1
        if "journal.jsonl" in place:
            _follow(cut_short, place)
            assert journal.cut_short() == cut_short, place
            journal.must_go_on()
            return
        if "of a resource" in kind and "GET" not in kind:
            # The new run can say what was cut short.
            assert journal.cut_short() == [restarts.undisturbed.under_way], place
        found = _written(scene)
        if found in seen:
            return
        seen.add(found)
        cause = f"{kind} at {restarts.undisturbed.under_way.partition('.')[0]}"
        changes[cause] += 1
        made = f"{kind} of {_without_name(restarts.undisturbed.left.get(restarts.undisturbed.under_way))}"
        alike[made] += 1
        depth = PLANS if ALL else _depth(keeper, kind, places[kind], changes[cause], alike[made])
        # What was cut in the audit log is met when the new run writes there.
        restarts.begin(place, depth, to_its_end=place == "half of audit.jsonl")

    with opened(tmp_path, monkeypatch, keeper, reached) as scene:
        watch_files(monkeypatch, scene.run.folder, reached)
        restarts, journal = Restarts(scene), Tail(scene.run.folder / "journal.jsonl", tmp_path / "tail")
        restarts.watch(monkeypatch)
        # Where nothing is new, a new run is the undisturbed one.
        seen.add(_written(scene))
        restarts.make_the_undisturbed_run()
    _must_have_met_everything(places, restarts, keeper)


def _kind(place: str) -> str:
    instant, what, *_ = place.split()
    if instant in ("before", "after") and what.isupper():
        return f"{instant} {what} {_about(place)}"
    # Without the number in a name, and without what it is about.
    return " ".join(word.rstrip("0123456789") for word in place.split()[:4] if ":" not in word)


def _about(place: str) -> str:
    if not is_own(place):
        return "of a resource"
    if place.endswith(("-lock", "lock.json")):
        return "of the lock"
    return "of the state" if "/documents" in place or "/states" in place else "of its collection"


def _follow(cut_short: list[str], place: str) -> None:
    """What a journal says when that line of it is complete."""
    if place.startswith("wrote"):
        *_, what, change = place.split()
        cut_short[:] = [change] if what == "intent" else []


def _written(scene: Scene) -> object:
    folder = scene.run.folder
    files = [each for each in folder.rglob("*") if each.name in _READ]
    return scene.run.age, frozenset((each.name, each.stat().st_mtime_ns, each.stat().st_size) for each in files)


def _without_name(change: Change | None) -> str:
    """What a creation makes, but for its name; of any other change, what it is."""
    if change is None:
        return ""
    return f"{change.address.kind} {change.values}" if change.values else change.key


def _depth(keeper: str, kind: str, number: int, of_its_change: int, of_alike: int) -> int:
    """How far a new run is followed. `number` counts the places of that kind, `of_its_change` those that came while
    such a change was under way, `of_alike` those of creations that differ by name alone."""
    if keeper == "files":
        is_save = kind == "after replacing state.json"
        if not (is_save or kind == "after POST of a resource") or (is_save and number % SAVES == 0):
            return PLANS
        if of_alike > 1 and of_alike % ALIKE:
            return READS
        return STARTS if is_save and of_its_change > 1 else PLANS
    number += NAMES.index(keeper)
    is_save = kind.endswith(("POST of the state", "PUT of the state", "DELETE of the state"))
    is_rare = not is_save and kind.endswith(("of the state", "of the lock", "of its collection", "audit.jsonl"))
    if is_rare or of_its_change == 1 or number % PLANNING == 0:
        return PLANS
    if not is_save:
        return NOTHING
    return STARTS if number % STARTING == 0 else READS


def _must_have_met_everything(places: Counter[str], restarts: Restarts, keeper: str) -> None:
    owned = restarts.undisturbed.owned
    sent = [change for change in owned if not change.startswith("adopt:")]
    deployed = [change for change in sent if change.startswith("deploy:")]
    for instant in ("half of", "wrote"):
        for line in ("intent", "done"):
            assert places[f"{instant} journal.jsonl {line}"] == len(sent) > 260
        assert places[f"{instant} state.json.new"] == places["after replacing state.json"]
    writes = {
        place: number for place, number in places.items() if place.startswith("after") and place.endswith("a resource")
    }
    looks = writes.pop("after GET of a resource")
    assert places["before GET of a resource"] == looks > 0
    # Code takes two writes.
    assert sum(writes.values()) == len(sent) + len(deployed) > 270
    saves = {
        "files": "after replacing state.json",
        "appwrite": "after POST of the state",
        "s3": "after PUT of the state",
    }
    assert places[saves[keeper]] >= len(owned)
    # At each of these there was a new run.
    assert sum(restarts.done.values()) >= sum(writes.values()) + places[saves[keeper]]
    if keeper != "files":
        # The first and the last save of a run are kept.
        assert places["after DELETE of the state"] >= len(owned) - 2
        assert restarts.locks["refused"] == restarts.locks["expired"] + restarts.locks["released"] > 100
        renewed = places["after PATCH of the lock"] + places["after PUT of the lock"]
        assert renewed > 4
