"""Global options stand before the command or after it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raceday_iac.cli.options import (
    DEFAULT_STACK,
    ENV_VARIABLE,
    LOG_LEVELS,
    STACK_VARIABLE,
    Options,
    project_root,
    take_globals,
    with_environment,
)
from raceday_iac.errors import IacError

GLOBALS = [["--env", "prod"], ["--env=prod"], ["--stack", "s.py"], ["--json"], ["--no-color"], ["--log-level=debug"]]


@pytest.fixture(autouse=True)
def without_stacks(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project without any stack file."""
    folder = tmp_path_factory.mktemp("project")
    monkeypatch.chdir(folder)
    return folder


def test_without_any_everything_is_as_usual() -> None:
    assert take_globals(["plan"]) == (Options(), ["plan"])
    assert Options() == Options("local", DEFAULT_STACK, json=False, color=True, log_level="warning")


@pytest.mark.parametrize("words", GLOBALS)
def test_before_and_after_the_command_mean_the_same(words: list[str]) -> None:
    before, rest = take_globals([*words, "plan", "--verbose"])
    after, other = take_globals(["plan", "--verbose", *words])
    assert before == after != Options()
    assert rest == other == ["plan", "--verbose"]


@given(st.lists(st.sampled_from(GLOBALS), max_size=4), st.lists(st.sampled_from(["plan", "-v", "x", "--limit", "5"])))
def test_what_is_left_keeps_its_order(given_globals: list[list[str]], others: list[str]) -> None:
    words = [word for each in given_globals for word in each]
    assert take_globals([*others, *words])[1] == others


def test_the_last_one_counts() -> None:
    assert take_globals(["--env", "a", "plan", "--env=b"])[0].env == "b"


def test_what_follows_two_dashes_is_left_alone() -> None:
    options, rest = take_globals(["run", "f", "--", "--json", "--env", "x"])
    assert options == Options()
    assert rest == ["run", "f", "--", "--json", "--env", "x"]


@pytest.mark.parametrize("name", ["--env", "--stack", "--log-level"])
def test_an_option_without_its_value_is_refused(name: str) -> None:
    with pytest.raises(IacError, match=f"{name} needs a value"):
        take_globals(["plan", name])


@pytest.mark.parametrize("name", ["", "../prod", "a/b", ".hidden", "."])
def test_an_environment_is_a_plain_name_and_no_path(name: str) -> None:
    with pytest.raises(IacError, match="is not the name of an environment"):
        take_globals([f"--env={name}"])


@pytest.mark.parametrize("level", LOG_LEVELS)
def test_the_four_log_levels_are_known(level: str) -> None:
    assert take_globals(["--log-level", level])[0].log_level == level


def test_other_log_levels_are_refused_with_the_known_ones() -> None:
    with pytest.raises(IacError, match="'loud' is not one of debug, info, warning, error"):
        take_globals(["--log-level", "loud"])


def test_options_of_commands_are_left_to_them() -> None:
    assert take_globals(["plan", "--environment", "x", "--json-file"])[1] == [
        "plan",
        "--environment",
        "x",
        "--json-file",
    ]


def test_the_root_is_the_folder_above_that_of_the_stack(tmp_path: Path) -> None:
    options = Options(stack=tmp_path / "stacks" / "x.py")
    assert options.root == tmp_path
    assert options.state_folder == tmp_path / "state" / "local"


def test_it_is_known_whether_an_environment_was_named() -> None:
    assert take_globals(["--env", "local", "plan"])[0].env_named
    assert not take_globals(["plan"])[0].env_named


@pytest.mark.parametrize("name", ["", "../prod", "a/b", ".hidden", "a\0b"])
def test_what_leads_out_of_the_folder_of_environments_is_no_name_of_one(name: str) -> None:
    with pytest.raises(IacError, match="is not the name of an environment"):
        with_environment(Options(), name)


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({}, "stack.py"),
        ({"shop.py": "stack = Stack('shop')\n"}, "shop.py"),
        ({"shop.py": "stack: Stack = build()\n", "schema.py": "def declare(stack):\n    stack = 1\n"}, "shop.py"),
        ({"a.py": "stack = 1\n", "b.py": "stack = 2\n"}, "stack.py"),
        ({"a.py": "stck = 1\n"}, "a.py"),
        ({"a.py": "x = 1\n", "b.py": "y = 2\n"}, "stack.py"),
        ({"a.py": "stack = 1\n", "stack.py": "stack = 2\n"}, "stack.py"),
    ],
)
def test_the_only_stack_in_the_folder_is_taken_where_none_is_named(
    without_stacks: Path, files: dict[str, str], found: str
) -> None:
    (without_stacks / "stacks").mkdir()
    for name, text in files.items():
        (without_stacks / "stacks" / name).write_text(text, encoding="utf-8")
    assert take_globals(["plan"])[0].stack == Path("stacks") / found
    assert take_globals(["plan", "--stack", "x.py"])[0].stack == Path("x.py")


def test_extensions_may_be_named_one_by_one() -> None:
    assert take_globals(["--extension", "a", "plan", "--extension=b.c"])[0].extensions == ("a", "b.c")


def project(folder: Path, table: str = "") -> Path:
    """A project with two stacks, below it a folder with code."""
    (folder / "stacks" / "environments").mkdir(parents=True)
    for name in ("first", "second"):
        (folder / "stacks" / f"{name}.py").write_text("stack = 1\n")
    if table:
        (folder / "pyproject.toml").write_text(f"[tool.raceday-iac]\n{table}\n")
    below = folder / "functions" / "pay"
    below.mkdir(parents=True)
    return below


@pytest.fixture
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (STACK_VARIABLE, ENV_VARIABLE):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("clean")
def test_the_root_is_found_by_walking_up_and_named_as_one_would_type_it(
    without_stacks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    below = project(without_stacks)
    (without_stacks / "stacks" / "second.py").unlink()
    monkeypatch.chdir(below)
    found, _ = take_globals(["plan"])
    assert found.stack == Path("../../stacks/first.py")
    assert found.root == without_stacks.resolve()
    assert found.state_folder == without_stacks.resolve() / "state" / "local"


@pytest.mark.usefixtures("clean")
def test_a_folder_without_any_project_above_is_its_own_root(without_stacks: Path) -> None:
    assert project_root() == Path()
    assert take_globals(["plan"])[0].stack == DEFAULT_STACK


@pytest.mark.usefixtures("clean")
@pytest.mark.parametrize(
    ("words", "variables", "table", "stack", "env"),
    [
        ([], {}, "", "stacks/stack.py", "local"),
        ([], {}, 'stack = "stacks/first.py"\nenv = "dev"', "stacks/first.py", "dev"),
        ([], {ENV_VARIABLE: "prod"}, 'env = "dev"', "stacks/stack.py", "prod"),
        ([], {STACK_VARIABLE: "stacks/second.py"}, 'stack = "stacks/first.py"', "stacks/second.py", "local"),
        (["--env", "test"], {ENV_VARIABLE: "prod"}, 'env = "dev"', "stacks/stack.py", "test"),
        (["--stack", "x.py"], {STACK_VARIABLE: "y.py"}, 'stack = "stacks/first.py"', "x.py", "local"),
        ([], {ENV_VARIABLE: "", STACK_VARIABLE: ""}, 'env = "dev"', "stacks/stack.py", "dev"),
    ],
)
def test_the_command_line_goes_before_the_variables_and_they_before_the_projects_table(
    without_stacks: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    variables: dict[str, str],
    table: str,
    stack: str,
    env: str,
) -> None:
    project(without_stacks, table)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    found, _ = take_globals([*words, "plan"])
    assert (found.stack, found.env) == (Path(stack), env)
    assert found.env_named == ("--env" in words)


@pytest.mark.usefixtures("clean")
def test_the_table_names_the_stack_seen_from_its_own_folder(
    without_stacks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project(without_stacks, 'stack = "stacks/second.py"'))
    assert take_globals(["plan"])[0].stack == Path("../../stacks/second.py")


@pytest.mark.usefixtures("clean")
@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("stak = 'x'", "has stak = 'x'"),
        ("env = 3", "has env = 3"),
        ("env = ''", "has env = ''"),
        ("env = ", "cannot be read"),
        ("env = '../x'", "tool.raceday-iac '../x' is not the name of an environment"),
    ],
)
def test_a_table_that_cannot_be_meant_is_refused(without_stacks: Path, table: str, said: str) -> None:
    project(without_stacks, table)
    with pytest.raises(IacError) as caught:
        take_globals(["plan"])
    assert said in caught.value.message


def test_the_variable_of_the_environment_is_named_where_its_value_is_no_name(
    without_stacks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ENV_VARIABLE, "a/b")
    with pytest.raises(IacError, match="RACEDAY_IAC_ENV 'a/b' is not the name of an environment"):
        take_globals(["plan"])
