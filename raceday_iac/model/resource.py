"""Values that describe a resource (as desired, as last applied, as it really is), what a stack says about the life of
resources beside what they should be, and a mistake in the user's files with its place.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

from .address import Address, owners
from .declarations import Lock, Probe
from .local_time import UTC_TIME, LocalTime
from .secret import Secret


@dataclass(frozen=True, order=True)
class Location:
    """A file and a line in it (1-based; 0 = the whole file)."""

    file: str = ""
    line: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True, order=True)
class Diagnostic:
    """One mistake: where it is written, which resource it concerns, what is wrong."""

    location: Location
    subject: str
    message: str

    def __str__(self) -> str:
        subject = f"{self.subject}: " if self.subject else ""
        return f"{self.location}: {subject}{self.message}"


@dataclass(frozen=True)
class Lifecycle:
    """`moved`: new address → the one it had. `forgotten`: no longer managed, but kept live; address → why.
    `protected`: never destroyed, address → why. `ignored`: fields that others may change, by address. `converted`:
    attributes that get another type in stages, so that their values stay."""

    moved: Mapping[Address, Address] = field(default_factory=dict)
    forgotten: Mapping[Address, str] = field(default_factory=dict)
    protected: Mapping[Address, str] = field(default_factory=dict)
    ignored: Mapping[Address, frozenset[str]] = field(default_factory=dict)
    converted: frozenset[Address] = frozenset()

    def forgets(self, address: Address) -> str | None:
        """Why an address is no longer managed; None when nothing says so. What lies in it goes with it."""
        return next((self.forgotten[each] for each in (address, *owners(address)) if each in self.forgotten), None)

    def protects(self, address: Address, all_addresses: Iterable[Address]) -> Address | None:
        """The protected resource that would go with `address`: itself, one it lies in, or one that lies in it."""
        for each in (address, *owners(address)):
            if each in self.protected:
                return each
        return next((each for each in all_addresses if each in self.protected and address in owners(each)), None)


# How much of a project one plan may change before somebody has to say the number.


@dataclass(frozen=True)
class Threshold:
    """More than `number` *and* more than `percent` of the managed resources of a kind are too many for one plan."""

    percent: float
    number: int


#: What is limited, and how far where the stack says nothing. A replacement counts as a deletion.
DEFAULTS = {"delete": Threshold(30, 5), "update": Threshold(50, 20)}


#: Field values in canonical form: JSON values, tuples instead of lists, and `Secret`.
Fields = Mapping[str, Any]


def frozen(fields: Mapping[str, Any]) -> Fields:
    """A read-only copy."""
    return MappingProxyType(dict(fields))


@dataclass(frozen=True)
class Resource:
    """What the stack wants. `depends_on` names resources that must exist (and be available) before this one."""

    address: Address
    fields: Fields
    depends_on: tuple[Address, ...] = ()
    location: Location = field(default_factory=Location, compare=False)


@dataclass(frozen=True)
class Live:
    """What really is on the server.

    `remote_id` is the server's id where it differs from the address (variables, deployments).
    `carried` holds raw fields that we do not manage but must send back, because an update replaces everything.
    `status` is Appwrite's status of attributes, indexes and deployments (`available` when the kind has none).
    """

    address: Address
    fields: Fields
    remote_id: str = ""
    carried: Fields = field(default_factory=lambda: frozen({}))
    status: str = "available"
    error: str = ""
    #: When the server last changed it, where that is reported.
    updated_at: str = field(default="", compare=False)
    #: What a write of ours brought about beside what was asked for.
    remarks: tuple[str, ...] = field(default=(), compare=False)
    #: A secret that the server made, where it shows it. It is never kept.
    made_secret: Secret | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Tombstone:
    """A resource that must not exist, and why."""

    address: Address
    reason: str
    location: Location = field(default_factory=Location, compare=False)


# What a checked stack wants: resources by address, what must not exist, and where code comes from.


class WhyLeftOut(StrEnum):
    """Why something in a code folder is not deployed."""

    SECRET = "looks like a secret"
    REPOSITORY = "version control"
    ENVIRONMENT = "installed packages"
    CACHE = "made by a tool"
    BROKEN = "a link that leads nowhere"
    SPECIAL = "not a regular file"
    IGNORED = "ignored"


@dataclass(frozen=True)
class LeftOut:
    """A file or folder (with a slash at its end) of a code folder that is not deployed. `detail` says more.
    `is_ignored`: git, or the stack, leaves it out too."""

    path: str
    why: WhyLeftOut
    detail: str = ""
    is_ignored: bool = False


@dataclass(frozen=True)
class CodeSource:
    """The code of a function or site: its folder, the `settings` that a build of it depends on, as Appwrite calls them,
    and how it is put into use.

    `ignore` and `include` are patterns as in `.gitignore`; links may lead to anywhere in `project`. `keep` previous
    deployments stay on the server. A build that shows no sign of life for `patience` seconds is given up.
    """

    owner: Address
    folder: Path
    settings: Mapping[str, str]
    lock: Lock | None = None
    schema_of: str = ""
    probe: Probe | None = None
    keep: int = 3
    patience: float = 600.0
    ignore: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    #: Without one, links may lead no further than the folder.
    project: Path | None = None

    @property
    def entrypoint(self) -> str:
        """The file of a function that its run begins with."""
        return self.settings.get("entrypoint", "")


@dataclass(frozen=True)
class KeptCode:
    """Where code lies that is not managed, and what of it is left out when something else packs it."""

    folder: Path | None
    ignore: tuple[str, ...] = ()


@dataclass(frozen=True)
class Migration:
    """A migration of data: Python code that runs once in each environment. `digest` is the SHA-256 of its `source`,
    `file` its name as declared. It comes after what it `needs`, and `before` what it makes possible; both are addresses
    that also stand for what lies in them, and what is in `before` need not be declared any more."""

    address: Address
    file: str
    source: str = field(repr=False)
    digest: str
    needs: tuple[Address, ...] = ()
    before: tuple[Address, ...] = ()
    can_undo: bool = False
    location: Location = field(default_factory=Location, compare=False)


@dataclass(frozen=True)
class Desired:
    """The wanted side of a plan. `resources` are in declaration order, owners before what they own."""

    name: str
    resources: Mapping[Address, Resource]
    tombstones: Mapping[Address, Tombstone] = field(default_factory=dict)
    code: Mapping[Address, CodeSource] = field(default_factory=dict)
    kept_code: Mapping[Address, KeptCode] = field(default_factory=dict)
    lock_store: tuple[str, str] = ("", "")
    expected_variables: tuple[str, ...] = ()
    lifecycle: Lifecycle = field(default_factory=Lifecycle)
    #: By `action kind`, such as `delete function`.
    thresholds: Mapping[str, Threshold] = field(default_factory=dict)
    #: By function or site: what of its code folder is not in its bundle.
    left_out: Mapping[Address, tuple[LeftOut, ...]] = field(default_factory=dict)
    local_time: LocalTime = UTC_TIME
    #: Dotted names of packages.
    extensions: tuple[str, ...] = ()
    #: In the order in which they are to run.
    migrations: Mapping[Address, Migration] = field(default_factory=dict)

    def with_resources(self, extra: Mapping[Address, Resource]) -> Desired:
        """A copy with more resources."""
        return replace(self, resources={**self.resources, **extra})

    def of_kind(self, kind: str) -> list[Resource]:
        return [resource for resource in self.resources.values() if resource.address.kind == kind]

    def below(self, owner: Address, kind: str) -> list[Resource]:
        """Resources of a kind whose path lies below the owner's."""
        return list(self._below.get((owner.path, kind), ()))

    @cached_property
    def _below(self) -> Mapping[tuple[str, str], list[Resource]]:
        """By owner's path and own kind: looking through everything for each owner takes seconds for some thousands."""
        found: dict[tuple[str, str], list[Resource]] = defaultdict(list)
        for address, resource in self.resources.items():
            *outer, _ = address.parts
            for depth in range(1, len(outer) + 1):
                found["/".join(outer[:depth]), address.kind].append(resource)
        return found
