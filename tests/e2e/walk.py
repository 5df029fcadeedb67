"""A sequence of runs that is walked through once, and checked by many tests."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .command import Ended
from .project import Project
from .proxy import Exchange


@dataclass
class Walk:
    """What came of each step, by its name. `seen` is what was looked up on the server meanwhile."""

    project: Project
    outcome: dict[str, Ended] = field(default_factory=dict)
    requests: dict[str, list[Exchange]] = field(default_factory=dict)
    seen: dict[str, Any] = field(default_factory=dict)

    def step(self, name: str, *words: str) -> Ended:
        """Run a command, however it ends."""
        self.project.proxy.forget()
        self.outcome[name] = self.project.iac(*words, code=None)
        self.requests[name] = self.project.proxy.exchanges()
        return self.outcome[name]

    def writes(self, name: str) -> list[Exchange]:
        return [each for each in self.requests[name] if each.method != "GET"]

    def json(self, name: str) -> Any:
        return self.outcome[name].json

    def must_end(self, name: str, code: int = 0) -> Ended:
        """The step ended with this exit code."""
        assert self.outcome[name].code == code, f"{name}: expected exit {code}\n{self.outcome[name]}"
        return self.outcome[name]
