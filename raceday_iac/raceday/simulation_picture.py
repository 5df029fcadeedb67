"""A race day as one SVG picture that stands alone: a lane for each function now and in the legacy model, and what they
asked of Appwrite. Light and dark; needs nothing from anywhere."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from enum import StrEnum
from html import escape

from ..model.local_time import LocalTime
from ..render.theme import PICTURE_STYLE, Scale, midnights, offset_name, quiet_windows, ticks
from .simulation.day import conflicts, overlaps
from .simulation.ledger import Outcome, Run
from .simulation.report import DayReport

#: New Zealand's clock. In the quiet hours the functions finish gracefully.
NZ_TIME = LocalTime("Pacific/Auckland", (time(1), time(6)))
WIDTH = 1280.0
LEFT = 196.0
RIGHT = 24.0
#: Heights in pixels: of the lowest bar, of each one on top of it, and of a chart.
FLOOR_BAR = 12.0
NEXT_BAR = 5.0
CHART = 44.0
#: Nothing is drawn thinner than this, or it would vanish.
THINNEST = 1.0
#: Seconds that a column of a chart stands for, and how many columns a detail has.
COLUMN, COLUMNS_OF_DETAIL = 900.0, 60
#: Pixels that a label needs.
LABEL = 96.0
#: A day that had everything at once is not drawn to the sky.
MOST_LEVELS = 14


def timeline_svg(report: DayReport, *, begin: float | None = None, end: float | None = None) -> str:
    """The whole day, or a part of it, as an SVG document."""
    scale = Scale(
        report.begin if begin is None else begin,
        report.end if end is None else end,
        LEFT,
        WIDTH - LEFT - RIGHT,
    )
    parts, bottom = _stack(report, scale)
    height = bottom + 34
    title = f"Race day {day_name(report.day)}"
    if scale.is_detail:
        title += f", {clock(scale.begin)} to {clock(scale.end)}"
    return "".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH:g} {height:g}" role="img" class="timeline">',
            f"<title>{escape(title)}</title><style>{PICTURE_STYLE}</style>",
            f'<rect class="paper" width="{WIDTH:g}" height="{height:g}" rx="10"/>',
            *_background(scale, bottom),
            *parts,
            *_legend(title, scale),
            "</svg>",
        )
    )


def place_of(report: DayReport, instant: float) -> float:
    """Where an instant is in the picture of the whole day, as a share of its width."""
    return Scale(report.begin, report.end, LEFT, WIDTH - LEFT - RIGHT).x(instant) / WIDTH


def day_name(day: str) -> str:
    """`2025-07-17` as people say it; anything else as it is."""
    try:
        parsed = date.fromisoformat(day)
    except ValueError:
        return day
    return f"{parsed:%A} {parsed.day} {parsed:%B %Y}"


# The time axis of a race day: New Zealand's clock above, UTC below, the day boundary and the quiet window.


def clock(instant: float) -> str:
    """The time on New Zealand's clock."""
    return f"{datetime.fromtimestamp(instant, NZ_TIME.zone):%H:%M}"


def now_name(report: DayReport) -> str:
    """What the side that is compared with legacy is called."""
    return "Now, with locks" if report.options.get("locks", True) else "Now, without locks"


def busiest_hour(report: DayReport) -> tuple[float, float]:
    """The full hour in which the legacy model's runs met most often on a race: the one worth a closer look."""
    totals: dict[float, int] = defaultdict(int)
    for clash in conflicts(report.legacy_runs):
        totals[clash.begin // 3600 * 3600] += 1
    begin = max(totals, key=lambda hour: (totals[hour], -hour), default=report.begin)
    return begin, begin + 3600.0


def _stack(report: DayReport, scale: Scale) -> tuple[list[str], float]:
    """Everything below the axis, from top to bottom, and where it ends."""
    y = 66.0
    parts: list[str] = []
    if report.race_starts:
        parts += _race_starts(report.race_starts, scale, y)
        y += 22
    for heading, name, runs in (
        (now_name(report), "now", report.runs),
        ("Legacy schedules, modelled", "legacy", report.legacy_runs),
    ):
        y += 22
        parts.append(_text(heading, 14, y - 6, "heading"))
        if not scale.is_detail:
            parts.append(_text(_totals(report, name), LEFT + 48, y - 6, ""))
        for lane in lanes(runs):
            drawn, y = _draw_lane(lane, scale, y, name)
            parts += drawn
        y += 4
    for heading, now, legacy in _charts(report):
        drawn, y = _draw_chart(heading, now, legacy, scale, y + 18)
        parts += drawn
    return parts, y + 6


def _totals(report: DayReport, side: str) -> str:
    requests = report.appwrite_requests
    if side == "now":
        counts = (report.overlaps.with_locks, report.conflicts.with_locks, requests.total)
    else:
        counts = (report.overlaps.legacy, report.conflicts.legacy, requests.legacy)
    return "{:,} overlaps · {:,} conflicts · {:,} Appwrite requests".format(*counts)


# -- axis and ground


def _background(scale: Scale, bottom: float) -> Iterator[str]:
    top = 50.0
    for begin, end in quiet_windows(scale, NZ_TIME):
        left, right = scale.x(begin), scale.x(end)
        yield f'<rect class="quiet" x="{_n(left)}" y="{top:g}" width="{_n(right - left)}" height="{_n(bottom - top)}"/>'
        if right - left >= LABEL:
            yield _text("quiet window", (left + right) / 2, bottom - 6, "faint middle")
    for tick in ticks(scale, NZ_TIME.zone):
        yield f'<path class="grid" d="M{_n(scale.x(tick.instant))} {top:g}V{_n(bottom)}"/>'
        yield _text(tick.label, scale.x(tick.instant), 44, "middle")
    for tick in ticks(scale, UTC):
        yield f'<path class="axis" d="M{_n(scale.x(tick.instant))} {_n(bottom)}v5"/>'
        yield _text(tick.label, scale.x(tick.instant), bottom + 17, "faint middle")
    for instant in midnights(scale, NZ_TIME):
        x = scale.x(instant)
        yield f'<path class="midnight" d="M{_n(x)} {top:g}V{_n(bottom)}"/>'
        is_at_the_edge = x + LABEL > scale.right
        at, style = (x - 4, "faint end") if is_at_the_edge else (x + 4, "faint")
        yield _text("NZ date changes", at, 60, style)
    yield f'<path class="axis" d="M{_n(scale.left)} {_n(bottom)}H{_n(scale.right)}"/>'
    yield _text(offset_name(scale.begin, NZ_TIME), scale.left - 30, 44, "end strong")
    yield _text("UTC", scale.left - 30, bottom + 17, "end faint")


def _legend(title: str, scale: Scale) -> Iterator[str]:
    yield _text(title, 14, 22, "title")
    x = scale.right
    # From right to left, with room for each word in the widest of the usual fonts.
    for kind, label in (
        ("refused", "refused by the lock"),
        ("failed", "failed"),
        ("clash", "overlapping"),
        ("legacy", "legacy run"),
        ("now", "run"),
    ):
        yield _text(label, x, 22, "end")
        x -= 5.9 * len(label) + 17
        yield f'<rect class="{kind}" x="{_n(x)}" y="12.5" width="11" height="11" rx="2"/>'
        x -= 14


def _race_starts(starts: Iterable[float], scale: Scale, y: float) -> Iterator[str]:
    visible = sorted(start for start in starts if scale.begin <= start <= scale.end)
    marks = "".join(f"M{_n(scale.x(start))} {y:g}v12" for start in visible)
    yield _text("races start", LEFT - 12, y + 10, "end faint")
    yield f'<path class="start" d="{marks}"><title>{len(visible)} races</title></path>'


# -- lanes


def _draw_lane(lane: Lane, scale: Scale, y: float, ground: str) -> tuple[list[str], float]:
    """A lane with its name and bars; refused runs hang below the floor as ticks."""
    levels = min(lane.levels, MOST_LEVELS)
    floor = y + max(26.0, 8 + FLOOR_BAR + (levels - 1) * NEXT_BAR)
    visible = [each for each in lane.placed if each.run.end >= scale.begin and each.run.start < scale.end]
    if not visible:
        return [], y
    parts = [
        f'<path class="floor" d="M{_n(scale.left)} {_n(floor)}H{_n(scale.right)}"/>',
        _text(lane.function, LEFT - 12, floor - 11, "end strong"),
        _text(_lane_note(lane, visible), LEFT - 12, floor + 1, "end faint"),
    ]
    for kind in (Kind.RUN, Kind.CLASH, Kind.FAILED):
        path = "".join(_bars([each for each in visible if each.kind is kind], scale, floor))
        if path:
            parts.append(f'<path class="{ground if kind is Kind.RUN else kind}" d="{path}"/>')
    refused = "".join(f"M{_n(scale.x(each.run.start))} {_n(floor + 1)}v6" for each in visible if not each.run.worked)
    if refused:
        parts.append(f'<path class="refused-tick" d="{refused}"/>')
    return parts, floor + (10 if refused else 4)


def _lane_note(lane: Lane, visible: list[Placed]) -> str:
    """What a lane counts in view, in words."""
    shown = Lane(lane.function, tuple(visible), lane.levels)
    runs = len(visible) - shown.count(Kind.REFUSED)
    notes = [f"{runs:,} {'run' if runs == 1 else 'runs'}"]
    for kind, word in ((Kind.CLASH, "overlapping"), (Kind.REFUSED, "refused"), (Kind.FAILED, "failed")):
        if count := shown.count(kind):
            notes.append(f"{count:,} {word}")
    return ", ".join(notes)


def _bars(placed: Iterable[Placed], scale: Scale, floor: float) -> Iterator[str]:
    """The bars as one path; what touches on one level is joined."""
    by_level: dict[int, list[tuple[float, float]]] = defaultdict(list)
    for each in placed:
        left = max(scale.left, scale.x(each.run.start))
        right = min(scale.right, max(scale.x(each.run.end), left + THINNEST))
        by_level[min(each.level, MOST_LEVELS - 1)].append((left, right))
    for level, spans in sorted(by_level.items()):
        height = FLOOR_BAR if level == 0 else NEXT_BAR - 0.6
        top = floor - FLOOR_BAR - level * NEXT_BAR
        for left, right in _joined(spans):
            yield f"M{_n(left)} {_n(top)}h{_n(right - left)}v{_n(height)}h-{_n(right - left)}z"


def _joined(spans: Iterable[tuple[float, float]]) -> Iterator[tuple[float, float]]:
    current: tuple[float, float] | None = None
    for left, right in sorted(spans):
        if current and left <= current[1] + 0.15:
            current = (current[0], max(current[1], right))
            continue
        if current:
            yield current
        current = (left, right)
    if current:
        yield current


# -- charts

_Amounts = list[tuple[float, float]]


def _charts(report: DayReport) -> Iterator[tuple[str, _Amounts, _Amounts]]:
    yield "Appwrite requests", _requests(report.runs), _requests(report.legacy_runs)
    yield "Conflicts", _conflicts(report.runs), _conflicts(report.legacy_runs)


def _requests(runs: Iterable[Run]) -> _Amounts:
    return [((run.start + run.end) / 2, float(run.appwrite_requests)) for run in runs]


def _conflicts(runs: tuple[Run, ...]) -> _Amounts:
    return [(clash.begin, 1.0) for clash in conflicts(runs)]


def _draw_chart(heading: str, now: _Amounts, legacy: _Amounts, scale: Scale, y: float) -> tuple[list[str], float]:
    """Two rows of columns on one ground and one measure: legacy behind, now in front."""
    floor = y + CHART
    columns = [_binned(amounts, scale) for amounts in (legacy, now)]
    highest = max((max(each) for each in columns), default=0.0)
    seconds = (scale.end - scale.begin) / _columns_of(scale)
    per = f"per {seconds / 60:g} min" if seconds >= 60 else f"per {seconds:g} s"
    parts = [
        f'<path class="floor" d="M{_n(scale.left)} {_n(floor)}H{_n(scale.right)}"/>',
        _text(heading, LEFT - 12, floor - 22, "end strong"),
        _text(f"{per}, highest {highest:,.0f}", LEFT - 12, floor - 9, "end faint"),
    ]
    for values, ground in zip(columns, ("legacy", "now"), strict=True):
        path = "".join(_columns(values, highest, scale, floor))
        if path:
            parts.append(f'<path class="{ground}" d="{path}"/>')
    return parts, floor


def _binned(amounts: _Amounts, scale: Scale) -> list[float]:
    number = _columns_of(scale)
    bins = [0.0] * number
    for instant, amount in amounts:
        if scale.begin <= instant < scale.end:
            bins[int((instant - scale.begin) / (scale.end - scale.begin) * number)] += amount
    return bins


def _columns_of(scale: Scale) -> int:
    return COLUMNS_OF_DETAIL if scale.is_detail else max(1, round((scale.end - scale.begin) / COLUMN))


def _columns(values: list[float], highest: float, scale: Scale, floor: float) -> Iterator[str]:
    width = scale.width / len(values)
    for number, value in enumerate(values):
        if value:
            height = max(0.8, value / highest * CHART)
            left = scale.left + number * width + 0.6
            yield f"M{_n(left)} {_n(floor)}v-{_n(height)}h{_n(width - 1.2)}v{_n(height)}z"


# -- marks


def _text(content: str, x: float, y: float, style: str) -> str:
    css = f' class="{style}"' if style else ""
    return f'<text{css} x="{_n(x)}" y="{_n(y)}">{escape(content)}</text>'


def _n(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


# Where each run of a race day stands in its function's lane. Runs at the same time stand on each other, so the height
# of a lane is how many there were at once. In units of time; pixels are the picture's business.


#: From top to bottom, in the order of a day.
ORDER = (
    "daily-meetings",
    "daily-races",
    "daily-initial-data",
    "master-race-scheduler",
    "enhanced-race-poller",
    "race-data-poller",
    "single-race-poller",
    "batch-race-poller",
    "meeting-status-poller",
)


class Kind(StrEnum):
    """What a bar is drawn as."""

    RUN = "run"
    #: It started while another run of the function, or another poller of its races, was at work.
    CLASH = "clash"
    FAILED = "failed"
    REFUSED = "refused"


@dataclass(frozen=True)
class Placed:
    """One run in its lane; level 0 stands on the floor."""

    run: Run
    level: int
    kind: Kind


@dataclass(frozen=True)
class Lane:
    """All runs of one function."""

    function: str
    placed: tuple[Placed, ...]
    #: How many ran at once, at most; at least 1.
    levels: int

    def count(self, kind: Kind) -> int:
        return sum(each.kind is kind for each in self.placed)


def lanes(runs: Sequence[Run]) -> tuple[Lane, ...]:
    """One lane for each function that ran, in the order of a day."""
    later = {id(clash.second) for clash in overlaps(runs)}
    by_function: dict[str, list[Run]] = defaultdict(list)
    for run in runs:
        by_function[run.function].append(run)
    return tuple(_lane(name, by_function[name], later) for name in sorted(by_function, key=_place))


def _lane(function: str, runs: Iterable[Run], later: Collection[int]) -> Lane:
    placed: list[Placed] = []
    free: list[int] = []
    busy: list[tuple[float, int]] = []
    levels = 0
    for run in sorted(runs, key=lambda each: (each.start, each.end)):
        if not run.worked:
            placed.append(Placed(run, 0, Kind.REFUSED))
            continue
        while busy and busy[0][0] <= run.start:
            heapq.heappush(free, heapq.heappop(busy)[1])
        if not free:
            heapq.heappush(free, levels)
            levels += 1
        level = heapq.heappop(free)
        heapq.heappush(busy, (run.end, level))
        placed.append(Placed(run, level, _kind(run, later)))
    return Lane(function, tuple(placed), max(1, levels))


def _kind(run: Run, later: Collection[int]) -> Kind:
    if run.outcome in (Outcome.FAILED, Outcome.KILLED):
        return Kind.FAILED
    return Kind.CLASH if id(run) in later else Kind.RUN


def _place(function: str) -> tuple[int, str]:
    return (ORDER.index(function) if function in ORDER else len(ORDER), function)
