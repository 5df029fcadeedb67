"""What the written pages show exists: commands, options, files and headings that they link to."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from raceday_iac.cli.main import app, whole_program
from raceday_iac.cli.options import Options, take_globals

from .pages import DOCS, PAGES, ROOT, blocks, commands, load, without_blocks

reference = load("reference_hooks")
TREE: Any = whole_program(Options(stack=ROOT / "stacks" / "raceday.py"))
LINK = re.compile(r"\]\(([^)\s]+)\)")


def by_name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def problem(words: list[str]) -> str:
    """What is wrong with a use of the program; nothing when it could be typed."""
    _, rest = take_globals(words)
    command, path = TREE, ["raceday-iac"]
    while hasattr(command, "commands"):
        if not rest or rest[0] == "--help":
            return ""
        if rest[0].startswith("--"):
            known = {name for each in command.params for name in each.opts}
            return "" if rest[0] in known else f"{' '.join(path)} has no {rest[0]}"
        if rest[0] not in command.commands:
            return f"{' '.join(path)} has no command {rest[0]}"
        path.append(rest.pop(0))
        command = command.commands[path[-1]]
    known = {name for each in command.params for name in each.opts} | {"--help"}
    options = [word.partition("=")[0] for word in rest if re.match(r"--?[a-z]", word)]
    return "".join(f"{' '.join(path)} has no {each}" for each in options if each not in known)


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("plan --out f --env prod", ""),
        ("state lock release ID --yes", ""),
        ("--help", ""),
        ("plann", "raceday-iac has no command plann"),
        ("state lok", "raceday-iac state has no command lok"),
        ("plan --output f", "raceday-iac plan has no --output"),
        ("logs f -x", "raceday-iac logs has no -x"),
    ],
)
def test_a_wrong_command_would_be_noticed(line: str, wrong: str) -> None:
    assert problem(line.split()) == wrong


def test_commands_are_found_in_blocks_and_in_prose() -> None:
    text = 'Run `raceday-iac plan --x`.\n```console\n$ eval "$(raceday-iac drift --y)" | cat  # z\nout\n```\n'

    assert sorted(commands(text)) == [["drift", "--y"], ["plan", "--x"]]


@pytest.mark.parametrize("page", PAGES, ids=by_name)
def test_only_existing_commands_and_options_are_shown(page: Path) -> None:
    shown = list(commands(page.read_text(encoding="utf-8")))

    assert [found for found in map(problem, shown) if found] == []


@pytest.mark.parametrize("page", PAGES, ids=by_name)
def test_every_python_example_is_python(page: Path) -> None:
    for language, _, content in blocks(page.read_text(encoding="utf-8")):
        if language == "python":
            ast.parse(content)


@pytest.mark.parametrize(
    ("words", "offered"),
    [("raceday-iac st", "state"), ("raceday-iac state lo", "lock"), ("raceday-iac plan --o", "--out")],
)
def test_the_shell_is_offered_commands_and_options(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: str, offered: str
) -> None:
    """docs/how-to/complete-commands.md says so."""
    monkeypatch.setenv("_RACEDAY_IAC_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(words.split()) - 1))

    with pytest.raises(SystemExit):
        app([], prog_name="raceday-iac", standalone_mode=False)

    assert capsys.readouterr().out.split() == [offered]


def slug(heading: str) -> str:
    """The anchor that mkdocs gives a heading."""
    kept = re.sub(r"[^\w\s-]", "", re.sub(r"[`*]", "", heading)).strip().lower()
    return re.sub(r"[-\s]+", "-", kept)


def anchors(text: str) -> set[str]:
    return {slug(line.lstrip("#")) for line in without_blocks(text).splitlines() if line.startswith("#")}


def content_of(page: str) -> str:
    made = reference.PAGES.get(page)
    return str(made()) if made else (DOCS / page).read_text(encoding="utf-8")


@pytest.mark.parametrize("page", [each for each in PAGES if each.is_relative_to(DOCS)], ids=by_name)
def test_every_link_leads_somewhere(page: Path) -> None:
    """mkdocs says the same; this needs no mkdocs."""
    text = page.read_text(encoding="utf-8")

    for target in LINK.findall(without_blocks(text)):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        assert file.is_relative_to(DOCS), f"{target} leads out of docs/, which the site does not have"
        within = str(file.relative_to(DOCS))
        made = within in {**reference.PAGES, **reference.PICTURES}
        assert made or file.is_file(), target
        if anchor and within.endswith(".md"):
            assert anchor in anchors(content_of(within)), target


def test_every_link_of_the_readme_leads_somewhere() -> None:
    targets = LINK.findall(without_blocks((ROOT / "README.md").read_text(encoding="utf-8")))

    assert [each for each in targets if ":" not in each and not (ROOT / each.partition("#")[0]).exists()] == []


def test_every_page_is_in_the_navigation() -> None:
    def listed(entry: Any) -> list[str]:
        if isinstance(entry, str):
            return [entry]
        return [name for each in (entry.values() if isinstance(entry, dict) else entry) for name in listed(each)]

    written = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    navigation = listed(reference.on_config(written)["nav"])
    there = {str(page.relative_to(DOCS)) for page in PAGES if page.is_relative_to(DOCS)} | set(reference.PAGES)
    assert sorted(navigation) == sorted(there)


NAMED_TESTS = re.findall(r"`(tests/[\w/.]+)::(\w+)`", (DOCS / "decisions.md").read_text(encoding="utf-8"))


@pytest.mark.parametrize(("file", "name"), NAMED_TESTS, ids=[name for _, name in NAMED_TESTS])
def test_a_test_that_is_said_to_show_something_is_there(file: str, name: str) -> None:
    assert f"\ndef {name}(" in (ROOT / file).read_text(encoding="utf-8")


def test_lines_of_the_plan_name_their_tests() -> None:
    assert len(NAMED_TESTS) > 10
