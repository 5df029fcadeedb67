"""The one theme of all pages and pictures (colours of actions, verdicts and runs, light and dark), what is made of it,
and the time axis of pictures.

A page is what a template in `templates/` makes of plain values. Pages load nothing and run no script, and every text is
escaped; only pictures, which are made here, go in as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo
from functools import cache
from pathlib import Path
from typing import Any

from ..diff import FieldChange, FieldWords, field_words
from ..drift import Standing
from ..model.local_time import LocalTime
from ..planning import Action

#: The tone of each action; `calm` is what stays, `state` what touches the state alone.
TONES: Mapping[Action, str] = {
    Action.CREATE: "create",
    Action.UPDATE: "update",
    Action.REPLACE: "destroy",
    Action.MOVE: "update",
    Action.CONVERT: "convert",
    Action.DELETE: "destroy",
    Action.DEPLOY: "deploy",
    Action.ACTIVATE: "deploy",
    Action.SCHEDULE: "deploy",
    Action.MIGRATE: "convert",
    Action.UNDO: "convert",
    Action.ADOPT: "state",
    Action.REFRESH: "state",
    Action.FORGET: "state",
}
#: The strongest first: what a card with several is coloured by.
STRENGTH = ("destroy", "convert", "update", "create", "deploy", "state", "calm")
STANDING_TONES: Mapping[Standing, str] = {
    Standing.CONFLICT: "destroy",
    Standing.CHANGED: "update",
    Standing.PENDING: "deploy",
    Standing.UNMANAGED: "calm",
}
_LIGHT = {
    "paper": "#ffffff",
    "card": "#ffffff",
    "wash": "#f6f8fa",
    "ink": "#1b2330",
    "faint": "#647084",
    "line": "#dfe4ea",
    "edge": "#a3aebd",
    "create": "#15803d",
    "update": "#a16207",
    "destroy": "#c81e1e",
    "convert": "#c2410c",
    "deploy": "#1d64c8",
    "state": "#64748b",
    "calm": "#94a3b8",
    "quiet": "#eef2f8",
    "now": "#0f766e",
    "legacy": "#9aa5b5",
    "clash": "#d92d20",
    "failed": "#9333ea",
    "refused": "#d97706",
}
_DARK = {
    "paper": "#0f141b",
    "card": "#161d27",
    "wash": "#131a23",
    "ink": "#e4e9f0",
    "faint": "#93a0b4",
    "line": "#2a3443",
    "edge": "#56637a",
    "create": "#4ade80",
    "update": "#facc15",
    "destroy": "#f87171",
    "convert": "#fb923c",
    "deploy": "#60a5fa",
    "state": "#94a3b8",
    "calm": "#64748b",
    "quiet": "#1a2130",
    "now": "#2dd4bf",
    "legacy": "#5d6b80",
    "clash": "#f97066",
    "failed": "#c084fc",
    "refused": "#fbbf24",
}


def _declared(colours: Mapping[str, str]) -> str:
    return ";".join(f"--{name}:{value}" for name, value in colours.items())


def variables(selector: str) -> str:
    """The style that gives `selector` its colours, by what the reader prefers."""
    return (
        f"{selector}{{color-scheme:light dark;{_declared(_LIGHT)}}}"
        f"@media(prefers-color-scheme:dark){{{selector}{{{_declared(_DARK)}}}}}"
    )


def strongest(tones: set[str]) -> str:
    """The tone that a reader must not miss."""
    return next((each for each in STRENGTH if each in tones), "calm")


def page_colours() -> str:
    """The colours of a page, and the classes that choose a tone."""
    return variables(":root") + "".join(f".t-{tone}{{--tone:var(--{tone})}}" for tone in STRENGTH)


# Colours and type of the race day's picture and page, light and dark. Nothing is loaded from anywhere.


#: Of pictures along an axis of time.
PICTURE_STYLE = (
    f"{variables('.timeline')}"
    ".timeline{width:100%;height:auto;display:block}"
    ".timeline text{font:11px system-ui,-apple-system,'Segoe UI',sans-serif;fill:var(--ink)}"
    ".timeline .title{font-size:16px;font-weight:650}"
    ".timeline .heading{font-size:12.5px;font-weight:650}"
    ".timeline .strong{font-weight:550}"
    ".timeline .faint{fill:var(--faint);font-size:10px}"
    ".timeline .middle{text-anchor:middle}.timeline .end{text-anchor:end}"
    ".timeline .paper{fill:var(--paper)}.timeline .quiet{fill:var(--quiet)}"
    ".timeline .grid,.timeline .floor{stroke:var(--line);fill:none}"
    ".timeline .axis{stroke:var(--edge);fill:none}"
    ".timeline .midnight{stroke:var(--ink);stroke-dasharray:4 3;fill:none}"
    ".timeline .start{stroke:var(--ink);stroke-width:.9;fill:none}"
    ".timeline .now{fill:var(--now)}.timeline .legacy{fill:var(--legacy)}"
    ".timeline .clash{fill:var(--clash)}.timeline .failed{fill:var(--failed)}"
    ".timeline .refused{fill:var(--refused)}"
    ".timeline .refused-tick{stroke:var(--refused);stroke-width:1.2;fill:none}"
)


TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class ChangeRow:
    """One change: a coloured tag, what it is about, its fields with both values, and why. Or, with `groups`, many
    things to which the same plain thing happens, by kind."""

    tag: str
    tone: str
    what: str = ""
    fields: tuple[FieldWords, ...] = ()
    why: tuple[str, ...] = ()
    groups: tuple[tuple[str, tuple[str, ...]], ...] = ()


def change_row(tag: str, tone: str, what: str, fields: Iterable[FieldChange], why: Iterable[str]) -> ChangeRow:
    """One change, with its fields in words."""
    return ChangeRow(tag, tone, what, tuple(map(field_words, fields)), tuple(why))


def page(template: str, *, folder: Path | tuple[Path, ...] = TEMPLATES, **values: Any) -> str:
    """A whole document. The template, and what it is made of, lies in `folder` (the first of them that has it) or
    here."""
    folders = folder if isinstance(folder, tuple) else (folder,)
    return str(_environment(folders).get_template(template).render(colours=page_colours(), **values)) + "\n"


@cache
def _environment(folders: tuple[Path, ...]) -> Any:
    """Imported where it is used: most commands make no page. A value that a template lacks is an error."""
    import jinja2  # noqa: PLC0415

    return jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        loader=jinja2.FileSystemLoader([*folders, TEMPLATES]),
        trim_blocks=True,
        lstrip_blocks=True,
    )


# The time axis of pictures: where an instant is drawn, round times on a clock, midnights and quiet hours. Instants are
# seconds since 1970.


_MINUTE = 60.0
_HOUR = 3600.0


@dataclass(frozen=True)
class Scale:
    """Instants to pixels."""

    begin: float
    end: float
    left: float
    width: float

    def x(self, instant: float) -> float:
        return self.left + (instant - self.begin) / (self.end - self.begin) * self.width

    def length(self, seconds: float) -> float:
        return seconds / (self.end - self.begin) * self.width

    @property
    def right(self) -> float:
        return self.left + self.width

    @property
    def is_detail(self) -> bool:
        """Whether it shows a few hours rather than a day."""
        return self.end - self.begin <= 4 * _HOUR


@dataclass(frozen=True)
class Tick:
    """An instant with its name."""

    instant: float
    label: str


def ticks(scale: Scale, zone: tzinfo) -> Iterator[Tick]:
    """Round times on a zone's clock: every second hour of a day, every ten minutes of a detail."""
    step = 10 * _MINUTE if scale.is_detail else _HOUR
    offset = datetime.fromtimestamp(scale.begin, zone).utcoffset() or timedelta()
    # Some zones are half an hour, or a quarter, away from full hours.
    apart = offset.total_seconds() % step
    for each in _every(step, scale.begin + apart, scale.end + apart):
        instant = each - apart
        clock = datetime.fromtimestamp(instant, zone)
        if scale.is_detail or clock.hour % 2 == 0:
            yield Tick(instant, f"{clock:%H:%M}")


def midnights(scale: Scale, local_time: LocalTime) -> Iterator[float]:
    """Where the date changes."""
    day = datetime.fromtimestamp(scale.begin, local_time.zone).date()
    while (instant := local_time.at(day, time()).timestamp()) <= scale.end:
        if instant >= scale.begin:
            yield instant
        day += timedelta(days=1)


def quiet_windows(scale: Scale, local_time: LocalTime) -> Iterator[tuple[float, float]]:
    """The stretches that are quiet, whatever the clock was changed to in them."""
    if local_time.quiet_hours is None:
        return
    begin: float | None = None
    for instant in _every(_MINUTE, scale.begin, scale.end):
        quiet = local_time.is_quiet(datetime.fromtimestamp(instant, local_time.zone))
        if quiet and begin is None:
            begin = instant
        elif not quiet and begin is not None:
            yield begin, instant
            begin = None
    if begin is not None:
        yield begin, scale.end


def offset_name(instant: float, local_time: LocalTime) -> str:
    """What the zone is called then, such as CET or CEST."""
    return local_time.name_at(datetime.fromtimestamp(instant, local_time.zone))


def _every(step: float, begin: float, end: float) -> Iterator[float]:
    instant = -(-begin // step) * step
    while instant <= end:
        yield instant
        instant += step
