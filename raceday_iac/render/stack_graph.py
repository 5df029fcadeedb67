"""A stack's dependencies as a picture: a card for each database, collection and function, with what lies in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from ..model.address import Address
from .graph_layout import Card, Row, arrange
from .graph_picture import graph_svg
from .plan_graph import container

_ROWS = 10
#: Cards are coloured by kind here, with the tones that the other pictures use for actions.
_TONES = {"database": "state", "collection": "create", "function": "deploy"}


def stack_svg(graph: Mapping[Address, Sequence[Address]], *, everything: bool) -> str:
    """The picture of `graph`, which says what each resource needs. With `everything`, attributes and indexes too."""
    inside: dict[Address, list[Address]] = {}
    for address in graph:
        members = inside.setdefault(container(address), [])
        if address != container(address):
            members.append(address)
    cards = [_card(at, members, None if everything else _ROWS) for at, members in _in_order(inside, graph)]
    edges = [
        (str(container(needed)), str(container(address)))
        for address, all_needed in graph.items()
        for needed in all_needed
        if container(needed) != container(address)
    ]
    counts = Counter(at.kind for at in inside)
    said = ", ".join(f"{counts[kind]} {kind if counts[kind] == 1 else f'{kind}s'}" for kind in _TONES if counts[kind])
    legend = [(tone, kind) for kind, tone in _TONES.items() if counts[kind]]
    return graph_svg(arrange(cards, edges), "What depends on what", f"{said}; arrows lead to what needs it", legend)


def _in_order(
    inside: Mapping[Address, list[Address]], graph: Mapping[Address, Sequence[Address]]
) -> list[tuple[Address, list[Address]]]:
    """What is needed before what needs it, as far as no circle forbids it: a picture has a direction."""
    needs: dict[Address, set[Address]] = {at: set() for at in inside}
    for address, all_needed in graph.items():
        needs[container(address)].update(container(each) for each in all_needed if container(each) in inside)
    ordered: dict[Address, list[Address]] = {}

    def visit(at: Address, under_way: frozenset[Address]) -> None:
        for each in sorted(needs[at] - under_way - ordered.keys() - {at}):
            visit(each, under_way | {at})
        ordered.setdefault(at, inside[at])

    for at in inside:
        visit(at, frozenset())
    return list(ordered.items())


def _card(at: Address, members: Sequence[Address], limit: int | None) -> Card:
    rows = [Row("", _name(each), "calm", str(each)) for each in members]
    shown = rows if limit is None or len(rows) <= limit else rows[: limit - 1]
    more = [Row("", f"and {len(rows) - len(shown)} more", "calm")] if len(shown) < len(rows) else []
    return Card(str(at), at.path, at.kind, _TONES.get(at.kind, "calm"), (*shown, *more))


def _name(address: Address) -> str:
    return "code" if address.kind == "deployment" else f"{address.kind} {address.name}"
