"""A race day on which NZ TAB misbehaves: some races of the recorded day, moved together, and what is done to them.

The real functions run in this process, in virtual time, against the embedded server: the morning's imports, the
scheduler every minute, the poller whenever it is started. What is done to which race is drawn from the seed; all other
races are as they are, and have to be imported, polled on time and stored to their end.
"""

from __future__ import annotations

import asyncio
import copy
import gzip
import importlib
import json
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from random import Random
from typing import Any
from urllib.parse import parse_qsl

import httpx

from raceday_iac.devserver.app import App
from raceday_iac.devserver.functions.executor import Job, Outcome
from raceday_iac.raceday.nztab.days import make_day
from raceday_iac.raceday.nztab.fields import make_timeline
from raceday_iac.raceday.nztab.model import NZ, Day, Meeting, Race
from raceday_iac.raceday.simulation.day import Followed, gaps

from .poller_day import POLLER
from .poller_standin import PollerStandIn
from .raceday import Called, Raceday, package_of
from .standin_run import Sent

DATE = date(2025, 7, 17)
SCHEDULER = "master-race-scheduler"
RACES, HOSTILE = 4, 3
#: Seconds that an answer of NZ TAB takes.
UPSTREAM = 0.3
MINUTE = 60.0

#: What stands in an answer where something else is expected.
ODD: tuple[Any, ...] = (
    *(None, True, 7, -1.5, 10**400, float("inf"), "", "text", "\ud800", "x" * 70_000),
    *([], {}, [None, 3, "x", [], {}], {"a": None}, [[[[]]]]),
)
_DEEP = b"[" * 900 + b"]" * 900
_HOLDERS = (dict, list)


class Hostility:
    """What is done to the answers about one race: to each of them, or to every other one."""

    def __init__(self, kind: str, every: int, draw: Random, others: list[str]) -> None:
        self.kind, self.every = kind, every
        self._draw, self._others = draw, others
        self._seen = 0

    def answer(self, ask: Callable[[], httpx.Response], time: Any) -> httpx.Response:
        self._seen += 1
        return ask() if self._seen % self.every else KINDS[self.kind](self._draw, ask, self._others, time)


Spoil = Callable[[Random, Callable[[], httpx.Response], list[str], Any], httpx.Response]


def _raising(*errors: BaseException) -> Spoil:
    def spoil(draw: Random, _ask: Any, _others: Any, _time: Any) -> httpx.Response:
        raise draw.choice(errors)

    return spoil


def _broken(draw: Random, ask: Callable[[], httpx.Response], _others: Any, _time: Any) -> httpx.Response:
    """A body that is none."""
    whole = ask().read()
    bodies: list[tuple[bytes, str]] = [
        *((whole[: draw.randrange(len(whole))], "identity"), (b"", "identity"), (b"\xff\xfe\x00", "identity")),
        *((b"<html>Just an instant...</html>", "identity"), (b"[" * 200_000, "identity"), (b"[" + whole, "identity")),
        *((b"no gzip", "gzip"), (gzip.compress(whole[:200])[: draw.randrange(10, 60)], "gzip"), (whole, "br")),
        (b'{"data":{"race":' + _DEEP + b"}}", "identity"),
    ]
    body, packed = draw.choice(bodies)
    return httpx.Response(200, headers={"content-encoding": packed}, stream=Sent([body]))


def _slow(_draw: Random, _ask: Any, _others: Any, time: Any) -> httpx.Response:
    time.sleep(12.0)
    raise httpx.ReadTimeout("nothing came")


def _status(draw: Random, *_: Any) -> httpx.Response:
    wish = draw.choice(({}, {"retry-after": "30"}))
    return httpx.Response(draw.choice((301, 400, 404, 408, 410, 429, 500, 503, 504)), headers=wish)


def _changed(change: Callable[[Random, dict[str, Any], list[str]], None]) -> Spoil:
    def spoil(draw: Random, ask: Callable[[], httpx.Response], others: list[str], _time: Any) -> httpx.Response:
        envelope = json.loads(ask().read())
        change(draw, envelope, others)
        return httpx.Response(200, content=json.dumps(envelope).encode())

    return spoil


def _wrong_types(draw: Random, envelope: dict[str, Any], _others: list[str]) -> None:
    """A few values anywhere in the answer."""
    places = _places(envelope["data"])
    for _ in range(draw.randint(1, 12)):
        holder, key = draw.choice(places)
        holder[key] = copy.deepcopy(draw.choice(ODD))


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every place below a value that holds another one."""
    found: list[tuple[Any, Any]] = []
    left = [value]
    while left:
        holder = left.pop()
        keys = range(len(holder)) if isinstance(holder, list) else holder
        found += [(holder, key) for key in keys]
        left += [each for each in (holder if isinstance(holder, list) else holder.values()) if type(each) in _HOLDERS]
    return found


def _missing(draw: Random, envelope: dict[str, Any], _others: list[str]) -> None:
    """Whole parts of the answer."""
    data = envelope["data"]
    for key in draw.sample(sorted(data), draw.randint(1, 5)):
        del data[key]
    if draw.random() < 0.3:
        envelope["data"] = draw.choice(ODD[:-1])


def _duplicates(draw: Random, envelope: dict[str, Any], others: list[str]) -> None:
    """Runners twice, pools twice, or the event of another race under this one's address."""
    data = envelope["data"]
    for key in ("runners", "tote_pools", "results", "dividends"):
        if isinstance(data.get(key), list):
            data[key] *= 2
    if draw.random() < 0.5:
        data["race"]["event_id"] = draw.choice(others)


def _moved(draw: Random, envelope: dict[str, Any], _others: list[str]) -> None:
    """Another start, another day."""
    data = envelope["data"]["race"]
    data["advertised_start"] += draw.choice((-86_400, -3600, 1200, 3600, 86_400, 10**12))
    data["race_date_nz"] = draw.choice((str(DATE), "2025-07-18", "2025-07-16", "", None))


def _late(draw: Random, envelope: dict[str, Any], _others: list[str]) -> None:
    """Still open, or of a status that nobody knows."""
    envelope["data"]["race"]["status"] = draw.choice(("Open", "Open", "Delayed", "open", "Closed"))


KINDS: dict[str, Spoil] = {
    "broken": _broken,
    "raising": _raising(
        *(httpx.DecodingError("x"), httpx.ConnectError("x"), httpx.RemoteProtocolError("cut"), ssl.SSLError("x")),
        *(RecursionError("x"), UnicodeDecodeError("utf-8", b"\xff", 0, 1, "x"), RuntimeError("x"), MemoryError()),
    ),
    "slow": _slow,
    "status": _status,
    "wrong types": _changed(_wrong_types),
    "missing": _changed(_missing),
    "duplicates": _changed(_duplicates),
    "moved": _changed(_moved),
    "late": _changed(_late),
}


def _hostilities(seed: int) -> list[tuple[str, int]]:
    """What is done on this day. Six days in a row have everything once, in an order of their own."""
    everything = [(kind, every) for kind in sorted(KINDS) for every in (1, 2)]
    block, place = divmod(HOSTILE * seed, len(everything))
    Random(f"hostilities/{block}").shuffle(everything)
    return everything[place : place + HOSTILE]


@dataclass
class HostileDay:
    """One day, lived by `live`. What was found is in the other fields."""

    raceday: Raceday
    seed: int
    called: list[tuple[str, Called]] = field(default_factory=list)
    polls: dict[str, list[float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._draw = Random(f"hostile/{self.seed}")
        self._guard = threading.Lock()
        self._app = App(self.raceday.server.server)
        self.day = _day(self._draw, self.seed)
        self.raceday.nztab._days[DATE] = self.day
        races = [race.id for race in self.day.imported]
        hostile = zip(self._draw.sample(races, HOSTILE), _hostilities(self.seed), strict=True)
        self.hostile = {race: Hostility(*what, self._draw, races) for race, what in hostile}
        self.end = max(race.timeline.dividends for race in self.good).timestamp() + 3 * MINUTE

    @property
    def good(self) -> list[Race]:
        return [race for race in self.day.imported if race.id not in self.hostile]

    def live(self) -> HostileDay:
        """From seven in the morning until the last of the good races is settled."""
        poller = _RealPoller(self)
        for hour, minute, function in ((7, 0, "daily-meetings"), (8, 0, "daily-races"), (8, 30, "daily-initial-data")):
            self._go_to(hour, minute)
            self._call(function)
        self._go_to(9, 0)
        time = self.raceday.time
        while time.seconds() < self.end:
            if time.seconds() % (15 * MINUTE) < MINUTE:
                time.start(lambda: self._call("meeting-status-poller"), "status")
            self._call(SCHEDULER)
            time.sleep(MINUTE - time.seconds() % MINUTE)
        while poller.active:
            time.sleep(1.0)
        return self

    def problems(self) -> Iterator[str]:
        """What must not be, one sentence each."""
        for function, called in self.called:
            yield from _unsaid(function, called)
        stored = {each["$id"]: each for each in self.raceday.documents("races")}
        for race in self.good:
            document = stored.get(race.id)
            if document is None or document["raceDateNz"] != str(DATE):
                yield f"{race} is not imported"
                continue
            if document["status"] != race.timeline.status_at(self.raceday.time.now()):
                yield f"{race} is stored as {document['status']}"
            yield from self._late(race)

    def _late(self, race: Race) -> Iterator[str]:
        polls = self.polls.get(race.id, [])
        statuses = [(poll + UPSTREAM, race.timeline.status_at(datetime.fromtimestamp(poll, NZ))) for poll in polls]
        opening = datetime(DATE.year, DATE.month, DATE.day, 9, tzinfo=NZ).timestamp()
        _, late = gaps(Followed(race.id, race.start.timestamp(), polls, statuses), opening, self.end)
        for gap in late:
            since = datetime.fromtimestamp(gap.since, NZ)
            yield f"{race} ({gap.row}) was due for {gap.seconds:.0f} s from {since:%H:%M:%S}"

    def _go_to(self, hour: int, minute: int) -> None:
        wanted = datetime(DATE.year, DATE.month, DATE.day, hour, minute, tzinfo=NZ)
        self.raceday.time.sleep(max(0.0, wanted.timestamp() - self.raceday.time.seconds()))

    def _call(self, function: str, body: Any = None) -> Called:
        answer_type = importlib.import_module(f"{package_of(function)}.src.vendor.connection").Answer
        way = _Within(self.raceday, self._app, self.raceday.credentials_of(function), answer_type)
        called = self.raceday.call(function, body, transport=self._transport, connect=lambda _: way)
        with self._guard:
            self.called.append((function, called))
        return called

    def _transport(self, _real: Any) -> httpx.MockTransport:
        return httpx.MockTransport(self._answer)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        """As the embedded server would, without the way to it."""
        time = self.raceday.time
        route, _, race = request.url.path.partition("/nztab")[2].rpartition("/")
        if route.endswith("/events"):
            with self._guard:
                self.polls.setdefault(race, []).append(time.seconds())
        time.sleep(UPSTREAM)

        def ask() -> httpx.Response:
            query = str(request.url.query, "ascii")
            path = request.url.path.partition("/nztab")[2]
            answer = self.raceday.nztab.answer("GET", path, query, {k.lower(): v for k, v in request.headers.items()})
            return httpx.Response(answer.status, headers=dict(answer.headers), content=answer.body)

        if race in self.hostile:
            return self.hostile[race].answer(ask, time)
        if route.endswith("/racing") and race == "meetings":
            return self._list(ask, dict(parse_qsl(str(request.url.query, "ascii"))))
        return ask()

    def _list(self, ask: Callable[[], httpx.Response], _query: dict[str, str]) -> httpx.Response:
        """The list of meetings: what it says of the hostile races is spoilt, and so are meetings that are not there."""
        with self._guard:
            return _spoilt_list(self._draw, ask(), set(self.hostile))


def _spoilt_list(draw: Random, answer: httpx.Response, hostile: set[str]) -> httpx.Response:
    if draw.random() < 0.2:
        return httpx.Response(draw.choice((500, 503, 429)), headers={"retry-after": "5"})
    envelope = json.loads(answer.read())
    meetings = envelope["data"]["meetings"]
    for meeting in meetings:
        for number, race in enumerate(list(meeting["races"])):
            if race["id"] in hostile and draw.random() < 0.5:
                meeting["races"][number] = _spoilt_race(draw, race)
    for _ in range(draw.randint(0, 4)):
        bad = copy.deepcopy(draw.choice(meetings))
        bad |= {"meeting": f"bad-{draw.random()}", "races": []}
        bad[draw.choice(sorted(bad))] = draw.choice(ODD)
        meetings.insert(draw.randrange(len(meetings) + 1), draw.choice((bad, draw.choice(ODD))))
    if draw.random() < 0.3:
        meetings.append(copy.deepcopy(draw.choice([each for each in meetings if _has_races(each)])))
    return httpx.Response(200, content=json.dumps(envelope).encode())


def _has_races(meeting: Any) -> bool:
    return isinstance(meeting, dict) and bool(meeting.get("races"))


def _spoilt_race(draw: Random, race: dict[str, Any]) -> Any:
    """Of a hostile race: nothing, another start, or something odd in a field."""
    if draw.random() < 0.2:
        return draw.choice(ODD)
    spoilt = dict(race)
    if draw.random() < 0.4:
        start = datetime.fromisoformat(race["start_time"]) + timedelta(minutes=draw.choice((-90, 20, 60, 1440)))
        spoilt["start_time"] = start.isoformat().replace("+00:00", "Z")
    else:
        spoilt[draw.choice([key for key in sorted(spoilt) if key != "id"])] = draw.choice(ODD)
    return spoilt


def _unsaid(function: str, called: Called) -> Iterator[str]:
    """Every run says how it ended: one summary, or that it was refused."""
    summaries, refused = called.context.events("run.summary"), called.context.events("lock.refused")
    if len(summaries) + len(refused) != 1:
        yield f"a run of {function} has {len(summaries)} summaries: {called.body}"
    if called.context.events("run.crashed"):
        yield f"a run of {function} crashed: {called.context.events('run.crashed')[0]}"
    if called.status >= 500:
        yield f"a run of {function} failed: {called.body}"


def _day(draw: Random, seed: int) -> Day:
    """Some meetings of the recorded day with one to four of their races, all within an hour from about nine on."""
    recorded = make_day(DATE, seed)
    wanted = {race.id for race in draw.sample(list(recorded.imported), RACES)}
    return Day(DATE, seed, tuple(_meeting(draw, seed, each, wanted) for each in recorded.meetings))


def _meeting(draw: Random, seed: int, meeting: Meeting, wanted: set[str]) -> Meeting:
    if not meeting.facts.is_imported:
        # One race of each of the others, to be left out.
        return replace(meeting, races=meeting.races[:1])
    races = [_at(draw, seed, race) for race in meeting.races if race.id in wanted]
    return replace(meeting, races=tuple(races))


def _at(draw: Random, seed: int, race: Race) -> Race:
    start = datetime(DATE.year, DATE.month, DATE.day, 9, tzinfo=NZ).timestamp() + 60 * draw.randint(3, 9)
    instant = datetime.fromtimestamp(start, race.start.tzinfo)
    return replace(race, is_recorded=False, timeline=make_timeline(seed, race.id, instant, "", draw.randint(0, 200)))


class _Within:
    """A connection to the embedded server without the network between: the same application, asked on its own loop."""

    def __init__(self, raceday: Raceday, app: App, credentials: Any, answer_type: Callable[..., Any]) -> None:
        self._loop, self._app, self._answer = raceday.server._loop, app, answer_type
        named = {"x-appwrite-project": credentials.project, "x-appwrite-key": credentials.key}
        self._headers = {"host": "127.0.0.1", **named}

    def send(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Any:
        address, _, query = path.partition("?")
        given = {
            **self._headers,
            "content-type": "application/json",
            **{k.lower(): v for k, v in (headers or {}).items()},
        }
        scope = {
            **{"type": "http", "method": method, "path": f"/v1{address}", "raw_path": f"/v1{address}".encode()},
            **{"query_string": query.encode(), "headers": [(k.encode(), v.encode()) for k, v in given.items()]},
            **{"client": ("127.0.0.1", 1), "http_version": "1.1", "scheme": "http", "root_path": ""},
        }
        content = b"" if body is None else json.dumps(body).encode()
        sent: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": content, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        asyncio.run_coroutine_threadsafe(self._app(scope, receive, send), self._loop).result()
        reported = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return self._answer(sent[0]["status"], reported, b"".join(each.get("body", b"") for each in sent[1:]))

    def close(self) -> None:
        """There is nothing to close."""


class _RealPoller(PollerStandIn):
    """The server's executor: it runs the poller itself."""

    def __init__(self, day: HostileDay) -> None:
        super().__init__(day.raceday, None)  # type: ignore[arg-type] - only its own `_execute` needs them
        self._day = day
        self.active = 0

    async def run(self, job: Job) -> Outcome:
        self.active += 1
        try:
            return await super().run(job)
        finally:
            self.active -= 1

    def _execute(self, job: Job) -> None:
        called = self._day._call(POLLER, job.body)
        self.status = called.status
