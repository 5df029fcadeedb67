"""The lock store and one run of the real protocol as values, so that every order of events can be tried.

A generator cannot be copied. So a run holds the answers that its present operation has heard, and the operation is
repeated from them. Time is counted in ticks, the whole seconds of the server's `Date` header; the present is always
tick 0. Within a tick everything counts as it is most dangerous: the server stamps at its beginning, a run that notes
when it asked reads its clock at its end, and may write if it may at its beginning.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import cache
from types import FrameType
from typing import Any, NamedTuple

from _shared import lock_protocol as protocol

EPOCH = 1_800_000_000
LATE_IN_TICK = 0.999
LOCK = "f-lock"

#: The fields that are times, and what a tick is in them: those that the server stamps, and those of the own clock.
STAMPS = {**dict.fromkeys(("created", "updated", "acquired", "unless"), 1000), "server_now": 1}
OWN_TIMES = dict.fromkeys(("since", "renewed", "unconfirmed", "sent", "copied", "clock"), 1)
TIMES = STAMPS | OWN_TIMES


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
    #: Of all times that somebody got the lock, which one this is. Only the model knows it.
    order: int = 0


class Watch(NamedTuple):
    """What a run noted that found the lock held."""

    owner: str
    updated: int
    clock: int


class Store(NamedTuple):
    """All documents that belong to the lock."""

    lock: Document | None = None
    fences: tuple[str, ...] = ()
    watch: Watch | None = None
    #: How often somebody got the lock.
    gotten: int = 0


class Held(NamedTuple):
    """What a run knows about its own lease; its own times are ticks."""

    generation: int
    created: int
    updated: int
    since: int
    renewed: int
    unconfirmed: int | None = None
    lost: str | None = None
    fence: str = ""
    is_open: bool = False
    #: Fences that were sent.
    sent_fences: int = 0


class Request(NamedTuple):
    """A request of a run to the store. A change without generation is a heartbeat. `write` is what all is about."""

    verb: str
    generation: int | None = None
    acquired: int | None = None
    unless: int | None = None
    fence: str = ""
    note: Watch | None = None


class Heard(NamedTuple):
    """An answer, and when the run noted to have asked. Status 0: none came."""

    status: int
    document: Document | Store | Watch | None
    server_now: int | None
    sent: int


class Operation(NamedTuple):
    """What a run is doing (acquire, open, beat or release), from where it began and what it has heard since."""

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
    #: A lock that was read and is checked by what was noted of it.
    checked: Heard | None = None


def carry_out(
    store: Store, owner: str, request: Request, stamp: int, *, compares: bool = True
) -> tuple[int, Document | Store | Watch | None, Store]:
    """What the server does with one request, as observed on 1.8.1: status, what is answered, what is stored."""
    document = store.lock
    if request.fence:
        return _on_fence(store, request)
    if request.verb == "list":
        return 200, store, store
    if request.verb == "recall":
        return (404, None, store) if store.watch is None else (200, store.watch, store)
    if request.verb == "note":
        return 200, None, store._replace(watch=request.note)
    if request.verb == "create":
        if document is not None:
            return 409, None, store
        made = Document(owner, request.generation or 0, stamp, stamp, None, store.gotten + 1)
        return 201, made, store._replace(lock=made, gotten=made.order)
    if document is None:
        return 404, None, store
    if request.verb == "read":
        return 200, document, store
    if compares and request.unless is not None and document.updated > request.unless:
        return 409, None, store
    if request.verb == "remove":
        return 204, None, store._replace(lock=None)
    changed, order = document._replace(updated=stamp), store.gotten
    if request.generation is not None:
        order += 1
        changed = Document(owner, request.generation, changed.created, stamp, request.acquired, order)
    return 200, changed, store._replace(lock=changed, gotten=order)


def _on_fence(store: Store, request: Request) -> tuple[int, None, Store]:
    is_there = request.fence in store.fences
    if request.verb == "create":
        fences = tuple(sorted({*store.fences, request.fence}))
        return (409, None, store) if is_there else (201, None, store._replace(fences=fences))
    if not is_there:
        return 404, None, store
    if request.verb == "remove":
        return 204, None, store._replace(fences=tuple(each for each in store.fences if each != request.fence))
    return 200, None, store


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
        return Progress(None, None if lease is None else _held(lease))
    place, times, got = _place(steps)
    held = lease or got
    # What was read before: one answer ago, or two when it was also asked what is known of it.
    checked = operation.heard[-1 if step.verb == "recall" else -2] if step.verb in ("recall", "note") else None
    return Progress(_request(operation.name, step), None if held is None else _held(held), place, times, checked)


def writable(numbers: protocol.Numbers, name: str, held: Held) -> bool:
    """Whether the real lease allows writing at any instant of the present tick."""
    return _lease(numbers, name, held).writable(0)


def later(value: Any) -> Any:
    """Any value of the model, one tick later: seen from there, all its times lie further back."""
    return moved(value, 1, TIMES)


def moved(value: Any, ticks: int, times: dict[str, int]) -> Any:
    """Any value of the model, as it is when the present is so many ticks later in the fields that are named."""
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        aged = {name: _aged(name, part, ticks, times) for name, part in zip(value._fields, value, strict=True)}
        return type(value)(**aged)
    return tuple(moved(each, ticks, times) for each in value) if isinstance(value, tuple) else value


def _aged(name: str, part: Any, ticks: int, times: dict[str, int]) -> Any:
    if isinstance(part, int) and not isinstance(part, bool):
        return part - ticks * times.get(name, 0)
    if name == "times" and times is TIMES:
        return tuple(None if each is None else each - ticks for each in part)
    return part if name in ("times", "place") else moved(part, ticks, times)


def _steps(numbers: protocol.Numbers, operation: Operation, lease: protocol.Lease | None) -> protocol.Steps:
    if lease is None:
        return protocol.acquiring(protocol.Claim(operation.name, operation.name, LOCK, machine="here"), numbers)
    if operation.doing == "open":
        return protocol.opening(lease)
    return protocol.beating(lease, {}) if operation.doing == "beat" else protocol.releasing(lease)


def _next(steps: protocol.Steps, reply: protocol.Reply | None) -> protocol.Ask:
    step = steps.send(reply)  # type: ignore[arg-type]
    while isinstance(step, protocol.Pause):
        step = steps.send(None)  # type: ignore[arg-type]
    return step


def _lease(numbers: protocol.Numbers, name: str, held: Held) -> protocol.Lease:
    found = protocol.read_found(_as_json(numbers, Document(name, held.generation, held.created, held.updated)))
    times = {"since": held.since + LATE_IN_TICK, "renewed": held.renewed + LATE_IN_TICK}
    lease = protocol.Lease(numbers, name, LOCK, found, **times, created_at=_iso(held.created))
    lease.lost, lease.fence, lease.is_open, lease.fences = held.lost, held.fence, held.is_open, held.sent_fences
    if held.unconfirmed is not None:
        lease.trying(held.unconfirmed + LATE_IN_TICK)
    return lease


def _held(lease: protocol.Lease) -> Held:
    created, generation = lease.token
    assert generation == lease.generation
    since, renewed, unconfirmed = (_tick(each) for each in (lease.since, lease.renewed, lease._unconfirmed))
    assert since is not None
    assert renewed is not None
    known = (generation, _instant(created), _instant(lease.updated_at), since, renewed, unconfirmed, lease.lost)
    return Held(*known, lease.fence, lease.is_open, lease.fences)


def _reply(numbers: protocol.Numbers, heard: Heard) -> protocol.Reply:
    document: dict[str, Any] = {"type": protocol.NO_DOCUMENT} if heard.status == 404 else {}
    if isinstance(heard.document, Store):
        lock = heard.document.lock
        listed = None if lock is None else _as_json(numbers, lock)
        document = {"lock": listed, "fences": heard.document.fences}
    elif isinstance(heard.document, Watch):
        noted = {"updatedAt": _iso(heard.document.updated), "machine": "here"}
        noted |= {"clock": heard.document.clock + LATE_IN_TICK, "wall": 0.0}
        document = {"owner": heard.document.owner, "progress": json.dumps(noted)}
    elif heard.document is not None:
        document = _as_json(numbers, heard.document)
    server_now = None if heard.server_now is None else float(EPOCH + heard.server_now)
    return protocol.Reply(heard.status, document, server_now, heard.sent + LATE_IN_TICK)


def _as_json(numbers: protocol.Numbers, document: Document) -> dict[str, Any]:
    found: dict[str, Any] = {"owner": document.owner, "generation": document.generation}
    found |= {"$createdAt": _iso(document.created), "$updatedAt": _iso(document.updated)}
    found["takeovers"] = document.generation - 1
    if document.acquired is not None:
        found["acquiredAt"] = _iso(document.acquired)
    return found | {"staleAfterSeconds": numbers.stale_after, "expirySeconds": numbers.expiry}


def _request(name: str, ask: protocol.Ask) -> Request:
    data = ask.data or {}
    if ask.verb == "note":
        at = json.loads(data["progress"])
        clock = _tick(at["clock"])
        assert clock is not None
        return Request("note", note=Watch(data["owner"], _instant(at["updatedAt"]), clock))
    assert data.get("owner", name) == name
    acquired, unless = (
        None if each is None else _instant(each) for each in (data.get("acquiredAt"), ask.unless_newer_than)
    )
    return Request(ask.verb, data.get("generation"), acquired, unless, ask.fence)


#: Local variables of the protocol's generators that no longer matter when the next request is made. That the number
#: of tries is one of them makes acquiring go on for ever in the model, which allows more than the real limit.
USED_UP = {"_", "claim", "numbers", "lease", "fields", "number", "reply", "outcome", "found", "refusal", "document"}
USED_UP |= {"taken", "inherited", "create_next", "unclear", "since", "known", "passed"}


def _place(steps: Any) -> tuple[tuple[Any, ...], tuple[int | None, ...], protocol.Lease | None]:
    """Where a generator stands, through the generators it delegates to, and a lease that it has got by now."""
    place: list[Any] = []
    times: list[int | None] = []
    got = None
    while steps is not None:
        frame: FrameType = steps.gi_frame
        function, known = frame.f_code.co_name, frame.f_locals
        place += [function, frame.f_lasti]
        got = known.get("lease") or got
        for name, value in known.items():
            if name == "begun":
                times.append(_tick(value))
            elif name == "seen":
                # Only a takeover that is under way still needs it.
                times += [_tick(value.sent_at)] if function == "_contending" else []
            elif name == "attempt":
                place += [value] if function in ("releasing", "_closing") else []
            elif name == "fences":
                place.append(tuple(value[value.index(known["fence"]) :]))
            else:
                assert name in {*USED_UP, "fence"}, f"the model does not know the local variable {name!r}"
        steps = steps.gi_yieldfrom
    return tuple(place), tuple(times), got


def _tick(instant: float | None) -> int | None:
    return None if instant is None else round(instant - LATE_IN_TICK)


@cache
def _iso(instant: int) -> str:
    return datetime.fromtimestamp(EPOCH + instant / 1000, UTC).isoformat(timespec="milliseconds")


@cache
def _instant(text: str) -> int:
    return round((datetime.fromisoformat(text).timestamp() - EPOCH) * 1000)
