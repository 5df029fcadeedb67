"""The history of applied schemas: one document per change, with a counter and the hash of the content."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from .addresses import documents_path
from .vendor.appwrite_http import AppwriteError, Client, query
from .vendor.documents import Documents, Write
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
