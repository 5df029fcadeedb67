"""State in Appwrite itself: a private collection with one document per serial, and one for the lock.

The document's id is `<environment>-<serial>`, so that creating it is the compare-and-set (observed on 1.8.1: of twenty
concurrent creations of one id exactly one succeeds). The lock is replaced under the condition that it was not updated
since it was read (`X-Appwrite-Timestamp`; observed likewise). Nobody but server keys may read the collection.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from ...errors import (
    ConflictError,
    IacError,
    NotFoundError,
    ProviderError,
    ServerFaultError,
    StateError,
    UnreachableError,
)
from ...kinds.base import Call, Shape, is_instant, listing
from ...provider.appwrite.reading import PAGE, STATE_NAME, query
from ...provider.appwrite.transport import Transport
from . import LockRecord, PreconditionFailed, StateVersion

#: Appwrite's ids have at most 36 characters; a serial gets ten of them.
LONGEST_ENVIRONMENT = 25
_ATTEMPTS = 3
#: What a document holds, and what a list of them shows that asks for no more.
_DOCUMENT = Shape({"$id": str, "$updatedAt": is_instant, "serial": int, "content": str})
_LISTED = Shape({"$id": str, "serial": int})


class AppwriteBackend:
    """See `StateBackend`. The connection is made when first needed: an embedded server may be started in between."""

    def __init__(self, connect: Callable[[], Transport], environment: str, database: str, collection: str) -> None:
        self._connect = connect
        self._environment = environment
        self._database, self._name = database, collection
        self._documents = f"/databases/{database}/collections/{collection}/documents"

    @property
    def where(self) -> str:
        return f"the collection {self._database}/{self._name} of Appwrite"

    def newest(self) -> StateVersion | None:
        """See `Shelf.newest`. One request."""
        found = self._list(_DOCUMENT, query("limit", 1))
        return _volume(found[0]) if found else None

    def volume(self, serial: int) -> StateVersion | None:
        raw = self._document(self._id(serial))
        return _volume(raw) if raw else None

    def volumes(self) -> Sequence[StateVersion]:
        return [
            _volume(raw) for raw in self._list(_LISTED, query("limit", PAGE), query("select", "$id", "serial", "note"))
        ]

    def serials(self) -> Sequence[int]:
        found = self._list(_LISTED, query("limit", PAGE), query("select", "$id", "serial"))
        return [int(raw["serial"]) for raw in found]

    def add(self, volume: StateVersion) -> None:
        """See `Shelf.add`."""
        content = pack(volume.text)
        data = {"environment": self._environment, "serial": volume.serial, "note": volume.note, "content": content}
        try:
            self._create(self._id(volume.serial), data)
        except ConflictError:
            found = self._document(self._id(volume.serial))
            if found is None or found.get("content") != content:
                raise PreconditionFailed(f"serial {volume.serial} exists") from None

    def replace(self, volume: StateVersion) -> None:
        body = {"data": {"note": volume.note, "content": pack(volume.text)}}
        self._transport.request(Call("patch", f"{self._documents}/{self._id(volume.serial)}", body))

    def remove(self, serial: int) -> None:
        try:
            self._transport.request(Call("delete", f"{self._documents}/{self._id(serial)}"))
        except NotFoundError:
            return

    def read_lock(self) -> LockRecord | None:
        raw = self._document(self._lock_id)
        return None if raw is None else LockRecord(str(raw["content"]), str(raw["$updatedAt"]), self._age(raw))

    def write_lock(self, text: str, tag: str) -> str:
        """See `Shelf.write_lock`."""
        try:
            written = self._update_lock(text, tag) if tag else self._create_lock(text)
            return str(written["$updatedAt"])
        except (ConflictError, UnreachableError, ServerFaultError) as error:
            # Our own write whose answer was lost looks the same: the text tells.
            raw = self._document(self._lock_id)
            if raw is not None and raw["content"] == text:
                return str(raw["$updatedAt"])
            if isinstance(error, ConflictError):
                raise PreconditionFailed("the lock is another one by now") from None
            raise

    @property
    def _transport(self) -> Transport:
        return self._connect()

    @property
    def _lock_id(self) -> str:
        return f"{self._environment}-lock"

    def _id(self, serial: int) -> str:
        return f"{self._environment}-{serial}"

    def _create_lock(self, text: str) -> Mapping[str, Any]:
        # Serials begin at 1, so that the lock is in no list of states.
        return self._create(self._lock_id, {"environment": self._environment, "serial": 0, "note": "", "content": text})

    def _update_lock(self, text: str, tag: str) -> Mapping[str, Any]:
        call = Call("patch", f"{self._documents}/{self._lock_id}", {"data": {"content": text}}, _DOCUMENT)
        try:
            answer: Mapping[str, Any] = self._transport.request(call, headers={"X-Appwrite-Timestamp": tag})
        except NotFoundError as error:
            raise ConflictError(error.message, code=409) from None
        return answer

    def _create(self, document: str, data: Mapping[str, Any]) -> Mapping[str, Any]:
        """Create a document, and before that the collection where there is none. Raises ConflictError when it exists:
        possibly by an own attempt whose answer was lost."""
        call = Call("post", self._documents, {"documentId": document, "data": dict(data)}, _DOCUMENT)
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                answer: Mapping[str, Any] = self._transport.request(call)
            except ProviderError as error:
                if attempt == _ATTEMPTS or not self._can_be_mended(error):
                    raise
            else:
                return answer
        raise AssertionError("unreachable")

    def _can_be_mended(self, error: ProviderError) -> bool:
        """Whether another attempt makes sense, after what was missing was made."""
        if isinstance(error, NotFoundError) or error.kind == "document_invalid_structure":
            StateCollection(self._transport, self._database, self._name).make()
            return True
        return isinstance(error, UnreachableError | ServerFaultError)

    def _list(self, shape: Shape, *queries: str) -> list[Mapping[str, Any]]:
        """Documents of states, newest first; none where the collection is not there, or not finished."""
        mine = query("equal", self._environment, attribute="environment")
        states = query("greaterThan", 0, attribute="serial")
        wanted = [mine, states, query("orderDesc", attribute="serial"), *queries]
        try:
            call = Call("get", self._documents, {"queries": wanted}, listing("documents", shape))
            found = self._transport.request(call)["documents"]
        except NotFoundError:
            return []
        except ProviderError as error:
            if error.kind != "general_query_invalid" or self._collection_is_complete():
                raise
            return []
        return list(found)

    def _collection_is_complete(self) -> bool:
        return StateCollection(self._transport, self._database, self._name).is_complete()

    def _document(self, document: str) -> Mapping[str, Any] | None:
        try:
            answer: Mapping[str, Any] = self._transport.request(
                Call("get", f"{self._documents}/{document}", answer=_DOCUMENT)
            )
        except NotFoundError:
            return None
        return answer

    def _age(self, raw: Mapping[str, Any]) -> float | None:
        """Seconds since the last update, by the server's clock; a clock of ours says nothing of it."""
        now = self._transport.server_time
        return None if now is None else max(0.0, (now - datetime.fromisoformat(str(raw["$updatedAt"]))).total_seconds())


def _volume(raw: Mapping[str, Any]) -> StateVersion:
    try:
        return StateVersion(int(raw["serial"]), str(raw.get("note") or ""), unpack(str(raw.get("content") or "")))
    except (KeyError, TypeError, ValueError) as error:
        raise IacError(f"A document of the state's collection is not what it should be: {error!r}.") from None


#: Characters of the attribute that holds a state.
LIMIT = 4_000_000
#: Longer texts are packed.
PLAIN_LIMIT = 100_000
_MARK = "gzip+base64:"


def pack(text: str, limit: int = LIMIT) -> str:
    """Raises StateError when it does not fit, packed or not."""
    packed = text
    if len(text) > PLAIN_LIMIT or text.startswith(_MARK):
        packed = _MARK + base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()
    if len(packed) > limit:
        raise StateError(
            f"The state is too large to be kept in Appwrite: {len(packed):,} characters when compressed, "
            f"of at most {limit:,}.",
            hint="keep it in files or in an S3-compatible store (state.backend in the environment file)",
        )
    return packed


def unpack(stored: str) -> str:
    """The reverse. Raises StateError when it is damaged."""
    if not stored.startswith(_MARK):
        return stored
    try:
        return gzip.decompress(base64.b64decode(stored[len(_MARK) :], validate=True)).decode()
    except (binascii.Error, OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise StateError(f"The state kept in Appwrite is damaged: {error}. Nothing was changed.") from None


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
