"""`health.yaml`: what it means, and what is said of mistakes in it."""

from __future__ import annotations

from datetime import time, timedelta
from pathlib import Path

import pytest

from raceday_iac.errors import StackError
from raceday_iac.health.observations import Severity
from raceday_iac.health.watched import Declared, read_watched
from raceday_iac.loading.environment import load_environment
from raceday_iac.loading.resolve import resolve
from raceday_iac.loading.stack_file import load_stack
from raceday_iac.raceday.rules import RacingRules

DECLARED = Declared(["f"], ["d/c"], {"d/c/a": "datetime", "d/c/text": "string"})


def problems(text: str) -> list[tuple[int, str, str]]:
    with pytest.raises(StackError) as raised:
        read_watched(text, "health.yaml", DECLARED)
    return [(each.location.line, each.subject, each.message) for each in raised.value.problems]


def test_an_empty_file_has_the_defaults() -> None:
    assert read_watched("", "h", Declared()).window == timedelta(hours=24)


def test_settings_are_read() -> None:
    text = """
window: 6h
grace: {schema: 3m}
functions:
  f: {slow_after: 90s, success: 80%, streak: 2, restart: true}
daily: [f]
freshness:
- {collection: d/c, rule: newest, attribute: a, within: 30m, from: 10:00, until: "20:30", severity: warning, by: f}
alerts:
- {kind: slack, url_env: HOOK}
"""
    watched = read_watched(text, "h", DECLARED)
    function, (rule,), (alert,) = watched.of("f"), watched.freshness, watched.alerts
    assert (watched.window, watched.grace.schema_) == (timedelta(hours=6), timedelta(minutes=3))
    assert (function.slow_after, function.success, function.restart) == (timedelta(seconds=90), 0.8, True)
    # Without quotes YAML reads 10:00 as a number, to the base of sixty.
    assert (rule.from_, rule.until, rule.place) == (time(10), time(20, 30), ("d", "c"))
    assert (alert.kind, alert.at) == ("slack", Severity.ERROR)


def test_every_mistake_is_reported_with_its_line() -> None:
    text = """window: tomorrow
functions:
  f:
    success: 120%
    unknown: 1
freshness:
- collection: no-slash
  rule: someday
"""
    assert problems(text) == [
        (1, "window", "'tomorrow' is not a length of time; write 90s, 5m, 24h or 7d"),
        (4, "functions.f.success", "Input should be less than or equal to 1"),
        (5, "functions.f.unknown", "unknown setting"),
        (7, "freshness.1.collection", "String should match pattern '^[^/\\s]+/[^/\\s]+$'"),
        (8, "freshness.1.rule", "there is no rule 'someday'; there are today, newest"),
        (7, "freshness.1.attribute", "is missing"),
    ]


def test_names_that_the_stack_does_not_declare_are_mistakes() -> None:
    text = """functions:
  g: {streak: 2}
daily: [f, h, f]
freshness:
- {collection: d/other, rule: newest, attribute: a, by: k}
- {collection: d/c, rule: today, attribute: nothing}
- {collection: d/c, rule: today, attribute: text}
- {collection: d/c, rule: newest, attribute: $createdAt, within: 5m}
"""
    assert problems(text) == [
        (2, "functions.g", "the stack declares no such function"),
        (3, "daily.2", "the stack declares no function 'h'"),
        (3, "daily.3", "'f' is there twice"),
        (5, "freshness.1.collection", "the stack declares no collection 'd/other'"),
        (5, "freshness.1.by", "the stack declares no function 'k'"),
        (5, "freshness.1", "the rule `newest` needs `within`, such as within: 30m"),
        (6, "freshness.2.attribute", "the stack declares no attribute 'nothing' in d/c"),
        (7, "freshness.3.attribute", "'text' is of type string; a datetime is needed"),
    ]


@pytest.mark.parametrize(
    ("text", "message"), [("a: [", "not valid YAML"), ("- a", "a health file is a mapping of names to values")]
)
def test_what_is_no_such_file_at_all(text: str, message: str) -> None:
    ((_, _, said),) = problems(text)
    assert message in said


def test_the_file_of_this_project_fits_its_stack(project: Path) -> None:
    stack = project / "stacks" / "raceday.py"
    desired = resolve(load_stack(stack), load_environment(stack, "local"), project)
    text = (project / "stacks" / "health.yaml").read_text(encoding="utf-8")
    watched = read_watched(text, "h", Declared.of(desired, RacingRules.data_rules))
    assert watched.daily == ("daily-meetings", "daily-races", "daily-initial-data")
    assert len(watched.freshness) == 5
