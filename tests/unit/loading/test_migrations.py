"""What can be seen of a migration without running it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import pytest

from raceday_iac.errors import StackError
from raceday_iac.loading.resolve import resolve
from raceday_iac.model.resource import Desired
from raceday_iac.model.stack import Stack

from ..declaring import address, collection, environment

GOOD = "def run(data):\n    pass\n"


def loaded(folder: Path, *written: tuple[str, Sequence[str], Sequence[str]], **files: str) -> Desired:
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    stack = Stack("test")
    owner = collection(stack)
    owner.string("a", 10)
    owner.index("i", "a")
    for name, needs, before in written:
        stack.migration(name, f"{name.split('-')[0]}.py", needs=needs, before=before)
    return resolve(stack, environment(), folder)


def test_a_migration_is_read_and_hashed(tmp_path: Path) -> None:
    text = GOOD + "\n\ndef undo(data, more=None):\n    pass\n"
    desired = loaded(tmp_path, ("m", ["attribute.d/c/a"], ["attribute.d/c/gone"]), ("n", [], []), m=text, n=GOOD)
    one, other = desired.migrations.values()
    assert (one.source, one.digest) == (text, hashlib.sha256(text.encode()).hexdigest())
    assert (one.needs, one.before) == ((address("attribute.d/c/a"),), (address("attribute.d/c/gone"),))
    assert (one.can_undo, other.can_undo) == (True, False)
    assert [each.name for each in desired.migrations] == ["m", "n"]


def test_nothing_of_it_is_run(tmp_path: Path) -> None:
    loaded(tmp_path, ("m", [], []), m=f"raise SystemExit\n{GOOD}")


def complaint(folder: Path, *written: tuple[str, Sequence[str], Sequence[str]], **files: str) -> str:
    with pytest.raises(StackError) as caught:
        loaded(folder, *written, **files)
    (problem,) = caught.value.problems
    return f"{problem.subject}: {problem.message}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def run(:", "m.py:1: syntax error: invalid syntax"),
        ("x = 1\n", "m.py has no function run(data)"),
        ("def runn(data): pass\n", "m.py has no function run(data) (did you mean 'runn'?)"),
        ("def run(): pass\n", "m.py:1: run takes one argument: def run(data)"),
        ("def run(one, other): pass\n", "m.py:1: run takes one argument: def run(data)"),
        ("async def run(data): pass\n", "m.py:1: run must be a plain function, not an async one"),
        ("def run(data):\n    yield 1\n", "m.py:1: run must not yield; write with data.update and the like"),
        (GOOD + "def undo(): pass\n", "m.py:3: undo takes one argument: def undo(data)"),
        ("def run(data): pass\n\0", "m.py cannot be compiled: source code string cannot contain null bytes"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_before_anything_is_sent(tmp_path: Path, text: str, message: str) -> None:
    reported = complaint(tmp_path, ("m", [], []), m=text)
    assert reported.startswith(f"migration.m: {message}") or "null bytes" in reported


@pytest.mark.parametrize("line", ["from . import shared", "from .shared import x", "import shared", "import shared.x"])
def test_one_that_imports_what_lies_beside_it(tmp_path: Path, line: str) -> None:
    said = complaint(tmp_path, ("m", [], []), m=f"import json\n{line}\n{GOOD}", shared="", json="")
    assert said.startswith("migration.m: m.py:2: it imports ")
    assert said.endswith("A migration must stand alone: only its own file is hashed")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert complaint(tmp_path, ("m", [], [])) == "migration.m: m.py cannot be read: No such file or directory"


@pytest.mark.parametrize(
    ("needs", "before", "message"),
    [
        (["attribute.d/c/b"], [], "needs attribute.d/c/b, which is not declared"),
        (["nonsense"], [], "needs: 'nonsense' is not an address"),
        (["atribute.d/c/a"], [], "needs: atribute.d/c/a: unknown kind 'atribute' (did you mean 'attribute'?)"),
        (["migration.m"], [], "it needs itself"),
        ([], ["migration.m"], "cannot come before migration.m"),
        (["attribute.d/c/a"], ["collection.d/c"], "needs attribute.d/c/a, which comes after collection.d/c"),
        (["index.d/c/i"], ["attribute.d/c/a"], "needs index.d/c/i, which comes after attribute.d/c/a"),
    ],
)
def test_a_place_that_there_is_not(tmp_path: Path, needs: list[str], before: list[str], message: str) -> None:
    assert complaint(tmp_path, ("m", needs, before), m=GOOD).startswith(f"migration.m: {message}")


def test_what_it_needs_is_declared_before_it(tmp_path: Path) -> None:
    assert "needs migration.n, which is declared after it" in complaint(
        tmp_path, ("m", ["migration.n"], []), ("n", [], []), m=GOOD, n=GOOD
    )
    assert "cannot come before migration.m" in complaint(
        tmp_path, ("m", [], []), ("n", [], ["migration.m"]), m=GOOD, n=GOOD
    )


def test_a_name_is_declared_once_and_is_a_name(tmp_path: Path) -> None:
    assert complaint(tmp_path, ("m", [], []), ("m", [], []), m=GOOD).startswith("migration.m: declared twice")
    assert "is not a valid name" in complaint(tmp_path, ("m-/x", [], []), m=GOOD)
