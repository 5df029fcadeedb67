"""Variables of the project, which all its functions get. Appwrite manages them by key since 1.9; we choose their ids.

They are what variables of a function are, but for where they lie: secrets are compared by their fingerprint.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from ..model import limits
from ..model.address import Address
from ..model.limits import CUSTOM_ID, collated
from ..model.resource import Diagnostic, Fields, Live, Location, frozen
from ..model.secret import Secret
from . import variable
from .base import Call, Kind, Listing, Shape, listing, with_carried
from .fields import Beside, Called, Checked, Declaring, Work, body, canonical, carried
from .variable import SHAPE, VariableDeclaration

ROUTE = "/project/variables"
_LEFT_OUT = {
    "secret": "follows from the value: one from the environment is a secret",
    "resourceType": "always project",
    "resourceId": "always empty",
    "variableId": "made of the key",
}


def address_of(key: str) -> Address:
    return Address("project_variable", key)


def identity_of(key: str) -> str:
    """The id of a new one, always the same for a key: after a lost answer it can be looked for."""
    return key if CUSTOM_ID.fullmatch(key) else hashlib.sha256(key.encode()).hexdigest()[:36]


def parse(_owner: tuple[str, ...], raw: Mapping[str, Any]) -> Live:
    """A variable as the server describes it; a secret one without a value."""
    fields: dict[str, Any] = {"secret": bool(raw["secret"])}
    if not raw["secret"]:
        fields["value"] = str(raw["value"])
    kept = carried((VariableDeclaration,), ("key",), {*_LEFT_OUT, "key"}, raw)
    return Live(address_of(str(raw["key"])), frozen(fields), str(raw["$id"]), kept)


def _body(address: Address, fields: Fields) -> dict[str, Any]:
    return {"key": address.name, **body(VariableDeclaration, fields), "secret": fields["secret"]}


class _Requests:
    def create(self, address: Address, fields: Fields) -> Call:
        return Call("post", ROUTE, {"variableId": identity_of(address.name), **_body(address, fields)}, SHAPE)

    def update(self, address: Address, fields: Fields, live: Live) -> Call:
        return with_carried(Call("put", f"{ROUTE}/{live.remote_id}", _body(address, fields), SHAPE), live)

    def delete(self, address: Address, live: Live) -> Call:  # noqa: ARG002 - same shape for every kind
        return Call("delete", f"{ROUTE}/{live.remote_id}")

    def read(self, address: Address) -> Call:
        return Call("get", ROUTE, variable.by_key(address.name), listing("variables", SHAPE))


def rename(_old: Address, live: Live, name: str) -> Call:
    """The value stays on the server, which never shows a secret one."""
    return Call("put", f"{ROUTE}/{live.remote_id}", {"key": name}, SHAPE)


class _Declaring(Declaring):
    def put(self, work: Work, owner: tuple[str, ...], written: Mapping[str, Any], location: Location) -> None:  # noqa: ARG002
        address = address_of(str(written["key"]))
        model = variable.checked(work, address, str(written["key"]), written["value"], location)
        if model is not None:
            fields = {**canonical(model), "secret": isinstance(model.value, Secret)}
            work.put(address, fields, (), location, model)

    def called(self, live: Live, beside: Beside) -> Called:
        return Called(live.address, "variable", None, (live.address.name, beside.value_of(live)), {})

    def problems(self, stack: Checked) -> Iterator[Diagnostic]:
        """Too many variables for one function."""
        found = stack.desired.of_kind("project_variable")
        if len(found) > limits.FUNCTION_VARIABLES:
            said = f"{len(found)} are declared, but Appwrite passes to a function at most {limits.FUNCTION_VARIABLES}"
            yield Diagnostic(found[-1].location, "variables of the project", said)


KIND = Kind(
    name="project_variable",
    stage=48,
    plural="project variables",
    absent="variable_not_found",
    is_free_text=True,
    has_own_id=True,
    secret_field="value",
    is_read_by_code=True,
    found_in=variable.found_in,
    requests=_Requests(),
    rename=rename,
    folded=collated,
    folded_away="case, accents or blanks at its end",
    parse=parse,
    listing=Listing(ROUTE, "variables", Shape({**SHAPE.fields})),
    since="1.9.0",
    in_place=frozenset({"value", "fingerprint", "secret:on"}),
    routes=(f"POST {ROUTE}", f"PUT {ROUTE}/{{variableId}}"),
    left_out=_LEFT_OUT,
    declaring=_Declaring("project_variable", VariableDeclaration, '`stack.variables["KEY"] = …`'),
)
