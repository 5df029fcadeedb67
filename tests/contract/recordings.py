"""Recorded traffic of real Appwrites, a folder an age, one scenario a file (format: `_about.json` beside them)."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from .description import DATA

FOLDER = DATA / "transcripts"
FOLDERS = {"1.8": FOLDER, "1.9": DATA / "transcripts-1.9.6", "main": DATA / "transcripts-main"}


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
        given = self.request.get("query", [])
        if isinstance(given, str):
            return [("queries[]", each) for each in SHORTENED[given]]
        return [(pair[0], pair[1] if len(pair) > 1 else "") for pair in given]

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
    age: str = "1.8"

    @property
    def service(self) -> str:
        """What the scenario is about, in few words."""
        return next((name for name, begins in SERVICES.items() if self.scenario.startswith(begins)), "other")


#: What the recorder has put in few words.
SHORTENED: dict[str, Any] = {
    "(1000 of {$id,a})": {"documents": [{"$id": f"m{number}", "a": "x"} for number in range(1000)]},
    "(1001 of {$id,a})": {"documents": [{"$id": f"m{number}", "a": "x"} for number in range(1001)]},
    "(101 creates)": {
        "operations": [
            {"action": "create", "databaseId": "d", "collectionId": "c", "documentId": f"o{number}", "data": {"a": "x"}}
            for number in range(101)
        ]
    },
    "(101 equal)": ['{"method":"equal","attribute":"s","values":["x"]}'] * 101,
    "(equal s of 501)": [json.dumps({"method": "equal", "attribute": "s", "values": ["x"] * 501})],
}

#: Scenarios by the beginning of their names.
SERVICES = {
    "functions": ("functions-create", "functions-update", "function-create"),
    "variables": ("variables", "project-variables"),
    "deployments": ("deployments",),
    "databases": ("databases", "collections", "attribute", "columns", "indexes", "concurrency"),
    "documents": ("documents",),
    "transactions": ("transactions",),
    "relationships": ("relationships",),
    "storage": ("buckets",),
    "sites": ("sites",),
    "teams and messaging": ("teams", "messaging"),
    "catalogues and keys": ("functions-catalogue", "auth-errors"),
}


def _content(response: Mapping[str, Any]) -> Any:
    """A recorded body: JSON, a text, or of anything else its size."""
    if "bytes" in response:
        return {"bytes": response["bytes"]}
    return response.get("text", response.get("body"))


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
        _content(response),
        raw.get("polled", False),
        raw.get("parallel", 0),
        several.get("tally", {}),
        several.get("first_of_each_status", {}),
    )


def as_recording(raw: Mapping[str, Any], age: str = "1.8") -> Recording:
    """A scenario from its JSON form; steps that are notes only have no request and are left out."""
    steps = [as_step(number, each) for number, each in enumerate(raw["steps"]) if not each.get("note")]
    return Recording(raw["scenario"], raw["about"], tuple(steps), age)


@cache
def recordings(age: str = "1.8") -> tuple[Recording, ...]:
    """All scenarios of an age, by name."""
    files = sorted(each for each in FOLDERS[age].glob("[!_]*.json*"))
    return tuple(as_recording(json.loads(_text(file)), age) for file in files)


def _text(file: Path) -> str:
    raw = file.read_bytes()
    return (gzip.decompress(raw) if file.suffix == ".gz" else raw).decode()


def recording(scenario: str, age: str = "1.8") -> Recording:
    return next(each for each in recordings(age) if each.scenario == scenario)
