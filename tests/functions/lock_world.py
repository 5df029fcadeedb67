"""The lock store and one run of the real protocol as values, so that every order of events can be tried.

A generator cannot be copied. So a run holds the answers that its present operation has heard, and the operation is
repeated from them. Time is counted in ticks, the whole seconds of the server's `Date` header; the present is always
tick 0. Within a tick everything counts as it is most dangerous: the server stamps at its beginning, a run that notes
when it asked reads its clock at its end, and may write if it may at its beginning.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from types import FrameType
from typing import Any, NamedTuple

from _shared import lock_protocol as protocol

EPOCH = 1_800_000_000
LATE_IN_TICK = 0.999


#: The fields that are times, and what a tick is in them.
TIMES = dict.fromkeys(("created", "updated", "acquired", "unless"), 1000)
TIMES |= dict.fromkeys(("since", "renewed", "unconfirmed", "server_now", "sent", "copied"), 1)


class Tight(protocol.Numbers):
    """Numbers in ticks without any margin: the whole margin of the real numbers is left for writes under way."""

    @property
    def margin(self) -> float:
        return 0.0


class Document(NamedTuple):
    """The lock document; times are milliseconds since the beginning of the present tick."""

    owner: str
    generation: int
    created: int
    updated: int
    acquired: int | None = None


class Held(NamedTuple):
    """What a run knows about its own lease; its own times are ticks."""

    generation: int
    created: int
    updated: int
    since: int
    renewed: int
    unconfirmed: int | None = None
    lost: str | None = None


class Request(NamedTuple):
    """A request of a run to the store. A change without generation is a heartbeat."""

    verb: str
    generation: int | None = None
    acquired: int | None = None
    unless: int | None = None


class Heard(NamedTuple):
    """An answer, and when the run noted to have asked. Status 0: none came."""

    status: int
    document: Document | None
    server_now: int | None
    sent: int


class Operation(NamedTuple):
    """What a run is doing (acquire, beat or release), from where it began and what it has heard since."""

    name: str
    doing: str
    held: Held | None = None
    heard: tuple[Heard, ...] = ()


class Progress(NamedTuple):
    """Where an operation stands: what it asks for next (None: it is over) and what the run now knows."""

    request: Request | None
    held: Held | None
    #: Everything else that decides what happens next: without the times, and the times.
    place: tuple[Any, ...] = ()
    times: tuple[int | None, ...] = ()


def carry_out(
    document: Document | None, owner: str, request: Request, stamp: int
) -> tuple[int, Document | None, Document | None]:
    """What the server does with one request, as observed on 1.8.1: status, document answered, document stored."""
    if request.verb == "create":
        if document is not None:
            return 409, None, document
        made = Document(owner, request.generation or 0, stamp, stamp)
        return 201, made, made
    if document is None:
        return 404, None, None
    if request.verb == "read":
        return 200, document, document
    if request.unless is not None and document.updated > request.unless:
        return 409, None, document
    if request.verb == "remove":
        return 204, None, None
    changed = document._replace(updated=stamp)
    if request.generation is not None:
        changed = changed._replace(owner=owner, generation=request.generation, acquired=request.acquired)
    return 200, changed, changed


def advance(numbers: protocol.Numbers, operation: Operation) -> Progress:
    """Repeat an operation of the real protocol from what it heard."""
    lease = None if operation.held is None else _lease(numbers, operation.name, operation.held)
    steps = _steps(numbers, operation, lease)
    try:
        step = _next(steps, None)
        for each in operation.heard:
            step = _next(steps, _reply(numbers, each))
    except StopIteration as end:
        lease = end.value if operation.doing == "acquire" else lease
        return Progress(None, _held(lease) if isinstance(lease, protocol.Lease) else None)
    except protocol.LockUnclear:
        return Progress(None, None)
    place, times = _place(steps)
    return Progress(_request(operation.name, step), None if lease is None else _held(lease), place, times)


def writable(numbers: protocol.Numbers, name: str, held: Held) -> bool:
    """Whether the real lease allows writing at any moment of the present tick."""
    return _lease(numbers, name, held).writable(0)


def later(value: Any) -> Any:
    """Any value of the model, one tick later: seen from there, all its times lie further back."""
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        aged = {name: _aged(name, part) for name, part in zip(value._fields, value, strict=True)}
        return type(value)(**aged)
    return tuple(later(each) for each in value) if isinstance(value, tuple) else value


def _aged(name: str, part: Any) -> Any:
    if isinstance(part, int):
        return part - TIMES.get(name, 0)
    return tuple(None if each is None else each - 1 for each in part) if name == "times" else later(part)


def _steps(numbers: protocol.Numbers, operation: Operation, lease: protocol.Lease | None) -> protocol.Steps:
    if lease is None:
        return protocol.acquiring(protocol.Claim(operation.name, operation.name), numbers)
    return protocol.beating(lease, {}) if operation.doing == "beat" else protocol.releasing(lease)


def _next(steps: protocol.Steps, reply: protocol.Reply | None) -> protocol.Ask:
    step = steps.send(reply)  # type: ignore[arg-type]
    while isinstance(step, protocol.Pause):
        step = steps.send(None)  # type: ignore[arg-type]
    return step


def _lease(numbers: protocol.Numbers, name: str, held: Held) -> protocol.Lease:
    found = protocol.read_found(_as_json(numbers, Document(name, held.generation, held.created, held.updated)))
    times = {"since": held.since + LATE_IN_TICK, "renewed": held.renewed + LATE_IN_TICK}
    lease = protocol.Lease(numbers, name, found, **times, created_at=_iso(held.created))
    lease.lost = held.lost
    if held.unconfirmed is not None:
        lease.trying(held.unconfirmed + LATE_IN_TICK)
    return lease


def _held(lease: protocol.Lease) -> Held:
    created, generation = lease.fence
    assert generation == lease.generation
    since, renewed, unconfirmed = (_tick(each) for each in (lease.since, lease.renewed, lease._unconfirmed))
    assert since is not None
    assert renewed is not None
    return Held(generation, _moment(created), _moment(lease.updated_at), since, renewed, unconfirmed, lease.lost)


def _reply(numbers: protocol.Numbers, heard: Heard) -> protocol.Reply:
    document: dict[str, Any] = {"type": "document_not_found"} if heard.status == 404 else {}
    if heard.document is not None:
        document = _as_json(numbers, heard.document)
    server_now = None if heard.server_now is None else float(EPOCH + heard.server_now)
    return protocol.Reply(heard.status, document, server_now, heard.sent + LATE_IN_TICK)


def _as_json(numbers: protocol.Numbers, document: Document) -> dict[str, Any]:
    found: dict[str, Any] = {"owner": document.owner, "generation": document.generation}
    found |= {"$createdAt": _iso(document.created), "$updatedAt": _iso(document.updated)}
    if document.acquired is not None:
        found["acquiredAt"] = _iso(document.acquired)
    return found | {"staleAfterSeconds": numbers.stale_after, "expirySeconds": numbers.expiry}


def _request(name: str, ask: protocol.Ask) -> Request:
    data = ask.data or {}
    assert data.get("owner", name) == name
    acquired, unless = (
        None if each is None else _moment(each) for each in (data.get("acquiredAt"), ask.unless_newer_than)
    )
    return Request(ask.verb, data.get("generation"), acquired, unless)


#: Local variables of the protocol's generators that no longer matter when the next request is made. That the number
#: of tries is one of them makes acquiring go on for ever in the model, which allows more than the real limit.
USED_UP = {"_", "claim", "numbers", "lease", "fields", "number", "reply", "outcome", "found", "refusal", "document"}
USED_UP |= {"taken", "create_next", "unclear"}


def _place(steps: Any) -> tuple[tuple[Any, ...], tuple[int | None, ...]]:
    """Where a generator stands, through the generators it delegates to."""
    place: list[Any] = []
    times: list[int | None] = []
    while steps is not None:
        frame: FrameType = steps.gi_frame
        place += [frame.f_code.co_name, frame.f_lasti]
        for name, value in frame.f_locals.items():
            if name == "begun":
                times.append(_tick(value))
            elif name == "seen":
                # Only a takeover that is under way still needs it.
                times += [_tick(value.sent_at)] if frame.f_code.co_name == "_contending" else []
            elif name == "attempt":
                place.append(value)
            else:
                assert name in USED_UP, f"the model does not know the local variable {name!r} of the protocol"
        steps = steps.gi_yieldfrom
    return tuple(place), tuple(times)


def _tick(moment: float | None) -> int | None:
    return None if moment is None else round(moment - LATE_IN_TICK)


@cache
def _iso(moment: int) -> str:
    return datetime.fromtimestamp(EPOCH + moment / 1000, UTC).isoformat(timespec="milliseconds")


@cache
def _moment(text: str) -> int:
    return round((datetime.fromisoformat(text).timestamp() - EPOCH) * 1000)
