from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

import pytest

from raceday_iac.linting import policies
from raceday_iac.linting.facts import CollectionFacts, Offered, VariableFacts
from raceday_iac.linting.findings import Finding
from raceday_iac.linting.rules import Rule
from raceday_iac.linting.usage import Usage

from .made import codes, function, locked


def found_by(rules: tuple[Rule, ...], *arguments: object) -> list[Finding]:
    return [found for rule in rules for found in rule(*arguments)]


SCOPES = (policies.superfluous_scopes, policies.missing_scopes)
PERMISSIONS = (policies.open_to_write, policies.open_to_read, policies.open_to_users)
OFFERED = (policies.offered_specification, policies.offered_runtime)
COPIES = (policies.edited_copies, policies.outdated_copies)


def test_scopes_too_many_and_too_few_are_reported() -> None:
    used = Usage("", {"documents.read": "GET", "execution.write": "POST"})
    found = found_by(SCOPES, function(scopes=("documents.read", "users.read")), used)
    assert [(each.code, each.message.split(":")[0].split()[1]) for each in found] == [
        ("POL001", "users.read"),
        ("POL002", "execution.write"),
    ]


def test_a_scope_of_the_same_thing_under_its_other_name_counts() -> None:
    assert not list(found_by(SCOPES, function(scopes=("rows.read",)), Usage("", {"documents.read": "GET"})))


def test_scopes_are_not_checked_without_code() -> None:
    assert not list(found_by(SCOPES, function(scopes=("users.read",)), Usage("not read")))


@pytest.mark.parametrize(
    ("role", "found"), [("any", "error"), ("guests", "error"), ("users", "warning"), ("team:x", None)]
)
def test_who_may_start_a_function(role: str, found: str | None) -> None:
    severities = [each.effective.value for each in policies.who_may_start(function(execute=(role,)))]
    assert severities == ([found] if found else [])


@pytest.mark.parametrize(
    ("permission", "security", "found"),
    [
        ('read("any")', False, ["POL005"]),
        ('create("guests")', False, ["POL004"]),
        ('write("any")', False, ["POL004"]),
        ('update("users")', False, ["POL006"]),
        ('update("users")', True, []),
        ('create("users")', False, []),
        ('read("users")', False, []),
        ('delete("team:x")', False, []),
    ],
)
def test_open_permissions(permission: str, security: bool, found: list[str]) -> None:
    assert codes(list(found_by(PERMISSIONS, CollectionFacts("d", "c", (permission,), security)))) == found


def test_a_secret_is_found_by_name_or_value_and_never_reported() -> None:
    secret = "https://user:hunter2@host/"
    for key, value in (("NZTAB_API_KEY", "x1y2"), ("URL", secret)):
        (finding,) = policies.plain_secret(VariableFacts("f", key, value))
        assert finding.code == "POL007"
        assert value not in f"{finding.message}{finding.fix}"
    assert not list(policies.plain_secret(VariableFacts("f", "URL", "https://api.example")))


def test_what_the_server_does_not_offer_is_reported_only_when_it_said_so() -> None:
    assert codes(list(found_by(OFFERED, function(), Offered(frozenset({"node-22"}), frozenset({"x"}))))) == [
        "POL008",
        "POL009",
    ]
    assert not list(found_by(OFFERED, function(), Offered()))
    fitting = Offered(frozenset({"python-3.12"}), frozenset({"s-1vcpu-1gb"}))
    assert not list(found_by(OFFERED, function(), fitting))


def test_a_deprecated_runtime_and_a_missing_lock_are_reported() -> None:
    old = replace(function(schedule="0 5 * * *"), runtime="node-16.0")
    assert codes([*policies.deprecated_runtime(old), *policies.missing_lock(old)]) == ["POL010", "POL011"]
    assert not [*policies.deprecated_runtime(function()), *policies.missing_lock(function(lock=locked()))]


def copy(content: bytes) -> bytes:
    digest = sha256(content).hexdigest()[:16]
    return f"# Copied from functions/_shared/lock.py, version {digest}. Do not edit.\n".encode() + content


@pytest.mark.parametrize(
    ("found", "code"),
    [
        (copy(b"x = 1\n"), []),
        (copy(b"x = 0\n"), ["POL013"]),
        (copy(b"x = 1\n") + b"x = 2\n", ["POL012"]),
        (b"x = 1\n", ["POL012"]),
    ],
)
def test_copies_of_shared_modules_are_whole_and_current(found: bytes, code: list[str]) -> None:
    subject = replace(function(), copies={"src/vendor/lock.py": found})
    assert codes(list(found_by(COPIES, subject, {"lock.py": copy(b"x = 1\n")}))) == code
