"""`raceday-iac plan`."""

from __future__ import annotations

from collections.abc import Iterable

from ..errors import EXIT_CHANGES, EXIT_OK, EXIT_REFUSED, IacError
from ..model.address import Address
from ..planning import Plan
from ..render.lines import Line, print_json, print_lines
from ..render.plan_json import plan_document
from ..render.plan_text import plan_lines
from .options import Options
from .target import Target
from .workspace import Workspace, make_plan, reader


def run(options: Options, detailed_exitcode: bool, verbose: bool, allow_data_loss: Iterable[str]) -> int:
    """Show the plan."""
    workspace = Workspace.load(options)
    allowed = addresses(allow_data_loss)
    with workspace.target() as target:
        plan = make_plan(workspace, workspace.store.read(), reader(target), allowed)
        show(options, plan, target, verbose=verbose)
    if plan.refusals:
        return EXIT_REFUSED
    return EXIT_CHANGES if detailed_exitcode and not plan.is_empty else EXIT_OK


def show(options: Options, plan: Plan, target: Target, *, verbose: bool) -> None:
    """Print a plan in the form asked for."""
    if options.json:
        print_json(plan_document(plan))
        return
    print_lines(plan_lines(plan, where(plan, target), verbose=verbose), color=options.color)
    if not plan.is_empty and not plan.refusals:
        print_lines([Line()], color=options.color)


def where(plan: Plan, target: Target) -> str:
    version = f", Appwrite {plan.server_version}" if plan.server_version else ""
    return f"project {target.project} at {target.endpoint}{version}"


def addresses(texts: Iterable[str]) -> frozenset[Address]:
    """Addresses given on the command line."""
    try:
        return frozenset(Address.parse(text) for text in texts)
    except ValueError as error:
        raise IacError(f"{error}. Nothing was changed.") from None
