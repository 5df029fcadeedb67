"""Reading from the NZ TAB Affiliates API: politely, patiently, and believing nothing.

The operator asks every client to identify itself. Bodies are read and unpacked up to a limit, so that one odd answer
cannot take the memory of a run. Errors come out in three kinds: `Retryable` (all attempts failed, a later run may
succeed), `Skip` (this item is not available, the others are) and `Fatal` (nothing is available until somebody changes
something).
"""

from __future__ import annotations

import json
import os
import threading
import zlib
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from functools import cache
from typing import Any
from urllib.parse import urljoin

import httpx

from .backoff import RETRYABLE, Backoff, wished_wait
from .errors import Fatal, Retryable, Skip
from .running import Run


class Breaker:
    """Closed (all pass), open (none pass), or waiting for the one trial. For any number of threads."""

    def __init__(self, clock: Callable[[], float], failures: int = 3, open_seconds: float = 30.0) -> None:
        self._clock, self._limit, self._open_seconds = clock, failures, open_seconds
        self._guard = threading.Lock()
        self._failures = 0
        self._opened_at: float | None = None
        self._trial_began: float | None = None
        self._failing = set[str]()

    def allows(self) -> bool:
        """Whether a call may be made now. After the open time one caller gets True, the others wait for him."""
        with self._guard:
            if self._opened_at is None:
                return True
            now = self._clock()
            if now - self._opened_at < self._open_seconds:
                return False
            # A trial that never reported back does not block for ever.
            if self._trial_began is not None and now - self._trial_began < self._open_seconds:
                return False
            self._trial_began = now
            return True

    def opens_again_in(self) -> float:
        """Seconds until the next call may be tried; 0 while calls pass."""
        with self._guard:
            if self._opened_at is None:
                return 0.0
            return max(0.0, self._opened_at + self._open_seconds - self._clock())

    def is_failing(self, item: str) -> bool:
        """Whether this item failed the last time that it was tried."""
        with self._guard:
            return item in self._failing

    def succeeded(self, item: str = "") -> None:
        with self._guard:
            self._failing.discard(item)
            self._failures, self._opened_at, self._trial_began = 0, None, None

    def failed(self, item: str = "", *, is_news: bool = True) -> None:
        """What failed before already is no `is_news`: it may be alone in that, so it stops nobody else, and after the
        open time somebody else may be the trial."""
        with self._guard:
            self._failing.add(item)
            if not is_news:
                self._trial_began = None
                return
            self._failures += 1
            if self._failures >= self._limit or self._trial_began is not None:
                self._opened_at, self._trial_began = self._clock(), None


DEFAULT_URL = "https://api.tab.co.nz"
RACING = "/affiliates/v1/racing"
#: Recorded answers have 0.25 to 0.5 MB. The limit is for what was packed and for what comes out of it.
LONGEST_BODY = 8_000_000
CONNECT_SECONDS, READ_SECONDS = 5.0, 12.0
#: A connection that was idle for longer is not used again. The poller is started every minute near a start.
KEPT_SECONDS = 60.0
#: A body that drips in for longer than this is given up; the other limits are for one part of it.
LONGEST_READ = 30.0
#: The largest page that the meetings endpoint gives, and more pages than any day has.
PAGE, MOST_PAGES = 200, 20
_BACKOFF = Backoff(base=0.5, cap=8.0, attempts=4)


class Paused(Retryable):
    """Not even asked for, because NZ TAB failed too often just now. It says nothing about this item."""


class NzTab:
    """One client for one run, for any number of threads. Counts what it does in `run.counts` under `nztab.…`."""

    def __init__(self, run: Run, environ: Mapping[str, str] = os.environ, *, failures: int = 3) -> None:
        """After so many `failures` in a row nothing is asked for a while."""
        self._run = run
        # A relative address lies beside Appwrite: that is how the embedded server offers recorded race days.
        wanted = environ.get("NZTAB_API_BASE_URL") or DEFAULT_URL
        self._base = urljoin(run.call.credentials.endpoint, wanted).rstrip("/") + RACING
        self._breaker = Breaker(run.runtime.clock, failures)
        #: When the last good answer was made, in NZ TAB's own words.
        self.generated: Any = None
        self._http = httpx.Client(
            headers=_identity(environ),
            timeout=httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS),
            transport=run.runtime.transport(_kept_transport()),
        )

    def __enter__(self) -> NzTab:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def meetings(self, day: date) -> Iterator[dict[str, Any]]:
        """All meetings of a day, page by page. Raises `Fatal` when the answer is no list of meetings."""
        offset = 0
        for _ in range(MOST_PAGES):
            wanted = {"date_from": str(day), "date_to": str(day), "limit": str(PAGE), "offset": str(offset)}
            found = self._data("/meetings", wanted).get("meetings")
            if not isinstance(found, list):
                raise Fatal("the answer of /meetings has no list of meetings")
            yield from (each for each in found if isinstance(each, dict))
            if len(found) < PAGE:
                return
            offset += len(found)
        self._run.counts.add("nztab.too_many_pages")

    def paused_for(self) -> float:
        """Seconds until NZ TAB is asked again after it failed too often; 0 while it is asked."""
        return self._breaker.opens_again_in()

    def event(
        self,
        race: str,
        *,
        flags: tuple[str, ...],
        attempts: int = _BACKOFF.attempts,
        patience: float = float("inf"),
    ) -> dict[str, Any]:
        """One race with everything that `flags` ask for. Raises `Skip` when it is unknown or of no use.

        Who comes again soon takes fewer `attempts`: three in a row that fail stop everything for a while. No attempt
        begins after `patience` seconds.
        """
        data = self._data(f"/events/{race}", dict.fromkeys(flags, "true"), attempts, patience)
        if not isinstance(data.get("race"), dict):
            self._run.counts.add("nztab.no_race")
            raise Skip(f"event {race}: the answer has no race")
        return data

    def _data(
        self,
        path: str,
        query: Mapping[str, str],
        attempts: int = _BACKOFF.attempts,
        patience: float = float("inf"),
    ) -> dict[str, Any]:
        last, is_news = self._run.runtime.clock() + patience, not self._breaker.is_failing(path)
        for attempt in range(1, attempts + 1):
            if not self._breaker.allows():
                self._run.counts.add("nztab.circuit_open")
                raise (Paused if attempt == 1 else Retryable)(f"{path}: NZ TAB failed too often, paused")
            try:
                found = self._once(path, query)
            except _Again as trouble:
                if trouble.is_heard:
                    # A body that is broken says nothing about the next one: only that the server is there.
                    self._breaker.succeeded(path)
                else:
                    self._breaker.failed(path, is_news=is_news)
                self._run.counts.add(f"nztab.{trouble.kind}")
                wait = _BACKOFF.wait(attempt, self._run.runtime.draw) if trouble.wish is None else trouble.wish
                is_late = wait >= self._run.remaining() or self._run.runtime.clock() + wait > last
                if attempt == attempts or is_late:
                    raise Retryable(f"{path}: {trouble.kind}") from trouble
                self._run.sleep(wait)
            else:
                return found
        raise AssertionError("the last attempt returns or raises")

    def _once(self, path: str, query: Mapping[str, str]) -> dict[str, Any]:
        self._run.counts.add("nztab.requests")
        try:
            with self._http.stream("GET", self._base + path, params=dict(query)) as response:
                self._check(path, response)
                body = self._read(path, response)
        except (_Again, Skip, Fatal):
            raise
        except Exception as error:
            # Whatever the library raises about one answer, it is about that one.
            raise _Again("timeout" if isinstance(error, httpx.TimeoutException) else "unreachable") from error
        try:
            envelope = json.loads(body)
        except (ValueError, RecursionError, MemoryError) as error:
            # Cut off, or an error page with status 200: the next attempt may be whole.
            raise _Again("not_json", is_heard=True) from error
        self._breaker.succeeded(path)
        data = envelope.get("data") if isinstance(envelope, dict) else None
        if not isinstance(data, dict):
            self._run.counts.add("nztab.no_data")
            raise Skip(f"{path}: the answer has no data")
        header = envelope.get("header")
        self.generated = header.get("generated_time") if isinstance(header, dict) else None
        return data

    def _check(self, path: str, response: httpx.Response) -> None:
        status = response.status_code
        if status in RETRYABLE:
            wish = wished_wait(
                {name.lower(): value for name, value in response.headers.items()}, self._run.runtime.now()
            )
            raise _Again(f"status_{status}", wish)
        if status in (401, 403):
            raise Fatal(f"{path}: NZ TAB refuses this client ({status})")
        if status != 200:
            self._breaker.succeeded(path)
            self._run.counts.add(f"nztab.status_{status}")
            raise Skip(f"{path}: status {status}")

    def _read(self, path: str, response: httpx.Response) -> bytes:
        packed = response.headers.get("content-encoding", "identity").strip().lower()
        if packed not in ("identity", "gzip"):
            raise self._useless(path, "encoding", f"is packed as {packed[:40]!r}, which was not requested")
        # A transport that stands in for the network may have read it, and then has unpacked it.
        is_read = response.is_stream_consumed
        unpacked = _Unpacked(packed == "gzip" and not is_read)
        began = self._run.runtime.clock()
        for part in [response.content] if is_read else response.iter_raw():
            if self._run.runtime.clock() - began > LONGEST_READ:
                raise _Again("slow")
            unpacked.add(part)
            if unpacked.is_too_large:
                raise self._useless(path, "too_large", f"has more than {LONGEST_BODY} bytes")
        return unpacked.whole()

    def _useless(self, path: str, kind: str, why: str) -> Skip:
        """The server works, and its answer is of no use: it would be the same the next time."""
        self._breaker.succeeded(path)
        self._run.counts.add(f"nztab.{kind}")
        return Skip(f"{path}: the answer {why}")


class _Unpacked:
    """A body as it comes in. A few bytes may unpack to many, so no more is unpacked than may be kept."""

    def __init__(self, is_packed: bool) -> None:
        # 16 more than the largest window: with the frame of gzip.
        self._unpacker = zlib.decompressobj(zlib.MAX_WBITS + 16) if is_packed else None
        self._parts = list[bytes]()
        self._packed = self._size = 0

    @property
    def is_too_large(self) -> bool:
        return max(self._packed, self._size) > LONGEST_BODY

    def add(self, part: bytes) -> None:
        """Raises `_Again` when it cannot be unpacked."""
        self._packed += len(part)
        if self._unpacker is not None:
            try:
                part = self._unpacker.decompress(part, LONGEST_BODY + 1 - self._size)
            except zlib.error as error:
                raise _Again("not_unpacked", is_heard=True) from error
        self._size += len(part)
        self._parts.append(part)

    def whole(self) -> bytes:
        """All of it. Raises `_Again` when the end is missing."""
        if self._unpacker is not None and not self._unpacker.eof:
            raise _Again("not_unpacked", is_heard=True)
        return b"".join(self._parts)


class _Kept(httpx.HTTPTransport):
    """Stays open when a run is over: the next one in a warm container goes on with its connections."""

    def close(self) -> None:
        """A connection ends when it was idle for too long or the server has closed it; both is looked at before use."""


@cache
def _kept_transport() -> _Kept:
    """One for all runs of a container. Loading the certificates takes a while, too."""
    limits = httpx.Limits(max_connections=16, keepalive_expiry=KEPT_SECONDS)
    return _Kept(verify=httpx.create_ssl_context(), limits=limits)


class _Again(Exception):
    """This attempt failed; `wish` is how long the server asks us to wait. `is_heard`: it did answer, with rubbish."""

    def __init__(self, kind: str, wish: float | None = None, *, is_heard: bool = False) -> None:
        super().__init__(kind)
        self.kind, self.wish, self.is_heard = kind, wish, is_heard


def _identity(environ: Mapping[str, str]) -> dict[str, str]:
    """Who we are. The contact and the partner are settings of the operator, not of the code."""
    wanted = {
        "Accept": "application/json",
        "Accept-Encoding": "gzip",
        "User-Agent": environ.get("NZTAB_USER_AGENT") or "Raceday/1.0",
        "From": environ.get("NZTAB_CONTACT", ""),
        "X-Partner": environ.get("NZTAB_PARTNER") or "Raceday",
        "X-Partner-ID": environ.get("NZTAB_PARTNER_ID") or "raceday",
    }
    return {name: value for name, value in wanted.items() if value}
