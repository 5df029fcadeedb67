"""Variables of functions and sites. Appwrite chooses their ids, so they are matched by key.

A secret's value never comes back. What is compared is a keyed fingerprint that only state knows.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias

from pydantic import Field, field_validator

from ..model import limits
from ..model.address import Address
from ..model.declarations import Declared, is_text
from ..model.limits import collated
from ..model.resource import Desired, Diagnostic, Fields, Live, Location, Resource, frozen
from ..model.secret import FromEnvironment, Lenient, Secret
from .base import Call, Kind, Shape, listing, with_carried
from .fields import (
    IDENTITY,
    Beside,
    Called,
    Declaring,
    Reading,
    Wire,
    Work,
    Writing,
    answered,
    body,
    canonical,
    carried,
)

Variables: TypeAlias = "Mapping[str, VariableDeclaration]"


def _revealed(value: str | Secret) -> str:
    return value.reveal() if isinstance(value, Secret) else value


class VariableDeclaration(Declared):
    """A variable; the value is plain text or a `Secret`."""

    key: Annotated[str, IDENTITY] = Field(min_length=1, max_length=limits.VARIABLE_KEY)
    value: Annotated[str | Secret, Wire(json=str, send=_revealed)]

    @field_validator("key")
    @classmethod
    def _names_a_variable(cls, key: str) -> str:
        if "=" in key or "\0" in key:
            raise ValueError(
                f"{limits.shown(key)} cannot be the name of an environment variable: it contains = or a NUL character"
            )
        return key

    @field_validator("value")
    @classmethod
    def _fits(cls, value: str | Secret) -> str | Secret:
        text = value.reveal() if isinstance(value, Secret) else value
        if not is_text(text):
            raise ValueError("its value is not valid text (UTF-8)")
        if "\0" in text:
            raise ValueError("its value has a NUL character, which no environment variable can hold")
        size = len(text.encode())
        if size > limits.VARIABLE_VALUE_BYTES:
            raise ValueError(
                f"a variable's value has at most {limits.VARIABLE_VALUE_BYTES} bytes of UTF-8 (Appwrite stores it "
                f"encrypted), this has {size}; split it over several variables, or pack it with the code"
            )
        return value


_LEFT_OUT = {
    "secret": "follows from the value: one from the environment is a secret",
    "resourceType": "part of the address",
    "resourceId": "part of the address",
    "variableId": "chosen by Appwrite; variables are known by their key",
}
SHAPE = Shape({"$id": str, "key": str, **answered(VariableDeclaration), "secret": bool})


#: What variables are called, by the kind that they lie in.
_KINDS = {"function": "variable", "site": "site_variable"}


def kind_in(owner: Address) -> str:
    """The kind of the variables of something."""
    return _KINDS[owner.kind]


def address_in(owner: Address, key: str) -> Address:
    return owner.child(kind_in(owner), key)


def declare(work: Work, owner: Address, given: Mapping[str, str | FromEnvironment], location: Location) -> Variables:
    """The variables of one, each checked."""
    found = {}
    for key, value in given.items():
        model = checked(work, address_in(owner, key), key, value, location)
        if model is not None:
            found[model.key] = model
    return found


def checked(
    work: Work, address: Address, key: str, value: str | FromEnvironment, location: Location
) -> VariableDeclaration | None:
    """One variable with its value; None after a complaint."""
    override = work.with_override(address, {"value": value})["value"]
    if isinstance(override, FromEnvironment):
        if override.name in work.variables:
            override = Secret(work.variables[override.name])
        elif isinstance(work.variables, Lenient):
            override = Secret("", override.name)
        else:
            message = f"its secret comes from the environment variable {override.name}, which is not set"
            work.problems.append(Diagnostic(location, str(address), message))
            return None
    return work.check(VariableDeclaration, {"key": key, "value": override}, address, location)


def put(work: Work, owner: Address, variable: VariableDeclaration, location: Location) -> None:
    """Add one variable to the wanted resources."""
    fields = {**canonical(variable), "secret": isinstance(variable.value, Secret)}
    work.put(address_in(owner, variable.key), fields, (owner,), location, variable)


def _body(address: Address, fields: Fields) -> dict[str, Any]:
    return {"key": address.name, **body(VariableDeclaration, fields), "secret": fields["secret"]}


@dataclass(frozen=True)
class _Requests:
    """`service` is the route of what has the variables."""

    service: str

    def listed(self, address: Address) -> str:
        return f"{self.service}/{address.parts[0]}/variables"

    def create(self, address: Address, fields: Fields) -> Call:
        # 1.9.4 requires an id and 1.8 ignores it.
        return Call("post", self.listed(address), {"variableId": "unique()", **_body(address, fields)}, SHAPE)

    def update(self, address: Address, fields: Fields, live: Live) -> Call:
        path = f"{self.listed(address)}/{live.remote_id}"
        return with_carried(Call("put", path, _body(address, fields), SHAPE), live)

    def delete(self, address: Address, live: Live) -> Call:
        return Call("delete", f"{self.listed(address)}/{live.remote_id}")

    def read(self, address: Address) -> Call:
        return Call("get", self.listed(address), by_key(address.name), listing("variables", SHAPE))

    def rename(self, old: Address, live: Live, name: str) -> Call:
        """The value stays on the server, which never shows a secret one."""
        return Call("put", f"{self.listed(old)}/{live.remote_id}", {"key": name}, SHAPE)


def by_key(key: str) -> dict[str, list[str]]:
    """Parameters of a list that is to have the variable of that key. 1.8 knows none, and lists all."""
    return {"queries": [json.dumps({"method": "equal", "attribute": "key", "values": [key]})]}


def found_in(address: Address, raw: Any) -> Any:
    """Appwrite chooses the ids of variables, so one is read from the list of all."""
    if "variables" not in raw:
        return raw
    return next((each for each in raw["variables"] if each["key"] == address.name), None)


_TELLING_KEY = re.compile(
    r"secret|token|passw(or)?d|passphrase|pwd|private[_-]?key|credential|(api|access|auth|encryption|service)[_-]?key"
    r"|connection[_-]?string",
    re.IGNORECASE,
)
#: A URL with a password in it, or a key of Appwrite or of a well-known service.
_TELLING_VALUE = re.compile(
    r"://[^/\s:@]*:[^/\s@]+@|\bstandard_[0-9a-f]{64}|-----BEGIN |\b[sr]k_live_|\bgh[pos]_\w{20}"
)


def looks_secret(key: str, value: str) -> bool:
    """Whether a variable's name or value looks like a secret."""
    return bool(_TELLING_KEY.search(key) or _TELLING_VALUE.search(value))


def read_file(raw: Mapping[str, Any], owner: Address, reading: Reading) -> None:
    """Files keep variables with their function or site: as a mapping, or as a list of key and value."""
    for name in ("vars", "variables"):
        for key, value, secret in _in_file(raw.get(name), f"{owner}: {name}", reading):
            address = address_in(owner, key)
            if address in reading.resources:
                reading.remark(address, f"is in the file twice; the value in {name} is used")
            hidden = secret or looks_secret(key, value)
            if hidden:
                reading.remark(address, "it is, or looks like, a secret: its value is not taken from the file")
            fields = {"secret": True} if hidden else {"secret": False, "value": value}
            reading.resources[address] = Live(address, frozen(fields))


def _in_file(given: Any, place: str, reading: Reading) -> Iterator[tuple[str, str, bool]]:
    """Key, value, and whether it is said to be secret."""
    if isinstance(given, Mapping):
        yield from ((str(key), _text(value), False) for key, value in given.items() if key)
        return
    for number, each in enumerate(given if isinstance(given, list) else ()):
        if isinstance(each, Mapping) and each.get("key"):
            yield str(each["key"]), _text(each.get("value")), bool(each.get("secret"))
        else:
            reading.remark(f"{place}[{number}]", "left out: it has no key")


def _text(value: Any) -> str:
    """A variable's value: variables are texts, whatever JSON made of them."""
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False)


class _Declaring(Declaring):
    def called(self, live: Live, beside: Beside) -> Called | None:  # noqa: ARG002
        """None: the call of its owner declares it."""
        return None

    def lost_in_file(self, resource: Resource, desired: Desired, to: Writing) -> Iterator[str]:  # noqa: ARG002
        """Nothing: the owner reports all of its variables."""
        yield from ()


def variables_of(owner: str, service: str) -> Kind:
    """Variables of a kind that has code. `service` is the route of its list."""
    name, requests = _KINDS[owner], _Requests(service)

    def parse(path: tuple[str, ...], raw: Mapping[str, Any]) -> Live:
        """A variable as the server describes it; a secret one without a value."""
        secret = bool(raw["secret"])
        fields: dict[str, Any] = {"secret": secret}
        if not secret:
            fields["value"] = str(raw["value"])
        kept = carried((VariableDeclaration,), ("key",), {*_LEFT_OUT, "key"}, raw)
        address = address_in(Address(owner, path[0]), str(raw["key"]))
        return Live(address, frozen(fields), str(raw["$id"]), kept)

    return Kind(
        name=name,
        stage=60,
        plural=name.replace("_", " ") + "s",
        absent="variable_not_found",
        owner=owner,
        is_free_text=True,
        has_own_id=True,
        secret_field="value",
        is_needed_by_code=True,
        answered_in=lambda raw: raw["vars"],
        found_in=found_in,
        requests=requests,
        rename=requests.rename,
        folded=collated,
        folded_away="case, accents or blanks at its end",
        parse=parse,
        # Secret to plain is refused by the server (variable_cannot_unset_secret): that is a replacement.
        in_place=frozenset({"value", "fingerprint", "secret:on"}),
        routes=(f"POST {service}/{{{owner}Id}}/variables", f"PUT {service}/{{{owner}Id}}/variables/{{variableId}}"),
        left_out=_LEFT_OUT,
        declaring=_Declaring(name, VariableDeclaration, f"`variables={{KEY: value}}` of a {owner}"),
        terraform_types=(f"appwrite_{owner}_variable",),
        terraform_path=(f"{owner}_id", "key"),
    )


KIND = variables_of("function", "/functions")
