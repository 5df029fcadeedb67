"""What a plan must not do unasked. Guards look at a finished plan and the evidence; they never change it. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from ..model.address import Address
from ..model.desired import Desired
from ..model.evidence import Answer, Ask, Question
from ..model.resource import Live
from ..provider import ServerFacts
from .evidence import questions_of
from .plan import Action, Change, Refusal

#: Answers to the questions that a plan's changes raise.
Evidence = Mapping[Question, Answer]


@dataclass(frozen=True)
class Loss:
    """What a change would cost. `final`: no permission helps, for Appwrite itself would refuse it."""

    change: Change
    costs: tuple[str, ...]
    way_out: str
    final: bool = False

    def __str__(self) -> str:
        return f"{self.change.action} of {self.change.address}"


def losses(changes: Iterable[Change], real: Mapping[Address, Live], desired: Desired, evidence: Evidence) -> list[Loss]:
    """Everything that these changes would cost."""
    return [loss for change in changes for loss in _losses(change, real, desired, evidence)]


def loss_refusals(found: Iterable[Loss], allowed: Collection[Address]) -> Iterator[Refusal]:
    """A no for what would be lost without permission, or cannot be done with one."""
    for each in found:
        if each.final or each.change.address not in allowed:
            message = f"{each} is refused: {', and '.join(each.costs)} ({each.change.reason})"
            yield Refusal(each.change.address, message, each.way_out)


def allowed_losses(found: Iterable[Loss], allowed: Collection[Address]) -> Iterator[str]:
    """What will be lost, for it was allowed."""
    for each in found:
        if not each.final and each.change.address in allowed:
            yield f"{each}: {', and '.join(each.costs)}; --allow-data-loss allows that"


def unsupported(changes: Iterable[Change], desired: Desired, facts: ServerFacts) -> Iterator[Refusal]:
    """Functions that this server could not build or run."""
    for change in changes:
        if change.address.kind == "function" and change.action in (Action.CREATE, Action.UPDATE):
            yield from _unsupported(change, desired, facts)


def _losses(change: Change, real: Mapping[Address, Live], desired: Desired, evidence: Evidence) -> Iterator[Loss]:
    answered = {each: evidence.get(each, Answer(None)) for each in questions_of(change, desired, real)}
    final = [each for each in answered if each.ask is Ask.DUPLICATES and answered[each].count]
    if final:
        costs = [_loss(change, each, answered.pop(each)) for each in final]
        yield Loss(change, tuple(costs), "make them differ, or delete the surplus ones, and plan again", final=True)
    if change.address.kind in ("database", "collection"):
        together = _added(answered.values())
        costs = [] if together.is_nothing else [f"{together} documents would be deleted"]
    else:
        costs = [_loss(change, question, answer) for question, answer in answered.items() if not answer.is_nothing]
    if costs:
        yield Loss(change, tuple(costs), _way_out(change, answered))


def _added(answers: Iterable[Answer]) -> Answer:
    listed = list(answers)
    known = sum(answer.count or 0 for answer in listed)
    has_unknown = any(answer.count is None for answer in listed)
    if has_unknown and not known:
        return Answer(None)
    return Answer(known, has_unknown or any(answer.at_least for answer in listed))


def _loss(change: Change, question: Question, answer: Answer) -> str:
    """What an answer means."""
    if change.action is Action.CREATE and question.ask is Ask.DOCUMENTS:
        return f"{answer} documents have no value, which would be required"
    return {
        Ask.DOCUMENTS: f"{answer} documents would lose its values",
        Ask.VALUES: f"{answer} documents would lose its values",
        Ask.NULLS: f"{answer} documents have no value, which would be required",
        Ask.LONGER: f"{answer} values are longer than {question.limit} characters (the longest has {answer.longest})",
        Ask.AMONG: f"{answer} documents have a value that would not be allowed any more ({', '.join(question.among)})",
        Ask.OUTSIDE: f"{answer} values lie outside the new bounds",
        Ask.UNCONVERTIBLE: f"{answer} values cannot be converted and would be lost",
        Ask.DUPLICATES: f"{answer} documents are not unique in {', '.join(question.attributes)}",
    }[question.ask]


def _way_out(change: Change, asked: Collection[Question]) -> str:
    allow = f"if that is meant: --allow-data-loss {change.address}"
    if any(each.ask is Ask.LONGER for each in asked):
        return f"{allow}, which cuts them first"
    if change.action is Action.REPLACE and change.address.kind == "attribute":
        return f'{allow}; to keep the values, in stages: stack.convert("{change.address}")'
    return allow


def _unsupported(change: Change, desired: Desired, facts: ServerFacts) -> Iterator[Refusal]:
    """An update to a runtime that the server does not offer is accepted silently, and then every build fails."""
    fields = desired.resources[change.address].fields
    if facts.runtimes and fields["runtime"] not in facts.runtimes:
        offered = ", ".join(sorted(facts.runtimes))
        message = (
            f"{change.address}: this server does not offer the runtime {fields['runtime']!r} (it offers {offered})"
        )
        yield Refusal(change.address, message, "enable it in _APP_FUNCTIONS_RUNTIMES of the server")
    if facts.specifications and fields["specification"] not in facts.specifications:
        offered = ", ".join(sorted(facts.specifications))
        message = f"{change.address}: this server does not offer the specification {fields['specification']!r}"
        yield Refusal(change.address, f"{message} (it offers {offered})", "choose an offered one")
