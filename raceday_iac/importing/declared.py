"""Live resources as calls of the stack language: what a person would have written to declare them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..model import stack as language
from ..model.address import Address, collection_address, database_address
from ..model.resource import Fields, Live
from ..model.stack import KEEP, FromEnvironment, Stack

#: Method of a collection's handle by attribute type, with the fields that are its own.
ATTRIBUTE_FIELDS: Mapping[str, tuple[str, ...]] = {
    "string": ("encrypt",),
    "integer": ("min", "max"),
    "float": ("min", "max"),
    "boolean": (),
    "datetime": (),
    "email": (),
    "url": (),
    "ip": (),
    "enum": (),
    "point": (),
    "line": (),
    "polygon": (),
}


@dataclass(frozen=True)
class Declared:
    """One call: the method, whose handle it is called on (None: the stack's own), and the arguments.

    What the language assumes anyway is left out of `keywords`.
    """

    address: Address
    method: str
    owner: Address | None = None
    positional: tuple[Any, ...] = ()
    keywords: Mapping[str, Any] = field(default_factory=dict)


def declared(
    live: Live, variables: Mapping[str, str | FromEnvironment] | None = None, arrays: Collection[str] = ()
) -> Declared:
    """The call that declares a resource. `variables` are a function's; `arrays` the array attributes of an index's
    collection. Raises ValueError for a type that the language does not have."""
    address, fields = live.address, live.fields
    if address.kind == "function":
        return Declared(address, "function", None, (address.path,), dict(_function(fields, variables or {})))
    if address.kind == "database":
        keywords = {"name": fields["name"], **_unless(True, enabled=fields["enabled"])}
        return Declared(address, "database", None, (address.path,), keywords)
    if address.kind == "collection":
        return Declared(address, "collection", database_address(address.parts[0]), (address.name,), _collection(fields))
    owner = collection_address(*address.parts[:2])
    if address.kind == "relationship":
        positional = (address.name, fields["relatedCollection"])
        return Declared(address, "relationship", owner, positional, _relationship(address, fields))
    if address.kind == "index":
        return Declared(address, "index", owner, (address.name, *fields["attributes"]), _index(fields, arrays))
    return Declared(address, str(fields["type"]), owner, *_attribute(address, fields))


def _function(fields: Fields, variables: Mapping[str, str | FromEnvironment]) -> Iterator[tuple[str, Any]]:
    yield from ((name, fields.get(name)) for name in ("name", "runtime", "specification"))
    yield from _unless("", schedule=fields.get("schedule")).items()
    yield "timeout", fields.get("timeout")
    yield from _unless((), **{name: fields.get(name, ()) for name in ("execute", "events", "scopes")}).items()
    yield from _unless(True, enabled=fields.get("enabled"), logging=fields.get("logging")).items()
    yield "entrypoint", fields.get("entrypoint")
    yield from _unless("", commands=fields.get("commands")).items()
    # The live code stays: an archive that somebody else packed is not a folder of ours.
    yield "code", KEEP
    yield from _unless((), ignore=fields.get("ignore", ())).items()
    if variables:
        yield "variables", variables


def _collection(fields: Fields) -> dict[str, Any]:
    return {
        "name": fields["name"],
        **_unless((), permissions=fields["permissions"]),
        **_unless(False, document_security=fields["documentSecurity"]),
        **_unless(True, enabled=fields["enabled"]),
    }


def _attribute(address: Address, fields: Fields) -> tuple[tuple[Any, ...], dict[str, Any]]:
    kind = str(fields["type"])
    if kind not in ATTRIBUTE_FIELDS:
        raise ValueError(f"the stack language has no attributes of type {kind!r}")
    if kind in ("point", "line", "polygon") and fields["array"]:
        raise ValueError(f"the stack language has no arrays of type {kind!r}")
    positional = [address.name]
    if kind in ("string", "enum"):
        positional.append(fields["size" if kind == "string" else "elements"])
    keywords = {
        **_unless(False, required=fields["required"]),
        **_unless(None, default=fields["default"]),
        **_unless(False, array=fields["array"]),
    }
    for name in ATTRIBUTE_FIELDS[kind]:
        keywords |= _unless(False if name == "encrypt" else None, **{name: fields.get(name)})
    return tuple(positional), keywords


def _relationship(address: Address, fields: Fields) -> dict[str, Any]:
    return {
        "type": fields["relationType"],
        **_unless(False, two_way=fields["twoWay"]),
        # By default the far side is called as this collection.
        **_unless(address.parts[1], two_way_key=fields["twoWayKey"]),
        **_unless("restrict", on_delete=fields["onDelete"]),
    }


def _index(fields: Fields, arrays: Collection[str]) -> dict[str, Any]:
    # The server itself gives array attributes their length (255); it may not be declared.
    pairs = zip(fields["attributes"], fields["lengths"], strict=True)
    lengths = [0 if name in arrays else length for name, length in pairs]
    return {
        **_unless("key", type=fields["type"]),
        **({"orders": fields["orders"]} if "DESC" in fields["orders"] else {}),
        **({"lengths": lengths} if any(lengths) else {}),
    }


def _unless(default: Any, /, **keywords: Any) -> dict[str, Any]:
    """The keywords that say something else than the language assumes."""
    return {name: value for name, value in keywords.items() if type(value) is not type(default) or value != default}


def build(name: str, calls: Sequence[Declared]) -> Stack:
    """The stack that the calls make. Owners must come before what they own."""
    stack = Stack(name)
    handles: dict[Address, language.Database | language.Collection] = {}
    for each in calls:
        target = stack if each.owner is None else handles[each.owner]
        handle = getattr(target, each.method)(*each.positional, **each.keywords)
        if isinstance(handle, language.Database | language.Collection):
            handles[each.address] = handle
    return stack
