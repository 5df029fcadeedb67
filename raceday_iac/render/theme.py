"""Colours of actions and verdicts, light and dark, for pages and pictures. Nothing is loaded from anywhere."""

from __future__ import annotations

from collections.abc import Mapping

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


_DAY_LIGHT = (
    "--paper:#ffffff;--ink:#1c2430;--faint:#667085;--line:#e4e7ec;--axis:#98a2b3;--quiet:#eef2f8;"
    "--now:#0f766e;--legacy:#9aa5b5;--clash:#d92d20;--failed:#9333ea;--refused:#d97706;--card:#f7f9fb"
)
_DAY_DARK = (
    "--paper:#12161d;--ink:#e6eaf0;--faint:#98a2b3;--line:#283040;--axis:#566074;--quiet:#1a2130;"
    "--now:#2dd4bf;--legacy:#5d6b80;--clash:#f97066;--failed:#c084fc;--refused:#fbbf24;--card:#1a202b"
)

PICTURE_STYLE = (
    f".raceday{{{_DAY_LIGHT};width:100%;height:auto;display:block}}"
    f"@media(prefers-color-scheme:dark){{.raceday{{{_DAY_DARK}}}}}"
    ".raceday text{font:11px system-ui,-apple-system,'Segoe UI',sans-serif;fill:var(--ink)}"
    ".raceday .title{font-size:16px;font-weight:650}"
    ".raceday .heading{font-size:12.5px;font-weight:650}"
    ".raceday .strong{font-weight:550}"
    ".raceday .faint{fill:var(--faint);font-size:10px}"
    ".raceday .middle{text-anchor:middle}.raceday .end{text-anchor:end}"
    ".raceday .paper{fill:var(--paper)}.raceday .quiet{fill:var(--quiet)}"
    ".raceday .grid,.raceday .floor{stroke:var(--line);fill:none}"
    ".raceday .axis{stroke:var(--axis);fill:none}"
    ".raceday .midnight{stroke:var(--ink);stroke-dasharray:4 3;fill:none}"
    ".raceday .start{stroke:var(--ink);stroke-width:.9;fill:none}"
    ".raceday .now{fill:var(--now)}.raceday .legacy{fill:var(--legacy)}"
    ".raceday .clash{fill:var(--clash)}.raceday .failed{fill:var(--failed)}"
    ".raceday .refused{fill:var(--refused)}"
    ".raceday .refused-tick{stroke:var(--refused);stroke-width:1.2;fill:none}"
)

PAGE_STYLE = (
    f":root{{color-scheme:light dark;{_DAY_LIGHT}}}"
    f"@media(prefers-color-scheme:dark){{:root{{{_DAY_DARK}}}}}"
    "*{box-sizing:border-box}"
    "body{margin:0 auto;max-width:1340px;padding:28px 30px 60px;background:var(--paper);color:var(--ink);"
    "font:14px/1.5 system-ui,-apple-system,'Segoe UI',sans-serif}"
    "h1{font-size:26px;margin:0 0 4px}h2{font-size:17px;margin:36px 0 10px}p{margin:4px 0}"
    ".faint{color:var(--faint)}"
    ".cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(230px,1fr));gap:14px;margin:22px 0 8px}"
    ".card{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:14px 16px}"
    ".card h3{font-size:13px;font-weight:600;margin:0;color:var(--faint)}"
    ".card .big{font-size:28px;font-weight:680;line-height:1.25}"
    ".card .good{color:var(--now)}.card .bad{color:var(--clash)}"
    ".pair{display:grid;grid-template-columns:52px 1fr auto;gap:2px 8px;align-items:center;margin-top:8px}"
    ".pair{font-size:12px}"
    ".pair i{display:block;height:8px;border-radius:4px;min-width:2px}"
    ".pair .l{background:var(--legacy)}.pair .n{background:var(--now)}"
    "figure{margin:10px 0;border:1px solid var(--line);border-radius:10px;overflow-x:auto}"
    "figure svg{min-width:900px}"
    ".tables{display:grid;gap:4px 34px;align-items:start}"
    ".tables{grid-template-columns:repeat(auto-fit,minmax(min(440px,100%),1fr))}"
    "table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}"
    "th,td{padding:5px 8px;border-bottom:1px solid var(--line);text-align:right;vertical-align:top}"
    "td:not(:first-child),th{white-space:nowrap}"
    "th{font-weight:600;font-size:12px;color:var(--faint)}th:first-child,td:first-child{text-align:left;padding-left:0}"
    "tfoot td{font-weight:650}"
    ".holds{color:var(--now);font-weight:650}.broken{color:var(--clash);font-weight:650}"
    "ul{padding-left:20px;margin:6px 0}li{margin:3px 0}"
)
