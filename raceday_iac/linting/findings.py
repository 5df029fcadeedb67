"""What lint says: findings, each with a code, a severity, when it first happens, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any

import yaml

from ..errors import StackError
from ..model.problem import Diagnostic, Location

NOWHERE = Location()


class Severity(StrEnum):
    """Errors end lint with 1. What a lock or an acceptance answers is shown as info."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True)
class Acceptance:
    """A finding that somebody has decided to live with, until a day (the last on which it counts)."""

    code: str
    subject: str
    reason: str
    until: date
    location: Location = NOWHERE
    #: What a finding must say; `*` stands for anything.
    message: str = "*"


@dataclass(frozen=True)
class Finding:
    """One thing that is, or may become, wrong. `subject` is an address; `first` when it first happens."""

    code: str
    severity: Severity
    subject: str
    message: str
    fix: str
    location: Location = NOWHERE
    first: datetime | None = None
    #: How often in the year that was looked at.
    times: int = 0
    #: What keeps it from doing harm, such as a lock.
    answered: str = ""
    accepted: Acceptance | None = None

    @property
    def effective(self) -> Severity:
        """The severity that counts: what is answered or accepted is for information."""
        return Severity.INFO if self.answered or self.accepted else self.severity


@dataclass(frozen=True)
class Report:
    """Everything that was found, and what could not be looked at."""

    findings: tuple[Finding, ...]
    #: Checks that were left out, and why.
    skipped: tuple[str, ...] = ()
    #: Caller to the functions that it starts.
    calls: Mapping[str, tuple[str, ...]] | None = None

    def count(self, severity: Severity) -> int:
        return sum(each.effective is severity for each in self.findings)


#: Every code with its title. docs/lint.md explains each; a test compares the two.
CODES: Mapping[str, str] = {
    "STK001": "the stack has a mistake",
    "SCH001": "a function starts again before its run has to end",
    "SCH002": "a function is started by others before its run has to end",
    "SCH003": "two functions write the same collections at the same time",
    "SCH004": "runs pass, or begin after, the change of the New Zealand date",
    "SCH005": "runs fall into the hour in which the New Zealand clock changes",
    "SCH006": "runs in the quiet window, 01:00 to 06:00 in New Zealand",
    "SCH007": "a lock expires no sooner than the function times out",
    "SCH008": "a lock goes stale no sooner than it expires",
    "SCH009": "a lock's heartbeat is no shorter than the time after which it is stale",
    "SCH010": "a timeout above the server's limit",
    "SCH011": "the time on the New Zealand clock shifts over the year",
    "SCH012": "a schedule that never fires",
    "SCH013": "a schedule that fires otherwise than it seems",
    "POL001": "a scope that the function's code does not need",
    "POL002": "a scope that the function's code needs and does not have",
    "POL003": "a function that people may start",
    "POL004": "a collection that anyone may write",
    "POL005": "a collection that anyone may read",
    "POL006": "a collection in which each user may change the documents of all others",
    "POL007": "a secret in a plain variable",
    "POL008": "a specification that the server does not offer",
    "POL009": "a runtime that the server does not offer",
    "POL010": "a deprecated runtime",
    "POL011": "a function without a lock",
    "POL012": "an edited copy of a shared module",
    "POL013": "an outdated copy of a shared module",
    "BND001": "a file that looks like a secret lies in a code folder",
    "BND002": "a broken link, or something that is no file, lies in a code folder",
    "BND003": "files of a code folder that are not deployed",
    "ACC001": "an acceptance that ends soon",
    "ACC002": "an acceptance of something that was not found",
}

#: What only `raceday-iac drift` finds, and what can be accepted in the same file. docs/ci.md explains each.
DRIFT_CODES: Mapping[str, str] = {
    "DRF001": "somebody changed the server",
    "DRF002": "somebody changed the server, and the stack changed too",
    "DRF003": "live, but neither declared nor ours",
}


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
        raise StackError([Diagnostic(place, "", f"not valid YAML: {getattr(error, 'problem', error)}")]) from None
    entries = content.get("accepted") if isinstance(content, Mapping) else None
    if not isinstance(content, Mapping) or set(content) - {"accepted"} or not isinstance(entries or [], list):
        raise StackError(
            [Diagnostic(Location(file, 1), "", "a policies file has one entry, `accepted`, which is a list")]
        )
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


def _problems(entry: Any, place: Location) -> Iterator[Diagnostic]:
    if not isinstance(entry, Mapping):
        yield Diagnostic(place, "", f"an acceptance is a mapping of {', '.join(_FIELDS)}")
        return
    for name in sorted(set(map(str, entry)) - {*_FIELDS, *_OPTIONAL}):
        yield Diagnostic(place, name, "unknown setting")
    for name in (*_FIELDS[:3], *(each for each in _OPTIONAL if each in entry)):
        if not isinstance(entry.get(name), str) or not entry[name].strip():
            yield Diagnostic(place, name, "is missing, or is not a text")
    if isinstance(entry.get("code"), str) and entry["code"] not in {*CODES, *DRIFT_CODES}:
        yield Diagnostic(place, "code", f"there is no {entry['code']!r}; docs/lint.md and docs/ci.md name them all")
    if not isinstance(entry.get("until"), date) or isinstance(entry.get("until"), datetime):
        yield Diagnostic(place, "until", "is missing, or is not a date; write it as 2027-06-30")


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
