"""Recorded scenarios of a real Appwrite 1.8.1, replayed step by step. Every field must come back as recorded.

What may differ is written down in `EXEMPTIONS`, one entry a fact. An exemption that nothing needs fails the test.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from .client import Api
from .comparison import Exemption
from .conftest import Watch
from .recordings import Recording, recording, recordings
from .replay import UNKNOWN_KEY, Replay
from .target import Target, embedded_target
from .translation import in_tables_words, request_in_tables_words

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


#: For the tables API there are no recordings of its own. Its words differ, and so do the messages made of them.
IN_TABLES_WORDS = Exemption("*", "*", "body*.message", "no recording shows the wording", text, always=False)

#: Scenarios that are replayed through the tables API as well.
BY_TABLES = (
    "attributes-create",
    "attributes-update",
    "collections",
    "concurrency",
    "databases",
    "documents-create",
    "documents-query",
    "indexes",
    "relationships",
)


def keys_of(target: Target, api: Api) -> dict[str, str]:
    """The kinds of keys that recordings name."""
    narrow = target.key_for(api.project, ["functions.read"])
    return {"full": api.key, "narrow": narrow, "wrong": UNKNOWN_KEY, "none": ""}


def report(replay: Replay) -> None:
    """Play a scenario; fail with the first differing fields, or with an exemption that nothing needs any more."""
    found = list(replay.differences())
    if found:
        lines = [str(each) for each in found[:SHOWN]]
        pytest.fail(f"{len(found)} fields differ from the recording:\n" + "\n".join(lines), pytrace=False)
    unused = [f"{each.step} {each.path}: {each.reason}" for each in replay.unused()]
    assert not unused, "exemptions that nothing needs any more:\n" + "\n".join(unused)


@pytest.fixture(scope="module")
def slow_target(tmp_path_factory: pytest.TempPathFactory, watch: Watch) -> Iterator[Target]:
    """A server whose attributes stay `processing` for a whole scenario, and whose builds can be met on their way."""
    own = embedded_target(tmp_path_factory.mktemp("slow"), (watch,), processing_delay=1.5)
    assert own.api().patch("/_dev/faults", {"buildDelay": 0.3}).status == 200
    yield own
    own.server.stop()


@pytest.mark.parametrize("recorded", recordings(), ids=lambda each: each.scenario)
def test_server_answers_as_recorded(recorded: Recording, target: Target, request: pytest.FixtureRequest) -> None:
    target.need_own_server()
    if recorded.scenario in UNFINISHED_WORK:
        target = request.getfixturevalue("slow_target")
    api = target.fresh(str(recorded.steps[0].request["project"]))
    report(Replay(recorded, api, keys_of(target, api), EXEMPTIONS))


@pytest.mark.parametrize("scenario", BY_TABLES)
def test_tables_api_answers_alike_in_its_own_words(scenario: str, target: Target) -> None:
    target.need_own_server()
    translated = in_tables_words(recording(scenario))
    api = target.fresh(f"{translated.steps[0].request['project']}-tables")
    exemptions = (*EXEMPTIONS, IN_TABLES_WORDS)
    report(Replay(translated, api, keys_of(target, api), exemptions, put=request_in_tables_words))
