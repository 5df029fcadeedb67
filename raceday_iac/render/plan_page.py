"""A plan as one HTML page: counts, what stands in its way, the picture, and every change under what it belongs to."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..diff import FieldWords, PartWords, field_text, value_text
from ..kinds import holds_others, kind_of
from ..model.address import Address, owners
from ..planning import Action, Change, Plan
from ..planning.changes import DECLARED, OBVIOUS
from .created import folded_kinds, has_values, is_member, members_table, values_of
from .graph import Card, Row, arrange, graph_svg
from .migration_text import FIRST_CHANGES, rehearsed_words
from .plan_text import SIGNS, UNMANAGED, counts_by_kind, forecast_words, nothing_to_do, summary
from .theme import TONES, ChangeRow, change_row, page, strongest

if TYPE_CHECKING:
    from ..applying.migrating import Example, Rehearsal
    from ..backup.manifest import Forecast


def plan_page(
    plan: Plan, where: str, kept: Forecast | None = None, rehearsed: Sequence[Rehearsal] | None = None
) -> str:
    """The whole page, with what is kept in a backup before, and what its migrations would do."""
    return page("plan.html", **plan_values(plan, where, kept), rehearsed=rehearsal_values(rehearsed or ()))


def plan_values(plan: Plan, where: str, kept: Forecast | None = None) -> dict[str, Any]:
    """What the template of the page shows, but for a rehearsal."""
    counts, folded = counts_by_kind(plan), folded_kinds(plan.changes)
    return {
        "title": f"Plan for {plan.environment}",
        "where": where,
        "refusals": [(each.message, each.hint) for each in plan.refusals],
        "nothing_to_do": nothing_to_do(plan) if plan.is_empty else "",
        "tiles": list(_tiles(plan)),
        "picture": "" if plan.is_empty else plan_svg(plan, where),
        "kept": forecast_words(kept) if kept is not None else None,
        "boxes": [_box(at, changes, folded) for at, changes in grouped(plan.changes).items()],
        "actions": [action for action in SIGNS if any(each[action] for each in counts.values())],
        "counts": list(counts.items()),
        "notes": plan.notes,
        "left_out": [f"{each.action} {each.address}" for each in plan.left_out],
        "unmanaged_title": UNMANAGED,
        "unmanaged": [str(each) for each in plan.unmanaged],
        "made_from": f"state {plan.lineage}, serial {plan.serial}" if plan.serial else "no state yet",
    }


def rehearsal_values(rehearsed: Sequence[Rehearsal]) -> list[dict[str, Any]]:
    """The same for what migrations would do."""
    return [
        {
            "address": str(each.address),
            "said": rehearsed_words(each),
            "problem": (each.problem.message, each.problem.hint) if each.problem is not None else None,
            "title": FIRST_CHANGES,
            "rows": [_example_row(example) for example in each.examples],
        }
        for each in rehearsed
    ]


def _example_row(example: Example) -> ChangeRow:
    action = _EXAMPLES[example.action]
    fields = tuple(
        FieldWords(name, value_text(example.before.get(name)), value_text(value))
        if action is Action.UPDATE
        else FieldWords(name, parts=(PartWords("", None, value_text(value)),))
        for name, value in example.after.items()
    )
    what = f"{example.id} in {example.collection}"
    return ChangeRow(f"{SIGNS[action]} {example.action}", TONES[action], what, fields)


_EXAMPLES = {str(each): each for each in (Action.CREATE, Action.UPDATE, Action.DELETE)}


def _tiles(plan: Plan) -> Iterator[tuple[int, str, str]]:
    """Number, word and tone."""
    counts = Counter(change.action for change in plan.changes)
    yield from ((counts[action], f"to {action}", TONES[action]) for action in SIGNS if counts[action])
    if plan.drifted:
        yield len(plan.drifted), "revert changes by others", "update"


@dataclass(frozen=True)
class Box:
    """The changes of what is shown together."""

    tone: str
    kind: str
    path: str
    counted: str
    rows: tuple[ChangeRow, ...]


def _box(at: Address, changes: Sequence[Change], folded: Collection[str]) -> Box:
    tone = strongest({TONES[each.action] for each in changes})
    counts = Counter(str(each.action) for each in changes)
    counted = ", ".join(f"{number} {action}" for action, number in counts.items())
    return Box(tone, at.kind, at.path, counted, tuple(_rows(at, changes, folded)))


def _rows(at: Address, changes: Sequence[Change], folded: Collection[str]) -> Iterator[ChangeRow]:
    """What needs words, one by one; then what is merely created or adopted, or goes with all of it, by action."""
    is_deleted = any(each.address == at and each.action is Action.DELETE for each in changes)
    plain = [each for each in changes if _is_plain(each) or (is_deleted and _merely_goes(each, at))]
    yield from (_row(each, at, folded) for each in changes if each not in plain)
    for action in dict.fromkeys(each.action for each in plain):
        groups: dict[str, list[str]] = defaultdict(list)
        for change in plain:
            if change.action is action:
                groups[change.address.kind].append(_chip(change, folded))
        by_kind = tuple((kind, tuple(names)) for kind, names in groups.items())
        yield ChangeRow(f"{SIGNS[action]} {action}", TONES[action], groups=by_kind)


def _is_plain(change: Change) -> bool:
    is_declared = change.action is Action.CREATE and change.reason == DECLARED
    is_plain = change.action is Action.ADOPT or (is_declared and (is_member(change) or not has_values(change)))
    return is_plain and not change.fields


def _chip(change: Change, folded: Collection[str]) -> str:
    """The name of what is one of many, and what it is."""
    if not has_values(change) or change.address.kind in folded:
        return change.address.name
    return " ".join(filter(None, members_table([change])[0]))


def _merely_goes(change: Change, at: Address) -> bool:
    return change.goes_with is not None and change.managed and change.address != at


def _row(change: Change, at: Address, folded: Collection[str]) -> ChangeRow:
    what = "" if change.address == at else f"{change.address.kind} {change.address.name}"
    if kind_of(change.address).is_code:
        what = "code"
    if change.action is Action.MOVE and change.origin is not None:
        what = f"{what or change.address.name} (was {change.origin.name})"
    said = "" if change.reason in OBVIOUS else change.reason
    company = f"deleted with {change.goes_with}" if change.goes_with is not None else ""
    drift = "somebody changed it on the server" if change.drifted and "server" not in said else ""
    tag, why = f"{SIGNS[change.action]} {change.action}", (company, said, drift)
    if has_values(change):
        values = tuple(
            FieldWords(name, parts=(PartWords("", None, reported),)) for name, reported in values_of(change, folded)
        )
        return ChangeRow(tag, TONES[change.action], what, values, why)
    return change_row(tag, TONES[change.action], what, change.fields, why)


# A plan as a graph: a card for each database, collection and function that changes, arrows for what comes first.


#: Rows of one card; what is destroyed is never among those that are only counted.
_ROWS = 12
_CARDS = 160
_LEGEND = (
    ("create", "create"),
    ("update", "update"),
    ("convert", "convert or migrate or undo"),
    ("destroy", "delete or replace"),
    ("deploy", "deploy"),
    ("state", "state only"),
    ("calm", "only its contents change"),
)


def plan_svg(plan: Plan, where: str) -> str:
    """The whole picture."""
    groups = grouped(plan.changes)
    shown = _most_urgent(groups)
    cards = [_card(at, changes) for at, changes in shown.items()]
    drawing = arrange(cards, _edges(plan.changes))
    tones = {row.tone for card in cards for row in card.rows if row.sign} | {card.tone for card in cards}
    actions = {str(each.action) for each in plan.changes}
    legend = [(tone, _legend_word(word, actions)) for tone, word in _LEGEND if tone in tones]
    more = f" · {len(groups) - len(shown)} more not drawn" if len(groups) > len(shown) else ""
    title = f"{plan.environment}: {nothing_to_do(plan).rstrip('.') if plan.is_empty else summary(plan)}"
    return graph_svg(drawing, title, f"{where}{more}", legend)


def _legend_word(word: str, actions: Collection[str]) -> str:
    """Of the actions that share a tone, those that the plan has."""
    return " or ".join(each for each in word.split(" or ") if each in actions) or word


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
    inside = owners(address)
    return inside[-1] if inside and not holds_others(address) else address


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
    urgent = [row for change in changes if _is_urgent(change) for row in _card_rows(change, at)]
    calm = [row for change in changes if not _is_urgent(change) for row in _card_rows(change, at)]
    room = max(0, _ROWS - len(urgent)) if len(urgent) + len(calm) > _ROWS else len(calm)
    left = len(calm) - room
    kept = urgent + calm[:room] + ([Row("", f"and {left} more", "calm")] if left > 0 else [])
    tone = strongest({TONES[each.action] for each in own})
    badge = " + ".join(dict.fromkeys(str(each.action) for each in own if each.action is not Action.SCHEDULE))
    return Card(str(at), at.path, at.kind, tone, tuple(kept), badge)


def _is_urgent(change: Change) -> bool:
    """Whether it is always drawn. What goes with its owner, which is drawn, only fills what room is left."""
    return TONES[change.action] == "destroy" and (change.goes_with is None or not change.managed)


def _card_rows(change: Change, at: Address) -> Iterator[Row]:
    sign, tone = SIGNS[change.action], TONES[change.action]
    if change.address != at:
        name = _name(change.address)
        reported = "; ".join((change.reason, *map(field_text, change.fields)))
        company = f" (with {change.goes_with})" if change.goes_with is not None else ""
        yield Row(sign, name, tone, f"{change.action} {change.address}{company}: {reported}")
        return
    if change.action is Action.SCHEDULE and not change.fields:
        yield Row(sign, "schedule, when its code is active", tone, change.reason)
    for field in change.fields:
        yield Row(sign, field_text(field), tone)


# A stack's dependencies as a picture: a card for each database, collection and function, with what lies in it.


_STACK_ROWS = 10


def stack_svg(graph: Mapping[Address, Sequence[Address]], *, everything: bool) -> str:
    """The picture of `graph`, which says what each resource needs. With `everything`, attributes and indexes too."""
    inside: dict[Address, list[Address]] = {}
    for address in graph:
        members = inside.setdefault(container(address), [])
        if address != container(address):
            members.append(address)
    cards = [_stack_card(at, members, None if everything else _STACK_ROWS) for at, members in _in_order(inside, graph)]
    edges = [
        (str(container(needed)), str(container(address)))
        for address, all_needed in graph.items()
        for needed in all_needed
        if container(needed) != container(address)
    ]
    counts = Counter(at.kind for at in inside)
    shown = sorted({kind_of(at).name: kind_of(at) for at in inside}.values(), key=lambda kind: kind.stage)
    said = ", ".join(f"{counts[each.name]} {each.name if counts[each.name] == 1 else each.plural}" for each in shown)
    # Cards are coloured by kind here, with the tones that the other pictures use for actions.
    legend = [(kind.tone, kind.name) for kind in shown]
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


def _stack_card(at: Address, members: Sequence[Address], limit: int | None) -> Card:
    rows = [Row("", _name(each), "calm", str(each)) for each in members]
    shown = rows if limit is None or len(rows) <= limit else rows[: limit - 1]
    more = [Row("", f"and {len(rows) - len(shown)} more", "calm")] if len(shown) < len(rows) else []
    return Card(str(at), at.path, at.kind, kind_of(at).tone, (*shown, *more))


def _name(address: Address) -> str:
    return "code" if kind_of(address).is_code else f"{address.kind} {address.name}"
