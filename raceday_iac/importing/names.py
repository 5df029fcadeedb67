"""Names for what a stack file holds: handles of databases and collections, environment variables of secrets."""

from __future__ import annotations

import builtins
import keyword
import re

#: Names that the written file uses itself, or that would be misread.
_TAKEN = frozenset({"stack", "annotations", "l", "o", "i", *keyword.kwlist, *keyword.softkwlist, *dir(builtins)})
#: An id that Appwrite made up: nobody can read it, so the resource's name is taken instead.
_GENERATED = re.compile(r"[0-9a-f]{12,36}")


class Names:
    """Gives out names, each once."""

    def __init__(self) -> None:
        self._given: set[str] = set()

    def handle(self, kind: str, id: str, name: str) -> str:
        """A Python variable for a database or collection, from its id where that can be read."""
        readable = name if _GENERATED.fullmatch(id) else id
        word = re.sub(r"[^0-9a-z]+", "_", readable.lower()).strip("_")
        if not word:
            word = kind
        if word[0].isdigit():
            word = f"{kind}_{word}"
        if word in _TAKEN:
            word = f"{word}_"
        return self._unique(word)

    def environment_variable(self, function: str, name: str, key: str) -> str:
        """Where a secret of a function is to come from. Two functions may hold different secrets under one key."""
        readable = name if _GENERATED.fullmatch(function) else function
        word = re.sub(r"[^0-9A-Z]+", "_", f"{readable}_{key}".upper()).strip("_") or "SECRET"
        return self._unique(f"SECRET_{word}" if word[0].isdigit() else word)

    def constant(self, word: str) -> str:
        """A module constant."""
        return self._unique(word.upper())

    def _unique(self, word: str) -> str:
        """The word, or the word with the first number that is free."""
        number, candidate = 1, word
        while candidate in self._given:
            number += 1
            candidate = f"{word}_{number}" if not word.endswith("_") else f"{word}{number}"
        self._given.add(candidate)
        return candidate
