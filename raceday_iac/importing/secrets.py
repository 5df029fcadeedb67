"""Which plain variables are likely to be secrets that somebody forgot to protect."""

from __future__ import annotations

import re

_TELLING_KEY = re.compile(
    r"secret|token|passw(or)?d|passphrase|pwd|private[_-]?key|credential|(api|access|auth|encryption|service)[_-]?key"
    r"|connection[_-]?string",
    re.IGNORECASE,
)
#: A URL with a password in it, or a key of Appwrite or of a well-known service.
_TELLING_VALUE = re.compile(
    r"://[^/\s:@]*:[^/\s@]+@|\bstandard_[0-9a-f]{64}|-----BEGIN |\b[sr]k_live_|\bgh[pos]_\w{20}"
)


def looks_secret(key: str, value: str) -> bool:
    """Whether a variable's name or value says that it is not for everybody's eyes."""
    return bool(_TELLING_KEY.search(key) or _TELLING_VALUE.search(value))
