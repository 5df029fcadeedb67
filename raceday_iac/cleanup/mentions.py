"""Where a removed function, script or file is still named: exact words only."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

#: What may not stand beside a name. A dot or colon with something behind it continues a name: `batch-race-poller.js`.
_BEFORE, _AFTER = r"(?<![\w:-])", r"(?![\w-]|[.:]\w)"
_RUNNER = r"\b(?:npm|pnpm|yarn)\s+(?:(?:run|run-script|-\S+)\s+)*"


@dataclass(frozen=True)
class Names:
    """Names of functions and scripts, and paths of scripts."""

    functions: tuple[str, ...] = ()
    scripts: tuple[str, ...] = ()
    files: tuple[str, ...] = ()

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        files = [re.escape(path.rpartition("/")[2]) for path in self.files]
        # A script's name without a colon is an ordinary word: it counts only where it is run.
        distinct = [re.escape(name) for name in self.scripts if ":" in name]
        plain = [re.escape(name) for name in self.scripts if ":" not in name]
        words = [*map(re.escape, self.functions), *files, *distinct]
        parts = [f"{_BEFORE}(?:{'|'.join(words)}){_AFTER}"] if words else []
        if plain:
            parts.insert(0, f"{_RUNNER}(?:{'|'.join(plain)})(?![\\w:.-])")
        return re.compile("|".join(parts) or r"(?!)")

    def positions(self, text: str) -> Iterator[tuple[int, str]]:
        """Where something is named, and how."""
        for found in self._pattern.finditer(text):
            yield found.start(), re.sub(r"\s+", " ", found[0])

    def named_in(self, text: str) -> bool:
        return self._pattern.search(text) is not None
