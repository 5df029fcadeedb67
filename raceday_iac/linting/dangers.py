"""Rules that kinds bring: dangerous settings of a resource (`Kind.dangers`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..kinds import KINDS
from ..kinds.base import Danger
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


for _kind in KINDS.values():
    for _danger in _kind.dangers:
        RULES.rule(_danger.code, Severity(_danger.severity), _danger.title, each=_of_kind(_kind.name))(_rule(_danger))
