"""`raceday-iac health`. It only ever reads: the connection that it holds can do nothing else."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from ..errors import EXIT_DEGRADED, EXIT_INTERRUPTED, EXIT_OK, EXIT_UNHEALTHY, IacError, Interrupted
from ..health.findings import Severity
from ..health.report import Report
from ..redaction import shown_document
from ..render.health_json import health_document
from ..render.health_page import health_page
from ..render.health_text import health_lines
from ..render.lines import Line, print_json, print_lines
from .health_hooks import Hooks
from .health_scene import Scenery, window_of
from .options import Options
from .workspace import reader
from .writing import write_file


@dataclass(frozen=True)
class Asked:
    """The options of the command."""

    since: str = ""
    watch: bool = False
    serve: int | None = None
    interval: float = 30
    alert: bool = False
    html: Path | None = None


def run(options: Options, asked: Asked) -> int:
    """Look once, and say how it is; or look again and again."""
    window = window_of(asked.since)
    if asked.serve is not None and (asked.watch or asked.alert or asked.html):
        raise IacError("--serve goes with --since and --interval only.")
    scenery = Scenery.load(options, reading=True)
    hooks = Hooks.of(scenery.watched.alerts) if asked.alert else None
    with ExitStack() as stack:
        target = stack.enter_context(scenery.opened())
        eye = scenery.eye(target, reader(target), window)

        def look() -> Report:
            return scenery.report(eye)

        try:
            if asked.serve is not None:
                return _serve(options, asked, look)
            if asked.watch:
                return _watch(options, asked, look, hooks)
        except Interrupted:
            # The way to end these two: nothing to complain of.
            return EXIT_INTERRUPTED
        report = look()
    _tell(options, asked, report, hooks)
    return exit_code(report)


def exit_code(report: Report) -> int:
    """By the worst finding."""
    codes = {Severity.ERROR: EXIT_UNHEALTHY, Severity.WARNING: EXIT_DEGRADED}
    return codes[report.worst] if report.worst else EXIT_OK


def _tell(options: Options, asked: Asked, report: Report, hooks: Hooks | None) -> None:
    if asked.html is not None:
        write_file(asked.html, shown_document(health_page(report)))
    if options.json:
        print_json({"health": health_document(report)})
    else:
        print_lines(health_lines(report), color=options.color)
    if hooks is not None:
        hooks.tell(report)


def _watch(options: Options, asked: Asked, look: Callable[[], Report], hooks: Hooks | None) -> int:
    from .health_watch import view_of, watch

    def tell(report: Report) -> None:
        if asked.html is not None:
            write_file(asked.html, shown_document(health_page(report)))
        if hooks is not None:
            hooks.tell(report)

    report = watch(look, view_of(options), asked.interval, tell)
    return exit_code(report) if report else EXIT_OK


def _serve(options: Options, asked: Asked, look: Callable[[], Report]) -> int:
    from .health_serve import HOST, Looker, server_of

    with server_of(Looker(look, asked.interval), asked.serve or 0) as server:
        address = f"http://{HOST}:{server.server_address[1]}"
        if options.json:
            print_json({"serving": {"address": address}})
        else:
            print_lines([Line(f"Serving {address}/metrics, /health.json and / until Ctrl-C.")], color=options.color)
        server.serve_forever()
    return EXIT_OK
