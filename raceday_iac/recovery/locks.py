"""Locks whose owner is gone. Pure: whether one is, the functions' own rule says."""

from __future__ import annotations

from collections.abc import Iterable

from ..health.locks import LockHealth
from ..health.spans import said_span
from .steps import Left, Recovery, Remedy, Step


def lock_steps(locks: Iterable[LockHealth]) -> Recovery:
    """A stale lock is taken over as a run would do it, and given back. A lock that lives is not touched."""
    steps, left = [], []
    for lock in locks:
        state = lock.state
        if state is None:
            continue
        if state.is_stale:
            steps.append(_step(lock))
        elif state.is_crowded or state.is_dying:
            why = (
                f"its owner lives: last sign of life {said_span(state.heartbeat)} ago, stale after "
                f"{said_span(lock.stale_after)}; it ends after {said_span(lock.expiry)} at the latest"
            )
            left.append(Left(f"lock.{lock.function}", f"{lock.lock_id} is held, {state.refused} starts refused", why))
    return Recovery(tuple(steps), tuple(left))


def _step(lock: LockHealth) -> Step:
    assert lock.state is not None
    state = lock.state
    keeps = ", and keep the progress that is in it" if state.progress else ""
    what = f"take {lock.lock_id} over from {state.execution or state.owner[:12]} and give it back{keeps}"
    why = (
        f"its owner gave no sign of life for {said_span(state.heartbeat)} (stale after {said_span(lock.stale_after)}) "
        f"and took it {said_span(state.age)} ago (expiry {said_span(lock.expiry)}), by the server's clock; a run that "
        "lives would have stopped writing by itself"
    )
    return Step(Remedy.FREE_LOCK, f"lock.{lock.function}", lock.lock_id, what, why, "the next run begins at once")
