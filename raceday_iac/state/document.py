"""The state document: the resources that we own, and the values last applied to them. Never a secret value.

Live Appwrite is the truth; state says which of it is ours and what we last wrote, so that a difference can be
explained: the stack changed, or somebody changed the server.
"""

from __future__ import annotations

import getpass
import os
import secrets
import socket
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ..errors import NOTHING_CHANGED, RefusedError, StateError
from ..kinds.base import thaw
from ..model.address import Address, owners
from ..model.resource import Fields, frozen
from ..model.secret import Secret

if TYPE_CHECKING:
    from .store import Version

# Who saves a state: the user, the machine, the process, and the CI run when there is one.


#: Where CI systems give the address of the run, in the order of asking.
_RUN_URLS = ("CI_JOB_URL", "BUILD_URL", "CIRCLE_BUILD_URL", "BUILDKITE_BUILD_URL")
_GITHUB = ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID")


@dataclass(frozen=True)
class Owner:
    """A process that works on a state. `run` is the address of its CI run, or empty."""

    user: str
    host: str
    pid: int
    run: str = ""

    def __str__(self) -> str:
        return f"{self.user}@{self.host}"


@dataclass(frozen=True)
class Saved:
    """How a state came to be: when, by whom, by which command, and how much it owns.

    `session` is the same for all saves of one run: the last of them is the one worth listing.
    """

    at: str = ""
    by: str = ""
    command: str = ""
    run: str = ""
    session: str = ""
    resources: int = 0

    def to_json(self) -> dict[str, Any]:
        return {
            "at": self.at,
            "by": self.by,
            "command": self.command,
            "run": self.run,
            "session": self.session,
            "resources": self.resources,
        }

    @classmethod
    def from_json(cls, content: Any) -> Saved:
        """The reverse; what is missing or odd is left empty, for nothing depends on it."""
        if not isinstance(content, dict):
            return cls()
        count = content.get("resources")
        texts = {name: str(content.get(name) or "") for name in ("at", "by", "command", "run", "session")}
        return cls(**texts, resources=count if isinstance(count, int) else 0)


def this_process(variables: Mapping[str, str] = os.environ) -> Owner:
    """The owner that this process is."""
    return Owner(user_name(), socket.gethostname(), os.getpid(), _run_url(variables))


def user_name() -> str:
    """The login name, or the number of a user that has none (usual in containers)."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return f"uid {os.getuid()}" if hasattr(os, "getuid") else "unknown"


def _run_url(variables: Mapping[str, str]) -> str:
    server, repository, run = (variables.get(name, "") for name in _GITHUB)
    if server and repository and run:
        return f"{server}/{repository}/actions/runs/{run}"
    return next((variables[name] for name in _RUN_URLS if variables.get(name)), "")


# Old formats of the state document, upgraded one step at a time. Each has a stored example in tests/data/state/.
#
# Format 1: lineage, serial, salt, resources. Format 2: also `saved`, which says how the state came to be; the salt
# and the resources may be encrypted (see encryption.py). Format 3: also `bound`, which says what the state belongs to
# (see document.py). Format 4: also `migrations`, which says what has run.


FORMAT = 4

Document = dict[str, Any]


def upgraded(content: Any) -> Document:
    """The document in the newest format. Raises StateError when it is none, or newer than this program."""
    if not isinstance(content, dict) or not isinstance(content.get("format"), int):
        raise StateError("it is not a state document (no format number)")
    document: Document = content
    if document["format"] > FORMAT:
        # An earlier state, or none, in its place would lose what the newer program made since.
        raise StateError(
            f"it has format {document['format']}, and this version reads up to {FORMAT}",
            hint="a newer raceday-iac saved it, and it is not damaged: install that version",
        )
    while (number := int(document["format"])) < FORMAT:
        if number not in STEPS:
            raise StateError(f"it has format {number}, which does not exist")
        document = {**STEPS[number](document), "format": number + 1}
    return document


def _with_provenance(document: Document) -> Document:
    """1 → 2: nothing is known of who saved it."""
    resources = document.get("resources")
    count = len(resources) if isinstance(resources, dict) else 0
    return {**document, "saved": {"resources": count}}


def _with_binding(document: Document) -> Document:
    """2 → 3: nothing is known of what it belongs to; the next save says it."""
    return {**document, "bound": {}}


def _with_migrations(document: Document) -> Document:
    """3 → 4: none has run."""
    return {**document, "migrations": {}}


STEPS: Mapping[int, Callable[[Document], Document]] = {1: _with_provenance, 2: _with_binding, 3: _with_migrations}


# What a state belongs to: one project on one server, managed by one stack.
#
# A state that is applied to another project deletes what happens to have the same id there; a second stack over the
# same state plans to delete everything of the first. So each state says what it belongs to, and is used for nothing
# else.


_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Binding:
    """Endpoint, project id, and the name of the stack. The endpoint is an address, or `embedded` for the server that
    comes with the tool: its port is another one each time. What is empty is not known yet, as in older states."""

    endpoint: str = ""
    project: str = ""
    stack: str = ""

    def __str__(self) -> str:
        return f"stack {self.stack or '?'}, project {self.project or '?'} at {self.endpoint or '?'}"

    def filled(self, here: Binding) -> Binding:
        """With what is not known yet taken from where it is used now."""
        return Binding(**{each.name: getattr(self, each.name) or getattr(here, each.name) for each in fields(self)})

    def differences(self, here: Binding) -> Iterator[tuple[str, str, str]]:
        """Name, what it belongs to, and what is here instead. What either does not know is no difference."""
        for each in fields(self):
            own, other = getattr(self, each.name), getattr(here, each.name)
            if own and other and own != other:
                yield each.name, own, other

    def must_fit(self, here: Binding, where: str) -> None:
        """Raise RefusedError when a state kept `where` belongs to something else than what is `here`."""
        found = list(self.differences(here))
        if found:
            lines = "\n".join(f"  - its {name} is {own}, but this is {other}" for name, own, other in found)
            raise RefusedError(
                f"The state in {where} belongs to something else. {NOTHING_CHANGED}\n{lines}",
                hint=_way_out({name for name, _, _ in found}),
            )

    def to_json(self) -> dict[str, str]:
        """Only what is known."""
        return {each.name: value for each in fields(self) if (value := getattr(self, each.name))}


def _way_out(different: set[str]) -> str:
    other = "give each stack" if different == {"stack"} else "give each project"
    return (
        f"{other} an environment of its own (a file in stacks/environments, with a state of its own); "
        "if this one has moved: raceday-iac state rebind"
    )


#: Of a state that does not say it.
NOWHERE = Binding()


def binding_of(endpoint: str, project: str, stack: str = "") -> Binding:
    """The binding of an environment's endpoint and project, and a stack."""
    return Binding(_identity(endpoint), project, stack)


def binding_from_json(content: Any) -> Binding:
    """The reverse of `to_json`. Raises StateError for anything else: what cannot be read must not count as unknown."""
    names = {each.name for each in fields(Binding)}
    if not isinstance(content, Mapping) or not all(isinstance(each, str) for each in content.values()):
        raise StateError("it is damaged: the target that it belongs to is not an object of texts")
    return Binding(**{str(name): text for name, text in content.items() if name in names})


def _identity(endpoint: str) -> str:
    """The same address, however it is written. A user and a password in it are left out."""
    try:
        parts = urlsplit(endpoint.strip())
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        return endpoint
    if not host:
        return endpoint.strip()
    scheme = parts.scheme.lower()
    shown = f"[{host}]" if ":" in host else host
    return f"{scheme}://{shown}{f':{port}' if port not in (None, _PORTS.get(scheme)) else ''}{parts.path.rstrip('/')}"


@dataclass(frozen=True)
class Revision:
    """The commit (a whole hash) whose stack was applied; empty where that is not known, outside of a repository. With
    `is_dirty`, the files were not exactly those of the commit."""

    commit: str = ""
    is_dirty: bool = False

    def to_json(self) -> dict[str, Any]:
        return {"commit": self.commit, **({"dirty": True} if self.is_dirty else {})}

    @classmethod
    def from_json(cls, content: Any) -> Revision:
        """The reverse; what is missing or odd is not known."""
        if not isinstance(content, Mapping):
            return cls()
        return cls(str(content.get("commit") or ""), bool(content.get("dirty")))

    def __str__(self) -> str:
        """As messages name it; nothing for what is not known."""
        return f"commit {self.commit[:12]}{' with changes' if self.is_dirty else ''}" if self.commit else ""


#: Of a state that does not say it.
UNKNOWN_REVISION = Revision()


@dataclass(frozen=True)
class Entry:
    """One owned resource. `fields` are the values last applied; `remote_id` the server's id where it chose one.

    `deployments` (of a function's code) are the ids that a rollback goes back through, the active one first.
    `uploads` (of a function) are deployments that were begun and not accepted yet: under way, failed, or cut short.
    """

    address: Address
    fields: Fields
    remote_id: str = ""
    deployments: tuple[str, ...] = ()
    uploads: tuple[str, ...] = ()


class Stage(StrEnum):
    """How far a migration came: it was started but not finished, it has run, or it is being undone."""

    BEGUN = "begun"
    DONE = "done"
    UNDOING = "undoing"


@dataclass(frozen=True)
class MigrationRecord:
    """What is known of a migration in this environment. `digest` is the SHA-256 of the file that ran, `at` when it came
    to its stage (ISO 8601, UTC), `by` who ran it (user@host) and `run` the address of the CI run, where there was one.
    `counts` are documents by what was done to them. `passes` says how far each pass over a collection came, while it is
    not finished. `was_run` is false for one that somebody marked as run."""

    digest: str
    stage: Stage
    at: str = ""
    by: str = ""
    run: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)
    passes: Mapping[str, str] = field(default_factory=dict)
    was_run: bool = True

    @property
    def is_done(self) -> bool:
        return self.stage is Stage.DONE

    def to_json(self) -> dict[str, Any]:
        return {
            "digest": self.digest,
            "stage": str(self.stage),
            "at": self.at,
            "by": self.by,
            **({"run": self.run} if self.run else {}),
            "counts": dict(self.counts),
            **({"passes": dict(self.passes)} if self.passes else {}),
            **({} if self.was_run else {"wasRun": False}),
        }


def _migration(stored: Mapping[str, Any]) -> MigrationRecord:
    return MigrationRecord(
        str(stored["digest"]),
        Stage(stored["stage"]),
        str(stored["at"]),
        str(stored["by"]),
        str(stored.get("run", "")),
        {str(name): int(number) for name, number in stored["counts"].items()},
        {str(name): str(place) for name, place in stored.get("passes", {}).items()},
        bool(stored.get("wasRun", True)),
    )


def migrations_to_json(migrations: Mapping[Address, MigrationRecord]) -> dict[str, Any]:
    return {str(address): record.to_json() for address, record in sorted(migrations.items())}


def migrations_from_json(content: Mapping[str, Any]) -> dict[Address, MigrationRecord]:
    """The reverse. Raises KeyError, TypeError, ValueError or AttributeError for anything else."""
    return {Address.parse(text): _migration(stored) for text, stored in content.items()}


@dataclass(frozen=True)
class State:
    """`serial` counts saves; `lineage` names the series; `salt` keys the fingerprints of secrets and the signatures of
    saved plans; `bound` says what the state belongs to; `migrations` are those that were begun here, also when the
    stack does not name them any more; `revision` what was applied last."""

    lineage: str
    serial: int = 0
    salt: str = ""
    entries: Mapping[Address, Entry] = field(default_factory=dict)
    bound: Binding = NOWHERE
    migrations: Mapping[Address, MigrationRecord] = field(default_factory=dict)
    revision: Revision = UNKNOWN_REVISION

    def with_migration(self, address: Address, record: MigrationRecord | None) -> State:
        """With what is known of a migration; None: nothing is."""
        others = {at: each for at, each in self.migrations.items() if at != address}
        return replace(self, migrations=others if record is None else {**others, address: record})

    def with_entry(self, entry: Entry) -> State:
        return replace(self, entries={**self.entries, entry.address: entry})

    def uploads_of(self, owner: Address) -> tuple[str, ...]:
        """Deployments of a function or site that were begun and not accepted yet."""
        entry = self.entries.get(owner)
        return entry.uploads if entry else ()

    def with_upload(self, owner: Entry, deployment: str) -> State:
        """Remember a deployment that is begun. `owner` is the entry to begin with where there is none yet."""
        entry = self.entries.get(owner.address, owner)
        known = deployment in entry.uploads
        return self if known else self.with_entry(replace(entry, uploads=(*entry.uploads, deployment)))

    def without_uploads(self, owner: Address, ended: Collection[str]) -> State:
        """Deployments were accepted, or are gone."""
        entry = self.entries.get(owner)
        if entry is None or not set(entry.uploads) & set(ended):
            return self
        return self.with_entry(replace(entry, uploads=tuple(each for each in entry.uploads if each not in ended)))

    def without(self, address: Address) -> State:
        return replace(self, entries={key: each for key, each in self.entries.items() if key != address})


def new_state(
    new_id: Callable[[], str] = lambda: str(uuid.uuid4()), new_salt: Callable[[], str] = lambda: secrets.token_hex(16)
) -> State:
    """An empty state of a new lineage."""
    return State(lineage=new_id(), salt=new_salt())


def to_json(state: State, saved: Saved | None = None) -> dict[str, Any]:
    """The stored form. Raises TypeError when a secret has slipped into an entry."""
    resources = {str(address): entry_to_json(entry) for address, entry in sorted(state.entries.items())}
    migrations = migrations_to_json(state.migrations)
    return {**header_to_json(state, saved), "salt": state.salt, "resources": resources, "migrations": migrations}


def header_to_json(state: State, saved: Saved | None = None) -> dict[str, Any]:
    """The part of the stored form that is never encrypted."""
    made = saved or Saved(resources=len(state.entries))
    return {
        "format": FORMAT,
        "lineage": state.lineage,
        "serial": state.serial,
        "bound": state.bound.to_json(),
        **({"revision": state.revision.to_json()} if state.revision.commit else {}),
        "saved": made.to_json(),
    }


def entry_to_json(entry: Entry) -> dict[str, Any]:
    if any(isinstance(value, Secret) for value in entry.fields.values()):
        raise TypeError(f"{entry.address}: a secret must not be stored")
    stored: dict[str, Any] = {"fields": thaw(entry.fields)}
    if entry.remote_id:
        stored["remoteId"] = entry.remote_id
    if entry.deployments:
        stored["deployments"] = list(entry.deployments)
    if entry.uploads:
        stored["uploads"] = list(entry.uploads)
    return stored


def from_json(content: Any) -> State:
    """Read the stored form, upgrading older formats. Raises StateError when it is not a state document."""
    content = upgraded(content)
    try:
        entries = [_entry(text, stored) for text, stored in content["resources"].items()]
        return State(
            lineage=str(content["lineage"]),
            serial=int(content["serial"]),
            salt=str(content["salt"]),
            entries={entry.address: entry for entry in entries},
            bound=binding_from_json(content["bound"]),
            migrations=migrations_from_json(content.get("migrations", {})),
            revision=Revision.from_json(content.get("revision")),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StateError(f"it is damaged: {type(error).__name__}: {error}") from None


def saved_of(content: Any) -> Saved:
    """How a stored document came to be; empty for what does not say."""
    return Saved.from_json(content.get("saved")) if isinstance(content, dict) else Saved()


def _entry(text: str, stored: Mapping[str, Any]) -> Entry:
    fields = {name: _frozen_value(value) for name, value in stored["fields"].items()}
    return Entry(
        Address.parse(text),
        frozen(fields),
        str(stored.get("remoteId", "")),
        tuple(stored.get("deployments", ())),
        tuple(stored.get("uploads", ())),
    )


def _frozen_value(value: Any) -> Any:
    return tuple(_frozen_value(item) for item in value) if isinstance(value, list) else value


# Changes of a state by hand: rename, forget, replace. Pure; nothing here touches a server.


def moved(state: State, source: Address, destination: Address) -> tuple[State, dict[Address, Address]]:
    """The state with a resource, and all that lies in it, under another address; and what became what.

    Raises StateError when that is not possible.
    """
    _must_be_alike(source, destination)
    if source in state.migrations:
        return _migration_moved(state, source, destination), {source: destination}
    if source not in state.entries:
        raise _not_owned(source)
    renamed = {each: _renamed(each, source, destination) for each in with_members(state, [source])}
    taken = [each for each in renamed.values() if each in state.entries and each not in renamed]
    if taken:
        first = min(taken, key=lambda each: (each != destination, each))
        raise StateError(f"{first} is in the state already.", unchanged=True)
    entries: dict[Address, Entry] = {}
    for address, entry in state.entries.items():
        name = renamed.get(address, address)
        # Where the server's id is the name, it is renamed as well.
        own = address == source and entry.remote_id == source.name
        entries[name] = replace(entry, address=name, remote_id=destination.name if own else entry.remote_id)
    return replace(state, serial=state.serial + 1, entries=entries), renamed


def _migration_moved(state: State, source: Address, destination: Address) -> State:
    """What ran under one name ran under another."""
    if destination in state.migrations:
        raise StateError(f"{destination} is in the state already.", unchanged=True)
    names = {at: destination if at == source else at for at in state.migrations}
    migrations = {names[at]: record for at, record in state.migrations.items()}
    return replace(state, serial=state.serial + 1, migrations=migrations)


def forgotten(state: State, unwanted: Iterable[Address]) -> tuple[State, list[Address]]:
    """The state without some resources and all that lies in them; and which those were. Raises StateError for one that
    is not in it."""
    wanted = list(unwanted)
    for each in wanted:
        if each in state.migrations:
            hint = f"to mark it as not run: raceday-iac migration mark {each.name} --not-run"
            raise StateError(f"{each} is not a resource, but a migration that ran.", hint=hint, unchanged=True)
        if each not in state.entries:
            raise _not_owned(each)
    gone = with_members(state, wanted)
    kept = {address: entry for address, entry in state.entries.items() if address not in gone}
    return replace(state, serial=state.serial + 1, entries=kept), sorted(gone)


def pushed(current: Version | None, given: State, *, force: bool) -> State:
    """The state to save when `given` is to take the place of the current one. Raises RefusedError when it is another
    state, or an older one, unless forced."""
    if current is None:
        return replace(given, serial=max(1, given.serial))
    if not force and given.lineage != current.lineage:
        raise RefusedError(
            f"The lineage differs: this one is {given.lineage}, the stored one {current.lineage}. They describe "
            "different things, or one of them was begun again.",
            hint="to replace the stored state anyway: --force",
            unchanged=True,
        )
    if not force and given.serial < current.serial:
        raise RefusedError(
            f"It has serial {given.serial}, and the stored one has {current.serial}: it is older.",
            hint="pull the newest state and change that, or use --force",
            unchanged=True,
        )
    return replace(given, serial=max(given.serial, current.serial + 1))


def with_members(state: State, chosen: Collection[Address]) -> set[Address]:
    """The chosen addresses and those of everything in the state that lies in them."""
    return {each for each in state.entries if each in chosen or any(owner in chosen for owner in owners(each))}


def _renamed(address: Address, source: Address, destination: Address) -> Address:
    if address == source:
        return destination
    return Address(address.kind, destination.path + address.path.removeprefix(source.path))


def _must_be_alike(source: Address, destination: Address) -> None:
    if source.kind != destination.kind:
        raise StateError(f"A {source.kind} cannot become a {destination.kind}.", unchanged=True)
    if len(source.parts) != len(destination.parts):
        raise StateError(
            f"{destination} has {len(destination.parts)} parts, and {source} has {len(source.parts)}.", unchanged=True
        )


def _not_owned(address: Address) -> StateError:
    return StateError(f"{address} is not in the state.", hint="see all: raceday-iac state list", unchanged=True)
