"""Many real processes want one lock over real HTTP. Some are killed and some are stopped for a while, at random; and
some are killed while a write of theirs is on its way, which arrives when others have written long since."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from _shared import lock
from _shared.appwrite_http import query
from _shared.connection import Credentials
from e2e.budget import Creations
from e2e.proxy import Fault, Proxy

from .bundles import assemble, schema_document
from .live_project import LiveProject, wait_until
from .lock_stress_run import JOURNAL, SETTINGS
from .small_schema import attribute, collection, index

PROCESSES = 6
#: The test goes on until so much has happened, however long that takes.
ACQUISITIONS, KILLED_OWNERS, STOPPED_OWNERS, LATE_WRITES = 20, 2, 2, 2


def journal() -> dict[str, Any]:
    attributes = [attribute("number", "integer", required=True), attribute("generation", "integer", required=True)]
    attributes += [attribute("process", required=True), attribute("created", required=True)]
    return collection("journal", attributes, indexes=[index("idx_number", "number", type="unique")])


class Crowd:
    """The processes of the test."""

    def __init__(self, project: LiveProject, folder: Path, endpoint: str) -> None:
        self._project, self.folder, self._endpoint = project, folder, endpoint
        self._script = Path(__file__).parent / "lock_stress_run.py"
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self._started = 0
        #: What lies between the processes and the server.
        self.way: Proxy

    def start(self) -> None:
        name = f"process-{self._started}"
        self._started += 1
        arguments = (self._endpoint, self._project.name, self._project.key, str(self.folder), name)
        self.running[name] = subprocess.Popen([sys.executable, str(self._script), *arguments])

    def records(self, what: str) -> list[dict[str, Any]]:
        """What all processes noted, each with the name of the process."""
        found = []
        for path in sorted(self.folder.glob("*.jsonl")):
            # The last line of a killed process may be cut off.
            lines = [line for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]
            found += [{**json.loads(line), "process": path.stem} for line in lines]
        return [each for each in found if each["what"] == what]

    def acquisitions(self) -> int:
        assert all(process.poll() is None for process in self.running.values()), "a process ended by itself"
        return len(self.records("acquired"))

    def owner(self) -> str | None:
        """The process that the lock document names."""
        path = "/databases/raceday-db/collections/locks/documents/stress-lock"
        document = self._project.client.find(path)
        return None if document is None else document["executionId"]

    def strike(self, strike: Callable[[str], None]) -> bool:
        """Kill or stop the present owner or somebody else. True when the lock was held by it, also afterwards."""
        owner = self.owner()
        victim = owner if owner in self.running and random.random() < 0.8 else random.choice(list(self.running))
        strike(victim)
        return victim == owner == self.owner()

    def kill(self, name: str) -> None:
        process = self.running.pop(name)
        process.kill()
        process.wait()
        self.start()

    def kill_with_a_write_on_its_way(self) -> bool:
        """The next commit arrives at the server after its sender was killed and others have written. False when its
        sender had lost the lock before, as on a busy machine."""
        killed = False

        def hold() -> None:
            nonlocal killed
            # Whoever has a fence, and so something to commit, holds the lock, or held it until it became stale.
            sender = self.owner()
            if sender not in self.running:
                return
            self.kill(sender)
            before = len(journal_of(self._project))
            wait_until(lambda: len(journal_of(self._project)) > before + 1, "others write")
            killed = True

        commit = self.way.call(hold, "PATCH", "/databases/transactions/*", content=b'"commit"')
        wait_until(lambda: self.answer_to(commit) is not None, "a commit was held back, and arrived", 120)
        assert self.answer_to(commit) == 404 or not killed, "its fence was gone"
        return killed

    def answer_to(self, fault: Fault) -> int | None:
        """The status that the server gave to the request that was struck, once it has."""
        found = (each.status for each in self.way.exchanges() if (each.method, each.path) == ("PATCH", fault.struck))
        return next(found, None)

    def stop(self, name: str) -> None:
        os.kill(self.running[name].pid, signal.SIGSTOP)

    def go_on(self) -> None:
        for process in self.running.values():
            os.kill(process.pid, signal.SIGCONT)

    def end(self) -> list[int]:
        """Let all end by themselves; their exit codes."""
        (self.folder / "stop").touch()
        self.go_on()
        return [process.wait(60) for process in self.running.values()]


@pytest.fixture
def crowd(project: LiveProject, tmp_path: Path) -> Iterator[Crowd]:
    answer, status, _ = project.call(assemble(tmp_path, schema_document(journal())))
    assert status == 200, answer
    (tmp_path / "records").mkdir()
    way = Proxy(project.endpoint, Creations()).start()
    made = Crowd(project, tmp_path / "records", way.endpoint)
    made.way = way
    for _ in range(PROCESSES):
        made.start()
    yield made
    for process in made.running.values():
        process.kill()
        process.wait()
    way.stop()


def test_processes_that_are_killed_and_stopped_at_random_never_work_two_at_a_time(
    crowd: Crowd, project: LiveProject
) -> None:
    random.seed(0)
    late = killed = stopped = 0
    while late < LATE_WRITES:
        late += crowd.kill_with_a_write_on_its_way()
    while killed < KILLED_OWNERS or stopped < STOPPED_OWNERS or crowd.acquisitions() < ACQUISITIONS:
        before = crowd.acquisitions()
        wait_until(lambda before=before: crowd.acquisitions() > before, "somebody gets the lock")
        if killed < KILLED_OWNERS:
            killed += crowd.strike(crowd.kill)
        elif stopped < STOPPED_OWNERS:
            stopped += crowd.strike(crowd.stop)
            # Meanwhile the others go on: for the lock of a stopped owner they wait until it is stale.
            before = crowd.acquisitions()
            wait_until(lambda before=before: crowd.acquisitions() > before, "somebody else gets the lock")
            crowd.go_on()

    assert crowd.end() == [0] * PROCESSES
    assert crowd.records("violation") == []
    assert overlaps(crowd.records("may write")) == []
    written = journal_of(project)
    tokens = [(each["created"], each["generation"]) for each in written]
    assert tokens == sorted(tokens)
    assert len({*zip(tokens, (each["process"] for each in written), strict=True)}) == len({*tokens})
    assert len({*tokens}) > ACQUISITIONS // 2
    assert sum(each["token"][1] > 1 for each in crowd.records("acquired")) >= KILLED_OWNERS + LATE_WRITES
    assert somebody_gets_it(project)


def overlaps(permits: list[dict[str, Any]]) -> list[tuple[Any, Any]]:
    """Pairs of owners of which one could write before the other had ceased to, by the clock that all share."""
    instants: dict[tuple[str, int], list[float]] = {}
    for each in permits:
        instants.setdefault(tuple(each["token"]), []).append(each["at"])
    return [
        (first, second) for first, second in pairwise(sorted(instants)) if max(instants[first]) > min(instants[second])
    ]


def journal_of(project: LiveProject) -> list[dict[str, Any]]:
    """All records in the order of their numbers, which have no gap."""
    queries = [query("orderAsc", attribute="number"), query("limit", 5000)]
    found = project.client.get(JOURNAL, queries)["documents"]
    assert [each["number"] for each in found] == list(range(1, len(found) + 1))
    return found


def somebody_gets_it(project: LiveProject) -> bool:
    """Whether the lock can still be had by somebody who keeps trying."""
    credentials = Credentials(project.endpoint, project.name, project.key)
    held: list[lock.Lock] = []

    def attempt() -> bool:
        found = lock.acquire(SETTINGS, credentials, "afterwards")
        held.extend([found] if isinstance(found, lock.Lock) else [])
        return bool(held)

    wait_until(attempt, "the lock is free or stale")
    return held[0].release()


def test_an_overlap_would_be_seen() -> None:
    permits = [{"token": ["t", number], "at": at} for number, at in ((1, 1.0), (1, 2.0), (2, 1.5), (3, 4.0))]

    assert overlaps(permits) == [(("t", 1), ("t", 2))]
