"""A value that must not be seen: it prints as *** and refuses to be serialised."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NoReturn

#: Every secret of this run: what is shown is searched for them.
_KNOWN: set[str] = set()


def known_secrets() -> frozenset[str]:
    """The texts of all secrets that were made since `forget_secrets`."""
    return frozenset(_KNOWN)


def forget_secrets() -> None:
    """A new run begins."""
    _KNOWN.clear()


@lru_cache(maxsize=4096)
def _fingerprint(value: str, salt: str) -> str:
    """Worked out once: it takes 10 ms, and a plan asks for the same one several times."""
    return hashlib.scrypt(value.encode(), salt=salt.encode(), n=2**12, r=8, p=1, dklen=24).hex()


class Secret:
    """Holds a secret text. Only `reveal` gives it out, at the one place that sends it."""

    __slots__ = ("_missing", "_value")

    def __init__(self, value: str, missing: str = "") -> None:
        """`missing` is the variable that should hold the value, where it is not set and nobody needs it."""
        self._value, self._missing = value, missing
        if value:
            _KNOWN.add(value)

    @property
    def missing(self) -> str:
        """The environment variable that would give the value; empty where the value is known."""
        return self._missing

    def reveal(self) -> str:
        return self._value

    def fingerprint(self, salt: str) -> str:
        """A keyed, deliberately slow digest, so that a guess cannot be tested quickly against a leaked state."""
        return _fingerprint(self._value, salt)

    def __str__(self) -> str:
        return "***"

    __repr__ = __str__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and (other._value, other._missing) == (self._value, self._missing)

    def __hash__(self) -> int:
        return hash(("Secret", self._value))

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret cannot be serialised")

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: Any) -> Any:
        from pydantic_core import core_schema  # noqa: PLC0415 - only needed when a model with a secret is built

        return core_schema.is_instance_schema(cls)


def fingerprinted(fields: Mapping[str, Any], salt: str) -> dict[str, Any]:
    """Fields as they may be kept: of a secret, its fingerprint. Without a salt, which a guess could be tested against,
    only that there is one."""
    return {name: _kept(value, salt) if isinstance(value, Secret) else value for name, value in fields.items()}


def is_fingerprint(value: Any) -> bool:
    """Whether that is kept in place of a secret."""
    return isinstance(value, Mapping) and set(value) == {"fingerprint"}


def _kept(value: Secret, salt: str) -> dict[str, str]:
    return {"fingerprint": value.fingerprint(salt) if salt else ""}


class Lenient(dict[str, str]):
    """Environment variables for commands that send nothing: a secret whose variable is not set is not compared."""


@dataclass(frozen=True)
class FromEnvironment:
    """A secret taken from an environment variable of the machine that applies."""

    name: str
