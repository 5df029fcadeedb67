"""Pages as templates make them: escaped, complete, one style for all."""

from __future__ import annotations

import re
from pathlib import Path

import jinja2
import pytest

from raceday_iac.raceday.simulation_page import TEMPLATES as RACEDAY
from raceday_iac.render.theme import STRENGTH, TEMPLATES, ChangeRow, page, page_colours

EVIL = "<script>alert(1)</script>"
#: Pictures and colours that are made here.
MADE_HERE = {"colours", "picture", "detail", "each.bar"}
FILES = sorted([*TEMPLATES.glob("*.html"), *RACEDAY.glob("*.html")])
DRIFT = {
    "title": "t",
    "where": "w",
    "drifted": "",
    "ways_out": "",
    "no_drift": "none",
    "tiles": [],
    "boxes": [],
    "notices": [],
    "ended": [],
    "unmanaged": [],
}


def test_there_is_a_template_for_each_page() -> None:
    assert {each.stem for each in FILES} == {
        *("base", "parts", "plan", "drift", "comparison", "schedule", "health"),
        *("simulation", "racing", "races", "days", "day", "day_at"),
    }


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_only_what_is_made_here_goes_in_unescaped(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert set(re.findall(r"([\w.]+)\s*\|\s*safe", text)) <= MADE_HERE
    assert "autoescape" not in text
    # An attribute without quotes must hold one of our own words.
    assert set(re.findall(r"(?<!\?)\b\w+=\{\{ ([\w.]+)", text)) <= {"style", "each.style"}


@pytest.mark.parametrize("name", ["title", "where", "no_drift"])
def test_texts_are_escaped(name: str) -> None:
    found = page("drift.html", **{**DRIFT, name: EVIL})
    assert EVIL not in found
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in found


def test_texts_of_rows_are_escaped() -> None:
    row = ChangeRow(EVIL, "create", EVIL, why=(EVIL,), groups=((EVIL, (EVIL,)),))
    found = page("drift.html", **{**DRIFT, "boxes": [(EVIL, EVIL, "create", [row])], "unmanaged": [EVIL]})
    assert EVIL not in found
    assert found.count("&lt;script&gt;") == 8


def test_a_value_that_is_missing_is_an_error_and_no_gap() -> None:
    with pytest.raises(jinja2.UndefinedError, match="'where' is undefined"):
        page("drift.html", **{name: value for name, value in DRIFT.items() if name != "where"})


def test_every_colour_that_is_used_is_one_of_the_theme() -> None:
    known = set(re.findall(r"--([a-z]+):", page_colours())) | {"tone"}
    used = set(re.findall(r"var\(--([a-z]+)\)", (TEMPLATES / "page.css").read_text(encoding="utf-8")))
    assert used <= known
    assert {*STRENGTH} <= known


def test_light_and_dark_have_the_same_colours() -> None:
    light, dark = page_colours().split("@media(prefers-color-scheme:dark)")
    names = [re.findall(r"--([a-z]+):#", each) for each in (light, dark)]
    assert names[0] == names[1]
