"""One collection with documents in memory, as far as conversions and evidence touch it. It takes a provider's place.

Calls come from several threads, and one after another. Once the process was killed, none does anything any more, but
for those that were on their way: `landing` says how many of them still arrive.

Work in the background ends when the collection is looked at for the second time, so that every waiting is seen.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from raceday_iac.errors import ConflictError, NotFoundError, ProviderError
from raceday_iac.model.address import Address, collection_address
from raceday_iac.model.evidence import Answer
from raceday_iac.model.resource import Fields, Live, frozen
from raceday_iac.provider import Condition, NewValues, Written

COLLECTION = collection_address("d", "c")
PAGE = 100


def text(**fields: Any) -> dict[str, Any]:
    return {"type": "string", "required": False, "default": None, "array": False, "size": 20, "encrypt": False} | fields


def integer(**fields: Any) -> dict[str, Any]:
    return {"type": "integer", "required": False, "default": None, "array": False, "min": None, "max": None} | fields


class Killed(BaseException):
    """The process is gone. Nothing may catch it."""


class Documents:
    """`columns` by key, `documents` by id; `log` has every call. `calls_left` counts down to a kill, and `meanwhile` is
    called before every call, with its name: somebody else is at work."""

    def __init__(self, columns: Mapping[str, Mapping[str, Any]], documents: Mapping[str, Mapping[str, Any]]) -> None:
        self.columns = {
            at: Live(at, frozen(fields), at.name)
            for at, fields in ((COLLECTION.child("attribute", key), each) for key, each in columns.items())
        }
        self.documents_by_id = {key: {name: data.get(name) for name in columns} for key, data in documents.items()}
        self.log: list[str] = []
        self.calls_left: int | None = None
        self.meanwhile: Callable[[str], object] = lambda _call: None
        #: Values that the server does not take, for a reason of its own.
        self.refused: tuple[Any, ...] = ()
        #: When documents were changed last, for all of them. By the server's clock it is noon.
        self.changed_at = "2026-11-29T11:00:00.000+00:00"
        self.landing = 0
        #: Documents that are read at a time.
        self.portion = 1000
        self._looks: dict[Address, int] = {}
        self._lock = threading.RLock()

    def values(self, key: str) -> dict[str, Any]:
        return {identity: data.get(key) for identity, data in self.documents_by_id.items()}

    # The provider.

    def members(self, database: str, collection: str, listed: str, keys: Sequence[str] = ()) -> Mapping[Address, Live]:
        self._begin("attributes")
        for at, live in list(self.columns.items()):
            if live.status == "available":
                continue
            self._looks[at] = self._looks.get(at, 0) + 1
            if self._looks[at] > 1 and live.status == "processing":
                self.columns[at] = replace(live, status="available")
            elif self._looks[at] > 1 and live.status == "deleting":
                self._drop(at)
        return self._end({at: live for at, live in self.columns.items() if not keys or at.name in keys})

    def documents(
        self, database: str, collection: str, *conditions: Condition, only: Sequence[str] = ()
    ) -> Iterator[Mapping[str, Any]]:
        """Page by page, as lazily as over the wire."""
        done = 0
        while True:
            self._begin("documents")
            page = list(self.documents_by_id.items())[done : done + PAGE]
            shown = [{"$id": key, **self._shown(data, only)} for key, data in page]
            yield from self._end(shown)
            done += PAGE
            if len(page) < PAGE:
                return

    def every_document(
        self, database: str, collection: str, *, only: Sequence[str] = ()
    ) -> Iterator[Sequence[Mapping[str, Any]]]:
        """What comes meanwhile is met too."""
        seen: set[str] = set()
        while True:
            self._begin("documents")
            page = [(key, data) for key, data in self.documents_by_id.items() if key not in seen][: self.portion]
            seen.update(key for key, _ in page)
            yield self._end([{"$id": key, **self._shown(data, only)} for key, data in page])
            if len(page) < self.portion:
                return

    def count_all(self, database: str, collection: str, *conditions: Condition) -> Answer:
        return Answer(self.count_documents(database, collection, *conditions))

    def count_documents(self, database: str, collection: str, *conditions: Condition) -> int:
        self._begin("count")
        meets = {"isNull": lambda value: value is None, "isNotNull": lambda value: value is not None}
        counted = [
            data
            for data in self.documents_by_id.values()
            if all(meets[each.method](data.get(each.attribute)) for each in conditions)
        ]
        return self._end(len(counted))

    def create(self, address: Address, fields: Fields) -> Live:
        self._begin(f"create {address.name}")
        if address in self.columns:
            raise ConflictError(f"{address} exists", code=409)
        self.columns[address] = Live(address, fields, address.name, status="processing")
        return self._end(self.columns[address])

    def update(self, address: Address, fields: Fields, live: Live) -> Live:
        self._begin(f"update {address.name}")
        before = self.columns[address]
        if any(before.fields.get(name) != fields.get(name) for name in ("type", "array", "encrypt")):
            raise ProviderError(f"{address} cannot become another type", code=400)
        if before.status != "available":
            raise ProviderError(f"{address} is {before.status}", code=400)
        self.columns[address] = replace(before, fields=fields)
        return self._end(self.columns[address])

    def rename(self, old: Address, new: Address, live: Live) -> Live:
        self._begin(f"rename {old.name} {new.name}")
        if new in self.columns:
            raise ConflictError(f"{new} exists", code=409)
        self.columns[new] = replace(self.columns.pop(old), address=new, remote_id=new.name)
        for data in self.documents_by_id.values():
            data[new.name] = data.pop(old.name, None)
        return self._end(self.columns[new])

    def delete(self, address: Address, live: Live) -> None:
        self._begin(f"delete {address.name}")
        if address in self.columns:
            self.columns[address] = replace(self.columns[address], status="deleting")
            self._looks[address] = 0
        self._end(None)

    def document(self, database: str, collection: str, identity: str) -> Mapping[str, Any] | None:
        self._begin(f"document {identity}")
        data = self.documents_by_id.get(identity)
        return self._end(data if data is None else {"$id": identity, **self._shown(data, [*data, "$updatedAt"])})

    def _shown(self, data: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
        """Whoever changes something makes another version, whichever way: here, the content is the version."""
        system = {"$updatedAt": self._version(data), "$createdAt": "2026-01-01T00:00:00.000+00:00"}
        return {name: system.get(name, data.get(name)) for name in names}

    def _version(self, data: Mapping[str, Any] | None) -> str:
        return f"{self.changed_at} {data!r}"

    def server_time(self) -> datetime:
        return datetime(2026, 11, 29, 12, tzinfo=UTC)

    def change_values(self, database: str, collection: str, values: Mapping[str, NewValues]) -> Written:
        with self._lock:
            self._begin(f"change {len(values)}")
            there = {each: self._version(self.documents_by_id.get(each)) for each in values}
            changed = frozenset(each for each, new in values.items() if there[each] != new.unless_newer_than)
            present = {each for each in values if each in self.documents_by_id}
            kept = {each: new.data for each, new in values.items() if each in present - changed}
            return Written(self._written(kept), changed & present)

    def _written(self, values: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
        refused: dict[str, str] = {}
        for identity, data in values.items():
            if identity not in self.documents_by_id:
                continue
            for key, value in data.items():
                if COLLECTION.child("attribute", key) not in self.columns:
                    raise NotFoundError(f"no attribute {key}", code=404)
                if value in self.refused:
                    refused[identity] = "Invalid document structure"
                else:
                    self.documents_by_id[identity][key] = value
        return dict(self._end(refused))

    def _drop(self, address: Address) -> None:
        del self.columns[address]
        for data in self.documents_by_id.values():
            data.pop(address.name, None)

    def _begin(self, call: str) -> None:
        if self.calls_left is not None and self.calls_left <= 0:
            self.landing -= 1
            if self.landing < 0 or not call.startswith("change"):
                raise Killed
        self.log.append(call)
        self.meanwhile(call)

    def _end(self, answer: Any) -> Any:
        """Killed also when the server has done it and nobody has heard the answer."""
        if self.calls_left is not None:
            self.calls_left -= 1
            if self.calls_left <= 0:
                raise Killed
        return answer
