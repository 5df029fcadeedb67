"""How much memory a run may take, by the specification of its function, and whether it comes near to that.

A process that takes more than its container has is ended without a word: the lock stays until it is stale, and nobody
reads why. So a run that comes near to it takes less at a time, and ends by itself before that.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Mapping
from typing import NamedTuple

#: Parts of the memory that the specification gives. From the first on a run takes less at a time and drops what it can
#: read again; from the second on it ends. One event of a race needs a few megabytes.
HIGH, FULL = 0.7, 0.85
#: So far below `HIGH` it must be before it counts as low again.
EASED = 0.6


class Reading(NamedTuple):
    """`used` and `limit` in MB; `limit` is what the specification gives."""

    used: float
    limit: float

    @property
    def share(self) -> float:
        return self.used / self.limit


class Memory:
    """What one run takes. `used` is asked for the memory of the process, in MB; it knows nothing on some platforms."""

    def __init__(self, used: Callable[[], float | None], environ: Mapping[str, str] = os.environ) -> None:
        self._used = used
        #: MB. None: the runtime does not say, and then nothing is ever short.
        self.limit = _limit(environ.get("APPWRITE_FUNCTION_MEMORY", ""))
        self.is_high = False
        self._droppable: list[Callable[[], object]] = []

    def may_drop(self, drop: Callable[[], object]) -> None:
        """Something that a run remembers and can read again: it is called when memory is short."""
        self._droppable.append(drop)

    def look(self) -> Reading | None:
        """What is taken at this moment; None when that is not known."""
        used = None if self.limit is None else self._used()
        return None if used is None or self.limit is None else Reading(used, self.limit)

    def relieve(self) -> Reading | None:
        """Drop what can be read again, and look once more."""
        for drop in self._droppable:
            drop()
        gc.collect()
        return self.look()


def _limit(text: str) -> float | None:
    """Appwrite writes megabytes, as in its list of specifications."""
    try:
        found = float(text)
    except ValueError:
        return None
    return found if 0 < found < float("inf") else None
