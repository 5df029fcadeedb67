"""The dependency graph of a stack, and its text forms. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..model.address import Address
from ..model.resource import Desired

_SMALL = ("attribute", "index")


def dependencies(desired: Desired, *, everything: bool) -> dict[Address, tuple[Address, ...]]:
    """What each resource needs. Without `everything`, attributes and indexes are left out."""
    kept = [address for address in desired.resources if everything or address.kind not in _SMALL]
    return {
        address: tuple(each for each in desired.resources[address].depends_on if each in desired.resources)
        for address in kept
    }


def as_text(graph: Mapping[Address, tuple[Address, ...]]) -> Iterator[str]:
    """One resource a line, with what it needs."""
    for address, needed in graph.items():
        arrow = f" → {', '.join(map(str, needed))}" if needed else ""
        yield f"{address}{arrow}"


def as_dot(graph: Mapping[Address, tuple[Address, ...]]) -> Iterator[str]:
    """Graphviz."""
    yield "digraph stack {"
    yield "  rankdir=LR; node [shape=box, fontname=sans-serif];"
    for address, needed in graph.items():
        yield f'  "{address}";'
        yield from (f'  "{address}" -> "{each}";' for each in needed)
    yield "}"


def as_mermaid(graph: Mapping[Address, tuple[Address, ...]]) -> Iterator[str]:
    """Mermaid, as Markdown viewers draw it."""
    names = {address: f"n{number}" for number, address in enumerate(graph)}
    yield "graph LR"
    for address, name in names.items():
        yield f'  {name}["{address}"]'
    for address, needed in graph.items():
        yield from (f"  {names[address]} --> {names[each]}" for each in needed if each in names)
