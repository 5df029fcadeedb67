"""A value that must not be seen: it prints as *** and refuses to be serialised. And texts as they may be shown."""

from __future__ import annotations

import hashlib
import html
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NoReturn
from urllib.parse import quote, quote_plus, unquote, urlsplit

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


# What may be shown. Everything that reaches a person, a log, a report or the audit log passes here.
#
# Texts of servers can hold anything: commands to the terminal, characters that turn a line around, our own key in the
# echo of a request. Known secrets (every `Secret` of this run), keys of Appwrite, and credentials in addresses are
# replaced by ***; what is left is cut to what fits its place. Texts shorter than `SHORTEST` are not looked for: they
# are in every other word.


HIDDEN = "***"
SHORTEST = 6
#: Of a server's own words in an error.
LONGEST_MESSAGE = 500
#: The beginning of a secret, at the end of a text that somebody has cut.
_SHORTEST_BEGINNING = 8
#: Commands to a terminal (colours, cursor, titles), and every other control character but tab and line feed.
_CONTROL = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[ -/]*[0-~]?|[\x00-\x08\x0b-\x1f\x7f-\x9f]"
)
#: What turns the order of characters around, ends a line where nobody sees it, or is not to be seen at all.
_TURNING = re.compile("[\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\U000e0000-\U000e007f]")
#: Credentials that are known by their form: in an address, in a header, and Appwrite's keys. Each begins with what one
#: of its words stands for, which is looked for first: most texts are short, and have none.
_FORMS = (
    (("://",), re.compile(r"(\b[A-Za-z][A-Za-z0-9+.-]*://)[^\s/@?#\"'<>]+@"), rf"\1{HIDDEN}@"),
    # Not the whole word: without case, Python takes letters for an i that are none.
    (("bas", "bear"), re.compile(r"\b(Basic|Bearer)\s+[A-Za-z0-9+/=._~-]{8,}", re.IGNORECASE), rf"\1 {HIDDEN}"),
    (("standard_",), re.compile(r"\bstandard_[0-9a-f]{16,}"), HIDDEN),
    (("dynamic_",), re.compile(r"\bdynamic_[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)?"), HIDDEN),
)


def hidden(text: str) -> str:
    """The text with everything secret replaced."""
    pattern = _pattern(known_secrets())
    if pattern is not None:
        text = pattern.sub(HIDDEN, text)
    folded = text.casefold()
    for words, form, instead in _FORMS:
        for word in words:
            if word in folded:
                text = form.sub(instead, text)
                break
    return text


def shown(text: str) -> str:
    """A text as it may be shown, on as many lines as it has."""
    return _TURNING.sub("", _CONTROL.sub("", hidden(text)))


def one_line(text: str, longest: int = LONGEST_MESSAGE) -> str:
    """What a server says, on one line. Secrets go first, so that cutting leaves no part of one."""
    line = _without_beginning(shown(" ".join(hidden(text).split())))
    return line if len(line) <= longest else f"{line[:longest]}…"


def shown_document(text: str) -> str:
    """A report as it may be written: Markdown, HTML, SVG."""
    return _TURNING.sub("", hidden(text))


def json_text(content: Any, *, indent: int | None = None, ascii_only: bool = False) -> str:
    """Values as JSON, with everything secret replaced in their texts, and what turns lines around escaped."""
    text = json.dumps(hidden_values(content), indent=indent, ensure_ascii=ascii_only)
    return _TURNING.sub(lambda found: json.dumps(found[0])[1:-1], text)


def know_credentials(address: str) -> None:
    """Remember the name and password that an address carries, as secrets."""
    try:
        place = urlsplit(address)
    except ValueError:
        return
    for each in (place.password, place.netloc.rpartition("@")[0]):
        if each:
            Secret(unquote(each))


def hidden_values(content: Any) -> Any:
    """JSON-like values with everything secret replaced in their texts."""
    if isinstance(content, str):
        return hidden(content)
    if isinstance(content, Mapping):
        return {hidden(key) if isinstance(key, str) else key: hidden_values(each) for key, each in content.items()}
    if isinstance(content, list | tuple):
        return [hidden_values(each) for each in content]
    return content


def _without_beginning(text: str) -> str:
    """Without the beginning of a secret at the end: whoever sent it may have cut it there."""
    for secret in known_secrets():
        for length in range(min(len(secret) - 1, len(text)), _SHORTEST_BEGINNING - 1, -1):
            if text.endswith(secret[:length]):
                return text[:-length] + HIDDEN
    return text


@lru_cache(maxsize=8)
def _pattern(secrets: frozenset[str]) -> re.Pattern[str] | None:
    """All secrets, each as it is and as it looks in an address, in JSON and in HTML; the longest first."""
    forms = {form for each in secrets if len(each) >= SHORTEST for form in _written(each)}
    ordered = sorted(forms, key=lambda each: (-len(each), each))
    return re.compile("|".join(map(re.escape, ordered))) if ordered else None


def _written(secret: str) -> set[str]:
    escaped = json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]
    return {secret, secret.strip(), quote(secret, safe=""), quote_plus(secret), html.escape(secret), *escaped} - {""}
