"""All deployments of one function or site, classified: which is active, which can be gone back to, which are left over.

Whose a deployment is, is never guessed: it is ours when the state remembers having begun or activated it, or when its
own source archive says so.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from ..errors import NotFoundError
from ..files import write_private
from ..kinds import code_of
from ..model.address import Address
from ..packaging.bundle import Origin, origin_of_archive
from ..provider import Reader
from ..provider.protocol import Deployment
from ..state.document import State
from ..waiting import ThreadPoolExecutor

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
    #: Ours, and good for nothing: it failed, was abandoned, or was never put into use.
    ORPHAN = "orphan"
    #: Somebody else's. Never touched.
    FOREIGN = "foreign"


@dataclass(frozen=True)
class Classified:
    """A deployment, and what it is to us. `why` is for people."""

    deployment: Deployment
    role: Role
    why: str = ""


@dataclass(frozen=True)
class Remembered:
    """What the state knows of deployments: the `line` of those that were active, the active one first,
    and those that were `begun` and never put into use."""

    line: tuple[str, ...] = ()
    begun: tuple[str, ...] = ()

    @classmethod
    def of(cls, state: State, owner: Address) -> Remembered:
        entry = state.entries.get(code_of(owner))
        return cls(entry.deployments if entry else (), state.uploads_of(owner))


def read_deployments(
    reader: Reader, archives: Archives, owner: Address, remembered: Remembered, old_after: float
) -> list[Classified]:
    """All deployments of one, newest first. What is unfinished for `old_after` seconds counts as abandoned."""
    active = reader.active_deployment(owner)
    found = reader.all_deployments(owner)
    now = server_now(reader)
    archives.prefetch((owner, each.id) for each in found if _needs_proof(each, active, remembered))

    def is_ours(deployment: Deployment) -> bool:
        return archives.is_ours(owner, deployment.id)

    def is_old(deployment: Deployment) -> bool:
        return now is not None and age(deployment, now) >= old_after

    return list(classify(found, active, remembered, is_ours, is_old))


def server_now(reader: Reader) -> datetime | None:
    """The server's clock, which dates deployments: by a clock of ours that is ahead, all of them would be old. None
    where the server does not send its time: then none is."""
    return reader.server_time()


def classify(
    deployments: Iterable[Deployment],
    active: str,
    remembered: Remembered,
    is_ours: Callable[[Deployment], bool],
    is_old: Callable[[Deployment], bool],
) -> Iterator[Classified]:
    """Give each deployment its role. Pure, except for the two questions that are passed in."""
    for each in deployments:
        if each.id == active:
            yield Classified(each, Role.ACTIVE)
        elif each.id in remembered.begun:
            yield _begun(each, is_old)
        elif each.id in remembered.line and each.status == READY:
            yield Classified(each, Role.PREVIOUS)
        elif each.type in FOREIGN_TYPES or not is_ours(each):
            yield Classified(each, Role.FOREIGN)
        elif each.status == READY:
            yield Classified(each, Role.PREVIOUS, "not in the state; its source says that it is ours")
        else:
            yield _unusable(each, is_old)


def line_of(classified: Sequence[Classified], remembered: Remembered) -> tuple[str, ...]:
    """Deployments to go back to, the next one first: as remembered, then by age."""
    previous = [each.deployment.id for each in classified if each.role is Role.PREVIOUS]
    known = [each for each in remembered.line if each in previous]
    return (*known, *(each for each in previous if each not in known))


def age(deployment: Deployment, now: datetime) -> float:
    """Seconds since it was created; 0 where the server's time cannot be read."""
    try:
        created = datetime.fromisoformat(deployment.created_at)
    except ValueError:
        return 0.0
    return max(0.0, (now - (created if created.tzinfo else created.replace(tzinfo=UTC))).total_seconds())


def _begun(deployment: Deployment, is_old: Callable[[Deployment], bool]) -> Classified:
    if deployment.status == READY:
        return Classified(deployment, Role.ORPHAN, "built, but never put into use")
    return _unusable(deployment, is_old)


def _unusable(deployment: Deployment, is_old: Callable[[Deployment], bool]) -> Classified:
    if deployment.status in FAILED:
        return Classified(deployment, Role.ORPHAN, f"its build {deployment.status}")
    if is_old(deployment):
        return Classified(deployment, Role.ORPHAN, f"abandoned while {deployment.status}")
    return Classified(deployment, Role.UNFINISHED)


def _needs_proof(deployment: Deployment, active: str, remembered: Remembered) -> bool:
    known = deployment.id in remembered.begun or (deployment.id in remembered.line and deployment.status == READY)
    return deployment.id != active and not known and deployment.type not in FOREIGN_TYPES


# What is known of deployments' source archives, so that none is downloaded twice.
#
# A deployment never changes, so what was once read of it stays true: it is kept by the deployment's id, in memory and
# in a file beside the state. The file is a cache and nothing more: lost or damaged, it is read again from the server.


_log = logging.getLogger(__name__)

FORMAT = 2
#: Downloads under way at once, when many are needed: on the first plan of a fresh checkout.
_AT_ONCE = 8
#: Deployments that are remembered; the oldest are forgotten first.
_KEPT = 5_000


class Archives:
    """Origins of deployments by id. Thread-safe. Without a `file`, they are remembered for this run only."""

    def __init__(self, reader: Reader, file: Path | None = None) -> None:
        self._reader = reader
        self._file = file
        self._guard = threading.Lock()
        self._known: dict[str, Origin] | None = None

    def origin(self, owner: Address, deployment: str) -> Origin:
        """What a deployment's source says. Empty where there is none to read, as with an unfinished upload."""
        known = self._loaded().get(deployment)
        if known is not None:
            return known
        found = self._read(owner, deployment)
        if found.digest:
            self.remember(deployment, found)
        return found

    def prefetch(self, wanted: Iterable[tuple[Address, str]]) -> None:
        """Read several at the same time: pairs of whose it is and deployment."""
        missing = [pair for pair in wanted if pair[1] not in self._loaded()]
        if not missing:
            return
        with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
            found = list(pool.map(lambda pair: self._read(*pair), missing))
        self._add({pair[1]: origin for pair, origin in zip(missing, found, strict=True) if origin.digest})

    def remember(self, deployment: str, origin: Origin) -> None:
        """Note what is known already, such as of an upload of our own."""
        self._add({deployment: origin})

    def is_ours(self, owner: Address, deployment: str) -> bool:
        """Whether its own source says that this tool made it for this function or site."""
        return self.origin(owner, deployment).owner == owner

    def _read(self, owner: Address, deployment: str) -> Origin:
        """Unreadable sources are not remembered: the rest of an upload may still come."""
        try:
            return origin_of_archive(self._reader.source_of(owner, deployment))
        except NotFoundError:
            return Origin()

    def _add(self, found: dict[str, Origin]) -> None:
        known = self._loaded()
        with self._guard:
            known.update(found)
            self._write(known)

    def _loaded(self) -> dict[str, Origin]:
        with self._guard:
            if self._known is None:
                self._known = self._load()
            return self._known

    def _load(self) -> dict[str, Origin]:
        if self._file is None:
            return {}
        try:
            content = json.loads(self._file.read_text(encoding="utf-8"))
            if content["format"] != FORMAT:
                return {}
            return {
                str(name): Origin(str(digest), Address.parse(made) if made else None)
                for name, (digest, made) in content["archives"].items()
            }
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            _log.info("the cache %s is of no use and is made again: %s", self._file, error)
            return {}

    def _write(self, known: dict[str, Origin]) -> None:
        """Atomically, and without a word when it fails: nothing depends on it."""
        if self._file is None:
            return
        kept = list(known.items())[-_KEPT:]
        content = {"format": FORMAT, "archives": {name: [each.digest, str(each.owner or "")] for name, each in kept}}
        try:
            write_private(self._file, json.dumps(content))
        except OSError as error:
            _log.info("the cache %s could not be written: %s", self._file, error)
