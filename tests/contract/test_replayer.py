"""The replayer can fail: a server that plays the recording back passes, any change to the recording is reported."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from .archives import archive_of_size
from .client import Answer, Api
from .comparison import Comparison, Difference, Exemption
from .recordings import FOLDER, Recording, as_recording, recordings
from .replay import Replay
from .unrecorded import BEFORE

KEYS = {"full": "f", "narrow": "n", "wrong": "w", "none": ""}


@dataclass(frozen=True)
class PlayedBack(Api):
    """A server without a network that answers what was recorded, in order."""

    waiting: list[Answer] = field(default_factory=list)
    lock: Any = field(default_factory=threading.Lock)

    def call(self, method: str, path: str, body: Any = None, **_: Any) -> Answer:
        with self.lock:
            return self.waiting.pop(0)


def recorded_answers(recording: Recording) -> Iterator[Answer]:
    prepared: set[str] = set()
    for step in recording.steps:
        place = (recording.scenario, step.label)
        if place in BEFORE and step.label not in prepared:
            prepared.add(step.label)
            yield from (Answer(201, {}, b"", None) for _ in BEFORE[place]())
        if step.status is not None:
            yield Answer(step.status, step.headers, b"", step.body)
        for name, count in step.tally.items():
            status = name.split()[0]
            yield from [Answer(int(status), {}, b"", step.first_of_each[status])] * count


def replay_against_itself(
    recording: Recording, changed: Recording | None = None, exemptions: tuple[Exemption, ...] = ()
) -> list[Difference]:
    """Differences between what the server plays back and what the (changed) recording wants."""
    project = str(recording.steps[0].request["project"])
    api = PlayedBack("", project, "f", waiting=list(recorded_answers(recording)))
    return list(Replay(changed or recording, api, KEYS, exemptions, patience=0).differences())


def raw(scenario: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((FOLDER / f"{scenario}.json").read_text(encoding="utf-8"))
    return loaded


@pytest.mark.parametrize("recording", recordings(), ids=lambda each: each.scenario)
def test_a_server_that_plays_the_recording_back_has_no_differences(recording: Recording) -> None:
    assert replay_against_itself(recording) == []


def paths(value: Any, prefix: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where the single values of a JSON value are."""
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    if not children and prefix:
        yield prefix
    for name, child in children:
        yield from paths(child, (*prefix, name))


def changed_at(document: Any, path: Sequence[Any], change: Callable[[Any], Any]) -> Any:
    """The document with another value in one place; it has everything else in common with the given one."""
    name, *inner = path
    copied = document.copy()
    copied[name] = changed_at(document[name], inner, change) if inner else change(document[name])
    return copied


def other(value: Any) -> Any:
    """A value that is different in a way which must be noticed even in fields that vary from run to run."""
    if isinstance(value, bool):
        return not value
    return None if isinstance(value, int | float | str) else "changed"


@pytest.mark.parametrize("scenario", ["variables", "databases", "deployments-built"])
def test_every_single_changed_field_is_reported(scenario: str) -> None:
    document = raw(scenario)
    recording = as_recording(document)
    unnoticed = []
    for number, step in enumerate(document["steps"]):
        upto = document | {"steps": document["steps"][: number + 1]}
        for path in paths(step["response"]["body"], ("steps", number, "response", "body")):
            found = replay_against_itself(recording, as_recording(changed_at(upto, path, other)))
            if not any(each.step == number for each in found):
                unnoticed.append(path)
        if scenario == "deployments-built" and number > 8:
            break
    assert unnoticed == []


def mutated(scenario: str, label: str, part: str, change: Callable[[Any], Any]) -> list[Difference]:
    document = raw(scenario)
    number = next(n for n, step in enumerate(document["steps"]) if step["label"] == label)
    changed = changed_at(document, ("steps", number, *part.split(".")), change)
    return replay_against_itself(as_recording(document), as_recording(changed))


def test_another_status_is_reported_with_step_and_both_values() -> None:
    found = mutated("databases", "duplicate", "response.status", lambda _: 500)
    assert [str(each) for each in found] == ["step 2 'duplicate' status: recorded 500, ours 409"]


def test_a_missing_field_is_reported() -> None:
    found = mutated("databases", "get", "response.body", lambda body: body | {"extra": 1})
    assert [(each.path, each.ours) for each in found] == [("body.extra", "(absent)")]


def test_an_additional_field_is_reported() -> None:
    found = mutated("databases", "get", "response.body", lambda body: {k: v for k, v in body.items() if k != "type"})
    assert [(each.path, each.recorded) for each in found] == [("body.type", "(absent)")]


def test_another_length_of_a_list_is_reported() -> None:
    found = mutated("databases", "list", "response.body.databases", lambda items: items[:-1])
    assert [each.path for each in found] == ["body.databases.length"]


def test_a_missing_header_is_reported() -> None:
    found = mutated("databases", "duplicate", "response.headers", lambda headers: headers | {"x-more": "1"})
    assert [each.path for each in found] == ["headers.x-more"]


def test_an_additional_header_is_reported() -> None:
    found = mutated("databases", "get", "response.headers", lambda _: {})
    assert [each.path for each in found] == ["headers.content-type"]


def test_another_tally_of_parallel_requests_is_reported() -> None:
    found = mutated("concurrency", "same function id", "responses.tally", lambda tally: tally | {"201": 2})
    assert [each.path for each in found] == ["tally.201"]


def test_the_id_of_another_resource_is_reported() -> None:
    another = next(step for step in raw("variables")["steps"] if step["label"] == "create")["response"]["body"]["$id"]
    found = mutated("variables", "get secret", "response.body", lambda body: body | {"$id": another})
    assert [each.path for each in found] == ["body.$id"]


def test_one_recorded_id_stands_for_one_of_ours() -> None:
    compared = Comparison(("p", "p"))
    one, two, three = "a" * 20, "b" * 20, "c" * 20
    assert (
        list(compared.differences("body", {"$id": one, "deploymentId": one}, {"$id": two, "deploymentId": two})) == []
    )
    assert [path for path, *_ in compared.differences("body", {"$id": one}, {"$id": three})] == ["body.$id"]


def test_one_recorded_instant_stands_for_one_of_ours() -> None:
    compared = Comparison(("p", "p"))
    instant = "2026-01-01T00:00:00.00{}+00:00".format

    def shown(created: str, updated: str, owner: str = "x") -> dict[str, str]:
        return {"$id": owner, "$createdAt": created, "$updatedAt": updated}

    recorded = shown(instant(1), instant(1))
    assert list(compared.differences("body", recorded, shown(instant(5), instant(5)))) == []
    assert list(compared.differences("body", recorded, shown(instant(5), instant(6)))) != []
    assert list(compared.differences("body", recorded, shown("yesterday", instant(5)))) != []
    other = shown(instant(1), instant(1), "y")
    assert list(compared.differences("body", other, shown(instant(7), instant(7), "y"))) == []


def test_a_function_shows_the_instant_of_its_deployment() -> None:
    compared = Comparison(("p", "p"))
    instant, one, two = "2026-01-01T00:00:00.00{}+00:00".format, "a" * 20, "b" * 20
    deployment = {"$id": one, "$createdAt": instant(1)}
    assert list(compared.differences("body", deployment, {"$id": two, "$createdAt": instant(5)})) == []
    function = {"$id": "f", "deploymentId": one, "deploymentCreatedAt": instant(1)}
    ours = {"$id": "f", "deploymentId": two, "deploymentCreatedAt": instant(6)}
    found = [path for path, *_ in compared.differences("body", function, ours)]
    assert found == ["body.deploymentCreatedAt"]


@pytest.mark.parametrize(("recorded", "ours"), [(1, 1.0), (1, True), (0, False), ("1", 1), (None, "")])
def test_types_must_be_equal_too(recorded: Any, ours: Any) -> None:
    assert list(Comparison(("p", "p")).differences("body.x", recorded, ours)) == [("body.x", recorded, ours)]


def test_the_project_in_a_message_is_ours() -> None:
    compared = Comparison(("r1-x", "mine"))
    assert list(compared.differences("body.message", "app.r1-x@service", "app.mine@service")) == []


def test_an_exemption_hides_only_what_it_names() -> None:
    only = Exemption("databases", "duplicate", "status", "a test", lambda recorded, ours: True)
    document = raw("databases")
    changed = changed_at(document, ("steps", 2, "response", "status"), lambda _: 500)
    changed = changed_at(changed, ("steps", 2, "response", "body", "type"), lambda _: "x")
    found = replay_against_itself(as_recording(document), as_recording(changed), (only,))
    assert [each.path for each in found] == ["body.type"]


def test_an_exemption_that_nothing_needs_is_named() -> None:
    unneeded = Exemption("databases", "duplicate", "status", "a test", lambda recorded, ours: True)
    recording = as_recording(raw("databases"))
    api = PlayedBack("", "p", "f", waiting=list(recorded_answers(recording)))
    replay = Replay(recording, api, KEYS, (unneeded,), patience=0)
    list(replay.differences())
    assert replay.unused() == [unneeded]


def test_an_instant_chosen_by_the_client_must_be_the_same() -> None:
    compared = Comparison(("p", "p"), frozenset({"2020-01-01T00:00:00.000+00:00"}))
    recorded = {"$id": "x", "$createdAt": "2020-01-01T00:00:00.000+00:00"}
    ours = {"$id": "x", "$createdAt": "2026-01-01T00:00:00.000+00:00"}
    assert list(compared.differences("body", recorded, ours)) != []
    assert list(compared.differences("body", recorded, recorded)) == []


@pytest.mark.parametrize("size", [150, 152, 4096])
def test_archives_have_the_asked_size(size: int) -> None:
    assert len(archive_of_size(size)) == size
