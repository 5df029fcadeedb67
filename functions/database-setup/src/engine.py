"""Carries out a plan phase by phase. One thing that fails does not keep the others from being done.

Who writes the schema of a collection has a turn there and keeps it until the server is done
(`vendor/kinds/schema_rules.py`). Only the attributes of a collection that this run creates are sent together; they are
proven at once, and made again one by one when documents do not know them all. At last every collection that was written
is proven.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from . import stored_data
from .creating import Pace, Settled, create_all, settle, until_gone
from .planning import Item, Plan, Update
from .schema import INCOMPATIBLE, REFUSED, UNFINISHED, Place, Schema, address, documents_path
from .vendor.appwrite_http import AppwriteError, query
from .vendor.kinds.schema_rules import SHAPES, STAGES, Turn, Turns, schema_places
from .work import Stop, Work

#: Several runs may make this one at the same time, before there is a lock: never together, and never again.
LOCKS = "locks"


def _turn(item: Item) -> Turn:
    return Turn(schema_places(item.ids, item.fields))


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
            for collection in {item.collection for item in together if item.place not in ended}:
                self._close(collection)
            self._prove_made(made, together)
        self._in_turns([item for item in items if item.collection not in fresh], "attributes")

    def _in_turns(self, items: list[Item], part: str) -> None:
        """One at a time in each collection, several collections at a time."""
        waiting = items
        while waiting:
            wave = [item for item in waiting if self._turns.take(item.address, _turn(item))]
            if not wave:
                for item in waiting:
                    self._note_closed(item.address, _turn(item))
                return
            ended = self._make(wave, set(), part, beside={place for item in wave for place in item.far_side()})
            for item in wave:
                self._turns.give_back(item.address, is_settled=item.place in ended)
            begun = {item.address for item in wave}
            waiting = [item for item in waiting if item.address not in begun]

    def _note_closed(self, address: str, turn: Turn) -> None:
        reason = f"not begun: the end of {self._turns.closed_by(turn)} was not seen, and they would lose each other"
        self._work.ledger.note_problem(address, UNFINISHED, reason)

    def _updates(self, updates: list[Update]) -> None:
        if updates:
            self._work.phase("updates", items=len(updates))
        for update in updates:
            item = update.item
            turn = _turn(item)
            if not self._turns.take(item.address, turn):
                self._note_closed(item.address, turn)
                continue
            self._turns.give_back(item.address, is_settled=self._update(update))
            self._unproven |= item.collections()

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
            self._unproven |= {each for item in existing for each in item.collections()}
            ended |= self._refused(items)
            places = {item.place for item in existing}
            settled = settle(self._work, self._database, places | settling | (set(beside) if places else set()), part)
            if part == "attributes":
                self._available |= settled.available
            self._note_stalled(settled, part)
            ended |= settled.available | settled.failed.keys()
            broken = [item for item in existing if self._is_ours_and_failed(item, settled)]
            ours = {item.place for item in broken}
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
        return {item.place for item in items if item.address in refused}

    def _prove_made(self, made: list[Item], attributes: list[Item]) -> None:
        """Of what was sent together, everything must be known to documents; else the collection is made again."""
        for owner in made:
            batch = [item for item in attributes if item.collection == owner.collection]
            if batch and stored_data.unknown_keys(self._work, self._schema, owner.collection, self._available):
                self._make_again(owner, batch)
            elif batch:
                self._unproven.discard(owner.collection)

    def _make_again(self, owner: Item, batch: list[Item]) -> None:
        """One attribute at a time. Only this run knows the collection, and only while it is empty."""
        if stored_data.count_documents(self._work, self._database, owner.collection):
            return
        self._work.log.problem("setup.remake", address=owner.address)
        self._work.client.delete(owner.read_path)
        for item in (owner, *batch):
            if item in self._work.ledger.created:
                self._work.ledger.forget(item)
            self._available.discard(item.place)
        if create_all(self._work, [owner], self._pace):
            self._in_turns(batch, "attributes")

    def _prove(self, collections: Iterable[str]) -> None:
        names = sorted(collections)
        with ThreadPoolExecutor(max_workers=self._pace.width) as pool:
            found = pool.map(
                lambda each: stored_data.unknown_keys(self._work, self._schema, each, self._available), names
            )
            for collection, lost in zip(names, found, strict=True):
                if lost:
                    problem = stored_data.unknown_problem(self._database, collection, lost)
                    self._work.ledger.problems.append(problem)

    def _is_ours_and_failed(self, item: Item, settled: Settled) -> bool:
        return item.place in settled.failed and item in self._work.ledger.created

    def _remove(self, broken: list[Item], part: str) -> None:
        """One after the other: deletions write the schema as well."""
        for item in broken:
            self._work.log.problem("setup.remake", address=item.address)
            self._work.client.delete(item.read_path)
            self._work.ledger.forget(item)
            until_gone(self._work, self._database, item.place, part)

    def _update(self, update: Update) -> bool:
        """Whether its end is known: a refusal is one, too."""
        ledger = self._work.ledger
        self._work.check_time()
        try:
            offending = stored_data.offending_documents(self._work.client, update)
            if offending:
                changes = "; ".join(str(each) for each in update.differences)
                reason = f"{offending} stored documents would become invalid ({changes}); correct them first"
                ledger.note_problem(update.item.address, INCOMPATIBLE, reason)
                return True
            request = update.request()
            send = self._work.client.put if request.method == "put" else self._work.client.patch
            send(request.path, request.body)
        except AppwriteError as error:
            severity = UNFINISHED if error.retryable else INCOMPATIBLE
            ledger.note_problem(update.item.address, severity, f"not updated: {error.kind}: {error.text}")
            return severity == INCOMPATIBLE
        ledger.updated.append(update.item.address)
        return True

    def _blocked(self, item: Item, absent: set[str]) -> bool:
        """Whether it needs a collection that could not be created."""
        needed = item.collections() & absent
        if needed:
            self._work.ledger.note_problem(item.address, UNFINISHED, f"waits for {', '.join(sorted(needed))}")
        return bool(needed)

    def _has_columns(self, item: Item) -> bool:
        columns = [key for key in item.fields["attributes"] if not key.startswith("$")]
        missing = [key for key in columns if (item.collection, key) not in self._available]
        if missing:
            self._work.ledger.note_problem(item.address, UNFINISHED, f"waits for {', '.join(missing)}")
        return not missing

    def _note_stalled(self, settled: Settled, part: str) -> None:
        for place in sorted(settled.stalled):
            reason = f"still being created after {self._work.pacing.patience:g} s without any change"
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
        return address(kind, self._database, collection, key)


def roll_back(work: Work, database: str, kept: set[str]) -> int:
    """Take back what this run created, when the set-up cannot be completed: only that, and only while it is empty.

    One deletion at a time, awaited, because each writes the schema of its collection. The database and the collections
    that `kept` names stay: this very run stands on them. Returns how many were deleted."""
    created = [item for item in work.ledger.created if item.kind != "database" and item.collection not in kept]
    whole = {item.collection for item in created if item.kind == "collection"}
    # What lies in a collection that goes as a whole needs no request of its own. Relationships do: they may have
    # left an attribute in another collection, which stays.
    single = [
        item
        for item in reversed(created)
        if item.kind in ("relationship", "collection") or item.collection not in whole
    ]
    removed, closed = 0, set[str]()
    for item in sorted(single, key=lambda item: -STAGES[item.kind]):
        written = item.collections()
        if written & closed:
            work.ledger.note_problem(item.address, UNFINISHED, "not rolled back: an earlier deletion has not ended")
            continue
        gone = _remove(work, database, item)
        removed += gone
        if gone and not _is_over(work, database, item):
            closed |= written
    work.log.event("setup.rolled_back", removed=removed, asked=len(single))
    return removed


def _remove(work: Work, database: str, item: Item) -> int:
    try:
        documents = _documents_at_risk(work, database, item)
        if documents:
            reason = f"not rolled back: {documents} documents were written to it meanwhile"
            work.ledger.note_problem(item.address, UNFINISHED, reason)
            return 0
        work.client.delete(item.read_path)
    except AppwriteError as error:
        work.ledger.note_problem(item.address, UNFINISHED, f"not rolled back: {error}")
        return 0
    gone = [each for each in work.ledger.created if each is item or _lay_in(item, each)]
    for each in gone:
        work.ledger.forget(each)
    return len(gone)


def _is_over(work: Work, database: str, item: Item) -> bool:
    """Wait for the end of a deletion. That of a collection, which has no relationship any more, concerns no other; the
    far side of a relationship is written before the near one goes."""
    if item.kind == "collection":
        return True
    part = "indexes" if item.kind == "index" else "attributes"
    return until_gone(work, database, item.place, part)


def _lay_in(collection: Item, other: Item) -> bool:
    """Whether the other one went with the collection."""
    return collection.kind == "collection" and other.collection == collection.collection


def _documents_at_risk(work: Work, database: str, item: Item) -> int:
    """How many documents would lose something."""
    if item.kind == "index":
        return 0
    path = documents_path(database, item.collection)
    if item.kind == "collection":
        return int(work.client.get(path, [query("limit", 1)])["total"])
    try:
        if item.fields.get("type") in SHAPES:
            return stored_data.with_value(work.client, database, item.collection, item.key)
        return int(work.client.get(path, [query("isNotNull", attribute=item.key), query("limit", 1)])["total"])
    except AppwriteError as error:
        # An attribute that never became available cannot be queried, and nothing can have been written to it.
        if error.status == 400:
            return 0
        raise
