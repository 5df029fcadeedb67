"""What is to be imported: resources as they are somewhere, and remarks about what cannot come along. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from ..errors import IacError
from ..model.address import Address, owners
from ..model.resource import Live


@dataclass(frozen=True)
class Diagnostic:
    """Something a person must know of an import: which resource or part of a file, and what."""

    subject: str
    message: str

    def __str__(self) -> str:
        return f"{self.subject}: {self.message}"


@dataclass(frozen=True)
class Project:
    """A project as found on a server or in a file. Owners come before what they own."""

    resources: Mapping[Address, Live]
    remarks: tuple[Diagnostic, ...] = ()
    #: Where it was found, for people.
    source: str = ""
    name: str = ""
    notes: Mapping[Address, str] = field(default_factory=dict)


def select(project: Project, chosen: Collection[Address]) -> Project:
    """The part that the addresses name: them, what lies in them, and what they lie in. Nothing chosen is everything.
    Raises IacError for an address that is not there."""
    if not chosen:
        return project
    missing = sorted(str(each) for each in chosen if each not in project.resources)
    if missing:
        raise IacError(f"There is no {', '.join(missing)} in {project.source}.", unchanged=True)
    around = {owner for each in chosen for owner in owners(each)}
    kept = {
        address: live
        for address, live in project.resources.items()
        if address in chosen or address in around or _lies_in(address, chosen)
    }
    return Project(kept, project.remarks, project.source, project.name, project.notes)


def _lies_in(address: Address, chosen: Collection[Address]) -> bool:
    return any(owner in chosen for owner in owners(address))
