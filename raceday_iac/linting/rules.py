"""What a lint rule is. A rule is one function, registered in a `RuleSet` with its code, its usual severity and a title:

    @RULES.rule("SCH001", Severity.ERROR, "a function starts again before its run has to end", each=scheduled)
    def self_overlap(function: FunctionFacts, runs: Expansion) -> Iterator[Violation]:
        '''Why it matters, for the reference.

        Fix: what to do about it in general.
        '''

`each` says what the rule looks at: it yields the arguments of every call. Nothing else knows a rule: the linter, the
policies file and the reference page of rules walk over the rule sets. An extension brings a rule set of its own.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from typing import Any, TypeVarTuple

from ..model.resource import Location
from .expansion import Expansion, expand
from .facts import CollectionFacts, Configuration, FunctionFacts, Offered, VariableFacts
from .findings import NOWHERE, Finding, Severity
from .usage import Usage, usages

Arguments = TypeVarTuple("Arguments")


NOT_ASKED = Offered()


@dataclass(frozen=True)
class Context:
    """All that rules look at: the configuration, its schedules over the year from `begin`, and what a server offers."""

    configuration: Configuration
    begin: date
    server: Offered = NOT_ASKED

    @cached_property
    def runs(self) -> dict[str, Expansion]:
        """The runs of every enabled function with a readable schedule, by function id."""
        local_time = self.configuration.local_time
        found = {
            each.id: expand(each.schedule, self.begin, local_time=local_time) for each in self.enabled if each.schedule
        }
        return {name: runs for name, runs in found.items() if runs is not None}

    @cached_property
    def used(self) -> dict[str, Usage]:
        """What each function does with Appwrite, by function id."""
        return usages(self.configuration)

    @cached_property
    def enabled(self) -> tuple[FunctionFacts, ...]:
        return tuple(each for each in self.configuration.functions if each.enabled)


@dataclass(frozen=True)
class Violation:
    """What a rule yields. The rule adds its code and, where `severity` is None, its severity."""

    subject: str
    message: str
    fix: str
    location: Location = NOWHERE
    severity: Severity | None = None
    first: datetime | None = None
    times: int = 0
    answered: str = ""


def violation(
    facts: FunctionFacts | CollectionFacts | VariableFacts,
    message: str,
    fix: str,
    severity: Severity | None = None,
    **more: Any,
) -> Violation:
    """One of a function, a collection or a variable: its address and place are filled in."""
    return Violation(facts.address, message, fix, facts.location, severity, **more)


@dataclass(frozen=True)
class Rule:
    """A rule with its docs. Calling it yields the findings on the given arguments."""

    code: str
    severity: Severity
    title: str
    why: str
    fix: str
    each: Callable[[Any], Iterable[tuple[Any, ...]]] = field(repr=False)
    look: Callable[..., Iterator[Violation]] = field(repr=False)

    def __call__(self, *arguments: Any) -> Iterator[Finding]:
        for found in self.look(*arguments):
            severity = found.severity or self.severity
            yield Finding(
                self.code,
                severity,
                found.subject,
                found.message,
                found.fix,
                found.location,
                found.first,
                found.times,
                found.answered,
                title=self.title,
            )

    def findings(self, context: Any) -> Iterator[Finding]:
        """On everything that the rule looks at."""
        for arguments in self.each(context):
            yield from self(*arguments)


class RuleSet:
    """Rules by code. Sets are added with `|`; a code exists once."""

    def __init__(self, rules: Iterable[Rule] = ()) -> None:
        self._rules: dict[str, Rule] = {}
        for rule in rules:
            self._add(rule)

    def rule(
        self, code: str, severity: Severity, title: str, *, each: Callable[[Any], Iterable[tuple[*Arguments]]]
    ) -> Callable[[Callable[[*Arguments], Iterator[Violation]]], Rule]:
        """Register a function as a rule. Raises ValueError when the code is taken, or when there are no docs."""

        def register(look: Callable[[*Arguments], Iterator[Violation]]) -> Rule:
            why, fix = _docs(code, look)
            rule = Rule(code, severity, title, why, fix, each, look)
            self._add(rule)
            return rule

        return register

    def __iter__(self) -> Iterator[Rule]:
        return iter(self._rules[code] for code in sorted(self._rules))

    def __or__(self, other: RuleSet) -> RuleSet:
        return RuleSet((*self, *other))

    @property
    def codes(self) -> dict[str, str]:
        """Titles by code."""
        return {each.code: each.title for each in self}

    def _add(self, rule: Rule) -> None:
        if rule.code in self._rules:
            raise ValueError(f"two rules have the code {rule.code}")
        self._rules[rule.code] = rule


def _docs(code: str, look: object) -> tuple[str, str]:
    """Explanation and advice, each on one line."""
    why, found, fix = (inspect.getdoc(look) or "").partition("\n\nFix: ")
    if not found:
        raise ValueError(f"the docstring of rule {code} ends with a paragraph that begins with 'Fix: '")
    return " ".join(why.split()), " ".join(fix.split())


# What rules look at.


def functions(context: Context) -> Iterator[tuple[FunctionFacts]]:
    """Every function, also a disabled one."""
    return ((each,) for each in context.configuration.functions)


def used_functions(context: Context) -> Iterator[tuple[FunctionFacts, Usage]]:
    """Every function, with what its code does."""
    return ((each, context.used[each.id]) for each in context.configuration.functions)


def scheduled(context: Context) -> Iterator[tuple[FunctionFacts, Expansion]]:
    """Enabled functions with a readable schedule, and their runs."""
    return ((each, context.runs[each.id]) for each in context.enabled if each.id in context.runs)


def used_scheduled(context: Context) -> Iterator[tuple[FunctionFacts, Expansion, Usage]]:
    """Those with what their code does."""
    return ((each, runs, context.used[each.id]) for each, runs in scheduled(context))


def collections(context: Context) -> Iterator[tuple[CollectionFacts]]:
    return ((each,) for each in context.configuration.collections)


def variables(context: Context) -> Iterator[tuple[VariableFacts]]:
    return ((each,) for each in context.configuration.variables)
