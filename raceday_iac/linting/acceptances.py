"""Findings that somebody has decided to live with until a day: reading them, applying them, and the rules on them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any

from ..errors import StackError
from ..loading.yaml_file import parse_yaml
from ..model.declarations import nearest
from ..model.resource import Diagnostic, Location
from .findings import Acceptance, Finding, Severity
from .rules import RuleSet, Violation

#: What only `raceday-iac drift` finds, and what can be accepted in the same file. docs/ci.md explains each.
DRIFT_CODES: Mapping[str, str] = {
    "DRF001": "somebody changed the server",
    "DRF002": "somebody changed the server, and the stack changed too",
    "DRF003": "live, but neither declared nor managed",
}

_SHAPE = "a policies file has one entry, `accepted`, which is a list"
_FIELDS = ("code", "subject", "reason", "until")
_OPTIONAL = ("message",)
#: So long before its end an acceptance is warned of.
NOTICE = timedelta(days=1)


def read_acceptances(text: str, file: str, codes: Collection[str]) -> tuple[Acceptance, ...]:
    """What a policies file accepts of the findings with these codes, and of drift. Raises StackError with everything
    that is wrong in it."""
    found = parse_yaml(text, file, _SHAPE)
    entries = found.content.get("accepted") or []
    if set(found.content) - {"accepted"} or not isinstance(entries, list):
        raise StackError([Diagnostic(Location(file, 1), "", _SHAPE)])
    placed = [(entry, found.location("accepted", number)) for number, entry in enumerate(entries)]
    problems = [each for entry, place in placed for each in _problems(entry, place, codes)]
    if problems:
        raise StackError(problems)
    return tuple(_acceptance(entry, place) for entry, place in placed)


def _problems(entry: Any, place: Location, codes: Collection[str]) -> Iterator[Diagnostic]:
    if not isinstance(entry, Mapping):
        yield Diagnostic(place, "", f"an acceptance is a mapping of {', '.join(_FIELDS)}")
        return
    for name in sorted(set(map(str, entry)) - {*_FIELDS, *_OPTIONAL}):
        yield Diagnostic(place, name, f"unknown setting{nearest(name, (*_FIELDS, *_OPTIONAL))}")
    for name in (*_FIELDS[:3], *(each for each in _OPTIONAL if each in entry)):
        if not isinstance(entry.get(name), str) or not entry[name].strip():
            yield Diagnostic(place, name, "is missing, or is not a text")
    if isinstance(entry.get("code"), str) and entry["code"] not in {*codes, *DRIFT_CODES}:
        near = nearest(entry["code"], {*codes, *DRIFT_CODES})
        message = f"there is no {entry['code']!r}{near}; the reference of lint codes and docs/ci.md name them all"
        yield Diagnostic(place, "code", message)
    if not isinstance(entry.get("until"), date) or isinstance(entry.get("until"), datetime):
        yield Diagnostic(place, "until", "is missing, or is not a date; write it as 2027-06-30")


def _acceptance(entry: Mapping[str, Any], place: Location) -> Acceptance:
    message = entry.get("message", "*")
    return Acceptance(entry["code"], entry["subject"], entry["reason"].strip(), entry["until"], place, message)


@dataclass(frozen=True)
class Use:
    """An acceptance on a day, and whether it fits any finding."""

    acceptance: Acceptance
    today: date
    is_used: bool


#: The rules on the acceptances themselves. They look at uses.
RULES = RuleSet()


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
    for rule in RULES:
        yield from rule.findings(uses)


@RULES.rule("ACC001", Severity.WARNING, "an acceptance that ends soon", each=_each)
def ends_soon(use: Use) -> Iterator[Violation]:
    """On its last day and the day before.

    Fix: correct what it accepts, or accept it until a later day.
    """
    found, today = use.acceptance, use.today
    if use.is_used and today <= found.until <= today + NOTICE:
        message = f"the acceptance of {found.code} ends on {found.until}; then it is a finding again"
        yield Violation(found.subject, message, "correct it, or accept it until a later day", found.location)


@RULES.rule("ACC002", Severity.WARNING, "an acceptance of something that was not found", each=_each)
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


def speaks_of(acceptance: Acceptance, subject: str, message: str) -> bool:
    """Whether its patterns fit what was found."""
    return fnmatchcase(subject, acceptance.subject) and fnmatchcase(message, acceptance.message)
