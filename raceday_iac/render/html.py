"""Pages: what a template in `templates/` makes of plain values. They load nothing and run no script, and every text is
escaped; only pictures, which are made here, go in as they are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ..diff import FieldChange, FieldWords, field_words
from .theme import page_colours

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


def page(template: str, *, folder: Path = TEMPLATES, **values: Any) -> str:
    """A whole document. The template lies in `folder` or here."""
    return str(_environment(folder).get_template(template).render(colours=page_colours(), **values)) + "\n"


@cache
def _environment(folder: Path) -> Any:
    """Imported where it is used: most commands make no page. A value that a template lacks is an error."""
    import jinja2  # noqa: PLC0415

    return jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        loader=jinja2.FileSystemLoader([folder, TEMPLATES]),
        trim_blocks=True,
        lstrip_blocks=True,
    )
