"""What `lint` and `schedule` print of the legacy configuration, against golden files.

`UPDATE_GOLDEN=1 pytest tests/unit/render/test_lint_and_schedule.py` writes them again.
"""

from __future__ import annotations

import json
import os
import xml.etree.ElementTree as ET
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest

from raceday_iac.linting.expansion import Timetable, timetable_of
from raceday_iac.linting.facts import Configuration, FunctionFacts, read_configuration
from raceday_iac.linting.findings import Acceptance, Finding, Report, Severity
from raceday_iac.linting.linter import lint
from raceday_iac.model.local_time import LocalTime
from raceday_iac.render.lines import Line
from raceday_iac.render.lint_text import lint_document, lint_lines
from raceday_iac.render.schedule_page import schedule_document, schedule_lines, schedule_page, schedule_svg

DATA = Path(__file__).parents[2] / "data"
NZ_TIME = LocalTime("Pacific/Auckland", (time(1), time(6)))
DAY = date(2025, 10, 5)
MIDNIGHT = datetime(2025, 10, 4, 11, tzinfo=UTC)


@pytest.fixture(scope="module")
def legacy() -> Configuration:
    document = json.loads((DATA / "raceday" / "appwrite.json").read_text(encoding="utf-8"))
    return replace(read_configuration(document, "appwrite.json"), local_time=NZ_TIME)


@pytest.fixture(scope="module")
def report(legacy: Configuration) -> Report:
    return lint(legacy, date(2025, 7, 17))


@pytest.fixture(scope="module")
def timetable(legacy: Configuration, report: Report) -> Timetable:
    return timetable_of(legacy, DAY, MIDNIGHT, 2, findings=report.findings)


def check(name: str, lines: Iterable[Line]) -> None:
    text = "".join(f"{line.text}\n" for line in lines)
    path = DATA / "golden" / name
    if os.environ.get("UPDATE_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def test_the_lint_report_reads_as_agreed(report: Report) -> None:
    check("lint-legacy.txt", lint_lines(report, verbose=False))


def test_the_day_reads_as_agreed(timetable: Timetable) -> None:
    check("schedule-legacy.txt", schedule_lines(timetable))


def test_of_a_schedule_that_never_fires_it_is_said_that_there_is_no_run() -> None:
    functions = (FunctionFacts("never", schedule="0 22-2 * * *"), FunctionFacts("daily", schedule="0 19 * * *"))
    found = timetable_of(Configuration(functions, local_time=NZ_TIME), DAY, MIDNIGHT, 1)
    *_, daily, run, never, none = (line.text.strip() for line in schedule_lines(found))
    assert (daily.split()[0], never.split()[0]) == ("daily", "never")
    assert (run.endswith("(10-04 19:00 UTC)"), none) == (True, "none within four years")


def test_what_is_answered_or_accepted_is_short_unless_asked_for() -> None:
    accepted = Acceptance("POL005", "*", "because", date(2027, 1, 1))
    report = Report(
        (
            Finding("SCH001", Severity.ERROR, "function.f", "often", "less", answered="lock f-lock: waits"),
            Finding("POL005", Severity.WARNING, "collection.d/c", "open", "close", accepted=accepted),
        )
    )
    short = [line.text for line in lint_lines(report, verbose=False)]
    assert "  SCH001  function.f      answered by lock f-lock" in short
    assert "  POL005  collection.d/c  accepted until 2027-01-01" in short
    assert short[-1] == "no errors, no warnings; 1 answered, 1 accepted."
    long = "\n".join(line.text for line in lint_lines(report, verbose=True))
    assert "answered by lock f-lock: waits" in long
    assert "accepted until 2027-01-01: because" in long


def test_the_documents_hold_what_the_texts_say(report: Report, timetable: Timetable) -> None:
    found = lint_document(report)
    assert (found["errors"], found["warnings"]) == (report.count(Severity.ERROR), report.count(Severity.WARNING))
    first = next(each for each in found["findings"] if each["code"] == "SCH001")
    assert first["first"] == "2025-07-17T00:01:00+00:00"
    shown = {each["function"]: each for each in schedule_document(timetable)["functions"]}
    assert shown["daily-races"]["next"][0] == {
        "utc": "2025-10-04T20:00:00+00:00",
        "local": "2025-10-05T09:00:00+13:00",
    }
    json.dumps([found, shown])


def test_the_picture_is_xml_with_a_lane_for_each_function(timetable: Timetable) -> None:
    root = ET.fromstring(schedule_svg(timetable))
    texts = {each.text for each in root.iter("{http://www.w3.org/2000/svg}text")}
    assert {lane.function for lane in timetable.lanes} <= texts
    kinds = [each.get("class") for each in root.iter("{http://www.w3.org/2000/svg}path")]
    assert kinds.count("clash") == 2


def test_the_picture_marks_now_within_its_day_alone(timetable: Timetable) -> None:
    instant = timedelta(milliseconds=1)
    for now in (timetable.begin, timetable.end - instant):
        assert "<title>now</title>" in schedule_svg(timetable, now)
    for now in (None, timetable.begin - instant, timetable.end):
        assert "<title>now</title>" not in schedule_svg(timetable, now)


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "link", "img", "iframe") or any(name in ("src", "href") for name, _ in attrs):
            self.loaded.append(tag)


def test_the_page_loads_nothing_and_escapes_what_it_says(timetable: Timetable) -> None:
    odd = Finding("SCH001", Severity.ERROR, "function.<b>", "<script>", "fix")
    page = schedule_page(
        Timetable(timetable.day, timetable.begin, timetable.end, timetable.after, timetable.lanes, (odd,))
    )
    parser = _Page()
    parser.feed(page)
    assert parser.loaded == []
    assert "&lt;script&gt;" in page
