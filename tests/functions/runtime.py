"""What the runtime gives a function: a context with request, answer and logs."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Request:
    headers: dict[str, str]
    body: Any = ""


class Answering:
    def json(self, body: Any, status: int = 200, headers: dict[str, str] | None = None) -> dict[str, Any]:
        text = json.dumps(body, separators=(",", ":"))
        return {"body": text, "statusCode": status, "headers": {"content-type": "application/json", **(headers or {})}}


@dataclass
class Context:
    """A stand-in with the same shape as the Python runtime's context."""

    req: Request
    res: Answering = field(default_factory=Answering)
    logs: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def log(self, *texts: Any) -> None:
        self.logs.append(" ".join(map(str, texts)))

    def error(self, *texts: Any) -> None:
        self.errors.append(" ".join(map(str, texts)))

    def events(self, name: str) -> list[dict[str, Any]]:
        """All logged events of one name."""
        found = [json.loads(line) for line in [*self.logs, *self.errors]]
        return [event for event in found if event["event"] == name]


def context(key: str, body: Any = "", execution: str = "execution-1") -> Context:
    return Context(Request({"x-appwrite-key": key, "x-appwrite-execution-id": execution}, body))
