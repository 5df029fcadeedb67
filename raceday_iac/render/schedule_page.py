"""The timetable of a day as one HTML page: picture, next runs, findings about schedules. It loads nothing and runs no
script."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from html import escape
from typing import Any

from ..linting.expansion import Lane, Timetable
from ..linting.findings import Finding, Severity
from ..model.local_time import LocalTime
from .lines import Line
from .theme import PICTURE_STYLE, Scale, midnights, offset_name, page, quiet_windows, ticks

_CLASS = {Severity.ERROR: "broken", Severity.WARNING: "broken", Severity.INFO: "holds"}


def schedule_page(timetable: Timetable) -> str:
    """The whole page."""
    return page("schedule.html", **schedule_values(timetable))


def schedule_values(timetable: Timetable, now: datetime | None = None) -> dict[str, Any]:
    """What the template of the page shows. The picture marks `now`."""
    zone = timetable.local_time
    clock = f"; the page shows the time in {zone.timezone}, with UTC below the picture"
    return {
        "title": _title(timetable),
        "clock": "" if zone.is_utc else clock,
        "picture": schedule_svg(timetable, now),
        "after": zone.said(timetable.after),
        "lanes": [
            (each.function, lane_note(each), [zone.said(run) for run in each.following]) for each in timetable.lanes
        ],
        "findings": [_finding(each, zone) for each in timetable.findings],
    }


def _title(timetable: Timetable) -> str:
    return f"Schedules on {timetable.day:%A} {timetable.day.day} {timetable.day:%B %Y}"


def _finding(finding: Finding, local_time: LocalTime) -> dict[str, str]:
    severity = "answered" if finding.answered else finding.effective.value
    return {
        "severity": severity,
        "style": _CLASS[finding.effective] if severity != "info" else "faint",
        "code": finding.code,
        "function": finding.subject.partition(".")[2],
        "title": finding.title[:1].upper() + finding.title[1:],
        "message": finding.message,
        "answered": finding.answered,
        "first": local_time.said(finding.first) if finding.first else "",
    }


# The timetable of a day as one SVG picture that stands alone. Light and dark; needs nothing from anywhere.


WIDTH, LEFT, RIGHT, TOP = 1280.0, 280.0, 24.0, 58.0
LANE, BAR = 34.0, 14.0
#: Nothing is drawn thinner than this, or it would vanish.
THINNEST = 1.2


def schedule_svg(timetable: Timetable, now: datetime | None = None) -> str:
    """The whole day as an SVG document, with a line at `now`."""
    scale = Scale(timetable.begin.timestamp(), timetable.end.timestamp(), LEFT, WIDTH - LEFT - RIGHT)
    bottom = TOP + 12 + LANE * max(1, len(timetable.lanes))
    title = _title(timetable)
    lanes = [
        part for number, lane in enumerate(timetable.lanes) for part in _lane(lane, scale, TOP + 8 + LANE * number)
    ]
    return "".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH:g} {bottom + 34:g}" role="img" ',
            f'class="timeline"><title>{escape(title)}</title><style>{PICTURE_STYLE}</style>',
            f'<rect class="paper" width="{WIDTH:g}" height="{bottom + 34:g}" rx="10"/>',
            *_ground(scale, bottom, timetable.local_time),
            *lanes,
            *(_now(now, scale, bottom) if now is not None and timetable.begin <= now < timetable.end else ()),
            *_legend(title, scale),
            "</svg>\n",
        )
    )


def _ground(scale: Scale, bottom: float, local_time: LocalTime) -> Iterator[str]:
    top = TOP - 8
    for begin, end in quiet_windows(scale, local_time):
        left, right = scale.x(begin), scale.x(end)
        yield f'<rect class="quiet" x="{left:.1f}" y="{top:g}" width="{right - left:.1f}" height="{bottom - top:g}"/>'
        yield _text("quiet hours", (left + right) / 2, bottom - 5, "faint middle")
    for tick in ticks(scale, local_time.zone):
        yield f'<path class="grid" d="M{scale.x(tick.instant):.1f} {top:g}V{bottom:g}"/>'
        yield _text(tick.label, scale.x(tick.instant), 44, "middle")
    for tick in () if local_time.is_utc else ticks(scale, UTC):
        yield f'<path class="axis" d="M{scale.x(tick.instant):.1f} {bottom:g}v5"/>'
        yield _text(tick.label, scale.x(tick.instant), bottom + 17, "faint middle")
    for instant in midnights(scale, local_time):
        yield f'<path class="midnight" d="M{scale.x(instant):.1f} {top:g}V{bottom:g}"/>'
    yield f'<path class="axis" d="M{scale.left:.1f} {bottom:g}H{scale.right:.1f}"/>'
    yield _text(offset_name(scale.begin, local_time), scale.left - 24, 44, "end strong")
    if not local_time.is_utc:
        yield _text("UTC", scale.left - 24, bottom + 17, "end faint")


def _now(now: datetime, scale: Scale, bottom: float) -> Iterator[str]:
    x = scale.x(now.timestamp())
    yield f'<path class="start" d="M{x:.1f} {TOP - 8:g}V{bottom:g}"><title>now</title></path>'


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
        return f"started by {', '.join(lane.called_by)}" if lane.called_by else "not started automatically"
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


# The timetable of a day for a terminal and for machines: a timeline of half hours, and the next runs.


SLOT = timedelta(minutes=30)
_HEIGHTS = " ▁▂▃▄▅▆▇█"
_LABEL_EVERY = 6


def schedule_lines(timetable: Timetable) -> Iterator[Line]:
    """The picture first, then the runs."""
    names = (_zone(timetable), *(lane.function for lane in timetable.lanes))
    width = max(map(len, names)) + 2
    slots, zone = list(_slots(timetable)), timetable.local_time.timezone
    yield Line(
        f"{timetable.day:%A} {timetable.day.day} {timetable.day:%B %Y} in {zone}, half an hour a column",
        "bold",
    )
    yield Line()
    yield Line(f"{_zone(timetable):<{width}}{_axis(slots, timetable.local_time.zone)}", "bold")
    for lane in timetable.lanes:
        bars = "".join(_mark(lane, slot, timetable.local_time) for slot in slots)
        yield Line(f"{lane.function:<{width}}{bars}".rstrip(), "red" if lane.overlaps else "")
    if not timetable.local_time.is_utc:
        yield Line(f"{'UTC':<{width}}{_axis(slots, UTC)}", "dim")
    quiet = timetable.local_time.quiet_text
    yield Line(f"▁ to █: the share of it that a run may take{f' · quiet hours ({quiet})' if quiet else ''}", "dim")
    yield Line()
    yield from _next_runs(timetable, width)


def _next_runs(timetable: Timetable, width: int) -> Iterator[Line]:
    yield Line(f"Next runs after {timetable.local_time.said(timetable.after)}", "bold")
    for lane in timetable.lanes:
        yield Line(f"{lane.function:<{width}}{lane_note(lane)}")
        for instant in lane.following:
            yield Line(f"{'':<{width}}{timetable.local_time.said(instant)}", "dim")
        if lane.schedule and not lane.following:
            yield Line(f"{'':<{width}}none within four years", "dim")


def lane_note(lane: Lane) -> str:
    """What starts a function, and how long a run may take, in words."""
    parts = [f"{lane.schedule} UTC"] if lane.schedule else []
    if lane.called_by:
        parts.append(f"started by {', '.join(lane.called_by)}")
    if not parts:
        return "nothing starts it automatically"
    parts.append(f"timeout {lane.timeout} s")
    parts.append(f"lock expires after {lane.lock_expiry} s" if lane.lock_expiry else "no lock")
    if lane.overlaps:
        parts.append("OVERLAPS ITSELF")
    return ", ".join(parts)


def _slots(timetable: Timetable) -> Iterator[datetime]:
    instant = timetable.begin
    while instant < timetable.end:
        yield instant
        instant += SLOT


def _mark(lane: Lane, slot: datetime, local_time: LocalTime) -> str:
    """How much of half an hour a function may be at work."""
    taken = timedelta()
    for span in lane.spans:
        taken += max(timedelta(), min(span.end, slot + SLOT) - max(span.begin, slot))
    if not taken:
        return "·" if local_time.is_quiet(slot) else " "
    return _HEIGHTS[max(1, round(taken / SLOT * 8))]


def _axis(slots: list[datetime], zone: tzinfo) -> str:
    """A time every three hours."""
    text = ""
    for number in range(0, len(slots), _LABEL_EVERY):
        text += f"{slots[number].astimezone(zone):%H:%M}".ljust(_LABEL_EVERY)
    return text.rstrip()


def _zone(timetable: Timetable) -> str:
    names = dict.fromkeys(map(timetable.local_time.name_at, (timetable.begin, timetable.end)))
    return "/".join(names)


def schedule_document(timetable: Timetable) -> dict[str, Any]:
    return {
        "day": timetable.day.isoformat(),
        "begin": timetable.begin.isoformat(),
        "end": timetable.end.isoformat(),
        "timezone": timetable.local_time.timezone,
        "functions": [_document(lane, timetable.local_time.zone) for lane in timetable.lanes],
    }


def _document(lane: Lane, zone: tzinfo) -> dict[str, Any]:
    return {
        "function": lane.function,
        "schedule": lane.schedule or None,
        "startedBy": list(lane.called_by),
        "timeout": lane.timeout,
        "lockExpiry": lane.lock_expiry,
        "overlapsItself": lane.overlaps,
        "startsOnDay": lane.starts,
        "next": [
            {"utc": instant.isoformat(), "local": instant.astimezone(zone).isoformat()} for instant in lane.following
        ],
        "spans": [[span.begin.isoformat(), span.end.isoformat()] for span in lane.spans],
    }
