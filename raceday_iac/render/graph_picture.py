"""A graph of cards as one SVG: no script, nothing loaded, light and dark."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape

from .graph_layout import GAP_X, HEAD, MARGIN, ROW, WIDTH, Arrow, Drawing, Placed
from .tones import STRENGTH, variables

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
