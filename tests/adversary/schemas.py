"""What the cases about lost schema changes share: a server that loses them, and what must hold afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from second_copy import SecondCopy, disagreements

from .harness import Arena
from .losing import DB, at

#: What single reads would ask; from a stale cache they are never answered right.
SINGLES = ("/databases/*/collections/*/attributes/*", "/databases/*/collections/*/indexes/*")


def copy_of(arena: Arena, server: Any, collection: str = "c") -> SecondCopy:
    return SecondCopy(server, arena.site.project, arena.id("db"), collection)


def listed(arena: Arena) -> dict[str, Any]:
    """All collections as the list shows them, which no cache spoils."""
    found = arena.api.all(f"/databases/{arena.id('db')}/collections", "collections")
    return {each["$id"]: each for each in found}


def must_agree(arena: Arena, server: Any) -> None:
    """Documents are checked against what is listed, in every collection, and all of that is available."""
    differ = {name: disagreements(copy_of(arena, server, name), each) for name, each in listed(arena).items()}
    assert not any(differ.values()), f"documents do not know what is listed: {differ}"


def declared(*lines: str) -> str:
    """A stack of a collection `c` with these lines in it, and whatever they add to `db`."""
    return "".join([DB, '    c = db.collection("c", name="C")\n', *(f"    {each}\n" for each in lines)])


def broken(arena: Arena, ended: Any, *keys: str, collection: str = "c") -> None:
    """What a command says of a collection whose schema Appwrite has lost."""
    address = at(arena, "collection", collection)
    assert f"{address} is broken: Appwrite lists {', '.join(keys)} as available" in ended.text, ended
    assert f"raceday-iac apply --replace {address}" in ended.text, ended
    assert "apply again" not in ended.text, ended


@contextmanager
def stale(server: Any) -> Iterator[None]:
    """Reads of one attribute, index or collection come from a cache that stays as it is."""
    server.server.faults.stale_answers = {"*"}
    try:
        yield
    finally:
        server.server.faults.stale_answers = set()
