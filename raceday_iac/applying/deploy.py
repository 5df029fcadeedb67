"""Deploying code: build aside, wait, switch, try it, keep a few. A failure before the switch leaves what is live
untouched; one after it switches back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from ..errors import BuildError, IacError, ProbeError, ProviderError
from ..kinds import as_typed, code_of, sent_with
from ..model.address import Address
from ..model.declarations import Probe
from ..model.resource import Live, frozen
from ..packaging import Bundle
from ..packaging.bundle import Origin
from ..provider import Provider
from ..provider.protocol import Deployment, Execution
from ..refresh.deployments import FAILED, READY, Archives, Remembered, classify, line_of
from ..state.document import Entry

_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 3.0
#: Newest deployments in which an upload of an interrupted run is looked for.
_LOOK_BACK = 5
_LOG_LINES = 20


@dataclass(frozen=True)
class Before:
    """What there was: the deployment to go `back` to when the new one fails (whoever made it), and the `line` of those
    that the state remembers. `begun` are uploads of earlier runs; with `upload_again`, none of them is used again."""

    back: str = ""
    line: tuple[str, ...] = ()
    begun: tuple[str, ...] = ()
    upload_again: bool = False


@dataclass(frozen=True)
class Deploying:
    """One deployment of one bundle. `note` says what is going on, `warn` what went wrong without failing, `begun` is
    given the id of an upload as soon as there is one."""

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
    def owner(self) -> Address:
        return self.bundle.source.owner

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
        retention = Retention(self.provider, self.archives, self.owner, source.keep, self.warn)
        line = retention.prune(Remembered(entry.deployments, left_over))
        if line != entry.deployments:
            yield replace(entry, deployments=line)

    def _begin(self) -> Deployment:
        """A deployment of this very bundle: one that an interrupted run left, or a new upload."""
        archive = self.bundle.archive()
        for each in () if self.before.upload_again else self.provider.deployments(self.owner, _LOOK_BACK):
            same_size = each.source_size == len(archive) and each.status not in FAILED
            if same_size and self.archives.origin(self.owner, each.id).digest == self.bundle.digest:
                self.note("found the upload of an earlier run")
                self.begun(each.id)
                return each
        self.note(f"uploading {len(archive)} bytes")
        source = self.bundle.source
        found = self.provider.upload(self.owner, archive, sent_with(source), self.begun)
        self.archives.remember(found.id, Origin(self.bundle.digest, self.owner))
        return found

    def _switch(self, deployment: Deployment) -> None:
        """Activate, and with a probe, go back unless it passes. In one piece: see `Probing`."""
        self.note("activating")
        self.provider.activate(self.owner, deployment.id)
        probe = self.bundle.source.probe
        if probe is None:
            return
        self.note("probing")
        back = self.before.back if self.before.back != deployment.id else ""
        try:
            Probing(self.provider, self.owner, probe, self.sleep, self.clock).run()
        except ProbeError as failure:
            raise go_back(self.provider, self.owner, back, failure) from None

    def _entry(self, deployment: str) -> Entry:
        """What replaced it is the next to go back to."""
        line = dict.fromkeys((deployment, *((self.before.back,) if self.before.back else ()), *self.before.line))
        return Entry(code_of(self.owner), frozen({"digest": self.bundle.digest}), deployment, tuple(line))

    def _until_ready(self, current: Deployment) -> Iterator[float]:
        """Waits from what its upload, or a list, said of it."""
        pause, still, seen = _FIRST_PAUSE, 0.0, ""
        patience = self.bundle.source.patience
        while current.status != READY:
            if current.status in FAILED:
                raise BuildError(self._failure(current), hint=_log_hint(self.owner, current.id))
            sign = f"{current.status}:{len(current.log)}"
            if sign != seen:
                seen, still = sign, 0.0
            if still >= patience:
                raise self._given_up(current, still)
            self.note(f"build {current.status}")
            yield pause
            still += pause
            pause = min(_LONGEST_PAUSE, patience, pause * 1.3)
            current = self.provider.deployment(self.owner, current.id)

    def _failure(self, deployment: Deployment) -> str:
        return (
            f"The build of {self.owner} ended {deployment.status}. {self._what_is_live}"
            f"\n  Last lines of its log:\n{_tail(deployment)}"
        )

    def _given_up(self, deployment: Deployment, still: float) -> BuildError:
        """It is not canceled: a build that only waits for others would lose its place in the queue."""
        return BuildError(
            f"The build of {self.owner} has not moved for {still:.0f} s (status {deployment.status}). "
            f"{self._what_is_live}\n  Last lines of its log:\n{_tail(deployment)}"
            "\n  It was not canceled: if it still finishes, the next apply uses it.",
            hint=f"{_log_hint(self.owner, deployment.id)}; to delete it: "
            f"raceday-iac deployments {as_typed(self.owner)} --clean --older-than 0",
        )

    @property
    def _what_is_live(self) -> str:
        return "The previous deployment is still active." if self.before.back else "It has no active deployment yet."


def _tail(deployment: Deployment) -> str:
    lines = deployment.log.strip().splitlines()[-_LOG_LINES:]
    return "\n".join(f"    {line}" for line in lines) or "    (empty)"


def _log_hint(owner: Address, deployment: str) -> str:
    return f"read the whole log with: raceday-iac logs {as_typed(owner)} --build {deployment}"


# Executing new code to see whether it works.
#
# Appwrite runs the active deployment and no other: an execution names no deployment, and one whose deployment belongs
# to another function is refused (1.8.1, Executions/Create.php). So new code is activated, executed, and where it
# fails, what was active before is activated again at once. Between the two, schedules and callers meet the new code.


_FIRST_PROBE_PAUSE, _LONGEST_PROBE_PAUSE = 0.1, 1.0
_ENDED = ("completed", "failed")


@dataclass(frozen=True)
class Probing:
    """How the code of one function is tried. Sleeping is on purpose, in one piece: between activation and verdict
    nothing may stop this, or a Ctrl-C would leave unproven code in use."""

    provider: Provider
    owner: Address
    probe: Probe
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic

    def run(self) -> None:
        """Execute the active deployment and wait for its end. Raises ProbeError with the log unless it is as
        expected."""
        try:
            ended = self._ended()
        except ProviderError as error:
            raise ProbeError(f"The probe of {self.owner} could not be executed: {error.message}") from None
        if ended.status not in _ENDED:
            raise ProbeError(
                f"The probe of {self.owner} has not ended within {self.probe.timeout} s (it is {ended.status}).",
                hint=self._log_hint(ended),
            )
        if ended.status == "failed" or ended.response_status != self.probe.expect_status:
            raise ProbeError(
                f"The probe of {self.owner} {ended.status} with {ended.response_status or 'no answer'}, "
                f"but {self.probe.expect_status} was expected.{_log_tail(ended)}",
                hint=self._log_hint(ended),
            )

    def _ended(self) -> Execution:
        """Asynchronous, because Appwrite cuts synchronous executions after 30 s and keeps no log of them on the way."""
        probe, deadline, pause = self.probe, self.clock() + self.probe.timeout, _FIRST_PROBE_PAUSE
        seen = self.provider.execute(self.owner.path, probe.text, wait=False, path=probe.path, method=probe.method)
        while seen.status not in _ENDED and self.clock() < deadline:
            self.sleep(min(pause, max(0.0, deadline - self.clock())))
            pause = min(_LONGEST_PROBE_PAUSE, pause * 1.3)
            seen = self.provider.execution(self.owner.path, seen.id)
        return seen

    def _log_hint(self, execution: Execution) -> str:
        return f"read its whole log with: raceday-iac logs {as_typed(self.owner)} --execution {execution.id}"


def go_back(provider: Provider, owner: Address, before: str, failure: ProbeError) -> ProbeError:
    """Activate what was active before. Returns the failure with what came of that."""
    if not before:
        more = "There is no earlier deployment: this one stays active. The next apply probes it again."
        return ProbeError(f"{failure.message}\n  {more}", failure.hint)
    try:
        provider.activate(owner, before)
    except IacError as error:
        return ProbeError(
            f"{failure.message}\n  The deployment that was active before, {before}, could not be activated again: "
            f"{error.message}\n  THE CODE THAT FAILED IS IN USE.",
            hint=f"go back to an earlier one: raceday-iac rollback {as_typed(owner)}",
        )
    more = f"The deployment that was active before, {before}, is active again."
    return ProbeError(f"{failure.message}\n  {more}", failure.hint)


def _log_tail(execution: Execution) -> str:
    lines = [*execution.logs.strip().splitlines(), *(f"! {each}" for each in execution.errors.strip().splitlines())]
    shown = "\n".join(f"    {line}" for line in lines[-_LOG_LINES:])
    return f"\n  Last lines of its log:\n{shown}" if shown else ""


# Deleting previous deployments that are too many, after a newer one was activated.
#
# Only those that their own source proves to be ours, and never the active one. What cannot be deleted is reported, and
# does not make an apply fail: the code that was wanted is in use.


@dataclass(frozen=True)
class Retention:
    """Keeps `keep` previous deployments of a function or site. `warn` is called with what went wrong."""

    provider: Provider
    archives: Archives
    owner: Address
    keep: int
    warn: Callable[[str], None]

    def prune(self, remembered: Remembered) -> tuple[str, ...]:
        """Delete what is too many. Returns the line of deployments that are left, the active one first."""
        try:
            return self._prune(remembered)
        except ProviderError as error:
            self.warn(f"old deployments could not be listed: {error.message}")
            return remembered.line

    def _prune(self, remembered: Remembered) -> tuple[str, ...]:
        active = self.provider.active_deployment(self.owner)
        if active != remembered.line[0]:
            # Somebody else has activated another one meanwhile: this is no time to delete anything.
            return remembered.line
        found = self.provider.all_deployments(self.owner)
        classified = list(classify(found, active, remembered, lambda each: self._is_ours(each.id), lambda _each: False))
        previous = line_of(classified, remembered)
        gone = [each for each in previous[self.keep :] if self._is_ours(each) and self._delete(each)]
        return (active, *(each for each in previous if each not in gone))

    def _is_ours(self, deployment: str) -> bool:
        return self.archives.is_ours(self.owner, deployment)

    def _delete(self, deployment: str) -> bool:
        """Whether it is gone."""
        address = code_of(self.owner)
        try:
            self.provider.delete(address, Live(address, frozen({}), deployment))
        except ProviderError as error:
            self.warn(f"the old deployment {deployment} could not be deleted: {error.message}")
            return False
        return True
