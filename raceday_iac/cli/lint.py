"""`raceday-iac lint`. It sends nothing, and with `--live` only reads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..errors import EXIT_ERROR, EXIT_OK
from ..linting.findings import Severity
from ..linting.judging import lint
from ..render.lines import print_json, print_lines
from ..render.lint_text import lint_document, lint_lines
from .lint_sources import configuration_of, first_day
from .options import Options


@dataclass(frozen=True)
class Asked:
    """The options of the command."""

    from_appwrite_json: Path | None
    begin: str
    live: bool
    verbose: bool


def run(options: Options, asked: Asked) -> int:
    """Look and report."""
    begin = first_day(asked.begin)
    report = lint(configuration_of(options, asked.from_appwrite_json), begin)
    if options.json:
        print_json(lint_document(report))
    else:
        print_lines(lint_lines(report, verbose=asked.verbose), color=options.color)
    return EXIT_ERROR if report.count(Severity.ERROR) else EXIT_OK
