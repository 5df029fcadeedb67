"""A plan as a graph: a card for each database, collection and function that changes, arrows for what comes first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from ..diff.wording import field_text
from ..model.address import Address, collection_address, function_address
from ..planning import Action, Change, Plan
from .graph_layout import Card, Row, arrange
from .graph_picture import graph_svg
from .plan_words import SIGNS, nothing_to_do, summary
from .tones import TONES, strongest

#: Rows of one card; what is destroyed is never among those that are only counted.
_ROWS = 12
_CARDS = 160
_LEGEND = (
    ("create", "create"),
    ("update", "update"),
    ("convert", "convert"),
    ("destroy", "delete or replace"),
    ("deploy", "deploy"),
    ("state", "state only"),
    ("calm", "stays itself"),
)


def plan_svg(plan: Plan, where: str) -> str:
    """The whole picture."""
    groups = grouped(plan.changes)
    shown = _most_urgent(groups)
    cards = [_card(at, changes) for at, changes in shown.items()]
    drawing = arrange(cards, _edges(plan.changes))
    tones = {row.tone for card in cards for row in card.rows if row.sign} | {card.tone for card in cards}
    legend = [(tone, word) for tone, word in _LEGEND if tone in tones]
    more = f" · {len(groups) - len(shown)} more not drawn" if len(groups) > len(shown) else ""
    title = f"{plan.environment}: {nothing_to_do(plan).rstrip('.') if plan.is_empty else summary(plan)}"
    return graph_svg(drawing, title, f"{where}{more}", legend)


def _most_urgent(groups: dict[Address, list[Change]]) -> dict[Address, list[Change]]:
    """As many as can be drawn, in their order; of those with something that is destroyed, none is left out first."""
    order = sorted(groups, key=lambda at: all(TONES[each.action] != "destroy" for each in groups[at]))
    chosen = set(order[:_CARDS])
    return {at: changes for at, changes in groups.items() if at in chosen}


def grouped(changes: Iterable[Change]) -> dict[Address, list[Change]]:
    """Changes by the card that they are drawn in, in the order in which a card is first touched."""
    groups: dict[Address, list[Change]] = defaultdict(list)
    for change in changes:
        groups[container(change.address)].append(change)
    return dict(groups)


def container(address: Address) -> Address:
    """The database, collection or function that something is shown in."""
    if address.kind in ("attribute", "relationship", "index"):
        return collection_address(*address.parts[:2])
    return function_address(address.parts[0]) if address.kind in ("variable", "deployment") else address


def _edges(changes: Iterable[Change]) -> Iterator[tuple[str, str]]:
    by_key = {change.key: change for change in changes}
    for change in by_key.values():
        for required in (by_key[key] for key in change.requires if key in by_key):
            # Deletions wait for all that is made, whatever it is: an arrow from everything would say nothing.
            waits_for_all = change.action is Action.DELETE and not required.destroys
            first, then = container(required.address), container(change.address)
            if first != then and not waits_for_all:
                yield str(first), str(then)


def _card(at: Address, changes: list[Change]) -> Card:
    own = [each for each in changes if each.address == at]
    urgent = [row for change in changes if _is_urgent(change) for row in _rows(change, at)]
    calm = [row for change in changes if not _is_urgent(change) for row in _rows(change, at)]
    room = max(0, _ROWS - len(urgent)) if len(urgent) + len(calm) > _ROWS else len(calm)
    left = len(calm) - room
    kept = urgent + calm[:room] + ([Row("", f"and {left} more", "calm")] if left > 0 else [])
    tone = strongest({TONES[each.action] for each in own})
    badge = " + ".join(dict.fromkeys(str(each.action) for each in own if each.action is not Action.SCHEDULE))
    return Card(str(at), at.path, at.kind, tone, tuple(kept), badge)


def _is_urgent(change: Change) -> bool:
    """Whether it is always drawn. What goes with its owner, which is drawn, only fills what room is left."""
    return TONES[change.action] == "destroy" and (change.goes_with is None or not change.managed)


def _rows(change: Change, at: Address) -> Iterator[Row]:
    sign, tone = SIGNS[change.action], TONES[change.action]
    if change.address != at:
        name = "code" if change.address.kind == "deployment" else f"{change.address.kind} {change.address.name}"
        told = "; ".join((change.reason, *map(field_text, change.fields)))
        company = f" (with {change.goes_with})" if change.goes_with is not None else ""
        yield Row(sign, name, tone, f"{change.action} {change.address}{company}: {told}")
        return
    if change.action is Action.SCHEDULE and not change.fields:
        yield Row(sign, "schedule, when its code is active", tone, change.reason)
    for field in change.fields:
        yield Row(sign, field_text(field), tone)
