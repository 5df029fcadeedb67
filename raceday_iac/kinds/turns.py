"""Who may write a collection's schema now, and what one read can prove of it afterwards.

Appwrite keeps the schema of a collection twice: as the documents that its API lists, and as one metadata document that
documents are checked against. Creations, changes and deletions of attributes, relationships and indexes, and a PUT of
the collection, each read that document, change it, and write it back whole, without a lock. So two that overlap lose
each other, and the lists do not show it (observed on 1.8.1, 1.9.6; nothing mends it but a new collection). A *turn* is
the right to do one such write: from its request to the end of the work that Appwrite does in the background.

This module needs nothing but the standard library: it is put into the bundle of a function that sets up a schema (see
`schema_rules`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

#: A collection, `(database, collection)`, or a whole database, `(database,)`.
Place = tuple[str, ...]

#: Names in one `select` query, which Appwrite takes up to 4096 characters long. A key has 36 at most.
_SELECTED = 80


@dataclass(frozen=True)
class Turn:
    """The places whose schema is written; a relationship has two. None: whatever it is, it writes no schema.

    `together` are creations that may overlap with each other, and with nothing else: the attributes of a collection
    that this run has made and that is empty. With one database worker, which is the default, nothing of them is lost;
    where something is, the collection can be made again.
    """

    places: frozenset[Place] = frozenset()
    together: bool = False


class Turns:
    """Gives turns to writers, which have a name each. Not for use by several threads at a time."""

    def __init__(self) -> None:
        self._taken: dict[str, Turn] = {}
        #: Places whose last writer ended without its end being seen, with the name of that writer.
        self._closed: dict[Place, str] = {}

    def take(self, writer: str, turn: Turn) -> bool:
        """Whether the writer has the turn from now on."""
        if self.closed_by(turn) or any(_excludes(turn, other) for other in self._taken.values()):
            return False
        if turn.places:
            self._taken[writer] = turn
        return True

    def give_back(self, writer: str, *, is_settled: bool = True) -> None:
        """The writer is done. Unless its end was seen, nobody may write there any more: Appwrite may be at it still."""
        turn = self._taken.pop(writer, Turn())
        if not is_settled:
            self._closed.update(dict.fromkeys(turn.places, writer))

    def closed_by(self, turn: Turn) -> str:
        """The writer whose end was not seen, when there is one at these places."""
        return next((self._closed[at] for at in sorted(self._closed) if _meets(at, turn.places)), "")


def _excludes(one: Turn, other: Turn) -> bool:
    return not (one.together and other.together) and any(_meets(place, other.places) for place in one.places)


def _meets(place: Place, others: Iterable[Place]) -> bool:
    """Whether a place is one of the others, lies in one, or one lies in it."""
    return any(place[: len(each)] == each[: len(place)] for each in others)


def selections(keys: Iterable[str], relationships: Iterable[str] = ()) -> list[list[str]]:
    """Values for as many `select` queries as it takes to name everything. A relationship is named by a path."""
    names = [*dict.fromkeys(keys), *(f"{key}.$id" for key in dict.fromkeys(relationships))]
    return [names[start : start + _SELECTED] for start in range(0, len(names), _SELECTED)]


def unknown_among(names: Sequence[str], is_refused: Callable[[Sequence[str]], bool]) -> Iterator[str]:
    """Those names that documents do not know. A refusal is about all of them together, so it is asked in halves."""
    if not names or not is_refused(names):
        return
    if len(names) == 1:
        yield names[0]
        return
    middle = len(names) // 2
    yield from unknown_among(names[:middle], is_refused)
    yield from unknown_among(names[middle:], is_refused)
