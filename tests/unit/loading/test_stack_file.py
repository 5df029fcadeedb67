"""Running a stack file."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from raceday_iac.errors import IacError, Interrupted, StackError
from raceday_iac.loading.stack_file import load_stack
from raceday_iac.model.stack import Stack

Load = Callable[[str], Stack]

IMPORT = "from raceday_iac.model.stack import Stack\n"


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Loads a stack file of the given text."""
    monkeypatch.chdir(tmp_path)

    def loading(text: str) -> Stack:
        (tmp_path / "stack.py").write_text(text)
        return load_stack(tmp_path / "stack.py")

    return loading


def mistake(load: Load, text: str) -> str:
    with pytest.raises(StackError) as caught:
        load(text)
    (problem,) = caught.value.problems
    return str(problem)


def test_hands_out_the_variable_stack(load: Load) -> None:
    assert load(IMPORT + "stack = Stack('mine')\n").name == "mine"


def test_a_missing_file_is_reported_with_the_option_that_names_one(tmp_path: Path) -> None:
    with pytest.raises(IacError, match="There is no stack file") as caught:
        load_stack(tmp_path / "none.py")
    assert "--stack" in caught.value.hint


@pytest.mark.parametrize("text", ["", "stack = 'no'\n", "stck = 1\n"])
def test_a_file_without_a_stack_is_reported_with_what_it_must_set(load: Load, text: str) -> None:
    assert "the file must set the variable `stack` to a Stack(...)" in mistake(load, text)


def test_a_syntax_error_is_reported_with_its_line(load: Load) -> None:
    assert mistake(load, IMPORT + "\nstack = Stack(\n").startswith("stack.py:3: syntax error:")


def test_an_exception_is_reported_with_the_line_of_the_user_not_a_traceback(load: Load) -> None:
    assert mistake(load, IMPORT + "\nstack = Stack('x')\n1 / 0\n") == "stack.py:4: ZeroDivisionError: division by zero"


def test_a_misspelled_argument_is_reported_with_its_line(load: Load) -> None:
    said = mistake(load, IMPORT + "stack = Stack('x')\nstack.database('d', nam='D')\n")
    assert said.startswith("stack.py:3: ")
    assert "'nam'" in said


def test_a_file_that_goes_elsewhere_takes_nobody_along(load: Load, tmp_path: Path) -> None:
    load(IMPORT + "import os\nos.chdir('/')\nstack = Stack('x')\n")
    assert Path.cwd() == tmp_path


def test_all_arguments_that_are_missing_are_reported_at_once(load: Load) -> None:
    said = mistake(load, IMPORT + "stack = Stack('x')\nstack.function('f', name='F', runtime='node-22')\n")
    assert said.endswith("function() missing 2 required arguments: 'timeout', 'entrypoint'")


def test_a_file_that_ends_the_process_is_reported(load: Load) -> None:
    assert "exit(3)" in mistake(load, "import sys\nsys.exit(3)\n")


def test_an_interrupt_while_it_runs_is_no_mistake_in_it(load: Load) -> None:
    with pytest.raises(Interrupted):
        load("from raceday_iac.errors import Interrupted\nraise Interrupted('Interrupted.')\n")


def test_what_it_prints_is_kept_out_of_standard_output(load: Load, capsys: pytest.CaptureFixture[str]) -> None:
    load(IMPORT + "print('made of rows')\nstack = Stack('mine')\n")
    assert capsys.readouterr() == ("", "made of rows\n")


def test_a_mistake_in_a_module_beside_it_is_reported_with_that_file(load: Load, tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text("\n\nraise ValueError('bad')\n")
    assert mistake(load, "import beside\n") == "beside.py:3: ValueError: bad"


def test_a_syntax_error_in_a_module_beside_it_is_reported_with_that_file(load: Load, tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text("def f(:\n")
    assert mistake(load, "import beside\n").startswith("beside.py:1: syntax error")


def test_modules_beside_it_can_be_imported_and_are_forgotten_after(load: Load, tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text("NAME = 'first'\n")
    text = IMPORT + "import beside\nstack = Stack(beside.NAME)\n"
    assert load(text).name == "first"
    (tmp_path / "beside.py").write_text("NAME = 'second one'\n")
    assert load(text).name == "second one"
    assert "beside" not in sys.modules


def test_the_module_search_path_is_as_before(load: Load) -> None:
    before = list(sys.path)
    load(IMPORT + "stack = Stack('x')\n")
    mistake(load, "1 / 0\n")
    assert sys.path == before


def test_the_stack_file_itself_is_forgotten_too(load: Load) -> None:
    before = set(sys.modules)
    load(IMPORT + "stack = Stack('x')\n")
    assert {name for name in set(sys.modules) - before if "stack" in name} == set()


def test_a_stack_file_may_define_dataclasses(load: Load) -> None:
    text = "from __future__ import annotations\nfrom dataclasses import dataclass\n@dataclass\nclass A:\n    x: int\n"
    assert load(text + IMPORT + "stack = Stack('x')\n").name == "x"


def test_a_file_that_is_not_python_is_refused(tmp_path: Path) -> None:
    (tmp_path / "stack.yaml").write_text("a: b\n")
    with pytest.raises(StackError, match="a stack file is a Python file"):
        load_stack(tmp_path / "stack.yaml")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("stack.functon('f')", "a Stack has no 'functon' (did you mean 'function'?)"),
        ("stack.database('d', name='D').colection('c')", "a Database has no 'colection' (did you mean 'collection'?)"),
        (
            "stack.database('d', name='D').collection('c', name='C').strng('s', 9)",
            "a Collection has no 'strng' (did you mean 'string'?)",
        ),
        ("stack.function('f', timout=3)", "function() has no argument 'timout' (did you mean 'timeout'?)"),
        ("Stack('x', timezne='UTC')", "a Stack has no argument 'timezne' (did you mean 'timezone'?)"),
        ("from raceday_iac import Prob", "raceday_iac has no 'Prob' (did you mean 'Probe'?)"),
        ("Lok('a')", "name 'Lok' is not defined (did you mean 'Lock'?)"),
        ("orders = 1\nordrs", "name 'ordrs' is not defined (did you mean 'orders'?)"),
        ("'text'.uper()", "'str' object has no attribute 'uper' (did you mean 'upper'?)"),
        ("stack.zzzzzz()", "a Stack has no 'zzzzzz'"),
    ],
)
def test_a_mistyped_name_is_reported_with_the_nearest_one(load: Load, line: str, said: str) -> None:
    assert mistake(load, f"{IMPORT}stack = Stack('x')\n{line}\n").endswith(said)
