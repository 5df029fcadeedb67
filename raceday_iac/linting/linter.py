"""All rules on one configuration, with those that kinds bring: dangerous settings of a resource (`Kind.dangers`). And
what becomes of findings that are accepted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from ..kinds import KINDS, kind_of
from ..kinds.base import Danger
from ..model.address import Address, owner_of
from . import policies, schedules
from .facts import Configuration, Offered, ResourceFacts
from .findings import DRIFT_CODES, NOTICE, Acceptance, Finding, Report, Severity, speaks_of
from .rules import Context, RuleSet, Violation
from .usage import Usage

DANGERS = RuleSet()


def _of_kind(name: str, only: str) -> Callable[[Context], Iterator[tuple[ResourceFacts]]]:
    def those(context: Context) -> Iterator[tuple[ResourceFacts]]:
        return ((each,) for each in context.configuration.resources if each.kind == name and only in ("", each.id))

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


@DANGERS.rule("DOC001", Severity.WARNING, "more documents in a collection than configuration needs", each=_crowds)
def crowded(first: ResourceFacts, number: int) -> Iterator[Violation]:
    """Every plan compares each of them, and the state contains them. Data belongs to the application.

    Fix: declare only configuration; write the rest by code, or import it with Appwrite.
    """
    kind = KINDS[first.kind]
    message = f"{number} {kind.plural} are declared beside it; more than {kind.plenty} are data"
    yield Violation(first.address, message, "keep what configuration needs", first.location)


def _switched_off(context: Context) -> Iterator[tuple[ResourceFacts, list[str]]]:
    """Services that are off, with what nothing else leads to."""
    off: dict[str, ResourceFacts] = {}
    for each in context.configuration.resources:
        switch = KINDS[each.kind].switches_off
        if switch is not None and (name := switch(each.id, each.fields)):
            off[name] = each
    cut: dict[str, list[str]] = {}
    for subject, services in _reached(context.configuration).items() if off else ():
        if services and services <= off.keys():
            cut.setdefault(min(services), []).append(subject)
    yield from ((off[name], subjects) for name, subjects in cut.items())


def _reached(configuration: Configuration) -> Mapping[str, frozenset[str]]:
    """By what lets in somebody without a key: the services any of which leads to it."""
    found = {each.address: _services(each.address, {"execute": each.execute}) for each in configuration.functions}
    for place in configuration.collections:
        security = {"permissions": place.permissions, "documentSecurity": place.document_security}
        found[place.address] = _services(place.address, security)
    others = [each for each in configuration.resources if each.address not in found]
    return found | {each.address: _services(each.address, each.fields) for each in others}


def _services(address: str, fields: Mapping[str, Any]) -> frozenset[str]:
    return kind_of(Address.parse(address)).reached_through(fields)


@DANGERS.rule("SVC001", Severity.WARNING, "a service that is off although people need it", each=_switched_off)
def cut_off(service: ResourceFacts, subjects: list[str]) -> Iterator[Violation]:
    """A service that is off answers only keys: permissions on its resources have no effect for users.

    Fix: switch the service on, or remove the permissions.
    """
    more = f" and {len(subjects) - 1} more" if len(subjects) > 1 else ""
    message = f"it is off, and people can reach {subjects[0]}{more} only through it"
    yield Violation(service.address, message, "enabled=True, or remove the permissions", service.location)


for _kind in KINDS.values():
    for _danger in _kind.dangers:
        DANGERS.rule(_danger.code, Severity(_danger.severity), _danger.title, each=_of_kind(_kind.name, _danger.only))(
            _rule(_danger)
        )


# Findings that somebody has decided to live with until a day: applying them, and the rules on them.


@dataclass(frozen=True)
class Use:
    """An acceptance on a day, and whether it fits any finding."""

    acceptance: Acceptance
    today: date
    is_used: bool


#: The rules on the acceptances themselves. They look at uses.
ACCEPTANCES = RuleSet()


def _each(uses: Sequence[Use]) -> Iterator[tuple[Use]]:
    return ((each,) for each in uses)


def apply_acceptances(findings: Sequence[Finding], acceptances: Sequence[Acceptance], today: date) -> Iterator[Finding]:
    """The findings, with what is accepted on a day, and what there is to say about the acceptances themselves."""
    # What the drift check finds is its own affair.
    acceptances = [each for each in acceptances if each.code not in DRIFT_CODES]
    used: set[Acceptance] = set()
    for finding in findings:
        fitting = [each for each in acceptances if _fits(each, finding)]
        used.update(fitting)
        valid = [each for each in fitting if today <= each.until]
        if valid and not finding.answered:
            yield replace(finding, accepted=max(valid, key=lambda each: each.until))
        elif fitting and not valid:
            ended = max(each.until for each in fitting)
            yield replace(finding, message=f"{finding.message} (was accepted until {ended})")
        else:
            yield finding
    uses = [Use(each, today, each in used) for each in acceptances]
    for rule in ACCEPTANCES:
        yield from rule.findings(uses)


@ACCEPTANCES.rule("ACC001", Severity.WARNING, "an acceptance that ends soon", each=_each)
def ends_soon(use: Use) -> Iterator[Violation]:
    """On its last day and the day before.

    Fix: correct what it accepts, or accept it until a later day.
    """
    found, today = use.acceptance, use.today
    if use.is_used and today <= found.until <= today + NOTICE:
        message = f"the acceptance of {found.code} ends on {found.until}; then it is a finding again"
        yield Violation(found.subject, message, "correct it, or accept it until a later day", found.location)


@ACCEPTANCES.rule("ACC002", Severity.WARNING, "an acceptance of something that was not found", each=_each)
def accepts_nothing(use: Use) -> Iterator[Violation]:
    """It would silently accept it when it comes back.

    Fix: delete the entry.
    """
    if not use.is_used:
        found = use.acceptance
        message = f"{found.code} is accepted here, but was not found"
        yield Violation(found.subject, message, "delete the entry", found.location)


def _fits(acceptance: Acceptance, finding: Finding) -> bool:
    return acceptance.code == finding.code and speaks_of(acceptance, finding.subject, finding.message)


#: The rules for every stack. Those of an extension are added to them.
RULES: RuleSet = schedules.RULES | policies.RULES | DANGERS
_ORDER = (Severity.ERROR, Severity.WARNING, Severity.INFO)
_NOT_ASKED = "specifications and runtimes that the server offers: checked only with --live"


def known_rules(rules: RuleSet = RULES) -> RuleSet:
    """Those that look at a configuration, and those on acceptances: all whose findings can be accepted or shown."""
    return rules | ACCEPTANCES


def lint(
    configuration: Configuration,
    begin: date,
    server: Offered | None = None,
    accepted: Sequence[Acceptance] = (),
    today: date | None = None,
    rules: RuleSet = RULES,
) -> Report:
    """Look at everything, with the schedules of the year from `begin`. `server` is None when it was not asked;
    acceptances count as on the day `today`, which is the first of the year otherwise."""
    context = Context(configuration, begin, server or Offered())
    found = [finding for rule in rules for finding in rule.findings(context)]
    found = list(apply_acceptances(found, accepted, today or begin))
    calls = {name: usage.calls for name, usage in context.used.items() if usage.calls}
    skipped = (*configuration.skipped, *_unread(context.used), *_silent(server))
    return Report(tuple(sorted(found, key=_rank)), skipped, calls, configuration.local_time)


def _unread(used: Mapping[str, Usage]) -> Iterator[str]:
    """Functions whose code says nothing, by reason."""
    reasons: dict[str, list[str]] = {}
    for name, usage in sorted(used.items()):
        if usage.unread:
            reasons.setdefault(usage.unread, []).append(name)
    for reason, names in reasons.items():
        yield (
            f"the code of {', '.join(names)}: {reason}. Its scopes are not checked, and functions that may write "
            "documents are assumed to write the same ones"
        )


def _silent(server: Offered | None) -> Iterator[str]:
    """What the server was not asked, or did not say."""
    if server is None:
        yield _NOT_ASKED
        return
    for name, known in (("specifications", server.specifications), ("runtimes", server.runtimes)):
        if not known:
            yield f"{name}: the server did not say which it offers (the key may lack functions.read)"


def _rank(finding: Finding) -> tuple[int, str, str]:
    return _ORDER.index(finding.effective), finding.code, finding.subject
