"""Functions: their configuration. Code belongs to the deployment, and variables are a kind of their own."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any, Self

from pydantic import Field, SkipValidation, field_validator, model_validator

from ..cron import cron_problem
from ..cron import parse as parse_cron
from ..model import limits, validators
from ..model.address import Address, collection_address, database_address, function_address
from ..model.declarations import (
    KEEP,
    Declared,
    Id,
    Lock,
    Name,
    Probe,
    all_valid,
    model_of,
    nearest,
    unknown_events,
    unknown_roles,
)
from ..model.evidence import Ask, Question
from ..model.resource import CodeSource, Desired, Diagnostic, Fields, Live, Location, Resource, frozen
from ..model.server import FOR_FUNCTIONS, ServerFacts
from . import variable
from .base import Kind, Shape
from .code import (
    CARRIED,
    LEFT_OUT,
    SCOPES,
    BuildRuntime,
    Built,
    Code,
    CodeDeclaring,
    CodePath,
    Kept,
    OneSize,
    OwnSize,
    Patterns,
    Retention,
    Scopes,
    Variables,
    code_in_file,
    few_variables,
    sizes_not_offered,
    source_of,
    unknown_runtime,
    unknown_sizes,
)
from .fields import (
    IDENTITY,
    Checked,
    Entry,
    Local,
    PlainRequests,
    Reading,
    Wire,
    Work,
    Writing,
    answered,
    as_set,
    carried,
    may_be_answered,
    parsed,
    unordered,
    wire_fields,
)
from .variable import SHAPE as VARIABLE

_LEFT_OUT = {**LEFT_OUT, "version": "which Open Runtimes run it; Appwrite chooses the newest"}
_SET = Wire(is_set=True, canonical=as_set)

_JAVASCRIPT = (".js", ".mjs", ".cjs", ".ts")
#: What every entrypoint of a language ends with.
_ENDINGS = {
    "node": _JAVASCRIPT,
    "bun": _JAVASCRIPT,
    "deno": _JAVASCRIPT,
    "python": (".py",),
    "python-ml": (".py",),
    "php": (".php",),
    "ruby": (".rb",),
    "dart": (".dart",),
}


class FunctionDeclaration(Declared):
    """A function. `timeout` in seconds; `schedule` is a cron in UTC; `code` a folder, relative to the project's root,
    or `KEEP`, and then `path` is where it lies for Appwrite's own command line; `ignore` and `include` are patterns as
    in a `.gitignore` of that folder, and what `include` names is deployed whatever leaves it out; `schema` names a
    database whose declaration is packed with the code; `probe` is executed when new code was activated;
    `keep_deployments` overrides the stack's number.

    `specification` is the size of builds and runs. Appwrite 1.9 and newer has one for each, which
    `build_specification` and `runtime_specification` set each apart; what of them is not said is left as it is. It also
    deletes deployments that are not active after `deployment_retention` days (0: never)."""

    id: Annotated[Id, IDENTITY] = Field(init=False)
    name: Name
    runtime: BuildRuntime
    specification: OneSize = None
    runtime_specification: OwnSize = None
    build_specification: OwnSize = None
    execute: Annotated[Sequence[str], replace(_SET, doubts=unknown_roles)] = Field(
        default=(), max_length=limits.FUNCTION_LIST_ITEMS
    )
    events: Annotated[Sequence[str], replace(_SET, doubts=unknown_events)] = Field(
        default=(), max_length=limits.FUNCTION_LIST_ITEMS
    )
    schedule: str = ""
    timeout: int = Field(ge=1, le=limits.FUNCTION_TIMEOUT)
    enabled: bool = True
    logging: bool = True
    entrypoint: Built = Field(min_length=1, max_length=limits.FUNCTION_ENTRYPOINT)
    commands: Built = Field(default="", max_length=limits.FUNCTION_COMMANDS)
    scopes: Annotated[Scopes, SCOPES] = Field(default=(), max_length=limits.FUNCTION_LIST_ITEMS)
    deployment_retention: Retention = None
    code: Code = KEEP
    path: CodePath = ""
    ignore: Patterns = ()
    include: Patterns = ()
    schema_of: Annotated[str, Local("a new deployment")] = Field(default="", alias="schema")
    lock: Annotated[SkipValidation[Lock | None], Local("a new deployment")] = None
    variables: Variables = Field(default_factory=dict)
    probe: Annotated[SkipValidation[Probe | None], Local("nothing on the server")] = None
    keep_deployments: Kept = None

    @field_validator("execute")
    @classmethod
    def _valid_roles(cls, value: Sequence[str]) -> Sequence[str]:
        return all_valid(value, validators.role_problem)

    @field_validator("events")
    @classmethod
    def _valid_events(cls, value: Sequence[str]) -> Sequence[str]:
        return all_valid(value, validators.event_problem)

    @field_validator("schedule")
    @classmethod
    def _valid_cron(cls, value: str) -> str:
        if len(value) > limits.FUNCTION_SCHEDULE:
            raise ValueError(
                f"{limits.shown(value)} is too long: Appwrite's scheduler stores {limits.FUNCTION_SCHEDULE} "
                "characters; write ranges and steps (0-30/5) instead of lists"
            )
        problem = cron_problem(value) if value else ""
        if problem:
            raise ValueError(problem)
        return value

    @model_validator(mode="after")
    def _lock_ends_first(self) -> Self:
        if self.lock and self.lock.expiry >= self.timeout:
            raise ValueError(
                f"lock expiry {self.lock.expiry} s must be below the timeout {self.timeout} s: "
                "a run must stop itself before Appwrite kills it"
            )
        return self

    @model_validator(mode="after")
    def _probes_code(self) -> Self:
        if self.probe and self.code == KEEP:
            raise ValueError("a probe shows whether new code works, but the code is not managed (code=KEEP)")
        return self

    @model_validator(mode="after")
    def _few_variables(self) -> Self:
        few_variables(self)
        return self


#: Fields that are compared and sent, always all of them: an update resets what it omits (Appwrite 1.8.1).
FIELDS = tuple(each.name for each in wire_fields(FunctionDeclaration))
SHAPE = Shape(
    {"$id": str, "deploymentId": str, **answered(FunctionDeclaration), "vars": [VARIABLE]},
    {
        **may_be_answered(FunctionDeclaration),
        **dict.fromkeys((*CARRIED, "latestDeploymentId", "latestDeploymentStatus"), (str, bool, [str])),
    },
)


def parse(_owner: tuple[str, ...], raw: Mapping[str, Any]) -> Live:
    """A function as the server describes it."""
    fields = parsed(FunctionDeclaration, raw)
    kept = carried((FunctionDeclaration,), CARRIED, _LEFT_OUT, raw)
    updated_at = str(raw.get("$updatedAt") or "")
    return Live(function_address(str(raw["$id"])), frozen(fields), str(raw["$id"]), kept, updated_at=updated_at)


def can_run(runtime: str, entrypoint: str) -> bool:
    """Whether a runtime can run this entrypoint, as far as the two names say: Python runs no `main.js`. Appwrite runs
    a deployment with the runtime that the function has by now (1.8.1, Executions/Create.php)."""
    own = _ENDINGS.get(runtime.rpartition("-")[0], ())
    others = {ending for endings in _ENDINGS.values() for ending in endings}
    return not own or entrypoint.endswith(own) or not entrypoint.endswith(tuple(others))


def loses(live: Live) -> Iterator[Question]:
    """Code that is nowhere else, variables that nobody declares, and the records of its runs."""
    yield Question(live.address, Ask.CODE)
    yield Question(live.address, Ask.UNMANAGED)
    yield Question(live.address, Ask.EXECUTIONS)


def unsupported(wanted: Resource, _desired: Desired, server: ServerFacts) -> Iterator[tuple[str, str]]:
    """An update to a runtime that the server does not offer is accepted silently, and then every build fails."""
    fields = wanted.fields
    if server.runtimes and fields["runtime"] not in server.runtimes:
        offered = ", ".join(sorted(server.runtimes))
        name = fields["runtime"]
        guess = nearest(name, server.runtimes)
        message = f"this server does not offer the runtime {name!r}{guess} (it offers {offered})"
        yield message, "enable it in _APP_FUNCTIONS_RUNTIMES of the server"
    newer = [scope for scope in fields["scopes"] if scope in limits.NEWER_SCOPES]
    if newer and not server.is_since("1.9.0"):
        yield f"{server} does not know the scopes {', '.join(newer)}, which came with 1.9", _TAKE_OUT
    later = [event for event in fields["events"] if event.partition(".")[0] in limits.NEWER_EVENTS]
    if later and not server.is_since("1.9.0"):
        yield f"{server} does not know the events {', '.join(later)}, which came with 1.9", _TAKE_OUT
    yield from sizes_not_offered(fields, server)
    yield from _never_starts(fields["schedule"], server)


def _never_starts(schedule: str, server: ServerFacts) -> Iterator[tuple[str, str]]:
    """Whether a schedule ever comes does not depend on when it is asked."""
    never = parse_cron(schedule).why_never(_SOME_TIME) if schedule and server.is_since(_REFUSES_NEVER) else ""
    if never:
        yield (
            f"its schedule {schedule!r} never runs, and {server} refuses that: {never}",
            "write a schedule that runs, or none",
        )


def doubts(fields: Fields, server: ServerFacts) -> Iterator[str]:
    """Names that this tool does not know, where the server has no list of its own that decides."""
    if not server.runtimes:
        yield from unknown_runtime(fields["runtime"])
    yield from unknown_sizes(fields, server)


_TAKE_OUT = "remove them for this server"
#: The version that refuses a schedule that never comes (1.9.0 takes it, 1.9.5 does not).
_REFUSES_NEVER, _SOME_TIME = "1.9.5", datetime(2026, 1, 1, tzinfo=UTC)
#: Settings of a function that have settings of their own.
SETTINGS: Mapping[str, type] = {"lock": Lock, "probe": Probe}


def nested_settings(name: str, written: Any, given: Any) -> dict[str, Any]:
    """What is `written` in the stack, with what is `given` instead. Raises ValueError with a sentence."""
    kind = SETTINGS[name]
    if isinstance(given, Mapping):
        settings = {**(vars(written) if isinstance(written, kind) else {}), **given}
    elif isinstance(given, kind):
        settings = dict(vars(given))
    else:
        raise ValueError(f"{name}: must be a {kind.__name__}(...)")
    if kind is Probe:
        settings["body"] = Probe(settings.get("body", "")).text
    return settings


def _settings(work: Work, address: Address, name: str, given: Any, written: Any, location: Location) -> Any:
    """The checked settings; None when there are none, or after a complaint."""
    if given is None:
        return None
    try:
        settings = nested_settings(name, written, given)
    except ValueError as error:
        work.complain(address, location, str(error))
        return None
    checked = work.check(model_of(SETTINGS[name]), settings, address, location)
    return SETTINGS[name](**vars(checked)) if checked else None


#: Appwrite's timeout where none is said, in seconds (1.8.1).
_DEFAULT_TIMEOUT = 15


def _of_today(raw: Entry, address: Address, reading: Reading) -> dict[str, Any]:
    """An entry in the words of today's files."""
    found = dict(raw)
    commands, roles = raw.get("commands"), raw.get("execute")
    if isinstance(commands, list):
        found["commands"] = " && ".join(map(str, commands))
        reading.remark(address, f"commands is a list, and is joined: {found['commands']}")
    if isinstance(roles, list):
        found["execute"] = [validators.role_of_today(each) if isinstance(each, str) else each for each in roles]
        if found["execute"] != roles:
            reading.remark(address, f"execute is {found['execute']} since Appwrite 1.0, the file says {roles}")
    return found


class _Declaring(CodeDeclaring):
    file_lists = ("functions",)
    file_first = ("name", "runtime")

    def file_defaults(self, raw: Entry, address: Address) -> Mapping[str, Any]:
        return {**super().file_defaults(raw, address), "timeout": _DEFAULT_TIMEOUT}

    def read_file(self, raw: Entry, owner: tuple[str, ...], reading: Reading) -> Live | None:
        address = function_address(raw["$id"])
        said = reading.fitting(self, _of_today(raw, address, reading), address)
        if said is None:
            return None
        timeout = said["timeout"]
        if timeout > limits.FUNCTION_TIMEOUT:
            # Appwrite would refuse the function.
            said["timeout"] = limits.FUNCTION_TIMEOUT
            reported = f"timeout {timeout} s is above Appwrite's limit; {limits.FUNCTION_TIMEOUT} s is taken"
            reading.remark(address, reported)
            reading.notes[address] = f"The imported file says {timeout} s; Appwrite allows {limits.FUNCTION_TIMEOUT}."
        live = reading.resources[address] = parse(owner, {**said, "$id": raw["$id"]})
        variable.read_file(raw, address, reading)
        return replace(live, fields=frozen({**live.fields, **code_in_file(raw, said["entrypoint"], address, reading)}))

    def lost_in_file(self, resource: Resource, desired: Desired, to: Writing) -> Iterator[str]:
        yield from super().lost_in_file(resource, desired, to)
        source = desired.code.get(resource.address)
        if source is not None and (source.lock is not None or source.schema_of):
            how = f"write them out with: raceday-iac vendor {source.owner.path} --out FOLDER"
            yield f"its bundle holds files that are not in its folder; {how}"

    def prepare(
        self, work: Work, address: Address, arguments: dict[str, Any], written: Mapping[str, Any], location: Location
    ) -> dict[str, Any]:
        if not work.environment.schedules:
            arguments["schedule"] = ""
        for name in SETTINGS:
            arguments[name] = _settings(work, address, name, arguments[name], written[name], location)
        return super().prepare(work, address, arguments, written, location)

    def problems(self, stack: Checked) -> Iterator[Diagnostic]:
        """Locks are documents of one collection, each of one function."""
        taken: dict[str, str] = {}
        for resource in stack.desired.of_kind("function"):
            function = stack.members[resource.address]
            if not isinstance(function, FunctionDeclaration) or function.lock is None:
                continue
            lock = function.lock.lock_id
            first = taken.setdefault(lock.lower(), str(resource.address))
            if first != str(resource.address):
                message = f"lock {lock!r} is already used by {first} (ids are compared without case)"
                yield Diagnostic(resource.location, str(resource.address), message)
            lock_store = collection_address(*stack.desired.lock_store)
            if lock_store not in stack.desired.resources and lock_store not in stack.broken:
                store = "/".join(stack.desired.lock_store) if any(stack.desired.lock_store) else "(none)"
                message = f"has a lock, but the stack's lock_store {store} is not a declared collection"
                yield Diagnostic(resource.location, str(resource.address), message)

    def source(self, work: Work, address: Address, declared: Declared, location: Location) -> CodeSource:
        assert isinstance(declared, FunctionDeclaration)
        settings = {name: getattr(declared, name) for name in ("entrypoint", "commands", "runtime")}
        source = source_of(work, address, declared, location, settings)
        if source.folder.is_dir() and not (source.folder / declared.entrypoint).is_file():
            message = f"entrypoint {declared.entrypoint} does not exist in {declared.code}"
            work.problems.append(Diagnostic(location, str(address), message))
        if declared.schema_of and database_address(declared.schema_of) not in work.attempted:
            message = f"packs the schema of {declared.schema_of!r}, which is not declared"
            work.problems.append(Diagnostic(location, str(address), message))
        return replace(source, lock=declared.lock, schema_of=declared.schema_of, probe=declared.probe)


KIND = Kind(
    offers=FOR_FUNCTIONS,
    name="function",
    stage=50,
    tone="deploy",
    has_runs=True,
    requests=PlainRequests(FunctionDeclaration, lambda _address: "/functions", "functionId", SHAPE),
    parse=parse,
    unordered=unordered(FunctionDeclaration),
    in_place=frozenset(FIELDS),
    is_replaceable=False,
    armed_last="schedule",
    reached_through=lambda fields: frozenset({"functions"} if fields["execute"] else ()),
    unsupported=unsupported,
    doubts=doubts,
    loses=loses,
    routes=("POST /functions", "PUT /functions/{functionId}"),
    carried=frozenset(CARRIED),
    left_out=_LEFT_OUT,
    declaring=_Declaring("function", FunctionDeclaration, "`stack.function(…)`"),
    terraform_types=("appwrite_function",),
)
