"""The lock protocol as pure steps: who may run, how a lease is kept and given back. No input or output here.

Each operation is a generator that yields what it wants to ask the lock store and receives the reply, so the same
code runs against a server, against faults and in an exhaustive exploration of every interleaving.

Two rules, one behind the other:

*A run sends a write only while its lease is writable, and nobody else can obtain the lease before that instant has
passed.* The owner counts from the instant before it sent a request (its own monotonic clock), a contender from the
instant the server recorded it (the server's clock), so the owner always stops first. That saves writes in vain.

*A write is carried out only while the fence of its run exists, and nobody writes before all earlier fences are gone for
good.* A fence is a document that every transaction of a run changes first. This one holds whatever the clocks say, and
for requests that are carried out long after they were sent. It rests on three things only: the id of a fence is used
once, it is sent once, and nothing is written through it before two questions were asked *after* it was known to be
there: is the lock still ours, and which other fences are there (they are removed)?
"""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping, Sequence
from datetime import UTC, datetime

from .typed import Any, NamedTuple

#: How often acquiring may start over after unclear answers or a lock that was released under our eyes.
TRIES = 6
#: How often giving back is tried, and the removal of the fence before it.
RELEASE_TRIES = 3
#: No function of the server can run longer, so no stored number above it is believed.
LONGEST_RUN = 900.0
#: A stamp so far in the future of the server's clock cannot come from its rounding: the clock has gone back.
ROUNDING = 1.0
#: What a 404 has to say before it counts: that the document, or all of the store, is not there.
NO_DOCUMENT = "document_not_found"
NO_STORE = ("collection_not_found", "database_not_found")


class LockStoreMissing(Exception):
    """The lock collection (or its database) does not exist. Never to be mistaken for a lock that is held."""


class LockStoreUnfit(Exception):
    """The lock collection refuses our document: attributes are missing or still being made."""


class LockDenied(Exception):
    """The key may not use the lock collection."""


class LockUnclear(Exception):
    """The server gave no usable answer for so long that nobody can say whether we hold the lock."""


class Ask(NamedTuple):
    """A request to the lock store.

    `create`, `read`, `change` and `remove` are for the lock document, or for the fence that is named. `list` finds all
    that belongs to the lock: `{"lock": document or None, "fences": ids}`. `recall` and `note` read and write what was
    seen of the lock by runs that found it held.
    """

    verb: str
    data: Mapping[str, Any] | None = None
    #: Refuse the write when the stored document is newer than this (compare-and-set).
    unless_newer_than: str | None = None
    fence: str = ""


class Pause(NamedTuple):
    """Wait before going on; the number counts the unclear answers so far."""

    attempt: int


class Reply(NamedTuple):
    """What came back. Status 0: no answer of the server, the request may have been carried out."""

    status: int
    document: Mapping[str, Any]
    server_now: float | None
    #: By the monotonic clock of this machine, and by its calendar clock.
    sent_at: float
    wall: float = 0.0


class Numbers(NamedTuple):
    """Seconds. `margin` is how much earlier than the others believe an owner stops writing."""

    stale_after: float
    heartbeat: float
    expiry: float

    @property
    def margin(self) -> float:
        return max(1.0, min(5.0, self.stale_after / 10))


class Claim(NamedTuple):
    """Who wants the lock. The owner id is new for every attempt to run, so a lost answer can be recognised."""

    owner: str
    execution: str
    lock: str
    #: The racing day that it would work on. None for whoever works on none.
    nz_date: str | None = None
    #: Runs of one machine, up to its next start, share a monotonic clock. Empty: unknown.
    machine: str = ""
    #: Whether the lock document names the fence. The collection of the version before fences cannot.
    names_fence: bool = True


class Found(NamedTuple):
    """A lock document as read."""

    owner: str
    generation: int
    beats: int
    takeovers: int
    updated_at: str
    touched: float
    acquired: float
    stale_after: float | None
    expiry: float | None
    progress: str | None
    phase: str | None
    #: The racing day that its owner works on.
    nz_date: str | None = None


class Refusal(NamedTuple):
    """We may not run: the lock is held by a live run. Ages are None when the server gave no time."""

    found: Found
    heartbeat_age: float | None = None
    lock_age: float | None = None


class Lease:
    """What an owner knows about its own lock. Times are the owner's monotonic clock."""

    def __init__(
        self, numbers: Numbers, owner: str, lock: str, found: Found, *, since: float, renewed: float, created_at: str
    ) -> None:
        self.numbers = numbers
        self.owner = owner
        self.lock = lock
        self.generation = found.generation
        self.takeovers = found.takeovers
        #: Another one for each acquisition.
        self.token = (created_at, found.generation)
        #: The fence that we have created; nothing may be written before it `is_open`.
        self.fence = ""
        self.is_open = False
        #: How many fences were sent. The id of each is used once.
        self.fences = 0
        #: Progress left behind by the run we took over from, when that worked on the same day.
        self.inherited = found.progress
        #: The racing day in the lock document, and that of the run we took over from.
        self.nz_date = found.nz_date
        self.nz_date_before: str | None = None
        self.updated_at = found.updated_at
        self.beats = found.beats
        self.since = since
        self.renewed = renewed
        self.lost: str | None = None
        self._unconfirmed: float | None = None

    @property
    def until(self) -> float:
        """The instant from which this run must not write any more."""
        freshest = min(self.renewed + self.numbers.stale_after, self.since + self.numbers.expiry)
        return freshest - self.numbers.margin

    @property
    def deadline(self) -> float:
        """The latest instant that any heartbeat can extend the lease to."""
        return self.since + self.numbers.expiry - self.numbers.margin

    def writable(self, now: float) -> bool:
        """Whether this run may write at this instant."""
        return self.lost is None and now < self.until

    def trying(self, sent_at: float) -> None:
        """Remember the first heartbeat whose fate is not known yet."""
        if self._unconfirmed is None:
            self._unconfirmed = sent_at

    def confirmed(self, updated_at: str, sent_at: float) -> None:
        """A heartbeat is known to have landed."""
        self.updated_at = updated_at
        self.renewed = max(self.renewed, sent_at)
        self._unconfirmed = None

    def landed_late(self, updated_at: str) -> None:
        """One of our unanswered heartbeats landed; which one is not known, so the earliest counts."""
        self.confirmed(updated_at, self.renewed if self._unconfirmed is None else self._unconfirmed)


Steps = Generator[Ask | Pause, Reply, Any]


def acquiring(claim: Claim, numbers: Numbers) -> Steps:
    """Take the lock: returns a `Lease` or a `Refusal`. Raises the four errors above."""
    create_next, begun, unclear = True, None, 0
    for _ in range(TRIES):
        if create_next:
            reply = yield Ask("create", first_document(claim, numbers))
            begun = reply.sent_at if begun is None else begun
            if reply.status == 201:
                return _lease(numbers, claim, reply.document, reply.sent_at, reply.sent_at)
            unclear += _unclear_or_raise(reply, allow=(409,))
        seen = yield Ask("read")
        create_next = _is_free(seen)
        if seen.status == 200:
            outcome = yield from _contending(claim, numbers, seen, begun)
            if outcome is not None:
                return outcome
        elif not create_next:
            unclear += _unclear_or_raise(seen)
        if unclear:
            yield Pause(unclear)
    raise LockUnclear("no clear answer about the lock")


def _contending(claim: Claim, numbers: Numbers, seen: Reply, begun: float | None) -> Steps:
    """The lock document exists: ours after a lost answer, alive, or to be taken over. None: look again."""
    found = read_found(seen.document)
    if found.owner == claim.owner:
        since = seen.sent_at if begun is None else begun
        lease = _lease(numbers, claim, seen.document, since, since)
        return (yield from _clearing(lease)) if found.takeovers else lease
    refusal = refusal_of(found, numbers, seen.server_now)
    if refusal is not None and _is_odd(refusal):
        refusal = yield from _watching(claim, numbers, seen, refusal)
    if refusal is not None:
        return refusal
    document = takeover_document(claim, numbers, found, seen.server_now)
    taken = yield Ask("change", document, found.updated_at)
    if taken.status == 200:
        inherited = {} if _is_of_another_day(claim, found) else {"progress": found.progress}
        lease = _lease(numbers, claim, {**taken.document, **inherited}, seen.sent_at, taken.sent_at)
        lease.nz_date_before = found.nz_date
        return (yield from _clearing(lease))
    if taken.status not in (404, 409):
        yield Pause(_unclear_or_raise(taken))
    return None


def _clearing(lease: Lease) -> Steps:
    """After a takeover, before anything is read: nothing that an owner before us has sent may be carried out any more.
    None: somebody has taken over from us meanwhile."""
    return lease if (yield from confirming(lease)) else None


def _watching(claim: Claim, numbers: Numbers, seen: Reply, refusal: Refusal) -> Steps:
    """The server's clock cannot say how old the heartbeat is. That the same one is still there after long enough, by
    the clock of whoever found it before, can. None: the lock may be taken over."""
    known = yield Ask("recall")
    passed = _seconds_unchanged(claim, seen, refusal.found, known.document)
    if passed is None or passed < 0:
        if known.status in (200, 404):
            yield Ask("note", sight_document(claim, seen, refusal.found))
        return refusal
    return None if passed > _stale_after(refusal.found, numbers) else refusal


def opening(lease: Lease) -> Steps:
    """Create the fence that everything is written through. False: the lease is lost. Raises like `acquiring`."""
    if not lease.fence:
        yield from _raising(lease)
    lease.is_open = yield from confirming(lease)
    return lease.is_open


def _raising(lease: Lease) -> Steps:
    for attempt in range(1, TRIES + 1):
        lease.fences += 1
        reply = yield Ask("create", fence_document(lease), fence=fence_of(lease.owner, lease.fences))
        if reply.status == 201:
            lease.fence = fence_of(lease.owner, lease.fences)
            return
        _unclear_or_raise(reply, allow=(409,))
        # This id is given up whatever became of it: created late, it would bring back what somebody has removed.
        yield Pause(attempt)
    raise LockUnclear("no clear answer about the fence")


def confirming(lease: Lease) -> Steps:
    """Whether the lock is ours, and our fence there if we have one; all other fences are removed. False: it is lost."""
    for attempt in range(1, TRIES + 1):
        seen = yield Ask("list")
        if seen.status == 200:
            lease.lost = lease.lost or _why_lost(lease, seen.document)
            if lease.lost is not None:
                return False
            if (yield from _removing(lease, seen.document["fences"])):
                return True
        elif seen.document.get("type") in NO_STORE:
            lease.lost = lease.lost or "the lock store is gone"
            return False
        else:
            _unclear_or_raise(seen)
        yield Pause(attempt)
    raise LockUnclear("no clear answer about the fences")


def _why_lost(lease: Lease, listed: Mapping[str, Any]) -> str | None:
    document = listed["lock"]
    if document is None:
        return "the lock document is gone"
    found = read_found(document)
    if (found.owner, str(document["$createdAt"]), found.generation) != (lease.owner, *lease.token):
        return f"taken over by {found.owner}"
    return "its fence was removed" if lease.fence and lease.fence not in listed["fences"] else None


def _removing(lease: Lease, fences: Sequence[str]) -> Steps:
    """Remove the fences of others. Whether all of them are known to be gone."""
    for fence in fences:
        if fence != lease.fence:
            reply = yield Ask("remove", fence=fence)
            if reply.status != 204 and reply.document.get("type") != NO_DOCUMENT:
                return False
    return True


def refusal_of(found: Found, numbers: Numbers, server_now: float | None) -> Refusal | None:
    """A refusal while the lock lives, None when it may be taken over.

    The owner's own numbers count when it stored them: after a deployment with shorter ones, an older run still
    lives by the longer. Without a server clock nothing is ever taken over.
    """
    if server_now is None:
        return Refusal(found)
    expiry = numbers.expiry if found.expiry is None else min(found.expiry, LONGEST_RUN)
    heartbeat_age, lock_age = server_now - found.touched, server_now - found.acquired
    if heartbeat_age > _stale_after(found, numbers) or lock_age > expiry:
        return None
    return Refusal(found, heartbeat_age, lock_age)


def _stale_after(found: Found, numbers: Numbers) -> float:
    return numbers.stale_after if found.stale_after is None else min(found.stale_after, LONGEST_RUN)


def _is_odd(refusal: Refusal) -> bool:
    """Whether the server's clock says nothing about the age: it sends no time, or went back behind a stamp of it."""
    return refusal.heartbeat_age is None or refusal.heartbeat_age < -ROUNDING


def _seconds_unchanged(claim: Claim, seen: Reply, found: Found, known: Mapping[str, Any]) -> float | None:
    """For how long the lock has been as it is, at least. Runs of one machine compare its monotonic clock, which
    nobody sets; others their calendar clocks. None: nobody has seen it like this before."""
    try:
        at = json.loads(known["progress"])
        if (known["owner"], at["updatedAt"]) != (found.owner, found.updated_at):
            return None
        if claim.machine and at["machine"] == claim.machine:
            return float(seen.sent_at - at["clock"])
        return float(seen.wall - at["wall"])
    except (KeyError, TypeError, ValueError):
        return None


def beating(lease: Lease, fields: Mapping[str, Any]) -> Steps:
    """One heartbeat with progress. True: the lease was renewed; False: unclear, try again soon.

    Sets `lease.lost` when the document is gone or belongs to somebody else.
    """
    number = lease.beats + 1
    reply = yield Ask("change", {"beats": number, **fields}, lease.updated_at)
    if reply.status == 200:
        # Its condition compares dates. After the server's clock went back, it holds for the next owner's lock as well.
        lease.lost = lease.lost or _why_lost(lease, {"lock": reply.document, "fences": (lease.fence,)})
        if lease.lost is not None:
            return False
        lease.beats = number
        lease.confirmed(str(reply.document["$updatedAt"]), reply.sent_at)
        return True
    if _is_gone(reply):
        lease.lost = "the lock document is gone"
        return False
    if reply.status != 409:
        lease.trying(reply.sent_at)
    return (yield from _recognising(lease))


def _recognising(lease: Lease) -> Steps:
    """After a conflict or an unclear answer: is the lock still ours, and did a heartbeat of ours land?"""
    seen = yield Ask("read")
    if _is_gone(seen):
        lease.lost = "the lock document is gone"
        return False
    if seen.status != 200:
        return False
    # The time of creation counts too: a late copy of our own creation may have arrived after others had the lock.
    lease.lost = lease.lost or _why_lost(lease, {"lock": seen.document, "fences": (lease.fence,)})
    if lease.lost is not None:
        return False
    found = read_found(seen.document)
    if found.updated_at == lease.updated_at:
        return False
    lease.beats = found.beats
    lease.landed_late(found.updated_at)
    return True


def releasing(lease: Lease) -> Steps:
    """Give the lock back if it is still ours: the fence first, so that nothing we sent is carried out after that.
    True: it is gone; False: it is not ours or nobody knows."""
    if not (yield from _closing(lease)):
        return False
    for attempt in range(1, RELEASE_TRIES + 1):
        if lease.lost is not None:
            return False
        reply = yield Ask("remove", None, lease.updated_at)
        if reply.status == 204 or _is_gone(reply):
            return True
        yield from _recognising(lease)
        if lease.lost == "the lock document is gone":
            return True
        if reply.status != 409:
            yield Pause(attempt)
    return False


def _closing(lease: Lease) -> Steps:
    """Remove our own fence. True: nothing of ours can be carried out any more, and nobody else had removed it."""
    lease.is_open = False
    for attempt in range(1, RELEASE_TRIES + 1):
        if not lease.fence:
            return True
        reply = yield Ask("remove", fence=lease.fence)
        if reply.status == 204 or _is_gone(reply):
            # Gone at the first attempt already: whoever took over from us has removed it.
            if reply.status != 204 and attempt == 1:
                lease.lost = lease.lost or "its fence was removed"
            lease.fence = ""
        else:
            yield Pause(attempt)
    return not lease.fence


def first_document(claim: Claim, numbers: Numbers) -> dict[str, Any]:
    """The document of a fresh lock. `acquiredAt` stays empty: the server's `$createdAt` says it better."""
    document = {"owner": claim.owner, "generation": 1, "executionId": claim.execution, "beats": 0, "takeovers": 0}
    return {**document, **_fence_named(claim), **_numbers_stored(numbers), **_nz_date(claim)}


def takeover_document(claim: Claim, numbers: Numbers, found: Found, server_now: float | None) -> dict[str, Any]:
    """What changes hands. Progress is left in place: the new owner may resume from it, unless it is of another day."""
    # One second is added because the Date header is rounded down: nobody may believe that we began earlier than
    # we believe ourselves. Where the server sends no time, the last that it stamped is all there is.
    now = found.touched if server_now is None else server_now
    acquired = datetime.fromtimestamp(now + 1, UTC).isoformat(timespec="milliseconds")
    document = {"owner": claim.owner, "generation": found.generation + 1, "executionId": claim.execution}
    counters = {"acquiredAt": acquired, "beats": 0, "takeovers": found.takeovers + 1, "phase": "taken over"}
    if _is_of_another_day(claim, found):
        counters["progress"] = "{}"
    return {**document, **counters, **_fence_named(claim), **_numbers_stored(numbers), **_nz_date(claim)}


def fence_document(lease: Lease) -> dict[str, Any]:
    """The document of a fence. That it is there is all that counts."""
    return {"owner": lease.owner, "generation": lease.generation, "lock": lease.lock}


def fence_of(owner: str, number: int = 1) -> str:
    """The id of a fence of this owner: 35 characters with one digit, and an id may have 36."""
    return f"f{number}-{owner}"[:36]


def sight_document(claim: Claim, seen: Reply, found: Found) -> dict[str, Any]:
    """What was seen of a lock, and when."""
    at = {"updatedAt": found.updated_at, "machine": claim.machine, "clock": seen.sent_at, "wall": seen.wall}
    text = json.dumps(at, separators=(",", ":"))
    return {"owner": found.owner, "generation": found.generation, "progress": text}


def read_found(document: Mapping[str, Any]) -> Found:
    """A lock document as the server answers it."""
    updated_at = str(document["$updatedAt"])
    return Found(
        owner=str(document.get("owner") or ""),
        generation=int(document.get("generation") or 0),
        beats=int(document.get("beats") or 0),
        takeovers=int(document.get("takeovers") or 0),
        updated_at=updated_at,
        touched=seconds(updated_at),
        acquired=seconds(str(document.get("acquiredAt") or document["$createdAt"])),
        stale_after=document.get("staleAfterSeconds"),
        expiry=document.get("expirySeconds"),
        progress=document.get("progress"),
        phase=document.get("phase"),
        nz_date=document.get("nzDate"),
    )


def _numbers_stored(numbers: Numbers) -> dict[str, Any]:
    return {"staleAfterSeconds": int(numbers.stale_after), "expirySeconds": int(numbers.expiry)}


def _fence_named(claim: Claim) -> dict[str, Any]:
    return {"fence": fence_of(claim.owner)} if claim.names_fence else {}


def _is_of_another_day(claim: Claim, found: Found) -> bool:
    return claim.nz_date is not None and claim.nz_date != found.nz_date


def _nz_date(claim: Claim) -> dict[str, Any]:
    return {} if claim.nz_date is None else {"nzDate": claim.nz_date}


def _lease(numbers: Numbers, claim: Claim, document: Mapping[str, Any], since: float, renewed: float) -> Lease:
    found = read_found(document)
    times = {"since": since, "renewed": renewed}
    return Lease(numbers, claim.owner, claim.lock, found, **times, created_at=str(document["$createdAt"]))


def seconds(stamp: str) -> float:
    """A time that the server says, in seconds since 1970. Without a zone it is UTC (main of August 2026 answers some
    so)."""
    at = datetime.fromisoformat(stamp)
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def _is_free(reply: Reply) -> bool:
    return reply.status == 404 and reply.document.get("type") == NO_DOCUMENT


def _is_gone(reply: Reply) -> bool:
    return reply.status == 404 and reply.document.get("type") in (NO_DOCUMENT, *NO_STORE)


def _unclear_or_raise(reply: Reply, allow: tuple[int, ...] = ()) -> int:
    """1 for an unclear answer, 0 for an allowed one; raises when the store cannot be used at all."""
    type_ = reply.document.get("type")
    kind = f"{type_ or 'no type'}: {reply.document.get('message') or 'no message'}"
    if reply.status == 404 and type_ in NO_STORE:
        raise LockStoreMissing(kind)
    if reply.status in (401, 403):
        raise LockDenied(kind)
    if 400 <= reply.status < 500 and reply.status not in (*allow, 404, 408, 429):
        raise LockStoreUnfit(kind)
    return 0 if reply.status in allow else 1
