"""What a backend is made of: its settings, what opening one needs, and what one that machines share has to do.

A shared backend keeps numbered texts that are each created once, and one lock that is replaced only by who has read it
last. Both are compare-and-set, and the backend's own clock measures the age of the lock. It knows texts, never what
they mean: that is `remote.py`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Protocol

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from ...errors import StateError
from ...files import write_private
from ...model.secret import Secret
from ..encryption import Encryption
from ..store import StateStore


def _endpoint(text: str) -> str:
    if text and not re.fullmatch(r"https?://[^\s/]+(/\S*)?", text):
        raise ValueError("must be a URL: https://host")
    return text.rstrip("/")


Endpoint = Annotated[str, AfterValidator(_endpoint)]


class BackendSettings(BaseModel):
    """What every backend is given. `keep` is the number of states in the history, the current one included."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    backend: str
    keep: int = Field(default=20, ge=1, le=90)
    encryption: Encryption | None = None

    @property
    def is_shared(self) -> bool:
        """Whether other machines use the same state."""
        return True

    @property
    def is_in_target(self) -> bool:
        """Whether it is kept in the very project that the environment describes."""
        return False

    @property
    def databases_in_target(self) -> tuple[str, ...]:
        """Ids of databases of the target that hold it: nobody may declare them."""
        return ()


class SharedSettings(BackendSettings):
    """`lock_expiry` is in seconds: a lock without a sign of life for so long may be taken over."""

    keep: int = Field(default=20, ge=5, le=90)
    lock_expiry: float = Field(default=300.0, ge=15, le=86_400)


class Project(Protocol):
    """An Appwrite project to talk to."""

    @property
    def endpoint(self) -> str: ...
    @property
    def project(self) -> str: ...
    @property
    def key(self) -> Secret: ...


@dataclass(frozen=True)
class Access:
    """What opening needs beside the settings. `folder` is the environment's own on this machine. `target` is called
    when a state that is kept in the target is first used. With `reading`, a shared state cannot be written."""

    environment: str
    folder: Path
    target: Callable[[], Project]
    reading: bool = False
    variables: Mapping[str, str] = field(default_factory=lambda: os.environ)


class KeptFiles(Protocol):
    """Files beside a state, by names of the form `folder/file`. Each is written whole or not at all. Every call raises
    StateError where the place fails."""

    @property
    def where(self) -> str:
        """The place, for messages."""
        ...

    def put(self, name: str, content: bytes) -> None:
        """Write one, or replace it."""
        ...

    def get(self, name: str) -> bytes | None:
        """What is in one; None where there is none."""
        ...

    def names(self) -> Sequence[str]:
        """All there are."""
        ...

    def remove(self, names: Sequence[str]) -> None:
        """Delete some, in this order. One that does not exist is no failure."""
        ...


@dataclass(frozen=True)
class FolderFiles:
    """Files of this machine, for their owner alone."""

    folder: Path

    @property
    def where(self) -> str:
        return str(self.folder)

    def put(self, name: str, content: bytes) -> None:
        with self._telling(f"{name} could not be written to {self.folder}"):
            write_private(self.folder / name, content)

    def get(self, name: str) -> bytes | None:
        with self._telling(f"{self.folder / name} cannot be read"):
            try:
                return (self.folder / name).read_bytes()
            except FileNotFoundError:
                return None

    def names(self) -> Sequence[str]:
        with self._telling(f"{self.folder} cannot be read"):
            return sorted(each.relative_to(self.folder).as_posix() for each in self.folder.glob("*/*"))

    def remove(self, names: Sequence[str]) -> None:
        for name in names:
            file = self.folder / name
            with self._telling(f"{file} cannot be deleted"):
                file.unlink(missing_ok=True)
                # Its folder goes with the last of its files.
                with suppress(OSError):
                    file.parent.rmdir()

    @contextmanager
    def _telling(self, what: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StateError(f"{what}: {error.strerror or error}.") from None


def folder_files(_settings: Any, access: Access) -> KeptFiles:
    """Files in the environment's own folder on this machine."""
    return FolderFiles(access.folder / FILES)


#: Where files are kept beside a state.
FILES = "backups"


@dataclass(frozen=True)
class Backend:
    """A backend as it is registered: a title for people, the model of its settings, how it is opened, and how the files
    beside the state are."""

    title: str
    settings: type[BackendSettings]
    open: Callable[[Any, Access], StateStore]
    files: Callable[[Any, Access], KeptFiles] = folder_files


class PreconditionFailed(StateError):
    """The serial exists, or the lock is not as it was when it was read: somebody else was first."""


@dataclass(frozen=True)
class StateVersion:
    """One numbered text. `note` is what a listing says about it without the text: short, ASCII."""

    serial: int
    note: str = ""
    text: str = ""


@dataclass(frozen=True)
class LockRecord:
    """The lock's text as it is. `tag` names this very version of it; `age` is in seconds, by the backend's clock; None
    where the backend does not send its time (S3: while it is only read)."""

    text: str
    tag: str
    age: float | None


class StateBackend(Protocol):
    """The versions and the lock of one environment, for `remote.RemoteState`.

    Every call raises an IacError when the backend refuses or cannot be reached. Where the answer to a write was lost,
    the backend looks whether the write arrived before it reports a failure.
    """

    @property
    def where(self) -> str:
        """The place, for messages."""
        ...

    def newest(self) -> StateVersion | None:
        """The version of the highest serial, with its text."""
        ...

    def read(self, serial: int) -> StateVersion | None:
        """One version, with its text."""
        ...

    def versions(self) -> Sequence[StateVersion]:
        """All, newest first, without their texts."""
        ...

    def serials(self) -> Sequence[int]:
        """All serials, highest first."""
        ...

    def add(self, version: StateVersion) -> None:
        """Create it. Raises PreconditionFailed when the serial exists with another text."""
        ...

    def replace(self, version: StateVersion) -> None:
        """Write another text of the same meaning in its place (another key)."""
        ...

    def remove(self, serial: int) -> None:
        """Delete a version. One that does not exist is no failure."""
        ...

    def read_lock(self) -> LockRecord | None:
        """The lock as it is; None where there never was one."""
        ...

    def write_lock(self, text: str, tag: str) -> str:
        """Replace the lock that has this tag (empty: there is none yet) and return the new tag.

        Raises PreconditionFailed when the lock has changed since. No two texts are ever the same, else `tag` would mean
        nothing.
        """
        ...
