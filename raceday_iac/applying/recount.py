"""Counting again, right before something is destroyed or narrowed.

What was counted when the plan was made is what somebody agreed to. Between that and the deletion lie questions, builds
and reviews: whatever came since is not agreed to, and stops the step. The rest of the plan goes on.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from ..errors import ProviderError, RefusedError
from ..model.address import Address, database_address, function_address
from ..model.desired import Desired
from ..model.evidence import NOTHING, Answer, Answering, Ask, Question, total
from ..planning import Change, Plan
from ..planning.evidence import questions_of, unmanaged_with
from ..planning.guards import in_words, permission
from ..provider import Reader
from ..refresh.evidence import unknown

#: Records of runs come all the time, and duplicates destroy nothing: Appwrite does not build the index over them.
_NEVER_STOP = (Ask.EXECUTIONS, Ask.DUPLICATES)


@dataclass(frozen=True)
class Recount:
    """Compares what is live now with what the plan showed. `known` is what was declared or ours when it was made."""

    reader: Reader
    plan: Plan
    desired: Desired
    known: Collection[Address]
    counting: Answering

    def must_fit(self, change: Change) -> None:
        """Raise RefusedError when more would be lost by a change than was shown, or cannot be counted any more."""
        asked = [each for each in questions_of(change, self.desired, self.plan.real) if each.ask not in _NEVER_STOP]
        now = {question: self._answer(question) for question in asked}
        more = [question for question in asked if not self.shown(question).covers(now[question])]
        together = total(now.values())
        allowed = self.plan.wishes.allowed.get(change.address)
        if more and (allowed is None or not allowed.covers(together)):
            raise RefusedError(
                f"{change.action} of {change.address} was stopped: {', and '.join(self._told(change, more, now))}. "
                "It was left as it is.",
                hint=f"look at what came, then plan again; if that is meant: --allow-data-loss "
                f"{permission(change.address, together)}",
            )

    def shown(self, question: Question) -> Answer:
        """What the plan said. Nothing, where it did not ask."""
        return self.plan.evidence.get(question, NOTHING)

    def limit(self, change: Change, ask: Ask) -> Answer:
        """How much of a kind a change may cost: what was allowed by number, else what was shown."""
        allowed = self.plan.wishes.allowed.get(change.address)
        if allowed is not None:
            return allowed
        asked = questions_of(change, self.desired, self.plan.real)
        return total(self.shown(question) for question in asked if question.ask is ask)

    def _answer(self, question: Question) -> Answer:
        if question.ask is not Ask.UNMANAGED:
            return self.counting(question)
        place = question.place
        function = place.kind == "function"
        around = function_address(place.path) if function else database_address(place.parts[0])
        try:
            return unmanaged_with(place, self.reader.inside(around), self.known)
        except ProviderError as error:
            return unknown(error)

    def _told(self, change: Change, more: list[Question], now: dict[Question, Answer]) -> Iterator[str]:
        for question in more:
            shown = self.shown(question)
            yield f"{in_words(change, question, now[question])} now, and {shown.number} {_was(shown)} shown"


def _was(shown: Answer) -> str:
    return "was" if shown.count == 1 else "were"
