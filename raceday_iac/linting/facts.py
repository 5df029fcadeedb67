"""What lint looks at: functions, collections and variables, wherever they are declared. Values only.

Unlike `Desired` these also hold what is wrong, so that lint can say why it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..importing.appwrite_json import read_appwrite_json
from ..importing.names import Project
from ..kinds import KINDS, Kind, has_code, kind_of
from ..kinds.variable import address_in, kind_in
from ..loading.environment import Environment
from ..model.address import Address, function_address
from ..model.declarations import checked
from ..model.limits import collated
from ..model.local_time import UTC_TIME, LocalTime, read_local_time
from ..model.resource import Diagnostic, Fields, LeftOut, Live, Location
from ..model.stack import Declaration, Lock, MigrationDeclaration, Stack

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
    specifications: tuple[str, ...] = ()
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

    owner: str
    key: str
    value: str
    location: Location = NOWHERE
    kind: str = "variable"

    @property
    def address(self) -> str:
        return f"{self.kind}.{self.owner}/{self.key}"


@dataclass(frozen=True)
class ResourceFacts:
    """A resource of a kind that brings rules of its own, or has names that only Appwrite knows, with its fields as they
    are compared."""

    kind: str
    id: str
    fields: Fields
    location: Location = NOWHERE

    @property
    def address(self) -> str:
        return f"{self.kind}.{self.id}"


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
    problems: tuple[Diagnostic, ...] = ()
    shared: Mapping[str, bytes] = field(default_factory=dict)
    lock_store: tuple[str, str] = ("", "")
    timeout_limit: int = 900
    #: Checks that the source of the configuration does not allow, and why.
    skipped: tuple[str, ...] = ()
    local_time: LocalTime = UTC_TIME
    #: Say whether code ends by itself in the quiet hours; called with its modules by name.
    quiet_code: tuple[Callable[[Mapping[str, Any]], bool], ...] = ()
    resources: tuple[ResourceFacts, ...] = ()
    #: Variables of functions that have the key of one of the project.
    shadows: tuple[VariableFacts, ...] = ()
    migrations: tuple[MigrationDeclaration, ...] = ()


# The facts that a stack declares, as written: what is wrong stays visible, what makes no sense is left out.


def read_stack(
    stack: Stack,
    environment: Environment,
    problems: tuple[Diagnostic, ...] = (),
    files: Mapping[str, Mapping[str, bytes]] | None = None,
    copies: Mapping[str, Mapping[str, bytes]] | None = None,
    shared: Mapping[str, bytes] | None = None,
    left_out: Mapping[str, tuple[LeftOut, ...]] | None = None,
) -> Configuration:
    """The configuration of a stack in an environment. `files`, `copies` and `left_out` by function id."""
    functions = [each for each in stack.declarations if KINDS[each.kind].has_runs]
    coded = [each for each in stack.declarations if has_code(_address(each))]
    return Configuration(
        tuple(_functions(functions, environment, files or {}, copies or {}, left_out or {})),
        tuple(_collections(stack)),
        tuple(variable for each in coded for variable in _variables(each, environment)),
        problems,
        shared or {},
        stack.lock_store,
        skipped=tuple(_skipped(environment, files)),
        local_time=read_local_time(stack.timezone, stack.quiet_hours)[0],
        resources=tuple(_resources(stack, environment)),
        shadows=tuple(_shadows(stack, coded)),
        migrations=tuple(stack.migrations),
    )


def _address(declaration: Declaration) -> Address:
    """Of what lies nowhere."""
    return Address(declaration.kind, str(declaration.arguments.get("id")))


def _shadows(stack: Stack, coded: Sequence[Declaration]) -> Iterator[VariableFacts]:
    """Values are none of its business."""
    declared = [str(each.arguments["key"]) for each in stack.declarations if KINDS[each.kind].secret_field]
    own = {collated(key) for key in (*stack.variables, *stack.expected_variables, *declared)}
    for each in coded:
        owner = _address(each)
        for key in each.arguments["variables"] or ():
            if collated(str(key)) in own:
                yield VariableFacts(owner.path, str(key), "", each.location, kind_in(owner))


def _is_looked_at(kind: Kind) -> bool:
    """Whether a rule looks at the resources of a kind as such."""
    return bool(kind.dangers or kind.switches_off) or kind.has_doubts or kind.plenty is not None


def _resources(stack: Stack, environment: Environment) -> Iterator[ResourceFacts]:
    """Those that pass their own checks."""
    for each in stack.declarations:
        declaring = KINDS[each.kind].declaring
        if declaring is None or not _is_looked_at(KINDS[each.kind]):
            continue
        address = declaring.address_of(each.owner, each.arguments)
        given = {**each.arguments, **environment.overrides.get(str(address), {})}
        # The stack's own check complains about what is wrong.
        declared, _ = checked(declaring.model_of(given), declaring.checked(given))
        if declared is not None:
            yield ResourceFacts(each.kind, address.path, declaring.fields(declared, address, {}), each.location)


def _skipped(environment: Environment, files: object) -> Iterator[str]:
    if not environment.schedules:
        yield f"schedules: environment {environment.name} has schedules: false"
    if files is None:
        yield "scopes and collections in use: the code cannot be packed while the stack has mistakes"


def _functions(
    declarations: list[Declaration],
    environment: Environment,
    files: Mapping[str, Mapping[str, bytes]],
    copies: Mapping[str, Mapping[str, bytes]],
    left_out: Mapping[str, tuple[LeftOut, ...]],
) -> Iterator[FunctionFacts]:
    for declaration in declarations:
        name = str(declaration.arguments["id"])
        given = {**declaration.arguments, **environment.overrides.get(str(function_address(name)), {})}
        timeout = given["timeout"]
        if not isinstance(timeout, int) or isinstance(timeout, bool) or timeout < 1:
            # The stack's own check complains about it.
            continue
        yield FunctionFacts(
            name,
            _text(given["runtime"]),
            _sizes(given),
            _text(given["schedule"]) if environment.schedules else "",
            timeout,
            _texts(given["execute"]),
            _texts(given["scopes"]),
            given["enabled"] is not False,
            _text(given["entrypoint"]),
            _lock(given["lock"]),
            declaration.location,
            files.get(name),
            copies.get(name, {}),
            left_out.get(name, ()),
        )


def _lock(given: Any) -> LockFacts | None:
    """A lock as declared, or as an override's mapping."""
    found = vars(given) if isinstance(given, Lock) else given
    names = ("stale_after", "heartbeat", "expiry")
    if not isinstance(found, Mapping) or not all(isinstance(found.get(name), int) for name in names):
        return None
    return LockFacts(_text(found.get("lock_id")), *(int(found[name]) for name in names))


def _collections(stack: Stack) -> Iterator[CollectionFacts]:
    for each in stack.declarations:
        if KINDS[each.kind].holds_documents_itself:
            given = each.arguments
            security = given["document_security"] is True
            yield CollectionFacts(
                each.owner[0], _text(given["id"]), _texts(given["permissions"]), security, each.location
            )


def _variables(declaration: Declaration, environment: Environment) -> Iterator[VariableFacts]:
    owner, given = _address(declaration), declaration.arguments["variables"]
    for key, value in given.items() if isinstance(given, Mapping) else ():
        override = environment.overrides.get(str(address_in(owner, str(key))), {})
        found = override.get("value", value)
        if isinstance(found, str):
            yield VariableFacts(owner.path, str(key), found, declaration.location, kind_in(owner))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(each for each in value if isinstance(each, str)) if isinstance(value, list | tuple) else ()


# The facts that an `appwrite.json` describes. Its functions' code is not known, and it knows no locks.


def read_configuration(document: Any, source: str) -> Configuration:
    """The configuration of such a file, of any age. Raises IacError when it is none."""
    project = read_appwrite_json(document, source)
    place = Location(source)
    raw = [each for each in document.get("functions") or () if isinstance(each, Mapping) and each.get("$id")]
    timeouts = {str(each["$id"]): each.get("timeout") for each in raw}
    return Configuration(
        tuple(_function(live, timeouts, place) for live in _those(project, lambda kind: kind.has_runs)),
        tuple(_collection(live, place) for live in _those(project, lambda kind: kind.holds_documents_itself)),
        tuple(_file_variables(document, place)),
        resources=tuple(
            ResourceFacts(live.address.kind, live.address.path, live.fields, place)
            for live in _those(project, _is_looked_at)
        ),
    )


def _those(project: Project, has: Callable[[Kind], bool]) -> Iterator[Live]:
    return (live for live in project.resources.values() if has(kind_of(live.address)))


def _sizes(given: Mapping[str, Any]) -> tuple[str, ...]:
    """The specifications that it names, in a stack's words or in Appwrite's."""
    own = [each for name in ("runtime", "build") for each in (f"{name}_specification", f"{name}Specification")]
    names = ("specification", *own)
    return tuple(dict.fromkeys(_text(given[each]) for each in names if given.get(each)))


def _function(live: Live, timeouts: Mapping[str, Any], place: Location) -> FunctionFacts:
    fields, name = live.fields, live.address.path
    # An import cuts a timeout to what Appwrite takes; lint has to see what was written.
    written = timeouts.get(name)
    return FunctionFacts(
        name,
        fields["runtime"],
        _sizes(fields),
        fields["schedule"],
        written if isinstance(written, int) and written > 0 else fields["timeout"],
        tuple(fields["execute"]),
        tuple(fields["scopes"]),
        bool(fields["enabled"]),
        fields["entrypoint"],
        location=place,
    )


def _collection(live: Live, place: Location) -> CollectionFacts:
    database, name = live.address.parts
    fields = live.fields
    security = bool(fields.get("documentSecurity"))
    return CollectionFacts(database, name, tuple(fields.get("permissions") or ()), security, place)


def _file_variables(document: Mapping[str, Any], place: Location) -> Iterator[VariableFacts]:
    """Variables are a mapping, or a list of key and value. In a file, even one that is marked secret can be read."""
    for owner, raw in _coded_in(document):
        given = raw.get("variables") or raw.get("vars") or {}
        for key, value in given.items() if isinstance(given, Mapping) else _pairs(given):
            if value:
                yield VariableFacts(owner.path, str(key), str(value), place, kind_in(owner))


def _coded_in(document: Mapping[str, Any]) -> Iterator[tuple[Address, Mapping[str, Any]]]:
    """What of a file has code."""
    lists = ((kind.name, each) for kind in KINDS.values() if kind.declaring for each in kind.declaring.file_lists)
    for kind, name in lists:
        entries = (each for each in document.get(name) or () if isinstance(each, Mapping) and each.get("$id"))
        for raw in entries if has_code(Address(kind, "")) else ():
            yield Address(kind, str(raw["$id"])), raw


def _pairs(given: Any) -> Iterator[tuple[Any, Any]]:
    for each in given if isinstance(given, list) else ():
        if isinstance(each, Mapping) and each.get("key"):
            yield each["key"], each.get("value")
