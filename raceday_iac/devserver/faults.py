"""Faults on demand: what a test or a demonstration may ask the server to do wrong.

Nothing here happens by itself. Request faults are used up in the order in which they were added.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatchcase


@dataclass
class RequestFault:
    """Applies to the next `times` requests whose method and path match (`*` is a wildcard, paths begin with /v1).

    `skip` matching ones pass first. `status` answers an error instead of running the handler; 0 lets the handler run.
    `cut` drops the connection without an answer, `before` the handler or `after` its writes were committed. `answer`
    names one that is not Appwrite's (see `foreign`). `delay` waits first, in seconds.
    """

    method: str = "*"
    path: str = "*"
    times: int = 1
    status: int = 0
    kind: str = "general_unknown"
    message: str = "Server Error"
    retry_after: int | None = None
    cut: str = ""
    delay: float = 0
    answer: str = ""
    skip: int = 0

    def strikes(self, method: str, path: str) -> bool:
        """Whether it applies to this request; counts down."""
        if self.times <= 0 or not fnmatchcase(method, self.method) or not fnmatchcase(path, self.path):
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        self.times -= 1
        return True


@dataclass
class Faults:
    """All faults that are armed. Handlers and workers ask, tests set."""

    requests: list[RequestFault] = field(default_factory=list)
    #: Attributes and indexes whose key matches one of these patterns never leave `processing`.
    stuck_attributes: set[str] = field(default_factory=set)
    #: Attributes and indexes whose key matches one of these patterns end as `failed`.
    failing_attributes: set[str] = field(default_factory=set)
    #: Attributes and indexes whose key matches one of these patterns are answered from a stale cache where one
    #: collection, attribute or index is asked for: `processing` when they are available, `deleting` when they are gone.
    #: Lists tell the truth (observed on 1.8.1 to 1.9.6: a read that crosses the end of the work fills the cache).
    stale_answers: set[str] = field(default_factory=set)
    #: Seconds that every build waits before it runs its commands.
    build_delay: float = 0
    #: How many of the next builds fail.
    failing_builds: int = 0
    #: How many of the next builds never leave `building`: their worker is lost. The queue goes on.
    stuck_builds: int = 0
    #: Executions of functions whose id matches one of these patterns never leave `processing`, and run nothing.
    stuck_executions: set[str] = field(default_factory=set)

    def add(self, fault: RequestFault) -> RequestFault:
        self.requests.append(fault)
        return fault

    def take(self, method: str, path: str) -> RequestFault | None:
        """The fault for this request, used up by one."""
        return next((fault for fault in self.requests if fault.strikes(method, path)), None)

    def is_stuck(self, key: str) -> bool:
        return any(fnmatchcase(key, pattern) for pattern in self.stuck_attributes)

    def is_failing(self, key: str) -> bool:
        return any(fnmatchcase(key, pattern) for pattern in self.failing_attributes)

    def is_stale(self, key: str) -> bool:
        return any(fnmatchcase(key, pattern) for pattern in self.stale_answers)

    def take_failing_build(self) -> bool:
        if self.failing_builds <= 0:
            return False
        self.failing_builds -= 1
        return True

    def take_stuck_build(self) -> bool:
        if self.stuck_builds <= 0:
            return False
        self.stuck_builds -= 1
        return True

    def loses_execution(self, function: str) -> bool:
        return any(fnmatchcase(function, pattern) for pattern in self.stuck_executions)

    def clear(self) -> None:
        """Disarm everything."""
        self.requests.clear()
        self.stuck_attributes.clear()
        self.failing_attributes.clear()
        self.stale_answers.clear()
        self.build_delay = 0
        self.failing_builds = 0
        self.stuck_builds = 0
        self.stuck_executions.clear()
