"""What a plan mentions although it changes nothing of it. Pure, and made of what was read anyway."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..model.address import deployment_address
from ..model.desired import Desired, LeftOut, WhyLeftOut
from ..provider import Snapshot
from ..provider.protocol import Deployment
from ..state.document import State
from .plan import Action, Change

_READY = "ready"
_SHOWN = 3
_LISTED = 10
_DELETE, _USED = "delete what is of no use: add --clean", "apply uses what holds the code to be deployed"


def left_out_notes(desired: Desired) -> Iterator[str]:
    """What of a code folder is not in its bundle, though a reader of the folder might think so. What git ignores is
    for `lint`, secrets excepted: who looks for one must find it here."""
    for function, left_out in sorted(desired.left_out.items()):
        named = [each for each in left_out if each.why is WhyLeftOut.SECRET or not each.is_ignored]
        if named:
            keep = 'keep one with include=["…"]'
            yield f"function.{function}: not in its bundle: {'; '.join(_left_out(named))}. If it is needed, {keep}."


def _left_out(named: list[LeftOut]) -> Iterator[str]:
    for why in WhyLeftOut:
        paths = [each.path for each in named if each.why is why]
        if paths:
            more = f" and {len(paths) - _LISTED} more" if len(paths) > _LISTED else ""
            yield f"{', '.join(paths[:_LISTED])}{more} ({why})"


def deployment_notes(desired: Desired, state: State, snapshot: Snapshot, changes: Iterable[Change]) -> Iterator[str]:
    """Uploads of earlier runs that were never accepted, and builds that failed or are under way. What is left of an
    earlier run is not offered for deletion while `changes` may make use of it."""
    deployed = {each.address for each in changes if each.action is Action.DEPLOY}
    for function in desired.code:
        address = deployment_address(function)
        live = snapshot.resources.get(address)
        active = live.remote_id if live else ""
        begun = [each for each in state.uploads_of(function) if each != active]
        newest = snapshot.newest.get(function)
        if begun:
            use = _USED if address in deployed else _DELETE
            yield f"function.{function}: {_begun(begun, newest)}. {_see(function, use)}"
        elif newest is not None and newest.status not in ("", _READY):
            what = f"its newest deployment {newest.id} is {newest.status}, not active"
            yield f"function.{function}: {what}. {_see(function)}"


def _begun(begun: list[str], newest: Deployment | None) -> str:
    names = ", ".join(begun[-_SHOWN:]) + (f" and {len(begun) - _SHOWN} more" if len(begun) > _SHOWN else "")
    status = f", the newest is {newest.status}" if newest is not None and newest.id in begun and newest.status else ""
    count = len(begun)
    plural = f"{count} deployments of earlier runs were" if count > 1 else "a deployment of an earlier run was"
    return f"{plural} never accepted ({names}{status})"


def _see(function: str, use: str = _DELETE) -> str:
    return f"See them: raceday-iac deployments {function}; {use}."
