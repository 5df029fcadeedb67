"""The player: answers requests to the API by a clock, from days made as they are asked for, and badly on demand.

It does no I/O: who serves it sends the bytes and waits out the delay. Requests are counted here, not with Appwrite's.
No bad answer happens by itself; chance is decided by the seed, so it is the same each time.
"""

from __future__ import annotations

import copy
import json
import re
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import parse_qsl, urlencode

from ...devserver.keys import CONTROL_SCOPE
from ...devserver.params import Param, Refused, boolean, list_of, whole_number
from ...devserver.web import RawAnswer as Answer
from ...devserver.web import Reply, Request, Routes
from .answers import PLAYED, Asked, BadQuery, Content
from .cards import RECORDED_DATE
from .days import make_day
from .model import NZ, Day, Meeting, NztabSettings, Race, dice

if TYPE_CHECKING:
    from ...devserver.server import Server


#: The path below which the API is found on the embedded server.
MOUNT = "/nztab"
#: What it is called among the services of a server.
SERVICE = "nztab"
BASE = "/affiliates/v1/racing"
#: Headers by which a client says who it is, as the operator asks.
IDENTITY = ("user-agent", "from", "x-partner", "x-partner-id")
JSON = {"content-type": "application/json; charset=utf-8"}
#: Days that are kept; a simulation meets three.
KEPT_DAYS = 40


class Clock(Protocol):
    def now(self) -> datetime: ...


class Nztab:
    """The played API of one server."""

    def __init__(self, clock: Clock, settings: NztabSettings | None = None) -> None:
        self.clock = clock
        self._initial = settings or NztabSettings()
        self.settings = self._initial
        self.faults = NztabFaults()
        #: Requests by route (`meetings`, `meeting`, `event`, `list`, `unknown`), by status, and by id of the event.
        self.requests: Counter[str] = Counter()
        self.statuses: Counter[int] = Counter()
        self.polls: Counter[str] = Counter()
        #: Requests that lacked one of the identifying headers.
        self.anonymous = 0
        self._days: dict[date, Day] = {}

    def use(self, **changes: Any) -> None:
        """Change settings; the days are made again."""
        self.settings = replace(self.settings, **changes)
        self._days.clear()

    def reset(self) -> None:
        """As it was at the start: no faults, no counts, the first settings."""
        self.use(**vars(self._initial))
        self.faults.clear()
        self.reset_counts()

    def reset_counts(self) -> None:
        for counter in (self.requests, self.statuses, self.polls):
            counter.clear()
        self.anonymous = 0

    def day(self, day: date) -> Day | None:
        """The card of a date; None when another date is played."""
        if self.settings.date not in (None, day):
            return None
        if day not in self._days:
            while len(self._days) >= KEPT_DAYS:
                del self._days[next(iter(self._days))]
            self._days[day] = make_day(day, self.settings.seed, self.settings.races)
        return self._days[day]

    def race(self, race_id: str) -> Race | None:
        return next((race for day in self._likely_days() if (race := day.race(race_id))), None)

    def meeting(self, meeting_id: str) -> Meeting | None:
        return next((meeting for day in self._likely_days() if (meeting := day.meeting(meeting_id))), None)

    def _likely_days(self) -> Iterator[Day]:
        """Days on which an id may be found: those made before, and, for a server that was started again, today,
        yesterday, tomorrow and the recorded one."""
        made = list(self._days.values())
        yield from made
        today = self.clock.now().astimezone(NZ).date()
        for wanted in (today, today - timedelta(days=1), today + timedelta(days=1), RECORDED_DATE):
            day = self.day(wanted)
            if day is not None and day not in made:
                yield day

    def answer(self, method: str, path: str, query: str = "", headers: Mapping[str, str] | None = None) -> Answer:
        """Answer a request for `path` below `MOUNT`. Header names are lower-case."""
        now = self.clock.now().astimezone(UTC)
        route, asked_id = find_route(path)
        self.requests[route] += 1
        if asked_id and route == "event":
            self.polls[asked_id] += 1
        if not all((headers or {}).get(name) for name in IDENTITY):
            self.anonymous += 1
        answer = self._answer(method, path, query, route, asked_id, now)
        self.statuses[answer.status] += 1
        return answer

    def _answer(self, method: str, path: str, query: str, route: str, asked_id: str, now: datetime) -> Answer:
        asked = Asked(route, asked_id, dict(parse_qsl(query, keep_blank_values=True)), now)
        if self.faults.is_too_fast(now):
            return _refusal(asked, path, BadQuery(429, "too many requests"), {"retry-after": "1"})
        fault, delay = self.faults.take(route, asked_id, self.settings.seed)
        if fault is not None and fault.kind == "cut":
            return Answer(0, b"", delay=delay, is_cut=True)
        try:
            if fault is not None and fault.kind == "status":
                raise BadQuery(fault.status, "fault on demand")
            if route not in PLAYED:
                raise BadQuery(404, "no such endpoint")
            if method != "GET":
                raise BadQuery(405, "only GET is understood")
            return replace(_encode(asked, path, PLAYED[route](self, asked), fault), delay=delay)
        except BadQuery as refused:
            wait = {} if fault is None or fault.retry_after is None else {"retry-after": str(fault.retry_after)}
            return replace(_refusal(asked, path, refused, wait), delay=delay)


PATHS = (
    ("meetings", re.compile(rf"{BASE}/meetings/?")),
    ("meeting", re.compile(rf"{BASE}/meetings/(?P<id>[^/]+)/?")),
    ("event", re.compile(rf"{BASE}/events/(?P<id>[^/]+)/?")),
    ("list", re.compile(rf"{BASE}/list/?")),
)


def find_route(path: str) -> tuple[str, str]:
    """The route of a path below `MOUNT`, and the id in it."""
    for route, pattern in PATHS:
        found = pattern.fullmatch(path)
        if found:
            return route, found.groupdict().get("id", "")
    return "unknown", ""


def _encode(asked: Asked, path: str, content: Content, fault: NztabFault | None) -> Answer:
    answer = {"header": _header(asked, path, content.title), "params": content.params, "data": content.data}
    kind = fault.kind if fault is not None else ""
    if kind in ("missing", "nulls", "wrong_types", "duplicates"):
        answer = spoil_data(kind, asked.route, answer)
    body = json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode()
    if kind in ("truncated", "html", "empty", "huge", "not_object"):
        body = spoil_body(kind, body)
    return Answer(200, body, {"content-type": "text/html"} if kind == "html" else JSON)


def _refusal(asked: Asked, path: str, refused: BadQuery, headers: Mapping[str, str]) -> Answer:
    """No refusal was recorded: the envelope of all answers, without data and with the reason."""
    answer = {"header": _header(asked, path, "Error"), "params": asked.query, "data": None, "error": refused.reason}
    return Answer(refused.status, json.dumps(answer).encode(), {**JSON, **headers})


def _header(asked: Asked, path: str, title: str) -> dict[str, str]:
    query = urlencode(sorted(asked.query.items()))
    instant = f"{asked.now:%Y-%m-%dT%H:%M:%S.%f}".rstrip("0").rstrip(".")
    return {"title": title, "generated_time": f"{instant}Z", "url": f"{path}?{query}" if query else path}


# Control routes of the played API below /v1/_dev/nztab: what is played, what goes wrong, what was asked.


routes = Routes()


class NztabPlugin:
    """The played API as a part of the embedded server."""

    SCHEMA = ""
    mount = MOUNT
    routes = routes

    def __init__(self, settings: NztabSettings | None = None) -> None:
        self._settings = settings

    def attach(self, server: Server) -> None:
        server.services[SERVICE] = Nztab(server.clock, self._settings)

    def on_start(self, server: Server) -> None:
        """Nothing to resume: days are made again, faults and counts do not outlive the process."""

    def answer(self, server: Server, method: str, path: str, query: str, headers: Mapping[str, str]) -> Answer:
        return nztab_of(server).answer(method, path, query, headers)


def nztab_of(server: Server) -> Nztab:
    """The API that a server plays."""
    found: Nztab = server.services[SERVICE]
    return found


def day_or_any(value: Any) -> str:
    """A date, or nothing for whichever is asked for."""
    if value == "":
        return ""
    try:
        return str(date.fromisoformat(value))
    except (TypeError, ValueError):
        raise Refused("Value must be a date (YYYY-MM-DD) or empty") from None


def fault(value: Any) -> NztabFault:
    """One fault as an object with the fields of `NztabFault`, in camel case."""
    if not isinstance(value, dict):
        raise Refused("Value must be an object")
    unknown = sorted(set(value) - set(FAULT_FIELDS))
    if unknown or "kind" not in value:
        raise Refused(f"Value must have a kind, and may have {', '.join(list(FAULT_FIELDS)[1:])}")
    fields: dict[str, Any] = {FAULT_FIELDS[name]: given for name, given in value.items()}
    fields["ids"] = frozenset(fields.get("ids", ()))
    try:
        return NztabFault(**fields)
    except (TypeError, ValueError) as problem:
        raise Refused(str(problem)) from None


FAULT_FIELDS = {
    "kind": "kind",
    "route": "route",
    "ids": "ids",
    "every": "every",
    "rate": "rate",
    "times": "times",
    "status": "status",
    "retryAfter": "retry_after",
    "seconds": "seconds",
}


def _describe(server: Server) -> dict[str, Any]:
    nztab = nztab_of(server)
    settings = nztab.settings
    return {
        "date": str(settings.date) if settings.date else "",
        "seed": settings.seed,
        "races": settings.races or 0,
        "full": settings.full,
        "requestsPerSecond": nztab.faults.requests_per_second,
        "faults": [_describe_fault(rule) for rule in nztab.faults.rules],
        "requests": dict(nztab.requests),
        "statuses": {str(status): count for status, count in nztab.statuses.items()},
        "anonymous": nztab.anonymous,
    }


def _describe_fault(rule: NztabFault) -> dict[str, Any]:
    fields = asdict(rule) | {"ids": sorted(rule.ids)}
    return {name: fields[field] for name, field in FAULT_FIELDS.items()} | {"seen": rule.seen, "done": rule.done}


@routes.add("GET", "/_dev/nztab", CONTROL_SCOPE)
def show(server: Server, _request: Request, _values: dict[str, Any]) -> Reply:
    return Reply(200, _describe(server))


@routes.add(
    "PATCH",
    "/_dev/nztab",
    CONTROL_SCOPE,
    Param("date", day_or_any, None, nullable=True),
    Param("seed", whole_number(0, 2**31 - 1), None, nullable=True),
    Param("races", whole_number(0, 999), None, nullable=True),
    Param("full", boolean, None, nullable=True),
    Param("requestsPerSecond", whole_number(0, 1_000_000), None, nullable=True),
    Param("faults", list_of(fault, 100), None, nullable=True),
)
def change(server: Server, _request: Request, values: dict[str, Any]) -> Reply:
    """Change what is played and what goes wrong. What is left out stays as it is; a given list of faults replaces the
    present one; an empty date and no races mean the recorded card on any day."""
    nztab = nztab_of(server)
    changes: dict[str, Any] = {name: values[name] for name in ("seed", "full") if values[name] is not None}
    if values["date"] is not None:
        changes["date"] = date.fromisoformat(values["date"]) if values["date"] else None
    if values["races"] is not None:
        changes["races"] = values["races"] or None
    if changes:
        nztab.use(**changes)
    if values["requestsPerSecond"] is not None:
        nztab.faults.requests_per_second = values["requestsPerSecond"]
    if values["faults"] is not None:
        nztab.faults.rules = values["faults"]
    return Reply(200, _describe(server))


@routes.add("DELETE", "/_dev/nztab", CONTROL_SCOPE)
def reset(server: Server, _request: Request, _values: dict[str, Any]) -> Reply:
    """Disarm the faults, forget the counts, and play what the server was started with."""
    nztab_of(server).reset()
    return Reply(204)


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
HTML = b"<!DOCTYPE html><html><head><title>Attention</title></head><body><h1>Just an instant...</h1></body></html>\n"

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
