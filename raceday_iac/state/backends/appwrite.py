"""State in Appwrite itself: a private collection with one document per serial, and one for the lock.

The document's id is `<environment>-<serial>`, so that creating it is the compare-and-set (observed on 1.8.1: of twenty
concurrent creations of one id exactly one succeeds). The lock is replaced under the condition that it was not updated
since it was read (`X-Appwrite-Timestamp`; observed likewise). Nobody but server keys may read the collection.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import re
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, Literal

from pydantic import Field, model_validator

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
from ...provider.appwrite.documents import query
from ...provider.appwrite.reading import PAGE, STATE_NAME
from ...provider.appwrite.transport import ReadingTransport, Transport
from ..encryption import VariableName, required_secret
from .base import Access, Backend, Endpoint, LockRecord, PreconditionFailed, SharedSettings, StateVersion
from .remote import RemoteState, open_remote

#: An id in Appwrite.
_ID = r"^[a-zA-Z0-9][a-zA-Z0-9._-]{0,35}$"
#: Appwrite's ids have at most 36 characters; a serial gets ten of them.
LONGEST_ENVIRONMENT = 25
_ATTEMPTS = 3
#: What a document holds, and what a list of them shows that asks for no more.
_DOCUMENT = Shape({"$id": str, "$updatedAt": is_instant, "serial": int, "content": str})
_LISTED = Shape({"$id": str, "serial": int})


class AppwriteSettings(SharedSettings):
    """A private collection: of the target itself, unless another project is named."""

    backend: Literal["appwrite"]
    database: str = Field(default="raceday-iac-state", pattern=_ID)
    collection: str = Field(default="states", pattern=_ID)
    endpoint: Endpoint = ""
    project: str = ""
    api_key_env: VariableName = ""

    @model_validator(mode="after")
    def _whole(self) -> AppwriteSettings:
        given = [self.endpoint, self.project, self.api_key_env]
        if any(given) and not all(given):
            raise ValueError(
                "give endpoint, project and api_key_env together, or none of them (then the target is used)"
            )
        return self

    @property
    def is_in_target(self) -> bool:
        return not self.endpoint

    @property
    def databases_in_target(self) -> tuple[str, ...]:
        return (self.database,) if self.is_in_target else ()


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
        """See `StateBackend.newest`. One request."""
        found = self._list(_DOCUMENT, query("limit", 1))
        return _version_of(found[0]) if found else None

    def read(self, serial: int) -> StateVersion | None:
        raw = self._document(self._id(serial))
        return _version_of(raw) if raw else None

    def versions(self) -> Sequence[StateVersion]:
        return [
            _version_of(raw)
            for raw in self._list(_LISTED, query("limit", PAGE), query("select", "$id", "serial", "note"))
        ]

    def serials(self) -> Sequence[int]:
        found = self._list(_LISTED, query("limit", PAGE), query("select", "$id", "serial"))
        return [int(raw["serial"]) for raw in found]

    def add(self, version: StateVersion) -> None:
        """See `StateBackend.add`."""
        content = pack(version.text)
        data = {"environment": self._environment, "serial": version.serial, "note": version.note, "content": content}
        try:
            self._create(self._id(version.serial), data)
        except ConflictError:
            found = self._document(self._id(version.serial))
            if found is None or found.get("content") != content:
                raise PreconditionFailed(f"serial {version.serial} exists") from None

    def replace(self, version: StateVersion) -> None:
        body = {"data": {"note": version.note, "content": pack(version.text)}}
        self._transport.request(Call("patch", f"{self._documents}/{self._id(version.serial)}", body))

    def remove(self, serial: int) -> None:
        try:
            self._transport.request(Call("delete", f"{self._documents}/{self._id(serial)}"))
        except NotFoundError:
            return

    def read_lock(self) -> LockRecord | None:
        raw = self._document(self._lock_id)
        return None if raw is None else LockRecord(str(raw["content"]), str(raw["$updatedAt"]), self._age(raw))

    def write_lock(self, text: str, tag: str) -> str:
        """See `StateBackend.write_lock`."""
        try:
            written = self._update_lock(text, tag) if tag else self._create_lock(text)
            return str(written["$updatedAt"])
        except (ConflictError, UnreachableError, ServerFaultError) as error:
            # Our own write whose answer was lost looks the same: the text shows it.
            raw = self._document(self._lock_id)
            if raw is not None and raw["content"] == text:
                return str(raw["$updatedAt"])
            if isinstance(error, ConflictError):
                raise PreconditionFailed("the lock has changed since it was read") from None
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
        if isinstance(error, NotFoundError) or error.type == "document_invalid_structure":
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
            if error.type != "general_query_invalid" or self._collection_is_complete():
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


def _version_of(raw: Mapping[str, Any]) -> StateVersion:
    try:
        return StateVersion(int(raw["serial"]), str(raw.get("note") or ""), unpack(str(raw.get("content") or "")))
    except (KeyError, TypeError, ValueError) as error:
        raise IacError(f"A document in the state's collection is not valid: {error!r}.") from None


# Texts that fit into a string attribute: short ones as they are, so that the console shows them, long ones packed.


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
            f"but at most {limit:,} fit.",
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
        raise StateError(f"The state kept in Appwrite is damaged: {error}.", unchanged=True) from None


# The private collection that holds states, made when it is first needed: one attribute at a time, each awaited, for a
# real server loses attributes of one collection that it makes at the same time (see `kinds.schema_rules`).


#: Key, path and body of each attribute.
_ATTRIBUTES: tuple[tuple[str, str, Mapping[str, Any]], ...] = (
    ("environment", "string", {"size": 36}),
    ("serial", "integer", {}),
    ("note", "string", {"size": 4000}),
    ("content", "string", {"size": LIMIT}),
)
_ATTRIBUTE = Shape({"key": str, "status": str})
#: Seconds until attributes must be available, and between two looks: short at first, because an attribute takes some 35
#: ms.
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


def _open(settings: AppwriteSettings, access: Access) -> RemoteState:
    environment = access.environment
    if len(environment) > LONGEST_ENVIRONMENT or not re.fullmatch(r"[a-zA-Z0-9][a-zA-Z0-9._-]*", environment):
        raise IacError(
            f"State in Appwrite is kept under ids that begin with the environment's name, and {environment!r} "
            f"cannot be part of one: at most {LONGEST_ENVIRONMENT} letters, digits, dots, hyphens and underscores.",
            hint="rename the environment's file, or choose another state.backend",
        )
    connect = _connection(settings, access)
    return open_remote(AppwriteBackend(connect, environment, settings.database, settings.collection), settings, access)


def _connection(settings: AppwriteSettings, access: Access) -> Callable[[], Transport]:
    """Makes the connection when it is first needed, and keeps it."""
    kind = ReadingTransport if access.reading else Transport

    @cache
    def connect() -> Transport:
        if settings.is_in_target:
            target = access.target()
            return kind(target.endpoint, target.project, target.key)
        key = required_secret(settings.api_key_env, "the API key of the state", access.variables)
        return kind(settings.endpoint, settings.project, key)

    return connect


BACKEND = Backend("State in Appwrite", AppwriteSettings, _open)
