"""What a checked stack wants: resources by address, what must not exist, and where code comes from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from pathlib import Path

from .address import Address
from .declarations import LockDeclaration, ProbeDeclaration
from .lifecycle import Lifecycle
from .resource import Resource, Tombstone
from .threshold import Threshold


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
    """A function's code: its folder, what a build of it depends on, and how it is put into use.

    `ignore` and `include` are patterns as in `.gitignore`; links may lead to anywhere in `project`. `keep` previous
    deployments stay on the server. A build that shows no sign of life for `patience` seconds is given up.
    """

    function: str
    folder: Path
    entrypoint: str
    commands: str
    runtime: str
    lock: LockDeclaration | None
    schema_of: str = ""
    probe: ProbeDeclaration | None = None
    keep: int = 3
    patience: float = 600.0
    ignore: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    #: Without one, links may lead no further than the folder.
    project: Path | None = None


@dataclass(frozen=True)
class Desired:
    """The wanted side of a plan. `resources` are in declaration order, owners before what they own."""

    name: str
    resources: Mapping[Address, Resource]
    tombstones: Mapping[Address, Tombstone] = field(default_factory=dict)
    code: Mapping[str, CodeSource] = field(default_factory=dict)
    lock_store: tuple[str, str] = ("", "")
    expected_variables: tuple[str, ...] = ()
    lifecycle: Lifecycle = field(default_factory=Lifecycle)
    #: By `action kind`, such as `delete function`.
    thresholds: Mapping[str, Threshold] = field(default_factory=dict)
    #: By function id: what of its code folder is not in its bundle.
    left_out: Mapping[str, tuple[LeftOut, ...]] = field(default_factory=dict)

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
