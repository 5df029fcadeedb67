"""`raceday-iac health`. It only ever reads: the connection that it holds can do nothing else."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ..errors import EXIT_DEGRADED, EXIT_INTERRUPTED, EXIT_OK, EXIT_UNHEALTHY, IacError, Interrupted, OutputError
from ..health.findings import Severity
from ..health.report import Report
from ..redaction import shown_document
from ..render.health_json import health_document
from ..render.health_markdown import health_markdown
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
    told: Path | None = None
    html: Path | None = None
    markdown: Path | None = None


def run(options: Options, asked: Asked) -> int:
    """Look once, and say how it is; or look again and again."""
    window = window_of(asked.since)
    if asked.serve is not None and (asked.watch or asked.alert or asked.html or asked.markdown):
        raise IacError("--serve goes with --since and --interval only.")
    if asked.told is not None and not asked.alert:
        raise IacError("--told remembers what --alert told, so it goes with --alert only.")
    scenery = Scenery.load(options, reading=True)
    hooks = Hooks.of(scenery.watched.alerts, memory=asked.told) if asked.alert else None
    try:
        return _look(options, asked, scenery, hooks, window)
    except IacError as error:
        # Whoever watches by these messages must not take silence for health.
        if hooks is not None and not isinstance(error, Interrupted | OutputError):
            hooks.tell_unseen(_nothing_of(scenery), error.message)
        raise


def _look(options: Options, asked: Asked, scenery: Scenery, hooks: Hooks | None, window: timedelta | None) -> int:
    with ExitStack() as stack:
        target = stack.enter_context(scenery.opened())
        eye = scenery.eye(target, reader(target), window)

        def look() -> Report:
            return scenery.report(eye)

        try:
            if asked.serve is not None:
                return _serve(options, asked, look)
            if asked.watch:
                return _watch(options, asked, scenery, look, hooks)
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


def _nothing_of(scenery: Scenery) -> Report:
    """The project, of which nothing was seen."""
    now, environment = datetime.now(UTC), scenery.workspace.environment
    return Report(now, now, environment.name, environment.endpoint, environment.project, (), ())


def _write(asked: Asked, report: Report) -> None:
    if asked.html is not None:
        write_file(asked.html, shown_document(health_page(report)))
    if asked.markdown is not None:
        write_file(asked.markdown, shown_document(health_markdown(report)))


def _tell(options: Options, asked: Asked, report: Report, hooks: Hooks | None) -> None:
    _write(asked, report)
    if options.json:
        print_json({"health": health_document(report)})
    else:
        print_lines(health_lines(report), color=options.color)
    if hooks is not None:
        hooks.tell(report)


def _watch(options: Options, asked: Asked, scenery: Scenery, look: Callable[[], Report], hooks: Hooks | None) -> int:
    from .health_watch import view_of, watch

    def tell(report: Report) -> None:
        _write(asked, report)
        if hooks is not None:
            hooks.tell(report)

    def tell_unseen(problem: str) -> None:
        if hooks is not None:
            hooks.tell_unseen(_nothing_of(scenery), problem)

    report = watch(look, view_of(options), asked.interval, tell, tell_unseen)
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
