"""Texts that fit into a string attribute: short ones as they are, so that the console shows them, long ones packed."""

from __future__ import annotations

import base64
import binascii
import gzip
import zlib

from ...errors import StateError

#: Characters of the attribute that holds a state.
LIMIT = 4_000_000
#: Longer texts are packed.
PLAIN_LIMIT = 100_000
_MARK = "gzip+base64:"


def pack(text: str, limit: int = LIMIT) -> str:
    """Raises StateError when it does not fit, packed or not."""
    packed = text
    if len(text) > PLAIN_LIMIT or text.startswith(_MARK):
        packed = _MARK + base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()
    if len(packed) > limit:
        raise StateError(
            f"The state is too large to be kept in Appwrite: {len(packed):,} characters when compressed, "
            f"of at most {limit:,}.",
            hint="keep it in files or in an S3-compatible store (state.backend in the environment file)",
        )
    return packed


def unpack(stored: str) -> str:
    """The reverse. Raises StateError when it is damaged."""
    if not stored.startswith(_MARK):
        return stored
    try:
        return gzip.decompress(base64.b64decode(stored[len(_MARK) :], validate=True)).decode()
    except (binascii.Error, OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise StateError(f"The state kept in Appwrite is damaged: {error}. Nothing was changed.") from None
