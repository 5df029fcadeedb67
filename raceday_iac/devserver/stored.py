"""What a real server's database makes of a value before its width and its likeness to others are judged.

Appwrite's parameter checks look at what was sent; behind them stand columns whose width counts the encoded or encrypted
form (utopia-php/database 3.5.0, Validator/Structure.php; 1.8.1, app/init/database/filters.php), and unique keys that
compare by MariaDB's collation.
"""

from __future__ import annotations

import json
import unicodedata
from typing import Any

#: What surrounds the encrypted text: cipher, initialisation vector and tag.
_ENVELOPE = len('{"data":"","method":"aes-128-gcm","iv":"","tag":"","version":"1"}') + 24 + 32
#: Where utf8mb4_general_ci takes a letter for its base letter: Latin, Greek, Cyrillic, and extensions of the first two.
_PLAIN_LETTERS = ((0x00C0, 0x0250), (0x0386, 0x03D5), (0x0400, 0x0530), (0x1E00, 0x2000))
#: The one weight of everything beyond the first 65 536 characters.
_BEYOND = "\ufffd"
#: What differs from base letters: sharp s, dotless i, the other sigmas, and Cyrillic short i, which stays itself.
_SINGLE = {"\u00df": "S", "\u0131": "I", "\u03c2": "\u03a3", "\u03f2": "\u03a3", "\u0439": "\u0419", "\u0419": "\u0419"}


def too_long(field: str, maximum: int) -> str:
    """What the database layer says about a text that its column cannot hold."""
    return (
        f'Invalid document structure: Attribute "{field}" has invalid type. '
        f"Value must be a valid string and no longer than {maximum} chars"
    )


def encoded(value: Any) -> str:
    """A value as PHP's json_encode() writes it: no blanks, other than ASCII as \\uXXXX, slashes escaped."""
    return json.dumps(value, separators=(",", ":")).replace("/", "\\/")


def encrypted_length(text: str) -> int:
    """How long a text is when it is encrypted, in Base64 and in JSON.

    JSON escapes slashes, and one character of Base64 in 64 is one: on a real server this is a little random."""
    characters = -(-len(text.encode("utf-8", "surrogatepass")) // 3) * 4
    return _ENVELOPE + characters + characters // 64


def collated(text: str) -> str:
    """A text as utf8mb4_general_ci compares it (MariaDB 10.11): without case, accents and blanks at the end."""
    return "".join(map(_weight, text.rstrip(" ")))


def _weight(letter: str) -> str:
    if letter > "\uffff":
        return _BEYOND
    if letter in _SINGLE:
        return _SINGLE[letter]
    if any(first <= ord(letter) < last for first, last in _PLAIN_LETTERS):
        letter = unicodedata.normalize("NFD", letter)[0]
    upper = letter.upper()
    return upper if len(upper) == 1 else letter
