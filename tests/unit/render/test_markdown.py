"""Markdown that says what it is given and nothing else. Read by the rules of GitHub: cells are cut first, then code."""

from __future__ import annotations

import re

import pytest

from raceday_iac.render.lines import LIMIT, Sheet, code, plain


def cells(row: str) -> list[str]:
    """A table row's cells, as GitHub cuts them: at bars without a backslash before them, which then vanishes."""
    return [cell.replace("\\|", "|").strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]]


@pytest.mark.parametrize("hostile", ["a|b", "`x`", "``", "`a|b`", "a``b|", "| |", "\\|", "<b>", "x\ny", "*x* _y_"])
def test_code_stays_in_its_cell_and_shows_just_the_text(hostile: str) -> None:
    (cell,) = cells(f"| {code(hostile)} |")
    match = re.fullmatch(r"(?P<fence>`+)(?P<inner>.*)(?P=fence)", cell)
    assert match is not None
    inner = match["inner"]
    assert match["fence"] not in re.findall("`+", inner)
    padded = inner.startswith(" ") and inner.endswith(" ") and inner.strip()
    assert (inner[1:-1] if padded and "`" in (inner[1], inner[-2]) else inner) == hostile.replace("\n", " ")


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("<img src=x onerror=y>", "&lt;img src=x onerror=y&gt;"),
        ("a | b", "a \\| b"),
        ("`code` *bold* _it_ ~~no~~ [x](y)", "\\`code\\` \\*bold\\* \\_it\\_ \\~\\~no\\~\\~ \\[x\\](y)"),
        ("&lt;", "&amp;lt;"),
        ("two\r\nlines\u2028here", "two lines here"),
        ("$x$", "\\$x\\$"),
        ("- not a list", "\\- not a list"),
        ("1. not a list", "1\\. not a list"),
        ("# no heading", "\\# no heading"),
        ("\u202eevil", " evil"),
        ("plain words, 50 % (so)", "plain words, 50 % (so)"),
    ],
)
def test_text_stays_text(text: str, safe: str) -> None:
    assert plain(text) == safe


def test_nobody_is_called_and_no_issue_is_referred_to() -> None:
    assert "@octocat" not in plain("cc @octocat")
    assert "#12" not in plain("see #12")


def test_long_values_are_shortened_and_say_so() -> None:
    assert code("x" * 200) == f"`{'x' * 160}… (40 more characters)`"


def rows(number: int) -> list[str]:
    return [f"| {each} |" for each in range(number)]


def test_what_fits_is_whole() -> None:
    sheet = Sheet()
    sheet.entries("rows", ("| h |", "|---|"), rows(3))
    assert sheet.text("") == "| h |\n|---|\n| 0 |\n| 1 |\n| 2 |\n"


def test_what_does_not_fit_is_cut_by_whole_entries_and_counted() -> None:
    sheet = Sheet(limit=700)
    sheet.entries("rows", ("| h |", "|---|"), rows(100), ("end",))
    text = sheet.text("All is elsewhere.")
    shown = len(re.findall(r"^\| \d+ \|$", text, re.MULTILINE))
    assert 0 < shown < 100
    assert f"{100 - shown} of 100 rows not shown. All is elsewhere." in text
    assert "\nend\n" in text
    assert len(text.encode()) <= 700


def test_a_table_without_room_for_a_row_is_left_out_with_its_head() -> None:
    sheet = Sheet(limit=520)
    sheet.entries("rows", ("| h |", "|---|"), rows(5))
    text = sheet.text("")
    assert "| h |" not in text
    assert "5 of 5 rows not shown" in text


def test_the_limit_leaves_room_below_that_of_a_comment() -> None:
    assert LIMIT < 65_536
