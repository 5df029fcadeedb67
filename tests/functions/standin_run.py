"""Stands in for a run, for units that need of it only counts, logs, time and the schema."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
from _shared.connection import Credentials
from _shared.running import Counts
from _shared.runtime import Runtime
from _shared.sanitize import Sanitizer

ENDPOINT = "http://appwrite.test/v1"


@dataclass
class StandInRun:
    """Time passes only by sleeping. `handler` answers what is asked of NZ TAB."""

    handler: Callable[[httpx.Request], httpx.Response] | None = None
    schema: Path | None = None
    day: date = date(2025, 7, 17)
    instant: float = 1_752_700_000.0
    budget: float = 700.0
    slept: list[float] = field(default_factory=list)
    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    counts: Counts = field(default_factory=Counts)

    def __post_init__(self) -> None:
        self.call = SimpleNamespace(credentials=Credentials(ENDPOINT, "project", "key"))
        self.log = SimpleNamespace(event=self._note, problem=self._note)

    @property
    def runtime(self) -> Runtime:
        handler = self.handler or (lambda request: httpx.Response(500))
        return Runtime(
            now=lambda: self.instant,
            clock=lambda: self.instant,
            sleep=self.sleep,
            draw=lambda: 0.5,
            transport=lambda _: httpx.MockTransport(handler),
        )

    @cached_property
    def sanitizer(self) -> Sanitizer:
        assert self.schema is not None
        return Sanitizer.load(str(self.schema), self.counts.add)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.instant += seconds

    def remaining(self) -> float:
        return max(0.0, self.budget - sum(self.slept))

    def timestamp(self) -> str:
        return datetime.fromtimestamp(self.instant, UTC).isoformat(timespec="milliseconds")

    def _note(self, name: str, **fields: Any) -> None:
        json.dumps(fields)
        self.events.append((name, fields))


class Sent(httpx.SyncByteStream):
    """A body as it comes over a network: packed if it is, and to be read once."""

    def __init__(self, parts: Iterable[bytes]) -> None:
        self._parts = parts

    def __iter__(self) -> Iterator[bytes]:
        yield from self._parts


def schema_of(bundles: Path) -> Path:
    """The schema as the bundles have it."""
    return bundles / "bundle_of_daily_races" / "src" / "schema.json"
