"""`raceday-iac rollback FUNCTION`. Works without the stack: in need, that may be the very thing that is broken."""

from __future__ import annotations

from ..errors import EXIT_ERROR, EXIT_OK
from ..model.address import deployment_address, function_address
from ..model.resource import Live, frozen
from ..planning import Plan
from ..planning.rollback import choose, must_be_managed, must_run, plan_rollback
from ..provider import Provider
from ..refresh.deployments import Remembered, Role, read_deployments
from ..render.lines import Line, print_lines
from ..state.document import State
from .apply import carry_out, confirmed, tell_nothing_done
from .options import Options
from .plan import show, snapshot_of
from .workspace import Workspace, provider


def run(options: Options, function: str, to: str, auto_approve: bool) -> int:
    """Activate an earlier deployment, after asking. Nothing is built."""
    workspace = Workspace.without_stack(options)
    function = function.removeprefix("function.")
    with workspace.target() as target, workspace.store.locked("rollback"):
        state = workspace.read_state()
        must_be_managed(function, state)
        connection = provider(target)
        plan = _plan(workspace, connection, state, function, to)
        if not (options.json and auto_approve):
            show(options, plan, target, verbose=False)
        if plan.is_empty:
            tell_nothing_done(options, auto_approve, state)
            return EXIT_OK
        if not auto_approve and not confirmed(f"Activate this deployment of function.{function}?"):
            print_lines([Line("Nothing was changed.")], color=options.color)
            return EXIT_ERROR
        plan_id = snapshot_of(plan, workspace, target, state).id
        code = carry_out(
            options,
            workspace,
            plan,
            connection,
            state,
            plan_id=plan_id,
            command="rollback",
            claim="That deployment is active.",
        )
        if code == EXIT_OK and not options.json:
            text = "The stack is as it was: if it still declares the code that was active, apply activates that again."
            print_lines([Line(text)], color=options.color)
        return code


def _plan(workspace: Workspace, connection: Provider, state: State, function: str, to: str) -> Plan:
    archives = workspace.archives(connection)
    remembered = Remembered.of(state, function)
    judged = read_deployments(connection, archives, function, remembered, old_after=0.0)
    chosen = choose(function, judged, remembered, to)
    live = connection.find(function_address(function))
    if live is not None:
        deployment = connection.deployment(function, chosen.deployment.id)
        must_run(function, deployment, str(live.fields.get("runtime", "")))
    active = next((each.deployment.id for each in judged if each.role is Role.ACTIVE), "")
    address = deployment_address(function)
    before = archives.origin(function, active).digest if active else ""
    now = Live(address, frozen({"digest": before}), active)
    digest = archives.origin(function, chosen.deployment.id).digest
    return plan_rollback(workspace.environment.name, state, now, chosen, digest)
