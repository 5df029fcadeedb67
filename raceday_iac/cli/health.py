"""`health` and `recover`: how the project is, and the end of what is stuck.

`health` only ever reads: the connection that it holds can do nothing else. `recover` works under the lock of the state;
what it does is in the audit log before and after.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from ..applying.recorder import Recorder
from ..counting import counted
from ..errors import (
    EXIT_CHANGES,
    EXIT_DEGRADED,
    EXIT_ERROR,
    EXIT_INTERRUPTED,
    EXIT_OK,
    EXIT_UNHEALTHY,
    IacError,
    Interrupted,
    OutputError,
    ProviderError,
    StateError,
)
from ..extensions import load_part
from ..health.data import Rules, load_rules
from ..health.observations import Observation, Severity, StateLock
from ..health.observing import Collector, Place
from ..health.report import Report, evaluate, without_secrets
from ..health.watched import Declared, HealthConfig, read_span, read_watched
from ..loading.environment import load_environment
from ..loading.resolve import resolve
from ..loading.stack_file import load_stack
from ..loading.yaml_file import read_yaml_text
from ..model.resource import Desired
from ..model.secret import Lenient, shown, shown_document
from ..provider import Provider, Reader
from ..recovery.acting import RecoveryExecutor, carry_out
from ..recovery.planning import Done, Recovery, RecoveryInput, cleaned, plan_recovery
from ..refresh.deployments import Remembered, read_deployments
from ..render.executions import done_line, outcome_lines, recovery_document, recovery_lines
from ..render.health_page import health_page
from ..render.health_text import health_document, health_lines, health_markdown
from ..render.lines import print_json, print_lines
from .options import Options, begin_changes, current, extensions_of
from .recording import recorded_recovery
from .watching import HOST, Hooks, Looker, server_of, view_of, watch
from .workspace import AutoApprove, Target, Workspace, answer, confirmed, provider, reader, write_file

app = typer.Typer()

Interval = Annotated[
    float, typer.Option(metavar="SECONDS", min=1, help="Time between two checks of --watch or --serve.")
]


@app.command("health")
def health(
    since: Annotated[str, typer.Option(metavar="SPAN", help="How far back: 90m, 24h, 7d. Default: health.yaml.")] = "",
    watching: Annotated[bool, typer.Option("--watch", help="Check repeatedly, until Ctrl-C.")] = False,
    serve: Annotated[
        int | None,
        typer.Option(metavar="PORT", min=0, max=65535, help="Serve /metrics, /health.json and the page on 127.0.0.1."),
    ] = None,
    interval: Interval = 30,
    alert: Annotated[bool, typer.Option("--alert", help="Send new findings to the webhooks of health.yaml.")] = False,
    reported: Annotated[
        Path | None,
        typer.Option(
            "--reported",
            "--told",
            metavar="FILE",
            help="A file that remembers what --alert sent, so that only new and ended findings are sent.",
        ),
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Write the report as an HTML page.")] = None,
    markdown: Annotated[Path | None, typer.Option(help="Write the report as Markdown.")] = None,
) -> int:
    """Check the project once and report, or check it repeatedly."""
    options, window = current(), window_of(since)
    if serve is not None and (watching or alert or html or markdown):
        raise IacError("--serve can be combined only with --since and --interval.")
    if reported is not None and not alert:
        raise IacError("--reported has no effect without --alert.")
    context = HealthContext.load(options, reading=True)
    hooks = Hooks.of(context.watched.alerts, memory=reported) if alert else None
    files = _Files(html, markdown)
    try:
        with context.workspace.target() as target:
            collector = context.collector(target, reader(target), window)

            def look() -> Report:
                return context.report(collector)

            try:
                if serve is not None:
                    return _serve(options, Looker(look, interval), serve)
                if watching:
                    return _watch(options, context, look, interval, files, hooks)
            except Interrupted:
                # The way to end these two: nothing to complain of.
                return EXIT_INTERRUPTED
            report = look()
        files.write(report)
        answer(options, {"health": health_document(report)}, health_lines(report))
        if hooks is not None:
            hooks.notify(report)
        return exit_code(report)
    except IacError as error:
        # Whoever watches by these messages must not take silence for health.
        if hooks is not None and not isinstance(error, Interrupted | OutputError):
            hooks.tell_unseen(_nothing_of(context), error.message)
        raise


@dataclass(frozen=True)
class _Files:
    """Where the report is written each time."""

    html: Path | None
    markdown: Path | None

    def write(self, report: Report) -> None:
        if self.html is not None:
            write_file(self.html, shown_document(health_page(report)))
        if self.markdown is not None:
            write_file(self.markdown, shown_document(health_markdown(report)))


def _watch(
    options: Options,
    context: HealthContext,
    look: Callable[[], Report],
    interval: float,
    files: _Files,
    hooks: Hooks | None,
) -> int:
    def notify(report: Report) -> None:
        files.write(report)
        if hooks is not None:
            hooks.notify(report)

    def notify_unseen(problem: str) -> None:
        if hooks is not None:
            hooks.tell_unseen(_nothing_of(context), problem)

    report = watch(look, view_of(options), interval, notify, notify_unseen)
    return exit_code(report) if report else EXIT_OK


def _serve(options: Options, looker: Looker, port: int) -> int:
    with server_of(looker, port) as server:
        address = f"http://{HOST}:{server.server_address[1]}"
        text = f"Serving {address}/metrics, /health.json and / until Ctrl-C."
        answer(options, {"serving": {"address": address}}, [text])
        server.serve_forever()
    return EXIT_OK


def exit_code(report: Report) -> int:
    """By the worst finding."""
    codes = {Severity.ERROR: EXIT_UNHEALTHY, Severity.WARNING: EXIT_DEGRADED}
    return codes[report.worst] if report.worst else EXIT_OK


def _nothing_of(context: HealthContext) -> Report:
    """The project, of which nothing was seen."""
    now, environment = datetime.now(UTC), context.workspace.environment
    return Report(now, now, environment.name, environment.endpoint, environment.project, (), ())


@app.command("recover")
def recover(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would be done. Exit 2 if there is something to do.")
    ] = False,
    auto_approve: AutoApprove = False,
) -> int:
    """Check the project, show what is to be done, ask, and do it."""
    options = current()
    context = HealthContext.load(options, reading=dry_run)
    with ExitStack() as stack:
        target = stack.enter_context(context.workspace.target())
        if dry_run:
            recovery = cleaned(plan_recovery(_look(context, target, reader(target))), shown)
            answer(options, recovery_document(recovery), recovery_lines(recovery))
            return EXIT_CHANGES if recovery.steps else EXIT_OK
        stack.enter_context(context.workspace.store.locked("recover"))
        connection = provider(target)
        found = _look(context, target, connection)
        recovery = cleaned(plan_recovery(found), shown)
        # The document of --json has the outcome too.
        if not options.json:
            print_lines(recovery_lines(recovery), color=options.color)
        if recovery.steps and not auto_approve:
            look = "raceday-iac recover --dry-run --json" if options.json else ""
            if not confirmed(options, f"Do {counted(len(recovery.steps), 'step')}?", look):
                return EXIT_ERROR
        return _act(options, recovery, _executor(context, connection, found))


def _look(context: HealthContext, target: Target, connection: Reader) -> RecoveryInput:
    return _recovery_input(context, connection, context.collector(target, connection).look())


def _recovery_input(context: HealthContext, connection: Reader, observation: Observation) -> RecoveryInput:
    workspace = context.workspace
    state, archives = workspace.read_state(), workspace.archives(connection)
    old_after = context.watched.grace.build.total_seconds()
    classified = {
        each.id: read_deployments(connection, archives, live.address, Remembered.of(state, live.address), old_after)
        for each in observation.functions
        if (live := each.live) is not None
    }
    owned = {*workspace.desired.resources, *state.entries}
    return RecoveryInput(observation, context.watched, context.rules, classified, owned)


def _executor(context: HealthContext, connection: Provider, found: RecoveryInput) -> RecoveryExecutor:
    workspace = context.workspace
    return RecoveryExecutor(
        connection, Recorder(workspace.store, workspace.read_state()), found, workspace.desired.lock_store
    )


def _act(options: Options, recovery: Recovery, executor: RecoveryExecutor) -> int:
    done: list[Done] = []
    if recovery.steps:
        begin_changes("raceday-iac recover --dry-run")
        with recorded_recovery(options, recovery) as report:
            for each in carry_out(recovery, executor):
                done.append(replace(each, problem=shown(each.problem), note=shown(each.note)))
                if not options.json:
                    print_lines([done_line(done[-1])], color=options.color)
            report(done)
    if options.json:
        print_json(recovery_document(recovery, done))
    elif done:
        print_lines(outcome_lines(done), color=options.color)
    return EXIT_ERROR if any(each.problem for each in done) else EXIT_OK


#: Beside the stack file.
HEALTH = "health.yaml"


@dataclass(frozen=True)
class HealthContext:
    """An environment, and what is watched in it."""

    workspace: Workspace
    watched: HealthConfig
    rules: Rules
    #: What is not watched in this environment, and why.
    skipped: tuple[str, ...] = ()

    @classmethod
    def load(cls, options: Options, *, reading: bool = False) -> HealthContext:
        """Read the user's files. Nothing is packed: what code would be deployed does not matter here. With `reading`
        the store of the state can only be read, too."""
        environment = load_environment(options.stack, options.env)
        desired = resolve(load_stack(options.stack), environment, options.root, Lenient(os.environ))
        workspace = Workspace(options, environment, desired, {}, reading)
        rules = rules_of(options, desired)
        watched = watched_of(options, desired, rules)
        if environment.schedules:
            return cls(workspace, watched, rules)
        # Where nothing runs by itself, nothing is brought up to date.
        resting = watched.model_copy(update={"daily": (), "freshness": ()})
        return cls(workspace, resting, rules, ("data and daily runs: schedules are off in this environment",))

    def collector(self, target: Target, reader: Reader, window: timedelta | None = None) -> Collector:
        """Looks at the server through a connection."""
        place = Place(self.workspace.environment.name, target.endpoint, target.project)
        return Collector(reader, self.workspace.desired, self.watched, place, self.rules, window)

    def report(self, collector: Collector) -> Report:
        """One look, evaluated. What a log says goes into messages and to webhooks, so secrets are taken out of it."""
        seen = collector.look()
        lock, problems = self._state_lock()
        skipped = (*seen.skipped, *problems, *self.skipped)
        found = evaluate(replace(seen, state_lock=lock, skipped=skipped), self.watched, self.rules)
        return without_secrets(found, shown)

    def _state_lock(self) -> tuple[StateLock | None, tuple[str, ...]]:
        """Who holds it; a state that cannot be reached does not keep the project from being looked at."""
        try:
            holder = self.workspace.store.lock_holder()
        except (StateError, ProviderError) as error:
            return None, (f"the lock of the state: {error.message.partition(chr(10))[0]}",)
        return (StateLock(str(holder), holder.age, holder.expired) if holder else None), ()


def rules_of(options: Options, desired: Desired) -> Rules:
    """Those of an extension, where one has some for this project."""
    for extension in extensions_of(options, desired.extensions):
        found: Rules | None = load_part(extension.health, options.stack)(desired) if extension.health else None
        if found is not None:
            return found
    return load_rules(desired)


def watched_of(options: Options, desired: Desired, rules: Rules) -> HealthConfig:
    """What `health.yaml` beside the stack file says; the defaults without one."""
    path = options.stack.parent / HEALTH
    if not path.exists():
        return HealthConfig()
    return read_watched(read_yaml_text(path), str(path), Declared.of(desired, rules.data_rules))


def window_of(since: str) -> timedelta | None:
    """How far back; None for the declared window. Raises IacError."""
    if not since:
        return None
    try:
        return read_span(since)
    except ValueError as error:
        raise IacError(f"--since: {error}.") from None
