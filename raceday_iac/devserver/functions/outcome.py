"""What came out of a run, and how much of its logs is kept."""

from __future__ import annotations

from dataclasses import dataclass

#: Characters of logs and of errors that an execution keeps (1.8.1, APP_FUNCTION_LOG_LENGTH_LIMIT).
MOST_LOG = 1_000_000
#: Response headers that are stored; all others are only in the answer to a synchronous execution.
STORED_HEADERS = ("content-type", "content-length")


@dataclass(frozen=True)
class Outcome:
    """The function's answer, and its logs. `duration` is seconds."""

    status: int
    headers: dict[str, str]
    body: bytes
    logs: str
    errors: str
    duration: float

    @property
    def state(self) -> str:
        """An answer of 4xx still counts as completed."""
        return "failed" if self.status >= 500 else "completed"

    def named_headers(self, *, stored_only: bool) -> list[dict[str, str]]:
        return [
            {"name": name, "value": value}
            for name, value in self.headers.items()
            if not stored_only or name in STORED_HEADERS
        ]


def tail(text: str, what: str) -> str:
    """The end of an overlong text, behind a warning."""
    if len(text) <= MOST_LOG:
        return text
    warning = f"[WARNING] {what} truncated. The output exceeded {MOST_LOG} characters.\n"
    return warning + text[len(warning) - MOST_LOG :]
