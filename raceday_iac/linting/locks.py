"""Rules on the numbers of a lock and a timeout."""

from __future__ import annotations

from collections.abc import Iterator

from .facts import FunctionFacts
from .findings import Finding, Severity


def lock_numbers(function: FunctionFacts) -> Iterator[Finding]:
    """SCH007 to SCH009."""
    lock = function.lock
    if lock is None:
        return
    if lock.expiry >= function.timeout:
        yield _error(
            "SCH007",
            function,
            f"expiry {lock.expiry} s, timeout {function.timeout} s: the run is killed before it stops itself",
            f"an expiry below {function.timeout} s, or a longer timeout",
        )
    if lock.stale_after > lock.expiry:
        message = f"stale after {lock.stale_after} s, expiry {lock.expiry} s: staleness is never seen"
        yield _error("SCH008", function, message, f"stale_after below {lock.expiry} s")
    elif lock.stale_after == lock.expiry:
        yield Finding(
            "SCH008",
            Severity.INFO,
            function.address,
            f"stale after {lock.stale_after} s, which is when it expires: a dead run blocks others until then",
            f"stale_after below {lock.expiry} s frees the lock of a dead run sooner",
            function.location,
        )
    if lock.heartbeat >= lock.stale_after:
        yield _error(
            "SCH009",
            function,
            f"heartbeat every {lock.heartbeat} s, stale after {lock.stale_after} s: a healthy run is taken for dead",
            f"a heartbeat of at most {max(1, lock.stale_after // 2)} s",
        )


def timeout_limit(function: FunctionFacts, limit: int) -> Iterator[Finding]:
    """SCH010."""
    if function.timeout > limit:
        yield _error(
            "SCH010",
            function,
            f"timeout {function.timeout} s, but the server takes at most {limit} s",
            f"a timeout of at most {limit} s, and work in parts that fit",
        )


def _error(code: str, function: FunctionFacts, message: str, fix: str) -> Finding:
    return Finding(code, Severity.ERROR, function.address, message, fix, function.location)
