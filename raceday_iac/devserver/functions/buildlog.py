"""The log of a build: kept in the database while it grows, so that whoever waits sees progress."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

from .outcome import MOST_LOG

#: Appwrite's colours: grey, green, yellow, white, red.
COLOURS = {"info": "97", "good": "32", "stop": "33"}
RED = "\x1b[31m"


def notice(moment: datetime, text: str, colour: str = "info") -> str:
    """A line of Appwrite's own in a build log, formatted as 1.8.1 does."""
    return f"\x1b[90m[{moment:%H:%M:%S}] \x1b[90m[\x1b[0mappwrite\x1b[90m]\x1b[{COLOURS[colour]}m {text} \x1b[0m\n"


class BuildLog:
    """Collects text and hands the whole of it to `save`, at most every `interval` seconds."""

    def __init__(self, save: Callable[[str], object], interval: float = 0.25) -> None:
        self.text = ""
        self._save = save
        self._interval = interval
        self._saved_at = time.monotonic()

    def add(self, text: str) -> None:
        self.text = (self.text + text)[-MOST_LOG:]
        if time.monotonic() - self._saved_at >= self._interval:
            self._saved_at = time.monotonic()
            self._save(self.text)
