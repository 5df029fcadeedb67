"""The methods of stacks take their parameters from the models of the kinds; type checkers must still see them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
MISTAKES = ROOT / "tests" / "data" / "stacks" / "mistakes.py"


def check(*files: Path) -> list[str]:
    """What mypy says of stack files, as a person would run it beside them."""
    command = [sys.executable, "-m", "mypy", "--strict", *map(str, files)]
    paths = os.pathsep.join(str(file.parent) for file in files)
    environment = {**os.environ, "MYPYPATH": paths}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    return [line for line in done.stdout.splitlines() if ": error: " in line]


def test_the_projects_own_stack_is_right_and_every_mistake_is_found_where_it_is() -> None:
    said = check(ROOT / "stacks" / "raceday.py", MISTAKES)
    found = {int(line.split(":")[1]): line for line in said if line.startswith(str(MISTAKES.relative_to(ROOT)))}
    assert len(found) == len(said), said

    lines = MISTAKES.read_text(encoding="utf-8").splitlines()
    expected = {
        number: match[1] for number, line in enumerate(lines, 1) if (match := re.search(r"# error: (.+)", line))
    }
    assert set(found) == set(expected)
    assert [number for number, words in expected.items() if words not in found[number]] == []
