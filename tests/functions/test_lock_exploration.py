"""Every interleaving of the real protocol code, within bounds: never two runs that both may write."""

from __future__ import annotations

import os
import random
import re
from collections import deque

import pytest
from _shared import lock_protocol as protocol

from .lock_world import OneTickMargin, Run, Store, World, choices, stamp

NUMBERS = OneTickMargin(stale_after=2, heartbeat=1, expiry=4)
HORIZON = 8


#: The lock of a run that died long ago. Two contenders for it are where comparing before the write matters.
DEAD = {"owner": "dead", "generation": 7, "$createdAt": stamp(-20), "$updatedAt": stamp(-10)}


def replay(path: tuple[int, ...], names: str, *, dead: bool, faults: bool) -> tuple[World, list[Run], list[str], int]:
    """Start anew and take the choices of a path. Returns how many choices there are after it, too."""
    world, runs, story = World(Store(dict(DEAD) if dead else None)), [Run(name, NUMBERS) for name in names], []
    for index in path:
        label, act = choices(world, runs, faults=faults, horizon=HORIZON)[index]
        story.append(f"{label} at {world.now}")
        act()
    return world, runs, story, len(choices(world, runs, faults=faults, horizon=HORIZON))


_STAMP = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.\d{3}")
#: The number of a heartbeat is only reported, nothing is decided by it.
_BEATS = re.compile(r"'?\b(?:beats|number)'?(?:: |=)\d+")


def fingerprint(world: World, runs: list[Run]) -> int:
    """States with the same one behave alike from here on: of stamps only the second and the order count."""
    text = _BEATS.sub("", repr((world.now, world.store.document, world.late, [_of(run) for run in runs])))
    stamps = sorted({match[0] for match in _STAMP.finditer(text)})
    ranks = {
        stamp: f"{stamp[:19]}#{sum(other[:19] == stamp[:19] for other in stamps[:i])}" for i, stamp in enumerate(stamps)
    }
    return hash(_STAMP.sub(lambda match: ranks[match[0]], text))


def _of(run: Run) -> tuple[object, ...]:
    frame = run.steps.gi_frame if run.steps is not None else None
    inner = run.steps.gi_yieldfrom if run.steps is not None else None
    frames = [each for each in (frame, getattr(inner, "gi_frame", None)) if each is not None]
    local = [(each.f_lasti, {k: v for k, v in each.f_locals.items() if k != "lease"}) for each in frames]
    lease = None if run.lease is None else {k: v for k, v in vars(run.lease).items() if k != "beats"}
    return (run.doing, run.over, run.waiting, lease, local)


def explore(names: str, limit: int, *, dead: bool, faults: bool) -> tuple[int, int, int]:
    """Visit states breadth first, at most `limit`. Returns how many, how often a lock was held, and the depth."""
    seen: set[int] = set()
    queue: deque[tuple[int, ...]] = deque([()])
    held = depth = 0
    while queue and len(seen) < limit:
        path = queue.popleft()
        world, runs, story, branches = replay(path, names, dead=dead, faults=faults)
        mark = fingerprint(world, runs)
        if mark in seen:
            continue
        seen.add(mark)
        writers = [run.name for run in runs if run.may_write(world.now)]
        assert len(writers) <= 1, f"{writers} may both write after: {' / '.join(story)}"
        held, depth = held + len(writers), len(path)
        queue.extend((*path, index) for index in range(branches))
    return len(seen), held, depth


#: Raise it for a longer look: RACEDAY_EXPLORE=100000 takes minutes.
LIMIT = int(os.environ.get("RACEDAY_EXPLORE", "3000"))
SCENARIOS = {
    "two runs": ("ab", False, False),
    "two runs, requests lost and late": ("ab", False, True),
    "two runs after a dead one": ("ab", True, False),
    "two runs after a dead one, requests lost and late": ("ab", True, True),
    "three runs": ("abc", False, False),
}


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_no_two_runs_may_ever_both_write(scenario: str) -> None:
    names, dead, faults = SCENARIOS[scenario]

    states, held, depth = explore(names, LIMIT, dead=dead, faults=faults)

    print(f"{scenario}: {states} states, {held} with a writer, down to {depth} steps")
    assert held > 100


REAL_ASK = protocol.Ask
BROKEN = {
    "steals a live lock": ("judge", lambda found, numbers, now: None),
    "takes over without comparing": (
        "Ask",
        lambda verb, data=None, unless=None: REAL_ASK(verb, data, None if verb == "change" else unless),
    ),
}


@pytest.mark.parametrize("flaw", BROKEN)
def test_the_exploration_catches_a_broken_protocol(monkeypatch: pytest.MonkeyPatch, flaw: str) -> None:
    name, broken = BROKEN[flaw]
    monkeypatch.setattr(protocol, name, broken)

    with pytest.raises(AssertionError, match="may both write"):
        explore("ab", 20_000, dead=True, faults=False)


@pytest.mark.parametrize("dead", [False, True])
def test_long_random_histories_keep_the_rule_too(dead: bool) -> None:
    takeovers = 0
    for seed in range(400):
        draw = random.Random(seed)
        world, runs = World(Store(dict(DEAD) if dead else None)), [Run(name, NUMBERS) for name in "abcd"]
        story: list[str] = []
        for _ in range(60):
            # Time is drawn as often as all the rest together, or nothing would ever grow old.
            options = choices(world, runs, faults=True, horizon=40)
            if not options:
                break
            ticks = [option for option in options if option[0] == "tick"]
            label, act = draw.choice(ticks if ticks and draw.random() < 0.3 else options)
            story.append(f"{label} at {world.now}")
            act()
            writers = [run.name for run in runs if run.may_write(world.now)]
            assert len(writers) <= 1, f"{writers} may both write after: {' / '.join(story)}"
        takeovers += sum(run.lease is not None and run.lease.takeovers > 0 for run in runs)
    assert takeovers > 20
