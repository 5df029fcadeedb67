"""The steps of the money-flow timeline: into which step a moment falls, and what the document of a step is called."""

from __future__ import annotations

import hashlib
import math
import re

_UUID = re.compile(r"[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}")
#: Later than this no race is still waited for; the name of a step has room for three digits.
LAST = -999


def interval_at(minutes: float) -> int:
    """The step that begins at or before `minutes` to the advertised start: 60, 55, … 5, 4, … 0, then -1, -2, ….

    Half minutes after the start would not fit the integer attribute; a step there is a whole minute.
    """
    if minutes >= 60:
        return 60
    if minutes >= 5:
        return math.floor(minutes / 5) * 5
    return max(LAST, math.floor(minutes))


def interval_type(interval: int) -> str:
    """How finely the timeline is drawn there."""
    if interval > 30:
        return "5m"
    if interval > 5:
        return "2m"
    return "30s" if interval > 0 else "live"


def bucket_identity(entrant: str, interval: int) -> str:
    """The id of the one document of a runner and a step: 32 characters of the runner, 4 of the step."""
    short = entrant.replace("-", "").lower()
    if _UUID.fullmatch(entrant) is None:
        short = hashlib.sha256(entrant.encode()).hexdigest()[:32]
    return f"{short}{'b' if interval >= 0 else 'a'}{abs(interval):03d}"
