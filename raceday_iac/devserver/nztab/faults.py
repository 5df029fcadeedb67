"""Bad answers on demand. Nothing here happens by itself; chance is decided by the seed, so it is the same each time."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from .chance import dice

#: What can be wrong with an answer; the last line names those that spoil the data of a good one (see `spoiling`).
KINDS = (
    *("status", "slow", "cut"),
    *("truncated", "html", "empty", "huge", "not_object"),
    *("missing", "nulls", "wrong_types", "duplicates"),
)
ROUTES = ("meetings", "meeting", "event", "list", "*")


@dataclass
class NztabFault:
    """Applies to requests of `route` (and, if any are given, for these `ids`): to every k-th of them, by chance with
    `rate` from 0 to 1, and at most `times` times.

    `status` answers that error, with `retry_after` seconds; `slow` waits `seconds` and can be combined with the others.
    """

    kind: str
    route: str = "*"
    ids: frozenset[str] = frozenset()
    every: int = 1
    rate: float = 1.0
    times: int | None = None
    status: int = 500
    retry_after: int | None = None
    seconds: float = 0
    #: How many requests it looked at, and to how many it applied.
    seen: int = 0
    done: int = 0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"no fault is called {self.kind!r}; there are {', '.join(KINDS)}")
        if self.route not in ROUTES:
            raise ValueError(f"no route is called {self.route!r}; there are {', '.join(ROUTES)}")
        if self.every < 1:
            raise ValueError("every must be 1 or more")

    def take(self, route: str, asked_id: str, seed: int) -> bool:
        """Whether it applies to this request, which it counts."""
        if self.route not in ("*", route) or (self.ids and asked_id not in self.ids):
            return False
        if self.times is not None and self.done >= self.times:
            return False
        self.seen += 1
        luck = self.rate >= 1 or dice(seed, self.kind, self.route, self.seen).random() < self.rate
        if self.seen % self.every or not luck:
            return False
        self.done += 1
        return True


@dataclass
class NztabFaults:
    """All faults that are armed, and a limit of requests per second (0: none) by the server's clock."""

    rules: list[NztabFault] = field(default_factory=list)
    requests_per_second: int = 0
    _recent: deque[datetime] = field(default_factory=deque)

    def add(self, kind: str, ids: Iterable[str] = (), **options: object) -> NztabFault:
        """Arm one, as `NztabFault(kind, …)`."""
        fault = NztabFault(kind, ids=frozenset(ids), **options)  # type: ignore[arg-type]
        self.rules.append(fault)
        return fault

    def is_too_fast(self, now: datetime) -> bool:
        """Whether this request is one too many in the second before `now`. Refused ones do not count."""
        if not self.requests_per_second:
            return False
        while self._recent and self._recent[0] <= now - timedelta(seconds=1):
            self._recent.popleft()
        if len(self._recent) >= self.requests_per_second:
            return True
        self._recent.append(now)
        return False

    def take(self, route: str, asked_id: str, seed: int) -> tuple[NztabFault | None, float]:
        """The first fault that applies to this request, and the seconds of all slow ones together."""
        applied = [rule for rule in self.rules if rule.take(route, asked_id, seed)]
        delay = sum(rule.seconds for rule in applied if rule.kind == "slow")
        return next((rule for rule in applied if rule.kind != "slow"), None), delay

    def clear(self) -> None:
        """Disarm everything."""
        self.rules.clear()
        self.requests_per_second = 0
        self._recent.clear()
