"""Graphs: the cards of a plan as one SVG (no script, nothing loaded, light and dark), and the dependencies of a stack
as text, for Graphviz, and as Mermaid.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from math import isqrt

from ..kinds import kind_of
from ..model.address import Address, owner_of
from ..model.resource import Desired
from .theme import STRENGTH, variables

#: Characters of a line that fit, by their average width in the two sizes of type used.
_TITLE_FITS, _ROW_FITS = 33, 39
_TITLE, _LEGEND = 64, 26

_STYLE = (
    f"{variables('.graph')}"
    ".graph{width:100%;height:auto;display:block}"
    ".graph .paper{fill:var(--paper)}"
    ".graph text{font:12px system-ui,-apple-system,'Segoe UI',sans-serif;fill:var(--ink)}"
    ".graph .heading{font-size:17px;font-weight:650}.graph .sub{font-size:12px;fill:var(--faint)}"
    ".graph .name{font-weight:640;font-size:13px}.graph .kind{fill:var(--faint);font-size:10px}"
    ".graph .row{font:11px ui-monospace,SFMono-Regular,Menlo,monospace}"
    ".graph .badge{font-size:10px;font-weight:650;text-anchor:end}"
    ".graph .card{fill:var(--card);stroke:var(--line)}"
    ".graph .arrow{fill:none;stroke:var(--edge);stroke-width:1.4}.graph .tip{fill:var(--edge)}"
    + "".join(f".graph .{tone}{{fill:var(--{tone})}}" for tone in STRENGTH)
)


def graph_svg(drawing: Drawing, title: str, subtitle: str, legend: Iterable[tuple[str, str]] = ()) -> str:
    """The picture. `legend` names the tones that occur."""
    words = list(legend)
    top = _TITLE + (_LEGEND if words else 0)
    width = max(drawing.width, 10 * len(title) + 2 * MARGIN, 7 * len(subtitle) + 2 * MARGIN)
    height = drawing.height + top
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    return "".join(
        (
            f'<svg class="graph" xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{escape(title)}" '
            f'style="min-width:{width * 6 // 10}px;max-width:{width}px"><style>{_STYLE}</style>',
            f'<rect class="paper" width="{width}" height="{height}"/>',
            f'<text class="heading" x="{MARGIN}" y="32">{escape(title)}</text>',
            f'<text class="sub" x="{MARGIN}" y="51">{escape(subtitle)}</text>',
            *_legend(words),
            f'<g transform="translate(0 {top})">',
            *(part for arrow in drawing.arrows for part in _arrow(arrow, drawing)),
            *(part for placed in drawing.cards.values() for part in _card(placed)),
            "</g></svg>\n",
        )
    )


def _legend(words: Iterable[tuple[str, str]]) -> Iterator[str]:
    x = MARGIN
    for tone, word in words:
        yield f'<rect class="{tone}" x="{x}" y="66" width="10" height="10" rx="2.5"/>'
        yield f'<text class="sub" x="{x + 15}" y="75">{escape(word)}</text>'
        x += 7 * len(word) + 36


def _card(placed: Placed) -> Iterator[str]:
    card, x, y = placed.card, placed.x, placed.y
    yield f"<g><title>{escape(f'{card.kind} {card.title}')}</title>"
    yield f'<rect class="card" x="{x}" y="{y}" width="{WIDTH}" height="{card.height}" rx="8"/>'
    yield f'<path class="{card.tone}" d="{_side(x, y, card.height)}"/>'
    yield f'<text class="kind" x="{x + 16}" y="{y + 15}">{escape(card.kind)}</text>'
    if card.badge:
        yield f'<text class="badge {card.tone}" x="{x + WIDTH - 12}" y="{y + 15}">{escape(card.badge)}</text>'
    yield f'<text class="name" x="{x + 16}" y="{y + 31}">{escape(_fitting(card.title, _TITLE_FITS))}</text></g>'
    for number, row in enumerate(card.rows):
        at = y + HEAD + number * ROW + 12
        yield f"<g><title>{escape(row.full or row.text)}</title>"
        yield f'<text class="row {row.tone}" x="{x + 16}" y="{at}">{escape(row.sign)}</text>'
        style = "row destroy" if row.tone == "destroy" else "row"
        yield f'<text class="{style}" x="{x + 30}" y="{at}">{escape(_fitting(row.text, _ROW_FITS - 6))}</text></g>'


def _side(x: int, y: int, height: int) -> str:
    """The coloured left edge, as round as the card."""
    return f"M{x + 8} {y}h-1a7 7 0 0 0 -7 7v{height - 14}a7 7 0 0 0 7 7h1l-3 -4v-{height - 8}z"


def _fitting(text: str, characters: int) -> str:
    return text if len(text) <= characters else f"{text[: characters - 1]}…"


def _arrow(arrow: Arrow, drawing: Drawing) -> Iterator[str]:
    ways = [[_leaving(drawing.cards[each]), *_through(arrow.lanes.get(each, ()))] for each in arrow.sources]
    targets = [_entering(drawing.cards[each]) for each in arrow.targets]
    if len(ways) == 1 and len(targets) == 1:
        yield _way([*ways[0], targets[0]])
        yield _tip(*targets[0])
        return
    x = min(at for at, _ in targets) - GAP_X / 2
    ends = [way[-1] for way in ways] + targets
    y = sum(at for _, at in ends) / len(ends)
    yield from (_way([*way, (x, y)]) for way in ways)
    for target in targets:
        yield _way([(x, y), target])
        yield _tip(*target)
    yield f'<circle class="tip" cx="{x:.0f}" cy="{y:.0f}" r="4.5"/>'


def _leaving(placed: Placed) -> tuple[float, float]:
    return placed.x + WIDTH, placed.y + HEAD / 2


def _entering(placed: Placed) -> tuple[float, float]:
    return placed.x - 2.0, placed.y + HEAD / 2


def _through(lanes: Iterable[tuple[int, int]]) -> Iterator[tuple[float, float]]:
    """Each column is entered at its left edge and left at its right one, at the same height."""
    for x, y in lanes:
        yield x, y + 2
        yield x + WIDTH, y + 2


def _way(points: list[tuple[float, float]]) -> str:
    """A smooth line through points that it passes horizontally."""
    x, y = points[0]
    line = f"M{x:.0f} {y:.0f}"
    for to_x, to_y in points[1:]:
        bend = max(20.0, (to_x - x) / 2)
        line += f"C{x + bend:.0f} {y:.0f} {to_x - bend:.0f} {to_y:.0f} {to_x:.0f} {to_y:.0f}"
        x, y = to_x, to_y
    return f'<path class="arrow" d="{line}"/>'


def _tip(x: float, y: float) -> str:
    return f'<path class="tip" d="M{x + 1:.0f} {y:.0f}l-9 -4.5v9z"/>'


# Where the cards of a graph go: columns by dependency, and arrows without those that others already say. Pure.


WIDTH, GAP_X, GAP_Y = 268, 104, 18
HEAD, ROW, FOOT = 40, 19, 8
MARGIN = 24
#: What an arrow needs that passes through a column.
_LANE = 4
#: A column taller than this is continued in a second one beside it.
_TALLEST = 1500


@dataclass(frozen=True)
class Row:
    """One line in a card. `sign` is set apart; `full` is shown where a pointer rests on it."""

    sign: str
    text: str
    tone: str
    full: str = ""


@dataclass(frozen=True)
class Card:
    """A box: a thing, what kind it is, what happens in it."""

    key: str
    title: str
    kind: str
    tone: str
    rows: tuple[Row, ...] = ()
    badge: str = ""

    @property
    def height(self) -> int:
        return HEAD + (len(self.rows) * ROW + FOOT if self.rows else 0)


@dataclass(frozen=True)
class Placed:
    """A card and its upper left corner."""

    card: Card
    x: int
    y: int


@dataclass(frozen=True)
class Arrow:
    """From what comes first to what waits for it; several to several go through one knot. `lanes` are the points at
    which it enters the columns between, for each source."""

    sources: tuple[str, ...]
    targets: tuple[str, ...]
    lanes: Mapping[str, tuple[tuple[int, int], ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Drawing:
    """Everything in its place."""

    cards: Mapping[str, Placed]
    arrows: tuple[Arrow, ...]
    width: int
    height: int


@dataclass(frozen=True)
class _Slot:
    """A place in a column: for a card, or for an arrow that passes. `after` are the slots that it follows."""

    key: object
    height: int
    after: tuple[object, ...]
    card: Card | None = None


def arrange(cards: Sequence[Card], edges: Iterable[tuple[str, str]]) -> Drawing:
    """Place the cards. Edges go from what comes first; `cards` are in the order in which things happen, and an edge
    against that order is part of a circle and left out."""
    order = {card.key: number for number, card in enumerate(cards)}
    before: dict[str, set[str]] = {key: set() for key in order}
    for first, then in edges:
        if first in order and then in order and order[first] < order[then]:
            before[then].add(first)
    before = _without_detours(before)
    depths = _depths(before)
    arrows = list(_arrows(before))
    tied = {key for key, direct in before.items() if direct}.union(*before.values())
    points = _place(_layers([card for card in cards if card.key in tied], before, depths, arrows))
    placed = {key: Placed(card, *points[key]) for card in cards if (key := card.key) in tied}
    placed |= _beside_each_other([card for card in cards if card.key not in tied], list(placed.values()))
    with_lanes = (
        Arrow(
            arrow.sources, arrow.targets, {each: _lanes(number, each, arrow, depths, points) for each in arrow.sources}
        )
        for number, arrow in enumerate(arrows)
    )
    width = max((each.x for each in placed.values()), default=0) + WIDTH + MARGIN
    height = max((each.y + each.card.height for each in placed.values()), default=0) + MARGIN
    return Drawing(placed, tuple(with_lanes), width, height)


def _without_detours(before: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """Without edges that a longer way says too. Keys are in order, so what comes first is known already."""
    reached: dict[str, set[str]] = {}
    kept: dict[str, set[str]] = {}
    for key, direct in before.items():
        indirect = set().union(*(reached[each] for each in direct)) if direct else set()
        kept[key] = direct - indirect
        reached[key] = direct | indirect
    return kept


def _depths(before: Mapping[str, set[str]]) -> dict[str, int]:
    """The number of each card's column."""
    depths: dict[str, int] = {}
    for key, direct in before.items():
        depths[key] = max((depths[each] + 1 for each in direct), default=0)
    return depths


def _arrows(before: Mapping[str, set[str]]) -> Iterator[Arrow]:
    """One knot for what waits for the same several things."""
    together: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for key, direct in before.items():
        if direct:
            together[tuple(each for each in before if each in direct)].append(key)
    for sources, targets in together.items():
        if len(sources) > 1 and len(sources) + len(targets) > 3:
            yield Arrow(sources, tuple(targets))
        else:
            yield from (Arrow((source,), (target,)) for source in sources for target in targets)


def _passed(source: str, arrow: Arrow, depths: Mapping[str, int]) -> range:
    """The columns that an arrow passes through."""
    return range(depths[source] + 1, min(depths[each] for each in arrow.targets))


def _layers(
    cards: Sequence[Card], before: Mapping[str, set[str]], depths: Mapping[str, int], arrows: Sequence[Arrow]
) -> list[list[_Slot]]:
    layers: list[list[_Slot]] = [[] for _ in range(max(depths.values(), default=-1) + 1)]
    for card in cards:
        layers[depths[card.key]].append(_Slot(card.key, card.height, tuple(before[card.key]), card))
    for number, arrow in enumerate(arrows):
        for source in arrow.sources:
            last: object = source
            for layer in _passed(source, arrow, depths):
                key = (number, source, layer)
                layers[layer].append(_Slot(key, _LANE, (last,)))
                last = key
    return layers


def _lanes(
    number: int, source: str, arrow: Arrow, depths: Mapping[str, int], points: Mapping[object, tuple[int, int]]
) -> tuple[tuple[int, int], ...]:
    return tuple(points[number, source, layer] for layer in _passed(source, arrow, depths))


def _place(layers: Sequence[list[_Slot]]) -> dict[object, tuple[int, int]]:
    """The upper left corners. Each layer is ordered by what it follows, so that fewer arrows cross."""
    tallest = max((_height(column) for layer in layers for column in _columns(layer, _TALLEST)), default=0)
    points: dict[object, tuple[int, int]] = {}
    middles: dict[object, float] = {}
    x = MARGIN
    for layer in layers:
        ordered = sorted(layer, key=lambda slot: _mean([middles[each] for each in slot.after]))
        for column in _columns(ordered, _TALLEST):
            y = MARGIN + (tallest - _height(column)) // 2
            for slot in column:
                points[slot.key], middles[slot.key] = (x, y), y + slot.height / 2
                y += slot.height + GAP_Y
            x += WIDTH + GAP_Y
        x += GAP_X - GAP_Y
    return points


def _beside_each_other(cards: Sequence[Card], above: Sequence[Placed]) -> dict[str, Placed]:
    """Cards that no arrow touches: below the others and no wider than they are, or in a square where there are none."""
    slots = [_Slot(card.key, card.height, (), card) for card in cards]
    total = _height(slots)
    if above:
        width = max(each.x for each in above) + WIDTH - MARGIN
        limit = max(1, -(-total // max(1, (width + GAP_Y) // (WIDTH + GAP_Y))))
        top = max(each.y + each.card.height for each in above) + 2 * GAP_Y
    else:
        limit, top = max(160, isqrt(total * (WIDTH + GAP_Y) * 3 // 5)), MARGIN
    placed = {}
    for number, column in enumerate(_columns(slots, limit)):
        y = top
        for slot in column:
            if slot.card is not None:
                placed[slot.card.key] = Placed(slot.card, MARGIN + number * (WIDTH + GAP_Y), y)
            y += slot.height + GAP_Y
    return placed


def _mean(numbers: Sequence[float]) -> float:
    return sum(numbers) / len(numbers) if numbers else 0.0


def _columns(layer: list[_Slot], limit: int) -> list[list[_Slot]]:
    """A layer cut into columns of about the same height, none much higher than the limit."""
    wanted = -(-_height(layer) // limit) or 1
    share = _height(layer) / wanted
    columns: list[list[_Slot]] = [[]]
    for slot in layer:
        if columns[-1] and _height([*columns[-1], slot]) > share + slot.height / 2 and len(columns) < wanted:
            columns.append([])
        columns[-1].append(slot)
    return columns


def _height(column: Sequence[_Slot]) -> int:
    return sum(slot.height for slot in column) + GAP_Y * max(0, len(column) - 1)


def dependencies(desired: Desired, *, everything: bool) -> dict[Address, tuple[Address, ...]]:
    """What each resource needs, and each migration. Without `everything`, details are left out: a migration then needs
    what they lie in."""
    kept = [address for address in desired.resources if everything or not kind_of(address).is_detail]
    found = {
        address: tuple(each for each in desired.resources[address].depends_on if each in desired.resources)
        for address in kept
    }
    for at, migration in desired.migrations.items():
        # What it fills is there before it as well.
        places = (each for each in (*migration.needs, *migration.before) if each in desired.resources)
        found[at] = tuple(dict.fromkeys(each if each in found else owner_of(each) for each in places))
    return found


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
