"""What the server offers to choose from: runtimes, sizes and scopes of 1.8.1."""

from __future__ import annotations

import json
from typing import Any

from .client import Api
from .deploying import RUNTIME
from .description import DATA
from .target import every_scope


def catalogue(name: str) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))
    return parsed


def test_listed_runtimes_are_those_of_appwrite(api: Api) -> None:
    known = catalogue("runtimes")
    fields = known["wire_fields"]
    expected = {each["$id"]: {name: each[name] for name in fields if name in each} for each in known["runtimes"]}
    listed = api.with_key("").get("/functions/runtimes")["runtimes"]
    assert listed
    for runtime in listed:
        wanted = expected[runtime["$id"]]
        assert {name: runtime[name] for name in wanted} == wanted


def test_listed_sizes_are_those_of_appwrite(api: Api) -> None:
    known = {each["slug"]: (each["cpus"], each["memory"]) for each in catalogue("specifications")["specifications"]}
    listed = api.get("/functions/specifications")["specifications"]
    assert listed
    for size in listed:
        assert known[size["slug"]] == (size["cpus"], size["memory"])


def test_a_function_may_have_every_scope_of_its_version(api: Api) -> None:
    scopes = every_scope()
    body = {"functionId": "f", "name": "Test", "runtime": RUNTIME, "scopes": scopes}
    created = api.post("/functions", body)
    assert (created.status, created["scopes"]) == (201, scopes)


def test_a_scope_of_a_newer_version_is_refused(api: Api) -> None:
    body = {"functionId": "f", "name": "Test", "runtime": RUNTIME, "scopes": ["executions.read"]}
    refused = api.post("/functions", body)
    assert (refused.status, refused.kind) == (400, "general_argument_invalid")
