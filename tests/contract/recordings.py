"""Recorded traffic of a real Appwrite 1.8.1, one scenario a file (format: `_about.json` beside them)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from .description import DATA

FOLDER = DATA / "transcripts"


@dataclass(frozen=True)
class Step:
    """One recorded request. Either `status`, `headers` and `body` are set, or, for a parallel step, the tally."""

    number: int
    label: str
    request: Mapping[str, Any]
    status: int | None
    headers: Mapping[str, str]
    body: Any
    polled: bool
    parallel: int
    tally: Mapping[str, int]
    first_of_each: Mapping[str, Any]

    @property
    def method(self) -> str:
        return str(self.request["method"])

    @property
    def path(self) -> str:
        return str(self.request["path"])

    @property
    def query(self) -> list[tuple[str, str]]:
        return [(name, value) for name, value in self.request.get("query", [])]

    def answers(self) -> Iterator[tuple[int, Any]]:
        """Every recorded status with its body."""
        if self.status is not None:
            yield self.status, self.body
        for status, body in self.first_of_each.items():
            yield int(status), body


@dataclass(frozen=True)
class Recording:
    """One scenario in the order it was played."""

    scenario: str
    about: str
    steps: tuple[Step, ...]


def as_step(number: int, raw: Mapping[str, Any]) -> Step:
    """A step from its JSON form."""
    response = raw.get("response") or {}
    several = raw.get("responses") or {}
    return Step(
        number,
        raw["label"],
        raw["request"],
        response.get("status"),
        response.get("headers", {}),
        response.get("body"),
        raw.get("polled", False),
        raw.get("parallel", 0),
        several.get("tally", {}),
        several.get("first_of_each_status", {}),
    )


def as_recording(raw: Mapping[str, Any]) -> Recording:
    """A scenario from its JSON form; steps that are notes only have no request and are left out."""
    steps = [as_step(number, each) for number, each in enumerate(raw["steps"]) if not each.get("note")]
    return Recording(raw["scenario"], raw["about"], tuple(steps))


@cache
def recordings() -> tuple[Recording, ...]:
    """All scenarios, by name."""
    files = sorted(FOLDER.glob("[!_]*.json"))
    return tuple(as_recording(json.loads(file.read_text(encoding="utf-8"))) for file in files)


def recording(scenario: str) -> Recording:
    return next(each for each in recordings() if each.scenario == scenario)
