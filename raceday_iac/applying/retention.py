"""Deleting previous deployments that are too many, after a newer one was activated.

Only those that their own source proves to be ours, and never the active one. What cannot be deleted is told, and does
not make an apply fail: the code that was wanted is in use.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..errors import ProviderError
from ..model.address import deployment_address
from ..model.resource import Live, frozen
from ..provider import Provider
from ..refresh.archives import Archives
from ..refresh.deployments import Remembered, judge, line_of


@dataclass(frozen=True)
class Retention:
    """Keeps `keep` previous deployments of a function. `warn` is told what went wrong."""

    provider: Provider
    archives: Archives
    function: str
    keep: int
    warn: Callable[[str], None]

    def prune(self, remembered: Remembered) -> tuple[str, ...]:
        """Delete what is too many. Returns the line of deployments that are left, the active one first."""
        try:
            return self._prune(remembered)
        except ProviderError as error:
            self.warn(f"old deployments were not looked for: {error.message}")
            return remembered.line

    def _prune(self, remembered: Remembered) -> tuple[str, ...]:
        active = self.provider.active_deployment(self.function)
        if active != remembered.line[0]:
            # Somebody else has activated another one meanwhile: this is no time to delete anything.
            return remembered.line
        found = self.provider.all_deployments(self.function)
        judged = list(judge(found, active, remembered, lambda each: self._is_ours(each.id), lambda _each: False))
        previous = line_of(judged, remembered)
        gone = [each for each in previous[self.keep :] if self._is_ours(each) and self._delete(each)]
        return (active, *(each for each in previous if each not in gone))

    def _is_ours(self, deployment: str) -> bool:
        return self.archives.is_ours(self.function, deployment)

    def _delete(self, deployment: str) -> bool:
        """Whether it is gone."""
        address = deployment_address(self.function)
        try:
            self.provider.delete(address, Live(address, frozen({}), deployment))
        except ProviderError as error:
            self.warn(f"the old deployment {deployment} could not be deleted: {error.message}")
            return False
        return True
