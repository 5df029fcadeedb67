"""Deploying code: build aside, wait, then switch. A failure before the switch leaves what is live untouched."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..errors import BuildError
from ..model.address import deployment_address
from ..model.resource import frozen
from ..packaging import Bundle, digest_of_archive
from ..provider import Provider
from ..provider.protocol import Deployment
from ..state.document import Entry

#: Seconds without any sign of life from a build before it is given up. Builds of one server queue.
_STILL_FOR = 600.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 3.0
#: Newest deployments in which an upload of an interrupted run is looked for.
_LOOK_BACK = 5
_LOG_LINES = 20
_UNUSABLE = ("failed", "canceled")


def deploy(
    provider: Provider, bundle: Bundle, previous: tuple[str, ...], note: Callable[[str], None]
) -> Iterator[float | Entry]:
    """Upload (or find) the bundle, wait until it is built, activate it. Yields pauses, and at the end the entry."""
    function = bundle.source.function
    deployment = _begin(provider, bundle, note)
    yield from _until_ready(provider, function, deployment, note)
    note("activating")
    provider.activate(function, deployment.id)
    kept = (deployment.id, *(each for each in previous if each != deployment.id))
    yield Entry(deployment_address(function), frozen({"digest": bundle.digest}), deployment.id, kept)


def _begin(provider: Provider, bundle: Bundle, note: Callable[[str], None]) -> Deployment:
    """A deployment of this very bundle: one that an interrupted run left, or a new upload."""
    archive = bundle.archive()
    function = bundle.source.function
    for each in provider.deployments(function, _LOOK_BACK):
        same_size = each.source_size == len(archive) and each.status not in _UNUSABLE
        if same_size and digest_of_archive(provider.source_of(function, each.id)) == bundle.digest:
            note("found the upload of an earlier run")
            return each
    note(f"uploading {len(archive)} bytes")
    return provider.upload(function, archive, bundle.source.entrypoint, bundle.source.commands)


def _until_ready(
    provider: Provider, function: str, deployment: Deployment, note: Callable[[str], None]
) -> Iterator[float]:
    pause, still, seen = _FIRST_PAUSE, 0.0, ""
    while True:
        current = provider.deployment(function, deployment.id)
        if current.status == "ready":
            return
        if current.status in _UNUSABLE:
            raise BuildError(_failure(function, current), hint=_log_hint(function, current.id))
        sign = f"{current.status}:{len(current.log)}"
        still = 0.0 if sign != seen else still + pause
        if still > _STILL_FOR:
            raise BuildError(
                f"The build of function.{function} has not moved for {still:.0f} s (status {current.status}). "
                "The deployment that was active still is.",
                hint=_log_hint(function, current.id),
            )
        seen = sign
        note(f"build {current.status}")
        yield pause
        pause = min(_LONGEST_PAUSE, pause * 1.3)


def _failure(function: str, deployment: Deployment) -> str:
    tail = "\n".join(f"    {line}" for line in deployment.log.strip().splitlines()[-_LOG_LINES:])
    return (
        f"The build of function.{function} ended {deployment.status}. The deployment that was active still is."
        f"\n  Last lines of its log:\n{tail or '    (empty)'}"
    )


def _log_hint(function: str, deployment: str) -> str:
    return f"read the whole log with: raceday-iac logs {function} --build {deployment}"
