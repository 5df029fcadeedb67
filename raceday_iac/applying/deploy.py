"""Deploying code: build aside, wait, switch, try it, keep a few. A failure before the switch leaves what is live
untouched; one after it switches back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from ..errors import BuildError, ProbeError
from ..model.address import deployment_address
from ..model.resource import frozen
from ..packaging import Bundle
from ..packaging.origin import Origin
from ..provider import Provider
from ..provider.protocol import Deployment
from ..refresh.archives import Archives
from ..refresh.deployments import FAILED, READY, Remembered
from ..state.document import Entry
from .probe import Probing, go_back
from .retention import Retention

_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 3.0
#: Newest deployments in which an upload of an interrupted run is looked for.
_LOOK_BACK = 5
_LOG_LINES = 20


@dataclass(frozen=True)
class Before:
    """What there was: the deployment to go `back` to when the new one fails (whoever made it), and the `line` of those
    that the state remembers. `begun` are uploads of earlier runs; with `anew`, none of them is used again."""

    back: str = ""
    line: tuple[str, ...] = ()
    begun: tuple[str, ...] = ()
    anew: bool = False


@dataclass(frozen=True)
class Deploying:
    """One deployment of one bundle. `note` tells what is going on, `warn` what went wrong without failing, `begun` is
    told the id of an upload as soon as there is one."""

    provider: Provider
    archives: Archives
    bundle: Bundle
    before: Before
    note: Callable[[str], None]
    warn: Callable[[str], None]
    begun: Callable[[str], None]
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic

    @property
    def function(self) -> str:
        return self.bundle.source.function

    def run(self) -> Iterator[float | Entry]:
        """Upload (or find) the bundle, wait until it is built, activate and try it. Yields pauses, then the entry to
        be saved; after that deletes what is too many, and yields the entry again if it has changed."""
        deployment = self._begin()
        yield from self._until_ready(deployment)
        self._switch(deployment)
        entry = self._entry(deployment.id)
        yield entry
        source = self.bundle.source
        left_over = tuple(each for each in self.before.begun if each != deployment.id)
        retention = Retention(self.provider, self.archives, self.function, source.keep, self.warn)
        line = retention.prune(Remembered(entry.deployments, left_over))
        if line != entry.deployments:
            yield replace(entry, deployments=line)

    def _begin(self) -> Deployment:
        """A deployment of this very bundle: one that an interrupted run left, or a new upload."""
        archive = self.bundle.archive()
        for each in () if self.before.anew else self.provider.deployments(self.function, _LOOK_BACK):
            same_size = each.source_size == len(archive) and each.status not in FAILED
            if same_size and self.archives.origin(self.function, each.id).digest == self.bundle.digest:
                self.note("found the upload of an earlier run")
                self.begun(each.id)
                return each
        self.note(f"uploading {len(archive)} bytes")
        source = self.bundle.source
        found = self.provider.upload(self.function, archive, source.entrypoint, source.commands, self.begun)
        self.archives.remember(found.id, Origin(self.bundle.digest, self.function))
        return found

    def _switch(self, deployment: Deployment) -> None:
        """Activate, and with a probe, go back unless it passes. In one piece: see `Probing`."""
        self.note("activating")
        self.provider.activate(self.function, deployment.id)
        probe = self.bundle.source.probe
        if probe is None:
            return
        self.note("probing")
        back = self.before.back if self.before.back != deployment.id else ""
        try:
            Probing(self.provider, self.function, probe, self.sleep, self.clock).run()
        except ProbeError as failure:
            raise go_back(self.provider, self.function, back, failure) from None

    def _entry(self, deployment: str) -> Entry:
        """What replaced it is the next to go back to."""
        line = dict.fromkeys((deployment, *((self.before.back,) if self.before.back else ()), *self.before.line))
        return Entry(deployment_address(self.function), frozen({"digest": self.bundle.digest}), deployment, tuple(line))

    def _until_ready(self, current: Deployment) -> Iterator[float]:
        """Waits from what its upload, or a list, said of it."""
        pause, still, seen = _FIRST_PAUSE, 0.0, ""
        patience = self.bundle.source.patience
        while current.status != READY:
            if current.status in FAILED:
                raise BuildError(self._failure(current), hint=_log_hint(self.function, current.id))
            sign = f"{current.status}:{len(current.log)}"
            if sign != seen:
                seen, still = sign, 0.0
            if still >= patience:
                raise self._given_up(current, still)
            self.note(f"build {current.status}")
            yield pause
            still += pause
            pause = min(_LONGEST_PAUSE, patience, pause * 1.3)
            current = self.provider.deployment(self.function, current.id)

    def _failure(self, deployment: Deployment) -> str:
        return (
            f"The build of function.{self.function} ended {deployment.status}. {self._what_is_live}"
            f"\n  Last lines of its log:\n{_tail(deployment)}"
        )

    def _given_up(self, deployment: Deployment, still: float) -> BuildError:
        """It is not canceled: a build that only waits for others would lose its place in the queue."""
        return BuildError(
            f"The build of function.{self.function} has not moved for {still:.0f} s (status {deployment.status}). "
            f"{self._what_is_live}\n  Last lines of its log:\n{_tail(deployment)}"
            "\n  It was not canceled: if it ends after all, the next apply uses it.",
            hint=f"{_log_hint(self.function, deployment.id)}; to give it up: raceday-iac deployments {self.function} "
            "--clean --older-than 0",
        )

    @property
    def _what_is_live(self) -> str:
        return "The deployment that was active still is." if self.before.back else "It has no active deployment yet."


def _tail(deployment: Deployment) -> str:
    lines = deployment.log.strip().splitlines()[-_LOG_LINES:]
    return "\n".join(f"    {line}" for line in lines) or "    (empty)"


def _log_hint(function: str, deployment: str) -> str:
    return f"read the whole log with: raceday-iac logs {function} --build {deployment}"
