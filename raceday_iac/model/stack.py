"""The language of stack files: a `Stack` collects declarations, each with the line it was written on.

Nothing is judged here. `loading.resolve` checks everything together and reports all mistakes at once.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .lifecycle import Threshold
from .problem import Location

__all__ = ["KEEP", "Collection", "Database", "FromEnvironment", "Lock", "Probe", "Stack", "Threshold"]

#: Value of `code`: manage the configuration, leave whatever code is live untouched.
KEEP = "keep"


@dataclass(frozen=True)
class FromEnvironment:
    """A secret taken from an environment variable of the machine that applies."""

    name: str


@dataclass(frozen=True)
class Lock:
    """A function's execution lock: document id, seconds after which it counts as stale, and so on."""

    lock_id: str
    stale_after: int
    heartbeat: int
    expiry: int
    check_target_ms: int | None = None


@dataclass(frozen=True)
class Probe:
    """An execution that tells whether new code works. When it does not answer `expect_status` within `timeout` seconds,
    the deployment that was active before is activated again, and the change fails.

    It reaches the function as any execution does: with `body` (a text, or values that are sent as JSON), on `path`.
    """

    body: str | Mapping[str, Any] = ""
    path: str = "/"
    method: str = "POST"
    expect_status: int = 200
    timeout: int = 30


@dataclass(frozen=True)
class Declaration:
    """What was written: kind, owner ids (function, or database and collection), arguments, place."""

    kind: str
    owner: tuple[str, ...]
    arguments: Mapping[str, Any]
    location: Location


@dataclass(frozen=True)
class Absence:
    """A tombstone as written."""

    address: str
    reason: str
    location: Location


@dataclass(frozen=True)
class Rule:
    """A rule about the life of a resource, as written. `kind` is the name of the method it was written with."""

    kind: str
    address: str
    location: Location
    value: str = ""
    names: tuple[str, ...] = ()


@dataclass
class Stack:
    """Everything one project should hold. Build one in a stack file as the module variable `stack`.

    `lock_store` is the (database id, collection id) in which functions keep their locks. `expected_variables` are
    project-wide variables that must be set on the server by hand (Appwrite 1.8 offers no way to manage them by key).
    `thresholds` limit how much one plan may change unasked: `{"delete function": Threshold(percent=10, number=1)}`.
    `keep_deployments` previous deployments of each function stay on the server, for a rollback. `timezone` is where
    people live (a name of the IANA database): times are shown on its clock, and its midnight is where a day begins.
    `quiet_hours` are begin and end of the hours in which nothing should run there: `("22:00", "06:00")`. `extensions`
    are packages that add commands and rules, by their dotted names.
    """

    name: str
    lock_store: tuple[str, str] = ("", "")
    expected_variables: tuple[str, ...] = ()
    thresholds: Mapping[str, Threshold] = field(default_factory=dict)
    declarations: list[Declaration] = field(default_factory=list)
    absences: list[Absence] = field(default_factory=list)
    rules: list[Rule] = field(default_factory=list)
    keep_deployments: int = 3
    timezone: str = "UTC"
    quiet_hours: tuple[str, str] | None = None
    extensions: Sequence[str] = ()

    def function(
        self,
        id: str,
        *,
        name: str,
        runtime: str,
        specification: str,
        timeout: int,
        entrypoint: str,
        schedule: str = "",
        execute: Sequence[str] = (),
        events: Sequence[str] = (),
        scopes: Sequence[str] = (),
        enabled: bool = True,
        logging: bool = True,
        commands: str = "",
        code: str = KEEP,
        ignore: Sequence[str] = (),
        include: Sequence[str] = (),
        schema: str = "",
        lock: Lock | None = None,
        variables: Mapping[str, str | FromEnvironment] | None = None,
        probe: Probe | None = None,
        keep_deployments: int | None = None,
    ) -> None:
        """Declare a function. `timeout` in seconds; `schedule` is a cron in UTC; `code` a folder, relative to the
        project's root, or `KEEP`; `ignore` and `include` are patterns as in a `.gitignore` of that folder, and what
        `include` names is deployed whatever leaves it out; `schema` names a database whose declaration is packed with
        the code; `probe` is executed when new code was activated; `keep_deployments` overrides the stack's number."""
        arguments = {
            "id": id,
            "name": name,
            "runtime": runtime,
            "specification": specification,
            "timeout": timeout,
            "entrypoint": entrypoint,
            "schedule": schedule,
            "execute": execute,
            "events": events,
            "scopes": scopes,
            "enabled": enabled,
            "logging": logging,
            "commands": commands,
            "code": code,
            "ignore": ignore,
            "include": include,
            "schema": schema,
            "lock": lock,
            "variables": variables or {},
            "probe": probe,
            "keep_deployments": keep_deployments,
        }
        self._declare("function", (), arguments)

    def database(self, id: str, *, name: str, enabled: bool = True) -> Database:
        """Declare a database and get the handle to declare its collections."""
        self._declare("database", (), {"id": id, "name": name, "enabled": enabled})
        return Database(self, id)

    def absent(self, address: str, *, reason: str) -> None:
        """Declare that a resource must not exist: it is deleted where it lives and never created again."""
        self.absences.append(Absence(address, reason, caller()))

    def moved(self, old: str, new: str) -> None:
        """Say that what is declared at address `new` was called `old`: it is renamed, and its values stay."""
        self.rules.append(Rule("moved", old, caller(), new))

    def forget(self, address: str, *, reason: str) -> None:
        """Stop managing something, and what lies in it, but keep it live."""
        self.rules.append(Rule("forget", address, caller(), reason))

    def protect(self, address: str, *, reason: str) -> None:
        """Refuse every plan that would destroy this, or something that it lies in."""
        self.rules.append(Rule("protect", address, caller(), reason))

    def ignore(self, address: str, *fields: str) -> None:
        """Leave these fields to others: they are set when the resource is created, and never looked at again."""
        self.rules.append(Rule("ignore", address, caller(), names=fields))

    def convert(self, address: str) -> None:
        """Let an attribute that needs to be made anew keep its values: they are copied and converted in stages."""
        self.rules.append(Rule("convert", address, caller()))

    def _declare(self, kind: str, owner: tuple[str, ...], arguments: Mapping[str, Any]) -> None:
        self.declarations.append(Declaration(kind, owner, arguments, caller()))


@dataclass(frozen=True)
class Database:
    """Handle to a declared database."""

    stack: Stack
    id: str

    def collection(
        self,
        id: str,
        *,
        name: str,
        permissions: Iterable[str] = (),
        document_security: bool = False,
        enabled: bool = True,
    ) -> Collection:
        """Declare a collection and get the handle to declare what is in it."""
        arguments = {
            "id": id,
            "name": name,
            "permissions": tuple(permissions),
            "document_security": document_security,
            "enabled": enabled,
        }
        self.stack._declare("collection", (self.id,), arguments)
        return Collection(self.stack, self.id, id)


@dataclass(frozen=True)
class Collection:
    """Handle to a declared collection. Each method declares one attribute, relationship or index."""

    stack: Stack
    database: str
    id: str

    def string(
        self,
        key: str,
        size: int,
        *,
        required: bool = False,
        default: str | None = None,
        array: bool = False,
        encrypt: bool = False,
    ) -> None:
        """Text of at most `size` characters."""
        self._attribute("string", key, required, default, array, size=size, encrypt=encrypt)

    def integer(
        self,
        key: str,
        *,
        required: bool = False,
        default: int | None = None,
        array: bool = False,
        min: int | None = None,
        max: int | None = None,
    ) -> None:
        """A 64-bit whole number."""
        self._attribute("integer", key, required, default, array, min=min, max=max)

    def float(
        self,
        key: str,
        *,
        required: bool = False,
        default: float | None = None,
        array: bool = False,
        min: float | None = None,
        max: float | None = None,
    ) -> None:
        """A double."""
        self._attribute("float", key, required, default, array, min=min, max=max)

    def boolean(self, key: str, *, required: bool = False, default: bool | None = None, array: bool = False) -> None:
        self._attribute("boolean", key, required, default, array)

    def datetime(self, key: str, *, required: bool = False, default: str | None = None, array: bool = False) -> None:
        """An instant; the default in ISO 8601."""
        self._attribute("datetime", key, required, default, array)

    def email(self, key: str, *, required: bool = False, default: str | None = None, array: bool = False) -> None:
        self._attribute("email", key, required, default, array)

    def url(self, key: str, *, required: bool = False, default: str | None = None, array: bool = False) -> None:
        self._attribute("url", key, required, default, array)

    def ip(self, key: str, *, required: bool = False, default: str | None = None, array: bool = False) -> None:
        self._attribute("ip", key, required, default, array)

    def enum(
        self,
        key: str,
        elements: Sequence[str],
        *,
        required: bool = False,
        default: str | None = None,
        array: bool = False,
    ) -> None:
        """One of `elements`."""
        self._attribute("enum", key, required, default, array, elements=elements)

    def point(self, key: str, *, required: bool = False, default: Sequence[Any] | None = None) -> None:
        self._attribute("point", key, required, default, False)

    def line(self, key: str, *, required: bool = False, default: Sequence[Any] | None = None) -> None:
        self._attribute("line", key, required, default, False)

    def polygon(self, key: str, *, required: bool = False, default: Sequence[Any] | None = None) -> None:
        self._attribute("polygon", key, required, default, False)

    def relationship(
        self,
        key: str,
        related: str,
        *,
        type: str,
        two_way: bool = False,
        two_way_key: str | None = None,
        on_delete: str = "restrict",
    ) -> None:
        """A link to another collection of this database; `two_way_key` defaults to this collection's id."""
        arguments = {
            "key": key,
            "related": related,
            "type": type,
            "two_way": two_way,
            "two_way_key": two_way_key or self.id,
            "on_delete": on_delete,
        }
        self._declare("relationship", arguments)

    def index(
        self,
        key: str,
        *attributes: str,
        type: str = "key",
        orders: Sequence[str] = (),
        lengths: Sequence[int] = (),
    ) -> None:
        """An index over `attributes`; `type` is key, unique, fulltext or spatial."""
        arguments = {"key": key, "attributes": attributes, "type": type, "orders": orders, "lengths": lengths}
        self._declare("index", arguments)

    def _attribute(self, type: str, key: str, required: bool, default: Any, array: bool, **extra: Any) -> None:
        common = {"type": type, "key": key, "required": required, "default": default, "array": array}
        self._declare("attribute", {**common, **extra})

    def _declare(self, kind: str, arguments: Mapping[str, Any]) -> None:
        self.stack._declare(kind, (self.database, self.id), arguments)


def caller() -> Location:
    """The nearest line outside this module: where the user wrote the declaration."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename == __file__:
        frame = frame.f_back
    return Location(_shown(frame.f_code.co_filename), frame.f_lineno)


def _shown(file: str) -> str:
    """A path as a person would type it: relative to where he stands when it lies below."""
    path = Path(file)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else file
