"""Plays a recorded scenario against a server and reports every field that is not as recorded."""

from __future__ import annotations

import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from .archives import NODE_CODE, archive_of_size
from .client import Answer, Api
from .comparison import Comparison, Difference, Exemption
from .recordings import SHORTENED, Recording, Step
from .unrecorded import BEFORE, VARYING, WAITED, Request

#: A key of the right form that no server has.
UNKNOWN_KEY = "standard_" + "0" * 256
PATIENCE = 10.0
#: What recorders have uploaded, where it is not the usual.
PYTHON_CODE = {"main.py": "def main(c):\n c.log('hello')\n return c.res.json({'ok':True})"}
UPLOADED = {"1.9": PYTHON_CODE, "main": PYTHON_CODE}
PAGE = {"index.html": "<p>ok"}
#: Under which name the recorder knew the server, where it is not the address of ours.
HOSTS = {"1.8": "localhost"}
#: States in which a resource stays; polling any longer changes nothing.
FINAL = {"available", "failed", "stuck", "ready", "canceled", "completed"}
RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")


@dataclass
class Replay:
    """One scenario in one project. `keys` maps the recording's key kinds to keys of that project; `put` says how a
    request that was not recorded is worded."""

    recording: Recording
    api: Api
    keys: dict[str, str]
    exemptions: Sequence[Exemption] = ()
    patience: float = PATIENCE
    put: Callable[[Request], Request] = lambda request: request
    used: set[int] = field(default_factory=set)
    used_here: set[int] = field(default_factory=set)
    comparison: Comparison = field(init=False)
    recorded_project: str = field(init=False)

    def __post_init__(self) -> None:
        self.recorded_project = str(self.recording.steps[0].request["project"])
        sent = frozenset(text for step in self.recording.steps for text in _texts(step.request.get("body")))
        self.comparison = Comparison((self.recorded_project, self.api.project), sent)

    def differences(self) -> Iterator[Difference]:
        """Plays all steps; yields what differs and is not exempt."""
        for _, found, _ in self.outcomes():
            yield from found

    def outcomes(self) -> Iterator[tuple[Step, list[Difference], set[int]]]:
        """Plays all steps; yields each with what differs and is not exempt, and the exemptions that it needed."""
        prepared: set[tuple[str, str]] = set()
        for step in self.recording.steps:
            place = (self.recording.scenario, step.label)
            if place in BEFORE and place not in prepared:
                prepared.add(place)
                self._prepare(place)
            self.used_here = set()
            found = self._play(step)
            self.used |= self.used_here
            yield step, found, self.used_here

    def unused(self) -> list[Exemption]:
        """Exemptions of this scenario that should have been needed and were not."""
        mine = [
            (number, each)
            for number, each in enumerate(self.exemptions)
            if each.scenario == self.recording.scenario and self.recording.age in each.ages
        ]
        return [each for number, each in mine if each.always and number not in self.used]

    def _prepare(self, place: tuple[str, str]) -> None:
        for method, path, body in map(self.put, BEFORE[place]()):
            answer = self.api.call(method, path, body)
            assert answer.status < 300, f"unrecorded {method} {path} before '{place[1]}': {answer.body}"

    def _play(self, step: Step) -> list[Difference]:
        if step.parallel:
            return self._play_parallel(step)
        repeated = step.polled or (self.recording.scenario, step.label) in WAITED
        self.comparison.moves_on = repeated
        deadline = time.monotonic() + (self.patience if repeated else 0)
        pause = 0.01
        while True:
            bound = dict(self.comparison.bound)
            answer = self._send(step, self._api_of(step))
            self.used_here = set()
            found = self._not_exempt(self._compare(step, answer))
            if not found or time.monotonic() >= deadline or (_settled(answer) and not _settled_as(step, answer)):
                return found
            self.comparison.bound = bound
            time.sleep(pause)
            pause = min(pause * 1.5, 0.2)

    def _play_parallel(self, step: Step) -> list[Difference]:
        answers = self._send_together(step)
        tally = dict(Counter(f"{each.status} {each.kind}".strip() for each in answers))
        found = list(self._as_differences(step, self.comparison.differences("tally", dict(step.tally), tally)))
        for status, body in step.first_of_each.items():
            ours = next((each for each in answers if each.status == int(status)), None)
            if ours is not None:
                found += self._as_differences(step, self.comparison.differences(f"body {status}", body, ours.body))
        return self._not_exempt(found)

    def _send_together(self, step: Step) -> list[Answer]:
        gate = threading.Barrier(step.parallel)
        vary = VARYING.get((self.recording.scenario, step.label), lambda _, body: body)

        def send(number: int) -> Answer:
            api = self._api_of(step).alone()
            gate.wait()
            return self._send(step, api, vary(number, step.request.get("body")))

        with ThreadPoolExecutor(step.parallel) as pool:
            return list(pool.map(send, range(step.parallel)))

    def _api_of(self, step: Step) -> Api:
        recorded = step.request["project"] or ""
        project = self.api.project if recorded == self.recorded_project else recorded
        return self.api.with_project(project).with_key(self.keys[step.request["key"]])

    def _send(self, step: Step, api: Api, body: Any = None) -> Answer:
        if step.method != "GET":
            # Appwrite compares milliseconds, and took longer than one for each request.
            time.sleep(0.001)
        request = step.request
        headers = {name: self.comparison.ours_for(value) for name, value in request.get("headers", {}).items()}
        if self.recording.age in HOSTS:
            headers["Host"] = HOSTS[self.recording.age]
        path = self.comparison.ours_for(step.path.removeprefix("/v1"))
        content = body if body is not None else _filled_in(request.get("body"), self.comparison)
        if "multipart" in request:
            files = PAGE if "/sites/" in path else UPLOADED.get(self.recording.age, NODE_CODE)
            form, part, file = _upload(request["multipart"], headers, files)
            return api.call(step.method, path, headers=headers, form=form, file=file, part=part)
        if "raw_body" in request:
            headers.setdefault("Content-Type", "application/json")
            return api.call(step.method, path, headers=headers, raw=request["raw_body"])
        query = [(name, self.comparison.ours_for(value)) for name, value in step.query]
        return api.call(step.method, path, content, headers=headers, query=query)

    def _compare(self, step: Step, answer: Answer) -> Iterator[Difference]:
        # The quota of function creations is the project's alone; all others are shared by url and address.
        exact = (step.method, step.path) == ("POST", "/v1/functions")
        found = list(self.comparison.differences("status", step.status, answer.status))
        found += self.comparison.headers(step.headers, answer.headers, exact=exact)
        body = {"bytes": len(answer.content)} if _is_size(step.body) else answer.body
        found += self.comparison.differences("body", step.body, body)
        return self._as_differences(step, iter(found))

    def _as_differences(self, step: Step, found: Iterator[tuple[str, Any, Any]]) -> Iterator[Difference]:
        for path, recorded, ours in found:
            yield Difference(step.number, step.label, path, recorded, ours)

    def _not_exempt(self, found: Iterator[Difference] | list[Difference]) -> list[Difference]:
        left = []
        for difference in found:
            numbers = [
                n
                for n, each in enumerate(self.exemptions)
                if each.covers(self.recording.age, self.recording.scenario, difference)
            ]
            self.used_here.update(numbers)
            if not numbers:
                left.append(difference)
        return left


def _is_size(recorded: Any) -> bool:
    return isinstance(recorded, dict) and recorded.keys() == {"bytes"}


def _settled(answer: Answer) -> bool:
    return isinstance(answer.body, dict) and answer.body.get("status") in FINAL


def _settled_as(step: Step, answer: Answer) -> bool:
    """The state is the recorded one; other fields may still be on their way (logs of a cancelled build)."""
    return isinstance(step.body, dict) and step.body.get("status") == answer.body.get("status") == "canceled"


def _texts(body: Any) -> Iterator[str]:
    """All single texts in a request's body."""
    if isinstance(body, str):
        yield body
    for value in body.values() if isinstance(body, dict) else body if isinstance(body, list) else ():
        yield from _texts(value)


def _filled_in(body: Any, comparison: Comparison) -> Any:
    """A recorded body with our ids in place of the recorded ones, and abbreviated texts written out."""
    if isinstance(body, str) and body in SHORTENED:
        return SHORTENED[body]
    if isinstance(body, str):
        return comparison.ours_for(body)
    if isinstance(body, dict) and "$repeat" in body:
        return str(body["$repeat"]) * int(body["$times"])
    if isinstance(body, dict):
        return {name: _filled_in(value, comparison) for name, value in body.items()}
    if isinstance(body, list):
        return [_filled_in(value, comparison) for value in body]
    return body


def _upload(
    multipart: dict[str, Any], headers: dict[str, str], files: Mapping[str, str]
) -> tuple[dict[str, str], str, tuple[str, bytes] | None]:
    """Form fields, name of the part with the file, and file of a recorded upload: a whole archive, a piece of one, or
    what is no archive at all."""
    form = {name: value for name, value in multipart.items() if isinstance(value, str)}
    part = next((name for name in ("code", "file") if name in multipart), "code")
    described = multipart.get(part)
    if described is None:
        return form, part, None
    size = described["bytes"]
    sent = RANGE.fullmatch(headers.get("Content-Range", ""))
    if sent:
        first, total = int(sent[1]), int(sent[3])
        return form, part, (described["filename"], archive_of_size(total, files)[first : first + size])
    content = archive_of_size(size, files) if size > 100 else (b"hello" * size)[:size]
    return form, part, (described["filename"], content)
