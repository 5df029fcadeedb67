"""What must hold of a day: the invariants by name, and checking them all.

An invariant that found nothing to check on a whole day is violated: it would hold of a day on which nothing happened.
"""

from __future__ import annotations

from . import checks_seen as seen
from . import checks_stored as stored
from .lived import Check, Lived
from .report import Invariant

__all__ = ["CHECKS", "Lived", "check_all"]

#: In the order in which a reader would ask for them.
CHECKS: dict[str, Check] = {
    "the whole card is imported": stored.card_is_imported,
    "the daily runs do their work": seen.daily_runs_worked,
    "every race is polled as its table demands": seen.polled_as_demanded,
    "every change of status is stored soon": seen.changes_stored_soon,
    "no race is polled twice at once": seen.never_polled_twice_at_once,
    "no two writers": seen.one_writer,
    "no two runs on one race": seen.no_conflicts,
    "every bucket has every runner": stored.buckets_complete,
    "no bucket twice": stored.buckets_once,
    "odds are stored on change only": stored.odds_once,
    "every race ends as upstream": stored.status_is_upstreams,
    "results and dividends are complete": stored.results_complete,
    "pools are stored with their final totals": stored.pools_final,
    "nothing is lost at midnight": stored.midnight,
    "nothing is written in the quiet window": seen.quiet_window,
    "no run is killed or outlives its lock": seen.none_killed,
    "no run fails": seen.none_failed,
}
#: Not every day has a race under way at midnight.
MAY_BE_EMPTY = frozenset({"nothing is lost at midnight"})


def check_all(lived: Lived) -> tuple[Invariant, ...]:
    """All invariants."""
    return tuple(_checked(name, check, lived) for name, check in CHECKS.items())


def _checked(name: str, check: Check, lived: Lived) -> Invariant:
    checked, violations = check(lived)
    found = tuple(violations)
    if not checked and not found and lived.is_whole and name not in MAY_BE_EMPTY:
        found = ("nothing was there to check on a whole day",)
    return Invariant(name, checked, len(found), found)
