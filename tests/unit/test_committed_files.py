"""What must not stand in any committed file."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOT = "."
#: Written in pieces, so that this file does not contain them.
FORBIDDEN = (
    "pypi" + DOT + "org",
    "python" + "hosted",
    "registry" + DOT + "npmjs",
    "proxy" + DOT + "golang",
    "../" + "shared",
)
#: Something that looks like a real Appwrite key: the prefix and at least 64 hexadecimal digits.
KEY = re.compile("standard" + "_[0-9a-f]{64}")


def committed() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.decode()
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


@pytest.fixture(scope="module")
def texts() -> dict[str, str]:
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    return {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8", errors="replace") for path in committed()}


@pytest.mark.parametrize("word", FORBIDDEN)
def test_no_file_mentions(texts: dict[str, str], word: str) -> None:
    assert [name for name, text in texts.items() if word in text.lower()] == []


def test_no_file_holds_a_real_key(texts: dict[str, str]) -> None:
    assert [name for name, text in texts.items() if KEY.search(text)] == []


def test_no_state_or_local_data_is_committed(texts: dict[str, str]) -> None:
    local = [name for name in texts if name.startswith("state/") and name != "state/README.md"]
    assert local + [name for name in texts if name.endswith((".pyc", ".sqlite", ".db"))] == []


def test_no_module_is_called_by_an_empty_name(texts: dict[str, str]) -> None:
    empty = {"helpers.py", "common.py", "utils.py", "misc.py", "manager.py", "util.py", "helper.py"}
    assert [name for name in texts if Path(name).name in empty] == []
