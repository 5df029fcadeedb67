"""Looking: what a connection that can only read shows, put together as one `Observation`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from ..errors import AccessError, NotFoundError, ProviderError
from ..kinds import declared, kind_of
from ..kinds.collection import document_keys
from ..model.address import Address, deployment_address, function_address, owner_of
from ..model.resource import Desired
from ..provider import Reader, Snapshot
from ..waiting import ThreadPoolExecutor
from .data import Rules, conditions_of
from .observations import Counted, FunctionSeen, Observation, instant_of, slow_after_of
from .watched import Freshness, HealthConfig

#: At most so many executions that have not ended are read of a function.
_UNFINISHED = 100
_AT_ONCE = 4
UNDATED = "the server does not send its time (no `Date` in its answers), and clocks of two machines are not compared"
#: A collection or an attribute that is not there is a finding, not the end of the look.
_NOT_THERE = (400, 404)


@dataclass(frozen=True)
class Place:
    """Where it is looked, for people."""

    environment: str
    endpoint: str
    project: str


@dataclass(frozen=True)
class Collector:
    """Looks at one project. `window` is how far back; None takes the declared one. `rules` say what a day is."""

    reader: Reader
    desired: Desired
    watched: HealthConfig
    place: Place
    rules: Rules = field(default_factory=Rules)
    window: timedelta | None = None
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))

    def look(self) -> Observation:
        """One look. Raises ProviderError."""
        databases = [each.address.path for each in declared(self.desired, lambda kind: kind.is_listed_inside)]
        snapshot = self.reader.snapshot(databases)
        reported = self.reader.server_time()
        now = reported or self.clock()
        since = now - (self.window or self.watched.window)
        names = [each.address.path for each in declared(self.desired, lambda kind: kind.has_runs)]
        with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
            locks = pool.submit(self._locks)
            polled = pool.submit(self._polled, now)
            functions = tuple(pool.map(lambda name: self._function(name, snapshot, since), names))
            lost = dict(pool.map(lambda each: (each, self._lost(each, snapshot)), self._collections(snapshot)))
            counted = dict(enumerate(pool.map(lambda rule: self._counted(rule, now), self.watched.freshness)))
        schema = tuple(live for at, live in snapshot.resources.items() if kind_of(at).listed)
        return Observation(
            now=now,
            since=since,
            environment=self.place.environment,
            endpoint=self.place.endpoint,
            project=self.place.project,
            functions=functions,
            schema=schema,
            lost={each: keys for each, keys in lost.items() if keys},
            locks=locks.result(),
            polled=polled.result(),
            counted={number: each for number, each in counted.items() if each is not None},
            skipped=tuple(self._skipped(is_dated=reported is not None)),
            is_dated=reported is not None,
            local_time=self.desired.local_time,
        )

    def _collections(self, snapshot: Snapshot) -> list[Address]:
        """Those that are declared, but not where Appwrite is at work: a read that crosses it would make a cache old."""
        busy = {
            owner_of(at)
            for at, live in snapshot.resources.items()
            if kind_of(at).listed and live.status in ("processing", "deleting")
        }
        collections = [each.address for each in declared(self.desired, lambda kind: kind.holds_documents_itself)]
        return [each for each in collections if each in snapshot.resources and each not in busy]

    def _lost(self, collection: Address, snapshot: Snapshot) -> tuple[str, ...]:
        """What is listed as available and unknown to documents: one read, while all is well."""
        there = {at for at, live in snapshot.resources.items() if live.status == "available"}
        attributes, relationships = document_keys(self.desired, collection, there)
        if not attributes and not relationships:
            return ()
        database, name = collection.parts
        try:
            return tuple(self.reader.unknown_attributes(database, name, attributes, relationships))
        except (AccessError, NotFoundError):
            # A key that may not read documents cannot know; what is gone meanwhile is for others to find.
            return ()

    def _skipped(self, *, is_dated: bool) -> Iterator[str]:
        if not is_dated:
            yield f"ages: {UNDATED}"
        if not self.rules.has_locks and any(source.lock for source in self.desired.code.values()):
            yield "locks: the functions share no code that says when one is stale"

    def _locks(self) -> Mapping[str, Mapping[str, Any]] | None:
        """The documents of the lock collection. None where there is none; that is for others to find."""
        if not self.rules.has_locks or not all(self.desired.lock_store):
            return None
        try:
            return {str(each["$id"]): each for each in self.reader.documents(*self.desired.lock_store)}
        except NotFoundError:
            return None

    def _polled(self, now: datetime) -> tuple[Mapping[str, Any], ...] | None:
        rule = next((each for each in self.watched.freshness if each.rule == "polled"), None)
        if rule is None:
            return None
        conditions = conditions_of(rule, self.rules, now)
        try:
            return tuple(self.reader.documents(*rule.place, *conditions, only=self.rules.polled_fields))
        except ProviderError as error:
            if error.code not in _NOT_THERE:
                raise
            return None

    def _counted(self, rule: Freshness, now: datetime) -> Counted | None:
        if rule.rule == "polled":
            return None
        conditions = conditions_of(rule, self.rules, now)
        try:
            if rule.rule == "today":
                return Counted(self.reader.count_documents(*rule.place, *conditions))
            found = self.reader.documents(*rule.place, *conditions, only=(rule.attribute,), limit=1)
            newest = next(iter(found), None)
        except ProviderError as error:
            if error.code not in _NOT_THERE:
                raise
            return None
        return Counted(newest=instant_of(str(newest[rule.attribute])) if newest else None)

    def _function(self, name: str, snapshot: Snapshot, since: datetime) -> FunctionSeen:
        address = function_address(name)
        source = self.desired.code.get(address)
        lock = source.lock if source else None
        expected = slow_after_of(source) if source else None
        live = snapshot.resources.get(address)
        if live is None:
            return FunctionSeen(name, slow_after=expected, lock=lock)
        active = snapshot.resources.get(deployment_address(name))
        try:
            found = self.reader.executions_since(name, since, self.watched.executions + 1)
            unfinished = self.reader.unfinished_executions(name, _UNFINISHED)
            newest = found[:1] or self.reader.executions(name, 1)
            deployments = self.reader.all_deployments(address)
        except NotFoundError:
            # Deleted while it was looked at.
            return FunctionSeen(name, slow_after=expected, lock=lock)
        return FunctionSeen(
            name,
            live,
            active.remote_id if active else "",
            tuple(found[: self.watched.executions]),
            len(found) > self.watched.executions,
            next(iter(newest), None) if not found else None,
            tuple(unfinished),
            tuple(deployments),
            expected,
            lock,
        )
