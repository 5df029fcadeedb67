"""Bad answers on demand. Nothing here happens by itself; chance is decided by the seed, so it is the same each time."""

from __future__ import annotations

import copy
import json
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from .model import dice

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


# Spoiling good answers, by fixed rules, so that a test can say what must be left of them.
#
# Entries of a list (runners, meetings, races) are spoilt by their place: `nulls` those at 0, 3, 6, …; `wrong_types`
# those at 1, 4, 7, …; `duplicates` repeats the first two at the end, with other contents. Everything else stays good.


#: The list that matters in the `data` of each kind of answer.
LISTS = {"event": "runners", "meetings": "meetings", "meeting": "meetings", "list": "races"}
HUGE = 10 * 1024 * 1024
HTML = b"<!DOCTYPE html><html><head><title>Attention</title></head><body><h1>Just a moment...</h1></body></html>\n"

NULLED = {
    "event": ("name", "runner_number", "odds", "weight", "is_scratched", "speedmap", "barrier"),
    "meetings": ("name", "races", "track_condition"),
    "meeting": ("name", "races", "track_condition"),
    "list": ("name", "number", "advertised_start"),
}
MISTYPED: dict[str, dict[str, Any]] = {
    "event": {"runner_number": "seven", "barrier": "4", "odds": [], "is_scratched": "no", "weight": "58kg", "gear": {}},
    "meetings": {"name": 17, "races": "none", "track_condition": ["Good4"]},
    "meeting": {"name": 17, "races": "none", "track_condition": ["Good4"]},
    "list": {"name": {}, "number": "one", "advertised_start": 1752713400},
}


def spoil_body(kind: str, body: bytes) -> bytes:
    """A body that is not the JSON it should be, or far too long."""
    if kind == "truncated":
        return body[: len(body) // 2]
    if kind == "html":
        return HTML
    if kind == "not_object":
        return b"[" + body + b"]"
    if kind == "huge":
        return body[:-1] + b',"padding":"' + b"x" * HUGE + b'"}'
    return b""


def spoil_data(kind: str, route: str, answer: dict[str, Any]) -> dict[str, Any]:
    """A copy of an answer with some of its data spoilt."""
    # Through text and back: parts of an answer are shared with other answers.
    spoilt: dict[str, Any] = json.loads(json.dumps(answer))
    data = spoilt["data"]
    name = LISTS[route]
    if kind == "missing":
        del data[name]
    elif kind == "duplicates":
        data[name] += [{**entry, "name": f"{entry['name']} again"} for entry in copy.deepcopy(data[name][:2])]
    elif kind == "nulls":
        for entry in data[name][0::3]:
            entry.update(dict.fromkeys(NULLED[route]))
        _null_market(data)
    elif kind == "wrong_types":
        for entry in data[name][1::3]:
            entry.update(MISTYPED[route])
        _mistype_market(data)
    return spoilt


def _null_market(data: dict[str, Any]) -> None:
    """Beside the runners of an event: some facts of the race, a pool, and an entry of the money tracker."""
    if "race" in data:
        data["race"] |= {"distance": None, "weather": None, "prize_monies": None}
    for pool in (data.get("tote_pools") or [])[:1]:
        pool["total"] = None
    for entry in ((data.get("money_tracker") or {}).get("entrants") or [])[:1]:
        entry["hold_percentage"] = None


def _mistype_market(data: dict[str, Any]) -> None:
    if "race" in data:
        data["race"] |= {"distance": "1700m", "video_channels": "Trackside1", "prize_monies": []}
    for pool in (data.get("tote_pools") or [])[:1]:
        pool["total"] = "n/a"
    for entry in ((data.get("money_tracker") or {}).get("entrants") or [])[:1]:
        entry["hold_percentage"] = "9%"
