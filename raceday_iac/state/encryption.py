"""Encryption at rest, in the age format: what a state holds can be read by the holders of a few keys.

Keys come from environment variables and are never stored. `pyrage` is imported only here and only when an environment
asks for encryption.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import os
import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Protocol

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from ..errors import IacError, StateError
from ..model.secret import Secret

SCHEME = "age"
_OLD_KEY = "export the key that belongs to it, or name it as state.encryption.previous_key_env"


def _variable_name(text: str) -> str:
    # What was written may be a secret by mistake, so the message does not repeat it.
    if text and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", text):
        raise ValueError("is the name of an environment variable, never the value itself")
    return text


VariableName = Annotated[str, AfterValidator(_variable_name)]


class Encryption(BaseModel):
    """age keys: `key_env` names the variable with the secret key that encrypts and decrypts; `previous_key_env` one
    that only decrypts, while keys are changed; `recipients` are public keys that may decrypt as well. `rotate_after` is
    in days."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    key_env: VariableName = Field(min_length=1)
    previous_key_env: VariableName = ""
    recipients: tuple[str, ...] = ()
    rotate_after: int = Field(default=365, gt=0)


def required_secret(name: str, what: str, variables: Mapping[str, str]) -> Secret:
    """The value of an environment variable. Raises IacError, which says `what` it is to hold, when it is empty."""
    found = optional_secret(name, variables)
    if found is None:
        raise IacError(
            f"The environment variable {name} is empty. It must hold {what}.",
            hint=f"export {name}=…",
            unchanged=True,
        )
    return found


def optional_secret(name: str, variables: Mapping[str, str]) -> Secret | None:
    """The value of an environment variable; None when it has no name or no value."""
    # Files and CI secrets like to end in a newline.
    value = variables.get(name, "").strip() if name else ""
    return Secret(value) if value else None


def cipher_of(settings: Encryption | None, variables: Mapping[str, str] = os.environ) -> AgeCipher | None:
    """The cipher that the settings ask for. Raises IacError when a variable with a key is empty."""
    if settings is None:
        return None
    key = required_secret(settings.key_env, "the key that encrypts the state", variables)
    previous = optional_secret(settings.previous_key_env, variables)
    return AgeCipher(key, [previous] if previous else [], settings.recipients)


@dataclass(frozen=True)
class KeyInUse:
    """The public half of the key that encrypts, and since when it does (ISO 8601; empty while nothing is encrypted)."""

    public: str
    since: str


class Cipher(Protocol):
    """Encrypts and decrypts bytes. The encrypted form is a JSON object."""

    def encrypt(self, plain: bytes) -> dict[str, Any]: ...

    def decrypt(self, encrypted: Mapping[str, Any]) -> bytes:
        """Raises StateError when no key fits, or it was tampered with."""
        ...


class AgeCipher:
    """Encrypts for `key` and for further `recipients`; decrypts with `key` or with one of the `previous` ones."""

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
        self.recipients = tuple(recipients)
        self._recipients = [self._own.to_public(), *(self._recipient(each) for each in recipients)]
        self._now = now
        self._since = ""

    @property
    def key_in_use(self) -> KeyInUse:
        """What was found by the last `decrypt`, or written by the last `encrypt`."""
        return KeyInUse(self.public, self._since)

    def encrypt(self, plain: bytes) -> dict[str, Any]:
        """See `Cipher`. Compressed first, because what is encrypted does not compress any more."""
        self._since = self._since or self._now().isoformat(timespec="seconds")
        text = base64.b64encode(self.encrypt_packed(gzip.compress(plain, mtime=0))).decode()
        return {"scheme": SCHEME, "key": self.public, "since": self._since, "data": text}

    def encrypt_packed(self, packed: bytes) -> bytes:
        """What is compressed already, as a file of age."""
        return bytes(self._age.encrypt(packed, self._recipients))

    def decrypt_packed(self, data: bytes) -> bytes:
        """The reverse. Raises StateError when no key fits, or it was tampered with."""
        try:
            return bytes(self._age.decrypt(data, self._identities))
        except self._age.DecryptError:
            raise StateError("none of the given keys can decrypt it", hint=_OLD_KEY) from None

    def decrypt(self, encrypted: Mapping[str, Any]) -> bytes:
        """See `Cipher`."""
        if encrypted.get("scheme") != SCHEME:
            raise StateError(f"it is encrypted by {encrypted.get('scheme')!r}, which this version does not know")
        try:
            data = base64.b64decode(str(encrypted.get("data")), validate=True)
            plain = gzip.decompress(self._age.decrypt(data, self._identities))
        except self._age.DecryptError:
            raise StateError(
                "none of the given keys can decrypt it; it is encrypted for "
                f"{encrypted.get('key')} since {encrypted.get('since')}",
                hint=_OLD_KEY,
            ) from None
        except (binascii.Error, OSError, EOFError, zlib.error) as error:
            raise StateError(f"it is damaged: {error}") from None
        self._since = str(encrypted.get("since") or "") if encrypted.get("key") == self.public else ""
        return plain

    def _identity(self, key: Secret) -> Any:
        try:
            return self._age.x25519.Identity.from_str(key.reveal().strip())
        except self._age.IdentityError:
            raise IacError(
                "A key for the state is not an age key (AGE-SECRET-KEY-1…).",
                hint="make one: raceday-iac state keys --generate",
                unchanged=True,
            ) from None

    def _recipient(self, public: str) -> Any:
        try:
            return self._age.x25519.Recipient.from_str(public)
        except self._age.RecipientError:
            raise IacError(f"{public!r} is not a public age key (age1…).", unchanged=True) from None


def new_key() -> tuple[Secret, str]:
    """A new secret key and its public half."""
    identity = _library().x25519.Identity.generate()
    return Secret(str(identity)), str(identity.to_public())


def _library() -> Any:
    try:
        import pyrage  # noqa: PLC0415 - optional
    except ImportError:
        raise IacError(
            "The environment asks for an encrypted state, but the package for it is not installed.",
            hint="pip install 'raceday-iac[encryption]'",
            unchanged=True,
        ) from None
    return pyrage
