"""Printing: colours only where they are welcome."""

from __future__ import annotations

import io
import json

import pytest

from raceday_iac.render.lines import Line, print_json, print_lines, printable, wants_color

LINES = [Line("one", "bold"), Line(), Line("two [red]not a style[/red]", "red")]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _no_setting_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE", "TERM", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


def test_a_terminal_gets_colours() -> None:
    assert wants_color(Terminal())


def test_a_file_gets_none() -> None:
    assert not wants_color(io.StringIO())


def test_nobody_gets_colours_who_sets_no_color(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert not wants_color(Terminal())


def test_an_empty_no_color_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "")
    assert wants_color(Terminal())


def test_nobody_gets_colours_who_says_so_on_the_command_line() -> None:
    assert not wants_color(Terminal(), color=False)


def test_without_colours_the_text_is_plain() -> None:
    out = io.StringIO()
    print_lines(LINES, stream=out)
    assert out.getvalue() == "one\n\ntwo [red]not a style[/red]\n"


def test_with_colours_the_text_is_the_same_between_the_codes() -> None:
    out = Terminal()
    print_lines(LINES, stream=out)
    assert "\x1b[" in out.getvalue()
    assert "two [red]not a style[/red]" in out.getvalue()


def test_no_color_leaves_no_code_in_the_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    out = Terminal()
    print_lines(LINES, stream=out)
    assert "\x1b" not in out.getvalue()


def test_json_is_one_document_with_a_format_number_first() -> None:
    out = io.StringIO()
    print_json({"name": "ä"}, out)
    assert json.loads(out.getvalue()) == {"format": 1, "name": "ä"}
    assert out.getvalue().startswith('{\n  "format": 1,')


def ascii_terminal() -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), encoding="ascii")


def test_a_terminal_that_knows_only_ascii_shows_signs_of_ascii_and_question_marks() -> None:
    out = ascii_terminal()
    print_lines([Line("✗ 15 → ü中")], stream=out)
    assert out.buffer.getvalue() == b"x 15 -> ??\n"  # type: ignore[attr-defined]


def test_json_loses_nothing_on_a_terminal_that_knows_only_ascii() -> None:
    out = ascii_terminal()
    print_json({"name": "ä →"}, out)
    assert json.loads(out.buffer.getvalue())["name"] == "ä →"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("\x1b[90m[12:00]\x1b[0m boom", "[12:00] boom"),
        ("\x1b]0;title\x07name", "name"),
        ("\x1b]8;;http://x\x1b\\link", "link"),
        ("a\x1b[2Jb\x08c\rd\x9b31m", "abcd31m"),
        ("a[0m\tb\nc é ✓", "a[0m\tb\nc é ✓"),
    ],
)
def test_what_would_command_the_terminal_is_not_printed(said: str, shown: str) -> None:
    assert printable(said) == shown


def test_a_servers_text_cannot_colour_a_file() -> None:
    out = io.StringIO()
    print_lines([Line("\x1b[31mred")], stream=out)
    assert out.getvalue() == "red\n"
