"""Freeing a stale lock by the very protocol that runs take it with: taking over by compare-and-set, giving back.

Nothing new is invented here, so what was proven of the protocol holds: the fence of the dead run is removed, and what
is written meanwhile is behind a fence of our own. Two things are different: a lock that is not there is not created,
and a lock collection that knows no fences yet is good enough, because the runs that use it make none.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ..errors import ConflictError, NotFoundError, ProviderError
from ..health.shared import Rules
from ..model.declarations import Lock
from ..provider import Provider

#: What the owner of the lock is called for that moment, in its `executionId`.
WHO = "raceday-iac recover"
_FENCE = re.compile(r"f\d+-[A-Za-z0-9]{1,32}")


class Gone(Exception):
    """The lock document is not there any more."""


@dataclass(frozen=True)
class LockPlace:
    """Where a lock is."""

    provider: Provider
    database: str
    collection: str
    lock_id: str
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic


def free(place: LockPlace, rules: Rules, lock: Lock, owner: str) -> str:
    """Take the lock over and give it back. Returns why that was not done: it lives, or is free by now; nothing when it
    was. Raises ProviderError when the outcome is not known."""
    protocol, store = rules.lock_protocol, _Store(place, rules.lock_protocol)
    claim = protocol.Claim(owner, WHO, place.lock_id, names_fence=False)
    try:
        held = store.run(protocol.acquiring(claim, rules.numbers(lock)))
    except Gone:
        return "it is free by now"
    except (protocol.LockUnclear, protocol.LockStoreMissing, protocol.LockStoreUnfit, protocol.LockDenied) as error:
        raise ProviderError(f"{place.lock_id} was not freed: {type(error).__name__}: {error}") from None
    if isinstance(held, protocol.Refusal):
        return "its owner has given a sign of life"
    if (kept := _progress(place, held, store.last, rules.day_field)) and store.may_write(held):
        # Losing the lock just now loses the progress, and nothing else: it is in nobody's way.
        with suppress(NotFoundError):
            place.provider.put_document(place.database, place.collection, *kept, fence=held.fence)
    if not store.run(protocol.releasing(held)):
        raise ProviderError(f"{place.lock_id} was taken over, but giving it back is not confirmed; it ends by itself")
    return ""


def _progress(
    place: LockPlace, held: Any, document: Mapping[str, Any], day_field: str
) -> tuple[str, Mapping[str, Any]] | None:
    """What the dead run had reached goes where runs of the same day look for it: `<function>-progress`."""
    day = document.get(day_field)
    if not day or (held.inherited or "{}") == "{}":
        return None
    data = {"owner": held.owner, "generation": 0, day_field: day, "progress": held.inherited}
    return _beside(place, "progress"), data


def _beside(place: LockPlace, what: str) -> str:
    return f"{place.lock_id.removesuffix('-lock')}-{what}"


class _Store:
    """Carries out what the protocol asks for. `last` is the document as it was last answered."""

    def __init__(self, place: LockPlace, protocol: Any) -> None:
        self._place, self._protocol = place, protocol
        self.last: Mapping[str, Any] = {}
        #: Fences that are known: those that the lock named when it was read, and our own.
        self._fences: list[str] = []

    def may_write(self, held: Any) -> bool:
        """As a run before its first write: whether the lease holds still, and the fence is made."""
        if not held.writable(self._place.clock()):
            return False
        if "fence" not in self.last:
            # What is not set is answered as null, so this collection knows no fences.
            return True
        protocol = self._protocol
        with suppress(protocol.LockUnclear, protocol.LockStoreMissing, protocol.LockStoreUnfit, protocol.LockDenied):
            return bool(self.run(protocol.opening(held)))
        return False

    def run(self, steps: Any) -> Any:
        reply = None
        try:
            while True:
                step = steps.send(reply)
                if isinstance(step, self._protocol.Pause):
                    self._place.sleep(0.2 * step.attempt)
                    reply = None
                else:
                    reply = self._ask(step)
        except StopIteration as end:
            return end.value

    def _ask(self, ask: Any) -> Any:
        asked_at, wall = self._place.clock(), time.time()
        status, document = self._answer(ask)
        if ask.verb == "read" and status == 404 and document.get("type") == "document_not_found":
            raise Gone
        if status in (200, 201) and ask.verb in ("read", "change"):
            self.last = document
        now = self._place.provider.server_time()
        return self._protocol.Reply(status, document, now.timestamp() if now else None, asked_at, wall)

    def _answer(self, ask: Any) -> tuple[int, Mapping[str, Any]]:
        place = self._place
        if ask.verb == "create" and not ask.fence:
            # It is never created from here: the protocol is told that it is there, and looks at it next.
            return 409, {"type": "document_already_exists"}
        try:
            return self._asked(ask, place.provider, (place.database, place.collection))
        except (ConflictError, NotFoundError) as error:
            return error.code or 409, {"type": error.kind, "message": error.message}
        except ProviderError as error:
            # A 404 that is no absence of the lock says as little as no answer.
            return 0 if error.code == 404 else error.code, {"type": error.kind, "message": error.message}

    def _asked(self, ask: Any, provider: Provider, store: tuple[str, str]) -> tuple[int, Mapping[str, Any]]:
        where, newer = (*store, ask.fence or self._place.lock_id), ask.unless_newer_than or ""
        if ask.verb == "create":
            self._fences.append(ask.fence)
            provider.create_document(*where, ask.data)
            return 201, {}
        if ask.verb == "list":
            there = [name for name in self._fences if provider.document(*store, name) is not None]
            return 200, {"lock": provider.document(*where), "fences": there}
        if ask.verb == "read":
            found = provider.document(*where)
            if found is None:
                return 404, {"type": "document_not_found"}
            # Whoever writes next removes all others. What is no id of a fence is nothing that we would delete.
            self._fences += [name for name in [str(found.get("fence"))] if _FENCE.fullmatch(name)]
            return 200, found
        if ask.verb == "change":
            return 200, provider.change_document(*where, ask.data, unless_newer_than=newer)
        if ask.verb == "remove":
            provider.remove_document(*where, unless_newer_than=newer)
            return 204, {}
        # What runs note of a lock while the server's clock makes no sense is theirs. Whoever runs this will try again.
        return 0, {}
