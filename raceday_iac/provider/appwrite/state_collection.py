"""The private collection that holds states, made when it is first needed: one attribute at a time, each awaited, for a
real server loses attributes of one collection that it makes at the same time (see `kinds.turns`)."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from ...errors import ConflictError, NotFoundError, ProviderError
from ...kinds.base import Call, Shape, listing
from .packing import LIMIT
from .transport import Transport

#: The name of the database and of the collection, by which readers of a project pass them over.
STATE_NAME = "raceday-iac state (do not edit)"
#: Key, path and body of each attribute.
_ATTRIBUTES: tuple[tuple[str, str, Mapping[str, Any]], ...] = (
    ("environment", "string", {"size": 36}),
    ("serial", "integer", {}),
    ("note", "string", {"size": 4000}),
    ("content", "string", {"size": LIMIT}),
)
_ATTRIBUTE = Shape({"key": str, "status": str})
#: Seconds until attributes must be available, and between two looks: short at first, for an attribute takes some 35 ms.
_PATIENCE, _FIRST_PAUSE, _LONGEST_PAUSE = 120.0, 0.05, 1.0


class StateCollection:
    """Makes sure of the database, the collection and its attributes."""

    def __init__(
        self,
        transport: Transport,
        database: str,
        collection: str,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._transport = transport
        self._database, self._collection = database, collection
        self._path = f"/databases/{database}/collections/{collection}"
        self._sleep, self._clock = sleep, clock

    def make(self) -> None:
        """Create what is missing, and wait until it can be used. Another process may be doing the same."""
        self._ensure(Call("post", "/databases", {"databaseId": self._database, "name": STATE_NAME}))
        # No permissions: only server keys may read or write.
        body = {"collectionId": self._collection, "name": STATE_NAME, "permissions": [], "documentSecurity": False}
        self._ensure(Call("post", f"/databases/{self._database}/collections", body))
        for key, kind, options in _ATTRIBUTES:
            wanted = {"key": key, "required": False, **options}
            self._ensure(Call("post", f"{self._path}/attributes/{kind}", wanted, _ATTRIBUTE))
            self._wait(key)

    def is_complete(self) -> bool:
        """Whether all attributes can be used."""
        try:
            statuses = self._statuses()
        except NotFoundError:
            return False
        return all(statuses.get(key) == "available" for key, _, _ in _ATTRIBUTES)

    def _ensure(self, call: Call) -> None:
        try:
            self._transport.request(call)
        except ConflictError:
            return

    def _wait(self, key: str) -> None:
        deadline, pause = self._clock() + _PATIENCE, _FIRST_PAUSE
        while (status := self._statuses().get(key)) != "available":
            if status in ("failed", "stuck") or self._clock() > deadline:
                what = f"{key} is {status}" if status in ("failed", "stuck") else f"{key} is not finished"
                raise ProviderError(
                    f"Appwrite could not make the collection {self._database}/{self._collection} for the state: "
                    f"{what}.",
                    hint="delete it in the console and run the command again",
                )
            self._sleep(pause)
            pause = min(_LONGEST_PAUSE, pause * 1.5)

    def _statuses(self) -> dict[str, str]:
        """From the list: what is answered of the collection itself may be old for ever."""
        shape = listing("attributes", _ATTRIBUTE)
        raw = self._transport.request(Call("get", f"{self._path}/attributes", answer=shape))
        return {str(each["key"]): str(each["status"]) for each in raw["attributes"]}
