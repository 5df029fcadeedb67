"""Walk through pages as a reader would: write the files that they show, type their commands, compare what comes.

    python docs/walk.py docs/tutorial.md docs/how-to/roll-back.md

The first page is walked in an empty folder, each other one in a copy of what the first one left. In a page,

- a block with a `title` is a file to write; of language `diff` it is a change of that file;
- a `console` block is typed, line by line; `# exit code 3` behind a command says how it must end;
- what the block shows below a command must come, line by line, where `…` stands for anything;
- a `console { .elsewhere }` block is left out: it is for another place than the reader's project.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

_FENCE = re.compile(r"^( *)```(\w+)([^\n]*)\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
_TITLE = re.compile(r'title="([^"]+)"')
_CODE = re.compile(r"# exit code (\d+)\s*$")
#: A reader has no terminal here, and colours would only be in the way.
_HEAD = "export NO_COLOR=1 COLUMNS=200\nexec </dev/null\n"


class Wrong(Exception):
    """The page and the program do not agree."""


@dataclass
class File:
    """A file to write, or a change of one."""

    path: str
    content: str
    is_change: bool


@dataclass
class Command:
    """A line to type, what it must end with, and the lines that must come."""

    line: str
    code: int = 0
    shown: list[str] = field(default_factory=list)


def steps(text: str) -> Iterator[File | Command]:
    """What a page asks its reader to do, in order."""
    for found in _FENCE.finditer(text):
        language, info = found[2], found[3]
        content = "".join(line.removeprefix(found[1]) for line in found[4].splitlines(keepends=True))
        title = _TITLE.search(info)
        if title:
            yield File(title[1], content, language == "diff")
        elif language == "console" and ".elsewhere" not in info:
            yield from _typed(content)


def _typed(content: str) -> Iterator[Command]:
    command: Command | None = None
    for line in content.splitlines():
        if line.startswith("$ "):
            if command:
                yield command
            code = _CODE.search(line)
            command = Command(line[2:], int(code[1]) if code else 0)
        elif command and command.line.endswith("\\"):
            command.line += f"\n{line}"
        elif command and line.strip():
            command.shown.append(line)
    if command:
        yield command


def changed(text: str, diff: str) -> str:
    """`text` with a change: each stretch of lines that stand together in the diff is found, and replaced."""
    for stretch in re.split(r"^@@.*\n|^…\n", diff, flags=re.MULTILINE):
        lines = stretch.splitlines(keepends=True)
        old = "".join(line[1:] for line in lines if line[0] in " -")
        new = "".join(line[1:] for line in lines if line[0] in " +")
        if text.count(old) != 1:
            raise Wrong(f"the lines to change are there {text.count(old)} times:\n{old}")
        text = text.replace(old, new)
    return text


def fits(shown: str, line: str) -> bool:
    """Whether a line of output is what the page shows."""
    parts = [re.escape(part) for part in re.split(r"\s*…\s*", shown.rstrip())]
    return re.fullmatch(".*".join(parts), line.rstrip()) is not None


def missing(shown: list[str], output: str) -> str:
    """The first line that the page shows and that did not come, or not in this order."""
    lines = iter(output.splitlines())
    return next((each for each in shown if not any(fits(each, line) for line in lines)), "")


def walk(page: Path, folder: Path) -> int:
    """Do what a page says. Returns the number of commands. Raises Wrong."""
    todo = list(steps(page.read_text(encoding="utf-8")))
    with tempfile.TemporaryDirectory() as outputs:
        script = _HEAD + "".join(_script(step, Path(outputs) / str(number)) for number, step in enumerate(todo))
        subprocess.run(["bash", "-c", script], cwd=folder, check=False)
        for number, step in enumerate(todo):
            if isinstance(step, Command):
                _check(step, Path(outputs) / str(number))
    return sum(isinstance(step, Command) for step in todo)


def _script(step: File | Command, output: Path) -> str:
    if isinstance(step, Command):
        # In this very shell: `cd`, `export` and `source` are meant to last.
        return f"{{ {step.line}\n}} > {output} 2>&1; echo $? > {output}.code\n"
    writing = f"{sys.executable} {Path(__file__).resolve()} --write {step.path} {int(step.is_change)}"
    return f"{writing} <<'END OF FILE'\n{step.content}END OF FILE\n"


def _stop_servers(project: Path) -> None:
    """A page that is wrong may have left some running."""
    for server in project.rglob("state/*/server"):
        words = ["raceday-iac", "server", "stop", "--env", server.parent.name]
        subprocess.run(words, cwd=server.parents[2], check=False, capture_output=True)


def _check(command: Command, output: Path) -> None:
    code, text = Path(f"{output}.code"), output.read_text(encoding="utf-8") if output.exists() else ""
    print(f"$ {command.line}\n{text}", end="")
    if not code.exists():
        raise Wrong("it was never typed")
    if int(code.read_text()) != command.code:
        raise Wrong(f"exit code {code.read_text().strip()}, not {command.code}")
    absent = missing(command.shown, text)
    if absent:
        raise Wrong(f"this did not come, or not in this order:\n{absent}")


def write(path: Path, content: str, is_change: bool) -> None:
    """Write a file, or change it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(changed(path.read_text(encoding="utf-8"), content) if is_change else content, encoding="utf-8")


def main(pages: list[Path]) -> int:
    """Walk through all; 1 when one of them is wrong."""
    root = Path(tempfile.mkdtemp())
    project, end = root / "project", root / "end-of-first"
    project.mkdir()
    try:
        for page in pages:
            if end.exists():
                shutil.rmtree(project)
                shutil.copytree(end, project)
            print(f"\n── {page}")
            try:
                count = walk(page, project)
            finally:
                _stop_servers(project)
            if not end.exists():
                shutil.copytree(project, end)
            print(f"── {page}: {count} commands")
    except Wrong as error:
        print(f"\n{page}: {error}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(root, ignore_errors=True)
    return 0


if __name__ == "__main__":
    if sys.argv[1] == "--write":
        write(Path(sys.argv[2]), sys.stdin.read(), sys.argv[3] == "1")
    else:
        sys.exit(main([Path(name).resolve() for name in sys.argv[1:]]))
