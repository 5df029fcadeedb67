"""The page: it stands alone, escapes everything and says what did not hold."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from raceday_iac.raceday.simulation.legacy import ASSUMPTIONS
from raceday_iac.raceday.simulation.report import Comparison, Invariant, compare_runs
from raceday_iac.raceday.simulation_page import simulation_page

from ..simulation.cards import sample_day
from .simulated import NOW, day_report


class Reader(HTMLParser):
    """Collects tags and text, and notices what is not closed."""

    VOID = frozenset({"meta"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data + "\n"


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    assert reader.open == []
    return reader


def test_the_page_loads_nothing_and_runs_no_script() -> None:
    page = simulation_page(day_report())
    assert not {"script", "img", "link", "iframe"} & set(read(page).tags)
    assert not re.search(r"url\(|@import|\bon\w+=", page)
    assert set(re.findall(r"https?://[^\"' ]+", page)) == {"http://www.w3.org/2000/svg"}


def test_the_page_has_two_pictures_and_all_numbers() -> None:
    reader = read(simulation_page(day_report()))
    assert reader.tags.count("svg") == 2
    for expected in ("Overlapping executions", "100 % fewer", "93.3 % fewer", "How long it took", "Nothing fails."):
        assert expected in reader.text
    assert "All 1 invariants held in 1,200 checks." in reader.text


def test_a_violation_is_said_at_the_top_and_shown_with_its_examples() -> None:
    broken = Invariant("no <two> writers", 90, 2, ("race <a> & b",))
    page = simulation_page(day_report(invariants=(broken,)))
    assert "Invariants violated 2 times in 90 checks." in page
    assert "no &lt;two&gt; writers" in page
    assert "race &lt;a&gt; &amp; b" in page


def test_everything_that_comes_from_outside_is_escaped() -> None:
    evil = "<script>alert(1)</script>"
    report = day_report(
        day=evil,
        assumptions=(evil,),
        options={evil: evil},
        overlaps=Comparison(1, 0, {evil: 1}, {}),
    )
    assert "<script" not in simulation_page(report)


def test_growth_is_not_called_a_reduction() -> None:
    page = simulation_page(day_report(overlaps=Comparison(10, 15), conflicts=Comparison(0, 4)))
    assert "50 % more" in page
    assert "4 more" in page


def test_a_whole_day_stays_far_below_a_megabyte() -> None:
    day = sample_day()
    report = day_report(**compare_runs(NOW, day.runs), legacy_polls=day.polls_report(), assumptions=ASSUMPTIONS)
    assert len(simulation_page(report).encode()) < 400_000
