"""Looking: what a connection that can only read tells, put together as one `Observation`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from ..errors import NotFoundError
from ..model.address import deployment_address, function_address
from ..model.desired import Desired
from ..provider import Reader, Snapshot
from .norms import slow_after_of
from .observations import FunctionSeen, Observation
from .runs import OVER
from .watched import Watched

#: An execution that has not ended is looked for among so many newest ones, beyond the window.
_OLDER = 25
_AT_ONCE = 4


@dataclass(frozen=True)
class Place:
    """Where it is looked, for people."""

    environment: str
    endpoint: str
    project: str


@dataclass(frozen=True)
class Eye:
    """Looks at one project. `window` is how far back; None takes the declared one."""

    reader: Reader
    desired: Desired
    watched: Watched
    place: Place
    window: timedelta | None = None
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))

    def look(self) -> Observation:
        """One look. Raises ProviderError."""
        databases = [each.address.path for each in self.desired.of_kind("database")]
        snapshot = self.reader.snapshot(databases)
        now = self.reader.server_time() or self.clock()
        since = now - (self.window or self.watched.window)
        names = [each.address.path for each in self.desired.of_kind("function")]
        with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
            functions = tuple(pool.map(lambda name: self._function(name, snapshot, since), names))
        schema = tuple(
            live for at, live in snapshot.resources.items() if at.kind in ("attribute", "relationship", "index")
        )
        return Observation(
            now=now,
            since=since,
            environment=self.place.environment,
            endpoint=self.place.endpoint,
            project=self.place.project,
            functions=functions,
            schema=schema,
        )

    def _function(self, name: str, snapshot: Snapshot, since: datetime) -> FunctionSeen:
        source = self.desired.code.get(name)
        lock = source.lock if source else None
        expected = slow_after_of(source) if source else None
        live = snapshot.resources.get(function_address(name))
        if live is None:
            return FunctionSeen(name, slow_after=expected, lock=lock)
        active = snapshot.resources.get(deployment_address(name))
        try:
            found = self.reader.executions_since(name, since, self.watched.executions + 1)
            newest = self.reader.executions(name, _OLDER)
            deployments = self.reader.all_deployments(name)
        except NotFoundError:
            # Deleted while it was looked at.
            return FunctionSeen(name, slow_after=expected, lock=lock)
        within = {each.id: each for each in (*found, *newest)}
        return FunctionSeen(
            name,
            live,
            active.remote_id if active else "",
            tuple(found[: self.watched.executions]),
            len(found) > self.watched.executions,
            next(iter(newest), None) if not found else None,
            tuple(each for each in within.values() if each.status not in OVER),
            tuple(deployments),
            expected,
            lock,
        )


def databases_of(desired: Desired) -> Mapping[str, tuple[str, ...]]:
    """Declared collections by database."""
    found: dict[str, tuple[str, ...]] = {}
    for each in desired.of_kind("collection"):
        database, name = each.address.parts
        found[database] = (*found.get(database, ()), name)
    return found
