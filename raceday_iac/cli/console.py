"""`console`: the project of an environment in a browser, on this machine only.

Real environments are looked at through connections that can send nothing but GET, also where their state is kept. On
the embedded server things can be done as well; each by the same steps, lock and audit log as the command for it.
"""

from __future__ import annotations

import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
import webbrowser
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..applying import Applied, Event
from ..applying.migrating import Rehearsal, rehearse
from ..applying.scheduler import Observer
from ..audit import AuditLog, Inspection
from ..backup.manifest import Manifest
from ..console.project import Deployments, Outcome, Planned, Watched
from ..console.work import Task, Tasks
from ..drift import accept, classify
from ..errors import EXIT_INTERRUPTED, IacError, Interrupted, RefusedError, StaleError
from ..extensions import load_part
from ..files import write_private
from ..health.report import Report
from ..kinds.base import Call, Shape
from ..linting.expansion import Timetable
from ..loading.environment import load_environment
from ..model.address import function_address
from ..model.secret import Secret
from ..planning import Plan
from ..planning.build import must_be_managed
from ..provider import Provider, Reader
from ..provider.appwrite import AppwriteReader, Transport
from ..provider.protocol import Execution
from ..refresh.deployments import Remembered, line_of, read_deployments, server_now
from ..render.backup_text import kept_lines
from ..render.import_text import remark_lines
from ..render.lines import Line, print_lines
from ..render.plan_text import applied_lines
from ..state.document import State
from ..state.store import StateStore
from ..waiting import handled, is_interrupted
from .apply import claim_of, perform, rollback_to, what_is_left
from .health import HealthContext, watched_of
from .lint import configuration_of, timetable_for
from .options import Options, begin_changes, current, extensions_of
from .plan import kept_before, snapshot_of, where
from .workspace import (
    Target,
    Workspace,
    acceptances_of,
    answer,
    first_day,
    make_plan,
    must_run_here,
    provider,
    reader,
    require_same_project,
    server_folder,
)

if TYPE_CHECKING:
    from starlette.types import ASGIApp

app = typer.Typer()

HOST = "127.0.0.1"
#: Of the control routes: some object.
_CONTROL = Shape({}, {"total": int})
#: Files are read by one at a time: Python 3.11 cannot parse in two threads at once (mended in 3.11.8).
_FILES = threading.Lock()
#: Seconds after which a build that has not ended counts as abandoned.
_OLD = 3600.0
#: Seconds that answers which are under way have at the end, and that an open page has to ask how an apply ended.
_GRACE, _TO_BE_SHOWN = 2, 5
#: Seconds after which what waits looks whether an interrupt came: the system may give a signal to another thread than
#: the one that waits.
_LOOKS_UP = 0.5


@app.command("console")
def console(
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port to listen on; 0 takes a free one.")] = 0,
    in_browser: Annotated[bool, typer.Option("--open", help="Open the link in the browser of this machine.")] = False,
) -> int:
    """Serve the console until Ctrl-C."""
    options = current()
    project = LookedAt(options)
    if project.is_local:
        _start_server(project)
    project.place()
    token = secrets.token_urlsafe(24)
    with listening(port) as listener:
        chosen = listener.getsockname()[1]
        tasks = Tasks()
        link = f"http://{HOST}:{chosen}/{token}/"
        can = "read and write" if project.is_local else "read only"
        lines = [f"The console of environment {options.env} ({can}), until Ctrl-C:", f"  {link}"]
        answer(
            options, {"console": {"address": link, "environment": options.env, "readOnly": not project.is_local}}, lines
        )
        _serve(web_of(project, tasks, token, chosen), listener, tasks, options, link if in_browser else "")
    return EXIT_INTERRUPTED


class LookedAt:
    """See `console.project.Project`."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.settings = load_environment(options.stack, options.env)
        self._readers: dict[Target, AppwriteReader] = {}

    @property
    def environment(self) -> str:
        return self.options.env

    @property
    def is_local(self) -> bool:
        return self.settings.is_embedded

    @property
    def folder(self) -> Path:
        return self.options.state_folder

    def target(self) -> Target:
        """The server. An embedded one may have been started again meanwhile, at another port."""
        if not self.is_local:
            return Target(self.settings.endpoint, self.settings.project, self.settings.api_key())
        from ..devserver.daemon import status

        found = status(server_folder(self.options))
        if not found.running:
            raise IacError("The embedded server is not running.", hint="raceday-iac server start")
        require_same_project(found.project, self.settings)
        return Target(found.endpoint, found.project, Secret(found.key))

    def place(self) -> str:
        target = self.target()
        return f"project {target.project} at {target.endpoint}"

    def reader(self) -> Reader:
        """One for each server, so that its connections are used again."""
        target = self.target()
        if target not in self._readers:
            self._readers = {target: reader(target)}
        return self._readers[target]

    def plan(self) -> Planned:
        self.target()
        with _FILES:
            workspace = Workspace.load(self.options, reading=True, sending=False)
        with workspace.target() as server:
            state = workspace.read_state()
            plan = make_plan(workspace, state, reader(server))
            verdict = accept(classify(plan), acceptances_of(self.options), first_day(""))
            plan_id = snapshot_of(plan, workspace, server, state).id
            kept = kept_before(plan, workspace)
        return Planned(plan, workspace.desired, kept, where(plan, server), plan_id, verdict, datetime.now(UTC))

    def rehearse(self, planned: Planned, note: Callable[[str], None]) -> Sequence[Rehearsal]:
        return rehearse(planned.plan, planned.desired, self.reader(), lambda address, text: note(f"{address}: {text}"))

    def health(self) -> Report:
        self.target()
        with _FILES:
            context = HealthContext.load(self.options, reading=True)
        with context.workspace.target() as server:
            return context.report(context.collector(server, reader(server)))

    def watched(self) -> Watched:
        with _FILES:
            context = HealthContext.load(self.options, reading=True)
        config = watched_of(self.options, context.workspace.desired, context.rules)
        return Watched(context.rules, config, self.settings.schedules)

    def timetable(self) -> Timetable:
        with _FILES:
            return timetable_for(configuration_of(self.options, None))

    @contextmanager
    def states(self) -> Iterator[StateStore]:
        workspace = self._without_stack()
        with workspace.target() if self.settings.state.is_in_target else nullcontext():
            yield workspace.store

    def _without_stack(self) -> Workspace:
        return replace(Workspace.without_stack(self.options), reading=True)

    def audit(self) -> Inspection:
        log = AuditLog(self.options.state_folder)
        try:
            return log.inspect()
        except OSError as error:
            raise IacError(f"The audit log {log.file} cannot be read: {error.strerror or error}.") from None

    def deployments(self, function: str) -> Deployments:
        owner, connection = function_address(function), self.reader()
        with self.states() as store:
            remembered = Remembered.of(store.read(), owner)
        archives = self._without_stack().archives(connection)
        found = read_deployments(connection, archives, owner, remembered, _OLD)
        return Deployments(found, line_of(found, remembered), server_now(connection))


class AtHand:
    """See `console.project.Local`."""

    def __init__(self, project: LookedAt) -> None:
        self._project = project
        self._transports: dict[Target, Transport] = {}

    def apply(self, plan_id: str, observer: Observer) -> Outcome:
        options = self._project.options
        self._project.target()
        with _FILES:
            workspace = Workspace.load(options)
        with workspace.target() as server, workspace.store.locked("console"):
            state, connection = workspace.read_state(), provider(server)
            plan = make_plan(workspace, state, connection)
            if snapshot_of(plan, workspace, server, state).id != plan_id:
                raise StaleError("The plan has changed since it was shown.", unchanged=True)
            if is_interrupted():
                raise Interrupted("Interrupted before anything was sent.", unchanged=True)
            begun = time.monotonic()
            applied, manifest = _perform(workspace, plan, connection, state, _one_at_a_time(observer), plan_id)
            left = what_is_left(workspace, connection, applied, plan)
            if applied.complete:
                workspace.store.clear_journal()
            kept = tuple(line.text.strip() for line in kept_lines(manifest) if line.text)
            return Outcome(applied, left, time.monotonic() - begun, claim_of(plan), kept)

    def run(self, function: str, body: str) -> Execution:
        return provider(self._project.target()).execute(function, body, wait=True)

    def activate(self, function: str, deployment: str) -> None:
        options, owner = self._project.options, function_address(function)
        self._project.target()
        workspace = Workspace.without_stack(options)
        with workspace.target() as server, workspace.store.locked("console"):
            state, connection = workspace.read_state(), provider(server)
            must_be_managed(owner, state)
            plan = rollback_to(workspace, connection, state, owner, deployment)
            for refusal in plan.refusals:
                raise RefusedError(refusal.message, refusal.hint, unchanged=True)
            plan_id = snapshot_of(plan, workspace, server, state).id
            applied, _ = _perform(workspace, plan, connection, state, _say_nothing, plan_id)
            for _, error in applied.failed:
                raise error
            workspace.store.clear_journal()

    def control(self, method: str, path: str, values: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        target = self._project.target()
        if target not in self._transports:
            self._transports = {target: Transport(target.endpoint, target.project, target.key)}
        answer = None if method == "DELETE" else _CONTROL
        call = Call(method.lower(), f"/_dev/{path}", values or {}, answer)
        return self._transports[target].request(call) or {}

    def reset(self) -> None:
        from .server import reset_all, started

        options, settings = self._project.options, self._project.settings
        reset_all(options, settings)
        started(options, settings)

    def load(self, content: str) -> Sequence[str]:
        from .server import load_file, loaded_lines

        with TemporaryDirectory() as folder:
            file = Path(folder) / "appwrite.json"
            write_private(file, content)
            loaded, others, remarks = load_file(self._project.options, self._project.settings, file)
        return [line.text.strip() for line in (*loaded_lines(loaded, others), *remark_lines(remarks))]

    def change_document(self, path: tuple[str, str, str], data: Mapping[str, Any], unless_newer_than: str) -> None:
        provider(self._project.target()).change_document(*path, data, unless_newer_than=unless_newer_than)

    def command(self, words: Sequence[str], said: Callable[[str], None]) -> int:
        options = self._project.options
        chosen = ["--env", options.env, "--stack", str(options.stack), "--no-color"]
        chosen += [word for each in options.extensions for word in ("--extension", each)]
        program = [sys.executable, "-P", "-c", "from raceday_iac.cli.main import main; main()", *chosen, *words]
        # In a session of its own: an interrupt of the terminal comes once, by way of this process.
        process = subprocess.Popen(
            program,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        with process, handled(lambda _presses: process.send_signal(signal.SIGINT), signal.SIGINT):
            for line in process.stderr or ():
                said(line.rstrip())
            return process.wait()

    def create_document(self, path: tuple[str, str, str], data: Mapping[str, Any]) -> None:
        provider(self._project.target()).create_document(*path, data)

    def delete_document(self, path: tuple[str, str, str], unless_newer_than: str) -> None:
        provider(self._project.target()).remove_document(*path, unless_newer_than=unless_newer_than)


def _perform(
    workspace: Workspace, plan: Plan, connection: Provider, state: State, observer: Observer, plan_id: str
) -> tuple[Applied, Manifest | None]:
    """Carry out a plan that was agreed to. The console goes on after it."""
    watching = nullcontext(observer)
    return perform(workspace, plan, connection, state, watching, plan_id=plan_id, command="console")


def _say_nothing(_event: Event) -> None:
    pass


def _one_at_a_time(observer: Observer) -> Observer:
    """Events come from many threads."""
    lock = threading.Lock()

    def observe(event: Event) -> None:
        with lock:
            observer(event)

    return observe


# Serving


def web_of(project: LookedAt, tasks: Tasks, token: str, port: int) -> ASGIApp:
    """The console of a project as a web application."""
    from ..console import data, functions, pages, server, state
    from ..console.app import Part, application

    modules = (pages, functions, data, state, server)
    parts = [Part(each.PAGES, getattr(each, "DEEDS", ()), getattr(each, "LOOKS", {})) for each in modules]
    options = project.options
    parts += [load_part(each.console, options.stack) for each in extensions_of(options) if each.console]
    local = AtHand(project) if project.is_local else None
    return application(project, local, parts, tasks, token, port)


def _start_server(project: LookedAt) -> None:
    """The embedded server as a process of its own, unless it runs: its schedules go on when the console has ended."""
    must_run_here()
    from ..devserver.daemon import status
    from .server import started

    options = project.options
    if not status(server_folder(options)).running:
        endpoint = started(options, project.settings).endpoint
        print_lines([Line(f"Started the embedded server at {endpoint}.")], color=options.color, stream=sys.stderr)


@contextmanager
def listening(port: int) -> Iterator[socket.socket]:
    """A socket on this machine alone. Raises IacError."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
            listener.listen(64)
        except OSError as error:
            raise IacError(f"Port {port} of {HOST} cannot be used: {error.strerror or error}.") from None
        yield listener


@contextmanager
def served(web: ASGIApp, listener: socket.socket) -> Iterator[threading.Thread]:
    """Serve plain HTTP from a thread for as long as the block lasts. Nothing is logged."""
    import uvicorn

    config = uvicorn.Config(
        web,
        loop="asyncio",
        http="auto",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="console", daemon=True)
    thread.start()
    try:
        yield thread
    finally:
        server.should_exit = True
        thread.join(_GRACE)


def _serve(web: ASGIApp, listener: socket.socket, tasks: Tasks, options: Options, link: str) -> None:
    """Until Ctrl-C; a `link` is opened in the browser. What is being changed then ends as on the command line: what is
    under way is finished, nothing new is begun, and the pages are there to say so. A second Ctrl-C ends it."""
    # How long it takes to end depends on what is under way: an interrupt is not to be cut short by anybody else.
    begin_changes()
    with served(web, listener) as thread:
        try:
            with handled(_end, signal.SIGINT, signal.SIGTERM):
                if link and not webbrowser.open(link):
                    print_lines([Line("No browser could be opened on this machine.", "yellow")], stream=sys.stderr)
                while thread.is_alive():
                    thread.join(_LOOKS_UP)
        except Interrupted:
            _let_end(tasks, options)


def _end(_times: int) -> None:
    raise Interrupted("Ended.")


def _let_end(tasks: Tasks, options: Options) -> None:
    """Until what is being changed has ended, and its page has had time to be looked at."""

    def press(times: int) -> None:
        # The first one led here.
        tasks.interrupt(1 + times)
        raise Interrupted("Ended.")

    with suppress(Interrupted), handled(press, signal.SIGINT, signal.SIGTERM):
        ending = tasks.interrupt()
        for task in ending:
            print_lines([Line(f"{task.title}: waiting for its end.")], color=options.color, stream=sys.stderr)
        for task in ending:
            while not task.ended.wait(_LOOKS_UP):
                continue
            print_lines(_ended_lines(task), color=options.color, stream=sys.stderr)
        if any(task.shown.wait(_TO_BE_SHOWN) for task in ending):
            # The page asks for its style once it is there.
            time.sleep(_GRACE)


def _ended_lines(task: Task) -> Iterator[Line]:
    """How something ended that was interrupted."""
    if isinstance(task.result, Outcome):
        outcome = task.result
        yield from applied_lines(outcome.applied, outcome.left, outcome.seconds, outcome.claim)
    elif task.error is not None:
        yield Line(f"{task.title}: {task.error.message}", "red")
    else:
        yield Line(f"{task.title}: done.")
