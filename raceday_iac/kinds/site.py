"""Sites: their configuration. Code belongs to the deployment, and variables are a kind of their own.

Records of requests to a site are not counted before it is deleted: Appwrite keeps them for some days only.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from ..model import limits
from ..model.address import Address
from ..model.declarations import KEEP, Declared, Id, Name
from ..model.evidence import Ask, Question
from ..model.names import Framework
from ..model.resource import CodeSource, Desired, Fields, Live, Location, Resource, frozen
from ..model.server import ServerFacts
from . import variable
from .base import Kind, Listing, Shape
from .code import (
    BUILT,
    CARRIED,
    LEFT_OUT,
    SCOPES,
    BuildRuntime,
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
    unknown,
    unknown_runtime,
    unknown_sizes,
)
from .deployment import code_of
from .fields import (
    IDENTITY,
    Entry,
    PlainRequests,
    Reading,
    Wire,
    Work,
    answered,
    carried,
    may_be_answered,
    parsed,
    unordered,
    wire_fields,
)
from .variable import SHAPE as VARIABLE

ROUTE = "/sites"
Command = Annotated[str, Field(max_length=limits.FUNCTION_COMMANDS)]


class SiteDeclaration(Declared):
    """A site. `timeout` in seconds, of a page that is rendered on the server; `install_command` and `build_command` run
    in `code`, a folder relative to the project's root (or `KEEP`, and then `path` is where it lies for Appwrite's own
    command line), and leave in `output_directory` what is served. `adapter` says where pages are rendered; where it is
    not said, the first build finds it, and the `fallback_file` that is shown for what is not there. `ignore` and
    `include` are patterns as in a `.gitignore`, and what `include` names is deployed whatever leaves it out;
    `keep_deployments` overrides the stack's number. `scopes` are those of the key that builds get: no release has them
    yet (1.9.6).

    `specification` is the size of builds and of rendering. Appwrite 1.9 and newer has one for each, which
    `build_specification` and `runtime_specification` set each apart; what of them is not said is left as it is. It also
    deletes deployments that are not active after `deployment_retention` days (0: never)."""

    id: Annotated[Id, IDENTITY] = Field(init=False)
    name: Name
    framework: Annotated[Framework, BUILT]
    build_runtime: BuildRuntime
    adapter: Annotated[Literal["static", "ssr"] | None, Wire(effect=BUILT.effect, is_left=True)] = None
    install_command: Annotated[Command, BUILT] = ""
    build_command: Annotated[Command, BUILT] = ""
    start_command: Annotated[Command, replace(BUILT, since="1.9.0", is_answered=False)] = ""
    output_directory: Annotated[Command, BUILT] = ""
    fallback_file: Annotated[str | None, Wire(is_left=True)] = Field(default=None, max_length=255)
    specification: OneSize = None
    runtime_specification: OwnSize = None
    build_specification: OwnSize = None
    timeout: int = Field(default=30, ge=1, le=limits.SITE_TIMEOUT)
    enabled: bool = True
    logging: bool = True
    scopes: Annotated[Scopes, replace(SCOPES, since="1.9.0", is_answered=False)] = Field(default=(), max_length=100)
    deployment_retention: Retention = None
    code: Code = KEEP
    path: CodePath = ""
    ignore: Patterns = ()
    include: Patterns = ()
    variables: Variables = Field(default_factory=dict)
    keep_deployments: Kept = None

    @model_validator(mode="after")
    def _says_what_a_build_would_set(self) -> Self:
        if self.fallback_file is not None and self.adapter is None:
            raise ValueError(
                'fallback_file needs an adapter: without one, the first build sets both; add adapter="static"'
            )
        few_variables(self)
        return self


#: Settings that a build depends on.
_OF_BUILDS = (
    "framework",
    "buildRuntime",
    "adapter",
    "installCommand",
    "buildCommand",
    "startCommand",
    "outputDirectory",
)
SHAPE = Shape(
    {"$id": str, "deploymentId": str, **answered(SiteDeclaration), "vars": [VARIABLE]},
    {
        **may_be_answered(SiteDeclaration),
        **dict.fromkeys((*CARRIED, "latestDeploymentId", "latestDeploymentStatus"), (str, bool, [str])),
    },
)
_LEFT_OUT = {
    **LEFT_OUT,
    **dict.fromkeys(("deploymentScreenshotLight", "deploymentScreenshotDark"), "pictures, which Appwrite takes"),
}


def parse(_owner: tuple[str, ...], raw: Mapping[str, Any]) -> Live:
    """A site as the server describes it. Without an adapter, the fallback page was not chosen by anybody."""
    unset = {"adapter", "fallbackFile"} if not raw.get("adapter") else set()
    fields = {name: value for name, value in parsed(SiteDeclaration, raw).items() if name not in unset}
    kept = carried((SiteDeclaration,), CARRIED, _LEFT_OUT, raw)
    updated_at = str(raw.get("$updatedAt") or "")
    return Live(Address("site", str(raw["$id"])), frozen(fields), str(raw["$id"]), kept, updated_at=updated_at)


def loses(live: Live) -> Iterator[Question]:
    """Code that is nowhere else, and variables that nobody declares."""
    yield Question(live.address, Ask.CODE)
    yield Question(live.address, Ask.UNMANAGED)


def unsupported(wanted: Resource, _desired: Desired, server: ServerFacts) -> Iterator[tuple[str, str]]:
    """Build runtimes are no part of it: what a server lists for a framework is not all that it takes (1.9.6)."""
    yield from sizes_not_offered(wanted.fields, server)


def doubts(fields: Fields, server: ServerFacts) -> Iterator[str]:
    """Names that neither this tool nor the server knows."""
    name = fields["framework"]
    if name not in limits.FRAMEWORKS and name not in server.frameworks:
        yield unknown("framework", name, limits.FRAMEWORKS)
    elif server.frameworks and name not in server.frameworks:
        yield f"this server has no runtime for the framework {name!r} (it has some for {', '.join(server.frameworks)})"
    yield from unknown_runtime(fields["buildRuntime"])
    yield from unknown_sizes(fields, server)


class _Declaring(CodeDeclaring):
    file_lists = ("sites",)
    file_first = ("name", "framework")
    file_unsaid = frozenset({"scopes"})

    def read_file(self, raw: Entry, owner: tuple[str, ...], reading: Reading) -> Live | None:
        address = Address("site", raw["$id"])
        said = reading.fitting(self, raw, address)
        if said is None:
            return None
        live = reading.resources[address] = parse(owner, {**said, "$id": raw["$id"]})
        variable.read_file(raw, address, reading)
        return replace(live, fields=frozen({**live.fields, **code_in_file(raw, "", address, reading)}))

    def source(self, work: Work, address: Address, declared: Declared, location: Location) -> CodeSource:
        assert isinstance(declared, SiteDeclaration)
        said = {each.name: str(getattr(declared, each.attribute) or "") for each in wire_fields(SiteDeclaration)}
        return source_of(work, address, declared, location, {name: said[name] for name in _OF_BUILDS})


KIND = Kind(
    offers=("frameworks", "specifications"),
    name="site",
    stage=51,
    tone="deploy",
    requests=PlainRequests(SiteDeclaration, lambda _address: ROUTE, "siteId", SHAPE),
    parse=parse,
    unordered=unordered(SiteDeclaration),
    in_place=frozenset(each.name for each in wire_fields(SiteDeclaration)),
    is_replaceable=False,
    listing=Listing(ROUTE, "sites", SHAPE),
    unsupported=unsupported,
    doubts=doubts,
    loses=loses,
    routes=(f"POST {ROUTE}", f"PUT {ROUTE}/{{siteId}}"),
    carried=frozenset(CARRIED),
    left_out=_LEFT_OUT,
    declaring=_Declaring("site", SiteDeclaration, "`stack.site(…)`"),
    terraform_types=("appwrite_site",),
)

#: What lies in a site is what lies in a function, with other settings of the code.
INNER = (
    variable.variables_of("site", "/sites"),
    code_of("site", "/sites", "site_deployment", ("installCommand", "buildCommand", "outputDirectory")),
)
