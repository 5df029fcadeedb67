"""State in an S3-compatible store: one object per serial, created with `If-None-Match: *`, and a lock object that is
replaced with `If-Match`. The bucket is not made here.

`obstore` signs and sends the requests; it is imported only when an environment asks for this store. The store must
honour both conditions (AWS S3, MinIO, Ceph, Cloudflare R2 and SeaweedFS do).

An answer counts only if it is the store's: S3's own XML says what is missing, taken or refused. `obstore` takes
the page of a proxy for an object, its 404 for "not there", and any XML for an empty list, so all three are looked at
once more here.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal, TypeVar

from pydantic import Field, model_validator

from ...errors import IacError, StateError
from ...model.secret import Secret
from ...waiting import WAITS, ThreadPoolExecutor
from ..encryption import VariableName, optional_secret, required_secret
from .base import FILES, Access, Backend, Endpoint, LockRecord, PreconditionFailed, SharedSettings, StateVersion
from .remote import RemoteState, open_remote

_Read = TypeVar("_Read")
#: Seconds for one request, for all attempts together, and how often it is repeated.
_TIMEOUT, _PATIENCE, _RETRIES = 30, 60, 4
_NOTE = "note"
#: What is between two attempts after an answer that is not the store's, in seconds: doubled each time.
_FIRST_PAUSE = 0.2


class _UncertainError(StateError):
    """No answer, or one that does not say whether the write landed."""


class _ForeignError(_UncertainError):
    """Something on the way answered in the store's place."""


@dataclass(frozen=True)
class _Object:
    """One object as read; `content` is empty when only its head was asked for."""

    content: bytes
    note: str
    tag: str
    modified: datetime

    @property
    def text(self) -> str:
        return self.content.decode()


class S3Settings(SharedSettings):
    """A bucket. Without names of keys, those of the machine are used: its role, or AWS_* variables."""

    backend: Literal["s3"]
    bucket: str = Field(min_length=1)
    prefix: str = ""
    endpoint: Endpoint = ""
    region: str = Field(default="us-east-1", min_length=1)
    access_key_env: VariableName = ""
    secret_key_env: VariableName = ""
    session_token_env: VariableName = ""

    @model_validator(mode="after")
    def _pair(self) -> S3Settings:
        if bool(self.access_key_env) != bool(self.secret_key_env):
            raise ValueError("give access_key_env and secret_key_env together, or neither")
        return self


@dataclass(frozen=True)
class S3Place:
    """Where the objects are. Without keys, those of the machine are used (role, web identity, AWS_* variables). With
    `reading`, nothing is ever written there."""

    bucket: str
    environment: str
    prefix: str = ""
    endpoint: str = ""
    region: str = "us-east-1"
    access_key: Secret | None = None
    secret_key: Secret | None = None
    session_token: Secret | None = None
    retries: int = _RETRIES
    reading: bool = False

    @property
    def root(self) -> str:
        return "/".join(part for part in (*self.prefix.strip("/").split("/"), self.environment) if part)


@dataclass
class S3Backend:
    """See `StateBackend`."""

    place: S3Place
    sleep: Callable[[float], None] = time.sleep
    _connected: Any = field(default=None, repr=False)

    @property
    def where(self) -> str:
        return f"s3://{self.place.bucket}/{self.place.root}"

    def newest(self) -> StateVersion | None:
        """See `StateBackend.newest`. A list and a read."""
        for serial in self.serials():
            found = self.read(serial)
            # One that was removed in between is followed by newer ones; look at what is left.
            if found is not None:
                return found
        return None

    def read(self, serial: int) -> StateVersion | None:
        found = self._get(self._path(serial))
        return None if found is None else StateVersion(serial, found.note, found.text)

    def versions(self) -> Sequence[StateVersion]:
        """See `StateBackend.versions`. A request per version, at the same time: a listing shows no notes."""
        serials = self.serials()
        with ThreadPoolExecutor(max_workers=8) as pool:
            found = list(pool.map(lambda serial: self._get(self._path(serial), head=True), serials))
        return [
            StateVersion(serial, each.note) for serial, each in zip(serials, found, strict=True) if each is not None
        ]

    def serials(self) -> Sequence[int]:
        paths = self._repeated(lambda: self._listed("states"))
        names = [path.rpartition("/")[2].removesuffix(".json") for path in paths]
        return sorted((int(name) for name in names if name.isdecimal()), reverse=True)

    def add(self, version: StateVersion) -> None:
        """See `StateBackend.add`."""
        try:
            self._put(self._path(version.serial), version.text, "create", version.note)
        except (PreconditionFailed, _UncertainError):
            found = self._get(self._path(version.serial))
            if found is None or found.text != version.text:
                raise

    def replace(self, version: StateVersion) -> None:
        self._put(self._path(version.serial), version.text, "overwrite", version.note)

    def remove(self, serial: int) -> None:
        self._delete(self._path(serial))

    def _delete(self, path: str) -> None:
        self._must_write()
        with self._translating() as library:
            library.delete(self._store, path)

    def read_lock(self) -> LockRecord | None:
        found = self._get(self._lock_path)
        if found is None:
            return None
        if self.place.reading:
            return LockRecord(found.text, found.tag, None)
        # S3 gives its time only as that of an object, so one is written to ask for it.
        age = (self._now() - found.modified).total_seconds()
        return LockRecord(found.text, found.tag, max(0.0, age))

    def write_lock(self, text: str, tag: str) -> str:
        """See `StateBackend.write_lock`."""
        try:
            return self._put(self._lock_path, text, {"e_tag": tag} if tag else "create")
        except (PreconditionFailed, _UncertainError):
            found = self._get(self._lock_path)
            if found is None or found.text != text:
                raise
            return found.tag

    @property
    def _store(self) -> Any:
        if self._connected is None:
            self._connected = _connect(self.place)
        return self._connected

    @property
    def _lock_path(self) -> str:
        return f"{self.place.root}/lock.json"

    def _path(self, serial: int) -> str:
        return f"{self.place.root}/states/{serial}.json"

    def _now(self) -> datetime:
        path = f"{self.place.root}/clock"
        self._put(path, "", "overwrite")
        found = self._get(path, head=True)
        if found is None:
            raise StateError(f"{self.where} does not keep what is written to it.")
        return found.modified

    def _listed(self, folder: str) -> list[str]:
        """The paths of all states, or of all files. That there are none is believed when the store says of one that it
        is not there."""
        with self._translating() as library:
            found = library.list(self._store, f"{self.place.root}/{folder}").collect()
        listed = [str(each["path"]) for each in found]
        if not listed and self._read(self._path(0)) is not None:
            raise self._foreign(f"the list of {self.where}/{folder}", "no list")
        return listed

    def _get(self, path: str, *, head: bool = False) -> _Object | None:
        """An object, or None when it is not there."""
        return self._repeated(lambda: self._read(path, head=head))

    def _read(self, path: str, *, head: bool = False) -> _Object | None:
        """One attempt. The answer to a HEAD has no words, so what it does not find is asked for once more."""
        with self._translating() as library:
            try:
                found = library.get(self._store, path, options={"head": head})
                content = b"" if head else bytes(found.bytes())
            except FileNotFoundError as error:
                if "<Code>NoSuchKey</Code>" in str(error):
                    return None
                if not head or "<Code>" in str(error):
                    raise
            else:
                if str(found.attributes.get("Content-Type", "")).startswith("text/"):
                    raise self._foreign(f"GET {path}", "a page")
                note = str(found.attributes.get(_NOTE, ""))
                return _Object(content, note, str(found.meta["e_tag"]), found.meta["last_modified"])
        whole = self._read(path)
        return None if whole is None else replace(whole, content=b"")

    def _repeated(self, read: Callable[[], _Read]) -> _Read:
        """A read, again when something answered in the store's place, as `obstore` does it when the store is in
        distress."""
        for attempt in range(self.place.retries):
            try:
                return read()
            except _ForeignError:
                self.sleep(_FIRST_PAUSE * 2**attempt)
        return read()

    def _put(self, path: str, content: str | bytes, mode: Any, note: str = "") -> str:
        """Write an object and return its tag."""
        self._must_write()
        content, form = (content.encode(), "json") if isinstance(content, str) else (content, "octet-stream")
        attributes = {"Content-Type": f"application/{form}", **({_NOTE: note} if note else {})}
        with self._translating() as library:
            options = {"mode": mode, "attributes": attributes, "use_multipart": False}
            return str(library.put(self._store, path, content, **options)["e_tag"])

    def _must_write(self) -> None:
        if self.place.reading:
            raise StateError(f"{self.where} was opened to be read; nothing was written.")

    @contextmanager
    def _translating(self) -> Iterator[Any]:
        """The library, and its errors as ours."""
        library = _library()
        known = library.exceptions
        try:
            with WAITS.on(f"asking {self.where}"):
                yield library
        except (known.AlreadyExistsError, known.PreconditionError) as error:
            if "<Code>" not in str(error):
                raise self._translated(str(error), gone=False) from None
            raise PreconditionFailed("somebody else was first") from None
        except (FileNotFoundError, known.BaseError, ValueError) as error:
            raise self._translated(str(error), gone=isinstance(error, FileNotFoundError)) from None

    def _translated(self, text: str, *, gone: bool) -> StateError:
        """The kinds of the library's errors are not enough: what is wrong with a list always comes as a general one."""
        if "NoSuchBucket" in text:
            hint = "create it, or correct state.bucket in the environment file"
            return StateError(f"There is no bucket {self.place.bucket!r}.", hint=hint, unchanged=True)
        reported = _WORDLESS.search(text)
        if reported and "<Code>" not in text:
            return self._foreign(reported["asked"], reported["answered"])
        if any(each in text for each in _UNREADABLE):
            return self._foreign("a request", plain_reason(text))
        if gone:
            # The lock, which was there when it was read.
            return PreconditionFailed("it is gone")
        if re.search(r"status code: 40[13]\b", text):
            return StateError(
                f"{self.where} does not accept the key: {plain_reason(text)}.",
                hint="check the variables named by state.access_key_env and state.secret_key_env, and the key's rights",
            )
        return _UncertainError(
            f"{self.where} cannot be used: {plain_reason(text)}.",
            hint="check state.endpoint and the network, then run the command again",
        )

    def _foreign(self, asked: str, answered: str) -> _ForeignError:
        at = f" at {self.place.endpoint}" if self.place.endpoint else ""
        return _ForeignError(
            f"{self.where}{at} does not answer like S3 to {asked}: {answered.strip()}.",
            hint="a proxy in front of it may have answered instead: run the command again in a minute. If that "
            "does not help, check state.endpoint in the environment file",
        )


@dataclass(frozen=True)
class S3Files:
    """See `KeptFiles`."""

    of: S3Backend

    @property
    def where(self) -> str:
        return f"{self.of.where}/{FILES}"

    def put(self, name: str, content: bytes) -> None:
        self.of._put(self._path(name), content, "overwrite")

    def get(self, name: str) -> bytes | None:
        found = self.of._get(self._path(name))
        return None if found is None else found.content

    def names(self) -> Sequence[str]:
        begin = self._path("")
        return sorted(each.removeprefix(begin) for each in self.of._repeated(lambda: self.of._listed(FILES)))

    def remove(self, names: Sequence[str]) -> None:
        for name in names:
            self.of._delete(self._path(name))

    def _path(self, name: str) -> str:
        return f"{self.of.place.root}/{FILES}/{name}"


#: An answer that means something in S3, but for its words. (A HEAD has none, and 5xx is distress whoever says it.)
_WORDLESS = re.compile(
    r"Error performing (?P<asked>(?!HEAD)\w+ \S+) in .*?status code: (?P<answered>[34][0-9][0-9][^\n]{0,160})",
    re.DOTALL,
)

#: What the library says of an answer that is none of S3's.
_UNREADABLE = ("Unable to extract metadata from headers", "invalid list response")


def plain_reason(text: str) -> str:
    """What a person needs of the library's long texts: the store's own code and message, or the root of the failure."""
    code, message = re.search(r"<Code>(.*?)</Code>", text), re.search(r"<Message>(.*?)</Message>", text)
    if code:
        return f"{code[1]}: {message[1].rstrip('.')}" if message else code[1]
    for needle, plain in (
        ("Connection refused", "the connection was refused"),
        ("dns error", "its host name is unknown"),
        ("operation timed out", "it did not answer in time"),
        ("TimedOut", "it did not answer in time"),
        ("certificate", "its certificate is not trusted"),
    ):
        if needle in text:
            return plain
    return text.partition("\n")[0].removeprefix("Generic S3 error: ").rstrip(".")[:300]


def _library() -> Any:
    try:
        import obstore  # noqa: PLC0415 - optional
        import obstore.exceptions  # noqa: PLC0415
        import obstore.store  # noqa: PLC0415
    except ImportError:
        raise IacError(
            "The environment keeps its state in an S3-compatible store, but the package for it is not installed.",
            hint="pip install 'raceday-iac[s3]'",
            unchanged=True,
        ) from None
    return obstore


def _connect(place: S3Place) -> Any:
    options: dict[str, Any] = {"region": place.region, "disable_bulk_delete": True}
    secrets = {
        "access_key_id": place.access_key,
        "secret_access_key": place.secret_key,
        "session_token": place.session_token,
    }
    options |= {name: secret.reveal() for name, secret in secrets.items() if secret is not None}
    if place.endpoint:
        options["endpoint"] = place.endpoint
    return _library().store.S3Store(
        place.bucket,
        **options,
        client_options={"allow_http": place.endpoint.startswith("http://"), "timeout": timedelta(seconds=_TIMEOUT)},
        retry_config={"max_retries": place.retries, "retry_timeout": timedelta(seconds=_PATIENCE)},
    )


def _open(settings: S3Settings, access: Access) -> RemoteState:
    return open_remote(_backend(settings, access), settings, access)


def _backend(settings: S3Settings, access: Access) -> S3Backend:
    named, variables = settings.access_key_env and settings.secret_key_env, access.variables
    place = S3Place(
        settings.bucket,
        access.environment,
        settings.prefix,
        settings.endpoint,
        settings.region,
        required_secret(settings.access_key_env, "the access key of the state", variables) if named else None,
        required_secret(settings.secret_key_env, "the secret key of the state", variables) if named else None,
        optional_secret(settings.session_token_env, variables),
        reading=access.reading,
    )
    return S3Backend(place)


BACKEND = Backend("State in S3", S3Settings, _open, lambda settings, access: S3Files(_backend(settings, access)))
