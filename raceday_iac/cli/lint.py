"""`raceday-iac lint`. It sends nothing, and with `--live` only reads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..errors import EXIT_ERROR, EXIT_OK
from ..linting.facts import Offered
from ..linting.findings import Severity
from ..linting.judging import lint
from ..loading.environment import load_environment
from ..render.lines import print_json, print_lines
from ..render.lint_text import lint_document, lint_lines
from .lint_sources import acceptances_of, configuration_of, first_day
from .options import Options
from .target import opened
from .workspace import reader


@dataclass(frozen=True)
class Asked:
    """The options of the command."""

    from_appwrite_json: Path | None
    begin: str
    live: bool
    verbose: bool


def run(options: Options, asked: Asked) -> int:
    """Look and report."""
    begin, today = first_day(asked.begin), first_day("")
    configuration = configuration_of(options, asked.from_appwrite_json)
    accepted = acceptances_of(options) if asked.from_appwrite_json is None else ()
    report = lint(configuration, begin, _offered(options) if asked.live else None, accepted, today)
    if options.json:
        print_json(lint_document(report))
    else:
        print_lines(lint_lines(report, verbose=asked.verbose), color=options.color)
    return EXIT_ERROR if report.count(Severity.ERROR) else EXIT_OK


def _offered(options: Options) -> Offered:
    """What the environment's server offers, by a connection that can only read."""
    with opened(load_environment(options.stack, options.env), options) as target:
        facts = reader(target).snapshot((), functions=False).facts
    return Offered(facts.runtimes or None, facts.specifications or None)
