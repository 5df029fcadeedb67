"""The execution locks: who holds them, and whether they do what they are for. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from ..counting import format_duration
from .observations import Finding, FunctionSeen, Observation, Severity
from .runs import Figures, check_target
from .shared import LockState, Rules
from .watched import HealthConfig

_NONE: Mapping[str, Figures] = MappingProxyType({})


@dataclass(frozen=True)
class LockHealth:
    """The lock of a function; `state` is None while it is free. `duplicates` are the starts that it refused in the
    window, and `check_ms` the median of what asking for it took, by the logs of these."""

    function: str
    lock_id: str
    stale_after: float
    expiry: float
    state: LockState | None = None
    duplicates: int = 0
    check_ms: float | None = None
    check_target_ms: int | None = None


def lock_health(
    observation: Observation, rules: Rules, watched: HealthConfig, figures: Mapping[str, Figures] = _NONE
) -> Iterator[LockHealth]:
    """Of each function that has one; of none where the locks could not be read. `figures` by function."""
    if observation.locks is None or not rules.has_locks:
        return
    for seen in observation.functions:
        if seen.lock is not None:
            found = _lock(seen, observation, rules, figures.get(seen.id, Figures()))
            yield replace(found, check_target_ms=check_target(seen, watched.of(seen.id)))


def _lock(seen: FunctionSeen, observation: Observation, rules: Rules, figures: Figures) -> LockHealth:
    assert seen.lock is not None
    assert observation.locks is not None
    document = observation.locks.get(seen.lock.lock_id)
    counted = observation.locks.get(rules.seen_document(seen.lock.lock_id))
    state = rules.lock_state(document, counted, seen.lock, observation.now) if document is not None else None
    if state is not None and not observation.is_dated:
        state = replace(state, is_stale=False)
    return LockHealth(
        seen.id,
        seen.lock.lock_id,
        seen.lock.stale_after,
        seen.lock.expiry,
        state,
        figures.duplicates,
        figures.lock_check,
    )


def lock_without_secrets(lock: LockHealth, clean: Callable[[str], str]) -> LockHealth:
    """With what its owner says cleaned."""
    if lock.state is None:
        return lock
    progress = {clean(name): _cleaned(value, clean) for name, value in lock.state.progress.items()}
    return replace(lock, state=replace(lock.state, phase=clean(lock.state.phase), progress=progress))


def _cleaned(value: Any, clean: Callable[[str], str]) -> Any:
    if isinstance(value, dict):
        return {clean(name): _cleaned(item, clean) for name, item in value.items()}
    if isinstance(value, list):
        return [_cleaned(each, clean) for each in value]
    return clean(value) if isinstance(value, str) else value


def lock_findings(lock: LockHealth) -> Iterator[Finding]:
    """Of one lock."""
    state, subject = lock.state, f"lock.{lock.function}"
    if state is None:
        return
    if state.is_stale:
        message = (
            f"{lock.lock_id} is held by a run that is gone: last sign of life {format_duration(state.heartbeat)} ago "
            f"(stale after {format_duration(lock.stale_after)}), taken {format_duration(state.age)} ago"
        )
        advice = "the next run takes it over by itself; to free it now: raceday-iac recover --dry-run"
        yield Finding("lock.stale", Severity.WARNING, subject, message, advice)
    elif state.is_of_yesterday:
        message = f"the run that holds {lock.lock_id} works for {state.day}, and that day is over"
        yield Finding("lock.yesterday", Severity.WARNING, subject, message, f"raceday-iac logs {lock.function}")
    if state.is_crowded:
        message = f"{state.refused} starts were refused within a minute"
        yield Finding("lock.crowded", Severity.WARNING, subject, message, f"who starts {lock.function} so often?")
    if state.is_dying:
        message = f"{state.takeovers} runs in a row died while they held {lock.lock_id}"
        yield Finding("lock.deaths", Severity.WARNING, subject, message, f"raceday-iac logs {lock.function}")
