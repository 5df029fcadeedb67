"""Findings that somebody decided to live with: `policies.yaml`, each with a reason and a last day.

accepted:
  - code: POL005
    subject: collection.raceday-db/*   # an address; * stands for anything
    message: "*read*"                  # optional: only where the finding says this
    reason: the web client reads without an account
    until: 2027-06-30
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any

import yaml

from ..errors import StackError
from ..model.problem import Location, Problem
from .findings import CODES, DRIFT_CODES, Acceptance, Finding, Severity

_FIELDS = ("code", "subject", "reason", "until")
_OPTIONAL = ("message",)
#: So long before its end an acceptance is warned of.
NOTICE = timedelta(days=1)


def read_acceptances(text: str, file: str) -> tuple[Acceptance, ...]:
    """What a policies file accepts. Raises StackError with everything that is wrong in it."""
    try:
        content = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = Location(file, mark.line + 1 if mark else 0)
        raise StackError([Problem(place, "", f"not valid YAML: {getattr(error, 'problem', error)}")]) from None
    entries = content.get("accepted") if isinstance(content, Mapping) else None
    if not isinstance(content, Mapping) or set(content) - {"accepted"} or not isinstance(entries or [], list):
        raise StackError([Problem(Location(file, 1), "", "a policies file has one entry, `accepted`, which is a list")])
    lines = _lines(text)
    places = [Location(file, lines[number] if number < len(lines) else 0) for number in range(len(entries or []))]
    problems = [each for entry, place in zip(entries or [], places, strict=True) for each in _problems(entry, place)]
    if problems:
        raise StackError(problems)
    return tuple(_acceptance(entry, place) for entry, place in zip(entries or [], places, strict=True))


def judge(findings: Sequence[Finding], acceptances: Sequence[Acceptance], today: date) -> Iterator[Finding]:
    """The findings, with what is accepted on a day, and what is to be said of the acceptances themselves."""
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
    for each in acceptances:
        yield from _of_acceptance(each, today, is_used=each in used)


def _of_acceptance(acceptance: Acceptance, today: date, *, is_used: bool) -> Iterator[Finding]:
    subject, place = acceptance.subject, acceptance.location
    if not is_used:
        message = f"{acceptance.code} is accepted here, but was not found"
        yield Finding("ACC002", Severity.WARNING, subject, message, "delete the entry", place)
    elif today <= acceptance.until <= today + NOTICE:
        message = f"the acceptance of {acceptance.code} ends on {acceptance.until}; then it is a finding again"
        yield Finding("ACC001", Severity.WARNING, subject, message, "correct it, or accept it until a later day", place)


def _fits(acceptance: Acceptance, finding: Finding) -> bool:
    return acceptance.code == finding.code and speaks_of(acceptance, finding.subject, finding.message)


def speaks_of(acceptance: Acceptance, subject: str, message: str) -> bool:
    """Whether its patterns fit what was found."""
    return fnmatchcase(subject, acceptance.subject) and fnmatchcase(message, acceptance.message)


def _problems(entry: Any, place: Location) -> Iterator[Problem]:
    if not isinstance(entry, Mapping):
        yield Problem(place, "", f"an acceptance is a mapping of {', '.join(_FIELDS)}")
        return
    for name in sorted(set(map(str, entry)) - {*_FIELDS, *_OPTIONAL}):
        yield Problem(place, name, "unknown setting")
    for name in (*_FIELDS[:3], *(each for each in _OPTIONAL if each in entry)):
        if not isinstance(entry.get(name), str) or not entry[name].strip():
            yield Problem(place, name, "is missing, or is not a text")
    if isinstance(entry.get("code"), str) and entry["code"] not in {*CODES, *DRIFT_CODES}:
        yield Problem(place, "code", f"there is no {entry['code']!r}; docs/lint.md and docs/ci.md name them all")
    if not isinstance(entry.get("until"), date) or isinstance(entry.get("until"), datetime):
        yield Problem(place, "until", "is missing, or is not a date; write it as 2027-06-30")


def _acceptance(entry: Mapping[str, Any], place: Location) -> Acceptance:
    message = entry.get("message", "*")
    return Acceptance(entry["code"], entry["subject"], entry["reason"].strip(), entry["until"], place, message)


def _lines(text: str) -> list[int]:
    """The lines on which the entries of the list begin."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    for key, value in root.value if isinstance(root, yaml.MappingNode) else ():
        if key.value == "accepted" and isinstance(value, yaml.SequenceNode):
            return [each.start_mark.line + 1 for each in value.value]
    return []
