"""`raceday-iac destroy FUNCTION`."""

from __future__ import annotations

from ..errors import EXIT_ERROR, EXIT_OK, EXIT_REFUSED, IacError
from ..kinds import KINDS
from ..model.address import Address, function_address
from ..planning.destroy import plan_destruction
from ..refresh import refresh
from ..refresh.evidence import Counting
from ..render.lines import Line, print_lines
from .apply import asked_wishes, carry_out, confirmed, tell_nothing_done
from .options import Options
from .plan import show, snapshot_of
from .wishing import Asked
from .workspace import Workspace, provider


def run(options: Options, function: str, asked: Asked, auto_approve: bool) -> int:
    """Delete one function, after asking."""
    wishes = asked_wishes(asked, None, auto_approve=auto_approve)
    workspace = Workspace.load(options)
    address = _address(function)
    with workspace.target() as target, workspace.store.locked("destroy"):
        state = workspace.read_state()
        connection = provider(target)
        archives = workspace.archives(connection)
        snapshot = refresh(connection, workspace.desired, state, archives)
        counting = Counting(connection, state, archives)
        name = workspace.environment.name
        plan = plan_destruction(name, address, workspace.desired, state, snapshot, counting, wishes)
        if not (options.json and auto_approve) or plan.refusals:
            show(options, plan, target, verbose=False)
        if plan.refusals:
            return EXIT_REFUSED
        if plan.is_empty:
            tell_nothing_done(options, auto_approve, state)
            return EXIT_OK
        if not auto_approve and not confirmed(f"Delete {address} for good?"):
            print_lines([Line("Nothing was changed.")], color=options.color)
            return EXIT_ERROR
        plan_id = snapshot_of(plan, workspace, target, state).id
        code = carry_out(
            options, workspace, plan, connection, state, plan_id=plan_id, command="destroy", claim=f"{address} is gone."
        )
        if address in workspace.desired.resources and not options.json:
            text = f"The stack still declares {address}: the next apply creates it again."
            print_lines([Line(text), Line("To keep it away, declare stack.absent(...) instead.")], color=options.color)
        return code


def _address(function: str) -> Address:
    """The function's address; its id alone is enough."""
    if function.startswith("function."):
        return Address.parse(function)
    if function.partition(".")[0] in KINDS:
        raise IacError(
            f"destroy takes a function, not {function}. Nothing was changed.",
            hint="remove the resource from the stack and run apply",
        )
    return function_address(function)
