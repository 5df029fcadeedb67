"""A written stack declares exactly what was found, and reads as if a person had written it."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from raceday_iac.importing.names import Names, Project
from raceday_iac.importing.source import write_source

from ..applied import plan
from .found import everything, function_live, live, loaded, project
from .random_projects import projects

CONFIGURATION = str(Path(__file__).parents[3] / "pyproject.toml")


def must_be_formatted(folder: Path) -> None:
    for check in (("format", "--check", "--diff"), ("check", "--ignore", "E501,RUF001")):
        command = [sys.executable, "-m", "ruff", *check, "--no-cache", "--config", CONFIGURATION, str(folder)]
        ended = subprocess.run(command, check=False, capture_output=True, text=True)
        assert ended.returncode == 0, ended.stdout + ended.stderr


def must_come_back(found: Project, folder: Path) -> None:
    """The plan of the written stack only adopts, whatever was not left out."""
    source = write_source(found, "again")
    desired = loaded(source, folder)
    changes = plan(desired, real=dict(found.resources)).changes
    secrets = set(source.secrets.values())
    others = [each for each in changes if str(each.action) != "adopt" and each.address not in secrets]
    assert others == []
    assert {each.address for each in changes} == set(desired.resources)


def test_everything_that_a_stack_can_declare_comes_back(tmp_path: Path) -> None:
    found = everything()
    source = write_source(found, "again")
    assert source.left_out == {}
    assert set(loaded(source, tmp_path).resources) == set(found.resources)
    must_come_back(found, tmp_path)


def test_what_is_written_is_formatted_and_lints(tmp_path: Path) -> None:
    (tmp_path / "everything.py").write_text(write_source(everything(), "it's").text, encoding="utf-8")
    (tmp_path / "nothing.py").write_text(write_source(Project({}), 'a "quote"').text, encoding="utf-8")
    must_be_formatted(tmp_path)


@settings(max_examples=25)
@given(found=projects)
def test_any_project_comes_back(found: Project, tmp_path_factory: pytest.TempPathFactory) -> None:
    must_come_back(found, tmp_path_factory.mktemp("any"))


def test_any_project_is_formatted(tmp_path: Path) -> None:
    """One run of the formatter for many projects: starting it costs more than formatting."""
    numbers = iter(range(1000))

    @settings(max_examples=30)
    @given(found=projects)
    def written(found: Project) -> None:
        text = write_source(found, "any").text
        (tmp_path / f"p{next(numbers)}.py").write_text(text, encoding="utf-8")

    written()
    must_be_formatted(tmp_path)


def test_the_text_is_the_same_every_time() -> None:
    assert write_source(everything(), "x").text == write_source(everything(), "x").text


def test_handles_are_called_as_what_they_hold() -> None:
    text = write_source(everything(), "x").text
    assert "\nmain = stack.database(" in text
    assert "\nthings = main.collection(" in text
    assert "\nthings_2 = other.collection(" in text


def test_what_nothing_is_declared_on_has_no_handle() -> None:
    assert '\nmain.collection(\n    "2024",\n' in write_source(everything(), "x").text


@pytest.mark.parametrize(
    ("id", "handle"),
    [
        ("class", "class_"),
        ("2024", "thing_2024"),
        ("list", "list_"),
        ("stack", "stack_"),
        ("a.B-c", "a_b_c"),
        ("l", "l_"),
    ],
)
def test_no_handle_hides_a_word_of_python_or_of_the_file(id: str, handle: str) -> None:
    assert Names().handle("thing", id, "Name") == handle


def test_a_handle_is_given_once() -> None:
    names = Names()
    given = [names.handle("thing", id, "") for id in ("a-b", "a.b", "class", "Class", "...", "___")]
    assert given == ["a_b", "a_b_2", "class_", "class_2", "thing", "thing_2"]


def test_a_generated_id_is_called_by_the_name_of_its_resource() -> None:
    found = project(
        live("database.64a131980b5388c2a0af", {"name": "Main", "enabled": True}),
        live(
            "collection.64a131980b5388c2a0af/64a131980b5388c2a0b0",
            {"name": "Ça va? Users", "permissions": (), "documentSecurity": False, "enabled": True},
        ),
        live(
            "attribute.64a131980b5388c2a0af/64a131980b5388c2a0b0/a",
            {"type": "boolean", "required": True, "default": None, "array": False},
        ),
    )
    assert "\na_va_users.boolean(" in write_source(found, "x").text


def test_lists_that_are_shared_have_one_place() -> None:
    scopes = ("documents.read", "documents.write")
    text = write_source(project(function_live("a", scopes=scopes), function_live("b", scopes=scopes)), "x").text
    assert 'SCOPES = ("documents.read", "documents.write")\n' in text
    assert text.count("scopes=SCOPES,") == 2


def test_what_the_language_assumes_anyway_is_not_written() -> None:
    text = write_source(project(function_live()), "x").text
    assert not [word for word in ("schedule", "enabled", "logging", "execute", "commands", "variables") if word in text]


def test_code_is_kept() -> None:
    found = project(function_live(), live("deployment.f", {}))
    source = write_source(found, "x")
    assert "    code=KEEP,\n" in source.text
    assert "deployment" not in source.text


def test_a_secret_comes_from_an_environment_variable_that_is_reported() -> None:
    secret = {"secret": True}
    functions = (function_live("a-b"), function_live("a.b"))
    source = write_source(project(*functions, live("variable.a-b/KEY", secret), live("variable.a.b/key", secret)), "x")
    assert 'FromEnvironment("A_B_KEY")' in source.text
    assert {name: str(at) for name, at in source.secrets.items()} == {
        "A_B_KEY": "variable.a-b/KEY",
        "A_B_KEY_2": "variable.a.b/key",
    }


def test_what_differs_only_in_case_is_one_to_appwrite_and_declared_once() -> None:
    source = write_source(project(function_live("f"), function_live("F")), "x")
    assert len(source.declared) == len(source.left_out) == 1


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("API_KEY", "hunter2"),
        ("smtpPassword", "hunter2"),
        ("DATABASE", "postgres://me:hidden@host/x"),
        ("A", "sk_live_1"),
    ],
)
def test_a_plain_value_that_looks_secret_is_not_written_into_a_file(key: str, value: str) -> None:
    variable = live(f"variable.f/{key}", {"secret": False, "value": value})
    source = write_source(project(function_live(), variable), "x")
    assert variable.address in source.left_out
    assert value not in source.text


def test_what_cannot_be_declared_is_left_out_with_the_reason() -> None:
    found = project(
        function_live("no-entrypoint", entrypoint=""),
        function_live("odd-scope", scopes=("execution.raed",)),
        function_live("slow", timeout=1800),
        function_live("fine"),
    )
    source = write_source(found, "x")
    assert [str(each) for each in source.declared] == ["function.fine"]
    assert {str(at) for at in source.left_out} == {"function.no-entrypoint", "function.odd-scope", "function.slow"}
    assert "unknown scope 'execution.raed'" in source.text.partition("# Not declared")[2]


def test_what_lies_in_something_left_out_is_not_declared_either() -> None:
    database = live("database.d", {"name": "", "enabled": True})
    fields = {"name": "C", "permissions": (), "documentSecurity": False, "enabled": True}
    source = write_source(project(database, live("collection.d/c", fields)), "x")
    assert source.declared == ()


def test_an_index_whose_attribute_is_left_out_is_left_out() -> None:
    fields = {"name": "C", "permissions": (), "documentSecurity": False, "enabled": True}
    attribute = {"type": "vector", "required": False, "default": None, "array": False}
    index = {"type": "key", "attributes": ("v",), "orders": ("ASC",), "lengths": (0,)}
    found = project(
        live("database.d", {"name": "D", "enabled": True}),
        live("collection.d/c", fields),
        live("attribute.d/c/v", attribute),
        live("index.d/c/i", index),
    )
    source = write_source(found, "x")
    reasons = {str(at): reason for at, reason in source.left_out.items()}
    assert reasons["attribute.d/c/v"] == "the stack language has no attributes of type 'vector'"
    assert "unknown attribute 'v'" in reasons["index.d/c/i"]


@pytest.mark.parametrize("status", ["failed", "stuck", "deleting"])
def test_what_is_broken_on_the_server_is_left_out(status: str, tmp_path: Path) -> None:
    found = everything()
    broken = {at: each for at, each in found.resources.items() if str(at) == "index.main/things/by_text"}
    (at,) = broken
    resources = {**found.resources, at: live(str(at), dict(broken[at].fields), status=status, error="no room")}
    source = write_source(Project(resources), "x")
    assert source.left_out == {at: f"it is {status}: no room"}


def test_nothing_that_a_name_holds_can_become_code(tmp_path: Path) -> None:
    evil = 'x"\n)\nimport os  # \'""" \\'
    found = project(function_live("f", name=evil, commands=evil), function_live("g", entrypoint="", name=evil))
    source = write_source(found, evil)
    imported = [each for each in ast.walk(ast.parse(source.text)) if isinstance(each, ast.Import)]
    assert imported == []
    at = next(iter(found.resources))
    assert loaded(source, tmp_path).resources[at].fields["name"] == evil


@given(st.text())
def test_comments_stay_comments(text: str) -> None:
    from raceday_iac.importing.names import comment

    assert ast.parse(comment(text)).body == []
