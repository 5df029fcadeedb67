"""Where the server gets its time from. Tests and simulations replace it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Anything that knows the time, in UTC."""

    def now(self) -> datetime: ...


class SystemClock:
    """The machine's time, plus an offset that a simulation may set."""

    def __init__(self, offset: timedelta = timedelta()) -> None:
        self.offset = offset

    def now(self) -> datetime:
        return datetime.now(UTC) + self.offset


class ManualClock:
    """Time that stands still until it is moved."""

    def __init__(self, start: datetime) -> None:
        self.moment = start.astimezone(UTC)

    def now(self) -> datetime:
        return self.moment

    def advance(self, **duration: float) -> datetime:
        """Move on by `timedelta(**duration)`."""
        self.moment += timedelta(**duration)
        return self.moment


def stamp(moment: datetime) -> str:
    """Appwrite's text form: ISO 8601, UTC, milliseconds."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")
