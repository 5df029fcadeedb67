"""The catalogue against the recorded lists of the reference server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from raceday_iac.model import limits
from raceday_iac.model.limits import RUNTIMES, SCOPES

RECORDED = Path(__file__).parents[2] / "data" / "appwrite"


def recorded(name: str) -> Any:
    return json.loads((RECORDED / name).read_text(encoding="utf-8"))


def test_scopes_are_those_of_the_reference_server() -> None:
    assert set(recorded("scopes.json")["scopes"]) - {"public"} == SCOPES


def test_runtimes_are_those_of_the_reference_server() -> None:
    assert {each["$id"] for each in recorded("runtimes.json")["runtimes"]} == RUNTIMES


def test_specifications_are_those_of_the_reference_server_smallest_first() -> None:
    assert tuple(each["slug"] for each in recorded("specifications.json")["specifications"]) == limits.SPECIFICATIONS


@pytest.mark.parametrize("newer", ["executions.read", "executions.write"])
def test_names_of_newer_servers_are_no_scopes(newer: str) -> None:
    assert newer not in SCOPES
