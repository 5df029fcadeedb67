"""Environment files: what may stand in them, and where a mistake is said to be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from raceday_iac.errors import IacError, StackError
from raceday_iac.loading.environment import EMBEDDED, Environment, environment_file, load_environment

Load = Callable[..., Environment]

MINIMAL = "endpoint: https://appwrite.example.org/v1\nproject: raceday\n"


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Loads an environment file of the given text."""

    def loading(text: str | bytes, variables: Mapping[str, str] | None = None) -> Environment:
        stack = tmp_path / "stack.py"
        file = environment_file(stack, "test")
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(text.encode() if isinstance(text, str) else text)
        return load_environment(stack, "test", variables or {})

    return loading


def mistake(load: Load, text: str | bytes, variables: Mapping[str, str] | None = None) -> str:
    with pytest.raises(StackError) as caught:
        load(text, variables)
    (problem,) = caught.value.problems
    return str(problem)


def test_an_environment_is_named_by_its_file(load: Load) -> None:
    assert load(MINIMAL).name == "test"


def test_schedules_are_on_and_nothing_is_overridden_unless_said(load: Load) -> None:
    environment = load(MINIMAL)
    assert environment.schedules is True
    assert environment.overrides == {}


def test_everything_that_can_be_said_is_read(load: Load) -> None:
    environment = load(
        MINIMAL + "api_key_env: KEY\nschedules: false\noverrides:\n  function.f: {timeout: 5}\n",
    )
    assert environment.api_key_env == "KEY"
    assert environment.schedules is False
    assert environment.overrides == {"function.f": {"timeout": 5}}


def test_the_endpoint_embedded_means_the_server_of_this_tool(load: Load) -> None:
    assert load(f"endpoint: {EMBEDDED}\nproject: p\n").is_embedded
    assert not load(MINIMAL).is_embedded


@pytest.mark.parametrize("field", ["endpoint", "project"])
def test_endpoint_and_project_may_come_from_environment_variables(load: Load, field: str) -> None:
    values = {"endpoint": "https://other.example.org/v1", "project": "other"}
    text = "".join(line for line in MINIMAL.splitlines(keepends=True) if not line.startswith(field))
    text += f"{field}: ${{NAME}}\n"
    assert getattr(load(text, {"NAME": values[field]}), field) == values[field]


def test_a_part_of_the_endpoint_may_come_from_an_environment_variable(load: Load) -> None:
    environment = load("endpoint: https://${HOST}/v1\nproject: p\n", {"HOST": "a.example.org"})
    assert environment.endpoint == "https://a.example.org/v1"


@pytest.mark.parametrize("variables", [{}, {"NAME": ""}])
def test_an_unset_environment_variable_is_named_with_the_line_that_needs_it(
    load: Load, variables: dict[str, str]
) -> None:
    said = mistake(load, "project: p\nendpoint: ${NAME}\n", variables)
    assert said.endswith("test.yaml:2: endpoint is taken from the environment variable NAME, which is not set")


def test_an_unknown_environment_is_answered_with_the_known_ones(load: Load, tmp_path: Path) -> None:
    load(MINIMAL)
    with pytest.raises(IacError, match="There is no environment 'prod'") as caught:
        load_environment(tmp_path / "stack.py", "prod", {})
    assert caught.value.hint == "known environments: test"


def test_no_environment_at_all_is_said_plainly(tmp_path: Path) -> None:
    with pytest.raises(IacError) as caught:
        load_environment(tmp_path / "stack.py", "prod", {})
    assert caught.value.hint == "begin a project: raceday-iac init"


def test_an_unknown_setting_is_refused_with_its_line(load: Load) -> None:
    assert "test.yaml:3: endpont: unknown setting (did you mean 'endpoint'?)" in mistake(load, MINIMAL + "endpont: x\n")


@pytest.mark.parametrize("missing", ["endpoint", "project"])
def test_endpoint_and_project_are_needed(load: Load, missing: str) -> None:
    text = "".join(line for line in MINIMAL.splitlines(keepends=True) if not line.startswith(missing))
    assert f"{missing}: is missing" in mistake(load, text)


def test_an_empty_file_lacks_both(load: Load) -> None:
    with pytest.raises(StackError) as caught:
        load("")
    assert len(caught.value.problems) == 2


def test_a_value_of_the_wrong_type_is_refused_with_its_line(load: Load) -> None:
    assert "test.yaml:3: schedules:" in mistake(load, MINIMAL + "schedules: sometimes\n")


def test_broken_yaml_is_refused_with_its_line(load: Load) -> None:
    assert "test.yaml:3: not valid YAML" in mistake(load, MINIMAL + "a: b: c\n")


@pytest.mark.parametrize("text", ["- a\n- b\n", "just text\n", "1: x\n"])
def test_a_file_that_is_no_mapping_of_names_is_refused(load: Load, text: str) -> None:
    assert "an environment file must be a mapping of names to values" in mistake(load, text)


def test_the_name_cannot_be_set(load: Load) -> None:
    assert "test.yaml:3: name: unknown setting" in mistake(load, MINIMAL + "name: other\n")


def test_a_file_that_is_no_text_is_refused(load: Load) -> None:
    assert "test.yaml: cannot be read" in mistake(load, b"endpoint: \xff\xfe\n")


@pytest.mark.parametrize("endpoint", ["https://a.example.org/v1", "http://127.0.0.1:8080/v1", "https://a.org/x/v1/"])
def test_an_endpoint_is_a_url_that_ends_in_v1(load: Load, endpoint: str) -> None:
    assert load(f"endpoint: {endpoint}\nproject: p\n").endpoint.startswith("http")


@pytest.mark.parametrize("endpoint", ["hello", "https://a.example.org", "ftp://a.org/v1", "a.org/v1", "https:///v1"])
def test_other_endpoints_are_refused_with_their_line(load: Load, endpoint: str) -> None:
    said = mistake(load, f"project: p\nendpoint: {endpoint}\n")
    assert "test.yaml:2: endpoint:" in said
    assert "is not the address of an Appwrite API" in said


def with_key(name: str = "KEY") -> Environment:
    return Environment(name="test", endpoint="https://a.example.org/v1", project="p", api_key_env=name)


def test_the_key_comes_from_the_named_environment_variable() -> None:
    assert with_key().api_key({"KEY": "standard_1"}).reveal() == "standard_1"


def test_white_space_around_a_key_is_dropped() -> None:
    assert with_key().api_key({"KEY": " standard_1\n"}).reveal() == "standard_1"


@pytest.mark.parametrize("variables", [{}, {"KEY": ""}, {"KEY": " \n"}])
def test_a_missing_key_is_reported_with_the_command_that_sets_it(variables: dict[str, str]) -> None:
    with pytest.raises(IacError, match="the environment variable KEY is empty") as caught:
        with_key().api_key(variables)
    assert caught.value.hint.startswith("export KEY=")


def test_an_environment_that_names_no_key_variable_is_reported() -> None:
    with pytest.raises(IacError, match="api_key_env is not set"):
        with_key("").api_key({"APPWRITE_API_KEY": "x"})


def test_a_key_with_impossible_characters_is_refused_without_being_shown() -> None:
    with pytest.raises(IacError) as caught:
        with_key().api_key({"KEY": "standard_…"})
    assert "KEY" in caught.value.message
    assert "standard" not in caught.value.message
