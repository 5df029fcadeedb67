"""Creating many things at once: bounded threads, fewer when the server complains, each failure on its own; and waiting
until what was created is available, because the server makes attributes and indexes in the background.

A creation is never repeated blindly. After an unclear answer it is looked up first, because it may have landed. One
request a round shows the status of everything in all collections concerned. Waiting starts short, grows, and ends when
nothing moves any more.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import NamedTuple

from .planning import Item
from .schema import REFUSED, UNFINISHED, LiveCollection, Place, read_collections
from .vendor.appwrite_http import AppwriteError
from .work import Stop, Work

CREATED, EXISTS, AGAIN, REFUSED_BY_SERVER = "created", "exists", "again", "refused"


class Attempt(NamedTuple):
    """One more try of one item. `look`: an earlier try may have landed."""

    item: Item
    number: int = 1
    look: bool = False


class Result(NamedTuple):
    """How a try ended."""

    attempt: Attempt
    outcome: str
    error: AppwriteError | None = None


class Pace:
    """How many threads work: halved after complaints, one more after each batch without any."""

    def __init__(self, widest: int) -> None:
        self.widest = widest
        self.width = widest

    def learn(self, complaints: int) -> None:
        self.width = max(1, self.width // 2) if complaints else min(self.widest, self.width + 1)


def create_all(work: Work, items: Iterable[Item], pace: Pace) -> list[Item]:
    """Create the items. Returns those that now exist; the others are problems in the ledger."""
    waiting = [Attempt(item) for item in items]
    existing: list[Item] = []
    rounds_in_trouble = 0
    while waiting:
        work.check_time()
        batch, waiting = waiting[: work.pacing.batch], waiting[work.pacing.batch :]
        with ThreadPoolExecutor(max_workers=pace.width) as pool:
            results = list(pool.map(lambda attempt: _try(work, attempt), batch))
        existing += [result.attempt.item for result in results if result.outcome in (CREATED, EXISTS)]
        again = [result for result in results if result.outcome == AGAIN]
        pace.learn(len(again))
        waiting += _next_attempts(work, again)
        rounds_in_trouble = rounds_in_trouble + 1 if again else 0
        if again and waiting:
            work.log.event("setup.slower", again=len(again), threads=pace.width)
            work.pause(_wait(work, again, rounds_in_trouble))
    return existing


def _try(work: Work, attempt: Attempt) -> Result:
    item = attempt.item
    try:
        if attempt.look and _is_there(work, item):
            # Absent when this run began, and asked for by us alone under the lock: it is ours.
            work.ledger.note_created(item)
            return Result(attempt, CREATED)
        request = item.request()
        work.client.once("POST", request.path, request.body)
    except AppwriteError as error:
        return _check(work, attempt, error)
    work.ledger.note_created(item)
    return Result(attempt, CREATED)


def _check(work: Work, attempt: Attempt, error: AppwriteError) -> Result:
    if error.status == 409:
        try:
            return Result(attempt, EXISTS if _is_there(work, attempt.item) else AGAIN, error)
        except AppwriteError as failed_look:
            return Result(attempt, AGAIN, failed_look)
    # An attribute under an index may fall back to "not available" while the server is busy with it.
    if error.retryable or error.kind == "attribute_not_available":
        return Result(attempt._replace(look=attempt.look or error.unclear), AGAIN, error)
    work.log.problem("setup.refused", address=attempt.item.address, status=error.status, type=error.kind)
    work.ledger.note_problem(attempt.item.address, REFUSED, f"{error.kind}: {error.text}")
    return Result(attempt, REFUSED_BY_SERVER, error)


def _is_there(work: Work, item: Item) -> bool:
    """Whether it exists; one that is being deleted does not, and blocks its own key until it is gone."""
    found = work.client.find(item.read_path)
    return found is not None and found.get("status") != "deleting"


def _next_attempts(work: Work, again: list[Result]) -> list[Attempt]:
    following = []
    for result in again:
        attempt, error = result.attempt, result.error
        if attempt.number < work.pacing.attempts:
            following.append(attempt._replace(number=attempt.number + 1))
        else:
            reason = f"given up after {attempt.number} attempts: {error}"
            work.ledger.note_problem(attempt.item.address, UNFINISHED, reason)
    if again and not following:
        raise Stop("the server accepts no requests at present")
    return following


def _wait(work: Work, again: list[Result], rounds: int) -> float:
    wishes = [result.error.retry_after for result in again if result.error and result.error.retry_after is not None]
    return max(wishes) if wishes else work.pacing.backoff.wait(rounds, work.draw)


@dataclass
class Settled:
    """How the waiting ended, per place."""

    available: set[Place] = field(default_factory=set)
    #: With the reason that the server gives.
    failed: dict[Place, str] = field(default_factory=dict)
    #: Still being made when nothing moved any more.
    stalled: set[Place] = field(default_factory=set)


def settle(work: Work, database: str, places: Iterable[Place], part: str) -> Settled:
    """Wait for attributes (relationships too) or indexes; `part` is `attributes` or `indexes`."""
    pending, settled = set(places), Settled()
    wait, moved_at = work.pacing.first_poll, work.clock()
    while pending:
        work.pause(wait)
        collections = read_collections(work.client, database, {collection for collection, _ in pending})
        done = {place for place in pending if _sort_in(settled, place, collections, part)}
        pending -= done
        if done:
            wait, moved_at = work.pacing.first_poll, work.clock()
        elif work.clock() - moved_at > work.pacing.patience:
            settled.stalled |= pending
            return settled
        else:
            wait = min(wait * 1.3, work.pacing.longest_poll)
    return settled


def until_gone(work: Work, database: str, place: Place, part: str) -> bool:
    """Wait until what was deleted is listed no more; False when it stays. A deletion, too, is done in the background,
    and an attribute that had failed shows nothing of it (1.8.1)."""
    collection, key = place
    wait, ends = work.pacing.first_poll, work.clock() + work.pacing.patience
    while work.clock() <= ends:
        work.pause(wait)
        found = read_collections(work.client, database, {collection}).get(collection)
        if found is None or key not in getattr(found, part):
            return True
        wait = min(wait * 1.3, work.pacing.longest_poll)
    return False


def _sort_in(settled: Settled, place: Place, collections: dict[str, LiveCollection], part: str) -> bool:
    collection, key = place
    parts = getattr(collections[collection], part) if collection in collections else {}
    raw = parts.get(key)
    status = "failed" if raw is None else raw.get("status", "available")
    if status == "available":
        settled.available.add(place)
        return True
    if status in ("failed", "stuck"):
        settled.failed[place] = "vanished" if raw is None else f"{status}: {raw.get('error') or 'no reason given'}"
        return True
    return False
