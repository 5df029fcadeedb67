"""Starting the poller, and looking whether a run of it is under way: for the two functions that start it.

Its lock says whether a run works, and whether the starts should slow down; the list of its executions says what waits.
A start is never repeated blindly: whether one went through after all is looked up.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from . import attempts
from .appwrite_http import AppwriteError, path_of, query
from .attempts import Attempts
from .lock_protocol import LONGEST_RUN as LONGEST_LOCK
from .lock_protocol import Numbers, read_found, refusal_of, seconds
from .running import Run

POLLER = "enhanced-race-poller"
#: A lock states the numbers that it lives by. One that states none may live for as long as a run can.
_UNSTATED = Numbers(LONGEST_LOCK, LONGEST_LOCK, LONGEST_LOCK)
#: A poller run cannot take longer (timeout 150 s and a cold start); an older one "in progress" was lost by the server.
LONGEST_RUN = 240.0
#: What has waited for longer will not be run any more.
LONGEST_WAIT = 900.0
#: One more run than this that waits means that the system does not keep up.
FEW_WAITING = 3
#: Races in one start: more than the largest day has.
MOST_RACES = 400
_THROTTLED_TRIES = 3


class Held(NamedTuple):
    """What the locks say before a start."""

    #: A run of the poller works at this instant.
    is_working: bool
    phase: str | None
    #: Seconds for which starts should be put off.
    backoff: float
    #: Starts of the asking function itself that were refused lately.
    own_refused: Attempts


class Waiting(NamedTuple):
    """Executions of the poller that are neither finished nor lost."""

    processing: int
    waiting: int

    @property
    def is_overloaded(self) -> bool:
        return self.waiting > FEW_WAITING


class Execution(NamedTuple):
    """One execution of the poller. The server keeps no answers of asynchronous ones, only their status code."""

    identity: str
    status: str
    code: int

    @property
    def is_over(self) -> bool:
        return self.status in ("completed", "failed")


class PollerRuns:
    """The poller's runs as seen from a run of another function."""

    def __init__(self, run: Run, environ: Mapping[str, str] = os.environ) -> None:
        self._run = run
        self.function = environ.get("RACE_POLLER_FUNCTION_ID") or POLLER
        self._executions = path_of("functions", self.function, "executions")

    def held(self) -> Held:
        """What the poller's lock says, and how often starts of our own were refused: one request for both."""
        settings = self._run.settings
        locks = path_of("databases", settings.database_id, "collections", settings.collection_id, "documents")
        lock, seen = f"{self.function}-lock", attempts.document_of(settings.lock_id)
        listed = self._run.client.get(locks, [query("equal", lock, seen, attribute="$id"), query("limit", 2)])
        documents = {each["$id"]: each for each in listed["documents"]}
        refused = attempts.read(documents.get(seen))
        return self._checked(documents[lock], refused) if lock in documents else Held(False, None, 0.0, refused)

    def _checked(self, document: Mapping[str, Any], refused: Attempts) -> Held:
        now = self._run.server_now()
        until = document.get("backoffUntil")
        backoff = (datetime.fromisoformat(until) - now).total_seconds() if until else 0.0
        refusal = refusal_of(read_found(document), _UNSTATED, now.timestamp())
        return Held(refusal is not None, document.get("phase"), max(0.0, backoff), refused)

    def waiting(self) -> Waiting:
        """What is under way or waits to be run."""
        listed = self._listed(LONGEST_WAIT, query("equal", "waiting", "processing", attribute="status"))
        lost = (self._run.server_now() - timedelta(seconds=LONGEST_RUN)).timestamp()
        states = [
            each["status"] for each in listed if each["status"] == "waiting" or seconds(each["$createdAt"]) > lost
        ]
        return Waiting(states.count("processing"), states.count("waiting"))

    def start(self, races: Sequence[str]) -> Execution | None:
        """One asynchronous execution for these races. None: nobody knows whether it was accepted, and none is there."""
        since = self._run.server_now()
        body = {"async": True, "body": json.dumps({"raceIds": list(races[:MOST_RACES])}, separators=(",", ":"))}
        for tries in range(1, _THROTTLED_TRIES + 1):
            self._run.going_on()
            try:
                return _execution(self._run.client.once("POST", self._executions, body))
            except AppwriteError as error:
                if error.unclear:
                    return self._after_unclear_start(since, error)
                # Refused for being one too many: certainly not carried out.
                if error.status != 429 or tries == _THROTTLED_TRIES or not self._run.client.wait(tries, error):
                    raise
        raise AssertionError("the last try returns or raises")

    def _after_unclear_start(self, since: datetime, error: AppwriteError) -> Execution | None:
        age = (self._run.server_now() - since).total_seconds()
        # Stamps are cut to milliseconds, and our idea of the server's time runs ahead by one request at most.
        found = self._listed(age + 5.0)
        self._run.log.problem("poller.start_unclear", status=error.status, type=error.kind, found=len(found))
        return _execution(found[0]) if found else None

    def look(self, execution: Execution) -> Execution:
        """The execution as it is now; one that is gone is over."""
        found = self._run.client.find(self._executions + path_of(execution.identity))
        return execution._replace(status="completed") if found is None else _execution(found)

    def _listed(self, seconds: float, *queries: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Executions of the last so many seconds, newest first."""
        since = (self._run.server_now() - timedelta(seconds=seconds)).isoformat(timespec="milliseconds")
        recent = [query("greaterThan", since, attribute="$createdAt"), query("orderDesc", attribute="$createdAt")]
        found: list[dict[str, Any]] = self._run.client.get(self._executions, [*queries, *recent])["executions"]
        return found


def _execution(document: Mapping[str, Any]) -> Execution:
    return Execution(str(document["$id"]), str(document["status"]), int(document.get("responseStatusCode") or 0))
