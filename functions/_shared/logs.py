"""Structured logs: one JSON line an event, with execution, function, time since start and memory. No secrets."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping

from .typed import Any

#: Compiled when they are first needed (`re` keeps them), which is after the lock is taken or refused.
_SECRET_NAME = r"(?i)(?:api|appwrite)[-_]?key|token|secret|password|authorization|jwt"
_SECRET_TEXT = r"\b(?:dynamic|standard|ephemeral)_[A-Za-z0-9._-]{8,}"
#: The runtime cuts a single line at 8000 characters, which would leave something that is not JSON.
_LONGEST_LINE = 7500


class Log:
    """Writes events through the runtime's `log` and `error`."""

    def __init__(
        self,
        write: Callable[[str], Any],
        write_error: Callable[[str], Any],
        *,
        function: str,
        execution: str,
        clock: Callable[[], float] = time.monotonic,
        memory: Callable[[], float | None] | None = None,
    ) -> None:
        self._write, self._write_error = write, write_error
        self._about = {"function": function, "execution": execution}
        self._clock = clock
        self._memory = memory or peak_memory_mb
        self._started = clock()
        self._cpu_started = time.process_time()

    def elapsed_ms(self) -> float:
        """Milliseconds since this log was made, which is when the run began."""
        return round((self._clock() - self._started) * 1000, 1)

    def cpu_seconds(self) -> float:
        """Processor time of this process since the log was made. In a warm container, of all runs in it together."""
        return round(time.process_time() - self._cpu_started, 3)

    def event(self, name: str, /, **fields: Any) -> None:
        """Something happened that a reader of the logs wants to count."""
        self._write(self._line("info", name, fields))

    def problem(self, name: str, /, **fields: Any) -> None:
        """Something is wrong."""
        self._write_error(self._line("error", name, fields))

    def _line(self, level: str, name: str, fields: Mapping[str, Any]) -> str:
        head = {
            "level": level,
            "event": name,
            **self._about,
            "elapsedMs": self.elapsed_ms(),
            "memoryMb": self._memory(),
        }
        line = json.dumps({**head, **redacted(fields)}, separators=(",", ":"), default=str)
        if len(line) <= _LONGEST_LINE:
            return line
        return json.dumps({**head, "leftOut": sorted(fields), "reason": "line too long"}, separators=(",", ":"))


def redacted(value: Any) -> Any:
    """The value without secrets: by the name of the field, and by the look of an API key anywhere in a text."""
    if isinstance(value, Mapping):
        return {str(name): "***" if _is_secret(str(name), item) else redacted(item) for name, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [redacted(item) for item in value]
    if isinstance(value, str):
        return re.sub(_SECRET_TEXT, "***", value)
    return value


def peak_memory_mb() -> float | None:
    """Highest memory use of the process so far; None where the platform does not say."""
    # Not `ru_maxrss`: a new process begins with the peak of the one that started it.
    return _memory_mb("VmHWM:")


def memory_mb() -> float | None:
    """Memory that the process uses now; None where the platform does not say."""
    return _memory_mb("VmRSS:")


def _memory_mb(name: str) -> float | None:
    try:
        with open("/proc/self/status", encoding="ascii", errors="replace") as status:
            for line in status:
                if line.startswith(name):
                    return round(int(line.split()[1]) / 1024, 1)
    except (OSError, ValueError, IndexError):
        return None
    return None


def _is_secret(name: str, value: Any) -> bool:
    return isinstance(value, str) and value != "" and re.search(_SECRET_NAME, name) is not None
