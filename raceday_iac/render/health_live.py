"""The view that `health --watch` renews in place on a terminal: what is wrong stands on top, for it must not be cut."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ..health.report import Report
from .health_text import HEAD, finding_lines, headline, place_line, row_of, sections, style_of
from .lines import Line


def health_view(report: Report | None, problem: str = "") -> RenderableType:
    """Everything; with `problem`, why the newest look was in vain."""
    parts: list[RenderableType] = []
    if problem:
        parts.append(Text(f"Could not look: {problem}", style="bold red"))
    if report is None:
        return Group(*parts, Text("Nothing was seen yet.", style="dim"))
    parts += [_text(headline(report)), _text(place_line(report), "dim"), Text()]
    if report.findings:
        # What to do about them is said by a single look: here room is scarce.
        parts += [_text(next(iter(finding_lines(each)))) for each in report.findings]
        parts.append(Text())
    parts.append(_table("", HEAD, [(row_of(each, report.now), style_of(each, report)) for each in report.functions]))
    parts += [part for title, head, rows in sections(report) for part in (Text(), _table(title, head, rows))]
    parts.append(Text("\nWhat to do: raceday-iac health. Ctrl-C ends this.", style="dim"))
    return Group(*parts)


def _table(title: str, head: Sequence[str], rows: Iterable[tuple[Sequence[str], str]]) -> Table:
    made = Table(
        title=title or None,
        title_justify="left",
        title_style="bold",
        box=None,
        padding=(0, 2, 0, 0),
        header_style="dim",
    )
    for name in head:
        made.add_column(name, no_wrap=name != "", overflow="ellipsis")
    for cells, style in rows:
        made.add_row(*map(Text, cells), style=style)
    return made


def _text(line: Line, style: str = "") -> Text:
    return Text(line.text, style=style or line.style)
