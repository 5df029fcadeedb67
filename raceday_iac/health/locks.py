"""The execution locks: who holds them, and whether they do what they are for. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from .findings import Finding, Severity
from .observations import FunctionSeen, Observation
from .shared import LockState, Rules
from .spans import said_span

_NONE: Mapping[str, int] = MappingProxyType({})


@dataclass(frozen=True)
class LockHealth:
    """The lock of a function; `state` is None while it is free. `duplicates` are the starts that it refused in the
    window, by the logs of these."""

    function: str
    lock_id: str
    stale_after: float
    expiry: float
    state: LockState | None = None
    duplicates: int = 0


def lock_health(
    observation: Observation, rules: Rules | None, duplicates: Mapping[str, int] = _NONE
) -> Iterator[LockHealth]:
    """Of each function that has one; of none where the locks could not be read. `duplicates` by function."""
    if observation.locks is None or rules is None:
        return
    for seen in observation.functions:
        if seen.lock is not None:
            yield _lock(seen, observation, rules, duplicates.get(seen.id, 0))


def _lock(seen: FunctionSeen, observation: Observation, rules: Rules, duplicates: int) -> LockHealth:
    assert seen.lock is not None
    assert observation.locks is not None
    document = observation.locks.get(seen.lock.lock_id)
    counted = observation.locks.get(rules.seen_document(seen.lock.lock_id))
    state = rules.lock_state(document, counted, seen.lock, observation.now) if document is not None else None
    if state is not None and not observation.is_dated:
        state = replace(state, is_stale=False)
    return LockHealth(seen.id, seen.lock.lock_id, seen.lock.stale_after, seen.lock.expiry, state, duplicates)


def lock_findings(lock: LockHealth) -> Iterator[Finding]:
    """Of one lock."""
    state, subject = lock.state, f"lock.{lock.function}"
    if state is None:
        return
    if state.is_stale:
        message = (
            f"{lock.lock_id} is held by a run that is gone: last sign of life {said_span(state.heartbeat)} ago "
            f"(stale after {said_span(lock.stale_after)}), taken {said_span(state.age)} ago"
        )
        advice = "the next run takes it over by itself; to free it now: raceday-iac recover --dry-run"
        yield Finding("lock.stale", Severity.WARNING, subject, message, advice)
    if state.is_crowded:
        message = f"{state.refused} starts were refused within a minute"
        yield Finding("lock.crowded", Severity.WARNING, subject, message, f"who starts {lock.function} so often?")
    if state.is_dying:
        message = f"{state.takeovers} runs in a row died while they held {lock.lock_id}"
        yield Finding("lock.deaths", Severity.WARNING, subject, message, f"raceday-iac logs {lock.function}")
