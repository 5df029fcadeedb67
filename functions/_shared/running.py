"""One run that holds the lock: its clock, its day, its budget, its counts, and how it comes to an end.

Imported only after the lock is held. The work of a function is a callable that gets a `Run`; it asks `going_on()`
before each piece of new work and may raise `Stop` at any instant: what is written stays, the next run goes on.
"""

from __future__ import annotations

import gc
import os
import threading
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

from . import attempts, nz_time
from . import runtime as runtimes
from .appwrite_http import AppwriteError, Client, path_of
from .attempts import Attempts
from .documents import Documents, Write
from .errors import BadRequest, Fatal, Retryable, Skip, Stop
from .invocation import Invocation
from .lock import (
    Lock,
    LockDenied,
    LockLost,
    LockStoreMissing,
    LockStoreUnfit,
    LockUnclear,
    Settings,
    fitted,
    read_progress,
)
from .logs import Log
from .runtime import Runtime
from .sanitize import Sanitizer

#: Parts of the memory that the specification gives. From the first on a run takes less at a time and drops what it can
#: read again; from the second on it ends. One event of a race needs a few megabytes.
HIGH, FULL = 0.7, 0.85
#: So far below `HIGH` it must be before it counts as low again.
EASED = 0.6


class Reading(NamedTuple):
    """`used` and `limit` in MB; `limit` is what the specification gives."""

    used: float
    limit: float

    @property
    def share(self) -> float:
        return self.used / self.limit


class Memory:
    """What one run takes. `used` is asked for the memory of the process, in MB; it knows nothing on some platforms."""

    def __init__(self, used: Callable[[], float | None], environ: Mapping[str, str] = os.environ) -> None:
        self._used = used
        #: MB. None: the runtime does not say, and then nothing is ever short.
        self.limit = _limit(environ.get("APPWRITE_FUNCTION_MEMORY", ""))
        self.is_high = False
        self._droppable: list[Callable[[], object]] = []

    def may_drop(self, drop: Callable[[], object]) -> None:
        """Something that a run remembers and can read again: it is called when memory is short."""
        self._droppable.append(drop)

    def look(self) -> Reading | None:
        """What is taken at this instant; None when that is not known."""
        used = None if self.limit is None else self._used()
        return None if used is None or self.limit is None else Reading(used, self.limit)

    def relieve(self) -> Reading | None:
        """Drop what can be read again, and look once more."""
        for drop in self._droppable:
            drop()
        gc.collect()
        return self.look()


def _limit(text: str) -> float | None:
    """Appwrite writes megabytes, as in its list of specifications."""
    try:
        found = float(text)
    except ValueError:
        return None
    return found if 0 < found < float("inf") else None


#: Seconds before the end of the lease in which nothing new is begun.
RESERVE = 10.0
#: The last seconds of the lease, for the log and for giving the lock back: no request waits into them.
CLOSING = 5.0

#: What is about the run as a whole, at whichever item it was met. All else that is raised about an item - by a library,
#: by its size, by a value that nobody thought of - is about that item alone.
OF_THE_RUN = (
    *(Stop, BadRequest, Fatal, AppwriteError),
    *(LockLost, LockDenied, LockStoreMissing, LockStoreUnfit, LockUnclear),
)

Item = TypeVar("Item")
Result = TypeVar("Result")
Work = Callable[["Run"], Mapping[str, Any] | None]


class Outcome(NamedTuple):
    """What the caller is answered."""

    status: int
    body: Mapping[str, Any]


class Counts:
    """Counters by name, for any number of threads."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._counts: Counter[str] = Counter()

    def add(self, name: str, number: int = 1) -> None:
        if number:
            with self._guard:
                self._counts[name] += number

    def __getitem__(self, name: str) -> int:
        return self._counts[name]

    def as_dict(self) -> dict[str, int]:
        with self._guard:
            return dict(sorted(self._counts.items()))


class Run:
    """What the work of a function has to hand."""

    def __init__(
        self, folder: str, settings: Settings, call: Invocation, log: Log, held: Lock, runtime: Runtime
    ) -> None:
        self.settings, self.call, self.log, self.held, self.runtime = settings, call, log, held, runtime
        self.database = settings.database_id
        self.counts = Counts()
        self._folder = folder
        self._phase, self._progress = "begun", dict[str, Any]()
        self._is_resumable = False
        #: Whether the work looks for refused starts by itself, when that costs nothing; else it is done at its end.
        self.looks_for_crowds = False
        self._backoff = 0.0
        self.client = Client(call.credentials, runtime=runtime, permit=held.check, left=self._left)
        #: Whether the process comes near to what its specification gives.
        self.memory = Memory(runtime.memory)
        #: What this run writes, it writes here.
        self.documents = Documents(self.client, self.database, held, report=self._report_write)
        #: The NZ day whose card this run works on. A run never goes over into the next one.
        self.day: date = nz_time.racing_day(self.now())
        self._date = nz_time.date_of(self.now())
        self._check_day()

    def _check_day(self) -> None:
        """Before anything is done: whether the lock, and the run that it was taken over from, are of this day."""
        lease, day = self.held.lease, self.day.isoformat()
        if lease.nz_date != day:
            # Midnight passed since the lock was taken, or the rules of the zone are others than `racing_date` knows.
            if lease.nz_date is not None:
                self._note_midnight("begin", lease.nz_date, day)
            self.held.report(nz_date=day, now=lease.nz_date is not None)
            lease.nz_date, lease.inherited = day, None
        if lease.takeovers and lease.nz_date_before not in (None, day):
            self._note_midnight("takeover", lease.nz_date_before, day)

    def _note_midnight(self, where: str, before: object, after: object) -> None:
        self.counts.add("midnight.crossed")
        dates = {"before": str(before), "after": str(after), "day": self.day.isoformat()}
        self.log.event("midnight.crossed", at=where, **dates, phase=self._phase)

    @cached_property
    def sanitizer(self) -> Sanitizer:
        """Cuts documents to what the schema takes."""
        return Sanitizer.load(os.path.join(self._folder, "schema.json"), self.counts.add)

    def now(self) -> datetime:
        """The instant, in UTC."""
        return datetime.fromtimestamp(self.runtime.now(), UTC)

    def timestamp(self) -> str:
        """The instant as Appwrite writes it."""
        return self.now().isoformat(timespec="milliseconds")

    def server_now(self) -> datetime:
        """The instant by the server's clock: its stamp on our lock, and the time since. Ahead by a request at most."""
        lease = self.held.lease
        return datetime.fromisoformat(lease.updated_at) + timedelta(seconds=self.runtime.clock() - lease.renewed)

    def remaining(self) -> float:
        """Seconds in which new work may be begun: until shortly before the lease ends, or the quiet window begins."""
        return max(0.0, min(self.held.remaining() - RESERVE, nz_time.seconds_until_quiet(self.now())))

    def reason_to_stop(self) -> str | None:
        """Why nothing new may be begun; None while it may."""
        now = self.now()
        today = nz_time.date_of(now)
        if today != self._date:
            # The card is that of the day before until 01:00, so this ends nothing by itself.
            before, self._date = self._date, today
            self._note_midnight("run", before, today)
        if nz_time.is_quiet(now):
            return "quiet window"
        if nz_time.racing_day(now) != self.day:
            return "the racing day is over"
        if self.held.remaining() <= RESERVE:
            return "the time of this run is used up"
        if self._is_memory_full():
            return "the memory of this run is nearly used up"
        return None

    def _left(self) -> float:
        """Seconds that a request may wait for its next attempt."""
        return max(0.0, self.held.remaining() - CLOSING)

    def _is_memory_full(self) -> bool:
        """React when memory is short; whether the run has to end although it was relieved."""
        memory, found = self.memory, self.memory.look()
        if found is None or found.share < EASED:
            memory.is_high = False
        if found is None or found.share < HIGH:
            return False
        if memory.is_high and found.share < FULL:
            return False
        relieved = memory.relieve() or found
        if not memory.is_high:
            memory.is_high = True
            self.counts.add("memory.high")
            self.log.problem("memory.high", **_taken(found, relieved), phase=self._phase)
        # What earlier runs left behind in a warm container is no reason to do nothing at all.
        if relieved.share < FULL or self._phase == "begun":
            return False
        self.counts.add("memory.full")
        self.log.problem("memory.full", **_taken(found, relieved), phase=self._phase)
        return True

    def going_on(self) -> None:
        """To be asked before each piece of new work. Raises `Stop`, or `LockLost` when this run may not write."""
        self.held.check()
        reason = self.reason_to_stop()
        if reason is not None:
            raise Stop(reason)

    def sleep(self, seconds: float) -> None:
        """Sleep, but not past the end of the run."""
        self.runtime.sleep(max(0.0, min(seconds, self.remaining())))

    def each(self, work: Callable[[Item], Result], items: Iterable[Item], width: int) -> list[Result]:
        """Do the work for all items, at most `width` at a time."""
        return runtimes.each(self.runtime, work, items, width)

    def phase(self, name: str, progress: Mapping[str, Any] | None = None, *, save: bool = False) -> None:
        """What the run is at now, for the next heartbeat; with `save` it is sent at once."""
        self._phase = name
        if progress is not None:
            self._progress = dict(progress)
        self.held.report(self._progress, phase=name, now=save)

    def _report_write(self, write: Write) -> None:
        """For the next heartbeat: how far the writing has come."""
        if write.collection != self.settings.collection_id:
            self.held.report({**self._progress, "writing": f"{write.collection}/{write.identity}"})

    def note_deaths(self) -> float:
        """Whether too many runs in a row died before this one: seconds to back off, or 0. Without any it asks nothing.

        A backoff is put into the lock at once, for whoever starts this function; its instant is on the server's clock.
        """
        deaths = attempts.backoff_after_deaths(self.held.lease.takeovers)
        # A dying run blocks the next one until its lock is stale; the backoff after deaths comes on top of that.
        seconds = deaths + self.settings.numbers.expiry if deaths else 0.0
        self._back_off(seconds, Attempts())
        return seconds

    def note_crowding(self, seen: Attempts | None = None) -> float:
        """The same, and whether this function was started too often in vain. `seen` are the refused starts, for who
        has read them already; they are counted from zero from now on."""
        if seen is None:
            # Creating the fence has shown the count already.
            document = self.held.seen if self.held.lease.is_open else attempts.look(self.client, self.settings)
            seen = attempts.read(document)
        if seen.starts and not attempts.clear(self.documents, self.settings):
            seen = Attempts()
        self._back_off(seen.backoff(attempts.CROWD_BACKOFF), seen)
        return max(self.note_deaths(), seen.backoff(attempts.CROWD_BACKOFF))

    def _back_off(self, seconds: float, seen: Attempts) -> None:
        """Say so, unless it was said already, or more was."""
        if seconds <= self._backoff:
            return
        self._backoff = seconds
        until = (self.server_now() + timedelta(seconds=seconds)).isoformat(timespec="milliseconds")
        counted = {"refusedStarts": seen.starts, "spanSeconds": seen.span, "takeovers": self.held.lease.takeovers}
        self.log.problem("run.crowded", **counted, backoffSeconds=seconds, backoffUntil=until)
        self.held.report(backoff_until=until, now=True)

    def earlier_progress(self) -> dict[str, Any]:
        """Progress of a run of the same day that did not come to its end: killed, or stopped. {} without one.

        Whoever asks for it leaves its own to the next run, when it does not come to its end either.
        """
        self._is_resumable = True
        if self.held.inherited:
            return self.held.inherited
        settings = self.settings
        locks = path_of("databases", settings.database_id, "collections", settings.collection_id, "documents")
        try:
            stored = self.client.find(locks + path_of(self._progress_document)) or {}
        except AppwriteError:
            # It only says where to begin: what is done is in the documents themselves.
            return {}
        return read_progress(stored.get("progress")) if stored.get("nzDate") == self.day.isoformat() else {}

    def keep_progress(self) -> None:
        """Store the progress where it outlives the lock. Best effort: the documents themselves are the checkpoint."""
        if not (self._progress and self._is_resumable):
            return
        progress = fitted(self._progress)
        data = {"owner": self.held.lease.owner, "generation": 0, "nzDate": self.day.isoformat()}
        data |= {"phase": self._phase, "progress": progress}
        try:
            self.documents.write([Write(self.settings.collection_id, self._progress_document, data)])
        except Exception as error:  # noqa: BLE001 - whatever it is, the run must still say how it ended
            self.log.event("progress.not_saved", error=type(error).__name__, reason=str(error)[:300])

    @property
    def _progress_document(self) -> str:
        return self.settings.lock_id.removesuffix("-lock") + "-progress"

    @property
    def phase_name(self) -> str:
        return self._phase


def _taken(found: Reading, relieved: Reading) -> dict[str, float]:
    return {"usedMb": found.used, "relievedMb": relieved.used, "limitMb": found.limit}


def perform(work: Work, slow_after: float, run: Run) -> Outcome:
    """Do the work under the lock, and say how it went, whatever happens, and whether it took too many seconds."""
    try:
        outcome = _tried(work, run)
        _forget_refused(run)
    finally:
        run.client.close()
    _summarise(run, outcome, slow_after)
    return outcome


def _tried(work: Work, run: Run) -> Outcome:
    try:
        run.going_on()
        details = work(run) or {}
    except Stop as stop:
        run.keep_progress()
        return _outcome(run, 200, "stopped", {**stop.details, "reason": str(stop)})
    except BadRequest as reason:
        return _outcome(run, reason.status, "refused", {"message": str(reason)})
    except LockLost as reason:
        return _outcome(run, 500, "lock_lost", {"message": str(reason)})
    except (Fatal, Retryable, Skip, AppwriteError, LockDenied, LockStoreMissing, LockStoreUnfit, LockUnclear) as reason:
        run.keep_progress()
        passing = isinstance(reason, (Retryable, LockUnclear)) or getattr(reason, "retryable", False)
        category = "retryable" if passing else "fatal"
        return _outcome(run, 500, "failed", {"category": category, "message": str(reason)})
    except Exception as crash:  # noqa: BLE001 - the outermost place: it must be logged as an event, and answered
        where = traceback.extract_tb(crash.__traceback__)[-1]
        run.log.problem("run.crashed", error=type(crash).__name__, reason=str(crash), at=f"{where.name}:{where.lineno}")
        # It says what was at hand, which the next run takes last.
        run.keep_progress()
        return _outcome(run, 500, "crashed", {"message": type(crash).__name__})
    return _outcome(run, 200, "done", details)


def _forget_refused(run: Run) -> None:
    """The starts that were refused meanwhile are reported, and counted from zero: an old count hides the next crowd."""
    if run.looks_for_crowds or not run.held.writable():
        return
    try:
        run.note_crowding()
    except Exception as reason:  # noqa: BLE001 - whatever it is, the run must still say how it ended
        run.log.event("refused.not_cleared", error=type(reason).__name__, reason=str(reason)[:300])


def _outcome(run: Run, status: int, outcome: str, details: Mapping[str, Any]) -> Outcome:
    about = {"outcome": outcome, "day": run.day.isoformat(), "counts": run.counts.as_dict()}
    return Outcome(status, {**details, **about, "durationMs": run.log.elapsed_ms()})


def _summarise(run: Run, outcome: Outcome, slow_after: float) -> None:
    requests = {"appwrite": run.client.requests, "lock": run.held.requests, "throttled": run.client.throttled}
    write = run.log.event if outcome.status < 500 else run.log.problem
    # In one mapping, because the details of a function may have any name.
    taken = {"phase": run.phase_name, "requests": requests, "cpuSeconds": run.log.cpu_seconds()}
    taken["memoryLimitMb"] = run.memory.limit
    write("run.summary", **{**outcome.body, **taken})
    seconds = run.log.elapsed_ms() / 1000
    if seconds > slow_after:
        run.log.problem("run.slow", seconds=seconds, slowAfterSeconds=slow_after)
