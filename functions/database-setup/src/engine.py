"""Carries out a plan phase by phase. One thing that fails does not keep the others from being done.

Who writes the schema of a collection has a turn there and keeps it until the server is done (`vendor/kinds/turns.py`).
Only the attributes of a collection that this run creates are sent together; they are proven at once, and made again one
by one when documents do not know them all. At last every collection that was written is proven.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from . import guards, proof
from .creating import Pace, create_all
from .planning import Plan
from .problems import INCOMPATIBLE, REFUSED, UNFINISHED
from .requests import Item, Update, far_side
from .schema import Schema
from .settling import Place, Settled, settle, until_gone
from .vendor.appwrite_http import AppwriteError
from .vendor.kinds.turns import Turn, Turns
from .work import Stop, Work

#: Several runs may make this one at the same time, before there is a lock: never together, and never again.
LOCKS = "locks"


class Engine:
    """One run over one schema. Raises `Stop` when the run must end; everything else is in the ledger."""

    def __init__(self, work: Work, schema: Schema, available: Iterable[Place]) -> None:
        """`available`: attributes that are usable already."""
        self._work = work
        self._schema = schema
        self._database = schema.database_id
        self._pace = Pace(work.pacing.threads)
        self._available = set(available)
        self._turns = Turns()
        #: Collections that were written and not proven since.
        self._unproven: set[str] = set()

    def carry_out(self, plan: Plan) -> None:
        """All phases, in the order in which things need each other."""
        if plan.database is not None:
            self._containers("database", [plan.database])
        self._containers("collections", plan.collections)
        existing = self._existing_collections(plan)
        absent = {item.collection for item in plan.collections} - existing
        self._left_under_way(plan)
        self._attributes(plan, absent, [item for item in plan.collections if item.collection in existing])
        self._updates(plan.updates)
        self._relationships([item for item in plan.relationships if not self._blocked(item, absent)])
        self._indexes(plan, absent)
        self._prove(self._unproven)

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

    def _left_under_way(self, plan: Plan) -> None:
        """What an earlier run has begun ends before anything is written beside it."""
        for places, part in ((plan.settling_attributes, "attributes"), (plan.settling_indexes, "indexes")):
            if places:
                self._work.phase(f"waiting for {part}", items=len(places))
                for place in places - self._make([], places, part):
                    self._close(place[0])

    def _close(self, collection: str) -> None:
        """The server may be at work there still: nothing more is written to it."""
        turn = Turn(frozenset({(self._database, collection)}))
        if self._turns.take(collection, turn):
            self._turns.give_back(collection, is_settled=False)

    def _attributes(self, plan: Plan, absent: set[str], made: list[Item]) -> None:
        """`made` are the collections of this run."""
        items = [item for item in plan.attributes if not self._blocked(item, absent)]
        if items:
            self._work.phase("attributes", items=len(items))
        fresh = {item.collection for item in made if item.collection != LOCKS}
        together = [item for item in items if item.collection in fresh]
        if together:
            ended = self._make(together, set(), "attributes")
            for collection in {item.collection for item in together if (item.collection, item.key) not in ended}:
                self._close(collection)
            self._prove_made(made, together)
        self._in_turns([item for item in items if item.collection not in fresh], "attributes")

    def _in_turns(self, items: list[Item], part: str) -> None:
        """One at a time in each collection, several collections at a time."""
        waiting = items
        while waiting:
            wave = [item for item in waiting if self._turns.take(item.address, self._turn(item))]
            if not wave:
                for item in waiting:
                    self._note_closed(item.address, self._turn(item))
                return
            ended = self._make(wave, set(), part, beside={place for item in wave for place in far_side(item)})
            for item in wave:
                self._turns.give_back(item.address, is_settled=(item.collection, item.key) in ended)
            begun = {item.address for item in wave}
            waiting = [item for item in waiting if item.address not in begun]

    def _turn(self, item: Item) -> Turn:
        related = item.body.get("relatedCollectionId", item.collection)
        return Turn(frozenset({(self._database, item.collection), (self._database, related)}))

    def _note_closed(self, address: str, turn: Turn) -> None:
        reason = f"not begun: the end of {self._turns.closed_by(turn)} was not seen, and they would lose each other"
        self._work.ledger.note_problem(address, UNFINISHED, reason)

    def _updates(self, updates: list[Update]) -> None:
        if updates:
            self._work.phase("updates", items=len(updates))
        for update in updates:
            related = {(self._database, each) for each in (update.collection, *update.related) if each}
            turn = Turn(frozenset(related or {(self._database,)}))
            if not self._turns.take(update.address, turn):
                self._note_closed(update.address, turn)
                continue
            self._turns.give_back(update.address, is_settled=self._update(update))
            self._unproven |= {each for _, *rest in turn.places for each in rest}

    def _relationships(self, items: list[Item]) -> None:
        """Each has its turn in both of its collections."""
        if items:
            self._work.phase("relationships", items=len(items))
            self._in_turns(items, "attributes")

    def _indexes(self, plan: Plan, absent: set[str]) -> None:
        items = [item for item in plan.indexes if not self._blocked(item, absent) and self._has_columns(item)]
        if items:
            self._work.phase("indexes", items=len(items))
            self._in_turns(items, "indexes")

    def _make(self, items: list[Item], settling: set[Place], part: str, *, beside: Iterable[Place] = ()) -> set[Place]:
        """Create and wait; what the server made badly is removed and made again a few times. Returns what has come to
        its end, however that was."""
        ended: set[Place] = set()
        for remake in range(self._work.pacing.remakes + 1):
            existing = create_all(self._work, items, self._pace)
            self._unproven |= {place for item in existing for _, *rest in self._turn(item).places for place in rest}
            ended |= self._refused(items)
            places = {(item.collection, item.key) for item in existing}
            settled = settle(self._work, self._database, places | settling | (set(beside) if places else set()), part)
            if part == "attributes":
                self._available |= settled.available
            self._note_stalled(settled, part)
            ended |= settled.available | settled.failed.keys()
            broken = [item for item in existing if self._is_ours_and_failed(item, settled)]
            ours = {(item.collection, item.key) for item in broken}
            self._note_failed({place: why for place, why in settled.failed.items() if place not in ours}, part, "")
            if not broken:
                break
            if remake == self._work.pacing.remakes:
                self._note_failed({place: settled.failed[place] for place in ours}, part, f" {remake + 1} times")
                break
            self._remove(broken, part)
            self._work.pause(self._work.pacing.backoff.wait(remake + 1, self._work.draw))
            items, settling = broken, set()
        return ended

    def _refused(self, items: list[Item]) -> set[Place]:
        """What the server has refused, it does not work on."""
        refused = {each.address for each in self._work.ledger.problems if each.severity == REFUSED}
        return {(item.collection, item.key) for item in items if item.address in refused}

    def _prove_made(self, made: list[Item], attributes: list[Item]) -> None:
        """Of what was sent together, everything must be known to documents; else the collection is made again."""
        for owner in made:
            batch = [item for item in attributes if item.collection == owner.collection]
            if batch and proof.unknown(self._work, self._schema, owner.collection, self._available):
                self._make_again(owner, batch)
            elif batch:
                self._unproven.discard(owner.collection)

    def _make_again(self, owner: Item, batch: list[Item]) -> None:
        """One attribute at a time. Only this run knows the collection, and only while it is empty."""
        if proof.documents(self._work, self._database, owner.collection):
            return
        self._work.log.problem("setup.remake", address=owner.address)
        self._work.client.delete(owner.read_path)
        for item in (owner, *batch):
            if item in self._work.ledger.created:
                self._work.ledger.forget(item)
            self._available.discard((item.collection, item.key))
        if create_all(self._work, [owner], self._pace):
            self._in_turns(batch, "attributes")

    def _prove(self, collections: Iterable[str]) -> None:
        names = sorted(collections)
        with ThreadPoolExecutor(max_workers=self._pace.width) as pool:
            found = pool.map(lambda each: proof.unknown(self._work, self._schema, each, self._available), names)
            for collection, lost in zip(names, found, strict=True):
                if lost:
                    self._work.ledger.problems.append(proof.problem(self._database, collection, lost))

    def _is_ours_and_failed(self, item: Item, settled: Settled) -> bool:
        return (item.collection, item.key) in settled.failed and item in self._work.ledger.created

    def _remove(self, broken: list[Item], part: str) -> None:
        """One after the other: deletions write the schema as well."""
        for item in broken:
            self._work.log.problem("setup.remake", address=item.address)
            self._work.client.delete(item.read_path)
            self._work.ledger.forget(item)
            until_gone(self._work, self._database, (item.collection, item.key), part)

    def _update(self, update: Update) -> bool:
        """Whether its end is known: a refusal is one, too."""
        ledger = self._work.ledger
        self._work.check_time()
        try:
            offending = guards.offending_documents(self._work.client, self._database, update)
            if offending:
                changes = "; ".join(str(each) for each in update.differences)
                reason = f"{offending} stored documents would become invalid ({changes}); correct them first"
                ledger.note_problem(update.address, INCOMPATIBLE, reason)
                return True
            send = self._work.client.put if update.method == "PUT" else self._work.client.patch
            send(update.path, update.body)
        except AppwriteError as error:
            severity = UNFINISHED if error.retryable else INCOMPATIBLE
            ledger.note_problem(update.address, severity, f"not updated: {error.kind}: {error.text}")
            return severity == INCOMPATIBLE
        ledger.updated.append(update.address)
        return True

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
