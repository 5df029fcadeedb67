"""Starting a function and waiting for its end. A start whose answer is lost is never repeated."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from ..errors import Interrupted, NotFoundError, ProviderError
from ..health.daily import did_its_work
from ..health.logs import ending_of
from ..provider import Provider
from ..provider.protocol import Execution

OVER = ("completed", "failed")
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 5.0


@dataclass(frozen=True)
class Patience:
    """How long to wait for an execution, and how waiting is done."""

    seconds: float
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic


def run_to_its_end(provider: Provider, function: str, patience: Patience) -> tuple[str, str]:
    """What went wrong, or nothing; and what is to be said of it."""
    try:
        execution = provider.execute(function, "", wait=False)
    except ProviderError as error:
        if error.code:
            raise
        return f"{error.message} Whether it was started is not known: raceday-iac logs {function}", ""
    try:
        execution = _followed(provider, execution, patience)
    except Interrupted:
        raise Interrupted(
            f"Interrupted. Execution {execution.id} of function.{function} goes on; what was to follow was not begun.",
            hint=f"follow it with: raceday-iac logs {function}; then see what is left: raceday-iac recover --dry-run",
        ) from None
    if execution.status not in OVER:
        waited = timedelta(seconds=round(patience.seconds))
        return f"execution {execution.id} is still {execution.status} after {waited}", ""
    ending = ending_of(execution)
    said = f"execution {execution.id}: {ending.outcome or execution.status} in {execution.duration:.1f} s"
    if did_its_work(execution):
        return "", said
    return f"{said} {ending.category} {ending.message}".rstrip(), ""


def _followed(provider: Provider, execution: Execution, patience: Patience) -> Execution:
    deadline, pause = patience.clock() + patience.seconds, _FIRST_PAUSE
    while execution.status not in OVER and patience.clock() < deadline:
        patience.sleep(pause)
        pause = min(_LONGEST_PAUSE, pause * 1.5)
        try:
            execution = provider.execution(execution.function, execution.id)
        except NotFoundError:
            return execution
    return execution
