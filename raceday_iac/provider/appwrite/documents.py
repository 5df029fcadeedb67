"""The documents of a collection, of which there may be millions: read and counted by ranges of `$sequence`.

A range needs no cursor: several are asked for at once, and what is deleted meanwhile does no harm. A document keeps its
number, so that one that is there all the time is met exactly once. Servers that know no such number (before 1.8) are
read page after page. Pages are as large as the server takes: 5 000 (1.8.1: 10 000 documents a second; by 100, 1 700).
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any, TypeVar

from ...counting import spaced
from ...errors import ProviderError, UnreachableError
from ...model.evidence import Answer
from ...waiting import WAITS, ThreadPoolExecutor

Documents = Sequence[Mapping[str, Any]]
Found = TypeVar("Found")

#: Documents in a page, from what every server should take to what each does.
SIZES = (5000, 1000, 250, 100)
#: The server stops counting here (1.8.1).
COUNTED = 5000
#: Characters that a page of whole documents may have, and documents that are looked at for that: four pages at once are
#: some hundred megabytes of objects.
_LARGEST, _PROBED = 4_000_000, 20
#: Ranges that are asked for at the same time.
AT_ONCE = 4
#: Seconds for a page after which the next ones are smaller: after three times as many, an answer is given up.
SLOW = 10.0
#: How much wider a range may become than the one before, where there is little in it.
_WIDER = 16
#: How often a list is read again from its start because what it had come to was deleted meanwhile.
_REREADS = 5
_NUMBER = "$sequence"
_REFUSED = 400


def query(method: str, *values: Any, attribute: str = "") -> str:
    """One query in Appwrite's JSON form."""
    content: dict[str, Any] = {"method": method}
    if attribute:
        content["attribute"] = attribute
    content["values"] = list(values)
    return json.dumps(content)


class PageSize:
    """How large a page may be. It becomes smaller when the server refuses a page, or takes long over one, and stays
    so. Thread-safe."""

    def __init__(self, sizes: Sequence[int] = SIZES, clock: Callable[[], float] = time.monotonic) -> None:
        self._left = list(sizes)
        self._clock = clock
        self._lock = threading.Lock()

    @property
    def now(self) -> int:
        return self._left[0]

    def fetch(self, get: Callable[..., Mapping[str, Any]], listed: str, *queries: str) -> tuple[Documents, int]:
        """What `get` finds with such a page, and how many would have fitted. Raises ProviderError."""
        while True:
            size, begun = self.now, self._clock()
            try:
                answer = get(query("limit", size), *queries)
            except ProviderError as error:
                if not (_is_too_much(error) and self._shrink(size)):
                    raise
                continue
            found: Documents = answer[listed]
            if 0 < len(found) < size and answer["total"] > len(found) and not any(map(_goes_on, queries)):
                # It gives fewer than it was asked for, and does not say so.
                self._left = [len(found)]
                return found, len(found)
            if self._clock() - begun > SLOW:
                self._shrink(size)
            return found, size

    def fit(self, documents: Documents) -> None:
        """Make pages small enough for more documents like these."""
        characters = sum(len(str(each)) for each in documents) // max(1, len(documents))
        with self._lock:
            while self.now * characters > _LARGEST and len(self._left) > 1:
                del self._left[0]

    def _shrink(self, size: int) -> bool:
        """Whether there is a smaller one to try."""
        with self._lock:
            if self.now == size and len(self._left) > 1:
                del self._left[0]
            return self.now < size


def _goes_on(text: str) -> bool:
    """Whether a query says where a page begins: then the total is not of what follows."""
    return json.loads(text)["method"] in ("cursorAfter", "offset")


def _is_too_much(error: ProviderError) -> bool:
    if isinstance(error, UnreachableError):
        return error.timed_out
    if error.code == _REFUSED:
        return "limit" in error.message.lower()
    return error.code in (408, 413, 504) or error.type == "answer_too_long"


def pages(fetch: Callable[..., tuple[Documents, int]], *wanted: str, identity: str = "$id") -> Iterator[Documents]:
    """A list page by page, each item once. `fetch` has a page that meets queries, and its size. When the item that a
    page goes on from was deleted meanwhile, the list is read again from its start, so that nothing is passed over."""
    seen: set[str] = set()
    for attempt in range(_REREADS + 1):
        try:
            for number, found in enumerate(_walk(fetch, wanted, identity)):
                new = [each for each in found if each[identity] not in seen]
                if number and attempt == 0 and found and not new:
                    # What comes after an item never is what came before it. Without an end it would be read for ever.
                    raise ProviderError(
                        "Appwrite answered the same page of a list again, so the list cannot be read completely."
                    )
                seen.update(str(each[identity]) for each in new)
                yield new
        except ProviderError as error:
            if error.type != "general_cursor_not_found" or attempt == _REREADS:
                raise
        else:
            return


def _walk(fetch: Callable[..., tuple[Documents, int]], wanted: Sequence[str], identity: str) -> Iterator[Documents]:
    cursor: tuple[str, ...] = ()
    while True:
        found, size = fetch(*cursor, *wanted)
        yield found
        if len(found) < size:
            return
        cursor = (query("cursorAfter", str(found[-1][identity])),)


@dataclass(frozen=True)
class _Span:
    """The numbers above `low` up to `high`; without `high`, all above."""

    low: int
    high: int | None

    @property
    def queries(self) -> list[str]:
        # Appwrite takes them as texts only, and from 1 on (1.8.1).
        above = [query("greaterThan", str(self.low), attribute=_NUMBER)] if self.low > 0 else []
        return above if self.high is None else [*above, query("lessThanEqual", str(self.high), attribute=_NUMBER)]

    @property
    def width(self) -> int:
        return 0 if self.high is None else self.high - self.low


class _Spans:
    """Hands out spans, from `low` to `last`, each as wide as by what was found so far fills a page. With `open_end`,
    the last one takes also what comes later."""

    def __init__(self, low: int, last: int, width: int, *, open_end: bool) -> None:
        self._low, self._last, self._width, self._open_end = low, last, width, open_end
        self._back: list[_Span] = []
        self._ended = False

    def take(self) -> _Span | None:
        if self._back:
            return self._back.pop()
        if self._ended or (self._low >= self._last and not self._open_end):
            return None
        low, high = self._low, self._low + self._width
        self._low = high
        if high < self._last:
            return _Span(low, high)
        self._ended = True
        return _Span(low, None if self._open_end else self._last)

    def put_back(self, span: _Span) -> None:
        self._back.append(span)

    def learn(self, width: int, found: int, wanted: int) -> None:
        """So many were found in a span of this width; `wanted` are to be found in one."""
        if width:
            fitting = wanted * width * 9 // (found * 10) if found else width * _WIDER
            # In a span that is no wider than a page there is never more than a page.
            self._width = max(wanted, min(fitting, width * _WIDER))


class DocumentList:
    """The documents of one collection. `get` sends queries and returns the answer: `total` and `documents`."""

    def __init__(self, get: Callable[..., Mapping[str, Any]], name: str, sizes: PageSize) -> None:
        self._get = get
        self._name = name
        self._sizes = sizes

    def page(self, *queries: str) -> tuple[Documents, int]:
        """The first of those that meet the queries, and how many would have fitted."""
        return self._sizes.fetch(self._get, "documents", *queries)

    def first(self, limit: int, *queries: str) -> Documents:
        """So many of those that meet the queries."""
        found: Documents = self._get(query("limit", limit), *queries)["documents"]
        return found

    def every(self, only: Sequence[str] = ()) -> Iterator[Documents]:
        """All documents, in portions and in no order, each once; with `only`, just these attributes. Raises
        ProviderError."""
        wanted = [query("orderAsc", attribute=_NUMBER), *([query("select", "$id", *only, _NUMBER)] if only else [])]
        if not only or "*" in only:
            # Whole documents may be of any size.
            self._sizes.fit(self.first(_PROBED, *([query("select", "$id", *only)] if only else [])))
        try:
            first, size = self.page(*wanted)
        except ProviderError as error:
            if error.code != _REFUSED:
                raise
            first, size = [], 0
        lowest, low = (_number(each) for each in (first[0], first[-1])) if first else (None, None)
        if len(first) >= size and (lowest is None or low is None):
            # It knows no such numbers.
            yield from pages(self.page, *([query("select", "$id", *only)] if only else []))
            return
        yield first
        if len(first) == size and lowest is not None and low is not None:
            yield from self._beyond(lowest, low, size, *wanted)

    def _beyond(self, lowest: int, low: int, seen: int, *wanted: str) -> Iterator[Documents]:
        """All after a full first page, which went from `lowest` to `low`: several spans at once."""
        last = self._end("orderDesc")
        spans = _Spans(low, last, seen, open_end=True)
        spans.learn(low - lowest + 1, seen, self._sizes.now)
        passed = low
        with WAITS.on(f"looking at the documents of {self._name}") as waited:
            for span, (found, size) in _at_once(spans.take, lambda span: self.page(*wanted, *span.queries)):
                width = span.width
                if len(found) == size and size != width:
                    reached = _number(found[-1]) or span.low
                    spans.put_back(_Span(reached, span.high))
                    width = reached - span.low
                spans.learn(width, len(found), self._sizes.now)
                seen += len(found)
                passed += width or max(0, last - span.low)
                waited.progress = f"{spaced(seen)} seen, {_percent(passed - lowest, last - lowest)}"
                yield found

    def count(self, *conditions: str) -> int:
        """How many meet the conditions; 5 000 also for more."""
        return int(self._get(*conditions, query("limit", 1))["total"])

    def count_all(self, *conditions: str) -> Answer:
        """How many meet the conditions: above 5 000, by adding up ranges. Raises ProviderError."""
        counted = self.count(*conditions)
        if counted < COUNTED:
            return Answer(counted)
        try:
            lowest, last = self._end("orderAsc"), self._end("orderDesc")
        except (ProviderError, ValueError):
            # It knows no such numbers.
            return Answer(counted, at_least=True)
        total = passed = 0
        spans = _Spans(lowest - 1, last, AT_ONCE * COUNTED, open_end=False)
        with WAITS.on(f"counting the documents of {self._name}") as waited:
            for span, found in _at_once(spans.take, lambda span: self.count(*conditions, *span.queries)):
                if found >= COUNTED and span.width > COUNTED:
                    middle = span.low + max(COUNTED, span.width // 2)
                    spans.put_back(_Span(middle, span.high))
                    spans.put_back(_Span(span.low, middle))
                    spans.learn(span.width // 2, COUNTED, COUNTED)
                    continue
                total += found
                spans.learn(span.width, found, COUNTED)
                passed += span.width
                waited.progress = f"{spaced(total)} counted, {_percent(passed, last - lowest)}"
        return Answer(total)

    def _end(self, order: str) -> int:
        """The lowest or the highest number. Raises ValueError where there is none."""
        found = self._get(query("limit", 1), query(order, attribute=_NUMBER), query("select", "$id", _NUMBER))
        number = _number(found["documents"][0]) if found["documents"] else None
        if number is None:
            raise ValueError("documents without numbers")
        return number


def _percent(part: int, whole: int) -> str:
    return f"{min(100, 100 * part // max(1, whole))} %"


def _number(document: Mapping[str, Any]) -> int | None:
    """The number of a document; None where it has none. 1.8 sends an integer, 1.9 a text."""
    text = str(document.get(_NUMBER, ""))
    return int(text) if text.isascii() and text.isdigit() else None


def _at_once(take: Callable[[], _Span | None], work: Callable[[_Span], Found]) -> Iterator[tuple[_Span, Found]]:
    """The work on each span, as it ends; no more is begun than is asked for."""
    with ThreadPoolExecutor(max_workers=AT_ONCE, thread_name_prefix="documents") as pool:
        under_way: dict[Future[Found], _Span] = {}
        while True:
            for span in islice(iter(take, None), AT_ONCE - len(under_way)):
                under_way[pool.submit(partial(work, span))] = span
            if not under_way:
                return
            ended, _ = wait(under_way, return_when=FIRST_COMPLETED)
            for each in ended:
                yield under_way.pop(each), each.result()
