"""The frame of one execution: take the lock, do the work, give the lock back, answer.

Taking the lock is the first thing, with the standard library only; the work is imported after it is held. A run that
finds it held ends at once and successfully: refusing it is what the lock is for.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from . import invocation, lock
from .lock import LockDenied, LockStoreMissing, LockStoreUnfit, LockUnclear, Refusal
from .logs import Log
from .racing_date import racing_date
from .runtime import REAL, Runtime
from .typed import Any


async def in_thread(handle: Callable[[Any], Any], context: Any) -> Any:
    """Keep the event loop free, so that a second execution in a warm container is refused while the first works."""
    import asyncio  # noqa: PLC0415 - the runtime has loaded it already; a bare interpreter need not

    return await asyncio.to_thread(handle, context)


def serve(context: Any, main_file: str, package: str, runtime: Runtime = REAL) -> Any:
    """One execution of the function whose entry module is `main_file`; its work is `<package>.work.work(run)`,
    and `<package>.norm` says what a run takes."""
    folder = os.path.dirname(os.path.abspath(main_file))
    settings = lock.load_settings(folder)
    execution = str(context.req.headers.get("x-appwrite-execution-id", ""))
    log = Log(context.log, context.error, function=settings.function, execution=execution, clock=runtime.clock)
    try:
        call = invocation.read(context)
        began = runtime.perf()
        day = racing_date(runtime.now())
        held = lock.acquire(settings, call.credentials, call.execution, nz_date=day, runtime=runtime)
    except invocation.NotConfigured as reason:
        return _unusable(context, log, "run.not_configured", reason)
    except (LockDenied, LockStoreMissing, LockStoreUnfit, LockUnclear) as reason:
        return _unusable(context, log, "lock.unusable", reason)
    checked_ms = round((runtime.perf() - began) * 1000, 2)
    if isinstance(held, Refusal):
        _count(call, settings, held, runtime)
        return _duplicate(context, log, held, checked_ms, package)
    log.event(
        "lock.acquired",
        checkMs=checked_ms,
        targetMs=settings.check_target_ms,
        generation=held.lease.generation,
        takeovers=held.lease.takeovers,
        nzDate=day,
    )
    with held:
        outcome = _work(package, folder, settings, call, log, held, runtime)
    note = log.event if held.gave_back else log.problem
    note("lock.released", requests=held.requests, released=held.gave_back)
    return context.res.json(outcome.body, outcome.status)


def _work(package: str, folder: str, *parts: Any) -> Any:
    from importlib import import_module  # noqa: PLC0415 - not before the lock is held

    running = import_module(".running", __package__)
    work, norm = import_module(".work", package).work, import_module(".norm", package)
    return running.perform(work, norm.SLOW_AFTER, running.Run(folder, *parts))


def _count(call: invocation.Invocation, settings: lock.Settings, refusal: Refusal, runtime: Runtime) -> None:
    """So that the owner sees how many starts were in vain, and whoever starts runs can slow down."""
    from . import refusing  # noqa: PLC0415 - not needed by a run that gets the lock

    # The connection is the one on which the lock was asked for: what is closed stays open for the next.
    sender = runtime.connect(call.credentials)
    refusing.count(sender, settings, refusal.found.owner)
    sender.close()


def _duplicate(context: Any, log: Log, refusal: Refusal, checked_ms: float, package: str) -> Any:
    from importlib import import_module  # noqa: PLC0415

    from . import refusing  # noqa: PLC0415

    holder = {"owner": refusal.found.owner, "phase": refusal.found.phase, "lockAgeSeconds": refusal.lock_age}
    log.event(
        "lock.refused",
        holder=holder,
        checkMs=checked_ms,
        heartbeatAgeSeconds=refusal.heartbeat_age,
        saved=refusing.saved(import_module(".norm", package), log),
        # Without the start of a container, which is none of ours: from the first line of the function to this one.
        totalMs=log.elapsed_ms(),
        totalTargetMs=refusing.TOTAL_TARGET_MS,
    )
    return context.res.json({"outcome": "duplicate", "holder": holder, "durationMs": log.elapsed_ms()}, 200)


def _unusable(context: Any, log: Log, event: str, reason: Exception) -> Any:
    """Without a lock nothing is done; this is an error, never to be mistaken for a lock that is held."""
    log.problem(event, error=type(reason).__name__, reason=str(reason))
    body = {"outcome": "failed", "error": event, "message": str(reason), "durationMs": log.elapsed_ms()}
    return context.res.json(body, 500)
