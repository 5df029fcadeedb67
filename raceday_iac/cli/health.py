"""`raceday-iac health`. It only ever reads: the connection that it holds can do nothing else."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path

from ..errors import (
    EXIT_DEGRADED,
    EXIT_INTERRUPTED,
    EXIT_OK,
    EXIT_UNHEALTHY,
    IacError,
    Interrupted,
    OutputError,
    ServerFaultError,
    ThrottledError,
    UnreachableError,
)
from ..health.findings import Severity
from ..health.report import Report, changes
from ..redaction import json_text, shown_document
from ..render.health_page import health_page
from ..render.health_prometheus import CONTENT_TYPE, health_metrics
from ..render.health_text import health_document, health_lines, health_markdown, look_lines
from ..render.lines import Line, print_json, print_lines, tolerant, write
from .health_hooks import Hooks
from .options import Options
from .recover import HealthContext, window_of
from .workspace import reader, write_file


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
    scenery = HealthContext.load(options, reading=True)
    hooks = Hooks.of(scenery.watched.alerts, memory=asked.told) if asked.alert else None
    try:
        return _look(options, asked, scenery, hooks, window)
    except IacError as error:
        # Whoever watches by these messages must not take silence for health.
        if hooks is not None and not isinstance(error, Interrupted | OutputError):
            hooks.tell_unseen(_nothing_of(scenery), error.message)
        raise


def _look(options: Options, asked: Asked, scenery: HealthContext, hooks: Hooks | None, window: timedelta | None) -> int:
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


def _nothing_of(scenery: HealthContext) -> Report:
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


def _watch(
    options: Options, asked: Asked, scenery: HealthContext, look: Callable[[], Report], hooks: Hooks | None
) -> int:

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

    with server_of(Looker(look, asked.interval), asked.serve or 0) as server:
        address = f"http://{HOST}:{server.server_address[1]}"
        if options.json:
            print_json({"serving": {"address": address}})
        else:
            print_lines([Line(f"Serving {address}/metrics, /health.json and / until Ctrl-C.")], color=options.color)
        server.serve_forever()
    return EXIT_OK


HOST = "127.0.0.1"
Answer = tuple[int, str, str]


class Looker:
    """Looks for everybody who asks: one at a time, and what was seen lately is good enough."""

    def __init__(
        self, look: Callable[[], Report], interval: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._look, self._interval, self._clock = look, interval, clock
        self._guard = threading.Lock()
        self._seen: tuple[float, Report | None, str] | None = None

    def report(self) -> tuple[Report | None, str]:
        """What was seen, or why nothing was."""
        with self._guard:
            if self._seen is None or self._clock() - self._seen[0] >= self._interval:
                try:
                    report, problem = self._look(), ""
                except IacError as error:
                    report, problem = None, error.message
                self._seen = (self._clock(), report, problem)
            return self._seen[1:]


def answer(path: str, looker: Looker) -> Answer:
    """Status, content type and body for a path."""
    if path == "/metrics":
        return 200, CONTENT_TYPE, health_metrics(looker.report()[0])
    if path not in ("/", "/health.json"):
        return 404, "text/plain; charset=utf-8", "There are /metrics, /health.json and /.\n"
    report, problem = looker.report()
    if path == "/health.json":
        content = {"health": health_document(report)} if report else {"error": {"message": problem}}
        return 200 if report else 503, "application/json", json.dumps({"format": 1, **content})
    if report is None:
        return 503, "text/plain; charset=utf-8", f"{problem}\n"
    return 200, "text/html; charset=utf-8", health_page(report)


def server_of(looker: Looker, port: int) -> ThreadingHTTPServer:
    """A server that listens on loopback; port 0 takes a free one. Raises IacError."""

    class Handler(BaseHTTPRequestHandler):
        server_version = "raceday-iac"
        sys_version = ""

        def do_GET(self) -> None:
            self._give()

        def do_HEAD(self) -> None:
            self._give(with_body=False)

        def _give(self, *, with_body: bool = True) -> None:
            # A page in a browser on this machine must not read this by a name of its own that leads here.
            name = (self.headers.get("host") or "").rpartition(":")[0]
            is_own = name in (HOST, "localhost", "")
            refused = (421, "text/plain; charset=utf-8", "This is not for that host.\n")
            status, kind, text = answer(self.path.partition("?")[0], looker) if is_own else refused
            content = text.encode()
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(content)))
            self.send_header("cache-control", "no-store")
            self.end_headers()
            if with_body:
                self.wfile.write(content)

        def log_message(self, *_args: object) -> None:
            """Nothing: standard error is for what is wrong."""

    try:
        server = ThreadingHTTPServer((HOST, port), Handler)
    except (OSError, OverflowError) as error:
        raise IacError(f"Port {port} of {HOST} cannot be had: {getattr(error, 'strerror', None) or error}.") from None
    server.daemon_threads = True
    return server


#: Shows a look, or why there was none.
Show = Callable[[Report | None, str], None]
#: What passes by itself: the watch goes on.
_PASSING = (UnreachableError, ServerFaultError, ThrottledError)
#: One look in vain is a slip; so many in a row are told.
_IN_VAIN = 3


def watch(
    look: Callable[[], Report],
    view: AbstractContextManager[Show],
    interval: float,
    tell: Callable[[Report], None] = lambda _report: None,
    tell_unseen: Callable[[str], None] = lambda _problem: None,
    times: int | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Report | None:
    """Until interrupted, or so many times. Returns the last report."""
    last: Report | None = None
    in_vain = 0
    with view as show:
        for number in count(1):
            try:
                last = look()
            except _PASSING as error:
                show(None, error.message)
                in_vain += 1
                if in_vain >= _IN_VAIN:
                    tell_unseen(error.message)
            else:
                in_vain = 0
                show(last, "")
                tell(last)
            if number == times:
                return last
            sleep(interval)
    return last


def view_of(options: Options) -> AbstractContextManager[Show]:
    """What fits where standard output leads."""
    if options.json:
        return nullcontext(_as_json)
    is_live = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
    return _live(options) if is_live else nullcontext(_as_lines(options))


def _as_json(report: Report | None, problem: str) -> None:
    """A line each, for programs that read a stream."""
    content = {"health": health_document(report)} if report else {"error": {"message": problem}}
    write(tolerant(sys.stdout), json_text({"format": 1, **content}, ascii_only=True) + "\n")


def _as_lines(options: Options) -> Show:
    before: Report | None = None

    def show(report: Report | None, problem: str) -> None:
        nonlocal before
        if report is None:
            print_lines([Line(f"could not look: {problem}", "red")], color=options.color)
            return
        print_lines(look_lines(report, changes(before, report)), color=options.color)
        before = report

    return show


@contextmanager
def _live(options: Options) -> Iterator[Show]:
    from rich.console import Console
    from rich.live import Live

    from ..render.health_text import health_view

    console = Console(no_color=not options.color or bool(os.environ.get("NO_COLOR")), highlight=False)
    before: Report | None = None
    with Live(console=console, screen=True, auto_refresh=False, vertical_overflow="ellipsis") as live:

        def show(report: Report | None, problem: str) -> None:
            nonlocal before
            before = report or before
            live.update(health_view(before, problem), refresh=True)

        yield show
