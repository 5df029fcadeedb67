"""What a day left in the database, by what it is looked up by."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Document = Mapping[str, Any]
#: All documents of a collection.
Read = Callable[[str], Iterable[Document]]


@dataclass(frozen=True)
class Stored:
    """Race documents by id, and what belongs to each race."""

    races: Mapping[str, Document]
    entrants: Mapping[str, tuple[Document, ...]]
    results: Mapping[str, Document]
    money_flow: Mapping[str, tuple[Document, ...]]
    odds: int
    odds_keys: int

    @classmethod
    def read(cls, read: Read) -> Stored:
        odds = [(_related(each["entrant"]), each["type"], each["eventTimestamp"]) for each in read("odds-history")]
        return cls(
            races={str(each["$id"]): each for each in read("races")},
            entrants=_grouped(read("entrants")),
            results={str(each["raceId"]): each for each in read("race-results")},
            money_flow=_grouped(read("money-flow-history")),
            odds=len(odds),
            odds_keys=len(set(odds)),
        )


def _grouped(documents: Iterable[Document]) -> dict[str, tuple[Document, ...]]:
    groups: dict[str, list[Document]] = {}
    for each in documents:
        groups.setdefault(str(each["raceId"]), []).append(each)
    return {race: tuple(found) for race, found in groups.items()}


def _related(value: Any) -> str:
    """A relationship comes as an id, or as the document when it was asked for."""
    return str(value["$id"]) if isinstance(value, Mapping) else str(value)
