"""What lint says: findings, each with a code, a severity, when it first happens, and what to do about it; and which of
them a policies file accepts."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any

from ..errors import StackError
from ..loading.yaml_file import parse_yaml
from ..model.declarations import nearest
from ..model.local_time import UTC_TIME, LocalTime
from ..model.resource import Diagnostic, Location

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
    #: What its rule finds, in a few words.
    title: str = ""

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
    #: On whose clock times are shown.
    local_time: LocalTime = UTC_TIME

    def count(self, severity: Severity) -> int:
        return sum(each.effective is severity for each in self.findings)


# Findings that somebody has decided to live with until a day: reading them.


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


def speaks_of(acceptance: Acceptance, subject: str, message: str) -> bool:
    """Whether its patterns fit what was found."""
    return fnmatchcase(subject, acceptance.subject) and fnmatchcase(message, acceptance.message)
