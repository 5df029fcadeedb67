"""Rules of the proxy: what answers under a domain. Appwrite makes the id, so a rule is known by its domain. None can be
changed: another one takes its place. Whether the domain leads to the server is the server's to find out.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from ..model import validators
from ..model.address import Address
from ..model.declarations import Declared, Id
from ..model.resource import Fields, Live, Resource, frozen
from .base import Call, Danger, Kind, Listing, Shape, is_instant, listing
from .fields import IDENTITY, Wire, body, wire_fields
from .plain import Typed, TypedDeclaring
from .platform import hostname

ROUTE = "/proxy/rules"
SHAPE = Shape(
    {"$id": str, "domain": str, "type": str},
    {"$updatedAt": is_instant, "trigger": str, "redirectUrl": str, "redirectStatusCode": int},
)


def _domain(value: str) -> str:
    if hostname(value) != value.lower() or "*" in value or "." not in value:
        raise ValueError(f"{value!r} is not a domain: write it in lower case, such as shop.example.com")
    return value


def _url(value: str) -> str:
    if not validators.is_url(value):
        raise ValueError(f"{value!r} is not a URL")
    return value


class RuleDeclaration(Typed):
    """What answers under a domain; there is a method for each type."""

    domain: Annotated[str, AfterValidator(_domain), IDENTITY] = Field(init=False)


class ApiDeclaration(RuleDeclaration):
    """The API of Appwrite under a domain of your own."""

    type = "api"


class FunctionDeclaration(RuleDeclaration):
    """The active deployment of a function. With a `branch` of its repository, the newest of that."""

    type = "function"
    function: Annotated[Id, Wire(name="functionId", answer="deploymentResourceId")]
    branch: Annotated[str, Wire(answer="deploymentVcsProviderBranch")] = Field(default="", max_length=255)


class SiteDeclaration(RuleDeclaration):
    """The active deployment of a site. With a `branch` of its repository, the newest of that."""

    type = "site"
    site: Annotated[Id, Wire(name="siteId", answer="deploymentResourceId")]
    branch: Annotated[str, Wire(answer="deploymentVcsProviderBranch")] = Field(default="", max_length=255)


class RedirectDeclaration(RuleDeclaration):
    """A redirection to `url`. It belongs to a site or function, and goes with it."""

    type = "redirect"
    url: Annotated[str, AfterValidator(_url), Wire(answer="redirectUrl")]
    status_code: Annotated[Literal[301, 302, 307, 308], Wire(answer="redirectStatusCode", json=int)] = 301
    resource_type: Annotated[Literal["site", "function"], Wire(answer="deploymentResourceType")]
    resource: Annotated[Id, Wire(name="resourceId", answer="deploymentResourceId")]


class _Declaring(TypedDeclaring):
    def depends_on(
        self,
        address: Address,  # noqa: ARG002
        declared: Declared,
        resources: Mapping[Address, Resource],  # noqa: ARG002
    ) -> tuple[Address, ...]:
        """It depends on the function or site that answers."""
        if isinstance(declared, FunctionDeclaration):
            return (Address("function", declared.function),)
        if isinstance(declared, SiteDeclaration):
            return (Address("site", declared.site),)
        if isinstance(declared, RedirectDeclaration):
            return (Address(declared.resource_type, declared.resource),)
        return ()


_DECLARING = _Declaring(
    "rule", RuleDeclaration, ApiDeclaration, FunctionDeclaration, SiteDeclaration, RedirectDeclaration
)


def _type(raw: Mapping[str, Any]) -> str:
    return str(raw["deploymentResourceType"] if raw["type"] == "deployment" else raw["type"])


def parse(_owner: tuple[str, ...], raw: Mapping[str, Any]) -> Live:
    """A rule as the server describes it."""
    fields: dict[str, Any] = {"type": _type(raw)}
    for each in wire_fields(_DECLARING.model_of(fields)):
        fields[each.name] = raw.get(each.answer) or ""
    updated_at = str(raw.get("$updatedAt") or "")
    return Live(Address("rule", str(raw["domain"])), frozen(fields), str(raw["$id"]), updated_at=updated_at)


class _Requests:
    def create(self, address: Address, fields: Fields) -> Call:
        said = body(_DECLARING.model_of(fields), fields)
        return Call("post", f"{ROUTE}/{fields['type']}", {"domain": address.name, **said}, SHAPE)

    def update(self, address: Address, fields: Fields, live: Live) -> Call:  # noqa: ARG002 - there is none
        raise AssertionError(f"{address}: no field of a rule can be updated")

    def delete(self, address: Address, live: Live) -> Call:  # noqa: ARG002
        return Call("delete", f"{ROUTE}/{live.remote_id}")

    def read(self, address: Address) -> Call:
        asked = json.dumps({"method": "equal", "attribute": "domain", "values": [address.name]})
        return Call("get", ROUTE, {"queries": [asked]}, listing("rules", SHAPE))


def found_in(address: Address, raw: Any) -> Any:
    """The rule of that domain."""
    return next((each for each in raw.get("rules", [raw]) if each["domain"].lower() == address.name), None)


def _in_the_open(fields: Fields) -> Iterator[tuple[str, str]]:
    """Whoever follows it leaves the protection of TLS, and may be led elsewhere on the way.

    Fix: redirect to an https URL.
    """
    if str(fields.get("url", "")).startswith("http://"):
        yield "it leads to a URL without TLS", "redirect to an https URL"


KIND = Kind(
    name="rule",
    stage=80,
    tone="state",
    requests=_Requests(),
    parse=parse,
    has_own_id=True,
    found_in=found_in,
    listing=Listing(ROUTE, "rules", SHAPE),
    is_one=lambda raw: raw.get("trigger") != "deployment",
    is_server_wide=True,
    since="1.9.5",
    routes=tuple(f"POST {ROUTE}/{each}" for each in _DECLARING.types),
    left_out={
        "domain": "part of the address",
        "type": "the method says it",
        "trigger": "those that come with a deployment are Appwrite's own",
        "deploymentId": "the active one, whichever that is",
        "status": "whether the domain leads here, which the server finds out",
        "logs": "what the server found out",
        "renewAt": "when its certificate is renewed",
    },
    declaring=_DECLARING,
    dangers=(Danger("RUL001", "warning", "a redirection to a URL without TLS", _in_the_open),),
)
