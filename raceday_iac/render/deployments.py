"""A function's deployments for people and machines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from ..provider.protocol import Deployment
from ..refresh.deployments import Judged, Role, age
from .lines import Line

_STYLES = {
    Role.ACTIVE: "bold green",
    Role.PREVIOUS: "",
    Role.UNFINISHED: "cyan",
    Role.ORPHAN: "yellow",
    Role.FOREIGN: "dim",
}
_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


def deployment_lines(
    function: str, judged: Sequence[Judged], line: Sequence[str], now: datetime | None
) -> Iterator[Line]:
    """One line each, newest first. `line` are those that a rollback goes through, the next one first. Without `now`
    nobody knows how old they are."""
    if not judged:
        yield Line(f"function.{function} has no deployments.")
        return
    yield Line(f"Deployments of function.{function}, newest first", "bold")
    for each in judged:
        found = each.deployment
        why = each.why or ("the next rollback goes here" if line and found.id == line[0] else "")
        text = (
            f"  {found.id:<22} {each.role:<11} {found.status:<11} {_age(found, now):>8}  "
            f"{_size(found.size or found.source_size):>9}  {why}"
        )
        yield Line(text.rstrip(), _STYLES[each.role])
    if now is None:
        yield Line(
            "The server does not tell its time (no `Date` in its answers): none of them counts as old.", "yellow"
        )
    orphans = sum(each.role is Role.ORPHAN for each in judged)
    if orphans:
        yield Line()
        plural = f"{orphans} orphans" if orphans > 1 else "1 orphan"
        yield Line(f"{plural}: of no use to anybody. Delete with: raceday-iac deployments {function} --clean")


def deployments_document(
    function: str,
    judged: Sequence[Judged],
    line: Sequence[str],
    now: datetime | None,
    cleaned: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The same for machines; `cleaned` has what came of deleting each orphan, an empty text for success."""
    document: dict[str, Any] = {
        "function": function,
        "deployments": [_document(each, now) for each in judged],
        "rollback": list(line),
    }
    if cleaned is not None:
        document["deleted"] = [name for name, problem in cleaned.items() if not problem]
        document["notDeleted"] = {name: problem for name, problem in cleaned.items() if problem}
    return document


def _document(judged: Judged, now: datetime | None) -> dict[str, Any]:
    found = judged.deployment
    return {
        "id": found.id,
        "role": str(judged.role),
        "status": found.status,
        "type": found.type,
        "createdAt": found.created_at,
        "ageSeconds": None if now is None else round(age(found, now)),
        "sourceBytes": found.source_size,
        "totalBytes": found.size or found.source_size,
        "why": judged.why,
    }


def _age(deployment: Deployment, now: datetime | None) -> str:
    """In the largest unit of which there are two."""
    if now is None:
        return "?"
    seconds = age(deployment, now)
    for name, length in _UNITS:
        if seconds >= 2 * length or length == 1:
            return f"{int(seconds // length)} {name}"
    return ""


def _size(count: int) -> str:
    return (
        f"{count} B" if count < 10_000 else f"{count / 1000:.0f} kB" if count < 10_000_000 else f"{count / 1e6:.0f} MB"
    )
