"""What the count of runs that found the lock held means for its owner, so that whoever starts runs can slow down.

A refused run must not touch the lock document: that would look like a sign of life of its owner. It counts up a second
document beside it (`refusing.count`), without lock and fence, because it has none; the owner reads and clears the
count. Both are best effort: a count that is off by one is harmless, a run that fails because of it is not.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from math import ceil
from typing import Any, NamedTuple

from .appwrite_http import AppwriteError, Client, path_of
from .documents import Documents, Write
from .lock import Settings
from .lock_protocol import seconds
from .refusing import document_of, instants

#: So many refused starts within one window of so many seconds are too many, wherever the window begins.
CROWD = 3
CROWD_WINDOW = 60.0
CROWD_BACKOFF = 15.0
#: So many owners in a row that died without giving the lock back are too many.
DEATHS = 2
DEATHS_BACKOFF = 60.0
LONGEST_BACKOFF = 900.0


class Attempts(NamedTuple):
    """Refused starts since the count was cleared."""

    starts: int = 0
    #: Seconds between the first and the last of them.
    span: float = 0.0
    #: When the latest of them were, in seconds since 1970 and in order, as far as it is known.
    instants: tuple[float, ...] = ()

    def most_within(self, window: float) -> int:
        """The most starts within any `window` seconds."""
        counted = (bisect_right(self.instants, begin + window) - number for number, begin in enumerate(self.instants))
        # An instant may be lost to another start at the same time, the count is not. However the starts are spread over
        # the span, one of the windows that cover it has its share of them.
        share = ceil(self.starts / max(1, ceil(self.span / window)))
        return max(share, max(counted, default=0))

    def is_crowded(self, window: float) -> bool:
        """Whether starts came too fast."""
        return self.most_within(window) >= CROWD

    def backoff(self, base: float) -> float:
        """Seconds that the next start should be put off: `base`, doubled for each start in a window beyond a crowd."""
        most = self.most_within(CROWD_WINDOW)
        return 0.0 if most < CROWD else min(LONGEST_BACKOFF, base * 2.0 ** min(most - CROWD, 30))


def backoff_after_deaths(takeovers: int) -> float:
    """Seconds to put off the next start after so many takeovers in a row, doubled for each beyond `DEATHS`."""
    if takeovers < DEATHS:
        return 0.0
    return min(LONGEST_BACKOFF, DEATHS_BACKOFF * 2.0 ** (takeovers - DEATHS))


def look(client: Client, settings: Settings) -> Mapping[str, Any] | None:
    """The counting document as it is; None without one, or when it cannot be read."""
    try:
        return client.find(_path(settings))
    except AppwriteError:
        return None


def read(found: Mapping[str, Any] | None) -> Attempts:
    """What a counting document says, for those who have read it together with others."""
    if found is None:
        return Attempts()
    first, last = (seconds(found[name]) for name in ("$createdAt", "$updatedAt"))
    return Attempts(int(found.get("attempts") or 0), last - first, instants(found))


def clear(documents: Documents, settings: Settings) -> bool:
    """Let the count start again. For the owner of the lock. False when that did not work."""
    try:
        written = documents.write([Write(settings.collection_id, document_of(settings.lock_id), {}, "delete")])
    except AppwriteError:
        return False
    return not written.refused


def _path(settings: Settings) -> str:
    document = document_of(settings.lock_id)
    return path_of("databases", settings.database_id, "collections", settings.collection_id, "documents", document)
