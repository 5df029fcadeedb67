"""What lint looks at: functions, collections and variables, wherever they are declared. Values only.

Unlike `Desired` these also hold what is wrong, so that lint can say why it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..model.desired import LeftOut
from ..model.problem import Location, Problem

NOWHERE = Location()


@dataclass(frozen=True)
class LockFacts:
    """Seconds."""

    lock_id: str
    stale_after: int
    heartbeat: int
    expiry: int


@dataclass(frozen=True)
class FunctionFacts:
    """A function. `files` are those of its bundle, when its code is known; `copies` the shared modules that lie in its
    own folder, by path."""

    id: str
    runtime: str = ""
    specification: str = ""
    schedule: str = ""
    timeout: int = 15
    execute: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    enabled: bool = True
    entrypoint: str = ""
    lock: LockFacts | None = None
    location: Location = NOWHERE
    files: Mapping[str, bytes] | None = None
    copies: Mapping[str, bytes] = field(default_factory=dict)
    #: What of its code folder is not in its bundle.
    left_out: tuple[LeftOut, ...] = ()

    @property
    def address(self) -> str:
        return f"function.{self.id}"

    @property
    def longest_run(self) -> int:
        """Seconds after which a run is over: one that holds a lock stops itself when that expires."""
        return min(self.lock.expiry, self.timeout) if self.lock else self.timeout


@dataclass(frozen=True)
class CollectionFacts:
    """A collection and who may do what in it."""

    database: str
    id: str
    permissions: tuple[str, ...]
    document_security: bool
    location: Location = NOWHERE

    @property
    def address(self) -> str:
        return f"collection.{self.database}/{self.id}"


@dataclass(frozen=True)
class VariableFacts:
    """A variable that is not declared secret, or whose value lies in a file."""

    function: str
    key: str
    value: str
    location: Location = NOWHERE

    @property
    def address(self) -> str:
        return f"variable.{self.function}/{self.key}"


@dataclass(frozen=True)
class Offered:
    """What a server offers; None where it did not say."""

    runtimes: frozenset[str] | None = None
    specifications: frozenset[str] | None = None


@dataclass(frozen=True)
class Configuration:
    """Everything to be looked at. `shared` are the shared modules as they are copied into bundles, by name."""

    functions: tuple[FunctionFacts, ...]
    collections: tuple[CollectionFacts, ...] = ()
    variables: tuple[VariableFacts, ...] = ()
    problems: tuple[Problem, ...] = ()
    shared: Mapping[str, bytes] = field(default_factory=dict)
    lock_store: tuple[str, str] = ("", "")
    timeout_limit: int = 900
    #: Checks that the source of the configuration does not allow, and why.
    skipped: tuple[str, ...] = ()
