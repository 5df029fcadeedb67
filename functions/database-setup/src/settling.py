"""Waiting until what was created is available. The server makes attributes and indexes in the background.

One request a round shows the status of everything in all collections concerned. Waiting starts short, grows, and
ends when nothing moves any more.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from .live import LiveCollection, read_collections
from .work import Work

Place = tuple[str, str]
"""Collection and key."""


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
