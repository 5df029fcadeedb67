"""Executing new code to see whether it works.

Appwrite runs the active deployment and no other: an execution names no deployment, and one whose deployment belongs to
another function is refused (1.8.1, Executions/Create.php). So new code is activated, executed, and where it fails, what
was active before is activated again at once. Between the two, schedules and callers meet the new code.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from ..errors import IacError, ProbeError, ProviderError
from ..model.declarations import ProbeDeclaration
from ..provider import Provider
from ..provider.protocol import Execution

_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 1.0
_LOG_LINES = 20
_ENDED = ("completed", "failed")


@dataclass(frozen=True)
class Probing:
    """How the code of one function is tried. Sleeping is on purpose, in one piece: between activation and verdict
    nothing may stop this, or a Ctrl-C would leave unproven code in use."""

    provider: Provider
    function: str
    probe: ProbeDeclaration
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic

    def run(self) -> None:
        """Execute the active deployment and wait for its end. Raises ProbeError with the log unless it is as
        expected."""
        try:
            ended = self._ended()
        except ProviderError as error:
            raise ProbeError(f"The probe of function.{self.function} could not be executed: {error.message}") from None
        if ended.status not in _ENDED:
            raise ProbeError(
                f"The probe of function.{self.function} has not ended within {self.probe.timeout} s "
                f"(it is {ended.status}).",
                hint=self._log_hint(ended),
            )
        if ended.status == "failed" or ended.response_status != self.probe.expect_status:
            raise ProbeError(
                f"The probe of function.{self.function} {ended.status} with {ended.response_status or 'no answer'}, "
                f"expected was {self.probe.expect_status}.{_tail(ended)}",
                hint=self._log_hint(ended),
            )

    def _ended(self) -> Execution:
        """Asynchronous, because Appwrite cuts synchronous executions after 30 s and keeps no log of them on the way."""
        probe, deadline, pause = self.probe, self.clock() + self.probe.timeout, _FIRST_PAUSE
        seen = self.provider.execute(self.function, probe.body, wait=False, path=probe.path, method=probe.method)
        while seen.status not in _ENDED and self.clock() < deadline:
            self.sleep(min(pause, max(0.0, deadline - self.clock())))
            pause = min(_LONGEST_PAUSE, pause * 1.3)
            seen = self.provider.execution(self.function, seen.id)
        return seen

    def _log_hint(self, execution: Execution) -> str:
        return f"read its whole log with: raceday-iac logs {self.function} --execution {execution.id}"


def go_back(provider: Provider, function: str, before: str, failure: ProbeError) -> ProbeError:
    """Activate what was active before. Returns the failure with what came of that."""
    if not before:
        more = "There was no deployment before: this one stays active. The next apply probes it again."
        return ProbeError(f"{failure.message}\n  {more}", failure.hint)
    try:
        provider.activate(function, before)
    except IacError as error:
        return ProbeError(
            f"{failure.message}\n  And the deployment that was active before, {before}, could not be activated again: "
            f"{error.message}\n  THE CODE THAT FAILED IS IN USE.",
            hint=f"go back by hand: raceday-iac rollback {function}",
        )
    more = f"The deployment that was active before, {before}, is active again."
    return ProbeError(f"{failure.message}\n  {more}", failure.hint)


def _tail(execution: Execution) -> str:
    lines = [*execution.logs.strip().splitlines(), *(f"! {each}" for each in execution.errors.strip().splitlines())]
    shown = "\n".join(f"    {line}" for line in lines[-_LOG_LINES:])
    return f"\n  Last lines of its log:\n{shown}" if shown else ""
