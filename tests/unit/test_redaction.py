"""Nothing secret is shown, and nothing that commands a terminal or turns a line around."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from html import escape
from urllib.parse import quote, quote_plus

import pytest

from raceday_iac.errors import ProviderError
from raceday_iac.model.secret import (
    Secret,
    forget_secrets,
    hidden,
    json_text,
    know_credentials,
    known_secrets,
    one_line,
    shown,
    shown_document,
)

KEY = "standard_" + "0123456789abcdef" * 4
TURNED = "\u202egnp.exe"


SECRETS = ["hunter2!", "a b&c-d", 'quoted "x" \\', "ünïcödé-key", "line\nbreak", "<tag>&amp;", "a/b+c=d"]
WRITTEN: dict[str, Callable[[str], str]] = {
    "plain": str,
    "json": json.dumps,
    "json with letters": lambda secret: json.dumps(secret, ensure_ascii=False),
    "address": lambda secret: quote(secret, safe=""),
    "form": quote_plus,
    "html": escape,
}


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("how", WRITTEN)
def test_a_secret_is_replaced_however_it_is_written(secret: str, how: str) -> None:
    Secret(secret)
    assert hidden(f"you sent ({WRITTEN[how](secret)}), why?").replace('"', "") == "you sent (***), why?"


def test_the_longest_secret_goes_first() -> None:
    Secret("abcdef")
    Secret("abcdefghij")
    assert hidden("abcdefghij abcdef") == "*** ***"


@pytest.mark.parametrize(("secret", "is_hidden"), [("12345", False), ("123456", True)])
def test_what_is_in_every_other_word_is_not_looked_for(secret: str, is_hidden: bool) -> None:
    Secret(secret)
    assert (hidden(f"x {secret} y") == "x *** y") is is_hidden


def test_secrets_are_known_until_a_new_run_begins() -> None:
    Secret("hunter2!")
    assert known_secrets() == {"hunter2!"}
    forget_secrets()
    assert hidden("hunter2!") == "hunter2!"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://user:pass@host/v1", "http://***@host/v1"),
        ("https://token@host", "https://***@host"),
        ("at http://u:p%40ss@h:80/v1?x=a@b", "at http://***@h:80/v1?x=a@b"),
        ("mail me@host or see https://host/@name", "mail me@host or see https://host/@name"),
        (f"key {KEY} is wrong", "key *** is wrong"),
        ("Authorization: Basic dXNlcjpwYXNz", "Authorization: Basic ***"),
        ("bearer abc.def-ghi_jkl", "bearer ***"),
        # Without case, Python takes these letters for an s and an i.
        ("Ba\u017fic dXNlcjpwYXNz", "Ba\u017fic ***"),
        ("BAS\u0131C dXNlcjpwYXNz", "BAS\u0131C ***"),
        ("x-appwrite-key: dynamic_eyJh.eyJwcm9q.sig-x", "x-appwrite-key: ***"),
        ("standard_1 is a name", "standard_1 is a name"),
        ("basic idea", "basic idea"),
    ],
)
def test_credentials_are_known_by_their_form(text: str, expected: str) -> None:
    assert hidden(text) == expected


def test_credentials_of_an_address_are_secrets_everywhere() -> None:
    know_credentials("http://someone:p%40ssword@host/v1")
    assert hidden("p@ssword") == "***"
    assert hidden("someone:p@ssword") == "***"
    know_credentials("http://[broken")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"a{TURNED}", "agnp.exe"),
        ("\u2066x\u2069\u200f\u061c", "x"),
        ("a\u2028b\u2029c", "abc"),
        ("\x1b[31mred\x1b[0m \x1b]0;title\x07x", "red x"),
        ("\x9b31mx\r\x07\x00", "31mx"),
        ("tag\U000e0041", "tag"),
        ("a\tb\nc", "a\tb\nc"),
        ("मा 🏇 ñ \u200d", "मा 🏇 ñ \u200d"),
    ],
)
def test_what_turns_or_commands_is_not_shown_and_what_people_write_is(text: str, expected: str) -> None:
    assert shown(text) == expected


def test_a_message_of_a_server_is_one_line_of_bounded_length() -> None:
    assert one_line("a\n\n  b\x1b[2J\tc") == "a b c"
    assert one_line("x" * 500) == "x" * 500
    assert one_line("x" * 501) == "x" * 500 + "…"


def test_cutting_leaves_no_part_of_a_secret() -> None:
    Secret("abcdefghijklmnop")
    assert one_line("x" * 490 + "abcdefghijklmnop") == "x" * 490 + "***"
    assert one_line("key is abcdefghijkl") == "key is ***"
    assert one_line("key is abcdefg") == "key is abcdefg"


def test_an_error_of_the_server_is_cleaned_when_it_is_made() -> None:
    Secret("hunter2!")
    error = ProviderError(f"Appwrite answered 400: {TURNED}\nhunter2! {'x' * 5000}")
    assert error.message.startswith("Appwrite answered 400: gnp.exe *** xxx")
    assert len(error.message) == 1001
    assert str(error) == error.message


def test_json_keeps_its_form_and_what_is_no_text() -> None:
    Secret("1234567")
    content = {"number": 1234567, "text": "1234567", "1234567": [TURNED, None, True], "nested": {"a": ("x",)}}
    text = json_text(content)
    assert json.loads(text) == {"number": 1234567, "text": "***", "***": [TURNED, None, True], "nested": {"a": ["x"]}}
    assert "\\u202e" in text
    assert "\u202e" not in text


def test_a_document_keeps_its_lines() -> None:
    Secret("hunter2!")
    assert shown_document(f"# hunter2!\n\n| {TURNED} |\n") == "# ***\n\n| gnp.exe |\n"


def test_what_only_looks_like_base64_of_a_secret_is_left() -> None:
    """It is not looked for: nobody echoes it but in a header, which is known by its form."""
    Secret("hunter2!")
    encoded = base64.b64encode(b"hunter2!").decode()
    assert hidden(f"Basic {encoded}") == "Basic ***"
