"""Recorded scenarios of a real Appwrite 1.8.1, replayed step by step. Every field must come back as recorded.

What may differ is written down in `EXEMPTIONS`, one entry a fact. An exemption that nothing needs fails the test.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from .comparison import Exemption
from .conftest import Watch
from .recordings import Recording, recordings
from .replay import UNKNOWN_KEY, Replay
from .target import Target, embedded_target

#: How many differing fields one report shows.
SHOWN = 25

#: In these scenarios the recorder looked at unfinished work: attributes with their worker paused, builds on their way.
UNFINISHED_WORK = {"attribute-processing", "deployments-built"}


def number(recorded: Any, ours: Any) -> bool:
    """Some number that is not negative."""
    return isinstance(ours, int | float) and not isinstance(ours, bool) and ours >= 0


def text(recorded: Any, ours: Any) -> bool:
    return isinstance(ours, str)


def anything(recorded: Any, ours: Any) -> bool:
    return True


STAND_IN = "the recorded builds and executions come from a stand-in executor"

EXEMPTIONS: tuple[Exemption, ...] = (
    Exemption("deployments-built", "*", "body*.buildSize", STAND_IN, number),
    Exemption("deployments-built", "*", "body*.totalSize", STAND_IN + " (total includes the build)", number),
    Exemption("deployments-built", "*", "body*.buildLogs", STAND_IN, text),
    Exemption("deployments-built", "*", "body*.duration", STAND_IN, number),
    Exemption(
        "concurrency",
        "delete same document",
        "tally.*",
        "how many of ten deletes find the document is a race; the recorded run had two winners",
        anything,
        always=False,
    ),
    Exemption(
        "concurrency",
        "*",
        "body*.title",
        "which of the parallel writers wins is a race",
        lambda recorded, ours: str(recorded).startswith("w") and str(ours).startswith("w"),
        always=False,
    ),
    Exemption(
        "concurrency",
        "increment by 1",
        "body 200.qty",
        "the first of the fifty answers may be any of them",
        lambda recorded, ours: isinstance(ours, int) and 1 <= ours <= 50,
        always=False,
    ),
    Exemption(
        "concurrency",
        "after",
        "body.qty",
        "which of the parallel patches comes last is a race",
        lambda recorded, ours: isinstance(ours, int) and 0 <= ours < 20,
        always=False,
    ),
)


def replay_of(recording: Recording, target: Target) -> Replay:
    """The scenario, ready to play in a project of its own that has the recorded name."""
    api = target.fresh(str(recording.steps[0].request["project"]))
    narrow = target.key_for(api.project, ["functions.read"])
    keys = {"full": api.key, "narrow": narrow, "wrong": UNKNOWN_KEY, "none": ""}
    return Replay(recording, api, keys, EXEMPTIONS)


@pytest.fixture(scope="module")
def slow_target(tmp_path_factory: pytest.TempPathFactory, watch: Watch) -> Iterator[Target]:
    """A server whose attributes stay `processing` for a whole scenario, and whose builds can be met on their way."""
    settings = pytest.importorskip("raceday_iac.devserver.settings")
    slow = settings.Settings(processing_delay=1.5)
    own = embedded_target(tmp_path_factory.mktemp("slow"), (watch,), settings=slow)
    assert own.api().patch("/_dev/faults", {"buildDelay": 0.3}).status == 200
    yield own
    own.server.stop()


@pytest.mark.parametrize("recording", recordings(), ids=lambda each: each.scenario)
def test_server_answers_as_recorded(recording: Recording, target: Target, request: pytest.FixtureRequest) -> None:
    target.need_own_server()
    if recording.scenario in UNFINISHED_WORK:
        target = request.getfixturevalue("slow_target")
    replay = replay_of(recording, target)
    found = list(replay.differences())
    if found:
        lines = [str(each) for each in found[:SHOWN]]
        pytest.fail(f"{len(found)} fields differ from the recording:\n" + "\n".join(lines), pytrace=False)
    unused = [f"{each.step} {each.path}: {each.reason}" for each in replay.unused()]
    assert not unused, "exemptions that nothing needs any more:\n" + "\n".join(unused)
