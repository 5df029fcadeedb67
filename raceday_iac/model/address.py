"""The one identity of a resource: used in state, plan, journal, `--target` and messages."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Address:
    """Kind and path, written `function.daily-races` or `attribute.raceday-db/races/startTime`."""

    kind: str
    path: str

    def __str__(self) -> str:
        return f"{self.kind}.{self.path}"

    @property
    def parts(self) -> tuple[str, ...]:
        """The path's segments, outermost first. The key of a variable is free text, slashes and all."""
        return tuple(self.path.split("/", 1 if self.kind == "variable" else -1))

    @property
    def name(self) -> str:
        """The last segment: the id or key within its parent."""
        return self.parts[-1]

    def child(self, kind: str, name: str) -> Address:
        """The address of something that lies in this one."""
        return Address(kind, f"{self.path}/{name}")

    @classmethod
    def parse(cls, text: str) -> Address:
        """The reverse of `str`. Raises ValueError when there is no kind or no path."""
        kind, dot, path = text.partition(".")
        if not (kind and dot and path):
            raise ValueError(f"{text!r} is not an address; write kind.path, for example function.daily-races")
        return cls(kind, path)


def function_address(function: str) -> Address:
    return Address("function", function)


def variable_address(function: str, key: str) -> Address:
    return Address("variable", f"{function}/{key}")


def deployment_address(function: str) -> Address:
    return Address("deployment", function)


def database_address(database: str) -> Address:
    return Address("database", database)


def collection_address(database: str, collection: str) -> Address:
    return Address("collection", f"{database}/{collection}")


def member_address(kind: str, database: str, collection: str, key: str) -> Address:
    """Address of an attribute, relationship or index of a collection."""
    return Address(kind, f"{database}/{collection}/{key}")


def owners(address: Address) -> list[Address]:
    """The resources that an address lies in, outermost first."""
    if address.kind in ("variable", "deployment"):
        return [function_address(address.parts[0])]
    found = []
    if address.kind in ("collection", "attribute", "relationship", "index"):
        found.append(Address("database", address.parts[0]))
    if address.kind in ("attribute", "relationship", "index"):
        found.append(collection_address(*address.parts[:2]))
    return found
