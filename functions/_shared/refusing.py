"""What a refused run does: it is counted, and says what refusing it saved: what a run of the function takes (its
`norm`), less what the refusal took.

Imported only by a run that was refused, so it has to be small, and needs little more than what is loaded already.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from .connection import NotSent, Sender, Unclear
from .lock import Settings
from .lock_protocol import seconds
from .logs import Log, peak_memory_mb
from .typed import Any

#: Milliseconds that a refused run may take from its first line to the end.
TOTAL_TARGET_MS = 100.0
#: Of a refused run: the creation that met the lock, the look at it, the counting of the attempt, and its instant.
REQUESTS = 4
#: Of so many refused starts the instants are kept, the latest.
KEPT = 100


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


def count(sender: Sender, settings: Settings, owner: str) -> None:
    """Count one start that found the lock held by this owner. Best effort: it is sent once, because an increment
    repeated after a lost answer would count twice."""
    documents = f"/databases/{settings.database_id}/collections/{settings.collection_id}/documents"
    name = document_of(settings.lock_id)
    try:
        answer = sender.send("PATCH", f"{documents}/{name}/attempts/increment", {"value": 1})
        # Which 404 says that the document is not there depends on the version (1.8.1: `attribute_not_found`).
        if answer.status == 404:
            data = {"owner": owner, "generation": 0, "attempts": 1}
            sender.send("POST", documents, {"documentId": name, "data": data})
        elif answer.status == 200:
            # No single request counts and notes the instant.
            sender.send("PATCH", f"{documents}/{name}", {"data": {"progress": _with_this_one(answer.document())}})
    except (NotSent, Unclear, KeyError, TypeError, ValueError):
        # A server in trouble: this one stays uncounted.
        return


def instants(found: Mapping[str, Any]) -> tuple[float, ...]:
    """When the latest starts were that a counting document notes, in order. The first made it, and noted nothing."""
    try:
        noted = [float(each) for each in json.loads(found.get("progress") or "[]")]
    except (TypeError, ValueError):
        noted = []
    return tuple(sorted(each for each in noted if 0 < each < 1e11)) or (seconds(found["$createdAt"]),)


def _with_this_one(found: Mapping[str, Any]) -> str:
    """The instants with that of the start that was counted just now."""
    latest = [*instants(found), seconds(found["$updatedAt"])][-KEPT:]
    return json.dumps([round(each, 1) for each in latest], separators=(",", ":"))


def document_of(lock_id: str) -> str:
    """`<function>-lock` becomes `<function>-seen`: an id has at most 36 characters."""
    return lock_id.removesuffix("-lock") + "-seen"
