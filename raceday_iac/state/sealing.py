"""Encryption at rest, in the age format: what a state holds is sealed for the holders of a few keys.

Keys come from environment variables and are never stored. `pyrage` is imported only here and only when an environment
asks for encryption.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from ..errors import IacError, StateError
from ..model.secret import Secret

SCHEME = "age"


@dataclass(frozen=True)
class KeyInUse:
    """The public half of the key that seals, and since when it does (ISO 8601; empty when nothing is sealed yet)."""

    public: str
    since: str


class Seal(Protocol):
    """Seals and opens bytes. The sealed form is a JSON object."""

    def seal(self, plain: bytes) -> dict[str, Any]: ...

    def open(self, sealed: Mapping[str, Any]) -> bytes:
        """Raises StateError when no key fits, or it was tampered with."""
        ...


class AgeCipher:
    """Seals for `key` and for further `recipients`; opens with `key` or with one of the `previous` ones."""

    def __init__(
        self,
        key: Secret,
        previous: Sequence[Secret] = (),
        recipients: Sequence[str] = (),
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._age = _library()
        self._own = self._identity(key)
        self._identities = [self._own, *(self._identity(each) for each in previous)]
        self.public = str(self._own.to_public())
        self._recipients = [self._own.to_public(), *(self._recipient(each) for each in recipients)]
        self._now = now
        self._since = ""

    @property
    def key_in_use(self) -> KeyInUse:
        """What was found by the last `open`, or written by the last `seal`."""
        return KeyInUse(self.public, self._since)

    def seal(self, plain: bytes) -> dict[str, Any]:
        """See `Seal`. Compressed first, for what is encrypted does not compress any more."""
        self._since = self._since or self._now().isoformat(timespec="seconds")
        data = self._age.encrypt(gzip.compress(plain, mtime=0), self._recipients)
        text = base64.b64encode(data).decode()
        return {"scheme": SCHEME, "key": self.public, "since": self._since, "data": text}

    def open(self, sealed: Mapping[str, Any]) -> bytes:
        """See `Seal`."""
        if sealed.get("scheme") != SCHEME:
            raise StateError(f"it is sealed by {sealed.get('scheme')!r}, which this version does not know")
        try:
            data = base64.b64decode(str(sealed.get("data")), validate=True)
            plain = gzip.decompress(self._age.decrypt(data, self._identities))
        except self._age.DecryptError:
            raise StateError(
                f"none of the given keys opens it; it is sealed for {sealed.get('key')} since {sealed.get('since')}",
                hint="export the key that belongs to it, or name it as state.encryption.previous_key_env",
            ) from None
        except (binascii.Error, OSError, EOFError, zlib.error) as error:
            raise StateError(f"it is damaged: {error}") from None
        self._since = str(sealed.get("since") or "") if sealed.get("key") == self.public else ""
        return plain

    def _identity(self, key: Secret) -> Any:
        try:
            return self._age.x25519.Identity.from_str(key.reveal().strip())
        except self._age.IdentityError:
            raise IacError(
                "A key for the state is not an age key (AGE-SECRET-KEY-1…). Nothing was changed.",
                hint="make one: raceday-iac state keys --generate",
            ) from None

    def _recipient(self, public: str) -> Any:
        try:
            return self._age.x25519.Recipient.from_str(public)
        except self._age.RecipientError:
            raise IacError(f"{public!r} is not a public age key (age1…). Nothing was changed.") from None


def new_key() -> tuple[Secret, str]:
    """A new secret key and its public half."""
    identity = _library().x25519.Identity.generate()
    return Secret(str(identity)), str(identity.to_public())


def _library() -> Any:
    try:
        import pyrage  # noqa: PLC0415 - optional
    except ImportError:
        raise IacError(
            "The environment asks for an encrypted state, and the package for it is not installed. "
            "Nothing was changed.",
            hint="pip install 'raceday-iac[encryption]'",
        ) from None
    return pyrage
