"""All deployments of one function, judged: which is active, which can be gone back to, which are left over.

Whose a deployment is, is never guessed: it is ours when the state remembers having begun or activated it, or when its
own source archive says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from ..model.address import deployment_address
from ..provider import Reader
from ..provider.protocol import Deployment
from ..state.document import State
from .archives import Archives

READY = "ready"
FAILED = ("failed", "canceled")
#: Deployments that came another way are not ours: from a repository, from the vendor's command line.
FOREIGN_TYPES = ("vcs", "cli")


class Role(StrEnum):
    """What a deployment is to us."""

    ACTIVE = "active"
    #: Built, and to be gone back to.
    PREVIOUS = "previous"
    #: Under way, and not for long.
    UNFINISHED = "unfinished"
    #: Ours, and good for nothing: it failed, was abandoned, or was never accepted.
    ORPHAN = "orphan"
    #: Somebody else's. Never touched.
    FOREIGN = "foreign"


@dataclass(frozen=True)
class Judged:
    """A deployment, and what it is to us. `why` is for people."""

    deployment: Deployment
    role: Role
    why: str = ""


@dataclass(frozen=True)
class Remembered:
    """What the state knows of a function's deployments: the `line` of those that were active, the active one first,
    and those that were `begun` and never accepted."""

    line: tuple[str, ...] = ()
    begun: tuple[str, ...] = ()

    @classmethod
    def of(cls, state: State, function: str) -> Remembered:
        entry = state.entries.get(deployment_address(function))
        return cls(entry.deployments if entry else (), state.uploads_of(function))


def read_deployments(
    reader: Reader, archives: Archives, function: str, remembered: Remembered, old_after: float
) -> list[Judged]:
    """All deployments of a function, newest first. What is unfinished for `old_after` seconds counts as abandoned."""
    active = reader.active_deployment(function)
    found = reader.all_deployments(function)
    now = server_now(reader)
    archives.prefetch((function, each.id) for each in found if _needs_proof(each, active, remembered))

    def is_ours(deployment: Deployment) -> bool:
        return archives.is_ours(function, deployment.id)

    def is_old(deployment: Deployment) -> bool:
        return now is not None and age(deployment, now) >= old_after

    return list(judge(found, active, remembered, is_ours, is_old))


def server_now(reader: Reader) -> datetime | None:
    """The server's clock, which dates deployments: by a clock of ours that is ahead, all of them would be old. None
    where the server does not tell its time: then none is."""
    return reader.server_time()


def judge(
    deployments: Iterable[Deployment],
    active: str,
    remembered: Remembered,
    is_ours: Callable[[Deployment], bool],
    is_old: Callable[[Deployment], bool],
) -> Iterator[Judged]:
    """Give each its role. Pure, apart from what the two questions cost."""
    for each in deployments:
        if each.id == active:
            yield Judged(each, Role.ACTIVE)
        elif each.id in remembered.begun:
            yield _begun(each, is_old)
        elif each.id in remembered.line and each.status == READY:
            yield Judged(each, Role.PREVIOUS)
        elif each.type in FOREIGN_TYPES or not is_ours(each):
            yield Judged(each, Role.FOREIGN)
        elif each.status == READY:
            yield Judged(each, Role.PREVIOUS, "not in the state; its source says that it is ours")
        else:
            yield _unusable(each, is_old)


def line_of(judged: Sequence[Judged], remembered: Remembered) -> tuple[str, ...]:
    """Deployments to go back to, the next one first: as remembered, then by age."""
    previous = [each.deployment.id for each in judged if each.role is Role.PREVIOUS]
    known = [each for each in remembered.line if each in previous]
    return (*known, *(each for each in previous if each not in known))


def age(deployment: Deployment, now: datetime) -> float:
    """Seconds since it was created; 0 where the server's time cannot be read."""
    try:
        created = datetime.fromisoformat(deployment.created_at)
    except ValueError:
        return 0.0
    return max(0.0, (now - (created if created.tzinfo else created.replace(tzinfo=UTC))).total_seconds())


def _begun(deployment: Deployment, is_old: Callable[[Deployment], bool]) -> Judged:
    if deployment.status == READY:
        return Judged(deployment, Role.ORPHAN, "built, but never accepted")
    return _unusable(deployment, is_old)


def _unusable(deployment: Deployment, is_old: Callable[[Deployment], bool]) -> Judged:
    if deployment.status in FAILED:
        return Judged(deployment, Role.ORPHAN, f"its build {deployment.status}")
    if is_old(deployment):
        return Judged(deployment, Role.ORPHAN, f"abandoned while {deployment.status}")
    return Judged(deployment, Role.UNFINISHED)


def _needs_proof(deployment: Deployment, active: str, remembered: Remembered) -> bool:
    known = deployment.id in remembered.begun or (deployment.id in remembered.line and deployment.status == READY)
    return deployment.id != active and not known and deployment.type not in FOREIGN_TYPES
