"""What a day left in the database, by what it is looked up by."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

Document = Mapping[str, Any]
#: All documents of a collection.
Read = Callable[[str], Iterable[Document]]


@dataclass(frozen=True)
class Stored:
    """Race documents by id, and what belongs to each race. Nothing is left out: what should be there once may be
    there twice."""

    races: Mapping[str, Document]
    entrants: Mapping[str, tuple[Document, ...]]
    results: Mapping[str, tuple[Document, ...]]
    pools: Mapping[str, tuple[Document, ...]]
    money_flow: Mapping[str, tuple[Document, ...]]
    odds: int
    #: Odds that say the same as the ones before them of the same runner and type.
    odds_repeated: int

    @classmethod
    def read(cls, read: Read) -> Stored:
        odds, repeated = _odds(read("odds-history"))
        return cls(
            races={str(each["$id"]): each for each in read("races")},
            entrants=_grouped(read("entrants")),
            results=_grouped(read("race-results")),
            pools=_grouped(read("race-pools")),
            money_flow=_grouped(read("money-flow-history")),
            odds=odds,
            odds_repeated=repeated,
        )


def _grouped(documents: Iterable[Document]) -> dict[str, tuple[Document, ...]]:
    groups: dict[str, list[Document]] = {}
    for each in documents:
        groups.setdefault(str(each["raceId"]), []).append(each)
    return {race: tuple(found) for race, found in groups.items()}


def _odds(documents: Iterable[Document]) -> tuple[int, int]:
    """How many there are, and how many of them repeat what was known."""
    rows: dict[tuple[str, str], list[tuple[str, float]]] = {}
    for each in documents:
        rows.setdefault((_related(each["entrant"]), each["type"]), []).append((each["eventTimestamp"], each["odds"]))
    histories = [sorted(each) for each in rows.values()]
    repeated = sum(one[1] == other[1] for history in histories for one, other in pairwise(history))
    return sum(map(len, histories)), repeated


def _related(value: Any) -> str:
    """A relationship comes as an id, or as the document when it was asked for."""
    return str(value["$id"]) if isinstance(value, Mapping) else str(value)
