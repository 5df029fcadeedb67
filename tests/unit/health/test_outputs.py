"""Text, JSON, page, live view, metrics and messages: each says what is wrong, from the same values."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest

from raceday_iac.health.observations import Counted, Severity, StateLock
from raceday_iac.health.report import Changes, Report, changes, evaluate
from raceday_iac.health.runs import Usage
from raceday_iac.health.watched import read_watched
from raceday_iac.model.resource import frozen
from raceday_iac.render.health_page import HELP, PREFIX, health_metrics, health_page, runs_svg
from raceday_iac.render.health_text import (
    generic_message,
    health_document,
    health_lines,
    health_markdown,
    look_lines,
    slack_message,
)

from .made import DECLARED, LOCK, NOW, ago, execution, function, lock_document, observation, rules, stamp, summary

FILE = """
daily: [f]
freshness:
- {collection: d/meetings, rule: today, attribute: date, form: date}
- {collection: d/races, rule: polled, attribute: startTime}
- {collection: d/odds, rule: newest, attribute: at, within: 45m}
"""
EVIL = '<script>alert(1)</script> & "quoted"'


@pytest.fixture(scope="module")
def report() -> Report:
    """Something of everything. One log holds what must be escaped."""
    runs = [
        execution(ago(minutes=1), "failed", errors=summary("failed", category="retryable", message=EVIL)),
        execution(ago(minutes=2), logs='{"event": "lock.refused"}'),
        execution(ago(hours=3), seconds=100, logs=summary("done")),
        execution(ago(hours=2), "processing", identity="lost"),
    ]
    seen = observation(
        function(*runs, schedule="0 19 * * *", lock=LOCK, slow_after=60),
        replace(function(identity="g"), live=None),
        locks={"f-lock": lock_document(ago(hours=1), ago(hours=1), phase="chunk 3")},
        counted={0: Counted(3), 2: Counted(newest=ago(minutes=50))},
        polled=(
            {
                "$id": "r1",
                "status": "Closed",
                "startTime": stamp(ago(minutes=9)),
                "last_poll_time": stamp(ago(minutes=9)),
            },
        ),
        state_lock=StateLock("apply by me", 900, True),
        skipped=("something: because",),
    )
    watched = read_watched(FILE, "h", DECLARED)
    return evaluate(seen, watched, rules())


@pytest.fixture
def healthy() -> Report:
    return evaluate(observation(function(execution(ago(minutes=5)))), read_watched("", "h", DECLARED), rules())


def text(report: Report) -> str:
    return "\n".join(line.text for line in health_lines(report))


def test_the_text_has_the_verdict_first_and_every_finding_with_what_to_do(report: Report) -> None:
    said = text(report)
    assert said.startswith(
        f"Unhealthy: {report.count(Severity.ERROR)} errors, {report.count(Severity.WARNING)} warnings."
    )
    for each in report.findings:
        assert f"{each.subject}: {each.message}" in said
        assert each.advice in said
    for part in (
        "failed: retryable",
        "left by a dead run",
        "1 open of 1, 1 late",
        "The state is locked",
        "50 min old",
    ):
        assert part in said


def test_every_form_says_what_it_takes_in_a_day(report: Report) -> None:
    f, g = report.functions
    known = replace(report, functions=(replace(f, usage=Usage(1440, 17.25)), replace(g, usage=Usage(2, 0.5))))
    said = "In a day: about 1,442 runs, 18 GB-hours (f 17, g 0.5)"
    assert said in text(known)
    assert said in health_page(known)
    assert said in health_markdown(known)
    assert health_document(known)["functions"][0]["usage"] == {"runsPerDay": 1440, "gbHoursPerDay": 17.25}
    assert samples(known)['function_gb_hours_per_day{function="f"}'] == 17.25
    assert "GB-hours" not in text(report)


def test_every_form_says_what_asking_for_the_lock_takes(report: Report) -> None:
    (lock,) = report.locks
    known = replace(report, locks=(replace(lock, check_ms=12.4, check_target_ms=15),))
    assert "12 of 15 ms" in text(known)
    assert "12 of 15 ms" in health_page(known)
    assert "12 of 15 ms" in health_markdown(known)
    found = health_document(known)["locks"][0]
    assert (found["checkMs"], found["checkTargetMs"]) == (12.4, 15)
    assert samples(known)['lock_check_seconds{function="f"}'] == 0.0124
    assert samples(known)['lock_check_target_seconds{function="f"}'] == 0.015
    assert health_document(report)["locks"][0]["checkMs"] is None


def test_every_form_says_what_memory_was_taken(report: Report) -> None:
    f, g = report.functions
    assert f.seen.live is not None
    live = replace(f.seen.live, fields=frozen({**f.seen.live.fields, "specification": "s-1vcpu-512mb"}))
    taken = replace(f, seen=replace(f.seen, live=live), figures=replace(f.figures, memory=36.2))
    known = replace(report, functions=(taken, g))
    assert "36 of 512 MB" in text(known)
    assert "36 of 512 MB" in health_page(known)
    assert "36 of 512 MB" in health_markdown(known)
    assert health_document(known)["functions"][0]["memory"] == {"peakMb": 36.2, "limitMb": 512}
    assert samples(known)['function_memory_limit_bytes{function="f"}'] == 512 * 2**20
    assert "Resource usage" not in text(report)


def test_every_form_counts_what_the_logs_say(report: Report) -> None:
    f, g = report.functions
    events = {f"race.{name}": 9 - number for number, name in enumerate("abcdefgh")}
    known = replace(report, functions=(replace(f, figures=replace(f.figures, events=events)), g))
    said = "race.a 9, race.b 8, race.c 7, race.d 6, race.e 5, race.f 4, 2 more"
    assert said in text(known)
    assert said in health_page(known)
    assert said in health_markdown(known)
    assert health_document(known)["functions"][0]["events"] == events
    assert samples(known)['function_events{function="f",event="race.h"}'] == 2
    assert "What the logs say" not in text(report)


def test_a_lock_that_is_held_says_which_race_its_run_is_at(report: Report) -> None:
    (lock,) = report.locks
    assert lock.state is not None
    progress = {"races": {"r1": [3, "Open"], "r2": [1, "Final"]}, "left": 7, "last": [], "text": "x" * 50, "more": 1}
    state = replace(lock.state, is_stale=False, phase="polling", progress=progress, day="2025-07-17")
    known = replace(report, locks=(replace(lock, state=state),))
    said = f"held: polling (races r2 and 1 more, left 7, last none, text {'x' * 36}…, for 2025-07-17)"
    assert said in text(known)
    assert said in health_page(known)
    found = health_document(known)["locks"][0]
    assert (found["progress"], found["day"]) == (progress, "2025-07-17")


def test_a_healthy_project_says_so(healthy: Report) -> None:
    assert text(healthy).startswith("Healthy.")


def test_a_look_of_a_watch_says_what_is_new_and_what_is_over(report: Report, healthy: Report) -> None:
    (first, *new) = (line.text for line in look_lines(report, changes(healthy, report)))
    assert "Unhealthy" in first
    assert len(new) == len({each.key for each in report.findings})
    assert all(line.text.startswith("  - over: ") for line in [*look_lines(healthy, changes(report, healthy))][1:])


def test_the_json_says_the_same(report: Report) -> None:
    document = json.loads(json.dumps(health_document(report)))
    assert document["status"] == "unhealthy"
    assert [each["code"] for each in document["findings"]] == [each.code for each in report.findings]
    f, g = document["functions"]
    assert (f["lastRun"]["category"], f["duplicates"], f["durations"]["max"], g["onServer"]) == (
        "retryable",
        1,
        100,
        False,
    )
    assert [each["verdict"] for each in document["data"]] == ["ok", "bad", "bad"]
    assert (document["locks"][0]["stale"], document["locks"][0]["duplicates"]) == (True, 1)
    assert document["daily"][0]["stand"] == "done"
    assert document["stateLock"]["holder"] == "apply by me"


def test_the_markdown_has_the_verdict_and_every_finding_and_nothing_of_it_acts(report: Report) -> None:
    content = health_markdown(report)
    assert content.startswith(f"## Health of `test`: Unhealthy: {report.count(Severity.ERROR)} errors")
    for each in report.findings:
        assert f"`{each.code}` | `{each.subject}`" in content
    assert "<script" not in content
    assert "| f | 60 s ago | failed: retryable |" in content
    assert "something: because" in content
    assert len(health_markdown(replace(report, findings=report.findings * 500)).encode()) < 65_536


class Page(HTMLParser):
    """Counts what a page is made of, and what it would load."""

    VOID = frozenset({"meta", "br", "rect", "line", "path"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.seen.append(tag)
        self.addresses += [value for name, value in attrs if name in ("src", "href", "xlink:href")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        self.seen.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_whole_loads_nothing_and_runs_nothing(report: Report) -> None:
    page = Page()
    content = health_page(report)
    page.feed(content)
    assert page.open == []
    assert page.addresses == []
    assert "script" not in page.seen
    assert "&lt;script&gt;" in content
    assert "prefers-color-scheme:dark" in content


def test_the_picture_has_a_mark_for_each_run(report: Report, healthy: Report) -> None:
    picture = re.sub(
        r"=([^\s\"'>]+)",
        r'="\1"',
        runs_svg(report).replace("<style>", "<style><![CDATA[").replace("</style>", "]]></style>"),
    )
    paths = {each.get("class"): each.get("d") or "" for each in ET.fromstring(picture).iter() if each.tag == "path"}
    assert {name: d.count("M") for name, d in paths.items()} == {
        "now": 1,
        "legacy": 1,
        "refused": 1,
        "missed": 1,
        "clash": 1,
    }
    assert "not on the server" in runs_svg(report)


def samples(report: Report | None) -> dict[str, float]:
    lines = [line for line in health_metrics(report).splitlines() if not line.startswith("#")]
    return {name.removeprefix(PREFIX): float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def test_metrics_are_gauges_with_help_and_each_series_once(report: Report) -> None:
    content = health_metrics(report)
    lines = content.splitlines()
    names = [line.rpartition(" ")[0] for line in lines if not line.startswith("#")]
    assert len(names) == len(set(names))
    typed = [line.split()[2].removeprefix(PREFIX) for line in lines if line.startswith("# TYPE")]
    assert len(typed) == len(set(typed)) > 20
    assert set(typed) <= {*HELP, "data_late_races"}
    assert all(
        re.fullmatch(r'[a-z_]+(\{([a-z]+="[^"\n]*",?)+\})? [-+0-9.e]+', line) for line in lines if line[0] != "#"
    )
    assert content.endswith("\n")


def test_metrics_have_the_numbers(report: Report) -> None:
    found = samples(report)
    assert found["health_up"] == 1
    assert found['health_findings{severity="error"}'] == report.count(Severity.ERROR)
    assert found['function_duration_seconds{function="f",quantile="1"}'] == 100
    assert found['function_runs{function="f",outcome="duplicate"}'] == 1
    assert found['lock_stale{function="f"}'] == 1
    assert found['data_late_races{collection="d/races",rule="polled",attribute="startTime"}'] == 1
    assert found['data_age_seconds{collection="d/odds",rule="newest",attribute="at"}'] == 3000
    assert found["health_looked_at_seconds"] == NOW.timestamp()


def test_a_look_that_was_not_possible_is_a_metric_too() -> None:
    assert samples(None) == {"health_up": 0}


def test_the_message_for_programs_has_what_is_new_lasting_and_over(report: Report, healthy: Report) -> None:
    first = generic_message(report, changes(None, report, Severity.ERROR))
    assert (first["status"], first["over"], first["lasting"]) == ("unhealthy", [], [])
    assert {each["severity"] for each in first["new"]} == {"error"}
    last = generic_message(healthy, changes(report, healthy, Severity.ERROR))
    assert (last["status"], last["new"], len(last["over"])) == ("healthy", [], len(first["new"]))


def test_the_message_for_slack_is_within_its_limits_and_escaped(report: Report) -> None:
    many = replace(report, findings=report.findings * 30)
    for each in (report, many):
        message = slack_message(each, Changes(new=each.findings))
        header, section, context = message["blocks"]
        assert len(header["text"]["text"]) <= 150
        assert len(section["text"]["text"]) <= 3000
        assert "<" not in section["text"]["text"].replace("&lt;", "")
        assert "run.failing" in message["text"] or each is many
        assert "--env test" in context["elements"][0]["text"]
    assert re.search(r"… and \d+ more$", slack_message(many, Changes(new=many.findings))["text"])


def test_an_all_clear_says_so(report: Report, healthy: Report) -> None:
    message = slack_message(healthy, changes(report, healthy))
    assert message["text"].startswith("test: all clear\n:white_check_mark: over: ")


def test_the_live_view_shows_everything_and_survives_a_look_in_vain(report: Report) -> None:
    from rich.console import Console

    from raceday_iac.render.health_text import health_view

    console = Console(width=200, height=80, record=True, no_color=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(health_view(report, "it did not answer"))
    shown = console.export_text()
    for part in (
        "Cannot read the project: it did not answer",
        "Unhealthy",
        "run.failing",
        "LAST RUN",
        "left by a dead run",
    ):
        assert part in shown
    console.print(health_view(None, "no"))
    assert "Nothing was seen yet." in console.export_text()
