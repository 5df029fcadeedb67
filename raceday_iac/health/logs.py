"""What the log of an execution says of its end. The functions log one JSON object a line; other lines say nothing."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..provider.protocol import Execution

#: The beginnings of what the server itself writes into `errors` (Appwrite 1.8.1, and the embedded server).
_SERVER_SAYS = (
    ("timed out", "timeout"),
    ("timeout", "timeout"),
    ("deployment was not found", "no_code"),
    ("build is not ready", "no_code"),
    ("server was stopped", "interrupted"),
    ("runtime ended", "died"),
)
#: Objects and lists in one line. The longest that the functions write has half as many.
_MOST_PARTS = 200
#: What every run says.
_ROUTINE = ("lock.acquired", "lock.refused", "lock.released", "run.summary")
_NAME = re.compile(r"[a-z]{1,24}\.[a-z_]{1,24}")
#: A number above it is no measurement, neither in milliseconds nor in megabytes.
_MOST = 10_000_000
#: Events of a run that never came to its work, and the category that they stand for.
_EVENTS = {"lock.unusable": "lock", "run.not_configured": "configuration", "run.crashed": "crash"}


@dataclass(frozen=True)
class Ending:
    """`outcome` is the function's own word (`done`, `duplicate`, …); `category` says of a failure what sort it was."""

    outcome: str = ""
    category: str = ""
    message: str = ""


def ending_of(execution: Execution) -> Ending:
    """How an execution ended. Reads the last line that tells it."""
    events = {str(each["event"]): each for each in _events(execution)}
    failed = execution.status == "failed"
    summary = events.get("run.summary")
    if summary is not None:
        outcome = str(summary.get("outcome") or "")
        category = str(summary.get("category") or outcome) if failed else ""
        return Ending(outcome, category, str(summary.get("message") or summary.get("reason") or ""))
    if "lock.refused" in events:
        return Ending("duplicate")
    for name, category in _EVENTS.items():
        if name in events:
            reason = f"{events[name].get('error') or ''}: {events[name].get('reason') or ''}".strip(": ")
            return Ending("failed", category, reason)
    return Ending("failed", *_by_words(execution)) if failed else Ending()


def lock_check_of(execution: Execution) -> float | None:
    """Milliseconds that asking for the lock took, where the log says so."""
    checks = [each.get("checkMs") for each in _events(execution) if each["event"] in ("lock.acquired", "lock.refused")]
    return _measured(checks[-1]) if checks else None


def peak_memory_of(execution: Execution) -> float | None:
    """The most memory, in MB, that the process of a run had come to, where its log says so."""
    return max((found for each in _events(execution) if (found := _measured(each.get("memoryMb")))), default=None)


def events_of(execution: Execution) -> Counter[str]:
    """How often a run told what, by the names of its events. Those of every run are not counted."""
    names = (str(each["event"]) for each in _events(execution))
    return Counter(each for each in names if _NAME.fullmatch(each) and each not in _ROUTINE)


def _measured(value: Any) -> float | None:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return float(value) if 0 <= value <= _MOST else None


def _by_words(execution: Execution) -> tuple[str, str]:
    """Category and message of a failure that only the server, or a traceback, tells of."""
    text = execution.errors.strip()
    last = text.splitlines()[-1].strip() if text else ""
    lower = text.lower()
    category = next((category for words, category in _SERVER_SAYS if words in lower), "")
    return category or (f"status {execution.response_status}" if execution.response_status else "unknown"), last[:200]


def _events(execution: Execution) -> Iterator[Mapping[str, Any]]:
    for line in (*execution.logs.splitlines(), *execution.errors.splitlines()):
        content = object_in(line)
        if isinstance(content.get("event"), str):
            yield content


def object_in(text: str) -> Mapping[str, Any]:
    """The JSON object that a text is; an empty one for what is none, or nested so that reading it could fail."""
    if not text.startswith("{") or text.count("[") + text.count("{") > _MOST_PARTS:
        return {}
    try:
        content = json.loads(text)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}
