"""Questions about the documents of a collection, and their answers: what a change would cost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from .address import Address


class Ask(StrEnum):
    """What is counted. `attributes` of the question are the keys it is about."""

    DOCUMENTS = "documents"
    #: Documents in which the attribute has a value.
    VALUES = "values"
    #: Documents in which it has none.
    NULLS = "nulls"
    #: Values longer than `limit` characters.
    LONGER = "longer"
    #: Values that are one of `among`.
    AMONG = "among"
    #: Values below `low` or above `high`.
    OUTSIDE = "outside"
    #: Values that have no counterpart in an attribute with the fields `target`.
    UNCONVERTIBLE = "unconvertible"
    #: Documents whose values of all the attributes together occur in another document as well.
    DUPLICATES = "duplicates"


@dataclass(frozen=True)
class Question:
    """One count in one collection."""

    collection: Address
    ask: Ask
    attributes: tuple[str, ...] = ()
    limit: int = 0
    among: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    target: tuple[tuple[str, Any], ...] = ()
    #: Whether only reading the documents tells: no query can ask it.
    must_read: bool = False


@dataclass(frozen=True)
class Answer:
    """`count` is None when it could not be counted, `at_least` says that counting ended early, `longest` goes with
    LONGER."""

    count: int | None
    at_least: bool = False
    longest: int = 0

    def __str__(self) -> str:
        return "an unknown number of" if self.count is None else f"{self.count}{'+' if self.at_least else ''}"

    @property
    def is_nothing(self) -> bool:
        """Whether there certainly is nothing to lose."""
        return self.count == 0 and not self.at_least


#: Answers a question from live; raises nothing.
Answering = Callable[[Question], Answer]
