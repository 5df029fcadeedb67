"""The reports' Markdown, read by a parser of CommonMark with tables: what hostile texts become."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from raceday_iac.drift import classify
from raceday_iac.render.drift_text import drift_markdown
from raceday_iac.render.lines import code, plain
from raceday_iac.render.plan_text import plan_markdown

from .reports import HOSTILE, drifted, hostile
from .test_plan_text import changed

OURS = {"<sub>", "</sub>", "<br>"}
BLOCKS = ("<details><summary>", "</details>", "<!-- ")


def tokens(text: str) -> Iterator[Token]:
    for token in MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text):
        yield token
        yield from token.children or ()


def rendered(text: str) -> str:
    return str(MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(text))


@pytest.mark.parametrize(
    "text",
    [
        plan_markdown(hostile(), "x"),
        plan_markdown(changed(documents=7), "x"),
        drift_markdown(classify(hostile()), hostile(), "x"),
        drift_markdown(classify(drifted()), drifted(), "x"),
    ],
    ids=["hostile plan", "refused plan", "hostile drift", "drift"],
)
def test_all_html_and_every_row_is_ours(text: str) -> None:
    found = list(tokens(text))
    assert {each.content for each in found if each.type == "html_inline"} <= OURS
    assert all(each.content.startswith(BLOCKS) for each in found if each.type == "html_block")
    assert not [each for each in found if each.type in ("link_open", "image", "s_open", "em_open")]
    rows = rendered(text).split("<tr>")[1:]
    assert rows
    assert all(row.count("<td") in (0, 2, 3, 4) for row in rows)


def test_a_hostile_value_is_shown_as_it_is_in_its_cell() -> None:
    found = [each.content for each in tokens(plan_markdown(hostile(), "x")) if each.type == "code_inline"]
    assert f'"{HOSTILE}"' in found


@pytest.mark.parametrize(
    "text",
    [
        "a|b",
        "\\|",
        "\\",
        "`",
        "``a`",
        "*a*",
        "_a_",
        "~~a~~",
        "[a](b)",
        "![a](b)",
        "<b>",
        "&lt;",
        "# a",
        "- a",
        "1. a",
        "> a",
    ],
)
def test_a_text_in_a_cell_reads_as_it_was(text: str) -> None:
    table = f"| a | b |\n|---|---|\n| {plain(text)} | end |\n"
    inline = [
        each for each in MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(table) if each.children
    ]
    shown = ["".join(child.content for child in each.children or ()) for each in inline]
    assert shown == ["a", "b", text, "end"]


@pytest.mark.parametrize("text", ["# a", "- a", "1. a", "> a", "+ a", "=== a", "```a", "12) a"])
def test_a_text_at_the_beginning_of_a_line_begins_nothing(text: str) -> None:
    kinds = [each.type for each in MarkdownIt("commonmark").parse(f"- {plain(text)}\n")]
    assert kinds == [
        "bullet_list_open",
        "list_item_open",
        "paragraph_open",
        "inline",
        "paragraph_close",
        "list_item_close",
        "bullet_list_close",
    ]


@pytest.mark.parametrize("text", ["a|b", "`", "``a`", " a ", "`a`", "a`|`b", "\\", "\\|"])
def test_code_in_a_cell_reads_as_it_was(text: str) -> None:
    table = f"| a | b |\n|---|---|\n| {code(text)} | end |\n"
    found = [each.content for each in tokens(table) if each.type == "code_inline"]
    assert found == [text]
