"""The audit log of an environment: each command that changes something writes down its beginning and its end."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from .. import __version__
from ..audit import (
    AuditLog,
    Inspection,
    Run,
    backed_up,
    begin,
    broken_off,
    cleaned,
    end,
    imported,
    marked,
    rebound,
    recovered,
    recovering,
    restored,
    restoring,
)
from ..errors import IacError
from ..render.lines import printable
from ..state.document import user_name
from .options import Options

if TYPE_CHECKING:
    from ..applying import Applied
    from ..backup.manifest import Manifest
    from ..backup.restoring import RestorePlan
    from ..importing.adoption import Adoption
    from ..model.address import Address
    from ..planning import Plan
    from ..recovery.planning import Done, Recovery
    from ..state.document import Binding, State

_Outcome = TypeVar("_Outcome")


@contextmanager
def recorded(options: Options, command: str, plan: Plan, plan_id: str) -> Iterator[Callable[[Applied], None]]:
    """Write the beginning of a run, and its end: call what the block is given with the outcome. A block that ends by an
    error is written down as failed."""
    run = _run(options, command, plan_id)
    with _written(options, run, begin(run, plan, _now()), end) as report:
        yield report


@contextmanager
def recorded_recovery(options: Options, recovery: Recovery) -> Iterator[Callable[[Sequence[Done]], None]]:
    """The same for a recovery, which has steps instead of a plan."""
    run = _run(options, "recover", "")
    with _written(options, run, recovering(run, recovery, _now()), recovered) as report:
        yield report


@contextmanager
def recorded_restore(options: Options, plan: RestorePlan) -> Iterator[Callable[[RestorePlan], None]]:
    """The same for what is written back from a backup."""
    run = _run(options, "restore", "")
    with _written(options, run, restoring(run, plan, _now()), restored) as report:
        yield report


@contextmanager
def _written(
    options: Options,
    run: Run,
    beginning: Mapping[str, Any],
    ending: Callable[[Run, int, _Outcome, datetime], Mapping[str, Any]],
) -> Iterator[Callable[[_Outcome], None]]:
    log = AuditLog(options.state_folder)
    begun = _append(log, beginning)
    reported = False

    def report(outcome: _Outcome) -> None:
        nonlocal reported
        reported = True
        _append(log, ending(run, begun, outcome, _now()), quiet=True)

    try:
        yield report
    except BaseException as error:
        if not reported:
            _append(log, broken_off(run, begun, _reason(error), _now()), quiet=True)
        raise


def record_import(options: Options, adoption: Adoption) -> None:
    """Write down what was taken into the state."""
    _append(AuditLog(options.state_folder), imported(_run(options, "import", ""), adoption, _now()))


def record_rebinding(options: Options, before: Binding, state: State) -> None:
    """Write down that the state belongs to something else now."""
    _append(AuditLog(options.state_folder), rebound(_run(options, "state rebind", ""), before, state, _now()))


def record_marking(options: Options, address: Address, digest: str, state: State) -> None:
    """Write down that a migration counts as run, or as not run."""
    _append(AuditLog(options.state_folder), marked(_run(options, "migration mark", ""), address, digest, state, _now()))


def record_cleaning(options: Options, address: Address, outcome: Mapping[str, str]) -> None:
    """Write down which deployments were deleted because they were of no use."""
    _append(AuditLog(options.state_folder), cleaned(_run(options, "deployments", ""), address, outcome, _now()))


def record_backup(options: Options, command: str, manifest: Manifest, event: str = "backup") -> None:
    """Write down that a command has made a backup, or deleted one."""
    _append(AuditLog(options.state_folder), backed_up(_run(options, command, ""), event, manifest, _now()), quiet=True)


def _reason(error: BaseException) -> str:
    return error.message.partition("\n")[0] if isinstance(error, IacError) else type(error).__name__


def _append(log: AuditLog, content: Mapping[str, Any], *, quiet: bool = False) -> int:
    """Add a record and return its number; 0 when it could not be written."""
    try:
        before = log.append(content)
    except OSError as error:
        _warn(f"the audit log {log.file} cannot be written: {error.strerror or error}. The run goes on without it.")
        return 0
    if before.breaks and not quiet:
        _warn(damage(log.file, before))
    return before.number + 1


def damage(file: Path, inspection: Inspection) -> str:
    """The sentence about a log that does not hold."""
    return f"the audit log {file} is damaged at {inspection.breaks[0]}. Look closer: raceday-iac state verify"


def _warn(text: str) -> None:
    print(printable(f"Warning: {text}"), file=sys.stderr)  # noqa: T201


def _run(options: Options, command: str, plan_id: str) -> Run:
    return Run(command, options.env, plan_id, user_name(), socket.gethostname(), __version__)


def _now() -> datetime:
    return datetime.now(UTC)
