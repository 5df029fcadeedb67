"""What functions and sites have in common: code from a folder, variables, and the size of builds and runs."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Protocol, TypeAlias, cast

from pydantic import AfterValidator, Field, SkipValidation

from ..model import limits
from ..model.address import Address
from ..model.declarations import KEEP, Declared, nearest
from ..model.names import Runtime, Scope, Specification
from ..model.resource import CodeSource, Desired, Diagnostic, Fields, KeptCode, Live, Location, Resource, frozen
from ..model.secret import FromEnvironment
from ..model.server import ServerFacts
from . import variable
from .base import thaw
from .fields import Beside, Declaring, Entry, Local, Reading, Wire, Work, Writing, as_set
from .variable import VariableDeclaration

#: The link to a repository is not ours, yet an update that omits it cuts it.
CARRIED = (
    "installationId",
    "providerRepositoryId",
    "providerBranch",
    "providerRootDirectory",
    "providerSilentMode",
    "providerBranches",
    "providerPaths",
)
#: What of an answer is neither declared nor sent back.
LEFT_OUT = {
    "vars": "a kind of their own",
    "live": "whether Appwrite expects a new deployment; the state knows what was deployed",
    "deploymentId": "belongs to the deployment",
    "deploymentCreatedAt": "belongs to the deployment",
    "latestDeploymentId": "belongs to the deployment",
    "latestDeploymentCreatedAt": "belongs to the deployment",
    "latestDeploymentStatus": "belongs to the deployment",
}


def unknown(what: str, name: str, known: Collection[str]) -> str:
    return f"unknown {what} {name!r}{nearest(name, known)}"


#: What is known, and the form of what a newer server may have: only Appwrite knows that.
_RUNTIMES, _RUNTIME = limits.RUNTIMES | limits.NEWER_RUNTIMES, re.compile(r"[a-z]+(-[a-z]+)*-\d+(\.\d+)*")
_SCOPES, _SCOPE = limits.SCOPES | limits.NEWER_SCOPES, re.compile(r"[A-Za-z]+(\.[A-Za-z0-9]+)*\.(read|write)")


def unknown_scopes(scopes: Iterable[str]) -> Iterator[str]:
    """Scopes that this tool does not know."""
    return (unknown("scope", each, _SCOPES) for each in scopes if each not in _SCOPES)


def _known_runtime(value: str) -> str:
    if value not in _RUNTIMES and not _RUNTIME.fullmatch(value):
        raise ValueError(unknown("runtime", value, _RUNTIMES))
    return value


def known_scopes(value: Sequence[str]) -> Sequence[str]:
    """Checked scopes; raises ValueError for a text that is not a scope."""
    odd = [scope for scope in value if scope not in _SCOPES and not _SCOPE.fullmatch(scope)]
    if odd:
        raise ValueError("; ".join(unknown("scope", scope, _SCOPES) for scope in odd))
    return value


def _known_specification(value: str | None) -> str | None:
    if value is not None and size_of(value) is None:
        raise ValueError(unknown("specification", value, limits.SPECIFICATIONS))
    return value


def size_of(specification: str) -> tuple[float, float] | None:
    """Processors and GB of memory that a specification names: `s-1vcpu-512mb` has one and half of one. None for another
    form of name. Their product is what Appwrite counts as GB-hours in an hour (its table for Cloud has 0.25 for
    `s-0.5vcpu-512mb` and 16 for `s-4vcpu-4gb`)."""
    found = re.fullmatch(r"s-(\d+(?:\.\d+)?)vcpu-(\d+)(mb|gb)", specification)
    return (float(found[1]), float(found[2]) / (1024 if found[3] == "mb" else 1)) if found else None


#: The fields that hold a specification, that of runs first.
SIZES = ("runtimeSpecification", "buildSpecification", "specification")


def run_size(fields: Fields) -> str:
    """The specification of runs; empty if it is not known."""
    return str(fields.get("runtimeSpecification") or fields.get("specification") or "")


#: Of a field that a build depends on.
BUILT = Wire(effect="in place, and a new deployment")
#: The version that gave builds and runs a size each.
_TWO_SIZES = "1.9.0"
_AGED = Wire(since=_TWO_SIZES, is_answered=False, is_left=True)
_NEWER_SIZE = replace(_AGED, instead=("specification",))
_SIZE = Wire(until=_TWO_SIZES, instead=("buildSpecification", "runtimeSpecification"), is_answered=False, is_left=True)

# The fields that both models have.
Built: TypeAlias = Annotated[str, BUILT]
BuildRuntime: TypeAlias = Annotated[Runtime, BUILT, AfterValidator(_known_runtime)]
_Specification: TypeAlias = Annotated[Specification | None, AfterValidator(_known_specification)]
OneSize: TypeAlias = Annotated[_Specification, _SIZE]
OwnSize: TypeAlias = Annotated[_Specification, _NEWER_SIZE]
SCOPES = Wire(is_set=True, canonical=as_set, doubts=unknown_scopes)
Scopes: TypeAlias = Annotated[Sequence[Scope], AfterValidator(known_scopes)]
Retention: TypeAlias = Annotated[int | None, _AGED, Field(ge=0, le=limits.DEPLOYMENT_RETENTION)]
Code: TypeAlias = Annotated[str, Local("a new deployment")]
CodePath: TypeAlias = Annotated[str, Local("nothing on the server")]
Patterns: TypeAlias = Annotated[Sequence[str], Local("a new deployment, where the bundle changes")]
Variables: TypeAlias = Annotated[
    SkipValidation[Mapping[str, str | FromEnvironment] | None], Local("changes of the variables")
]
Kept: TypeAlias = Annotated[int | None, Local("nothing on the server"), Field(ge=0)]


class Coded(Protocol):
    """A declaration of something that has code."""

    @property
    def code(self) -> str: ...

    @property
    def path(self) -> str: ...

    @property
    def ignore(self) -> Sequence[str]: ...

    @property
    def include(self) -> Sequence[str]: ...

    @property
    def variables(self) -> Mapping[str, Any] | None: ...

    @property
    def keep_deployments(self) -> int | None: ...


def few_variables(declared: Coded) -> None:
    """Raises ValueError for more than Appwrite gives one function or site."""
    count = len(declared.variables or {})
    if count > limits.FUNCTION_VARIABLES:
        raise ValueError(
            f"variables: {count} are declared, but Appwrite passes at most {limits.FUNCTION_VARIABLES} to it"
        )


def sizes_not_offered(fields: Fields, server: ServerFacts) -> Iterator[tuple[str, str]]:
    """Specifications that a server refuses."""
    sizes = dict.fromkeys(str(fields[name]) for name in SIZES if name in fields)
    for size in sizes if server.specifications else ():
        if size not in server.specifications:
            offered = ", ".join(sorted(server.specifications))
            message = f"this server does not offer the specification {size!r} (it offers {offered})"
            yield message, "choose an offered one"


def unknown_sizes(fields: Fields, server: ServerFacts) -> Iterator[str]:
    """Specifications that this tool does not know, where the server has no list of its own that decides."""
    sizes = dict.fromkeys(str(fields[name]) for name in SIZES if fields.get(name))
    for size in sizes if not server.specifications else ():
        if size not in limits.SPECIFICATIONS:
            yield unknown("specification", size, limits.SPECIFICATIONS)


def unknown_runtime(name: str) -> Iterator[str]:
    if name not in _RUNTIMES:
        yield unknown("runtime", name, _RUNTIMES)


def source_of(
    work: Work, address: Address, declared: Coded, location: Location, settings: Mapping[str, str]
) -> CodeSource:
    """Where its code is. Reports a folder that does not exist."""
    folder = (work.root / declared.code).resolve()
    if not folder.is_dir():
        work.problems.append(Diagnostic(location, str(address), f"code folder {declared.code} does not exist"))
    return CodeSource(
        address,
        folder,
        settings,
        keep=work.keep_deployments if declared.keep_deployments is None else declared.keep_deployments,
        patience=work.environment.build_patience,
        ignore=tuple(declared.ignore),
        include=tuple(declared.include),
        project=_project_of(folder, work.root.resolve()),
    )


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
        for name in ("deploymentRetention", "startCommand"):
            fields.pop(name, None)
    if "buildSpecification" in fields and fields["buildSpecification"] == fields.get("runtimeSpecification"):
        fields["specification"] = fields.pop("buildSpecification")
        del fields["runtimeSpecification"]
    return replace(live, fields=frozen(fields))


#: Versions of Appwrite's command line: the one that takes what is ignored as one text, and the one that gave builds and
#: runs a size each.
_ONE_TEXT_CLI, _TWO_SIZES_CLI = 13, 15


def _patterns(given: Any) -> tuple[str, ...]:
    """What is left out of the code: a list, or a text of lines."""
    found = given if isinstance(given, list) else str(given or "").splitlines()
    return tuple(each.strip() for each in map(str, found) if each.strip())


def code_in_file(raw: Entry, entrypoint: str, address: Address, reading: Reading) -> Mapping[str, Any]:
    """The settings of the code in a written declaration: a live function has none of them."""
    found: dict[str, Any] = {}
    ignore = _patterns(raw.get("ignore"))
    if ignore:
        found["ignore"] = ignore
    path = raw.get("path")
    if not isinstance(path, str) or not path:
        return found
    code = reading.code_at(path, entrypoint)
    if code:
        reading.remark(address, "its code is managed from its folder; if the live code differs, the plan shows it")
        return {**found, "code": code}
    return {**found, "path": path}


def _sizes(fields: dict[str, Any], cli: int) -> dict[str, Any]:
    """The specifications, taken out of the fields, as a version of Appwrite's command line has them."""
    one = fields.pop("specification", None)
    build = fields.pop("buildSpecification", None) or one
    run = fields.pop("runtimeSpecification", None) or one
    if cli < _TWO_SIZES_CLI:
        for name in ("deploymentRetention", "startCommand"):
            fields.pop(name, None)
        said = {"specification": run or build}
    else:
        said = {"buildSpecification": build, "runtimeSpecification": run}
    return {name: value for name, value in said.items() if value}


class CodeDeclaring(Declaring):
    """The language of what has code, and its entries in an `appwrite.json`."""

    file_silent = Declaring.file_silent | {"path", "ignore", "vars", "variables"}
    file_holds = ("vars", "variables")
    #: What Appwrite's command line writes first.
    file_first: tuple[str, ...] = ("name",)
    is_long = True

    def source(self, work: Work, address: Address, declared: Declared, location: Location) -> CodeSource:
        """Where its code is, and what a build of it depends on."""
        raise NotImplementedError

    def write_file(self, resource: Resource, desired: Desired, to: Writing) -> dict[str, Any]:
        address = resource.address
        code = desired.code.get(address) or desired.kept_code.get(address) or KeptCode(None)
        folder, ignore = code.folder, code.ignore
        path = os.path.relpath(folder, to.folder.resolve()) if folder else f"{self.file_lists[0]}/{address.path}"
        fields = {name: value for name, value in thaw(resource.fields).items() if name not in self.file_unsaid}
        # In the order in which Appwrite's command line writes them.
        first = {name: fields.pop(name) for name in self.file_first} | _sizes(fields, to.cli)
        patterns = "\n".join(ignore) if to.cli >= _ONE_TEXT_CLI else list(ignore)
        ignored = {"ignore": patterns} if ignore else {}
        return {"$id": address.path, **first, "path": Path(path).as_posix(), **fields, **ignored}

    def lost_in_file(self, resource: Resource, desired: Desired, to: Writing) -> Iterator[str]:
        yield from super().lost_in_file(resource, desired, to)
        address = resource.address
        keys = [each.address.name for each in desired.below(address, variable.kind_in(address))]
        if keys:
            yield f"variables are not part of such a file: {', '.join(keys)}"
        if address not in desired.code and desired.kept_code.get(address, KeptCode(None)).folder is None:
            yield "its code is not managed here; `path` is where it usually lies"

    def prepare(
        self,
        work: Work,
        address: Address,
        arguments: dict[str, Any],
        written: Mapping[str, Any],  # noqa: ARG002 - for functions
        location: Location,
    ) -> dict[str, Any]:
        variables = arguments["variables"] or {}
        if not isinstance(variables, Mapping):
            work.complain(address, location, "variables: must be a mapping of names to values")
            variables = {}
        arguments["variables"] = variable.declare(work, address, variables, location)
        return arguments

    def local(self, name: str, live: Live, beside: Beside) -> Any:
        if name in ("ignore", "path"):
            return live.fields.get(name)
        if name == "variables":
            inside = beside.of(variable.kind_in(live.address), live.address)
            return {each.address.name: beside.value_of(each) for each in inside}
        return None

    def arguments(self, live: Live, beside: Beside) -> Iterator[tuple[str, Any]]:
        said = dict(super().arguments(_with_one_size(live), beside))
        for name, info in self.model.model_fields.items():
            word = info.alias or name
            if name == "code":
                # The live code stays: an archive that somebody else packed is not a folder of ours.
                yield word, live.fields.get(name, KEEP)
            elif word in said:
                yield word, said[word]

    def put_more(self, work: Work, address: Address, declared: Declared, location: Location) -> None:
        """Its variables, and where its code is."""
        coded = cast(Coded, declared)
        for each in (coded.variables or {}).values():
            assert isinstance(each, VariableDeclaration)
            variable.put(work, address, each, location)
        if coded.code != KEEP:
            work.code[address] = self.source(work, address, declared, location)
        elif coded.path or coded.ignore:
            folder = work.root / coded.path if coded.path else None
            work.kept_code[address] = KeptCode(folder, tuple(coded.ignore))
