"""Rules that kinds bring: dangerous settings of a resource (`Kind.dangers`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..kinds import KINDS
from ..kinds.base import Danger
from ..model.address import Address, owner_of
from .facts import ResourceFacts
from .findings import Severity
from .rules import Context, RuleSet, Violation

RULES = RuleSet()


def _of_kind(name: str) -> Callable[[Context], Iterator[tuple[ResourceFacts]]]:
    def those(context: Context) -> Iterator[tuple[ResourceFacts]]:
        return ((each,) for each in context.configuration.resources if each.kind == name)

    return those


def _rule(danger: Danger) -> Callable[[ResourceFacts], Iterator[Violation]]:
    def look(facts: ResourceFacts) -> Iterator[Violation]:
        for message, fix in danger.look(facts.fields):
            yield Violation(facts.address, message, fix, facts.location)

    look.__doc__ = danger.look.__doc__
    return look


def _crowds(context: Context) -> Iterator[tuple[ResourceFacts, int]]:
    """The first of those that are too many in one place, and their number."""
    found: dict[Address, list[ResourceFacts]] = {}
    for each in context.configuration.resources:
        if KINDS[each.kind].plenty is not None:
            found.setdefault(owner_of(Address(each.kind, each.id)), []).append(each)
    for those in found.values():
        if len(those) > (KINDS[those[0].kind].plenty or 0):
            yield those[0], len(those)


@RULES.rule("DOC001", Severity.WARNING, "more documents in a collection than configuration needs", each=_crowds)
def crowded(first: ResourceFacts, number: int) -> Iterator[Violation]:
    """Each is compared by every plan, and stands in the state. Data belongs to the application.

    Fix: keep what configuration needs, and write the rest by code or by an import of Appwrite's own.
    """
    kind = KINDS[first.kind]
    message = f"{number} {kind.plural} are declared beside it; more than {kind.plenty} are data"
    yield Violation(first.address, message, "keep what configuration needs", first.location)


for _kind in KINDS.values():
    for _danger in _kind.dangers:
        RULES.rule(_danger.code, Severity(_danger.severity), _danger.title, each=_of_kind(_kind.name))(_rule(_danger))
