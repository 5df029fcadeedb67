"""Items between commas, as they stand in a text: some go, some come, and the spacing of the rest stays.

Each item keeps the blanks before it. Those before the first belong to the opening bracket and those after the last to
the closing one, so that neither a removed first nor a removed last item leaves a trace.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Item:
    """From `start` to `end` in the text, with the blanks (and comments) `lead` before it."""

    start: int
    end: int
    lead: str


@dataclass(frozen=True)
class Listing:
    """What stands between two brackets: `start` is after the opening one, `end` before the closing one."""

    start: int
    end: int
    items: tuple[Item, ...]
    #: Between the last item and the closing bracket; a trailing comma is part of it.
    tail: str

    def next_lead(self, blank: str) -> str:
        """What stands before an item that is not the first; `blank` where only one on the same line is known."""
        if not self.items:
            return ""
        lead = self.items[-1].lead
        return lead if len(self.items) > 1 or "\n" in lead else blank


def rebuilt(
    text: str, listing: Listing, keep: Callable[[int], bool], added: Sequence[str] = (), blank: str = " "
) -> str:
    """The text with those items of the listing for whose number `keep` holds, and new ones at its end."""
    lead = listing.next_lead(blank)
    kept = [(item.lead, text[item.start : item.end]) for number, item in enumerate(listing.items) if keep(number)]
    entries = kept + [(lead, each) for each in added]
    if not entries:
        return text[: listing.start] + text[listing.end :]
    first = listing.items[0].lead if listing.items else ""
    inner = ",".join(before + item for before, item in [(first, entries[0][1]), *entries[1:]])
    return text[: listing.start] + inner + listing.tail + text[listing.end :]
