"""Answers recorded from Appwrite 1.8.1, by scenario and label of the step."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "data" / "appwrite" / "transcripts"


@cache
def steps(scenario: str) -> tuple[dict[str, Any], ...]:
    return tuple(json.loads((FOLDER / f"{scenario}.json").read_text(encoding="utf-8"))["steps"])


def answer(scenario: str, label: str) -> dict[str, Any]:
    """The body of the first answer with that label."""
    return next(dict(each["response"]["body"]) for each in steps(scenario) if each["label"] == label)


def writes(scenario: str, method: str, end: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """What was sent and what was answered, of every accepted request whose path ends like that."""
    for each in steps(scenario):
        request, response = each["request"], each["response"]
        if request["method"] == method and response["status"] < 300 and end in request["path"]:
            yield dict(request.get("body") or {}), dict(response["body"] or {})
