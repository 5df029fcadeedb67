"""One process of the stress test: takes the lock, writes guarded records, gives it back, and so on until asked to stop.

What it sees goes line by line into a file, written at once, so that it outlives a kill. Its clock is the machine's,
which all processes share and which goes on while a process is stopped.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2] / "functions"))

from _shared import lock
from _shared.appwrite_http import AppwriteError, Client, query
from _shared.connection import Answer, Connection, Credentials, Unclear
from _shared.documents import Documents, Write
from _shared.lock_protocol import Numbers
from _shared.runtime import REAL, steady_clock

#: Short, so that a crashed owner is replaced soon; the margin of the protocol is one second of them.
SETTINGS = lock.Settings("stress", "stress-lock", "raceday-db", "locks", Numbers(2, 0.4, 6))
JOURNAL = "/databases/raceday-db/collections/journal/documents"


class Flaky:
    """A connection that now and then loses an answer after the request was carried out."""

    def __init__(self, credentials: Credentials) -> None:
        self._real = Connection(credentials)

    def send(self, *request: Any) -> Answer:
        answer = self._real.send(*request)
        if random.random() < 0.03:
            raise Unclear("the answer was thrown away")
        return answer

    def close(self) -> None:
        self._real.close()


def main(endpoint: str, project: str, key: str, folder: str, seed: str) -> None:
    random.seed(seed)
    process = Process(Credentials(endpoint, project, key), Path(folder), seed)
    while not Path(folder, "stop").exists():
        process.attempt()
        time.sleep(random.uniform(0.02, 0.12))


class Process:
    def __init__(self, credentials: Credentials, folder: Path, name: str) -> None:
        self._credentials, self._name = credentials, name
        self._file = os.open(folder / f"{name}.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._client = Client(credentials, runtime=REAL._replace(connect=Flaky))

    def note(self, what: str, **facts: Any) -> None:
        os.write(self._file, (json.dumps({"what": what, **facts}) + "\n").encode())

    def attempt(self) -> None:
        """Try for the lock once, and work if it was got."""
        try:
            held = lock.acquire(SETTINGS, self._credentials, self._name, runtime=REAL._replace(connect=Flaky))
        except lock.LockUnclear:
            return
        if isinstance(held, lock.Refusal):
            return
        token = held.lease.token
        self.note("acquired", token=token)
        with held:
            try:
                for _ in range(random.randint(1, 6)):
                    self.write(held, token)
                    time.sleep(random.uniform(0, 0.12))
            except lock.LockLost as reason:
                self.note("lost", token=token, reason=str(reason))
            except AppwriteError as trouble:
                self.note("trouble", token=token, reason=str(trouble))

    def write(self, held: lock.Lock, token: tuple[str, int]) -> None:
        """Append one record: its id is the next number, so nobody can write between reading and writing."""
        documents = Documents(self._client, SETTINGS.database_id, held)
        while True:
            last = self._client.get(JOURNAL, [query("orderDesc", attribute="number"), query("limit", 1)])["documents"]
            number = last[0]["number"] + 1 if last else 1
            if last and (last[0]["created"], last[0]["generation"]) > token:
                # Somebody has written after us. Whoever may still write now would be one of two.
                if held.writable():
                    self.note("violation", token=token, newer=last[0])
                raise lock.LockLost("a newer owner has written")
            asked = steady_clock()
            held.check()
            self.note("may write", token=token, at=asked)
            record = {"number": number, "process": self._name, "created": token[0], "generation": token[1]}
            # Not an upsert: a number that somebody has written by now must be refused.
            if not documents.write([Write("journal", f"w-{number:06}", record, "create")]).refused:
                return


if __name__ == "__main__":
    main(*sys.argv[1:])
