"""The files that pages name: the style sheet of all reports with what only the console has, a script, an icon."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from ..render.theme import TEMPLATES as REPORTS
from ..render.theme import page_colours

_FOLDER = Path(__file__).parent
TEMPLATES = _FOLDER / "templates"
_STATIC = _FOLDER / "static"


@cache
def files() -> dict[str, tuple[str, str]]:
    """Content and type of each, by name. Read once."""
    style = (page_colours(), _text(REPORTS / "page.css"), _text(_STATIC / "console.css"))
    return {
        "style.css": ("\n".join(style), "text/css"),
        "console.js": (_text(_STATIC / "console.js"), "text/javascript"),
        "icon.svg": (_text(_STATIC / "icon.svg"), "image/svg+xml"),
    }


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8")
