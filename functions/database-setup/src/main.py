"""Entry point of `database-setup`: makes the database as declared, verifies it, or reports its health.

The lock is taken before anything heavy is imported. A run that finds it held ends at once and successfully. `main`
is asynchronous so that a second execution in the same warm container is answered while the first one works.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from .vendor import invocation, lock
from .vendor.lock import Lock, LockDenied, LockStoreMissing, LockStoreUnfit, LockUnclear, Refusal
from .vendor.logs import Log
from .vendor.typed import Any

ACTIONS = ("setup", "verify", "health")
#: Seconds before the end of the lease in which nothing new is begun.
RESERVE = 10.0
_HERE = os.path.dirname(os.path.abspath(__file__))


async def main(context: Any) -> Any:
    """Called by the runtime for each execution."""
    import asyncio  # noqa: PLC0415 - loaded by the runtime already; not needed to refuse a second run elsewhere

    return await asyncio.to_thread(handle, context)


def handle(context: Any) -> Any:
    """One execution, from request to answer."""
    log = Log(context.log, context.error, function="database-setup", execution=_execution_of(context))
    try:
        call = invocation.read(context)
    except invocation.NotConfigured as reason:
        log.problem("setup.not_configured", reason=str(reason))
        return context.res.json({"healthy": False, "error": "not_configured", "message": str(reason)}, 500)
    action = call.body.get("action", "setup")
    if action not in ACTIONS:
        message = f"unknown action {action!r}, known are {', '.join(ACTIONS)}"
        return context.res.json({"healthy": False, "error": "unknown_action", "message": message}, 400)
    if action != "setup":
        return _read_only(context, call, log, action)
    try:
        return _under_lock(context, call, log)
    except (LockDenied, LockStoreMissing, LockStoreUnfit, LockUnclear) as reason:
        log.problem("lock.unusable", error=type(reason).__name__, reason=str(reason))
        return context.res.json({"healthy": False, "error": "lock_unusable", "message": str(reason)}, 500)


def _under_lock(context: Any, call: invocation.Invocation, log: Log) -> Any:
    settings = lock.load_settings(_HERE)
    created = requests = 0
    began = time.perf_counter()
    try:
        held = lock.acquire(settings, call.credentials, call.execution)
    except (LockStoreMissing, LockStoreUnfit) as reason:
        # Only this function may go on without a lock store: it is the one that makes it.
        log.event("lock.store_not_ready", error=type(reason).__name__, reason=str(reason))
        created, requests = _bootstrap(call, log, settings)
        began = time.perf_counter()
        held = lock.acquire(settings, call.credentials, call.execution)
    checked_ms = round((time.perf_counter() - began) * 1000, 1)
    if isinstance(held, Refusal):
        return _duplicate(context, log, held, checked_ms)
    log.event("lock.acquired", checkMs=checked_ms, generation=held.lease.generation, takeovers=held.lease.takeovers)
    with held:
        report = _set_up(call, log, held)
    log.event("lock.released", requests=held.requests)
    report.created += created
    report.requests += requests + held.requests
    return _answer(context, log, report)


def _duplicate(context: Any, log: Log, refusal: Refusal, checked_ms: float) -> Any:
    from . import norm  # noqa: PLC0415 - not needed by a run that gets the lock
    from .vendor import refusing  # noqa: PLC0415

    holder = {"owner": refusal.found.owner, "phase": refusal.found.phase}
    reported = {"checkMs": checked_ms, "heartbeatAgeSeconds": refusal.heartbeat_age, "saved": refusing.saved(norm, log)}
    log.event("lock.refused", holder=holder, **reported)
    body = {"duplicate": True, "healthy": None, "holder": holder, "lockAgeSeconds": refusal.lock_age}
    return context.res.json({**body, "durationMs": log.elapsed_ms()}, 200)


def _set_up(call: invocation.Invocation, log: Log, held: Lock) -> Any:
    from . import actions, schema  # noqa: PLC0415 - imported only when the lock is held
    from .vendor.documents import Documents  # noqa: PLC0415

    work = _work(call, log, permit=held.check, remaining=lambda: held.remaining() - RESERVE)
    work.documents = Documents(work.client, held.settings.database_id, held)
    work.at_phase = lambda phase, counts: held.report(counts, phase=phase)
    rollback = call.body.get("rollback", True) is not False
    try:
        declared = schema.load(os.path.join(_HERE, "schema.json"))
        report = actions.set_up(work, declared, execution=call.execution, rollback=rollback)
    finally:
        work.client.close()
    report.requests = work.client.requests
    return report


def _bootstrap(call: invocation.Invocation, log: Log, settings: lock.Settings) -> tuple[int, int]:
    """Make the lock store without the lock. Returns how much was created and how many requests that took."""
    from . import actions, schema  # noqa: PLC0415

    ends = time.monotonic() + settings.numbers.expiry
    work = _work(call, log, permit=lambda: None, remaining=lambda: ends - time.monotonic() - RESERVE)
    try:
        actions.prepare_lock_store(work, schema.load(os.path.join(_HERE, "schema.json")))
    finally:
        work.client.close()
    return len(work.ledger.created), work.client.requests


def _read_only(context: Any, call: invocation.Invocation, log: Log, action: str) -> Any:
    from . import actions, schema  # noqa: PLC0415

    settings = lock.load_settings(_HERE)
    ends = time.monotonic() + settings.numbers.expiry
    work = _work(call, log, permit=lambda: None, remaining=lambda: ends - time.monotonic())
    declared = schema.load(os.path.join(_HERE, "schema.json"))
    try:
        report = (
            actions.verify(work, declared) if action == "verify" else actions.health(work, declared, settings.lock_id)
        )
    finally:
        work.client.close()
    report.requests = work.client.requests
    return _answer(context, log, report)


def _work(call: invocation.Invocation, log: Log, *, permit: Callable[[], None], remaining: Callable[[], float]) -> Any:
    from .vendor.appwrite_http import Client  # noqa: PLC0415
    from .work import Work  # noqa: PLC0415

    return Work(Client(call.credentials, permit=permit, left=remaining), log, remaining)


def _answer(context: Any, log: Log, report: Any) -> Any:
    report.duration_ms = log.elapsed_ms()
    for problem in report.problems:
        log.problem("setup.problem", **problem._asdict())
    body = report.as_json()
    reported = {name: body[name] for name in ("action", "healthy", "created", "updated", "unchanged", "requests")}
    log.event("setup.done", **reported, cpuSeconds=log.cpu_seconds())
    return context.res.json(body, report.status)


def _execution_of(context: Any) -> str:
    return str(context.req.headers.get("x-appwrite-execution-id", ""))
