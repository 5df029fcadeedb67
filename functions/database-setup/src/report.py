"""The answer of a run as a value, and as JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .problems import Problem
from .versions import Version

FORMAT = 1
#: The answer must stay readable in the console; the logs name every problem.
LISTED = 50


@dataclass
class Report:
    """What a run did and found."""

    action: str
    schema_hash: str
    version: Version = field(default_factory=Version)
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    rolled_back: int = 0
    problems: list[Problem] = field(default_factory=list)
    unmanaged: list[str] = field(default_factory=list)
    #: Why the run ended before its work was done; the next run goes on.
    stopped: str | None = None
    resumed: dict[str, Any] | None = None
    details: dict[str, Any] = field(default_factory=dict)
    requests: int = 0
    duration_ms: float = 0.0

    @property
    def healthy(self) -> bool:
        """Whether the database is exactly as declared and usable."""
        return not self.problems and self.stopped is None

    @property
    def status(self) -> int:
        """The HTTP status: the execution counts as failed when the database is not healthy."""
        return 200 if self.healthy else 500

    def as_json(self) -> dict[str, Any]:
        """The body of the answer."""
        listed = [problem._asdict() for problem in self.problems[:LISTED]]
        body: dict[str, Any] = {
            "format": FORMAT,
            "action": self.action,
            "healthy": self.healthy,
            "created": self.created,
            "updated": self.updated,
            "unchanged": self.unchanged,
            "problems": listed,
            "problemCount": len(self.problems),
            "unmanaged": self.unmanaged[:LISTED],
            "version": self.version.number,
            "hash": self.schema_hash,
            "versionIsCurrent": self.version.hash == self.schema_hash,
            "requests": self.requests,
            "durationMs": self.duration_ms,
        }
        optional = {"rolledBack": self.rolled_back, "stopped": self.stopped, "resumed": self.resumed, **self.details}
        return {**body, **{name: value for name, value in optional.items() if value}}
