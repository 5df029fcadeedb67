"""What refusing a duplicate run saved: what a run of the function takes (its `norm`), less what the refusal took.

Imported only by a run that was refused, so it has to be small.
"""

from __future__ import annotations

from typing import Any

from .logs import Log, peak_memory_mb

#: Of a refused run: the creation that met the lock, the look at it, and the counting of the attempt.
REQUESTS = 3


def saved(norm: Any, log: Log) -> dict[str, float]:
    """For the log. `norm` is the module of that name in a bundle: what a run takes, as it was measured."""
    used = {
        "seconds": log.elapsed_ms() / 1000,
        "cpuSeconds": log.cpu_seconds(),
        "memoryMb": peak_memory_mb() or 0.0,
        "appwriteRequests": REQUESTS,
    }
    norms = (norm.SECONDS, norm.CPU_SECONDS, norm.MEMORY_MB, norm.APPWRITE_REQUESTS)
    return {name: round(max(0.0, usual - spent), 3) for (name, spent), usual in zip(used.items(), norms, strict=True)}
