"""The agenda of a day as one SVG picture that stands alone. Light and dark; needs nothing from anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC
from html import escape

from ..linting.agenda import Agenda, Lane
from .simulation_axis import NZ, Scale, midnights, offset_name, quiet_windows, ticks
from .simulation_style import PICTURE_STYLE

WIDTH, LEFT, RIGHT, TOP = 1280.0, 280.0, 24.0, 58.0
LANE, BAR = 34.0, 14.0
#: Nothing is drawn thinner than this, or it would vanish.
THINNEST = 1.2


def schedule_svg(agenda: Agenda) -> str:
    """The whole day as an SVG document."""
    scale = Scale(agenda.begin.timestamp(), agenda.end.timestamp(), LEFT, WIDTH - LEFT - RIGHT)
    bottom = TOP + 12 + LANE * max(1, len(agenda.lanes))
    title = f"Schedules on {agenda.day:%A} {agenda.day.day} {agenda.day:%B %Y}"
    lanes = [part for number, lane in enumerate(agenda.lanes) for part in _lane(lane, scale, TOP + 8 + LANE * number)]
    return "".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH:g} {bottom + 34:g}" role="img" ',
            f'class="raceday"><title>{escape(title)}</title><style>{PICTURE_STYLE}</style>',
            f'<rect class="paper" width="{WIDTH:g}" height="{bottom + 34:g}" rx="10"/>',
            *_ground(scale, bottom),
            *lanes,
            *_legend(title, scale),
            "</svg>\n",
        )
    )


def _ground(scale: Scale, bottom: float) -> Iterator[str]:
    top = TOP - 8
    for begin, end in quiet_windows(scale):
        left, right = scale.x(begin), scale.x(end)
        yield f'<rect class="quiet" x="{left:.1f}" y="{top:g}" width="{right - left:.1f}" height="{bottom - top:g}"/>'
        yield _text("quiet window", (left + right) / 2, bottom - 5, "faint middle")
    for tick in ticks(scale, NZ):
        yield f'<path class="grid" d="M{scale.x(tick.moment):.1f} {top:g}V{bottom:g}"/>'
        yield _text(tick.label, scale.x(tick.moment), 44, "middle")
    for tick in ticks(scale, UTC):
        yield f'<path class="axis" d="M{scale.x(tick.moment):.1f} {bottom:g}v5"/>'
        yield _text(tick.label, scale.x(tick.moment), bottom + 17, "faint middle")
    for moment in midnights(scale):
        yield f'<path class="midnight" d="M{scale.x(moment):.1f} {top:g}V{bottom:g}"/>'
    yield f'<path class="axis" d="M{scale.left:.1f} {bottom:g}H{scale.right:.1f}"/>'
    yield _text(offset_name(scale.begin), scale.left - 24, 44, "end strong")
    yield _text("UTC", scale.left - 24, bottom + 17, "end faint")


def _lane(lane: Lane, scale: Scale, y: float) -> Iterator[str]:
    floor = y + LANE - 12
    yield f'<path class="floor" d="M{scale.left:.1f} {floor:g}H{scale.right:.1f}"/>'
    yield _text(lane.function, LEFT - 12, floor - 9, "end strong")
    yield _text(_note(lane), LEFT - 12, floor + 3, "end faint")
    path = "".join(_bars(lane, scale, floor))
    if path:
        title = f"<title>{escape(f'{lane.function}: {_note(lane)}')}</title>"
        yield f'<path class="{_ground_of(lane)}" d="{path}">{title}</path>'


def _ground_of(lane: Lane) -> str:
    if lane.overlaps:
        return "clash"
    return "now" if lane.schedule else "legacy"


def _note(lane: Lane) -> str:
    if not lane.schedule:
        return f"started by {', '.join(lane.called_by)}" if lane.called_by else "not started by itself"
    return f"{lane.starts:,} {'run' if lane.starts == 1 else 'runs'}, up to {lane.lock_expiry or lane.timeout} s each"


def _bars(lane: Lane, scale: Scale, floor: float) -> Iterator[str]:
    for span in lane.spans:
        left = max(scale.left, scale.x(span.begin.timestamp()))
        right = min(scale.right, max(scale.x(span.end.timestamp()), left + THINNEST))
        yield f"M{left:.1f} {floor - BAR:g}h{right - left:.1f}v{BAR:g}h-{right - left:.1f}z"


def _legend(title: str, scale: Scale) -> Iterator[str]:
    yield _text(title, 14, 22, "title")
    x = scale.right
    # From right to left, with room for each word in the widest of the usual fonts.
    for kind, label in (("clash", "overlaps itself"), ("legacy", "started by others"), ("now", "by its schedule")):
        yield _text(label, x, 22, "end")
        x -= 5.9 * len(label) + 17
        yield f'<rect class="{kind}" x="{x:.1f}" y="12.5" width="11" height="11" rx="2"/>'
        x -= 14


def _text(text: str, x: float, y: float, style: str) -> str:
    return f'<text class="{style}" x="{x:.1f}" y="{y:.1f}">{escape(text)}</text>'
