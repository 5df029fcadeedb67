"""Writing values of many documents: a hundred by one transaction, some transactions under way at once.

Never by bulk upsert, although that is twice as fast (1.8.1): it writes back the other values of a document as the
server read them some hundred milliseconds before, without a lock, and makes a document again that is gone. A
transaction changes what is named, under a lock, and only in documents that nobody has changed since they were read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import TypeVar

from ..counting import format_duration, spaced
from ..errors import IacError
from ..provider import NewValues, Provider

#: Documents written by one request: Appwrite takes no more. And requests under way at once; the connection lets fewer
#: through while the server shows distress.
BATCH = 100
AT_ONCE = 4
#: Seconds until the first line about how far it has come, and between two of them.
_FIRST, _EVERY = 2.0, 10.0

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


@dataclass
class BatchWriter:
    """Writes values of documents that are there, in one collection. `refused` makes an error of what Appwrite refused:
    id → why. `changed` has the documents that were not written, since others had changed or deleted them."""

    provider: Provider
    place: tuple[str, str]
    refused: Callable[[Mapping[str, str]], IacError]
    changed: set[str] = field(default_factory=set)

    def write(self, values: Mapping[str, NewValues]) -> Iterator[int]:
        """Write them by id, and say of how many that is over each time. Raises what `refused` makes, and
        ProviderError."""
        return at_once(partial(self._write, batch) for batch in batches(values.items()))

    def _write(self, batch: Sequence[tuple[str, NewValues]]) -> int:
        written = self.provider.change_values(*self.place, dict(batch))
        if written.refused:
            raise self.refused(written.refused)
        self.changed |= written.changed
        return len(batch)
