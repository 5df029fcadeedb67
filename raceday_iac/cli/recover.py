"""`raceday-iac recover`. Under the lock of the state; what is done is in the audit log before and after."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

from ..applying.recorder import Recorder
from ..errors import EXIT_CHANGES, EXIT_ERROR, EXIT_OK, IacError, ProviderError, StackError, StateError
from ..health.observations import Observation, StateLock
from ..health.observing import Collector, Place
from ..health.report import Report, judge, without_secrets
from ..health.shared import Rules, load_rules
from ..health.watched import Declared, HealthConfig, read_span, read_watched
from ..loading.environment import load_environment
from ..loading.resolve import resolve
from ..loading.stack_file import load_stack
from ..model.problem import Diagnostic, Location
from ..model.resource import Desired
from ..provider import Provider, Reader
from ..recovery.acting import RecoveryExecutor, carry_out
from ..recovery.planning import Done, Recovery, RecoveryInput, cleaned, plan_recovery
from ..redaction import shown
from ..refresh.deployments import Remembered, read_deployments
from ..render.executions import done_line, outcome_lines, recovery_document, recovery_lines
from ..render.lines import Line, print_json, print_lines
from .apply import confirmed, recorded_recovery
from .options import Options, begin_changes
from .workspace import Target, Workspace, provider, reader


def run(options: Options, dry_run: bool, auto_approve: bool) -> int:
    """Look, say what is to be done, ask, do it."""
    scenery = HealthContext.load(options, reading=dry_run)
    with ExitStack() as stack:
        target = stack.enter_context(scenery.opened())
        if dry_run:
            connection = reader(target)
            scene = _scene(scenery, connection, scenery.eye(target, connection).look())
            recovery = cleaned(plan_recovery(scene), shown)
            _show(options, recovery)
            return EXIT_CHANGES if recovery.steps else EXIT_OK
        stack.enter_context(scenery.workspace.store.locked("recover"))
        writing = provider(target)
        scene = _scene(scenery, writing, scenery.eye(target, writing).look())
        recovery = cleaned(plan_recovery(scene), shown)
        if not (options.json and auto_approve):
            _show(options, recovery)
        if recovery.steps and not auto_approve and not confirmed(f"Do these {len(recovery.steps)}?"):
            print_lines([Line("Nothing was changed.")], color=options.color)
            return EXIT_ERROR
        hands = _hands(scenery, writing, scene)
        return _act(options, recovery, hands, shown)


def _scene(scenery: HealthContext, connection: Reader, observation: Observation) -> RecoveryInput:
    workspace = scenery.workspace
    state, archives = workspace.read_state(), workspace.archives(connection)
    patience = scenery.watched.grace.build.total_seconds()
    judged = {
        each.id: read_deployments(connection, archives, each.id, Remembered.of(state, each.id), patience)
        for each in observation.functions
        if each.live is not None
    }
    owned = {*workspace.desired.resources, *state.entries}
    return RecoveryInput(observation, scenery.watched, scenery.rules, judged, owned)


def _show(options: Options, recovery: Recovery) -> None:
    if options.json:
        print_json(recovery_document(recovery))
    else:
        print_lines(recovery_lines(recovery), color=options.color)


def _hands(scenery: HealthContext, connection: Provider, scene: RecoveryInput) -> RecoveryExecutor:
    workspace = scenery.workspace
    return RecoveryExecutor(
        connection, Recorder(workspace.store, workspace.read_state()), scene, workspace.desired.lock_store
    )


def _act(options: Options, recovery: Recovery, hands: RecoveryExecutor, clean: Callable[[str], str]) -> int:
    done: list[Done] = []
    if recovery.steps:
        begin_changes("raceday-iac recover --dry-run")
        with recorded_recovery(options, recovery) as tell:
            for each in carry_out(recovery, hands):
                done.append(replace(each, problem=clean(each.problem), note=clean(each.note)))
                if not options.json:
                    print_lines([done_line(done[-1])], color=options.color)
            tell(done)
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
    rules: Rules | None
    #: What is not watched in this environment, and why.
    skipped: tuple[str, ...] = ()

    @classmethod
    def load(cls, options: Options, *, reading: bool = False) -> HealthContext:
        """Read the user's files. Nothing is packed: what code would be deployed does not matter here. With `reading`
        the store of the state can only be read, too."""
        environment = load_environment(options.stack, options.env)
        desired = resolve(load_stack(options.stack), environment, options.root)
        workspace = Workspace(options, environment, desired, {}, reading)
        watched, rules = watched_of(options, desired), load_rules(desired)
        if environment.schedules:
            return cls(workspace, watched, rules)
        # Where nothing runs by itself, nothing is brought up to date.
        resting = watched.model_copy(update={"daily": (), "freshness": ()})
        return cls(workspace, resting, rules, ("data and daily runs: schedules are off in this environment",))

    @contextmanager
    def opened(self) -> Iterator[Target]:
        """The server to look at, for as long as the block lasts."""
        with self.workspace.target() as target:
            yield target

    def eye(self, target: Target, reader: Reader, window: timedelta | None = None) -> Collector:
        """Looks at the server through a connection."""
        place = Place(self.workspace.environment.name, target.endpoint, target.project)
        return Collector(reader, self.workspace.desired, self.watched, place, self.rules, window)

    def report(self, eye: Collector) -> Report:
        """One look, judged. What a log says goes into messages and to webhooks, so secrets are taken out of it."""
        seen = eye.look()
        lock, problems = self._state_lock()
        skipped = (*seen.skipped, *problems, *self.skipped)
        found = judge(replace(seen, state_lock=lock, skipped=skipped), self.watched, self.rules)
        return without_secrets(found, shown)

    def _state_lock(self) -> tuple[StateLock | None, tuple[str, ...]]:
        """Who holds it; a state that cannot be reached does not keep the project from being looked at."""
        try:
            holder = self.workspace.store.lock_holder()
        except (StateError, ProviderError) as error:
            return None, (f"the lock of the state: {error.message.partition(chr(10))[0]}",)
        return (StateLock(str(holder), holder.age, holder.expired) if holder else None), ()


def watched_of(options: Options, desired: Desired) -> HealthConfig:
    """What `health.yaml` beside the stack file says; the defaults without one."""
    path = options.stack.parent / HEALTH
    if not path.exists():
        return HealthConfig()
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise StackError([Diagnostic(Location(str(path)), "", f"cannot be read: {error}")]) from None
    return read_watched(text, str(path), Declared.of(desired))


def window_of(since: str) -> timedelta | None:
    """How far back; None for the declared window. Raises IacError."""
    if not since:
        return None
    try:
        return read_span(since)
    except ValueError as error:
        raise IacError(f"--since: {error}.") from None
