"""`raceday-iac health`. It only ever reads."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import EXIT_DEGRADED, EXIT_OK, EXIT_UNHEALTHY
from ..health.findings import Severity
from ..health.report import Report
from ..render.health_json import health_document
from ..render.health_text import health_lines
from ..render.lines import print_json, print_lines
from .health_scene import Scenery, window_of
from .options import Options
from .workspace import reader


@dataclass(frozen=True)
class Asked:
    """The options of the command."""

    since: str


def run(options: Options, asked: Asked) -> int:
    """Look once, and say how it is."""
    window = window_of(asked.since)
    scenery = Scenery.load(options)
    with scenery.opened() as target:
        report = scenery.report(scenery.eye(target, reader(target), window))
    if options.json:
        print_json({"health": health_document(report)})
    else:
        print_lines(health_lines(report), color=options.color)
    return exit_code(report)


def exit_code(report: Report) -> int:
    """By the worst finding."""
    codes = {Severity.ERROR: EXIT_UNHEALTHY, Severity.WARNING: EXIT_DEGRADED}
    return codes[report.worst] if report.worst else EXIT_OK
