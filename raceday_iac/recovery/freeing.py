"""Freeing a stale lock by the very protocol that runs take it with: taking over by compare-and-set, giving back.

Nothing new is invented here, so what was proven of the protocol holds. Only one thing is different: a lock that is not
there is not created.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import ConflictError, NotFoundError, ProviderError
from ..health.shared import Rules
from ..model.declarations import LockDeclaration
from ..provider import Provider

#: What the owner of the lock is called for that moment, in its `executionId`.
WHO = "raceday-iac recover"


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


def free(place: LockPlace, rules: Rules, lock: LockDeclaration, owner: str) -> str:
    """Take the lock over and give it back. Returns why that was not done: it lives, or is free by now; nothing when it
    was. Raises ProviderError when the outcome is not known."""
    protocol, store = rules.lock_protocol, _Store(place, rules.lock_protocol)
    claim = protocol.Claim(owner, WHO)
    try:
        held = store.run(protocol.acquiring(claim, rules.numbers(lock)))
    except Gone:
        return "it is free by now"
    except (protocol.LockUnclear, protocol.LockStoreMissing, protocol.LockStoreUnfit, protocol.LockDenied) as error:
        raise ProviderError(f"{place.lock_id} was not freed: {type(error).__name__}: {error}") from None
    if isinstance(held, protocol.Refusal):
        return "its owner has given a sign of life"
    if store.may_write(held):
        _keep_progress(place, held, store.last)
    if not store.run(protocol.releasing(held)):
        raise ProviderError(f"{place.lock_id} was taken over, but giving it back is not confirmed; it ends by itself")
    return ""


def _keep_progress(place: LockPlace, held: Any, document: Mapping[str, Any]) -> None:
    """What the dead run had reached goes where runs of the same day look for it: `<function>-progress`."""
    day = document.get("nzDate")
    if not day or (held.inherited or "{}") == "{}":
        return
    data = {"owner": held.owner, "generation": 0, "nzDate": day, "progress": held.inherited}
    name = place.lock_id.removesuffix("-lock") + "-progress"
    place.provider.put_document(place.database, place.collection, name, data)


class _Store:
    """Carries out what the protocol asks for. `last` is the document as it was last answered."""

    def __init__(self, place: LockPlace, protocol: Any) -> None:
        self._place, self._protocol = place, protocol
        self.last: Mapping[str, Any] = {}

    def may_write(self, held: Any) -> bool:
        """As a run asks before each write: whether the lease still holds."""
        return bool(held.writable(self._place.clock()))

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
        asked_at = self._place.clock()
        status, document = self._answer(ask)
        if ask.verb == "read" and status == 404 and document.get("type") == "document_not_found":
            raise Gone
        if status in (200, 201):
            self.last = document
        now = self._place.provider.server_time()
        return self._protocol.Reply(status, document, now.timestamp() if now else None, asked_at)

    def _answer(self, ask: Any) -> tuple[int, Mapping[str, Any]]:
        place, newer = self._place, ask.unless_newer_than or ""
        where = (place.database, place.collection, place.lock_id)
        try:
            if ask.verb == "create":
                # It is never created from here: the protocol is told that it is there, and looks at it next.
                return 409, {"type": "document_already_exists"}
            if ask.verb == "read":
                found = place.provider.document(*where)
                return (404, {"type": "document_not_found"}) if found is None else (200, found)
            if ask.verb == "change":
                return 200, place.provider.change_document(*where, ask.data, unless_newer_than=newer)
            place.provider.remove_document(*where, unless_newer_than=newer)
            return 204, {}
        except (ConflictError, NotFoundError) as error:
            return error.code or 409, {"type": error.kind, "message": error.message}
        except ProviderError as error:
            # A 404 that is no absence of the lock says as little as no answer.
            return 0 if error.code == 404 else error.code, {"type": error.kind, "message": error.message}
