"""The lock protocol as pure steps: who may run, how a lease is kept and given back. No input or output here.

Each operation is a generator that yields what it wants to ask the lock store and receives the reply, so the same
code runs against a server, against faults and in an exhaustive exploration of every interleaving.

The rule that everything serves: *a run may write only while its lease is writable, and nobody else can obtain the
lease before that moment has passed*. The owner counts from the moment before it sent a request (its own monotonic
clock), a contender from the moment the server recorded it (the server's clock), so the owner always stops first.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from datetime import UTC, datetime

from .typed import Any, NamedTuple

#: How often acquiring may start over after unclear answers or a lock that was released under our eyes.
TRIES = 6
#: No function of the server can run longer, so no stored number above it is believed.
LONGEST_RUN = 900.0


class LockStoreMissing(Exception):
    """The lock collection (or its database) does not exist. Never to be mistaken for a lock that is held."""


class LockStoreUnfit(Exception):
    """The lock collection refuses our document: attributes are missing or still being made."""


class LockDenied(Exception):
    """The key may not use the lock collection."""


class LockUnclear(Exception):
    """The server gave no usable answer for so long that nobody can say whether we hold the lock."""


class Ask(NamedTuple):
    """A request to the lock store: create, read, change or remove the one document."""

    verb: str
    data: Mapping[str, Any] | None = None
    #: Refuse the write when the stored document is newer than this (compare-and-set).
    unless_newer_than: str | None = None


class Pause(NamedTuple):
    """Wait before going on; the number counts the unclear answers so far."""

    attempt: int


class Reply(NamedTuple):
    """What came back. Status 0: no answer, the request may have been carried out."""

    status: int
    document: Mapping[str, Any]
    server_now: float | None
    sent_at: float


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
    nz_date: str | None = None


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


class Refusal(NamedTuple):
    """We may not run: the lock is held by a live run. Ages are None when the server told no time."""

    found: Found
    heartbeat_age: float | None = None
    lock_age: float | None = None


class Lease:
    """What an owner knows about its own lock. Times are the owner's monotonic clock."""

    def __init__(
        self, numbers: Numbers, owner: str, found: Found, *, since: float, renewed: float, created_at: str
    ) -> None:
        self.numbers = numbers
        self.owner = owner
        self.generation = found.generation
        self.takeovers = found.takeovers
        #: Grows with every acquisition on one server: a fencing token for whoever wants to compare.
        self.fence = (created_at, found.generation)
        #: Progress left behind by the run we took over from.
        self.inherited = found.progress
        self.updated_at = found.updated_at
        self.beats = found.beats
        self.since = since
        self.renewed = renewed
        self.lost: str | None = None
        self._unconfirmed: float | None = None

    @property
    def until(self) -> float:
        """The moment from which this run must not write any more."""
        freshest = min(self.renewed + self.numbers.stale_after, self.since + self.numbers.expiry)
        return freshest - self.numbers.margin

    @property
    def deadline(self) -> float:
        """The latest moment that any heartbeat can extend the lease to."""
        return self.since + self.numbers.expiry - self.numbers.margin

    def writable(self, now: float) -> bool:
        """Whether this run may write at this moment."""
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
        return _lease(numbers, claim, seen.document, since, since)
    refusal = judge(found, numbers, seen.server_now)
    if refusal is not None:
        return refusal
    assert seen.server_now is not None
    document = takeover_document(claim, numbers, found, seen.server_now)
    taken = yield Ask("change", document, found.updated_at)
    if taken.status == 200:
        return _lease(numbers, claim, {**taken.document, "progress": found.progress}, seen.sent_at, taken.sent_at)
    if taken.status not in (404, 409):
        yield Pause(_unclear_or_raise(taken))
    return None


def judge(found: Found, numbers: Numbers, server_now: float | None) -> Refusal | None:
    """A refusal while the lock lives, None when it may be taken over.

    The owner's own numbers count when it stored them: after a deployment with shorter ones, an older run still
    lives by the longer. Without a server clock nothing is ever taken over.
    """
    if server_now is None:
        return Refusal(found)
    stale_after = numbers.stale_after if found.stale_after is None else min(found.stale_after, LONGEST_RUN)
    expiry = numbers.expiry if found.expiry is None else min(found.expiry, LONGEST_RUN)
    heartbeat_age, lock_age = server_now - found.touched, server_now - found.acquired
    if heartbeat_age > stale_after or lock_age > expiry:
        return None
    return Refusal(found, heartbeat_age, lock_age)


def beating(lease: Lease, fields: Mapping[str, Any]) -> Steps:
    """One heartbeat with progress. True: the lease was renewed; False: unclear, try again soon.

    Sets `lease.lost` when the document is gone or belongs to somebody else.
    """
    number = lease.beats + 1
    reply = yield Ask("change", {"beats": number, **fields}, lease.updated_at)
    if reply.status == 200:
        lease.beats = number
        lease.confirmed(str(reply.document["$updatedAt"]), reply.sent_at)
        return True
    if reply.status == 404:
        lease.lost = "the lock document is gone"
        return False
    if reply.status != 409:
        lease.trying(reply.sent_at)
    return (yield from _recognising(lease))


def _recognising(lease: Lease) -> Steps:
    """After a conflict or an unclear answer: is the lock still ours, and did a heartbeat of ours land?"""
    seen = yield Ask("read")
    if seen.status == 404:
        lease.lost = "the lock document is gone"
        return False
    if seen.status != 200:
        return False
    found = read_found(seen.document)
    # The time of creation counts too: a late copy of our own creation may have arrived after others had the lock.
    if (found.owner, str(seen.document["$createdAt"]), found.generation) != (lease.owner, *lease.fence):
        lease.lost = f"taken over by {found.owner}"
        return False
    if found.updated_at == lease.updated_at:
        return False
    lease.beats = found.beats
    lease.landed_late(found.updated_at)
    return True


def releasing(lease: Lease) -> Steps:
    """Give the lock back if it is still ours. True: it is gone; False: it is not ours or nobody knows."""
    for attempt in range(1, 4):
        if lease.lost is not None:
            return False
        reply = yield Ask("remove", None, lease.updated_at)
        if reply.status in (204, 404):
            return True
        yield from _recognising(lease)
        if lease.lost == "the lock document is gone":
            return True
        if reply.status != 409:
            yield Pause(attempt)
    return False


def first_document(claim: Claim, numbers: Numbers) -> dict[str, Any]:
    """The document of a fresh lock. `acquiredAt` stays empty: the server's `$createdAt` says it better."""
    document = {"owner": claim.owner, "generation": 1, "executionId": claim.execution, "beats": 0, "takeovers": 0}
    return {**document, **_numbers_stored(numbers), **_nz_date(claim)}


def takeover_document(claim: Claim, numbers: Numbers, found: Found, server_now: float) -> dict[str, Any]:
    """What changes hands. Progress is left in place: the new owner may resume from it."""
    # One second is added because the Date header is rounded down: nobody may believe that we began earlier than
    # we believe ourselves.
    acquired = datetime.fromtimestamp(server_now + 1, UTC).isoformat(timespec="milliseconds")
    document = {"owner": claim.owner, "generation": found.generation + 1, "executionId": claim.execution}
    counters = {"acquiredAt": acquired, "beats": 0, "takeovers": found.takeovers + 1, "phase": "taken over"}
    return {**document, **counters, **_numbers_stored(numbers), **_nz_date(claim)}


def read_found(document: Mapping[str, Any]) -> Found:
    """A lock document as the server answers it."""
    updated_at = str(document["$updatedAt"])
    return Found(
        owner=str(document.get("owner") or ""),
        generation=int(document.get("generation") or 0),
        beats=int(document.get("beats") or 0),
        takeovers=int(document.get("takeovers") or 0),
        updated_at=updated_at,
        touched=_seconds(updated_at),
        acquired=_seconds(str(document.get("acquiredAt") or document["$createdAt"])),
        stale_after=document.get("staleAfterSeconds"),
        expiry=document.get("expirySeconds"),
        progress=document.get("progress"),
        phase=document.get("phase"),
    )


def _numbers_stored(numbers: Numbers) -> dict[str, Any]:
    return {"staleAfterSeconds": int(numbers.stale_after), "expirySeconds": int(numbers.expiry)}


def _nz_date(claim: Claim) -> dict[str, Any]:
    return {} if claim.nz_date is None else {"nzDate": claim.nz_date}


def _lease(numbers: Numbers, claim: Claim, document: Mapping[str, Any], since: float, renewed: float) -> Lease:
    found = read_found(document)
    return Lease(numbers, claim.owner, found, since=since, renewed=renewed, created_at=str(document["$createdAt"]))


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def _is_free(reply: Reply) -> bool:
    return reply.status == 404 and reply.document.get("type") == "document_not_found"


def _unclear_or_raise(reply: Reply, allow: tuple[int, ...] = ()) -> int:
    """1 for an unclear answer, 0 for an allowed one; raises when the store cannot be used at all."""
    kind = f"{reply.document.get('type') or 'no type'}: {reply.document.get('message') or 'no message'}"
    if reply.status == 404:
        raise LockStoreMissing(kind)
    if reply.status in (401, 403):
        raise LockDenied(kind)
    if 400 <= reply.status < 500 and reply.status not in (*allow, 408, 429):
        raise LockStoreUnfit(kind)
    return 0 if reply.status in allow else 1
