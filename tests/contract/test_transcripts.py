"""Recorded scenarios of real Appwrites, replayed step by step. Every field must come back as recorded.

What may differ is written down in `EXEMPTIONS`, one entry a fact. An exemption that nothing needs fails the test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .client import Api, Observer
from .comparison import Exemption
from .conftest import Targets, watch_of
from .exemptions import EXEMPTIONS, text
from .recordings import FOLDERS, Recording, recording, recordings
from .replay import UNKNOWN_KEY, Replay
from .target import Target, embedded_target
from .translation import in_tables_words, request_in_tables_words

#: How many differing fields one report shows.
SHOWN = 25

#: In these scenarios the recorder looked at unfinished work: attributes with their worker paused, builds on their way,
#: a relationship that a worker had not come to; or a worker was quicker than ours. How long (seconds) one waits there.
UNFINISHED_WORK = {"attribute-processing": 1.5, "deployments-built": 1.5, "relationships": 0.2, "transactions": 0.0}


#: For the tables API there are no recordings of its own. Its words differ, and so do the messages made of them.
IN_TABLES_WORDS = Exemption(
    "*", "*", "body*.message", "no recording shows the wording", text, always=False, ages=tuple(FOLDERS)
)

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


#: The scopes of keys that recordings name; the key called full has all of them.
SCOPES = {
    "narrow": ["functions.read"],
    "pread": ["project.read"],
    "pwrite": ["project.write"],
    "pr": ["project.read"],
    "pw": ["project.write"],
    "pol": ["policies.write"],
    "pol2": ["project.policies.read"],
}


def keys_of(target: Target, api: Api) -> dict[str, str]:
    """The kinds of keys that recordings name."""
    some = {name: target.key_for(api.project, scopes) for name, scopes in SCOPES.items()}
    return {"full": api.key, "wrong": UNKNOWN_KEY, "none": "", **some}


def keys_for(recorded: Recording, target: Target, api: Api) -> dict[str, str]:
    """The keys of a scenario."""
    return (keys_that_are_listed if recorded.scenario == "api-keys" else keys_of)(target, api)


def keys_that_are_listed(target: Target, api: Api) -> dict[str, str]:
    """Those of a scenario that looks at the keys themselves."""
    return {name: target.named_key(api.project, name, SCOPES.get(name)) for name in ("full", "narrow")}


def report(replay: Replay) -> None:
    """Play a scenario; fail with the first differing fields, or with an exemption that nothing needs any more."""
    found = list(replay.differences())
    if found:
        lines = [str(each) for each in found[:SHOWN]]
        pytest.fail(f"{len(found)} fields differ from the recording:\n" + "\n".join(lines), pytrace=False)
    unused = [f"{each.step} {each.path}: {each.reason}" for each in replay.unused()]
    assert not unused, "exemptions that nothing needs any more:\n" + "\n".join(unused)


def slow_target(directory: Path, observers: tuple[Observer, ...], age: str, delay: float) -> Target:
    """A server on which work stays unfinished for a time (seconds), and builds can be met on their way."""
    made = embedded_target(directory, observers, age, processing_delay=delay, build_preparation=0.3)
    assert made.api().patch("/_dev/faults", {"buildDelay": 0.3}).status == 200
    return made


@pytest.fixture(scope="module")
def slow_target_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str, float], Target]]:
    """Servers by age and the time that work stays unfinished, on which builds can be met on their way, too."""
    made: dict[tuple[str, float], Target] = {}

    def of(age: str, delay: float) -> Target:
        if (age, delay) not in made:
            made[age, delay] = slow_target(tmp_path_factory.mktemp("slow"), (watch_of(age),), age, delay)
        return made[age, delay]

    yield of
    for each in made.values():
        each.server.stop()


@pytest.mark.parametrize(
    "recorded", [each for age in FOLDERS for each in recordings(age)], ids=lambda each: f"{each.age}-{each.scenario}"
)
def test_server_answers_as_recorded(
    recorded: Recording, target_of: Targets, slow_target_of: Callable[[str, float], Target]
) -> None:
    target = target_of(recorded.age)
    target.need_own_server()
    if recorded.scenario in UNFINISHED_WORK:
        target = slow_target_of(recorded.age, UNFINISHED_WORK[recorded.scenario])
    api = target.fresh(str(recorded.steps[0].request["project"]))
    report(Replay(recorded, api, keys_for(recorded, target, api), EXEMPTIONS))


@pytest.mark.parametrize("scenario", BY_TABLES)
def test_tables_api_answers_alike_in_its_own_words(scenario: str, target: Target) -> None:
    target.need_own_server()
    translated = in_tables_words(recording(scenario))
    api = target.fresh(f"{translated.steps[0].request['project']}-tables")
    exemptions = (*EXEMPTIONS, IN_TABLES_WORDS)
    report(Replay(translated, api, keys_of(target, api), exemptions, put=request_in_tables_words))
