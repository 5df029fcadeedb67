"""Questions about what lies in a resource, and their answers: what a change would cost."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from .address import Address


class Ask(StrEnum):
    """What is counted. `attributes` of the question are the keys it is about."""

    #: Of a collection; of a database, those of all its collections.
    DOCUMENTS = "documents"
    #: Documents that will be without a value, because a required attribute is made new.
    WITHOUT = "without"
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
    #: Things that nobody declares and that go, or break, with what the question is about.
    UNMANAGED = "unmanaged"
    #: Deployments of a function whose source is nowhere in the stack.
    CODE = "code"
    #: Records of a function's runs.
    EXECUTIONS = "executions"
    #: Data that lies in something which is no database: files, memberships, subscribers.
    CONTENTS = "contents"


@dataclass(frozen=True)
class Question:
    """One count, of what lies in a database, a collection or a function."""

    place: Address
    ask: Ask
    attributes: tuple[str, ...] = ()
    limit: int = 0
    among: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    target: tuple[tuple[str, Any], ...] = ()
    #: Whether only reading the documents shows it: no query can ask it.
    must_read: bool = False

    @property
    def counted(self) -> Question:
        """What is counted for it. All documents are without a value of a new attribute, whichever that is."""
        return replace(self, attributes=()) if self.ask is Ask.WITHOUT else self


@dataclass(frozen=True)
class Answer:
    """`count` is None when it could not be counted, `at_least` says that counting ended early, `longest` goes with
    LONGER, `size` (bytes) with CONTENTS. `names` are what was counted, where that has names. Where documents were read
    for it, `looked` is the number of them, and `of` how many there are in all if that was not all of them; neither says
    how much is lost."""

    count: int | None
    at_least: bool = False
    longest: int = 0
    names: tuple[str, ...] = ()
    size: int = 0
    looked: int = field(default=0, compare=False)
    of: int = field(default=0, compare=False)

    def __str__(self) -> str:
        return "an unknown number of" if self.count is None else self.number

    @property
    def number(self) -> str:
        """As it is repeated on the command line: `301`, `5000+`, `unknown`. `read_number` is the reverse."""
        return "unknown" if self.count is None else f"{self.count}{'+' if self.at_least else ''}"

    @property
    def is_nothing(self) -> bool:
        """Whether there certainly is nothing to lose."""
        return self.count == 0 and not self.at_least

    def covers(self, other: Answer) -> bool:
        """Whether a permission for this number also permits the other. An open end covers every number, and only what
        is unknown covers what is unknown."""
        if self.count is None:
            return True
        if other.count is None:
            return False
        return self.at_least or (not other.at_least and other.count <= self.count)


#: There certainly is nothing.
NOTHING = Answer(0)

#: Answers a question from live. Raises ProviderError where there is no answer at all.
Answering = Callable[[Question], Answer]


def counted_words(evidence: Mapping[Question, Answer]) -> list[str]:
    """What was counted and is not nothing, one line each: `values of size in collection.d/c: 3`."""
    found = []
    for question, answer in evidence.items():
        about = f" of {', '.join(question.attributes)}" if question.attributes else ""
        names = f" ({', '.join(answer.names)})" if answer.names else ""
        if not answer.is_nothing:
            found.append(f"{question.ask}{about} in {question.place}: {answer.number}{names}")
    return found


def total(answers: Iterable[Answer]) -> Answer:
    """All of them together. An unknown part makes the whole unknown."""
    listed = list(answers)
    if any(each.count is None for each in listed):
        return Answer(None)
    return Answer(sum(each.count or 0 for each in listed), any(each.at_least for each in listed))


def read_number(text: str) -> Answer:
    """The number as it was shown. Raises ValueError for anything else."""
    if text == "unknown":
        return Answer(None)
    found = re.fullmatch(r"([0-9]+)(\+?)", text, re.ASCII)
    if found is None:
        raise ValueError(f"{text!r} is not a number")
    return Answer(int(found[1]), at_least=bool(found[2]))


def evidence_to_json(evidence: Mapping[Question, Answer]) -> list[dict[str, Any]]:
    """What was counted, as a plan shows and saves it. Values of documents are not in it."""
    return [{**_question_to_json(question), **_answer_to_json(answer)} for question, answer in evidence.items()]


def evidence_from_json(content: Iterable[Mapping[str, Any]]) -> dict[Question, Answer]:
    """The reverse. Raises KeyError, TypeError or ValueError for anything else."""
    return {_question(each): _answer(each) for each in content}


def _question_to_json(question: Question) -> dict[str, Any]:
    found: dict[str, Any] = {"place": str(question.place), "asks": str(question.ask)}
    if question.attributes:
        found["attributes"] = list(question.attributes)
    if question.ask is Ask.LONGER:
        found["limit"] = question.limit
    if question.among:
        found["among"] = list(question.among)
    found |= {name: bound for name in ("low", "high") if (bound := getattr(question, name)) is not None}
    if question.must_read:
        found["mustRead"] = True
    if question.target:
        found["target"] = {name: _plain(value) for name, value in question.target}
    return found


def _answer_to_json(answer: Answer) -> dict[str, Any]:
    found: dict[str, Any] = {"count": answer.count}
    if answer.at_least:
        found["atLeast"] = True
    if answer.longest:
        found["longest"] = answer.longest
    if answer.names:
        found["names"] = list(answer.names)
    found |= {name: number for name in ("size", "looked", "of") if (number := getattr(answer, name))}
    return found


def _question(content: Mapping[str, Any]) -> Question:
    return Question(
        Address.parse(content["place"]),
        Ask(content["asks"]),
        tuple(map(str, content.get("attributes", ()))),
        int(content.get("limit", 0)),
        tuple(map(str, content.get("among", ()))),
        content.get("low"),
        content.get("high"),
        tuple(sorted((str(name), _canonical(value)) for name, value in content.get("target", {}).items())),
        bool(content.get("mustRead", False)),
    )


def _answer(content: Mapping[str, Any]) -> Answer:
    count = content["count"]
    if count is not None and (not isinstance(count, int) or isinstance(count, bool) or count < 0):
        raise TypeError("a count is a number or unknown")
    return Answer(
        count,
        bool(content.get("atLeast", False)),
        int(content.get("longest", 0)),
        tuple(map(str, content.get("names", ()))),
        int(content.get("size", 0)),
        int(content.get("looked", 0)),
        int(content.get("of", 0)),
    )


def _plain(value: Any) -> Any:
    return [_plain(each) for each in value] if isinstance(value, tuple) else value


def _canonical(value: Any) -> Any:
    return tuple(_canonical(each) for each in value) if isinstance(value, list) else value
