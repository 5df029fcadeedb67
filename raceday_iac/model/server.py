"""What a server says of itself, and what follows from its version."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

#: The newest version whose behaviour was recorded, the oldest, and the one that is assumed where a server does not say.
NEWEST, OLDEST, ASSUMED = "1.9.6", "1.8.1", "1.8.1"


@cache
def release(version: str) -> tuple[int, ...]:
    """Numbers that compare: `1.9.6-RC1` is taken for 1.9.6. Nothing of a text that is no version."""
    found = re.match(r"\D?(\d+)\.(\d+)(?:\.(\d+))?", version)
    return tuple(int(each or 0) for each in found.groups()) if found else ()


#: The lists of what a server offers that functions choose from.
FOR_FUNCTIONS = ("runtimes", "specifications")


@dataclass(frozen=True)
class ServerFacts:
    """`version` is empty when the server does not say, and what it offers when it, or the key, does not."""

    version: str = ""
    runtimes: frozenset[str] = frozenset()
    specifications: frozenset[str] = frozenset()
    #: Those of sites that it has a runtime for.
    frameworks: tuple[str, ...] = ()

    def is_since(self, version: str) -> bool:
        """Whether it is of that version or newer."""
        return (release(self.version) or release(ASSUMED)) >= release(version)

    @property
    def is_unknown(self) -> bool:
        """Whether it is newer than all that was recorded."""
        return release(self.version) > release(NEWEST)

    @property
    def is_old(self) -> bool:
        """Whether it is older than all that was recorded. 1.8.0 is taken for its successor."""
        return bool(release(self.version)) and release(self.version)[:2] < release(OLDEST)[:2]

    def __str__(self) -> str:
        """As messages name it."""
        return (
            f"Appwrite {self.version}" if self.version else f"this Appwrite (of unknown version, treated as {ASSUMED})"
        )
