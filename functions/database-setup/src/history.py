"""What runs leave behind: one document for each applied schema, and one that says where a run is.

The history has a counter and the hash of the content. What remains to be done is not taken from the progress: the next
run compares with what is really there. It only says that a run did not end, in which phase, and how often that
happened for the same schema.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from .schema import documents_path
from .vendor.appwrite_http import AppwriteError, Client, path_of, query
from .vendor.documents import Documents, Write
from .vendor.logs import Log
from .work import Stop

COLLECTION = "schema-versions"
SUMMARY_LIMIT = 5000


class Version(NamedTuple):
    """The latest applied schema; number 0 and an empty hash when there is none yet."""

    number: int = 0
    hash: str = ""
    applied_at: str | None = None


def utc_now() -> str:
    """Now, in the server's form."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def latest(client: Client, database: str) -> Version:
    """The version that was recorded last. A store that is not there yet has none."""
    try:
        found = client.get(
            documents_path(database, COLLECTION), [query("orderDesc", attribute="version"), query("limit", 1)]
        )
    except AppwriteError as error:
        # 404: no collection; 400: its attributes are still being made.
        if error.missing or error.status == 400:
            return Version()
        raise
    for document in found["documents"]:
        if document["version"] > 0:
            return Version(int(document["version"]), str(document["schemaHash"]), str(document["appliedAt"]))
    return Version()


def record(
    documents: Documents,
    known: Version,
    content_hash: str,
    *,
    execution: str,
    summary: Mapping[str, Any],
    now: Callable[[], str] = utc_now,
) -> Version:
    """Record the schema as applied, unless it is the one recorded last. Raises `Stop` when that is refused."""
    if known.hash == content_hash:
        return known
    following = Version(known.number + 1, content_hash, now())
    data = {
        "version": following.number,
        "schemaHash": content_hash,
        "appliedAt": following.applied_at,
        "executionId": execution[:36],
        "phase": "applied",
        "summary": json.dumps(summary, separators=(",", ":"))[:SUMMARY_LIMIT],
    }
    written = documents.write([Write(COLLECTION, f"v{following.number}", data)])
    for reason in written.refused.values():
        raise Stop(f"version {following.number} was not recorded: {reason}")
    return following


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
