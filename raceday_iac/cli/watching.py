"""Looking at the health of a project again and again: on the terminal, for a monitoring system, and with alerts.

The address of a webhook is a secret: it is read from the environment here, and never shown. What was reported can be
remembered in a file, so that runs of a timetable report only what is new and what is over.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .. import files
from ..errors import IacError, ServerFaultError, ThrottledError, UnreachableError
from ..health.observations import Finding, Severity
from ..health.report import Report, changes, since
from ..health.watched import Alert
from ..model.secret import Secret, json_text, shown
from ..render.health_page import CONTENT_TYPE, health_metrics, health_page
from ..render.health_text import finding_document, generic_message, health_document, look_lines, slack_message
from ..render.lines import Line, print_lines, printable, tolerant, write
from .options import Options

# On the terminal, and as a page

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
            refused = (421, "text/plain; charset=utf-8", "This host name is not allowed here.\n")
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
        raise IacError(f"Port {port} of {HOST} cannot be used: {getattr(error, 'strerror', None) or error}.") from None
    server.daemon_threads = True
    return server


#: Shows a look, or why there was none.
Show = Callable[[Report | None, str], None]
#: What passes by itself: the watch goes on.
_PASSING = (UnreachableError, ServerFaultError, ThrottledError)
#: One look in vain is a slip; so many in a row are reported.
_IN_VAIN = 3


def watch(
    look: Callable[[], Report],
    view: AbstractContextManager[Show],
    interval: float,
    report_to: Callable[[Report], None] = lambda _report: None,
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
                report_to(last)
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
            print_lines([Line(f"the check failed: {problem}", "red")], color=options.color)
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


# Alerts

_MESSAGES = {"generic": generic_message, "slack": slack_message}
#: Seconds; whoever watches must not wait for a dead webhook.
_TIMEOUT = 10


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Following one would turn the message into a GET without it."""

    def redirect_request(self, *_args: Any, **_more: Any) -> None:
        return None


#: What was reported to each webhook last.
Reported = Mapping[str, Sequence[Finding]]
_UNSEEN = "project.unseen"


@dataclass
class Hooks:
    """The declared alerts whose address is known. Remembers what was reported to each last, in `memory` if there is
    one."""

    targets: Sequence[tuple[Alert, Secret]]
    memory: Path | None = None
    #: Sends a message, and says what went wrong.
    post: Callable[[Secret, Mapping[str, Any]], str] = field(default_factory=lambda: _post)
    _reported: dict[str, Sequence[Finding]] = field(default_factory=dict)

    @classmethod
    def of(
        cls, alerts: Sequence[Alert], variables: Mapping[str, str] = os.environ, memory: Path | None = None
    ) -> Hooks:
        """Raises IacError when there is nobody to notify, or an address cannot be one."""
        known = [(each, variables.get(each.url_env, "").strip()) for each in alerts]
        targets = [(each, Secret(url)) for each, url in known if url]
        if not targets:
            names = ", ".join(each.url_env for each in alerts)
            raise IacError(
                "There is no webhook to alert. "
                + (f"None of these variables is set: {names}." if names else "health.yaml declares no alerts."),
                hint="export the address of the webhook, or run without --alert",
            )
        for each, url in targets:
            if not _is_address(url.reveal()):
                raise IacError(f"The environment variable {each.url_env} does not hold an http(s) address.")
        hooks = cls(targets, memory)
        if memory is not None:
            hooks._reported.update(_remembered(memory))
        return hooks

    def notify(self, report: Report) -> None:
        """Send what is new for each. A webhook that does not take it is reported, and stops nothing."""
        for alert, url in self.targets:
            self._report(alert, url, report)
        self._remember()

    def tell_unseen(self, place: Report, problem: str) -> None:
        """Send that nobody could look at the project, which `place` names. Whether something of before is over nobody
        can know then."""
        unseen = Finding(
            _UNSEEN,
            Severity.ERROR,
            "project",
            shown(problem),
            "check that the server answers, and the scopes of the key",
        )
        for alert, url in self.targets:
            lasting = [each for each in self._reported.get(_name(place, alert), ()) if each.code != _UNSEEN]
            self._report(alert, url, replace(place, findings=(unseen, *lasting)))
        self._remember()

    def _report(self, alert: Alert, url: Secret, report: Report) -> None:
        name = _name(report, alert)
        found = since(self._reported.get(name, ()), report, alert.at)
        problem = self.post(url, _MESSAGES[alert.kind](report, found)) if found.is_any else ""
        if problem:
            _warn(f"the webhook in {alert.url_env} did not accept the alert: {problem}")
        else:
            self._reported[name] = report.findings

    def _remember(self) -> None:
        """A file that cannot be written stops nothing: then all of it is reported once more."""
        if self.memory is None:
            return
        reported = {name: [finding_document(each) for each in findings] for name, findings in self._reported.items()}
        try:
            files.write_named(self.memory, json_text({"format": 1, "kind": "told", "told": reported}), private=True)
        except OSError as error:
            _warn(f"what was reported cannot be written to {self.memory}: {error.strerror or error}")


def _name(report: Report, alert: Alert) -> str:
    """One memory may serve several environments."""
    return f"{report.environment} {alert.url_env} {alert.kind}"


def _remembered(memory: Path) -> Reported:
    """What a file remembers. Nothing without one; a damaged one is warned of, and everything is reported again."""
    try:
        content = json.loads(memory.read_text(encoding="utf-8"))
        if (content["format"], content["kind"]) != (1, "told"):
            raise ValueError
        return {str(name): [_finding(each) for each in findings] for name, findings in content["told"].items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        _warn(f"{memory} is not a file that --reported wrote, so everything counts as new")
        return {}


def _finding(document: Mapping[str, Any]) -> Finding:
    code, subject, message = (str(document[name]) for name in ("code", "subject", "message"))
    return Finding(code, Severity(document["severity"]), subject, message)


def _warn(problem: str) -> None:
    print(printable(f"Warning: {problem}"), file=sys.stderr)  # noqa: T201


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and url.isascii() and url.isprintable()


def _post(url: Secret, message: Mapping[str, Any]) -> str:
    """What went wrong, without the address; nothing when it was taken."""
    request = urllib.request.Request(
        url.reveal(),
        json.dumps(message).encode(),
        {"content-type": "application/json", "user-agent": "raceday-iac"},
        method="POST",
    )
    try:
        with urllib.request.build_opener(_NoRedirect).open(request, timeout=_TIMEOUT):
            return ""
    except urllib.error.HTTPError as error:
        return f"it answered {error.code}"
    except urllib.error.URLError as error:
        # The reason of a connection that failed is an OSError, whose text names no address.
        reason = error.reason
        return reason.strerror or type(reason).__name__ if isinstance(reason, OSError) else "it cannot be reached"
    except (OSError, ValueError) as error:
        return type(error).__name__
