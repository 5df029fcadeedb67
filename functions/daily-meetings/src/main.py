"""Entry point of `daily-meetings`: imports the meetings and races of the New Zealand day.

The first thing done is to take the lock; the work (`work.py`) is imported only after it is held.
"""

from __future__ import annotations

from .vendor import entry
from .vendor.typed import Any


def handle(context: Any, runtime: entry.Runtime = entry.REAL) -> Any:
    """One execution, from request to answer."""
    return entry.serve(context, __file__, __package__ or "", runtime)


async def main(context: Any) -> Any:
    """Called by the runtime for each execution."""
    return await entry.in_thread(handle, context)
