"""Where a run is, kept in one document, so that the next run and a reader know what was interrupted.

What remains to be done is not taken from here: the next run compares with what is really there. This document only
tells that a run did not end, in which phase, and how often that happened for the same schema.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from .addresses import documents_path
from .vendor.appwrite_http import AppwriteError, Client, path_of
from .vendor.documents import Documents, Write
from .vendor.logs import Log
from .versions import COLLECTION, utc_now

DOCUMENT = "progress"
DONE = "done"
ROLLED_BACK = "rolled back"


class Progress:
    """The progress document of one run."""

    def __init__(
        self,
        client: Client,
        documents: Documents,
        log: Log,
        database: str,
        *,
        content_hash: str,
        execution: str,
        now: Callable[[], str] = utc_now,
    ) -> None:
        self._client, self._documents, self._log, self._now = client, documents, log, now
        self._path = documents_path(database, COLLECTION) + path_of(DOCUMENT)
        self._hash, self._execution = content_hash, execution
        self._runs = 1
        self._exists = False

    def interrupted(self) -> dict[str, Any] | None:
        """What an earlier run left when it did not come to its end; None when it did or there was none."""
        try:
            found = self._client.find(self._path)
        except AppwriteError as error:
            self._log.event("setup.progress_unreadable", status=error.status, type=error.kind)
            return None
        if found is None:
            return None
        self._exists = True
        if found.get("phase") in (DONE, ROLLED_BACK):
            return None
        summary = _decoded(found.get("summary"))
        self._runs = int(summary.get("runs", 1)) + 1 if found.get("schemaHash") == self._hash else 1
        return {"phase": found.get("phase"), "execution": found.get("executionId"), "run": self._runs}

    def save(self, phase: str, counts: Mapping[str, Any]) -> None:
        """Note the phase. Failing to is no failure of the run: at first the collection is not even there."""
        data = {
            "version": 0,
            "schemaHash": self._hash,
            "appliedAt": self._now(),
            "executionId": self._execution[:36],
            "phase": phase[:64],
            "summary": json.dumps({"runs": self._runs, **counts}, separators=(",", ":")),
        }
        try:
            written = self._documents.write([Write(COLLECTION, DOCUMENT, data)])
        except AppwriteError as error:
            self._log.event("setup.progress_not_saved", phase=phase, reason=str(error))
            return
        self._exists = self._exists or not written.refused
        for reason in written.refused.values():
            self._log.event("setup.progress_not_saved", phase=phase, reason=reason)

    def finish(self, phase: str = DONE) -> None:
        """The run came to its end. Nothing is written when nothing had been."""
        if self._exists:
            self.save(phase, {})


def _decoded(text: Any) -> dict[str, Any]:
    try:
        found = json.loads(text or "{}")
    except (TypeError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
