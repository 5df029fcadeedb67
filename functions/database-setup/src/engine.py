"""Carries out a plan phase by phase. One thing that fails does not keep the others from being done."""

from __future__ import annotations

from collections.abc import Iterable

from . import guards
from .creating import Pace, create_all
from .planning import Plan
from .problems import INCOMPATIBLE, REFUSED, UNFINISHED
from .requests import Item, Update
from .schema import Schema
from .settling import Place, Settled, settle
from .vendor.appwrite_http import AppwriteError
from .work import Stop, Work


class Engine:
    """One run over one schema. Raises `Stop` when the run must end; everything else is in the ledger."""

    def __init__(self, work: Work, schema: Schema, available: Iterable[Place]) -> None:
        """`available`: attributes that are usable already."""
        self._work = work
        self._schema = schema
        self._database = schema.database_id
        self._pace = Pace(work.pacing.threads)
        self._available = set(available)

    def carry_out(self, plan: Plan) -> None:
        """All phases, in the order in which things need each other."""
        if plan.database is not None:
            self._containers("database", [plan.database])
        self._containers("collections", plan.collections)
        absent = {item.collection for item in plan.collections} - self._existing_collections(plan)
        self._attributes(plan, absent)
        self._updates(plan.updates)
        self._relationships([item for item in plan.relationships if not self._blocked(item, absent)])
        self._indexes(plan, absent)

    def _containers(self, phase: str, items: list[Item]) -> None:
        if not items:
            return
        self._work.phase(phase, items=len(items))
        existing = create_all(self._work, items, self._pace)
        if phase == "database" and not existing:
            raise Stop("the database could not be created")

    def _existing_collections(self, plan: Plan) -> set[str]:
        troubled = {problem.address for problem in self._work.ledger.problems}
        return {item.collection for item in plan.collections if item.address not in troubled}

    def _attributes(self, plan: Plan, absent: set[str]) -> None:
        items = [item for item in plan.attributes if not self._blocked(item, absent)]
        if items or plan.settling_attributes:
            self._work.phase("attributes", items=len(items))
            self._make(items, plan.settling_attributes, "attributes")

    def _updates(self, updates: list[Update]) -> None:
        if updates:
            self._work.phase("updates", items=len(updates))
        for update in updates:
            self._update(update)

    def _relationships(self, items: list[Item]) -> None:
        """One after the other: each locks both of its collections in the server."""
        if items:
            self._work.phase("relationships", items=len(items))
        for item in items:
            self._work.check_time()
            mirror = {(item.body["relatedCollectionId"], str(item.body.get("twoWayKey") or item.collection))}
            self._make([item], set(), "attributes", beside=mirror if item.body["twoWay"] else set())

    def _indexes(self, plan: Plan, absent: set[str]) -> None:
        items = [item for item in plan.indexes if not self._blocked(item, absent) and self._has_columns(item)]
        if items or plan.settling_indexes:
            self._work.phase("indexes", items=len(items))
            self._make(items, plan.settling_indexes, "indexes")

    def _make(self, items: list[Item], settling: set[Place], part: str, *, beside: Iterable[Place] = ()) -> None:
        """Create and wait; what the server made badly is removed and made again a few times."""
        for remake in range(self._work.pacing.remakes + 1):
            existing = create_all(self._work, items, self._pace)
            places = {(item.collection, item.key) for item in existing}
            settled = settle(self._work, self._database, places | settling | (set(beside) if places else set()), part)
            if part == "attributes":
                self._available |= settled.available
            self._note_stalled(settled, part)
            broken = [item for item in existing if self._is_ours_and_failed(item, settled)]
            ours = {(item.collection, item.key) for item in broken}
            self._note_failed({place: why for place, why in settled.failed.items() if place not in ours}, part, "")
            if not broken:
                return
            if remake == self._work.pacing.remakes:
                self._note_failed({place: settled.failed[place] for place in ours}, part, f" {remake + 1} times")
                return
            self._remove(broken)
            self._work.pause(self._work.pacing.backoff.wait(remake + 1, self._work.draw))
            items, settling = broken, set()

    def _is_ours_and_failed(self, item: Item, settled: Settled) -> bool:
        return (item.collection, item.key) in settled.failed and item in self._work.ledger.created

    def _remove(self, broken: list[Item]) -> None:
        for item in broken:
            self._work.log.problem("setup.remake", address=item.address)
            self._work.client.delete(item.read_path)
            self._work.ledger.forget(item)

    def _update(self, update: Update) -> None:
        ledger = self._work.ledger
        self._work.check_time()
        try:
            offending = guards.offending_documents(self._work.client, self._database, update)
            if offending:
                changes = "; ".join(str(each) for each in update.differences)
                reason = f"{offending} stored documents would become invalid ({changes}); correct them first"
                ledger.note_problem(update.address, INCOMPATIBLE, reason)
                return
            send = self._work.client.put if update.method == "PUT" else self._work.client.patch
            send(update.path, update.body)
        except AppwriteError as error:
            severity = UNFINISHED if error.retryable else INCOMPATIBLE
            ledger.note_problem(update.address, severity, f"not updated: {error.kind}: {error.text}")
        else:
            ledger.updated.append(update.address)

    def _blocked(self, item: Item, absent: set[str]) -> bool:
        """Whether it needs a collection that could not be created."""
        needed = {item.collection, item.body.get("relatedCollectionId", item.collection)} & absent
        if needed:
            self._work.ledger.note_problem(item.address, UNFINISHED, f"waits for {', '.join(sorted(needed))}")
        return bool(needed)

    def _has_columns(self, item: Item) -> bool:
        columns = [key for key in item.body["attributes"] if not key.startswith("$")]
        missing = [key for key in columns if (item.collection, key) not in self._available]
        if missing:
            self._work.ledger.note_problem(item.address, UNFINISHED, f"waits for {', '.join(missing)}")
        return not missing

    def _note_stalled(self, settled: Settled, part: str) -> None:
        for place in sorted(settled.stalled):
            reason = f"still being made after {self._work.pacing.patience:g} s without any change"
            self._work.ledger.note_problem(self._named(place, part), UNFINISHED, reason)

    def _note_failed(self, failed: dict[Place, str], part: str, how_often: str) -> None:
        severity = REFUSED if how_often else INCOMPATIBLE
        for place, why in sorted(failed.items()):
            self._work.ledger.note_problem(self._named(place, part), severity, f"failed{how_often}: {why}")

    def _named(self, place: Place, part: str) -> str:
        collection, key = place
        wanted = next((each for each in self._schema.collections if each.id == collection), None)
        related = wanted is not None and any(each.key == key for each in wanted.relationships)
        kind = "index" if part == "indexes" else "relationship" if related else "attribute"
        return f"{kind}.{self._database}/{collection}/{key}"
