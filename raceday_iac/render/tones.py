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
