"""What a plan must not do unasked. Guards look at a finished plan and the evidence; they never change it. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from ..model.address import Address
from ..model.desired import Desired
from ..model.evidence import Answer, Ask, Question
from ..model.resource import Live
from ..provider import ServerFacts
from .evidence import questions_of
from .plan import Action, Change, Refusal

#: Answers to the questions that a plan's changes raise.
Evidence = Mapping[Question, Answer]


def refusals(
    changes: Iterable[Change],
    real: Mapping[Address, Live],
    desired: Desired,
    facts: ServerFacts,
    evidence: Evidence,
    allowed: Collection[Address] = (),
) -> list[Refusal]:
    """Every no, for every change."""
    found: list[Refusal] = []
    for change in changes:
        if change.address not in allowed:
            found += _data_loss(change, real, desired, evidence)
        if change.address.kind == "function" and change.action in (Action.CREATE, Action.UPDATE):
            found += _unsupported(change, desired, facts)
    return found


def _data_loss(change: Change, real: Mapping[Address, Live], desired: Desired, evidence: Evidence) -> Iterator[Refusal]:
    answered = {each: evidence.get(each, Answer(None)) for each in questions_of(change, desired, real)}
    if change.address.kind in ("database", "collection"):
        together = _added(answered.values())
        losses = [] if together.is_nothing else [f"{together} documents would be deleted"]
    else:
        losses = [_loss(question, answer) for question, answer in answered.items() if not answer.is_nothing]
    if losses:
        message = f"{change.action} of {change.address} is refused: {', and '.join(losses)} ({change.reason})"
        yield Refusal(change.address, message, _way_out(change))


def _added(answers: Iterable[Answer]) -> Answer:
    listed = list(answers)
    known = sum(answer.count or 0 for answer in listed)
    has_unknown = any(answer.count is None for answer in listed)
    if has_unknown and not known:
        return Answer(None)
    return Answer(known, has_unknown or any(answer.at_least for answer in listed))


def _loss(question: Question, answer: Answer) -> str:
    """What an answer means."""
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


def _way_out(change: Change) -> str:
    allow = f"if that is meant: --allow-data-loss {change.address}"
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
