"""`raceday-iac recover`. Under the lock of the state; what is done is in the audit log before and after."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace

from ..applying.recorder import Recorder
from ..errors import EXIT_CHANGES, EXIT_ERROR, EXIT_OK
from ..health.observations import Observation
from ..provider import Provider, Reader
from ..recovery.acting import Hands, carry_out
from ..recovery.planning import Scene, plan_recovery
from ..recovery.steps import Done, Recovery, cleaned
from ..redaction import shown
from ..refresh.deployments import Remembered, read_deployments
from ..render.lines import Line, print_json, print_lines
from ..render.recovery import done_line, outcome_lines, recovery_document, recovery_lines
from .apply import confirmed
from .auditing import recorded_recovery
from .health_scene import Scenery
from .options import Options, begin_changes
from .workspace import provider, reader


def run(options: Options, dry_run: bool, auto_approve: bool) -> int:
    """Look, say what is to be done, ask, do it."""
    scenery = Scenery.load(options, reading=dry_run)
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


def _scene(scenery: Scenery, connection: Reader, observation: Observation) -> Scene:
    workspace = scenery.workspace
    state, archives = workspace.read_state(), workspace.archives(connection)
    patience = scenery.watched.grace.build.total_seconds()
    judged = {
        each.id: read_deployments(connection, archives, each.id, Remembered.of(state, each.id), patience)
        for each in observation.functions
        if each.live is not None
    }
    owned = {*workspace.desired.resources, *state.entries}
    return Scene(observation, scenery.watched, scenery.rules, judged, owned)


def _show(options: Options, recovery: Recovery) -> None:
    if options.json:
        print_json(recovery_document(recovery))
    else:
        print_lines(recovery_lines(recovery), color=options.color)


def _hands(scenery: Scenery, connection: Provider, scene: Scene) -> Hands:
    workspace = scenery.workspace
    return Hands(connection, Recorder(workspace.store, workspace.read_state()), scene, workspace.desired.lock_store)


def _act(options: Options, recovery: Recovery, hands: Hands, clean: Callable[[str], str]) -> int:
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
