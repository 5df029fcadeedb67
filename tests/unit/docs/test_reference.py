"""The reference is made from the code: it leaves nothing out."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest

from raceday_iac import errors
from raceday_iac.health.watched import HealthConfig
from raceday_iac.kinds import KINDS
from raceday_iac.kinds.function import FunctionDeclaration
from raceday_iac.linting.findings import DRIFT_CODES
from raceday_iac.linting.linter import known_rules
from raceday_iac.loading.environment import Environment
from raceday_iac.state.backends import BACKENDS, backend_of
from raceday_iac.state.encryption import Encryption

from .pages import load

reference = load("reference_hooks")
resources = load("reference_resources")
tables = load("reference_tables")


@pytest.mark.parametrize("page", reference.PAGES)
def test_no_table_is_taken_for_a_paragraph(page: str) -> None:
    lines = ["", *reference.PAGES[page]().splitlines()]

    broken = [line for before, line in pairwise(lines) if line.startswith("| ") and before and before[0] != "|"]
    assert broken == []


def test_every_command_is_described_with_all_its_parameters() -> None:
    page = reference.commands_page()

    for name, command, _ in reference.commands():
        part = page.partition(f"\n## {name} {{")[2].partition("\n## ")[0]
        assert command.help.strip() in part
        for parameter in command.params:
            names = parameter.opts if parameter.param_type_name == "option" else [reference._usage(parameter)]
            assert all(f"{each}" in part for each in names), f"{name}: {names}"


def test_commands_of_every_depth_are_found() -> None:
    assert {"plan", "server start", "state lock release"} <= {name for name, _, _ in reference.commands()}


def test_every_kind_is_described_with_all_its_fields() -> None:
    for kind in KINDS:
        part = reference.PAGES[f"reference/kinds/{kind}.md"]()
        declaring = KINDS[kind].declaring
        for field, info in [
            each for one in (declaring.models if declaring else ()) for each in one.model_fields.items()
        ]:
            assert f"| `{info.alias or field}` |" in part


def test_only_code_has_no_declaration_of_its_own() -> None:
    assert [name for name, kind in KINDS.items() if kind.declaring is None] == ["deployment", "site_deployment"]


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("database", "ID"),
        ("collection", "DATABASE/ID"),
        ("attribute", "DATABASE/COLLECTION/KEY"),
        ("variable", "FUNCTION/KEY"),
        ("deployment", "FUNCTION"),
    ],
)
def test_the_form_of_an_address_follows_from_what_it_lies_in(kind: str, path: str) -> None:
    assert f"`{kind}.{path}`" in resources.resources_page()


@pytest.mark.parametrize(
    ("kind", "field", "effect"),
    [
        ("attribute", "size", "in place"),
        ("attribute", "type", "replaced"),
        ("attribute", "key", "a rename, where `stack.moved` says so"),
        ("collection", "document_security", "in place"),
        ("relationship", "on_delete", "in place"),
        ("index", "attributes", "replaced"),
        ("function", "id", "another resource"),
        ("function", "code", "a new deployment"),
    ],
)
def test_what_a_change_does_is_reported(kind: str, field: str, effect: str) -> None:
    assert resources._effect(KINDS[kind], field) == effect


def test_no_field_of_a_function_is_said_to_be_made_again() -> None:
    fields = FunctionDeclaration.model_fields

    assert [name for name in fields if resources._effect(KINDS["function"], name) == "replaced"] == []


def test_every_exit_code_is_explained() -> None:
    constants = {name for name in vars(errors) if name.startswith("EXIT_")}

    assert set(reference.MEANINGS) == constants
    assert all(f"| `{getattr(errors, name)}` |" in reference.exit_codes_page() for name in constants)


def test_every_error_is_listed_with_its_code() -> None:
    page = reference.exit_codes_page()

    for name, value in vars(errors).items():
        if isinstance(value, type) and issubclass(value, errors.IacError) and value is not errors.IacError:
            assert f"| `{name}` | `{value.exit_code}` |" in page


def test_every_lint_code_is_listed() -> None:
    page = reference.lint_codes_page()

    assert all(f"| `{code}` | {title} |" in page for code, title in DRIFT_CODES.items())
    for rule in known_rules():
        assert f"| `{rule.code}` | {rule.title} | {rule.severity.value} | {rule.why} | {rule.fix} |" in page


def test_every_setting_is_listed_with_its_default() -> None:
    page = reference.PAGES["reference/settings.md"]()

    for model in (Environment, *(backend_of(each).settings for each in BACKENDS), Encryption, HealthConfig):
        for name, field in model.model_fields.items():
            if model is not Environment or name not in ("name", "file"):
                assert f"| `{field.alias or name}` |" in page
    assert "| `schedule` | length of time | `5m` |" in page
    assert "| `keep` | whole number; at least 1; at most 90 | `20` |" in page


def test_every_link_within_a_made_page_leads_to_a_heading() -> None:
    for page, make in reference.PAGES.items():
        text = make()
        headings = {line.lstrip("# ").lower().replace(" ", "-") for line in text.splitlines() if line.startswith("#")}
        anchors = headings | set(re.findall(r"\{ #([\w-]+) \}", text))
        assert set(re.findall(r"\]\(#([\w-]+)\)", text)) <= anchors, page
