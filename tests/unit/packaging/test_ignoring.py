"""`.gitignore` as git reads it: git itself is the authority."""

from __future__ import annotations

import random
import subprocess
from pathlib import Path

import pytest

from raceday_iac.packaging.contents import GitIgnore, Patterns

NAMES = ["a", "b", "c.log", "build", "src", "x.py", "keep.log", "A b", ".env", "é", "A-b", "*x", "x]", "Build"]
PATTERNS = (
    r"""
*|*/|!*/|!*.py|*.log|!keep.log|build/|/build|build|!build/|src/*|!src/x.py|src/**|**/a|a/**/b|!a|/a|a/|!a/|x.py|[ab]|?|!
/|**|***|a/b|/a/b/|!a/b|\!a|# c|A b|A\ b |a |**/|!**/|src/**/|foo\|[a|a**b|!/**|/*|/**/a| a|\a|[!a]|[^a]|*.l?g|b/**
!b/**/a|.*|!.env|[a-c]|[[:alpha:]]|[]x]*|\*x|é|a/**/|/**/|!/**/|[[:upper:]]*|a//b|./a|../a|*/a|*/*|/*/|!/*/|!*|!**|**foo|x**|[\a]
""".strip()
    .replace("\n", "|")
    .split("|")
)


@pytest.mark.parametrize("seed", range(40))
def test_what_is_ignored_is_what_git_ignores(tmp_path: Path, seed: int) -> None:
    plant(tmp_path, random.Random(seed))
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    command = ["git", "-C", str(tmp_path), "ls-files", "--others", "--exclude-per-directory=.gitignore", "-z"]
    said = subprocess.run(command, capture_output=True, check=True).stdout.decode()
    assert kept(tmp_path) == sorted(each for each in said.split("\0") if each)


def plant(folder: Path, chance: random.Random, depth: int = 0) -> None:
    """Folders with files and, here and there, a `.gitignore`."""
    for name in chance.sample(NAMES, chance.randint(1, 5)):
        if depth < 3 and chance.random() < 0.5:
            (folder / name).mkdir()
            plant(folder / name, chance, depth + 1)
        else:
            (folder / name).write_text("x")
    if chance.random() < (0.3 if depth else 1):
        end = chance.choice(["\n", "\r\n"])
        (folder / ".gitignore").write_text(end.join(chance.sample(PATTERNS, chance.randint(1, 6))) + end, newline="")


def kept(top: Path) -> list[str]:
    found, git = [], GitIgnore(top)

    def walk(folder: Path) -> None:
        for path in folder.iterdir():
            if path.name == ".git" or git.says(path, is_folder=path.is_dir()):
                continue
            if path.is_dir():
                walk(path)
            else:
                found.append(path.relative_to(top).as_posix())

    walk(top)
    return sorted(found)


def test_the_file_and_the_line_that_ignore_something_are_reported(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / ".gitignore").write_text("# what a build makes\n\n*.o\n")
    git = GitIgnore(tmp_path)
    assert git.says(tmp_path / "src" / "x.o", is_folder=False) == "src/.gitignore line 3"
    assert git.says(tmp_path / "x.o", is_folder=False) == ""


def test_a_byte_order_mark_is_no_part_of_a_pattern(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_bytes(b"\xef\xbb\xbfa\n")
    assert GitIgnore(tmp_path).says(tmp_path / "a", is_folder=False)


def test_a_link_is_no_ignore_file(tmp_path: Path) -> None:
    """Nor is it to git: it may lead to anywhere."""
    (tmp_path / "rules").write_text("a\n")
    (tmp_path / ".gitignore").symlink_to("rules")
    assert GitIgnore(tmp_path).says(tmp_path / "a", is_folder=False) == ""


def test_what_lies_in_an_ignored_folder_is_asked_for_with_its_folders(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("build/\n")
    git = GitIgnore(tmp_path)
    path = tmp_path / "build" / "deep" / "x"
    assert git.says(path, is_folder=False) == ""
    assert git.says_of_all(path, is_folder=False) == ".gitignore line 1"


@pytest.mark.parametrize(
    ("pattern", "path", "named"),
    [
        (b"a", "a", True),
        (b"a", "b/a", True),
        (b"/a", "b/a", False),
        (b"a/", "a/", True),
        (b"a/", "a", False),
        (b"a/", "a/b/c", True),
        (b"*.pem", "deep/x.pem", True),
        (b"[", "[", False),
    ],
)
def test_a_pattern_names_a_path_or_a_folder_that_it_lies_in(pattern: bytes, path: str, named: bool) -> None:
    assert Patterns([pattern]).names(path) is named
