"""The one theme of all pages and pictures (colours of actions, verdicts and runs, light and dark), and pages from it.

A page is what a template in `templates/` makes of plain values. Pages load nothing and run no script, and every text is
escaped; only pictures, which are made here, go in as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ..diff import FieldChange, FieldWords, field_words
from ..drift import Standing
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
