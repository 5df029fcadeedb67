"""`raceday-iac schedule`. It sends nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from pathlib import Path

from ..errors import EXIT_OK, IacError
from ..linting.agenda import Agenda, agenda_of
from ..linting.judging import lint
from ..linting.nz import ZONE
from ..redaction import shown_document
from ..render.lines import print_json, print_lines
from ..render.schedule_page import schedule_page
from ..render.schedule_picture import schedule_svg
from ..render.schedule_text import schedule_document, schedule_lines
from .lint_sources import configuration_of, first_day
from .options import Options
from .writing import write_file


@dataclass(frozen=True)
class Asked:
    """The options of the command."""

    functions: Sequence[str]
    from_appwrite_json: Path | None
    begin: str
    number: int
    svg: Path | None
    html: Path | None


def run(options: Options, asked: Asked) -> int:
    """Show the day that was asked for, or today."""
    agenda = _agenda(options, asked)
    for path, content in ((asked.svg, schedule_svg), (asked.html, schedule_page)):
        if path is not None:
            write_file(path, shown_document(content(agenda)))
    if options.json:
        print_json(schedule_document(agenda))
    else:
        print_lines(schedule_lines(agenda), color=options.color)
    return EXIT_OK


def _agenda(options: Options, asked: Asked) -> Agenda:
    configuration = configuration_of(options, asked.from_appwrite_json)
    unknown = sorted(set(asked.functions) - {each.id for each in configuration.functions})
    if unknown:
        known = ", ".join(sorted(each.id for each in configuration.functions))
        raise IacError(f"There is no function {', '.join(unknown)}.", hint=f"functions: {known or 'none'}")
    now = datetime.now(UTC)
    day = first_day(asked.begin) if asked.begin else now.astimezone(ZONE).date()
    after = datetime.combine(day, time(), ZONE).astimezone(UTC) if asked.begin else now
    report = lint(configuration, after.date())
    about = tuple(each for each in report.findings if each.code.startswith("SCH"))
    return agenda_of(configuration, day, after, asked.number, asked.functions, about)
