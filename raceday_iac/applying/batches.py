"""Writing values of many documents: a hundred by one request, some requests under way at once.

Values are written by bulk upsert where the collection allows it (1.8.1: 250 documents a second), else by transactions.
An upsert writes back the other values as the server read them some milliseconds before, without a lock (1.8.1), and
makes a document again that is gone. So it is only for documents that rest, and what it made again is deleted again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import islice
from typing import Any, TypeVar

from ..counting import format_duration, spaced
from ..errors import IacError, ProviderError
from ..kinds import kind_of
from ..model.address import Address
from ..model.resource import Live
from ..provider import Provider, Reader

#: Documents written by one request: Appwrite takes no more. And requests under way at once; the connection lets fewer
#: through while the server shows distress.
BATCH = 100
AT_ONCE = 4
#: A document that nobody has changed for so long rests.
_RESTING = timedelta(minutes=1)
#: Seconds until the first line about how far it has come, and between two of them.
_FIRST, _EVERY = 2.0, 10.0
#: What Appwrite answers to a bulk upsert that cannot be.
_REFUSALS = (400, 404, 405, 409, 413)

Item = TypeVar("Item")


def batches(items: Iterable[Item], size: int = 0) -> Iterator[Sequence[Item]]:
    """Some items at a time; without a size, as many as one request writes."""
    each = iter(items)
    while batch := list(islice(each, size or BATCH)):
        yield batch


def at_once(writes: Iterable[Callable[[], int]]) -> Iterator[int]:
    """What writes come to, as they end; some are under way at once. Whoever leaves waits for those."""
    under_way: set[Future[int]] = set()
    with ThreadPoolExecutor(max_workers=AT_ONCE, thread_name_prefix="copying") as pool:
        for write in writes:
            under_way.add(pool.submit(write))
            if len(under_way) == AT_ONCE:
                ended, under_way = wait(under_way, return_when=FIRST_COMPLETED)
                yield sum(each.result() for each in ended)
        yield sum(each.result() for each in under_way)


class Pace:
    """When to say how far something has come: the first time after two seconds, then every ten."""

    def __init__(self, clock: Callable[[], float], begun: float) -> None:
        self._clock, self._last = clock, begun - _EVERY + _FIRST

    def due(self) -> float | None:
        """The instant, by the clock, where it is to be said now; then it is said."""
        now = self._clock()
        if now - self._last < _EVERY:
            return None
        self._last = now
        return now


def how_far(done: int, whole: int, seconds: float) -> str:
    """So many documents of all are done after so many seconds, in words, and how long the rest will take."""
    left = seconds * (whole - done) / done
    return f"{spaced(done)} of {spaced(whole)} documents; about {format_duration(left)} left"


def may_merge(seen: Mapping[Address, Live], names: Collection[str] = ()) -> bool:
    """Whether a bulk upsert of the named attributes can be: it is refused where there are relationships, and where a
    required attribute is not named."""
    there = [each for each in seen.values() if each.status == "available"]
    related = (kind_of(each.address).leads_to(each.address, each.fields) for each in there)
    unnamed = (each.fields.get("required") for each in there if each.address.name not in names)
    return not any(unnamed) and not any(related)


def rests(reader: Reader, changed: str) -> bool:
    """Whether nobody has changed a document lately, of which `$updatedAt` is given. By the server's clock."""
    now = reader.server_time()
    return now is not None and bool(changed) and changed < (now - _RESTING).isoformat(timespec="milliseconds")


@dataclass(frozen=True)
class Row:
    """What a document is to hold. `created` is its `$createdAt`; `rests` says that nobody has changed it lately."""

    identity: str
    values: Mapping[str, Any]
    created: str
    rests: bool


@dataclass
class BatchWriter:
    """Writes values of documents that are there, in one collection. `merging` says that they are written by bulk
    upsert; `refused` makes an error of what Appwrite refused: id → why."""

    provider: Provider
    place: tuple[str, str]
    refused: Callable[[Mapping[str, str]], IacError]
    merging: bool

    def write(self, rows: Sequence[Row]) -> Iterator[int]:
        """Write them, and say of how many that is done each time. Raises what `refused` makes, and ProviderError."""
        merged = [each for each in rows if each.rests and self.merging]
        others = [each for each in rows if not (each.rests and self.merging)]
        return at_once(
            (
                *(partial(self._merge, batch) for batch in batches(merged)),
                *(partial(self._write, batch) for batch in batches(others)),
            )
        )

    def _merge(self, batch: Sequence[Row]) -> int:
        if not self.merging:
            return self._write(batch)
        values = {each.identity: each.values for each in batch}
        try:
            self.provider.merge_values(*self.place, values, {each.identity: each.created for each in batch})
        except ProviderError as error:
            if error.code not in _REFUSALS:
                raise
            # One document may be the reason, or all: then Appwrite says so of the request or its route.
            self.merging = error.kind not in ("general_bad_request", "general_route_not_found")
            return self._write(batch)
        return len(batch)

    def _write(self, batch: Sequence[Row]) -> int:
        refused = self.provider.write_values(*self.place, {each.identity: each.values for each in batch})
        if refused:
            raise self.refused(refused)
        return len(batch)
