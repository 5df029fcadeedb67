"""Answers recorded from real servers, by scenario and label of the step; of 1.8.1 where no version is named."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

DATA = Path(__file__).parents[1] / "data" / "appwrite"


@cache
def steps(scenario: str, version: str = "") -> tuple[dict[str, Any], ...]:
    file = DATA / (f"transcripts-{version}/{scenario}.json.gz" if version else f"transcripts/{scenario}.json")
    content = gzip.decompress(file.read_bytes()) if version else file.read_bytes()
    return tuple(json.loads(content)["steps"])


def answer(scenario: str, label: str, version: str = "") -> dict[str, Any]:
    """The body of the first answer with that label."""
    return next(dict(each["response"]["body"]) for each in steps(scenario, version) if each["label"] == label)


def writes(scenario: str, method: str, end: str, version: str = "") -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """What was sent and what was answered in the server's own format, of every accepted request whose path ends like
    that."""
    for each in steps(scenario, version):
        if version and each["request"].get("headers"):
            continue
        request, response = each["request"], each["response"]
        if request["method"] == method and response["status"] < 300 and end in request["path"]:
            yield dict(request.get("body") or {}), dict(response["body"] or {})
