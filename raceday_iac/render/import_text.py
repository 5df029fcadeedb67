"""What came of an import, for people and machines."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..counting import counted
from ..diff import Difference
from ..importing.adoption import Adoption
from ..importing.names import Project, Remark
from ..importing.source import Source
from ..kinds import holds_others
from ..model.address import Address
from ..planning import Reason
from ..planning.changes import why_different
from ..planning.saved import field_document
from .lines import Line

#: Names shown of a long list.
_SHOWN = 5


def adoption_lines(adoption: Adoption, *, verbose: bool) -> Iterator[Line]:
    """What was adopted, what differs, what is missing, and what to do next."""
    if adoption.changes_state:
        count = len(adoption.adopted) + len(adoption.differing)
        yield Line(
            f"Adopted {counted(count, 'resource')} into the state. Nothing was changed on the server.", "bold green"
        )
    else:
        yield Line("Nothing to adopt.", "bold")
    if adoption.owned:
        yield Line(f"  {counted(len(adoption.owned), 'resource')} already in the state")
    yield from _listed(f"{counted(len(adoption.adopted), 'resource')} as declared", adoption.adopted, verbose=verbose)
    for difference in adoption.differing:
        yield Line(f"  ~ {difference.address} differs: {_differing(difference)}", "yellow")
    yield from _listed("not on the server", adoption.missing, verbose=verbose, style="yellow")
    yield from _listed(
        "secrets cannot be read back, so they are assumed to have the values of the stack",
        adoption.assumed,
        verbose=True,
    )
    if adoption.differing or adoption.missing:
        yield Line("  See what apply would do: raceday-iac plan")


def released_lines(adoption: Adoption, named: Mapping[Address, str]) -> Iterator[Line]:
    """What Terraform should let go of, by its own names."""
    ours = [each for each in named if each in adoption.state.entries]
    if ours:
        yield Line("  Only one tool may own a resource. Remove these from Terraform's state:")
        yield from (Line(f"    terraform state rm {shlex.quote(named[each])}") for each in ours)


def adoption_document(adoption: Adoption, remarks: Iterable[Remark] = ()) -> dict[str, Any]:
    return {
        "adopted": [str(each) for each in adoption.adopted],
        "differing": [
            {
                "address": str(each.address),
                "status": each.status,
                "reasonCode": str(why_different(each)),
                "fields": [field_document(field) for field in each.fields],
            }
            for each in adoption.differing
        ],
        "missing": [str(each) for each in adoption.missing],
        "reasons": {str(each): str(Reason.EXISTS) for each in adoption.adopted}
        | {str(each.address): str(why_different(each)) for each in adoption.differing},
        "alreadyOwned": [str(each) for each in adoption.owned],
        "assumedSecrets": [str(each) for each in adoption.assumed],
        "serial": adoption.state.serial,
        "remarks": [remark_document(each) for each in remarks],
    }


def project_lines(project: Project) -> Iterator[Line]:
    """What was found, by kind, with what is odd about it."""
    yield Line(f"{project.source} holds {_by_kind(project.resources)}.", "bold")
    for address, live in project.resources.items():
        if holds_others(address):
            yield Line(f"  {address}  {live.fields['name']}")
    yield from remark_lines(project.remarks)


def project_document(project: Project) -> dict[str, Any]:
    return {
        "source": project.source,
        "resources": [str(address) for address in project.resources],
        "remarks": [remark_document(each) for each in project.remarks],
    }


def source_lines(source: Source, file: Path, hints: Sequence[str], env: str) -> Iterator[Line]:
    """What was written, what must be set for it, what was left out."""
    yield Line(f"Wrote {file}: {_by_kind(source.declared)}, proven to change nothing.", "bold green")
    for variable, address in source.secrets.items():
        yield Line(f"  {address} is a secret: set the environment variable {variable}", "yellow")
    for address, reason in source.left_out.items():
        yield Line(f"  {address} is not declared and stays as it is: {reason}", "yellow")
    yield from remark_lines(source.remarks)
    yield from (Line(f"  {hint}", "yellow") for hint in hints)
    yield Line(f"  Next: raceday-iac import --all --stack {file} --env {env}")


def source_document(source: Source, file: Path, hints: Sequence[str]) -> dict[str, Any]:
    return {
        "file": str(file),
        "declared": [str(each) for each in source.declared],
        "secrets": {variable: str(address) for variable, address in source.secrets.items()},
        "leftOut": [{"address": str(each), "reason": reason} for each, reason in source.left_out.items()],
        "remarks": [remark_document(each) for each in source.remarks],
        "hints": list(hints),
    }


def remark_lines(remarks: Iterable[Remark]) -> Iterator[Line]:
    """What is the same for many is said once."""
    subjects: dict[str, list[str]] = {}
    for each in remarks:
        subjects.setdefault(each.message, []).append(each.subject)
    for message, names in subjects.items():
        yield Line(f"  {', '.join(names)}: {message}", "yellow")


def remark_document(remark: Remark) -> dict[str, str]:
    return {"subject": remark.subject, "message": remark.message}


def _listed(text: str, addresses: Sequence[Address], *, verbose: bool, style: str = "") -> Iterator[Line]:
    if addresses:
        names = [str(each) for each in addresses]
        yield Line(f"  {text}: {', '.join(names) if verbose else _some(names)}", style)


def _some(names: Sequence[str]) -> str:
    rest = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {rest} more" if rest > 0 else "")


def _differing(difference: Difference) -> str:
    if difference.fields:
        return ", ".join(each.name for each in difference.fields)
    return f"it is {difference.status}{': ' + difference.error if difference.error else ''}"


def _by_kind(addresses: Iterable[Address] | Mapping[Address, Any]) -> str:
    kinds = [each.kind for each in addresses]
    return ", ".join(counted(kinds.count(kind), kind.replace("_", " ")) for kind in dict.fromkeys(kinds)) or "nothing"
