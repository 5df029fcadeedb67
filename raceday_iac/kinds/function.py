"""Functions: their configuration. Code is the deployment's affair, variables have a kind of their own."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, SkipValidation, field_validator, model_validator

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
from ..model.limits import RUNTIMES, SCOPES
from ..model.names import Runtime, Scope, Specification
from ..model.resource import CodeSource, Desired, Diagnostic, Fields, KeptCode, Live, Location, Resource, frozen
from ..model.secret import FromEnvironment
from ..model.server import ServerFacts
from . import variable
from .base import Kind, Shape, thaw
from .fields import (
    IDENTITY,
    Beside,
    Checked,
    Declaring,
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

#: The link to a repository is not ours, yet an update that omits it cuts it.
_CARRIED = (
    "installationId",
    "providerRepositoryId",
    "providerBranch",
    "providerRootDirectory",
    "providerSilentMode",
    "providerBranches",
    "providerPaths",
)
#: What of it is neither declared nor sent back.
_LEFT_OUT = {
    "vars": "a kind of their own",
    "live": "whether Appwrite thinks that new code is due; the state knows what was deployed",
    "version": "which Open Runtimes run it; Appwrite chooses the newest",
    "deploymentId": "the deployment's affair",
    "deploymentCreatedAt": "the deployment's affair",
    "latestDeploymentId": "the deployment's affair",
    "latestDeploymentCreatedAt": "the deployment's affair",
    "latestDeploymentStatus": "the deployment's affair",
}

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


def _unknown(what: str, name: str, known: Collection[str]) -> str:
    return f"unknown {what} {name!r}{nearest(name, known)}"


#: What is known, and the form of what a newer server may have: only Appwrite knows that.
_RUNTIMES, _RUNTIME = RUNTIMES | limits.NEWER_RUNTIMES, re.compile(r"[a-z]+(-[a-z]+)*-\d+(\.\d+)*")
_SCOPES, _SCOPE = SCOPES | limits.NEWER_SCOPES, re.compile(r"[A-Za-z]+(\.[A-Za-z0-9]+)*\.(read|write)")


def unknown_scopes(scopes: Iterable[str]) -> Iterator[str]:
    """What is doubtful of scopes."""
    return (_unknown("scope", each, _SCOPES) for each in scopes if each not in _SCOPES)


def known_scopes(value: Sequence[str]) -> Sequence[str]:
    """Scopes; raises ValueError for what is none."""
    odd = [scope for scope in value if scope not in _SCOPES and not _SCOPE.fullmatch(scope)]
    if odd:
        raise ValueError("; ".join(_unknown("scope", scope, _SCOPES) for scope in odd))
    return value


_SET = Wire(is_set=True, canonical=as_set)
_BUILT = Wire(effect="in place, and a new deployment")
_PACKED = Local("a new deployment, where the bundle changes")
#: The version that gave builds and runs a size each.
_TWO_SIZES = "1.9.0"
_AGED = Wire(since=_TWO_SIZES, is_answered=False, is_left=True)
_SIZE = Wire(until=_TWO_SIZES, instead=("buildSpecification", "runtimeSpecification"), is_answered=False, is_left=True)
_RUN_SIZE = _BUILD_SIZE = replace(_AGED, instead=("specification",))


class FunctionDeclaration(Declared):
    """A function. `timeout` in seconds; `schedule` is a cron in UTC; `code` a folder, relative to the project's root,
    or `KEEP`, and then `path` is where it lies for Appwrite's own command line; `ignore` and `include` are patterns as
    in a `.gitignore` of that folder, and what `include` names is deployed whatever leaves it out; `schema` names a
    database whose declaration is packed with the code; `probe` is executed when new code was activated;
    `keep_deployments` overrides the stack's number.

    `specification` is the size of builds and runs. Appwrite 1.9 and newer has one for each, which
    `build_specification` and `runtime_specification` say apart; what of them is not said is left as it is. It also
    deletes deployments that are not active after `deployment_retention` days (0: never)."""

    id: Annotated[Id, IDENTITY] = Field(init=False)
    name: Name
    runtime: Annotated[Runtime, _BUILT]
    specification: Annotated[Specification | None, _SIZE] = None
    runtime_specification: Annotated[Specification | None, _RUN_SIZE] = None
    build_specification: Annotated[Specification | None, _BUILD_SIZE] = None
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
    entrypoint: Annotated[str, _BUILT] = Field(min_length=1, max_length=limits.FUNCTION_ENTRYPOINT)
    commands: Annotated[str, _BUILT] = Field(default="", max_length=limits.FUNCTION_COMMANDS)
    scopes: Annotated[Sequence[Scope], AfterValidator(known_scopes), replace(_SET, doubts=unknown_scopes)] = Field(
        default=(), max_length=limits.FUNCTION_LIST_ITEMS
    )
    deployment_retention: Annotated[int | None, _AGED] = Field(default=None, ge=0, le=limits.DEPLOYMENT_RETENTION)
    code: Annotated[str, Local("a new deployment")] = KEEP
    path: Annotated[str, Local("nothing on the server")] = ""
    ignore: Annotated[Sequence[str], _PACKED] = ()
    include: Annotated[Sequence[str], _PACKED] = ()
    schema_of: Annotated[str, Local("a new deployment")] = Field(default="", alias="schema")
    lock: Annotated[SkipValidation[Lock | None], Local("a new deployment")] = None
    variables: Annotated[
        SkipValidation[Mapping[str, str | FromEnvironment] | None], Local("changes of the variables")
    ] = Field(default_factory=dict)
    probe: Annotated[SkipValidation[Probe | None], Local("nothing on the server")] = None
    keep_deployments: Annotated[int | None, Local("nothing on the server")] = Field(default=None, ge=0)

    @field_validator("runtime")
    @classmethod
    def _known_runtime(cls, value: str) -> str:
        if value not in _RUNTIMES and not _RUNTIME.fullmatch(value):
            raise ValueError(_unknown("runtime", value, _RUNTIMES))
        return value

    @field_validator("specification", "runtime_specification", "build_specification")
    @classmethod
    def _known_specification(cls, value: str | None) -> str | None:
        if value is not None and size_of(value) is None:
            raise ValueError(_unknown("specification", value, limits.SPECIFICATIONS))
        return value

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
            raise ValueError("a probe tells whether new code works, but the code is not managed (code=KEEP)")
        return self

    @model_validator(mode="after")
    def _few_variables(self) -> Self:
        count = len(self.variables or {})
        if count > limits.FUNCTION_VARIABLES:
            raise ValueError(
                f"variables: {count} are declared, and Appwrite gives a function {limits.FUNCTION_VARIABLES}"
            )
        return self


#: Fields that are compared and sent, always all of them: an update resets what it omits (Appwrite 1.8.1).
FIELDS = tuple(each.name for each in wire_fields(FunctionDeclaration))
SHAPE = Shape(
    {"$id": str, "deploymentId": str, **answered(FunctionDeclaration), "vars": [VARIABLE]},
    {
        **may_be_answered(FunctionDeclaration),
        **dict.fromkeys((*_CARRIED, "latestDeploymentId", "latestDeploymentStatus"), (str, bool, [str])),
    },
)


def parse(_owner: tuple[str, ...], raw: Mapping[str, Any]) -> Live:
    """A function as the server describes it."""
    fields = parsed(FunctionDeclaration, raw)
    kept = carried((FunctionDeclaration,), _CARRIED, _LEFT_OUT, raw)
    updated_at = str(raw.get("$updatedAt") or "")
    return Live(function_address(str(raw["$id"])), frozen(fields), str(raw["$id"]), kept, updated_at=updated_at)


def size_of(specification: str) -> tuple[float, float] | None:
    """Processors and GB of memory that a specification names: `s-1vcpu-512mb` has one and half of one. None for another
    form of name. Their product is what Appwrite counts as GB-hours in an hour (its table for Cloud has 0.25 for
    `s-0.5vcpu-512mb` and 16 for `s-4vcpu-4gb`)."""
    found = re.fullmatch(r"s-(\d+(?:\.\d+)?)vcpu-(\d+)(mb|gb)", specification)
    return (float(found[1]), float(found[2]) / (1024 if found[3] == "mb" else 1)) if found else None


def can_run(runtime: str, entrypoint: str) -> bool:
    """Whether a runtime can run this entrypoint, as far as the two names tell: Python runs no `main.js`. Appwrite runs
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
    sizes = dict.fromkeys(str(fields[name]) for name in SIZES if name in fields)
    for size in sizes if server.specifications else ():
        if size not in server.specifications:
            offered = ", ".join(sorted(server.specifications))
            message = f"this server does not offer the specification {size!r} (it offers {offered})"
            yield message, "choose an offered one"
    yield from _never_starts(fields["schedule"], server)


def _never_starts(schedule: str, server: ServerFacts) -> Iterator[tuple[str, str]]:
    """Whether a schedule ever comes does not depend on when it is asked."""
    never = parse_cron(schedule).why_never(_SOME_TIME) if schedule and server.is_since(_REFUSES_NEVER) else ""
    if never:
        yield (
            f"its schedule {schedule!r} never comes, and {server} refuses that: {never}",
            "write one that comes, or none",
        )


def doubts(fields: Fields, server: ServerFacts) -> Iterator[str]:
    """Names that this tool does not know, where the server has no list of its own that decides."""
    if not server.runtimes and fields["runtime"] not in _RUNTIMES:
        yield _unknown("runtime", fields["runtime"], _RUNTIMES)
    sizes = dict.fromkeys(str(fields[name]) for name in SIZES if fields.get(name))
    for size in sizes if not server.specifications else ():
        if size not in limits.SPECIFICATIONS:
            yield _unknown("specification", size, limits.SPECIFICATIONS)


_TAKE_OUT = "take them out for this server"
#: The version that refuses a schedule that never comes (1.9.0 takes it, 1.9.5 does not).
_REFUSES_NEVER, _SOME_TIME = "1.9.5", datetime(2026, 1, 1, tzinfo=UTC)
#: The fields that hold a specification, that of runs first.
SIZES = ("runtimeSpecification", "buildSpecification", "specification")


def run_size(fields: Fields) -> str:
    """The specification that runs have; empty where it is not known."""
    return str(fields.get("runtimeSpecification") or fields.get("specification") or "")


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


def _put_code(work: Work, function: FunctionDeclaration, location: Location) -> None:
    folder = (work.root / function.code).resolve()
    subject = str(function_address(function.id))
    if not folder.is_dir():
        work.problems.append(Diagnostic(location, subject, f"code folder {function.code} does not exist"))
    elif not (folder / function.entrypoint).is_file():
        message = f"entrypoint {function.entrypoint} does not exist in {function.code}"
        work.problems.append(Diagnostic(location, subject, message))
    work.code[function_address(function.id)] = CodeSource(
        function_address(function.id),
        folder,
        {name: getattr(function, name) for name in ("entrypoint", "commands", "runtime")},
        function.lock,
        function.schema_of,
        function.probe,
        work.keep_deployments if function.keep_deployments is None else function.keep_deployments,
        work.environment.build_patience,
        tuple(function.ignore),
        tuple(function.include),
        _project_of(folder, work.root.resolve()),
    )
    if function.schema_of and database_address(function.schema_of) not in work.attempted:
        message = f"packs the schema of {function.schema_of!r}, which is not declared"
        work.problems.append(Diagnostic(location, subject, message))


def _project_of(folder: Path, root: Path) -> Path | None:
    """What links in a code folder may lead to: the project, with the repository that it lies in. A folder elsewhere,
    which the stack names or a link that it names leads to, has its own repository; None where it has none."""
    inside = folder.is_relative_to(root)
    for each in (root, *root.parents) if inside else (folder, *folder.parents):
        if (each / ".git").exists():
            return each
    return root if inside else None


def _with_one_size(live: Live) -> Live:
    """As a person writes it: one specification where builds and runs have the same, and no retention of 0."""
    fields = dict(live.fields)
    if not fields.get("deploymentRetention"):
        fields.pop("deploymentRetention", None)
    if "buildSpecification" in fields and fields["buildSpecification"] == fields.get("runtimeSpecification"):
        fields["specification"] = fields.pop("buildSpecification")
        del fields["runtimeSpecification"]
    return replace(live, fields=frozen(fields))


#: Appwrite's timeout where none is said, in seconds (1.8.1).
_DEFAULT_TIMEOUT = 15
#: Versions of Appwrite's command line: the one that takes what is ignored as one text, and the one that gave builds and
#: runs a size each.
_ONE_TEXT_CLI, _TWO_SIZES_CLI = 13, 15


def _patterns(given: Any) -> tuple[str, ...]:
    """What is left out of the code: a list, or a text of lines."""
    found = given if isinstance(given, list) else str(given or "").splitlines()
    return tuple(each.strip() for each in map(str, found) if each.strip())


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


def _code_in_file(raw: Entry, entrypoint: str, address: Address, reading: Reading) -> Mapping[str, Any]:
    """What the declaration that is written says of the code: none of it is a setting of a live function."""
    found: dict[str, Any] = {}
    ignore = _patterns(raw.get("ignore"))
    if ignore:
        found["ignore"] = ignore
    path = raw.get("path")
    if not isinstance(path, str) or not path:
        return found
    code = reading.code_at(path, entrypoint)
    if code:
        reading.remark(address, "its code is managed from its folder; where that is not what is live, the plan says so")
        return {**found, "code": code}
    return {**found, "path": path}


def _sizes(fields: dict[str, Any], cli: int) -> dict[str, Any]:
    """The specifications, taken out of the fields, as a version of Appwrite's command line has them."""
    one = fields.pop("specification", None)
    build = fields.pop("buildSpecification", None) or one
    run = fields.pop("runtimeSpecification", None) or one
    if cli < _TWO_SIZES_CLI:
        fields.pop("deploymentRetention", None)
        said = {"specification": run or build}
    else:
        said = {"buildSpecification": build, "runtimeSpecification": run}
    return {name: value for name, value in said.items() if value}


class _Declaring(Declaring):
    file_lists = ("functions",)
    file_silent = Declaring.file_silent | {"path", "ignore", "vars", "variables"}
    file_holds = ("vars", "variables")

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
            told = f"timeout {timeout} s is above Appwrite's limit; {limits.FUNCTION_TIMEOUT} s is taken"
            reading.remark(address, told)
            reading.notes[address] = f"The imported file says {timeout} s; Appwrite allows {limits.FUNCTION_TIMEOUT}."
        live = reading.resources[address] = parse(owner, {**said, "$id": raw["$id"]})
        variable.read_file(raw, address, reading)
        return replace(live, fields=frozen({**live.fields, **_code_in_file(raw, said["entrypoint"], address, reading)}))

    def write_file(self, resource: Resource, desired: Desired, to: Writing) -> dict[str, Any]:
        id = resource.address.path
        code = desired.code.get(resource.address) or desired.kept_code.get(resource.address) or KeptCode(None)
        folder, ignore = code.folder, code.ignore
        path = os.path.relpath(folder, to.folder.resolve()) if folder else f"functions/{id}"
        fields = thaw(resource.fields)
        # In the order in which Appwrite's command line writes them.
        first = {name: fields.pop(name) for name in ("name", "runtime")} | _sizes(fields, to.cli)
        patterns = "\n".join(ignore) if to.cli >= _ONE_TEXT_CLI else list(ignore)
        ignored = {"ignore": patterns} if ignore else {}
        return {"$id": id, **first, "path": Path(path).as_posix(), **fields, **ignored}

    def lost_in_file(self, resource: Resource, desired: Desired, to: Writing) -> Iterator[str]:  # noqa: ARG002
        keys = [each.address.name for each in desired.below(resource.address, "variable")]
        if keys:
            yield f"variables are not part of such a file: {', '.join(keys)}"
        source = desired.code.get(resource.address)
        if source is None and desired.kept_code.get(resource.address, KeptCode(None)).folder is None:
            yield "its code is not managed here; `path` is where it usually lies"
        elif source is not None and (source.lock is not None or source.schema_of):
            how = f"write them out with: raceday-iac vendor {source.owner.path} --out FOLDER"
            yield f"its bundle holds files that are not in its folder; {how}"

    def prepare(
        self, work: Work, address: Address, arguments: dict[str, Any], written: Mapping[str, Any], location: Location
    ) -> dict[str, Any]:
        variables = arguments["variables"] or {}
        if not isinstance(variables, Mapping):
            work.complain(address, location, "variables: must be a mapping of names to values")
            variables = {}
        if not work.environment.schedules:
            arguments["schedule"] = ""
        arguments["variables"] = variable.declare(work, address, variables, location)
        for name in SETTINGS:
            arguments[name] = _settings(work, address, name, arguments[name], written[name], location)
        return arguments

    is_long = True

    def local(self, name: str, live: Live, beside: Beside) -> Any:
        if name in ("ignore", "path"):
            return live.fields.get(name)
        if name == "variables":
            return {each.address.name: beside.value_of(each) for each in beside.of("variable", live.address)}
        return None

    def arguments(self, live: Live, beside: Beside) -> Iterator[tuple[str, Any]]:
        said = dict(super().arguments(_with_one_size(live), beside))
        for name, info in FunctionDeclaration.model_fields.items():
            word = info.alias or name
            if name == "code":
                # The live code stays: an archive that somebody else packed is not a folder of ours.
                yield word, live.fields.get(name, KEEP)
            elif word in said:
                yield word, said[word]

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

    def put_more(self, work: Work, address: Address, declared: Declared, location: Location) -> None:
        """Its variables, and where its code is."""
        assert isinstance(declared, FunctionDeclaration)
        for each in (declared.variables or {}).values():
            assert isinstance(each, variable.VariableDeclaration)
            variable.put(work, address, each, location)
        if declared.code != KEEP:
            _put_code(work, declared, location)
        elif declared.path or declared.ignore:
            folder = work.root / declared.path if declared.path else None
            work.kept_code[address] = KeptCode(folder, tuple(declared.ignore))


KIND = Kind(
    is_offered=True,
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
    unsupported=unsupported,
    doubts=doubts,
    loses=loses,
    routes=("POST /functions", "PUT /functions/{functionId}"),
    carried=frozenset(_CARRIED),
    left_out=_LEFT_OUT,
    declaring=_Declaring("function", FunctionDeclaration, "`stack.function(…)`"),
    terraform_types=("appwrite_function",),
)
