"""What is watched: `health.yaml` beside the stack file. Everything in it has a default; without the file these apply.

window: 24h                # how far back executions are looked at
functions:
  daily-races: {slow_after: 300s, success: 95%}
daily: [daily-meetings, daily-races]   # each needs what the one before has stored
freshness:
  - {collection: raceday-db/races, rule: today, attribute: startTime, from: "08:30", at_least: 10}
alerts:
  - {kind: slack, url_env: RACEDAY_SLACK_URL, at: error}
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import time, timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from .findings import Severity
from .spans import read_span


def _span(value: Any) -> Any:
    return read_span(value) if isinstance(value, str) else value


def _positive(value: timedelta) -> timedelta:
    if value <= timedelta():
        raise ValueError("must be longer than nothing")
    return value


def _percent(value: Any) -> Any:
    if isinstance(value, str) and value.strip().endswith("%"):
        try:
            return float(value.strip()[:-1]) / 100
        except ValueError:
            raise ValueError(f"{value!r} is not a share; write 95%") from None
    return value


def _clock(value: Any) -> Any:
    """YAML reads an unquoted 08:30 as the number 510 (base 60)."""
    return time(value // 60, value % 60) if isinstance(value, int) and 0 <= value < 1440 else value


Span = Annotated[timedelta, BeforeValidator(_span), AfterValidator(_positive)]
Share = Annotated[float, BeforeValidator(_percent), Field(gt=0, le=1)]
Clock = Annotated[time, BeforeValidator(_clock)]


class Part(BaseModel):
    """A part of the file."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Grace(Part):
    """How long something may take before it is a finding."""

    #: A run that the schedule asks for may begin so much later.
    schedule: Span = timedelta(minutes=5)
    #: So long after its timeout an execution counts as lost.
    execution: Span = timedelta(minutes=2)
    waiting: Span = timedelta(minutes=15)
    build: Span = timedelta(minutes=60)
    schema_: Span = Field(default=timedelta(minutes=10), alias="schema")
    #: What a race may be late by, in rows of the interval table of more than a minute, and in those of less.
    poll: Span = timedelta(seconds=150)
    urgent_poll: Span = timedelta(seconds=90)


class FunctionWatch(Part):
    """Expectations of one function. `slow_after` is otherwise taken from the function's own `norm.py`."""

    slow_after: Span | None = None
    success: Share = 0.95
    #: So many failures in a row are an error; fewer a warning.
    streak: int = Field(default=3, ge=1)
    #: Milliseconds that asking for the lock may take at the median; otherwise `check_target_ms` of the stack.
    lock_check_ms: int | None = Field(default=None, gt=0)
    #: Whether `recover` may start it once more when the server has lost an execution of it.
    restart: bool = False


class Freshness(Part):
    """A rule on the documents of a collection.

    `today`: at least `at_least` documents whose `attribute` is the racing day (`form: date`) or lies within its card
    (`form: instant`), from the New Zealand time `from_` on. `newest`: the newest `attribute` is at most `within` old,
    between `from_` and `until`. `polled`: every open race of the day, found by its start in `attribute`, was polled
    when the interval table says so. `by` names the function that brings the documents.
    """

    collection: str = Field(pattern=r"^[^/\s]+/[^/\s]+$")
    rule: Literal["today", "newest", "polled"]
    attribute: str = Field(min_length=1)
    form: Literal["date", "instant"] = "instant"
    from_: Clock = Field(default=time(), alias="from")
    until: Clock = time(23, 59)
    at_least: int = Field(default=1, ge=1)
    within: Span | None = None
    severity: Severity = Severity.ERROR
    by: str = ""

    @property
    def place(self) -> tuple[str, str]:
        """Database and collection."""
        database, _, collection = self.collection.partition("/")
        return database, collection


class Alert(Part):
    """Where to tell it. The address is taken from an environment variable, for whoever knows it may write there."""

    kind: Literal["generic", "slack"] = "generic"
    url_env: str = Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    at: Severity = Severity.ERROR


class Watched(Part):
    """The whole file."""

    window: Span = timedelta(hours=24)
    #: At most so many executions are read of each function.
    executions: int = Field(default=500, ge=1, le=10_000)
    #: GB-hours a day that all functions together should take at most; without it none are too many.
    gb_hours: float | None = Field(default=None, gt=0)
    grace: Grace = Grace()
    functions: Mapping[str, FunctionWatch] = Field(default_factory=dict)
    daily: tuple[str, ...] = ()
    freshness: tuple[Freshness, ...] = ()
    alerts: tuple[Alert, ...] = ()

    def of(self, function: str) -> FunctionWatch:
        return self.functions.get(function) or FunctionWatch()
