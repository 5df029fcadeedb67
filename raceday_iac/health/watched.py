"""What is watched: `health.yaml` beside the stack file. Everything in it has a default; without the file these apply.

window: 24h                # how far back executions are looked at
functions:
  send-bills: {slow_after: 300s, success: 95%}
daily: [read-orders, send-bills]   # each needs what the one before has stored
freshness:
  - {collection: shop/orders, rule: today, attribute: placedAt, from: "08:30", at_least: 10}
alerts:
  - {kind: slack, url_env: SHOP_SLACK_URL, at: error}
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import time, timedelta
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from ..errors import StackError
from ..kinds import declared
from ..loading.yaml_file import ValuePath, parse_yaml
from ..model.resource import Desired
from .observations import Severity


def _span(value: Any) -> Any:
    return read_span(value) if isinstance(value, str) else value


def _positive(value: timedelta) -> timedelta:
    if value <= timedelta():
        raise ValueError("must be more than zero")
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
    #: What the rule `polled` allows: for what is looked at every few minutes, and for what is more often.
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

    `today`: at least `at_least` documents whose `attribute` is the date of today (`form: date`) or lies within its day
    (`form: instant`), from the local time `from_` on. `newest`: the newest `attribute` is at most `within` old,
    between `from_` and `until`. `polled`, where an extension knows it: every document of the day, found by `attribute`,
    was looked at when it had to be. `by` names the function that brings the documents.
    """

    collection: str = Field(pattern=r"^[^/\s]+/[^/\s]+$")
    rule: str
    attribute: str = Field(min_length=1)
    form: Literal["date", "instant"] = "instant"
    from_: Clock = Field(default=time(), alias="from")
    until: Clock = time(23, 59)
    at_least: int = Field(default=1, ge=1)
    within: Span | None = None
    severity: Severity = Severity.ERROR
    by: str = ""

    @field_validator("rule")
    @classmethod
    def _is_known(cls, value: str, info: ValidationInfo) -> str:
        known = (info.context or {}).get("rules", (value,))
        if value not in known:
            raise ValueError(f"there is no rule {value!r}; there are {', '.join(known)}")
        return value

    @property
    def place(self) -> tuple[str, str]:
        """Database and collection."""
        database, _, collection = self.collection.partition("/")
        return database, collection


class Alert(Part):
    """Where to report it. The address is taken from an environment variable, because whoever knows it may write
    there."""

    kind: Literal["generic", "slack"] = "generic"
    url_env: str = Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    at: Severity = Severity.ERROR


class HealthConfig(Part):
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


# Lengths of time as people write them: `90s`, `5m`, `24h`, `7d`.


_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_FORM = re.compile(r"(\d+(?:\.\d+)?)\s*([smhd])")


def read_span(text: str) -> timedelta:
    """Raises ValueError for what is no length of time."""
    match = _FORM.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a length of time; write 90s, 5m, 24h or 7d")
    return timedelta(seconds=float(match[1]) * _UNITS[match[2]])


# Reading `health.yaml`: every mistake in it is reported at once, each with its line.


Mistake = tuple[ValuePath, str]
#: Instants that every document has.
_OWN = ("$createdAt", "$updatedAt")


@dataclass(frozen=True)
class Declared:
    """What a file may name: functions, collections (`database/collection`), and the types of attributes
    (`database/collection/key`)."""

    functions: Collection[str] = ()
    collections: Collection[str] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)
    #: Rules on data that are known.
    rules: tuple[str, ...] = ("today", "newest")

    @classmethod
    def of(cls, desired: Desired, rules: tuple[str, ...] = ("today", "newest")) -> Declared:
        functions = [each.address.path for each in declared(desired, lambda kind: kind.has_runs)]
        collections = [each.address.path for each in declared(desired, lambda kind: kind.holds_documents_itself)]
        attributes = declared(desired, lambda kind: kind.holds_values)
        types = {each.address.path: str(each.fields["type"]) for each in attributes}
        return cls(functions, collections, types, rules)


def read_watched(text: str, file: str, declared: Declared) -> HealthConfig:
    """The file's content, compared with what the stack declares. Raises StackError with everything that is wrong."""
    found = parse_yaml(text, file, "a health file is a mapping of names to values")
    try:
        watched = HealthConfig.model_validate(found.content, context={"rules": declared.rules})
    except ValidationError as error:
        raise StackError(found.problems(error)) from None
    unknown = [found.problem(path, message) for path, message in _unknown(watched, declared)]
    if unknown:
        raise StackError(unknown)
    return watched


def _unknown(watched: HealthConfig, declared: Declared) -> Iterator[Mistake]:
    functions = declared.functions
    for name in watched.functions:
        if name not in functions:
            yield ("functions", name), "the stack declares no such function"
    for number, name in enumerate(watched.daily):
        if name not in functions:
            yield ("daily", number), f"the stack declares no function {name!r}"
        if name in watched.daily[:number]:
            yield ("daily", number), f"{name!r} is there twice"
    for number, rule in enumerate(watched.freshness):
        yield from ((("freshness", number, where), message) for where, message in _misplaced(rule, declared))
        if rule.by and rule.by not in functions:
            yield ("freshness", number, "by"), f"the stack declares no function {rule.by!r}"
        if rule.rule == "newest" and rule.within is None:
            yield ("freshness", number), "the rule `newest` needs `within`, such as within: 30m"


def _misplaced(rule: Freshness, declared: Declared) -> Iterator[tuple[str, str]]:
    """What a rule looks at must be there, and be an instant."""
    if rule.collection not in declared.collections:
        yield "collection", f"the stack declares no collection {rule.collection!r}"
        return
    found = "datetime" if rule.attribute in _OWN else declared.attributes.get(f"{rule.collection}/{rule.attribute}")
    if found is None:
        yield "attribute", f"the stack declares no attribute {rule.attribute!r} in {rule.collection}"
    elif found != "datetime":
        yield "attribute", f"{rule.attribute!r} is of type {found}; a datetime is needed"
