"""Function variables. Appwrite chooses their ids, so they are matched by key.

A secret's value never comes back. What is compared is a keyed fingerprint that only state knows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..model.address import Address, variable_address
from ..model.limits import collated
from ..model.resource import Fields, Live, frozen
from ..model.secret import Secret
from .base import Call, Kind, Shape, listing

SHAPE = Shape({"$id": str, "key": str, "value": str, "secret": bool})


def parse(owner: tuple[str, ...], raw: Mapping[str, Any]) -> Live:
    """A variable as the server describes it; a secret one without a value."""
    secret = bool(raw["secret"])
    fields: dict[str, Any] = {"secret": secret}
    if not secret:
        fields["value"] = str(raw["value"])
    return Live(variable_address(owner[0], str(raw["key"])), frozen(fields), str(raw["$id"]))


def _body(address: Address, fields: Fields) -> dict[str, Any]:
    value = fields["value"]
    return {
        "key": address.name,
        "value": value.reveal() if isinstance(value, Secret) else value,
        "secret": fields["secret"],
    }


class _Requests:
    def create(self, address: Address, fields: Fields) -> Call:
        # 1.9.4 requires an id and 1.8 ignores it.
        body = {"variableId": "unique()", **_body(address, fields)}
        return Call("post", f"/functions/{address.parts[0]}/variables", body, SHAPE)

    def update(self, address: Address, fields: Fields, live: Live) -> Call:
        return Call("put", f"/functions/{address.parts[0]}/variables/{live.remote_id}", _body(address, fields), SHAPE)

    def delete(self, address: Address, live: Live) -> Call:
        return Call("delete", f"/functions/{address.parts[0]}/variables/{live.remote_id}")

    def read(self, address: Address) -> Call:
        return Call("get", f"/functions/{address.parts[0]}/variables", answer=listing("variables", SHAPE))


def rename(old: Address, live: Live, name: str) -> Call:
    """The value stays on the server, which never shows a secret one."""
    return Call("put", f"/functions/{old.parts[0]}/variables/{live.remote_id}", {"key": name}, SHAPE)


def found_in(address: Address, raw: Any) -> Any:
    """Appwrite chooses the ids of variables, so one is read from the list of all."""
    if "variables" not in raw:
        return raw
    return next((each for each in raw["variables"] if each["key"] == address.name), None)


KIND = Kind(
    name="variable",
    stage=60,
    owner="function",
    has_own_id=True,
    secret_field="value",
    is_needed_by_code=True,
    found_in=found_in,
    requests=_Requests(),
    rename=rename,
    folded=collated,
    parse=parse,
    # Secret to plain is refused by the server (variable_cannot_unset_secret): that is a replacement.
    in_place=frozenset({"value", "fingerprint", "secret:on"}),
)
