"""The walker through pages reads them as a reader does, and notices when a page is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from .pages import load

walk = load("walk")

PAGE = """\
Text with `raceday-iac` in it.

```python title="a/b.py"
x = 1
```

```console
$ first \\
    --more
shown
…
$ second  # exit code 3
```

```console { .elsewhere }
$ not here
```

```text
$ not a command
```

```diff title="a/b.py"
-x = 1
+x = 2
```
"""


def test_files_commands_and_changes_are_read_in_order() -> None:
    assert list(walk.steps(PAGE)) == [
        walk.File("a/b.py", "x = 1\n", False),
        walk.Command("first \\\n    --more", 0, ["shown", "…"]),
        walk.Command("second  # exit code 3", 3, []),
        walk.File("a/b.py", "-x = 1\n+x = 2\n", True),
    ]


def test_a_change_finds_its_lines_and_leaves_the_rest() -> None:
    diff = " a\n-b\n+B\n…\n d\n+e\n"

    assert walk.changed("a\nb\nc\nd\n", diff) == "a\nB\nc\nd\ne\n"


@pytest.mark.parametrize("text", ["c\n", "b\nb\n"])
def test_a_change_of_lines_that_are_missing_or_repeated_is_wrong(text: str) -> None:
    with pytest.raises(walk.Wrong):
        walk.changed(text, "-b\n+B\n")


@pytest.mark.parametrize(
    ("shown", "output", "absent"),
    [
        (["a", "c"], "a\nb\nc\n", ""),
        (["c", "a"], "a\nb\nc\n", "a"),
        (["took … s"], "took 0.3 s\n", ""),
        (["took … s"], "took 0.3 s too long\n", "took … s"),
        (["  … ok"], "  x  ok\n", ""),
    ],
)
def test_shown_lines_must_come_in_their_order(shown: list[str], output: str, absent: str) -> None:
    assert walk.missing(shown, output) == absent


def pages(folder: Path, first: str) -> list[Path]:
    page = folder / "first.md"
    page.write_text(first, encoding="utf-8")
    (folder / "second.md").write_text("```console\n$ cat f && cat kept\nvalue\n```\n", encoding="utf-8")
    return [page, folder / "second.md"]


def test_later_pages_begin_where_the_first_ended(tmp_path: Path) -> None:
    first = '```console\n$ export X=value\n$ echo $X > kept\n$ false  # exit code 1\n```\n```text title="f"\n1\n```\n'

    assert walk.main(pages(tmp_path, first)) == 0


@pytest.mark.parametrize("block", ["$ false", "$ true  # exit code 1", "$ echo a\nb", "$ exit 0\n$ true"])
def test_a_page_that_is_wrong_is_reported(tmp_path: Path, block: str) -> None:
    assert walk.main(pages(tmp_path, f"```console\n{block}\n```\n")) == 1
